"""Encrypted parts as any peer may write them, good and bad, made by hand."""

import base64
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from digipoort_wus import checks
from digipoort_wus.ebms.decryption import AES128_CBC, AES256_CBC, RSA_1_5, RSA_OAEP, decrypt
from digipoort_wus.ebms.encryption import AES128_GCM, AES256_GCM, RSA_OAEP_MGF1P
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import XMLENC, XMLENC11
from digipoort_wus.ebms.terms import EncryptionTerms
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import DS, SHA1, SHA256, SHA384, SHA512
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.testpki import TestPki
from tests.unit.ebms.signatures import der

SIZES = {AES128_GCM: 16, AES256_GCM: 32, AES128_CBC: 16, AES256_CBC: 32}
HASHES: dict[str, hashes.HashAlgorithm] = {
    SHA1: hashes.SHA1(),
    SHA256: hashes.SHA256(),
    SHA384: hashes.SHA384(),
    SHA512: hashes.SHA512(),
}
MASKS = {
    f"{XMLENC11}mgf1sha1": SHA1,
    f"{XMLENC11}mgf1sha256": SHA256,
    f"{XMLENC11}mgf1sha384": SHA384,
    f"{XMLENC11}mgf1sha512": SHA512,
}
CONTENT = b"what it says"


def cid(octets: bytes) -> Payload:
    return Payload("one@example.nl", "application/xml", octets)


@dataclass(frozen=True)
class Made:
    """An EncryptedData; None for what its algorithm says of the rest.

    Args:
        algorithm: of the data.
        transport: of the key.
        label: algorithm of the label hash, as it is told.
        mask: name of the mask generation, as it is told.
        label_hash: that is taken.
        mask_hash: that is taken.
        parameters: of the transport, in the place of what would be told.
        key: that is encrypted; a fresh one otherwise.
        value: the encrypted octets, in the place of those of CONTENT.
        media_type: told of it.
    """

    algorithm: str = AES256_GCM
    transport: str = RSA_OAEP_MGF1P
    label: str | None = None
    mask: str | None = None
    label_hash: str = SHA1
    mask_hash: str = SHA1
    parameters: str | None = None
    key: bytes | None = None
    value: bytes | None = None
    media_type: str | None = "text/plain"

    def for_(self, identity: Identity) -> str:
        key = os.urandom(SIZES[self.algorithm]) if self.key is None else self.key
        value = self.value
        if value is None:
            value = gcm(key) if "gcm" in self.algorithm else cbc(key, padded(CONTENT))
        public_key = identity.certificate.public_key()
        assert isinstance(public_key, rsa.RSAPublicKey)
        how: padding.PKCS1v15 | padding.OAEP = padding.PKCS1v15()
        if self.transport != RSA_1_5:
            how = padding.OAEP(padding.MGF1(HASHES[self.mask_hash]), HASHES[self.label_hash], None)
        told = self.parameters or "".join(
            (
                "" if self.label is None else f'<ds:DigestMethod Algorithm="{self.label}"/>',
                "" if self.mask is None else f'<y:MGF Algorithm="{self.mask}"/>',
            )
        )
        media_type = "" if self.media_type is None else f' MimeType="{self.media_type}"'
        return (
            f'<x:EncryptedData xmlns:x="{XMLENC}" xmlns:y="{XMLENC11}" xmlns:ds="{DS}"{media_type}>'
            f'<x:EncryptionMethod Algorithm="{self.algorithm}"/><ds:KeyInfo><x:EncryptedKey>'
            f'<x:EncryptionMethod Algorithm="{self.transport}">{told}</x:EncryptionMethod>'
            f"<x:CipherData><x:CipherValue>{text(public_key.encrypt(key, how))}</x:CipherValue>"
            "</x:CipherData></x:EncryptedKey></ds:KeyInfo>"
            f"<x:CipherData><x:CipherValue>{text(value)}</x:CipherValue></x:CipherData>"
            "</x:EncryptedData>"
        )


def text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def gcm(key: bytes, content: bytes = CONTENT) -> bytes:
    iv = os.urandom(12)
    return iv + AESGCM(key if len(key) in (16, 32) else bytes(32)).encrypt(iv, content, None)


