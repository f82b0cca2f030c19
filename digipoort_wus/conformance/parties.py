"""Whose certificates a run may use: those of a test PKI, or the one that was given."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from digipoort_wus.conformance.recipes import MissingCertificate
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.identity import Identity, load_certificates, load_pem

SENDER = "vendor-a"
"""The name of the ordinary sender in case files."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a certificate with its issuers, and its key, are: PEM, without password."""

    certificate: Path
    key: Path


class Parties:
    """Certificates by the names that case files use.

    Args:
        ca: roots and intermediates of the endpoint's own certificate.
        sender: stands for ``vendor-a``; None takes everything from the directory.
        directory: a test PKI; None when there is only the sender.
    """

    def __init__(self, ca: Path, sender: Files | None, directory: Path | None) -> None:
        if sender is None and directory is None:
            raise ConfigurationError("Give a test PKI, or a certificate and its key.")
        self.ca = ca
        self._sender = sender
        self._directory = directory
        self._loaded: dict[str, Identity] = {}

    def files(self, name: str) -> Files:
        """Return the files of a party.

        Raises:
            MissingCertificate: there are none.
        """
        if name == SENDER and self._sender is not None:
            return self._sender
        if self._directory is not None:
            files = Files(self._directory / f"{name}.pem", self._directory / f"{name}.key")
            if files.certificate.is_file() and files.key.is_file():
                return files
        raise MissingCertificate(f"there is no certificate {name}")

    def identity(self, name: str) -> Identity:
        """Return certificate and key of a party.

        Raises:
            MissingCertificate: there is none.
            ConfigurationError: its files cannot be used.
        """
        if name not in self._loaded:
            files = self.files(name)
            self._loaded[name] = load_pem(files.certificate, files.key)
        return self._loaded[name]

    def certificates(self, name: str) -> tuple[x509.Certificate, ...]:
        """Return the certificate of a party and its issuers, whatever kind of key it has.

        Raises:
            MissingCertificate: there is none.
            ConfigurationError: its file cannot be used.
        """
        return load_certificates(self.files(name).certificate)
