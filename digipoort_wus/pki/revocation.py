"""Revocation lists: every level of a chain, with values instead of a network.

RFC 5280 6.3 for complete CRLs: those of PKIoverheid are neither indirect nor
delta, so a CRL with a critical extension is not used at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.pki.profiles import UNREADABLE, extension_of

ACCEPTED_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
"""For signatures of certificates and CRLs (NCSC 2025-05 3.3.5: SHA-1 and MD5 are insufficient)."""
WRONG_HASH = "not signed with SHA-256, SHA-384 or SHA-512"


@dataclass(frozen=True, slots=True)
class Window:
    """The times, both inclusive, between which an answer stays the same."""

    since: datetime
    until: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.since <= moment <= self.until

    def __and__(self, other: "Window") -> "Window":
        return Window(max(self.since, other.since), min(self.until, other.until))


@dataclass(frozen=True, slots=True)
class IndexedCrl:
    """A CRL with what is asked of it at each request; made by :func:`crl_set`."""

    crl: x509.CertificateRevocationList
    this_update: datetime
    next_update: datetime | None
    # cryptography's own lookup walks the list: 3.5 ms for 20 000 entries.
    serials: frozenset[int]
    unusable: str
    # Issuers (SHA-256) whose key made the signature: checked once, asked at each request.
    signers: set[bytes] = field(default_factory=set, repr=False, compare=False)

    def signed_by(self, issuer: x509.Certificate) -> bool:
        """Tell whether an issuer that may sign CRLs signed this one (RFC 5280 6.3.3 f and g)."""
        fingerprint = issuer.fingerprint(hashes.SHA256())
        if fingerprint not in self.signers:
            if not is_signed_by(self.crl, issuer):
                return False
            self.signers.add(fingerprint)
        return True


@dataclass(frozen=True, slots=True)
class CrlSet:
    """The CRLs that are at hand, indexed by issuer; build one with :func:`crl_set`."""

    by_issuer: Mapping[bytes, tuple[IndexedCrl, ...]] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )

    def check_not_revoked(self, chain: Sequence[x509.Certificate], at: datetime) -> Window:
        """Check each certificate of a chain against the CRL of its issuer (Digikoppeling PKI002).

        The anchor itself is trusted because somebody chose it, and is not looked up.

        Args:
            chain: the leaf, then its issuers; the last one is the trust anchor.
            at: aware moment of the question.

        Returns:
            When the same CRLs give the same answer.

        Raises:
            Refusal: PKI_CRL; for a level there is no CRL, none that the issuer signed, or
                none that is current. PKI_REVOKED; a certificate is listed.
        """
        window = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
        # From the top: the CRL of a revoked CA proves nothing.
        for level in range(len(chain) - 2, -1, -1):
            window &= self._check_level(chain[level], chain[level + 1], at)
        return window

    def used_for(
        self, chain: Sequence[x509.Certificate], at: datetime
    ) -> tuple[x509.CertificateRevocationList, ...]:
        """Return the CRLs by which :meth:`check_not_revoked` judges a chain, leaf's issuer first.

        Args:
            chain: the leaf, then its issuers; the last one is the trust anchor.
            at: aware moment of the question.
        """
        return tuple(crl.crl for issuer in chain[1:] for crl in _latest(self._signed(issuer), at))

    def _signed(self, issuer: x509.Certificate) -> list[IndexedCrl]:
        named = self.by_issuer.get(issuer.subject.public_bytes(), ())
        return [crl for crl in named if not crl.unusable and crl.signed_by(issuer)]

    def _check_level(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> Window:
        named = self.by_issuer.get(issuer.subject.public_bytes(), ())
        signed = self._signed(issuer)
        latest = _latest(signed, at)
        since = latest[0].this_update if latest else at
        ends = [crl.next_update for crl in latest if crl.next_update is not None]
        if not latest or len(ends) < len(latest) or min(ends) < at:
            raise _no_crl(issuer, named, signed, latest)
        if any(certificate.serial_number in crl.serials for crl in latest):
            level = "CA certificate" if _is_authority(certificate) else "certificate"
            raise Refusal(
                checks.PKI_REVOKED,
                expected="not on the CRL of its issuer",
                received=f"{level} with serial {certificate.serial_number:x} on the CRL "
                f"of {format_second(since)}",
            )
        # A newer list that is already at hand takes over from its thisUpdate on; these
        # times count in whole seconds.
        later = [crl.this_update - timedelta(seconds=1) for crl in signed if crl.this_update > at]
        return Window(since, min([*ends, *later]))


def crl_set(crls: Iterable[x509.CertificateRevocationList], *known: CrlSet) -> CrlSet:
    """Index CRLs by issuer; signatures are verified when a chain names the issuer's key.

    Args:
        crls: to index, which takes seconds for a million entries.
        known: the same octets are not indexed again.
    """
    ready = {
        _fingerprint(entry.crl): entry
        for indexed in known
        for entries in indexed.by_issuer.values()
        for entry in entries
    }
    by_issuer: dict[bytes, tuple[IndexedCrl, ...]] = {}
    for crl in crls:
        name = crl.issuer.public_bytes()
        entry = ready.get(_fingerprint(crl)) if ready else None
        by_issuer[name] = (*by_issuer.get(name, ()), entry or _indexed(crl))
    return CrlSet(MappingProxyType(by_issuer))


def is_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Tell whether an issuer that may sign CRLs signed one; reads none of its entries.

    RFC 5280 6.3.3 f and g.
    """
    usage, key = extension_of(issuer, x509.KeyUsage), issuer.public_key()
    if (usage is not None and not usage.crl_sign) or not isinstance(key, rsa.RSAPublicKey):
        return False
    return crl.is_signature_valid(key)