def padded(content: bytes) -> bytes:
    size = 16 - len(content) % 16
    return content + bytes(size - 1) + bytes([size])


def cbc(key: bytes, blocks: bytes) -> bytes:
    iv = os.urandom(16)
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return iv + encryptor.update(blocks) + encryptor.finalize()


@pytest.fixture(scope="module")
def identity(g1: TestPki) -> Identity:
    return g1.identities["agency"]


def opened(
    octets: str,
    identities: Identity | Sequence[Identity],
    algorithm: str = AES256_GCM,
    *,
    named: Identity | None = None,
    unsafe: bool = False,
) -> Payload:
    those = [identities] if isinstance(identities, Identity) else identities
    terms = EncryptionTerms(algorithm, der(named or those[0]))
    return decrypt(cid(octets.encode()), those, terms, unsafe_cbc_and_rsa_1_5=unsafe)


def refused(
    octets: str, identity: Identity, algorithm: str = AES256_GCM, *, unsafe: bool = False
) -> EbmsRefusal:
    with pytest.raises(EbmsRefusal) as caught:
        opened(octets, identity, algorithm, unsafe=unsafe)
    assert caught.value.check is checks.EBMS_ENCRYPTION
    assert caught.value.location == "cid:one@example.nl"
    return caught.value


@pytest.mark.parametrize("algorithm", SIZES)
def test_each_algorithm_of_data(identity: Identity, algorithm: str) -> None:
    octets = Made(algorithm).for_(identity)
    found = opened(octets, identity, algorithm, unsafe="cbc" in algorithm)
    assert (found.content, found.media_type) == (CONTENT, "text/plain")


@pytest.mark.parametrize("label", HASHES)
@pytest.mark.parametrize("mask", MASKS)
def test_each_hash_of_rsa_oaep(identity: Identity, label: str, mask: str) -> None:
    made = Made(transport=RSA_OAEP, label=label, mask=mask)
    good = replace(made, label_hash=label, mask_hash=MASKS[mask])
    assert opened(good.for_(identity), identity).content == CONTENT
    # Told is what is taken, and nothing else.
    wrong = SHA384 if label == SHA512 else SHA512
    refused(replace(good, label_hash=wrong).for_(identity), identity)
    wrong = SHA384 if MASKS[mask] == SHA512 else SHA512
    refused(replace(good, mask_hash=wrong).for_(identity), identity)


def test_what_is_not_told_is_sha1(identity: Identity) -> None:
    for transport in (RSA_OAEP, RSA_OAEP_MGF1P):
        assert opened(Made(transport=transport).for_(identity), identity).content == CONTENT
    # As Santuario writes it: its name says so already.
    twice = Made(label=SHA1, mask=f"{XMLENC11}mgf1sha1")
    assert opened(twice.for_(identity), identity).content == CONTENT


MD5 = "http://www.w3.org/2001/04/xmldsig-more#md5"
WRONG_TRANSPORTS = {
    "another mask than its name": Made(mask=f"{XMLENC11}mgf1sha256", mask_hash=SHA256),
    "a mask that nobody knows": Made(transport=RSA_OAEP, mask=f"{XMLENC11}mgf1md5"),
    "a label hash that nobody knows": Made(label=MD5),
    "a label hash for a mask": Made(transport=RSA_OAEP, mask=SHA1),
    "two masks": Made(
        transport=RSA_OAEP, parameters=f'<y:MGF Algorithm="{XMLENC11}mgf1sha1"/>' * 2
    ),
    "two label hashes": Made(parameters=f'<ds:DigestMethod Algorithm="{SHA1}"/>' * 2),
    "a parameter of another namespace": Made(parameters=f'<x:DigestMethod Algorithm="{SHA1}"/>'),
    "a mask of another namespace": Made(
        transport=RSA_OAEP, parameters=f'<x:MGF Algorithm="{XMLENC11}mgf1sha1"/>'
    ),
    "a text for a parameter": Made(parameters="SHA-1"),
}


@pytest.mark.parametrize("name", WRONG_TRANSPORTS)
def test_a_transport_that_is_wrong(identity: Identity, name: str) -> None:
    refusal = refused(WRONG_TRANSPORTS[name].for_(identity), identity)
    assert refusal.received != "what cannot be decrypted"


