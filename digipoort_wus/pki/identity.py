"""Certificates, keys and CRLs from files: every failure is a sentence for the operator."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.profiles import UNREADABLE

_CRL_PEM = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_CRL_SUFFIXES = frozenset({".pem", ".crl", ".der"})


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key and the issuers that are sent along.

    Args:
        certificate: the leaf.
        chain: its issuers, nearest first, without the root (Digikoppeling: leaf, TSP, domain).
        private_key: the key of ``certificate``; no part of ``repr``.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    private_key: rsa.RSAPrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if self.certificate.public_key() != self.private_key.public_key():
            raise ConfigurationError(
                "The private key does not belong to the certificate: give the pair that "
                "was made together, with the leaf as the first certificate of the file."
            )


def load_pem(cert_path: Path, key_path: Path) -> Identity:
    """Load a certificate file (leaf first, then its issuers) and its unencrypted key file.

    Raises:
        ConfigurationError: a file cannot be read or used, or the two do not belong together.
    """
    certificates = load_certificates(cert_path)
    data = _read(key_path)
    load = (
        serialization.load_pem_private_key
        if b"-----BEGIN" in data
        else serialization.load_der_private_key
    )
    try:
        key = load(data, None)
    except TypeError as error:
        raise ConfigurationError(
            f"The key in {key_path} is protected by a password: "
            "remove it with `openssl pkey`, or use PKCS#12."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            f"{key_path} holds no private key that can be read: give a PEM file with PKCS#8."
        ) from error
    return _identity(certificates[0], certificates[1:], key, f"{cert_path} and {key_path}")


def load_pkcs12(path: Path, password: str) -> Identity:
    """Load a PKCS#12 file with one key, its certificate and the issuers.

    Raises:
        ConfigurationError: the file cannot be read, the password is wrong, or key or
            certificate is missing.
    """
    data = _read(path)
    try:
        bundle = pkcs12.load_pkcs12(data, password.encode())
    except UNREADABLE as error:
        raise ConfigurationError(
            f"{path} cannot be opened: check that it is PKCS#12 and that the password is right."
        ) from error
    if bundle.cert is None or bundle.key is None:
        missing = "private key" if bundle.key is None else "certificate"
        raise ConfigurationError(f"{path} holds no {missing}: export certificate and key together.")
    leaf = bundle.cert.certificate
    try:
        issuers = _nearest_first(leaf, [extra.certificate for extra in bundle.additional_certs])
    except UNREADABLE as error:
        raise ConfigurationError(
            f"{path} holds a certificate whose names cannot be read: have it issued again."
        ) from error
    return _identity(leaf, issuers, bundle.key, str(path))


def load_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Load every certificate of a PEM file, in order, or the one of a DER file.

    Raises:
        ConfigurationError: the file cannot be read or holds no certificate.
    """
    data = _read(path)
    try:
        if b"-----BEGIN" in data:
            return tuple(x509.load_pem_x509_certificates(data))
        return (x509.load_der_x509_certificate(data),)
    except UNREADABLE as error:
        raise ConfigurationError(
            f"{path} holds no certificate that can be read: give X.509 in PEM or DER."
        ) from error


def load_crls(source: Path | Iterable[Path]) -> tuple[x509.CertificateRevocationList, ...]:
    """Load CRLs (PEM, several per file, or DER) from a directory, or from the named files.

    Of a directory the files ending in .pem, .crl and .der count.

    Raises:
        ConfigurationError: a file cannot be read or holds no CRL, or there is none at all.
    """
    if isinstance(source, Path):
        paths = crl_files(source)
        if not paths:
            raise ConfigurationError(
                f"{source} holds no CRL: put the CRL of every CA there, as .pem, .crl or .der."
            )
    else:
        paths = list(source)
    return tuple(crl for path in paths for crl in _crls_of(path))


def crl_files(source: Path) -> list[Path]:
    """Return the files of a directory that hold CRLs, by their names; a file is its own."""
    if not source.is_dir():
        return [source]
    return sorted(path for path in source.iterdir() if path.suffix in _CRL_SUFFIXES)


def _crls_of(path: Path) -> list[x509.CertificateRevocationList]:
    data = _read(path)
    try:
        if b"-----BEGIN" not in data:
            return [x509.load_der_x509_crl(data)]
        found = [x509.load_pem_x509_crl(block) for block in _CRL_PEM.findall(data)]
    except UNREADABLE as error:
        raise ConfigurationError(
            f"{path} holds a CRL that cannot be read: fetch it again, in PEM or DER."
        ) from error
    if not found:
        raise ConfigurationError(f"{path} holds no CRL: remove it, or put a CRL in it.")
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}): check the path and its permissions."
        ) from error


def _nearest_first(
    leaf: x509.Certificate, others: list[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Order issuers as peers expect them; PKCS#12 keeps no order, and may hold the root."""
    chain: list[x509.Certificate] = []
    by_subject = {other.subject: other for other in others}
    current = leaf
    while (issuer := by_subject.pop(current.issuer, None)) is not None:
        if issuer.issuer != issuer.subject:
            chain.append(issuer)
        current = issuer
    return tuple(chain)


def _identity(
    certificate: x509.Certificate,
    chain: tuple[x509.Certificate, ...],
    key: object,
    where: str,
) -> Identity:
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError(
            f"The key of {where} is not RSA: Digipoort signs with RSA, get such a certificate."
        )
    try:
        return Identity(certificate, chain, key)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error
    except UNREADABLE as error:
        raise ConfigurationError(
            f"{where}: the public key of the certificate cannot be read: have it issued again."
        ) from error
