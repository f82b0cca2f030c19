"""Issue certificates and CRLs: what the test hierarchies are built with, without policy."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a hierarchy signs its certificates and CRLs."""

    algorithm: hashes.SHA256 | hashes.SHA384 | hashes.SHA512
    padding: padding.PKCS1v15 | padding.PSS


PKCS1_SHA256 = Scheme(hashes.SHA256(), padding.PKCS1v15())
"""PKIoverheid G1."""
PSS_SHA512 = Scheme(hashes.SHA512(), padding.PSS(padding.MGF1(hashes.SHA512()), 64))
"""PKIoverheid G4: RSASSA-PSS with SHA-512, MGF1 with SHA-512, salt of 64 octets."""


@dataclass(frozen=True, slots=True)
class Template:
    """What a certificate shall say, apart from its key, its issuer and the identifiers of both."""

    subject: x509.Name
    not_before: datetime
    not_after: datetime
    extensions: tuple[tuple[x509.ExtensionType, bool], ...]
    """Each with its criticality."""

    def having(self, extension: x509.ExtensionType, *, critical: bool) -> "Template":
        """Return a template with this extension in place of one of the same kind."""
        others = self.lacking(type(extension)).extensions
        return replace(self, extensions=(*others, (extension, critical)))

    def lacking(self, kind: type[x509.ExtensionType]) -> "Template":
        """Return a template without the extension of this kind."""
        others = tuple(pair for pair in self.extensions if not isinstance(pair[0], kind))
        return replace(self, extensions=others)


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that can issue: its certificate, key, signature scheme and issuers.

    Args:
        name: under which its files are known, such as ``issuing-ca``.
        issuers: nearest first, the root last; empty for a root.
    """

    name: str
    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...]
    scheme: Scheme
    key: rsa.RSAPrivateKey = field(repr=False)

    @property
    def sent_chain(self) -> tuple[x509.Certificate, ...]:
        """What a leaf of this CA sends along: the CA and its issuers, without the root."""
        return (self.certificate, *self.issuers)[:-1]


def issue_root(name: str, template: Template, key: rsa.RSAPrivateKey, scheme: Scheme) -> Authority:
    """Return a self-signed CA."""
    public = key.public_key()
    certificate = _sign(template, public, template.subject, key, scheme)
    return Authority(name, certificate, (), scheme, key)


def issue_authority(
    name: str, template: Template, key: rsa.RSAPrivateKey, issuer: Authority
) -> Authority:
    """Return a CA below another one, with the same signature scheme."""
    certificate = issue_certificate(template, key.public_key(), issuer)
    issuers = (issuer.certificate, *issuer.issuers)
    return Authority(name, certificate, issuers, issuer.scheme, key)


def issue_certificate(
    template: Template, key: CertificatePublicKeyTypes, issuer: Authority
) -> x509.Certificate:
    """Return a certificate for a key, with key identifiers and 20 random octets of serial."""
    subject = issuer.certificate.subject
    return _sign(template, key, subject, issuer.key, issuer.scheme)


def issue_crl(
    issuer: Authority,
    revoked: Sequence[tuple[int, datetime]],
    *,
    this_update: datetime,
    next_update: datetime,
    number: int = 1,
) -> x509.CertificateRevocationList:
    """Return a complete CRL, version 2 (RFC 5280 5), of serial numbers and revocation dates."""
    entries = [
        x509.RevokedCertificateBuilder(serial, moment)
        .add_extension(x509.CRLReason(x509.ReasonFlags.cessation_of_operation), critical=False)
        .build()
        for serial, moment in revoked
    ]
    key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    builder = x509.CertificateRevocationListBuilder(
        issuer.certificate.subject, this_update, next_update, revoked_certificates=entries
    )
    return (
        builder.add_extension(key_id, critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
        .sign(issuer.key, issuer.scheme.algorithm, rsa_padding=issuer.scheme.padding)
    )


def _sign(
    template: Template,
    key: CertificatePublicKeyTypes,
    issuer: x509.Name,
    issuer_key: rsa.RSAPrivateKey,
    scheme: Scheme,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=template.subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=template.not_before,
        not_valid_after=template.not_after,
    )
    identifiers: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
    )
    for extension, critical in (*template.extensions, *identifiers):
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, scheme.algorithm, rsa_padding=scheme.padding)