@pytest.mark.parametrize(
    "parameter",
    [
        f'<ds:DigestMethod Algorithm="{SHA1}"/>',
        f'<y:MGF Algorithm="{XMLENC11}mgf1sha1"/>',
        "<x:OAEPparams/>",
    ],
)
def test_rsa_1_5_has_no_parameters(identity: Identity, parameter: str) -> None:
    good = Made(transport=RSA_1_5)
    assert opened(good.for_(identity), identity, unsafe=True).content == CONTENT
    refused(replace(good, parameters=parameter).for_(identity), identity, unsafe=True)


def test_what_is_not_safe_needs_its_option(identity: Identity) -> None:
    refusal = refused(Made(transport=RSA_1_5).for_(identity), identity)
    assert refusal.received == RSA_1_5
    for algorithm in (AES128_CBC, AES256_CBC):
        octets, terms = Made(algorithm).for_(identity), EncryptionTerms(algorithm, der(identity))
        with pytest.raises(ConfigurationError, match="unsafe_cbc_and_rsa_1_5"):
            decrypt(cid(octets.encode()), [identity], terms)
        # Whoever agreed on GCM is not sent CBC.
        assert refused(octets, identity, unsafe=True).received == algorithm


def test_a_key_of_another_size_is_a_wrong_key(identity: Identity) -> None:
    for size in (16, 24, 31, 33):
        key = os.urandom(size)
        value = gcm(key) if size in (16, 24) else None
        octets = Made(key=key, value=value).for_(identity)
        assert refused(octets, identity).received == "what cannot be decrypted"


@pytest.mark.parametrize("size", [0, 7, 8, 11, 12, 27, 28])
def test_too_little_for_gcm(identity: Identity, size: int) -> None:
    octets = Made(value=bytes(size)).for_(identity)
    assert refused(octets, identity).received == "what cannot be decrypted"


def test_nothing_is_encrypted_as_well(identity: Identity) -> None:
    key = os.urandom(32)
    assert opened(Made(key=key, value=gcm(key, b"")).for_(identity), identity).content == b""
    octets = Made(AES256_CBC, key=key, value=cbc(key, padded(b""))).for_(identity)
    assert opened(octets, identity, AES256_CBC, unsafe=True).content == b""


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 33, 47])
def test_no_whole_blocks_of_cbc(identity: Identity, size: int) -> None:
    octets = Made(AES256_CBC, value=bytes(size)).for_(identity)
    refusal = refused(octets, identity, AES256_CBC, unsafe=True)
    assert refusal.received == "what cannot be decrypted"


@pytest.mark.parametrize("last", [0, 1, 2, 15, 16, 17, 32, 255])
def test_the_last_octet_of_cbc(identity: Identity, last: int) -> None:
    key, blocks = os.urandom(32), bytes(range(31)) + bytes([last])
    octets = Made(AES256_CBC, key=key, value=cbc(key, blocks)).for_(identity)
    if 1 <= last <= 16:
        found = opened(octets, identity, AES256_CBC, unsafe=True)
        assert found.content == blocks[:-last]
    else:
        refused(octets, identity, AES256_CBC, unsafe=True)


def test_cbc_is_tried_with_the_key_of_the_agreement_only(g1: TestPki) -> None:
    """One in sixteen wrong keys seems to fit."""
    new, old = g1.identities["agency"], g1.identities["gateway-signing"]
    for _ in range(4):
        octets = Made(AES128_CBC).for_(old)
        for ours in ((new, old), (old, new)):
            found = opened(octets, ours, AES128_CBC, named=old, unsafe=True)
            assert found.content == CONTENT
            try:
                other = opened(octets, ours, AES128_CBC, named=new, unsafe=True)
            except EbmsRefusal:
                continue
            assert other.content != CONTENT


@pytest.mark.parametrize("size", [256, 257])
def test_a_media_type_is_so_long(identity: Identity, size: int) -> None:
    octets = Made(media_type="a/" + "b" * (size - 2)).for_(identity)
    if size == 256:
        assert len(opened(octets, identity).media_type) == size
    else:
        assert refused(octets, identity).expected == "a MimeType"


