"""The hierarchies on disk, and those that are published with the project."""

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.pki.chain import trust_store, verify_certificate
from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem, load_pkcs12
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.pki.profiles import TEST, Role
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki, write_pki
from digipoort_wus.pki.testplan import Generation
from tests.unit.pki.scenarios import CERTS_TEST, NOW, SPARE_KEY

LEAVES: dict[Generation, set[str]] = {
    "g1": {
        "gateway-tls",
        "gateway-signing",
        "vendor-a",
        "vendor-b",
        "agency",
        "vendor-revoked",
        "vendor-expired",
    }
}
LEAVES["g4"] = LEAVES["g1"] | {"vendor-a-auth", "vendor-a-sign"}
AUTHORITIES: dict[Generation, set[str]] = {"g1": {"root", "intermediate", "issuing-ca"}}
AUTHORITIES["g4"] = AUTHORITIES["g1"] | {f"{name}-lp" for name in AUTHORITIES["g1"]}
OINS = {
    "gateway-tls": "00000099000000001000",
    "gateway-signing": "00000099000000001000",
    "vendor-a": "00000099000000002000",
    "vendor-a-auth": "00000099000000002000",
    "vendor-a-sign": "00000099000000002000",
    "vendor-b": "00000099000000003000",
    "agency": "00000099000000004000",
    "vendor-revoked": "00000099000000005000",
    "vendor-expired": "00000099000000006000",
}


def expected_files(generation: Generation) -> set[str]:
    issuing = {name for name in AUTHORITIES[generation] if name.startswith("issuing-ca")}
    return {
        "README",
        "ca.pem",
        *(f"{name}.{end}" for name in LEAVES[generation] for end in ("pem", "key", "p12")),
        *(f"{name}.{end}" for name in issuing for end in ("pem", "key")),
        *(f"crl/{name}.pem" for name in AUTHORITIES[generation]),
        *(f"keys/{name}.key" for name in AUTHORITIES[generation] - issuing),
    }


def files_below(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(params=["g1", "g4"])
def pki(request: pytest.FixtureRequest, g1: TestPki, g4: TestPki) -> TestPki:
    return g1 if request.param == "g1" else g4


def test_files_and_permissions(pki: TestPki, tmp_path: Path) -> None:
    directory = tmp_path / "new" / "pki"
    write_pki(pki, directory)
    assert files_below(directory) == expected_files(pki.generation)
    for path in directory.rglob("*"):
        if path.suffix in {".key", ".p12"}:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path.name for path in directory.parent.iterdir()] == ["pki"]


def test_nobody_else_writes_what_is_believed_whatever_the_umask(
    g1: TestPki, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        write_pki(g1, tmp_path / "pki")
    finally:
        os.umask(before)
    for path in (tmp_path / "pki", *(tmp_path / "pki").rglob("*")):
        assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH), path


def test_contents(pki: TestPki, tmp_path: Path) -> None:
    directory = tmp_path / "pki"
    write_pki(pki, directory)
    for name, identity in pki.identities.items():
        assert oin_of(identity.certificate) == OINS[name]
        loaded = load_pem(directory / f"{name}.pem", directory / f"{name}.key")
        bundle = load_pkcs12(directory / f"{name}.p12", "test")
        assert loaded.certificate == bundle.certificate == identity.certificate
        assert loaded.chain == bundle.chain == identity.chain
    assert load_certificates(directory / "ca.pem") == pki.ca_certificates
    assert set(load_crls(directory / "crl")[0].issuer) & set(pki.ca_certificates[0].issuer)


def test_never_overwrites(g1: TestPki, tmp_path: Path) -> None:
    directory = tmp_path / "pki"
    directory.mkdir()
    write_pki(g1, directory)
    before = (directory / "ca.pem").stat()
    with pytest.raises(ConfigurationError, match="not empty"):
        write_pki(g1, directory)
    assert (directory / "ca.pem").stat() == before
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="choose another"):
        write_pki(g1, tmp_path / "file")
    with pytest.raises(ConfigurationError, match="choose another"):
        write_pki(g1, tmp_path / "file" / "below")


def test_half_written_is_not_found(
    g1: TestPki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("digipoort_wus.pki.testpki.write_private", no_space)
    with pytest.raises(ConfigurationError, match="No space left"):
        write_pki(g1, tmp_path / "pki")
    assert list(tmp_path.iterdir()) == []


def test_keys_are_used_again(pki: TestPki, tmp_path: Path) -> None:
    write_pki(pki, tmp_path / "pki")
    again = make_pki(pki.generation, now=NOW, key_source=keys_from(tmp_path / "pki"))
    for name, authority in pki.authorities.items():
        assert again.authorities[name].key.public_key() == authority.key.public_key()
    for name, identity in pki.identities.items():
        other = again.identities[name]
        assert other.certificate.public_key() == identity.certificate.public_key()
        assert other.certificate.serial_number != identity.certificate.serial_number


def test_keys_from_falls_back_and_refuses_rubbish(tmp_path: Path) -> None:
    source = keys_from(tmp_path)
    assert source("vendor-a", 2048).key_size == 2048
    pem = SPARE_KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "vendor-a.key").write_bytes(pem)
    assert source("vendor-a", 2048).public_key() == SPARE_KEY.public_key()
    assert source("vendor-a", 3072).key_size == 3072
    (tmp_path / "vendor-a.key").write_bytes(b"rubbish")
    with pytest.raises(ConfigurationError, match=r"vendor-a\.key"):
        source("vendor-a", 2048)