def is_well_hashed(crl: x509.CertificateRevocationList) -> bool:
    """Tell whether the hash of a CRL's signature is good enough to look at the signature."""
    try:
        return isinstance(crl.signature_hash_algorithm, ACCEPTED_HASHES)
    except UNREADABLE:
        return False


def format_second(moment: datetime) -> str:
    """Write a certificate's or CRL's time as in ``2026-01-01T00:00:00Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _latest(signed: Sequence[IndexedCrl], at: datetime) -> list[IndexedCrl]:
    """Return the issuer's latest word, of lists that it signed; two of the same second count."""
    # An older list that is still current does not bring back what the latest one took away.
    begun = [crl for crl in signed if crl.this_update <= at]
    since = max((crl.this_update for crl in begun), default=at)
    return [crl for crl in begun if crl.this_update == since]


def _fingerprint(crl: x509.CertificateRevocationList) -> bytes:
    return crl.fingerprint(hashes.SHA256())


def _indexed(crl: x509.CertificateRevocationList) -> IndexedCrl:
    serials: frozenset[int] = frozenset()
    unusable = why_unusable(crl)
    if not unusable:
        serials = frozenset(entry.serial_number for entry in crl)
    return IndexedCrl(crl, crl.last_update_utc, crl.next_update_utc, serials, unusable)


def why_unusable(crl: x509.CertificateRevocationList) -> str:
    """Return why a CRL cannot be used, in words that follow "a CRL"; empty when it can."""
    if not is_well_hashed(crl):
        return WRONG_HASH
    try:
        # RFC 5280 5.2 and 5.3: who does not process a critical extension, of the list or
        # of an entry, does not use the list. They mark lists that are not complete.
        if any(extension.critical for extension in crl.extensions):
            return "with a critical extension"
        if any(extension.critical for entry in crl for extension in entry.extensions):
            return "with a critical entry extension"
    except UNREADABLE:
        return "that cannot be read"
    return ""


def _no_crl(
    issuer: x509.Certificate,
    named: Sequence[IndexedCrl],
    signed: Sequence[IndexedCrl],
    latest: Sequence[IndexedCrl],
) -> Refusal:
    if latest:
        ends = [crl.next_update for crl in latest if crl.next_update is not None]
        received = f"nextUpdate {format_second(min(ends))}" if ends else "no nextUpdate"
    elif signed:
        received = f"thisUpdate {format_second(min(crl.this_update for crl in signed))}"
    elif named:
        reasons = sorted({crl.unusable for crl in named} - {""})
        received = f"a CRL {reasons[0]}" if reasons else "a CRL that the issuer's key did not sign"
    else:
        received = "no CRL"
    name = issuer.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    label = str(name[0].value) if name else "its issuer"
    return Refusal(checks.PKI_CRL, expected=f"a current CRL of {label}", received=received)


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca
