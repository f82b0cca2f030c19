"""Payloads that we encrypt open with everybody, and everybody's open here."""

import base64
import os
from dataclasses import replace

import pytest
import xmlsec
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import event, given, settings
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.decryption import AES128_CBC, AES256_CBC, RSA_1_5, RSA_OAEP, decrypt
from digipoort_wus.ebms.encryption import AES128_GCM, AES256_GCM, RSA_OAEP_MGF1P, encrypt
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import XMLENC
from digipoort_wus.ebms.signature import verify
from digipoort_wus.ebms.signing import sign
from digipoort_wus.ebms.terms import EncryptionTerms
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import open_content, read_content, size_of
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.testpki import TestPki
from tests.messages import NOW
from tests.unit.ebms.oracles import Java
from tests.unit.ebms.oracles import java_classes as java_classes
from tests.unit.ebms.oracles import santuario as santuario
from tests.unit.ebms.signatures import der, envelope_text, terms_of, trust_of

LARGE = bytes(range(256)) * 5_000
TYPE = 'text/xml; charset="utf-8"'


def to(identity: Identity, algorithm: str = AES256_GCM) -> EncryptionTerms:
    return EncryptionTerms(algorithm, der(identity))


def payload(content: bytes, media_type: str = TYPE) -> Payload:
    return Payload("one@example.nl", media_type, content, "one.xml")


def part(octets: bytes) -> Payload:
    return Payload("one@example.nl", "application/xml", octets)


@pytest.mark.parametrize("algorithm", [AES128_GCM, AES256_GCM])
@pytest.mark.parametrize("content", [b"", b"1", b"12", b"<a>\r\n</a>", LARGE])
def test_there_and_back(g1: TestPki, algorithm: str, content: bytes) -> None:
    identity = g1.identities["gateway-signing"]
    terms = to(identity, algorithm)
    encrypted = encrypt(payload(content), terms)
    octets = read_content(encrypted.content)
    assert size_of(encrypted.content) == len(octets)
    assert content not in octets or not content.strip(b"12")
    with open_content(encrypted.content) as file:
        assert b"".join(iter(lambda: file.read(1_001), b"")) == octets
    assert decrypt(encrypted, [identity], terms) == payload(content)
    assert decrypt(replace(encrypted, content=octets), [identity], terms) == payload(content)
    # Another time, another key.
    assert read_content(encrypt(payload(content), terms).content) != octets


def test_large_ones_are_not_held(g1: TestPki) -> None:
    encrypted = encrypt(payload(LARGE), to(g1.identities["agency"]))
    assert not isinstance(encrypted.content, bytes)
    assert "key" not in repr(encrypted.content)


@pytest.mark.parametrize("content", [b"1", LARGE])
def test_santuario_and_libxmlsec_open_ours(g1: TestPki, santuario: Java, content: bytes) -> None:
    identity = g1.identities["agency"]
    octets = read_content(encrypt(payload(content), to(identity)).content)
    found = santuario.folder / "plain"
    encrypted, key = santuario.file("encrypted.xml", octets), santuario.key(identity)
    assert santuario.ask("decrypt", encrypted, key, str(found)) == "true"
    assert found.read_bytes() == content
    root = etree.fromstring(octets)
    assert root.get("Type") is None
    opened: object = keys_of(identity).decrypt(root)
    assert opened == content


def keys_of(identity: Identity) -> "xmlsec.EncryptionContext":
    manager = xmlsec.KeysManager()
    pem = identity.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    manager.add_key(xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem))
    return xmlsec.EncryptionContext(manager)


@pytest.mark.parametrize("content", [b"<a/>", LARGE])
@pytest.mark.parametrize(
    ("algorithm", "transport"),
    [
        (AES128_GCM, RSA_OAEP_MGF1P),
        (AES256_GCM, RSA_OAEP_MGF1P),
        (AES256_GCM, RSA_OAEP),
        (AES256_CBC, RSA_1_5),
        (AES128_CBC, RSA_OAEP_MGF1P),
        (AES256_GCM, RSA_1_5),
    ],
)
def test_we_open_santuarios(
    g1: TestPki, santuario: Java, algorithm: str, transport: str, content: bytes
) -> None:
    """Those with CBC and RSA 1.5 have the shape that ebms-core sends."""
    identity = g1.identities["agency"]
    result = santuario.folder / "theirs.xml"
    answer = santuario.ask(
        "encrypt",
        santuario.file("plain", content),
        santuario.certificate(identity),
        algorithm,
        transport,
        "text/plain",
        str(result),
    )
    assert answer == "true"
    theirs, terms = part(result.read_bytes()), to(identity, algorithm)
    assert b"#Element" in result.read_bytes()
    found = decrypt(theirs, [identity], terms, unsafe_cbc_and_rsa_1_5=True)
    assert (found.content, found.media_type) == (content, "text/plain")
    if algorithm in (AES128_CBC, AES256_CBC):
        with pytest.raises(ConfigurationError, match="unsafe_cbc_and_rsa_1_5"):
            decrypt(theirs, [identity], terms)
    elif transport == RSA_1_5:
        assert refused(theirs, identity, terms).received == RSA_1_5


