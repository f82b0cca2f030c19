"""Files of certificates, keys and CRLs: loaded, or refused with a sentence that helps."""

import base64
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.distribution import read_crl
from digipoort_wus.pki.identity import (
    Identity,
    load_certificates,
    load_crls,
    load_pem,
    load_pkcs12,
)
from digipoort_wus.pki.profiles import TEST
from tests.unit.pki.scenarios import CERTS_TEST

G1 = CERTS_TEST / "g1"
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8 = serialization.PrivateFormat.PKCS8


@pytest.fixture(scope="module")
def vendor_a() -> Identity:
    return load_pem(G1 / "vendor-a.pem", G1 / "vendor-a.key")


def test_pem_and_pkcs12_hold_the_same(vendor_a: Identity) -> None:
    bundle = load_pkcs12(G1 / "vendor-a.p12", "test")
    assert (bundle.certificate, bundle.chain) == (vendor_a.certificate, vendor_a.chain)
    assert bundle.private_key.private_numbers() == vendor_a.private_key.private_numbers()
    assert len(vendor_a.chain) == 2


def test_der_files(vendor_a: Identity, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.der", tmp_path / "cert.der"
    key.write_bytes(vendor_a.private_key.private_bytes(DER, PKCS8, serialization.NoEncryption()))
    certificate.write_bytes(vendor_a.certificate.public_bytes(DER))
    loaded = load_pem(certificate, key)
    assert loaded.certificate == vendor_a.certificate
    assert loaded.chain == ()


def test_repr_has_no_key(vendor_a: Identity) -> None:
    assert "key" not in repr(vendor_a).lower().replace("pkey", "")


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        ("vendor-a.pem", "vendor-b.key", "does not belong to the certificate"),
        ("ca.pem", "vendor-a.key", "does not belong"),
        ("vendor-a.key", "vendor-a.key", "no certificate that can be read"),
        ("vendor-a.pem", "vendor-a.pem", "no private key that can be read"),
        ("absent.pem", "vendor-a.key", "No such file"),
        ("vendor-a.pem", "absent.key", "No such file"),
    ],
)
def test_pairs_that_cannot_be_used(certificate: str, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_pem(G1 / certificate, G1 / key)
    assert ": " in str(caught.value)


def test_protected_key(vendor_a: Identity, tmp_path: Path) -> None:
    path = tmp_path / "protected.key"
    encryption = serialization.BestAvailableEncryption(b"x")
    path.write_bytes(vendor_a.private_key.private_bytes(PEM, PKCS8, encryption))
    with pytest.raises(ConfigurationError, match="protected by a password"):
        load_pem(G1 / "vendor-a.pem", path)


def test_key_that_is_not_rsa(tmp_path: Path) -> None:
    path = tmp_path / "ec.key"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(PEM, PKCS8, serialization.NoEncryption()))
    with pytest.raises(ConfigurationError, match="not RSA"):
        load_pem(G1 / "vendor-a.pem", path)


@pytest.mark.parametrize("password", ["", "wrong", "Test"])
def test_wrong_password(password: str) -> None:
    with pytest.raises(ConfigurationError, match="password is right"):
        load_pkcs12(G1 / "vendor-a.p12", password)


def test_pkcs12_without_key(vendor_a: Identity, tmp_path: Path) -> None:
    path = tmp_path / "certificates.p12"
    path.write_bytes(
        pkcs12.serialize_java_truststore(
            [pkcs12.PKCS12Certificate(vendor_a.certificate, None)], serialization.NoEncryption()
        )
    )
    with pytest.raises(ConfigurationError, match="holds no private key"):
        load_pkcs12(path, "")


def test_pkcs12_with_root_in_any_order(vendor_a: Identity, tmp_path: Path) -> None:
    path = tmp_path / "all.p12"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            None,
            vendor_a.private_key,
            vendor_a.certificate,
            load_certificates(G1 / "ca.pem"),
            serialization.NoEncryption(),
        )
    )
    assert load_pkcs12(path, "").chain == vendor_a.chain


VERSION = bytes.fromhex("a003020102")
COMMON_NAME = bytes.fromhex("06035504030c")


def changed_octets(certificate: x509.Certificate, before: bytes, after: bytes) -> bytes:
    der = certificate.public_bytes(DER)
    changed = der.replace(before, after, 1)
    assert changed != der
    return changed


def test_a_certificate_of_no_known_version_is_told_of(vendor_a: Identity, tmp_path: Path) -> None:
    changed = changed_octets(vendor_a.certificate, VERSION, VERSION[:-1] + b"\x07")
    text = base64.encodebytes(changed)
    armoured = b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"
    for name, octets in (("x.der", changed), ("x.pem", armoured)):
        (tmp_path / name).write_bytes(octets)
        with pytest.raises(ConfigurationError, match="no certificate that can be read"):
            load_certificates(tmp_path / name)


def test_a_ca_with_a_name_that_cannot_be_read_is_told_of() -> None:
    first, *others = load_certificates(G1 / "ca.pem")
    octets = changed_octets(first, COMMON_NAME, COMMON_NAME[:-1] + b"\x03")
    with pytest.raises(ConfigurationError, match=r"Serial .* cannot be read \(TypeError\)"):
        trust_store([x509.load_der_x509_certificate(octets), *others], (), TEST)


def test_a_pkcs12_file_with_a_name_that_cannot_be_read_is_told_of(
    vendor_a: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = changed_octets(vendor_a.certificate, COMMON_NAME, COMMON_NAME[:-1] + b"\x03")
    made = x509.load_der_x509_certificate(octets)
    bundle = pkcs12.PKCS12KeyAndCertificates(
        vendor_a.private_key, pkcs12.PKCS12Certificate(made, None), []
    )
    monkeypatch.setattr(pkcs12, "load_pkcs12", lambda *_: bundle)
    (tmp_path / "x.p12").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="names cannot be read"):
        load_pkcs12(tmp_path / "x.p12", "")


def test_a_crl_of_no_known_version_is_told_of(tmp_path: Path) -> None:
    (crl,) = load_crls(sorted((G1 / "crl").iterdir())[:1])
    der = crl.public_bytes(DER)
    at = der.index(bytes.fromhex("020101"))
    (tmp_path / "x.crl").write_bytes(der[:at] + bytes.fromhex("020107") + der[at + 3 :])
    with pytest.raises(ConfigurationError, match="holds a CRL that cannot be read"):
        load_crls(tmp_path)
    with pytest.raises(Refusal, match="PKI-CRL"):
        read_crl((tmp_path / "x.crl").read_bytes())


def test_crls_of_directory_files_and_bundle(tmp_path: Path) -> None:
    directory = G1 / "crl"
    files = sorted(directory.iterdir())
    bundle = tmp_path / "all.crl"
    bundle.write_bytes(b"".join(path.read_bytes() for path in files))
    for source in (directory, files, bundle, tmp_path):
        assert len(load_crls(source)) == 3
    der = tmp_path / "one.der"
    der.write_bytes(load_crls(files[:1])[0].public_bytes(DER))
    assert load_crls(der) == load_crls(files[:1])


def test_crl_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no CRL"):
        load_crls(tmp_path)
    with pytest.raises(ConfigurationError, match="holds no CRL"):
        load_crls(G1 / "ca.pem")
    (tmp_path / "bad.crl").write_bytes(b"bad")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_crls(tmp_path)
    with pytest.raises(ConfigurationError, match="No such file"):
        load_crls([tmp_path / "absent.crl"])
