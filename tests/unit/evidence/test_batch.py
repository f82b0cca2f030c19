"""Batches: numbered, linked, signed so that openssl verifies them."""

import hashlib
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from digipoort_wus.evidence.batch import (
    Batch,
    SigningKey,
    batch_hash,
    batch_octets,
    believed,
    seal,
    sign_batch,
    stamped_octets,
    verify_batch,
)
from digipoort_wus.evidence.findings import Disproved, Problem
from digipoort_wus.evidence.merkle import root_of
from digipoort_wus.pki.testpki import TestPki
from tests.conftest import need
from tests.messages import NOW

ENTRIES = [bytes([number]) * 32 for number in range(5)]
EC_KEY = ec.derive_private_key(7, ec.SECP256R1())


def self_signed(key: CertificateIssuerPrivateKeyTypes) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TEST")])
    edges = NOW - timedelta(days=1), NOW + timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, *edges)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm)


@pytest.fixture(scope="module", params=["rsa", "ecdsa"])
def signer(request: pytest.FixtureRequest, g1: TestPki) -> tuple[SigningKey, x509.Certificate]:
    identity = g1.identities["gateway-signing"]
    if request.param == "rsa":
        return identity.private_key, identity.certificate
    return EC_KEY, self_signed(EC_KEY)


def test_a_batch_is_signed_and_openssl_agrees(
    signer: tuple[SigningKey, x509.Certificate], tmp_path: Path
) -> None:
    need("openssl", found=shutil.which("openssl") is not None, install="apt-get install openssl")
    key, certificate = signer
    batch = seal(None, ENTRIES, at=NOW, signer=certificate)
    signature = sign_batch(batch, key)
    assert verify_batch(batch, signature, believed(certificate)) is certificate
    spki = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(spki)
    (tmp_path / "sig").write_bytes(signature)
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "batch"]
    for octets, status in ((batch_octets(batch), 0), (batch_octets(batch) + b" ", 1)):
        (tmp_path / "batch").write_bytes(octets)
        done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
        assert done.returncode == status


def test_batches_are_linked_and_say_what_the_clock_said(g1: TestPki) -> None:
    certificate = g1.identities["gateway-signing"].certificate
    first = seal(None, ENTRIES, at=NOW, signer=certificate)
    assert (first.number, first.leaves, first.previous) == (1, 5, bytes(32))
    assert first.root == root_of(ENTRIES)
    earlier = NOW - timedelta(hours=1)
    second = seal(first, ENTRIES[:1], at=earlier, signer=certificate)
    assert (second.number, second.sealed_at) == (2, earlier)
    assert second.previous == hashlib.sha256(b"\3" + batch_octets(first)).digest()
    assert seal(second, ENTRIES, at=NOW, signer=certificate).sealed_at == NOW
    with pytest.raises(ValueError, match="at least one"):
        seal(None, [], at=NOW, signer=certificate)


def test_every_value_of_a_batch_is_signed(signer: tuple[SigningKey, x509.Certificate]) -> None:
    key, certificate = signer
    batch = seal(None, ENTRIES, at=NOW, signer=certificate)
    signature = sign_batch(batch, key)
    changed = (
        replace(batch, number=2),
        replace(batch, sealed_at=NOW + timedelta(milliseconds=1)),
        replace(batch, leaves=6),
        replace(batch, root=bytes(32)),
        replace(batch, previous=b"x" * 32),
    )
    for other in changed:
        assert batch_hash(other) != batch_hash(batch)
        assert problem_of(other, signature, certificate) is Problem.BATCH_SIGNATURE
    assert problem_of(batch, b"", certificate) is Problem.BATCH_SIGNATURE


def test_a_stamp_is_over_the_signature_as_well(g1: TestPki) -> None:
    certificate = g1.identities["gateway-signing"].certificate
    batch = seal(None, ENTRIES, at=NOW, signer=certificate)
    assert stamped_octets(batch, b"signature") == batch_octets(batch) + b"signature"


def test_only_who_is_believed_and_was_valid_signs(
    signer: tuple[SigningKey, x509.Certificate], g1: TestPki
) -> None:
    key, certificate = signer
    batch = seal(None, ENTRIES, at=NOW, signer=certificate)
    other = g1.identities["vendor-a"].certificate
    assert problem_of(batch, sign_batch(batch, key), other) is Problem.BATCH_SIGNER
    late = replace(batch, sealed_at=certificate.not_valid_after_utc + timedelta(seconds=1))
    assert problem_of(late, sign_batch(late, key), certificate) is Problem.BATCH_SIGNER
    second = timedelta(seconds=1)
    for at in (certificate.not_valid_before_utc - second, certificate.not_valid_after_utc + second):
        with pytest.raises(Disproved, match="not valid at that time"):
            seal(None, ENTRIES, at=at, signer=certificate)
    strange = self_signed(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)))
    batch = seal(None, ENTRIES, at=NOW, signer=strange)
    assert problem_of(batch, bytes(64), strange) is Problem.BATCH_SIGNER


def problem_of(batch: Batch, signature: bytes, certificate: x509.Certificate) -> Problem:
    with pytest.raises(Disproved) as caught:
        verify_batch(batch, signature, believed(certificate))
    assert caught.value.problem.id in str(caught.value)
    return caught.value.problem
