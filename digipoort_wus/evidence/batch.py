"""Batches: many entries under one Merkle root, numbered, linked and signed.

The leaves are the hashes of entries. What is signed is the canonical JSON of the batch, so
that ``openssl dgst -verify`` can judge it; its hash, which the next batch names, is SHA-256
over one octet 0x03 and the same JSON.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from digipoort_wus.clock import format_utc, to_milliseconds
from digipoort_wus.evidence.canonical import canonical
from digipoort_wus.evidence.entry import NO_HASH
from digipoort_wus.evidence.findings import Disproved, Problem
from digipoort_wus.evidence.merkle import root_of

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_BATCH = b"\3"
# Nothing else that is signed with the same key begins like this.
_FORM = "digipoort-wus evidence batch 1"


@dataclass(frozen=True, slots=True)
class Batch:
    """What is signed.

    Args:
        number: from 1, without gaps.
        sealed_at: UTC, milliseconds; what the clock said, also where it says an earlier time
            than an entry or the batch before: that is for a verifier to tell.
        leaves: how many entries, at least one.
        root: Merkle root over the hashes of the entries.
        previous: hash of the batch before; 32 zero octets for the first.
        signer: SHA-256 of the certificate, DER, whose key signs.
    """

    number: int
    sealed_at: datetime
    leaves: int
    root: bytes
    previous: bytes
    signer: bytes


def seal(
    before: Batch | None,
    entries: Sequence[bytes],
    *,
    at: datetime,
    signer: x509.Certificate,
) -> Batch:
    """Return the next batch, still to be signed.

    Args:
        before: the batch before; None for the first.
        entries: their hashes; their order is that of the leaves.
        at: moment of sealing.
        signer: certificate of the key that will sign.

    Raises:
        ValueError: there is no entry.
        Disproved: BATCH_SIGNER; at that moment the certificate is not valid, so that nobody
            would believe the batch: it has ended, or the clock is wrong.
    """
    if not entries:
        raise ValueError("a batch seals at least one entry")
    _require_valid(signer, at)
    return Batch(
        number=1 if before is None else before.number + 1,
        sealed_at=to_milliseconds(at),
        leaves=len(entries),
        root=root_of(entries),
        previous=NO_HASH if before is None else batch_hash(before),
        signer=signer.fingerprint(hashes.SHA256()),
    )


def batch_octets(batch: Batch) -> bytes:
    """Return the canonical JSON of a batch (RFC 8785): what is signed."""
    return canonical(
        {
            "form": _FORM,
            "batch": batch.number,
            "sealed_at": format_utc(batch.sealed_at),
            "leaves": batch.leaves,
            "root": batch.root.hex(),
            "previous": batch.previous.hex(),
            "signer": batch.signer.hex(),
        }
    )


def batch_hash(batch: Batch) -> bytes:
    """Return the hash by which the next batch names this one."""
    return hashlib.sha256(_BATCH + batch_octets(batch)).digest()


def stamped_octets(batch: Batch, signature: bytes) -> bytes:
    """Return what a time stamp is over: the signed JSON, then the signature.

    So that a stamp shows that the signature, too, was there before the certificate ended.
    """
    return batch_octets(batch) + signature


def sign_batch(batch: Batch, key: SigningKey) -> bytes:
    """Return the signature: RSA (PKCS #1 v1.5) or ECDSA by the key, with SHA-256."""
    octets = batch_octets(batch)
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            return key.sign(octets, ec.ECDSA(hashes.SHA256()))


def verify_batch(
    batch: Batch, signature: bytes, signers: Mapping[bytes, x509.Certificate]
) -> x509.Certificate:
    """Return the certificate that signed a batch.

    Args:
        batch: as it was sealed.
        signature: by :func:`sign_batch`.
        signers: certificates that are believed, by the SHA-256 of their DER.

    Raises:
        Disproved: BATCH_SIGNER or BATCH_SIGNATURE.
    """
    certificate = signers.get(batch.signer)
    if certificate is None:
        raise Disproved(Problem.BATCH_SIGNER, f"not believed: {batch.signer.hex()}")
    _require_valid(certificate, batch.sealed_at)
    octets = batch_octets(batch)
    try:
        match certificate.public_key():
            case rsa.RSAPublicKey() as key:
                key.verify(signature, octets, padding.PKCS1v15(), hashes.SHA256())
            case ec.EllipticCurvePublicKey() as key:
                key.verify(signature, octets, ec.ECDSA(hashes.SHA256()))
            case _:
                raise Disproved(Problem.BATCH_SIGNER, "a key that is neither RSA nor ECDSA")
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise Disproved(Problem.BATCH_SIGNATURE) from error
    return certificate


def _require_valid(certificate: x509.Certificate, at: datetime) -> None:
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not since <= at.replace(microsecond=0) <= until:
        raise Disproved(Problem.BATCH_SIGNER, "the certificate was not valid at that time")


def believed(*certificates: x509.Certificate) -> Mapping[bytes, x509.Certificate]:
    """Return certificates by the SHA-256 of their DER, as :func:`verify_batch` wants them."""
    return {certificate.fingerprint(hashes.SHA256()): certificate for certificate in certificates}
