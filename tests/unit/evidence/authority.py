"""A time stamping authority of the program openssl, with certificates of its own."""

import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CONFIG = """\
[tsa]
default_tsa = it
[it]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256, sha512
signer_digest = sha256
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class StampAuthority:
    """Answers questions out of a folder that holds its key."""

    folder: Path
    root: x509.Certificate
    leaf: x509.Certificate
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def answer(self, query: bytes, *, beside: x509.Certificate | None = None) -> bytes:
        """Return the answer to a question, with another certificate beside that of the signer."""
        with self._lock:
            return self._answer(query, beside)

    def _answer(self, query: bytes, beside: x509.Certificate | None) -> bytes:
        (self.folder / "query.tsq").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq"]
        command += ["-signer", "tsa.pem", "-inkey", "tsa.key"]
        if beside is not None:
            (self.folder / "beside.pem").write_bytes(beside.public_bytes(Encoding.PEM))
            command += ["-chain", "beside.pem"]
        subprocess.run(
            [*command, "-out", "reply.tsr"], cwd=self.folder, check=True, capture_output=True
        )
        return (self.folder / "reply.tsr").read_bytes()


def make_authority(folder: Path, *, ended: bool = False) -> StampAuthority:
    """Make root and certificate, both valid now; openssl stamps by the system's clock.

    Args:
        folder: for its files.
        ended: the certificate's time is over.
    """
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = (
        _builder(_name("root"), _name("root"), root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    until = datetime.now(UTC) - timedelta(hours=1) if ended else None
    leaf = _for_stamps(_builder(_name("stamps"), _name("root"), key, until=until)).sign(
        root_key, hashes.SHA256()
    )
    (folder / "tsa.cnf").write_text(_CONFIG)
    (folder / "serial").write_text("01\n")
    (folder / "tsa.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (folder / "tsa.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return StampAuthority(folder, root, leaf)


def double_of(leaf: x509.Certificate) -> x509.Certificate:
    """Return a certificate that says the same issuer and number, and that nobody issued.

    It is longer, because what comes with a stamp has to be in order of its octets.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(leaf.subject, leaf.issuer, key, leaf.serial_number)
    names = x509.SubjectAlternativeName([x509.DNSName(f"{'x' * 60}.invalid")])
    return _for_stamps(builder.add_extension(names, critical=False)).sign(key, hashes.SHA256())


def _name(of: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"TEST {of}")])


def _for_stamps(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    return builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    ).add_extension(purpose, critical=True)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    serial: int = 0,
    *,
    until: datetime | None = None,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    edges = now - timedelta(days=1), until or now + timedelta(days=30)
    number = serial or x509.random_serial_number()
    return x509.CertificateBuilder(issuer, subject, key.public_key(), number, *edges)
