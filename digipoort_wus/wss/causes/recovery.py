"""What a SignatureValue says when it does not verify: RSA undone, and what it was over."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pybase64
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from digipoort_wus.pki.profiles import UNREADABLE
from digipoort_wus.wss.causes.cost import PATIENT
from digipoort_wus.wss.causes.part import Part, Try
from digipoort_wus.wss.causes.table import CAUSES, HASH_MIXED_UP, Cause, Found, cause_of
from digipoort_wus.wss.policy import HASHES, PADDINGS

# DER of DigestInfo up to the digest (RFC 8017 9.2, note 1).
_DIGEST_INFOS = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
    "sha224": bytes.fromhex("302d300d06096086480165030402040500041c"),
    "md5": bytes.fromhex("3020300c06082a864886f70d020505000410"),
}
_SIZES = frozenset({20, 32, 48, 64})
"""Of digests, in octets."""
_PSS_HASHES = (hashes.SHA256(), hashes.SHA1(), hashes.SHA384(), hashes.SHA512())


def _hashed(part: Part) -> Iterator[Try]:
    for name in ("sha256", "sha1", "sha512"):
        digest = hashlib.new(name, part.octets, usedforsecurity=False).digest()
        yield Try(digest, name)
        yield Try(digest.hex().encode(), f"{name}, hexadecimal")
        yield Try(pybase64.b64encode(digest), f"{name}, base64")


OTHER_KEY = Cause(
    "other-key",
    "SignatureValue was not made with the key of the certificate in the token",
    "SignatureValue is niet gemaakt met de sleutel van het certificaat in het token",
    "Sign with the private key that belongs to the certificate in the BinarySecurityToken, and "
    "leave SignatureValue as it is.",
)
OTHER_KEY_OR_DAMAGED = Cause(
    "other-key-or-damaged",
    "SignatureValue was made with another key than that of the certificate in the token, or it "
    "was damaged afterwards",
    "SignatureValue is met een andere sleutel gemaakt dan die van het certificaat in het token, "
    "of is daarna beschadigd",
    "Sign with the private key that belongs to the certificate in the BinarySecurityToken, and "
    "leave SignatureValue as it is. With --cert and the certificate of the key that you think "
    "signed, digipoort-wus explain tells these two apart.",
)
NO_SIGNATURE = Cause(
    "no-signature",
    "SignatureValue cannot be a signature by the key of the certificate in the token",
    "SignatureValue kan geen handtekening met de sleutel van het certificaat in het token zijn",
    "Sign with the private key that belongs to the certificate in the BinarySecurityToken, and "
    "put all octets of the signature into base64: they are as many as the key has, 256 for 2048 "
    "bits.",
)
NO_DIGEST = Cause(
    "no-digest",
    "the key is right, but what it signed is no digest",
    "de sleutel klopt, maar wat ermee is ondertekend is geen digest",
    "Give the canonical SignedInfo to a call that digests and signs it (such as openssl dgst "
    "-sign).",
)
BYTE_REVERSED = Cause(
    "byte-reversed",
    "the octets of SignatureValue stand in reverse order, as Windows CryptoAPI makes them",
    "de bytes van SignatureValue staan in omgekeerde volgorde, zoals Windows CryptoAPI ze maakt",
    "Reverse the octets before base64.",
)
DOUBLE_BASE64 = Cause(
    "double-base64",
    "SignatureValue was put into base64 twice",
    "SignatureValue is twee keer in base64 gezet",
    "Put the octets of the signature into base64 once.",
)
PSS = Cause(
    "pss",
    "the signature is RSASSA-PSS, where the message says PKCS#1 v1.5",
    "de handtekening is RSASSA-PSS, terwijl in het bericht PKCS#1 v1.5 staat",
    "Sign with PKCS#1 v1.5 padding, as rsa-sha256 means.",
)
NO_DIGEST_INFO = Cause(
    "no-digest-info",
    "the bare digest was signed, without the DigestInfo of PKCS#1 around it",
    "de kale digest is ondertekend, zonder de DigestInfo van PKCS#1 eromheen",
    "Use a call that signs data (such as openssl dgst -sign), not one that encrypts a digest.",
)
HASHED_TWICE = Cause(
    "hashed-twice",
    "a digest was signed as if it were the data, so it was hashed twice",
    "een digest is ondertekend alsof het de gegevens waren, en is dus twee keer gehasht",
    "Give the canonical SignedInfo itself to a call that signs data.",
    _hashed,
    few=True,
)
SIGNED_INFO_CHANGED = Cause(
    "signed-info-changed",
    "the key is right, but SignedInfo was changed after signing",
    "de sleutel klopt, maar SignedInfo is na het ondertekenen veranderd",
    "Fill in every digest first, then sign SignedInfo, then change nothing.",
)
_CAUSES = (HASHED_TWICE, *CAUSES)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What RSA undone gives: a hash by name, its digest, and how they were found.

    The name is empty where no DigestInfo tells it.
    """

    hash: str
    digest: bytes = field(repr=False)
    causes: tuple[Cause, ...]
    detail: str