def test_signatures_of_the_generations(g1: TestPki, g4: TestPki) -> None:
    for pki, algorithm, scheme in ((g1, "sha256", padding.PKCS1v15), (g4, "sha512", padding.PSS)):
        leaves = [identity.certificate for identity in pki.identities.values()]
        signatures: list[x509.Certificate | x509.CertificateRevocationList]
        signatures = [*pki.ca_certificates, *leaves, *pki.crls.values()]
        for signed in signatures:
            assert signed.signature_hash_algorithm is not None
            assert signed.signature_hash_algorithm.name == algorithm
            assert isinstance(signed.signature_algorithm_parameters, scheme)
        for certificate in pki.ca_certificates:
            key = certificate.public_key()
            assert isinstance(key, rsa.RSAPublicKey)
            assert key.key_size == 4096


def test_sizes_names_and_san(g1: TestPki, g4: TestPki) -> None:
    for pki, sizes in ((g1, {2048, 3072}), (g4, {3072})):
        certificates = {name: item.certificate for name, item in pki.identities.items()}
        assert {item.private_key.key_size for item in pki.identities.values()} == sizes
        for certificate in (*certificates.values(), *pki.ca_certificates):
            assert "TEST" in certificate.subject.rfc4514_string()
            assert "not for production" in certificate.subject.rfc4514_string()
        for name in ("gateway-tls", "agency"):
            names = certificates[name].extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            )
            assert list(names.value) == [x509.DNSName("localhost")]


def test_crls_live_as_long_as_their_ca(pki: TestPki) -> None:
    for name, crl in pki.crls.items():
        certificate = pki.authorities[name].certificate
        assert crl.issuer == certificate.subject
        assert crl.next_update_utc == certificate.not_valid_after_utc
        assert crl.last_update_utc == certificate.not_valid_before_utc


def test_validity_follows_valid_days() -> None:
    source = keys_from(CERTS_TEST / "g1")
    short = make_pki("g1", now=NOW, valid_days=2, key_source=source)
    leaf = short.identities["vendor-a"].certificate
    assert leaf.not_valid_after_utc == NOW + timedelta(days=2)
    for authority in short.authorities.values():
        assert authority.certificate.not_valid_after_utc > leaf.not_valid_after_utc


@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_published_set(generation: Generation) -> None:
    directory = CERTS_TEST / generation
    assert files_below(directory) == expected_files(generation)
    assert "Not for production use" in (directory / "README").read_text()
    crls = load_crls(directory / "crl")
    store = trust_store(load_certificates(directory / "ca.pem"), crls, TEST)
    good = LEAVES[generation] - {"vendor-revoked", "vendor-expired"}
    # A set that is about to expire shows up here long before it hurts.
    for moment in (datetime.now(UTC), datetime.now(UTC) + timedelta(days=5 * 366)):
        for name in good:
            identity = load_pem(directory / f"{name}.pem", directory / f"{name}.key")
            role = Role.TLS_CLIENT if name == "vendor-a-auth" else Role.SIGNER
            verified = verify_certificate(store, identity.certificate, identity.chain, role, moment)
            assert verified.oin == OINS[name]
            assert load_pkcs12(directory / f"{name}.p12", "test").chain == identity.chain
    for name, check in (("vendor-revoked", "PKI-REVOKED"), ("vendor-expired", "PKI-VALIDITY")):
        leaf = load_certificates(directory / f"{name}.pem")[0]
        with pytest.raises(Refusal) as caught:
            verify_certificate(store, leaf, (), Role.TLS_CLIENT, datetime.now(UTC))
        assert caught.value.check.id == check


@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_tls_between_two_parties(generation: Generation) -> None:
    """Both parties load the files as they are, and connect to the name in the certificate."""
    directory = CERTS_TEST / generation
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    name = "vendor-a-auth" if generation == "g4" else "vendor-a"
    for context, who in ((server, "gateway-tls"), (client, name)):
        context.load_cert_chain(directory / f"{who}.pem", directory / f"{who}.key")
        context.load_verify_locations(directory / "ca.pem")
        for crl in (directory / "crl").iterdir():
            context.load_verify_locations(crl)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        context.verify_mode = ssl.CERT_REQUIRED
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (near, far):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    peer = far.getpeercert(binary_form=True)
    assert peer is not None
    assert oin_of(x509.load_der_x509_certificate(peer)) == OINS[name]