def test_no_media_type_is_any(identity: Identity) -> None:
    for told in (None, ""):
        octets = Made(media_type=told).for_(identity)
        assert opened(octets, identity).media_type == "application/octet-stream"


SHAPES: dict[str, tuple[str, Callable[[str], str]]] = {
    "two keys": ("</ds:KeyInfo>", lambda key: f"{key}</ds:KeyInfo>"),
    "no method of the key": (
        f'<x:EncryptionMethod Algorithm="{RSA_OAEP_MGF1P}"></x:EncryptionMethod>',
        lambda key: "",
    ),
    "the method of the key behind": (
        f'<x:EncryptionMethod Algorithm="{RSA_OAEP_MGF1P}"></x:EncryptionMethod>',
        lambda key: (
            "<x:CarriedKeyName>"
            f'</x:CarriedKeyName><x:EncryptionMethod Algorithm="{RSA_OAEP_MGF1P}"/>'
        ),
    ),
    "another element for the method of the key": (
        f'<x:EncryptionMethod Algorithm="{RSA_OAEP_MGF1P}"></x:EncryptionMethod>',
        lambda key: f'<x:Method Algorithm="{RSA_OAEP_MGF1P}"/>',
    ),
    "an empty key and the key elsewhere": (
        "<x:EncryptedKey>",
        lambda key: "<x:EncryptedKey/><x:Key>",
    ),
    "a long text that is not the value": (
        "</x:EncryptedKey>",
        lambda key: f"<x:CarriedKeyName>{'A' * 20_000}</x:CarriedKeyName></x:EncryptedKey>",
    ),
    "text in the key": ("<x:EncryptedKey>", lambda key: "<x:EncryptedKey>x"),
    "text in the method of the data": (
        f'Algorithm="{AES256_GCM}"/>',
        lambda key: f'Algorithm="{AES256_GCM}">x</x:EncryptionMethod>',
    ),
    "an element in the method of the data": (
        f'Algorithm="{AES256_GCM}"/>',
        lambda key: f'Algorithm="{AES256_GCM}"><x:KeySize/></x:EncryptionMethod>',
    ),
    "more behind the data": (
        "</x:EncryptedData>",
        lambda key: "<x:EncryptionProperties/></x:EncryptedData>",
    ),
    "two values": (
        "</x:CipherValue></x:CipherData></x:EncryptedData>",
        lambda key: "</x:CipherValue><x:CipherValue/></x:CipherData></x:EncryptedData>",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_another_shape(identity: Identity, name: str) -> None:
    octets = Made().for_(identity)
    start, end = octets.index("<x:EncryptedKey>"), octets.index("</ds:KeyInfo>")
    old, new = SHAPES[name]
    assert octets.count(old) == 1
    changed = octets.replace(old, new(octets[start:end]))
    if "<x:Key>" in changed:
        changed = changed.replace("</x:EncryptedKey>", "</x:Key>")
    assert refused(changed, identity).received != "what cannot be decrypted"


@pytest.mark.parametrize("size", [10, 30_000])
@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", "&#13;\r\n", "\t", " "])
def test_lines_of_any_end(identity: Identity, end: str, size: int) -> None:
    key, content = os.urandom(32), os.urandom(size)
    octets = Made(key=key, value=gcm(key, content)).for_(identity)
    start = octets.rindex("<x:CipherValue>") + 15
    stop = octets.rindex("</x:CipherValue>")
    lines = end.join(octets[at : min(at + 76, stop)] for at in range(start, stop, 76))
    wrapped = f"{octets[:start]}{end}{lines}{end}{octets[stop:]}{end if '&' not in end else ''}"
    assert opened(wrapped, identity).content == content
    assert opened(f'<?xml version="1.0"?>\r\n{octets}', identity).content == content


@pytest.mark.parametrize("wrong", ["*", "&#10;=", "=A", "\u00a0", "&#12;", "AAA"])
@pytest.mark.parametrize("size", [10, 30_000])
def test_other_characters_in_base64(identity: Identity, wrong: str, size: int) -> None:
    key = os.urandom(32)
    octets = Made(key=key, value=gcm(key, bytes(size))).for_(identity)
    start = octets.rindex("<x:CipherValue>") + 15
    refused(octets[:start] + wrong + octets[start:], identity)
