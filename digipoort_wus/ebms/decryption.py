"""Decrypting the payloads of an ebMS message, before its signature is verified."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import pybase64
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.encryption import (
    AES128_GCM,
    AES256_GCM,
    IV_SIZE,
    RSA_OAEP_MGF1P,
    TAG_SIZE,
)
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import XMLENC, XMLENC11
from digipoort_wus.ebms.terms import EncryptionTerms
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.content import read_content
from digipoort_wus.names import DS, SHA1, SHA256, SHA384, SHA512
from digipoort_wus.pki.identity import Identity
from digipoort_wus.soap.envelope import children_only, leaf_text
from digipoort_wus.wss.policy import HASHES
from digipoort_wus.xmlsafe.cut import cut_out, long_texts
from digipoort_wus.xmlsafe.parse import parse_message

RSA_OAEP = XMLENC11 + "rsa-oaep"
RSA_1_5 = XMLENC + "rsa-1_5"
AES128_CBC = XMLENC + "aes128-cbc"
AES256_CBC = XMLENC + "aes256-cbc"
_KEY_SIZES: Mapping[str, int] = {
    AES128_GCM: 16,
    AES256_GCM: 32,
    AES128_CBC: 16,
    AES256_CBC: 32,
}
_CBC = frozenset({AES128_CBC, AES256_CBC})
_BLOCK = 16
_LABEL_HASHES = frozenset({SHA1, SHA256, SHA384, SHA512})
_MGF1 = {f"{XMLENC11}mgf1sha{n}": f for n, f in ((1, SHA1), (256, SHA256), (384, SHA384))} | {
    f"{XMLENC11}mgf1sha512": SHA512
}
_LONG = 16_384
_MEDIA_TYPE_MAX = 256
# What a serialiser writes for the carriage returns that Java puts into base64.
_LINE_END = re.compile(rb"&#(?:13|10|x0?[dD]|x0?[aA]);")
_WHITE_SPACE = b" \t\r\n"
_DS_KEY_INFO = f"{{{DS}}}KeyInfo"


def decrypt(
    payload: Payload,
    identities: Sequence[Identity],
    terms: EncryptionTerms,
    *,
    unsafe_cbc_and_rsa_1_5: bool = False,
) -> Payload:
    """Return what an encrypted part holds.

    It takes memory for the part and for what is in it: nothing of what is decrypted may be used
    before all of it was found to be what was encrypted.

    Args:
        payload: the part as it came.
        identities: ours, one of which has the key; several while certificates are replaced.
        terms: the data algorithm that the CPA names.
        unsafe_cbc_and_rsa_1_5: decrypt AES-CBC and RSA 1.5 as well, for old peers. CBC tells
            whoever may send many messages, and sees what becomes of each, what is in another
            one; for RSA a wrong padding is made to look like a wrong key.

    Raises:
        EbmsRefusal: EBMS-ENCRYPTION. Whatever went wrong with keys or octets, it says the same.
        ConfigurationError: the terms cannot be used.

    XML Encryption 1.1; its Type is not looked at, for peers write that of elements for octets.
    """
    if terms.algorithm not in _KEY_SIZES or (
        terms.algorithm in _CBC and not unsafe_cbc_and_rsa_1_5
    ):
        raise ConfigurationError(
            f"The CPA names an algorithm for encryption that is not safe: agree on {AES256_GCM}, "
            "or set unsafe_cbc_and_rsa_1_5 for this partner until then."
        )
    at = f"cid:{payload.content_id}"
    encrypted = _read(read_content(payload.content), at)
    transport = encrypted.transport
    if transport.algorithm == RSA_1_5 and not unsafe_cbc_and_rsa_1_5:
        raise _refusal(at, expected=f"{RSA_OAEP_MGF1P} or {RSA_OAEP}", received=RSA_1_5)
    if encrypted.algorithm != terms.algorithm:
        raise _refusal(at, expected=terms.algorithm, received=_named(encrypted.algorithm))
    # The same steps and one answer, whatever fails: nobody learns from it what was wrong.
    content = None
    for identity in _candidates(identities, terms):
        key = _key(transport, identity, _KEY_SIZES[terms.algorithm])
        content = _decrypted(terms.algorithm, key, encrypted.value)
        if content is not None:
            break
    if content is None:
        raise _refusal(at, received="what cannot be decrypted")
    return replace(payload, media_type=encrypted.media_type, content=content)


@dataclass(frozen=True, slots=True)
class _KeyTransport:
    """How the key of the data came: algorithm and hashes of it, and the encrypted key."""

    algorithm: str
    label_hash: str
    mask_hash: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _EncryptedData:
    """An xenc:EncryptedData of the accepted form."""

    algorithm: str
    media_type: str
    transport: _KeyTransport
    value: bytes = field(repr=False)


def _candidates(identities: Sequence[Identity], terms: EncryptionTerms) -> list[Identity]:
    """Return whose keys to try: first the one that the CPA names.

    With CBC one in sixteen wrong keys makes something that looks decrypted, so there it is one.
    """
    likely_first = sorted(
        identities,
        key=lambda each: each.certificate.public_bytes(Encoding.DER) != terms.certificate,
    )
    return likely_first[:1] if terms.algorithm in _CBC else likely_first


def _key(transport: _KeyTransport, identity: Identity, size: int) -> bytes:
    """Return the key of the data, or a random one when it cannot be had."""
    other = os.urandom(size)
    how: padding.PKCS1v15 | padding.OAEP = padding.PKCS1v15()
    if transport.algorithm != RSA_1_5:
        mask = padding.MGF1(HASHES[transport.mask_hash])
        how = padding.OAEP(mask, HASHES[transport.label_hash], None)
    try:
        found = identity.private_key.decrypt(transport.value, how)
    except ValueError:
        return other
    return found if len(found) == size else other


def _decrypted(algorithm: str, key: bytes, value: bytes) -> bytes | None:
    """Return what was encrypted, or None."""
    if algorithm not in _CBC:
        if len(value) < IV_SIZE + TAG_SIZE:
            return None
        view = memoryview(value)
        try:
            return AESGCM(key).decrypt(view[:IV_SIZE], view[IV_SIZE:], None)
        except InvalidTag:
            return None
    if len(value) < 2 * _BLOCK or len(value) % _BLOCK:
        return None
    decryptor = Cipher(AES(key), CBC(value[:_BLOCK])).decryptor()
    padded = decryptor.update(memoryview(value)[_BLOCK:]) + decryptor.finalize()
    # Only the last octet of this padding says anything.
    return padded[: -padded[-1]] if 1 <= padded[-1] <= _BLOCK else None


def _read(data: bytes, at: str) -> _EncryptedData:
    if b"\r" in data:
        # As a parser reads line ends; none is in what it takes for a long text otherwise.
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    texts = list(islice(long_texts(data, at_least=_LONG), 2))
    long_text: tuple[str, memoryview] | None = None
    if len(texts) == 1:
        data, (mark,) = cut_out(data, texts)
        long_text = mark, texts[0].octets
    elif texts:
        raise _refusal(at, expected="one long CipherValue")
    try:
        return _read_encrypted_data(parse_message(data), long_text, at)
    except EbmsRefusal:
        raise
    except Refusal as refusal:
        raise _refusal(
            at, expected=refusal.expected or "EncryptedData", received=refusal.received
        ) from None


def _read_encrypted_data(
    root: etree._Element, long_text: tuple[str, memoryview] | None, at: str
) -> _EncryptedData:
    method, key_info, data = _exactly(
        root,
        f"{{{XMLENC}}}EncryptedData",
        (f"{{{XMLENC}}}EncryptionMethod", _DS_KEY_INFO, f"{{{XMLENC}}}CipherData"),
        at,
    )
    if children_only(method, _CHECK):
        raise _refusal(at, expected="no parameters of the data's algorithm")
    keys = [child for child in key_info if child.tag == f"{{{XMLENC}}}EncryptedKey"]
    if len(keys) != 1:
        raise _refusal(at, expected="one EncryptedKey", received=str(len(keys)))
    media_type = root.get("MimeType") or "application/octet-stream"
    if not media_type.isprintable() or len(media_type) > _MEDIA_TYPE_MAX:
        raise _refusal(at, expected="a MimeType")
    return _EncryptedData(
        algorithm=method.get("Algorithm", ""),
        media_type=media_type,
        transport=_read_transport(keys[0], at),
        value=_cipher_value(data, long_text, at),
    )


def _read_transport(element: etree._Element, at: str) -> _KeyTransport:
    children = children_only(element, _CHECK)
    method, data = children[:1], [c for c in children if c.tag == f"{{{XMLENC}}}CipherData"]
    if not method or method[0].tag != f"{{{XMLENC}}}EncryptionMethod" or len(data) != 1:
        raise _refusal(at, expected="EncryptionMethod and CipherData in EncryptedKey")
    algorithm = method[0].get("Algorithm", "")
    label_hash = mask_hash = SHA1
    parameters = children_only(method[0], _CHECK)
    for parameter in parameters:
        name = parameter.get("Algorithm", "")
        if algorithm != RSA_1_5 and parameter.tag == f"{{{DS}}}DigestMethod":
            label_hash = name
        elif algorithm != RSA_1_5 and parameter.tag == f"{{{XMLENC11}}}MGF":
            mask_hash = _MGF1.get(name, "")
        else:
            raise _refusal(at, expected="DigestMethod or MGF in EncryptionMethod")
    if (
        algorithm not in (RSA_OAEP_MGF1P, RSA_OAEP, RSA_1_5)
        or label_hash not in _LABEL_HASHES
        or mask_hash not in _LABEL_HASHES
        # This one has its mask in its name; Santuario says it once more.
        or (algorithm == RSA_OAEP_MGF1P and mask_hash != SHA1)
        or len({parameter.tag for parameter in parameters}) != len(parameters)
    ):
        expected = f"{RSA_OAEP_MGF1P} or {RSA_OAEP}"
        raise _refusal(at, expected=expected, received=_named(algorithm))
    return _KeyTransport(algorithm, label_hash, mask_hash, _cipher_value(data[0], None, at))


def _named(algorithm: str) -> str:
    """Return an algorithm that is known; any other may be a text of any kind and length."""
    known = (*_KEY_SIZES, RSA_OAEP_MGF1P, RSA_OAEP, RSA_1_5)
    return algorithm if algorithm in known else "another algorithm"


def _cipher_value(data: etree._Element, long_text: tuple[str, memoryview] | None, at: str) -> bytes:
    # A CipherReference would be somebody else's octets.
    (value,) = _exactly(data, data.tag, (f"{{{XMLENC}}}CipherValue",), at)
    text = leaf_text(value, _CHECK)
    octets: bytes | memoryview = text.encode()
    if long_text is not None:
        if text != long_text[0]:
            raise _refusal(at, expected="base64 in CipherValue")
        octets = long_text[1]
    try:
        return pybase64.b64decode(octets, validate=True)
    except ValueError:
        # Few have lines, so only those are copied.
        compact = _LINE_END.sub(b"", octets).translate(None, _WHITE_SPACE)
    try:
        return pybase64.b64decode(compact, validate=True)
    except ValueError:
        raise _refusal(at, expected="base64 in CipherValue") from None


def _exactly(
    parent: etree._Element, name: object, tags: tuple[str, ...], at: str
) -> list[etree._Element]:
    children = children_only(parent, _CHECK)
    if parent.tag != name or [child.tag for child in children] != list(tags):
        names = ", ".join(tag.rpartition("}")[2] for tag in tags)
        raise _refusal(at, expected=f"EncryptedData of XML Encryption: {names}")
    return children


_CHECK = checks.EBMS_ENCRYPTION


def _refusal(at: str, *, expected: str = "", received: str = "") -> EbmsRefusal:
    return EbmsRefusal(_CHECK, at=at, expected=expected, received=received)