def test_we_open_what_libxmlsec_encrypts_with_sha256(g1: TestPki) -> None:
    identity = g1.identities["agency"]
    template = etree.fromstring(
        f'<x:EncryptedData xmlns:x="{XMLENC}" xmlns:d="http://www.w3.org/2000/09/xmldsig#" '
        f'xmlns:y="http://www.w3.org/2009/xmlenc11#"><x:EncryptionMethod Algorithm="{AES128_GCM}"/>'
        f'<d:KeyInfo><x:EncryptedKey><x:EncryptionMethod Algorithm="{RSA_OAEP}">'
        '<d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        '<y:MGF Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/></x:EncryptionMethod>'
        "<x:CipherData><x:CipherValue/></x:CipherData></x:EncryptedKey></d:KeyInfo>"
        "<x:CipherData><x:CipherValue/></x:CipherData></x:EncryptedData>"
    )
    manager = xmlsec.KeysManager()
    pem = identity.certificate.public_bytes(Encoding.PEM)
    manager.add_key(xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(
        xmlsec.constants.KeyDataAes, 128, xmlsec.constants.KeyDataTypeSession
    )
    octets = etree.tostring(context.encrypt_binary(template, LARGE))
    found = decrypt(part(octets), [identity], to(identity, AES128_GCM))
    assert (found.content, found.media_type) == (LARGE, "application/octet-stream")


def refused(
    given: Payload, identity: Identity, terms: EncryptionTerms, *, unsafe: bool = False
) -> EbmsRefusal:
    with pytest.raises(EbmsRefusal) as caught:
        decrypt(given, [identity], terms, unsafe_cbc_and_rsa_1_5=unsafe)
    assert caught.value.check is checks.EBMS_ENCRYPTION
    assert caught.value.location == "cid:one@example.nl"
    return caught.value


CIPHER = b"<xenc:CipherData><xenc:CipherValue>"
CHANGES = {
    "another root": (b"xenc:EncryptedData", b"xenc:EncryptedThing"),
    "no XML": (b"<xenc:EncryptedData", b"EncryptedData"),
    "a DTD": (b"<xenc:EncryptedData", b"<!DOCTYPE x><xenc:EncryptedData"),
    "a comment": (b"<ds:KeyInfo", b"<!-- --><ds:KeyInfo"),
    "another algorithm": (b"aes256-gcm", b"aes128-gcm"),
    "an unknown algorithm": (b"aes256-gcm", b"aes512-gcm"),
    "an unknown transport": (b"rsa-oaep-mgf1p", b"rsa-oaep-mgf1q"),
    "MD5 as a label hash": (b"xmldsig#sha1", b"xmldsig#md5"),
    "another label hash": (
        b"http://www.w3.org/2000/09/xmldsig#sha1",
        b"http://www.w3.org/2001/04/xmlenc#sha256",
    ),
    "a parameter of the algorithm": (
        b'aes256-gcm"/>',
        b'aes256-gcm"><xenc:KeySize>128</xenc:KeySize></xenc:EncryptionMethod>',
    ),
    "two keys in one": (
        b"</xenc:EncryptedKey>",
        CIPHER + b"eA==</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>",
    ),
    "a label": (b"<ds:DigestMethod", b"<xenc:OAEPparams>eA==</xenc:OAEPparams><ds:DigestMethod"),
    "two label hashes": (b"<ds:DigestMethod", b'<ds:DigestMethod Algorithm="x"/><ds:DigestMethod'),
    "no key": (b"xenc:EncryptedKey>", b"xenc:EncryptedKeys>"),
    "octets elsewhere": (
        CIPHER,
        b'<xenc:CipherData><xenc:CipherReference URI="x"/><xenc:CipherValue>',
    ),
    "no base64": (CIPHER, CIPHER + b"*"),
    "an element in the base64": (CIPHER, CIPHER + b"<x/>"),
    "text beside it": (b"<xenc:CipherData>", b"text<xenc:CipherData>"),
    "a line in its media type": (b"MimeType='", b"MimeType='a&#10;b"),
    "two long texts": (b"<ds:KeyName>", b"<ds:KeyName>" + b"A" * 20_000),
    "a long text elsewhere": (
        b"</xenc:EncryptedKey>",
        b"</xenc:EncryptedKey><x>" + b"A" * 20_000 + b"</x>",
    ),
}


@pytest.mark.parametrize("content", [b"1", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("change", CHANGES)
def test_defects_of_form_are_refused(g1: TestPki, change: str, content: bytes) -> None:
    identity = g1.identities["agency"]
    octets = read_content(encrypt(payload(content), to(identity)).content)
    octets = octets.replace(b"<ds:X509Data>", b"<ds:KeyName></ds:KeyName><ds:X509Data>")
    old, new = CHANGES[change]
    changed = octets.replace(old, new)
    assert changed != octets
    refused(part(changed), identity, to(identity))


@pytest.mark.parametrize("name", [b"xmlenc11#aes256-gcm", b"xmlenc#rsa-oaep-mgf1p"])
def test_a_name_that_nobody_knows_is_not_repeated(g1: TestPki, name: bytes) -> None:
    """It would stand in logs and faults, with whatever lines its sender put in it."""
    identity = g1.identities["agency"]
    octets = read_content(encrypt(payload(b"1"), to(identity)).content)
    changed = octets.replace(name, name + b"&#10;forged" + b"x" * 1_000)
    assert changed != octets
    refusal = refused(part(changed), identity, to(identity))
    assert refusal.received == "another algorithm"
    assert "forged" not in refusal.explanation()


def test_white_space_in_base64_is_none(g1: TestPki) -> None:
    identity = g1.identities["agency"]
    octets = read_content(encrypt(payload(LARGE), to(identity)).content)
    for end in (b"\n", b"\r\n", b"&#13;\n", b"&#xD;&#xA;", b" \t"):
        start = octets.rindex(b"<xenc:CipherValue>") + 18
        stop = octets.rindex(b"</xenc:CipherValue>")
        lines = [octets[at : min(at + 76, stop)] for at in range(start, stop, 76)]
        wrapped = octets[:start] + end.join(lines) + octets[stop:]
        assert decrypt(part(wrapped), [identity], to(identity)).content == LARGE


def test_whatever_fails_says_the_same(g1: TestPki) -> None:
    identity, other = g1.identities["agency"], g1.identities["gateway-signing"]
    octets = read_content(encrypt(payload(b"x" * 100), to(identity)).content)
    told = {str(refused(part(octets), other, to(identity)))}
    start = octets.rindex(b"<xenc:CipherValue>") + 18
    for changed in (
        octets[:start] + b"AAAA" + octets[start + 4 :],
        octets[: start + 40] + b"</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>",
        octets[:start] + b"AAAA</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>",
        octets.replace(b"<xenc:CipherValue>", b"<xenc:CipherValue>AAAA", 1),
    ):
        told.add(str(refused(part(changed), identity, to(identity))))
    assert len(told) == 1


def old_shape(identity: Identity, key: bytes, padded: bytes) -> Payload:
    """Encrypt as old peers do, with whatever is given as a key and as padded octets."""
    iv = os.urandom(16)
    encryptor = Cipher(AES(key if len(key) == 32 else bytes(32)), CBC(iv)).encryptor()
    value = iv + encryptor.update(padded) + encryptor.finalize()
    wrapped = identity.certificate.public_key().encrypt(key, padding.PKCS1v15())  # type: ignore[union-attr]
    return part(
        f'<x:EncryptedData xmlns:x="{XMLENC}"><x:EncryptionMethod Algorithm="{AES256_CBC}"/>'
        '<d:KeyInfo xmlns:d="http://www.w3.org/2000/09/xmldsig#"><x:EncryptedKey>'
        f'<x:EncryptionMethod Algorithm="{RSA_1_5}"/><x:CipherData><x:CipherValue>'
        f"{base64.b64encode(wrapped).decode()}</x:CipherValue></x:CipherData></x:EncryptedKey>"
        f"</d:KeyInfo><x:CipherData><x:CipherValue>{base64.b64encode(value).decode()}"
        "</x:CipherValue></x:CipherData></x:EncryptedData>".encode()
    )


def test_no_oracle_of_rsa_1_5(g1: TestPki) -> None:
    """Wrong paddings and lengths of a key end as a wrong key: as a refusal, or as other octets."""
    identity = g1.identities["agency"]
    terms = to(identity, AES256_CBC)
    good = old_shape(identity, os.urandom(32), b"0123456789\0\0\0\0\0\6")
    found = decrypt(good, [identity], terms, unsafe_cbc_and_rsa_1_5=True)
    assert found.content == b"0123456789"
    text = read_content(good.content)
    start = text.index(b"CipherValue>") + 12
    wrong_padding = text[:start] + b"AAAA" + text[start + 4 :]
    told = set()
    for attempt in (wrong_padding, read_content(old_shape(identity, b"short", bytes(16)).content)):
        for _ in range(20):
            try:
                other = decrypt(part(attempt), [identity], terms, unsafe_cbc_and_rsa_1_5=True)
            except EbmsRefusal as refusal:
                told.add(str(refusal))
            else:
                assert other.content != b"0123456789"
    told.add(str(refused(old_shape(identity, bytes(32), bytes(16)), identity, terms, unsafe=True)))
    assert len(told) == 1


def test_the_key_that_the_cpa_names_or_another_of_ours(g1: TestPki) -> None:
    new, old = g1.identities["agency"], g1.identities["gateway-signing"]
    encrypted = encrypt(payload(b"x"), to(old))
    assert decrypt(encrypted, [new, old], to(new)).content == b"x"
    assert decrypt(encrypted, [new, old], to(old)).content == b"x"


def test_terms_that_cannot_be_used(g1: TestPki) -> None:
    identity = g1.identities["agency"]
    for terms, match in (
        (to(identity, AES256_CBC), "not used here"),
        (EncryptionTerms(AES256_GCM, b"x"), "cannot be used"),
    ):
        with pytest.raises(ConfigurationError, match=match):
            encrypt(payload(b""), terms)
    with pytest.raises(ConfigurationError, match="not safe"):
        decrypt(
            part(b""),
            [identity],
            to(identity, XMLENC + "tripledes-cbc"),
            unsafe_cbc_and_rsa_1_5=True,
        )


def test_signed_then_encrypted(g1: TestPki) -> None:
    sender, receiver = g1.identities["vendor-a"], g1.identities["agency"]
    plain, terms = payload(LARGE), to(receiver)
    root = etree.fromstring(envelope_text().encode())
    sign(root, [plain], sender, terms_of(sender))
    encrypted = encrypt(plain, terms)
    message = etree.fromstring(etree.tostring(root))
    found = decrypt(encrypted, [receiver], terms)
    trust = trust_of(g1)
    parts = {found.content_id: found.content}
    verify(message, parts, terms_of(sender), at=NOW, trust=trust)
    with pytest.raises(EbmsRefusal):
        verify(
            message, {"one@example.nl": encrypted.content}, terms_of(sender), at=NOW, trust=trust
        )


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_octets_and_media_type(g1: TestPki, content: bytes, extra: str) -> None:
    identity = g1.identities["agency"]
    media_type = "text/plain; name=" + "".join(c for c in extra if c.isprintable())
    encrypted = encrypt(payload(content, media_type), to(identity))
    assert decrypt(encrypted, [identity], to(identity)) == payload(content, media_type)


@settings(max_examples=300)
@given(data=st.data())
def test_a_changed_part_is_refused_or_says_the_same(g1: TestPki, data: st.DataObject) -> None:
    identity = g1.identities["agency"]
    octets = read_content(encrypt(payload(b"<a>1</a>"), to(identity)).content)
    at = data.draw(st.integers(0, len(octets) - 1))
    piece = bytes(data.draw(st.lists(st.sampled_from(b'A= \n"<>/&#;:x'), max_size=3)))
    changed = octets[:at] + piece + octets[at + data.draw(st.integers(0, 2)) :]
    try:
        found = decrypt(part(changed), [identity], to(identity))
    except EbmsRefusal as refusal:
        event(refusal.expected or refusal.received)
    else:
        # Its media type is nobody's secret, and was not signed before either.
        assert found.content == b"<a>1</a>"