def verifies(key: rsa.RSAPublicKey, value: bytes, octets: bytes, algorithm: str) -> bool:
    """Tell whether a signature is right; for explanations, where no is an answer too."""
    if algorithm not in PADDINGS:
        return False
    try:
        key.verify(value, octets, PADDINGS[algorithm], HASHES[algorithm])
    except InvalidSignature:
        return False
    return True


def signature_cause(
    part: Part,
    value: bytes,
    algorithm: str,
    certificates: Sequence[tuple[str, x509.Certificate]],
    *,
    cost: int = PATIENT,
) -> Found | None:
    """Return why a SignatureValue does not verify; None when it does.

    Args:
        part: SignedInfo.
        value: the decoded SignatureValue.
        algorithm: URI of SignatureMethod.
        certificates: whose key may have signed, with a name: the token's first.
        cost: as of :func:`cause_of`.
    """
    keys = [(name, key) for name, c in certificates if (key := _rsa_key(c)) is not None]
    if not keys:
        return None
    own = keys[0][1]
    if verifies(own, value, part.octets, algorithm):
        return None
    recovered = next(_recoveries(keys, value), None)
    if recovered is None:
        if _is_pss(own, value, part.octets) and "MGF1" not in algorithm:
            return Found((PSS,), octets=part.octets)
        impossible = _why_impossible(own, value)
        return Found((NO_SIGNATURE,), impossible) if impossible else Found((OTHER_KEY_OR_DAMAGED,))
    if NO_DIGEST in recovered.causes:
        return Found(recovered.causes, recovered.detail)
    stated = HASHES[algorithm].name if algorithm in HASHES else ""
    hashed = recovered.hash or stated or "sha256"
    found = cause_of(part, recovered.digest, hashed, cost=cost, causes=_CAUSES)
    behind, detail = (found.causes, found.detail) if found is not None else ((), "")
    causes = [*recovered.causes, *behind]
    if stated and hashed != stated:
        causes.append(HASH_MIXED_UP)
        detail = ", ".join(filter(None, (detail, f"{hashed}, not {stated}")))
    if found is None:
        causes.append(SIGNED_INFO_CHANGED)
    detail = ", ".join(filter(None, (recovered.detail, detail)))
    return Found(tuple(dict.fromkeys(causes)), detail, found.octets if found else None)


def _recoveries(keys: Sequence[tuple[str, rsa.RSAPublicKey]], value: bytes) -> Iterator[Recovered]:
    for octets, causes in _forms(value):
        for number, (name, key) in enumerate(keys):
            signed = _undone(key, octets)
            if signed is None:
                continue
            other = (OTHER_KEY,) if number else ()
            found = replace(signed, causes=(*other, *causes, *signed.causes))
            yield replace(found, detail=f"it is that of {name}") if number else found


def _forms(value: bytes) -> Iterator[tuple[bytes, tuple[Cause, ...]]]:
    yield value, ()
    yield value[::-1], (BYTE_REVERSED,)
    try:
        yield pybase64.b64decode(value, validate=True), (DOUBLE_BASE64,)
    except ValueError:
        return


def _undone(key: rsa.RSAPublicKey, value: bytes) -> Recovered | None:
    try:
        signed = key.recover_data_from_signature(value, padding.PKCS1v15(), None)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return None
    for name, prefix in _DIGEST_INFOS.items():
        if signed.startswith(prefix):
            return Recovered(name, signed[len(prefix) :], (), "")
    if any(size in _SIZES for size in (len(signed), *_read_sizes(signed))):
        return Recovered("", signed, (NO_DIGEST_INFO,), "")
    return Recovered("", signed, (NO_DIGEST,), f"{len(signed)} octets")


def _read_sizes(signed: bytes) -> Iterator[int]:
    """Yield how long a digest is that was written as text, if it was."""
    with suppress(ValueError):
        yield len(bytes.fromhex(signed.decode("ascii")))
    with suppress(ValueError):
        yield len(pybase64.b64decode(signed, validate=True))


def _is_pss(key: rsa.RSAPublicKey, value: bytes, octets: bytes) -> bool:
    for algorithm in _PSS_HASHES:
        try:
            key.verify(
                value, octets, padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO), algorithm
            )
        except InvalidSignature:
            continue
        return True
    return False


def _why_impossible(key: rsa.RSAPublicKey, value: bytes) -> str:
    """Say why a value is no signature by a key, whatever was signed; empty when it may be one."""
    if not value:
        return "it is empty"
    if 8 * len(value) != (key.key_size + 7) // 8 * 8:
        return f"it is of {8 * len(value)} bits, the key of {key.key_size}"
    if len(set(value)) == 1:
        return "all its octets are the same"
    return ""


def _rsa_key(certificate: x509.Certificate) -> rsa.RSAPublicKey | None:
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return None
    return key if isinstance(key, rsa.RSAPublicKey) else None
