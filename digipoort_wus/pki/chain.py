"""Whether a certificate may be believed: path, key, purpose, policy, revocation, OIN.

One numbered function (RFC 5280 6 with Digikoppeling PKI001 to PKI005). The path is
built by ``cryptography``'s verifier; what that verifier leaves open is checked here:
keyCertSign of issuers, a CA that poses as leaf, key sizes, policies and CRLs.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import verification

from digipoort_wus import checks
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.pki import profiles
from digipoort_wus.pki.anchors import Anchor, AnchorRule, anchors_of
from digipoort_wus.pki.oin import Oin, oin_of
from digipoort_wus.pki.profiles import Acceptance, Role
from digipoort_wus.pki.revocation import (
    ACCEPTED_HASHES,
    CrlSet,
    Window,
    crl_set,
    format_second,
)

MAX_SENT = 8
"""Certificates beside the leaf that a peer may send; PKIoverheid needs two."""
_MAX_INTERMEDIATES = 4


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Whom to believe, and for what; :func:`trust_store` makes one from files' contents.

    Args:
        roots: each with the roles for which it may end a chain, and until when; nothing
            else is trusted by itself.
        intermediates: issuers known here, for peers that send their leaf only.
        crls: one for every issuer, roots included.
        acceptance: policies per role and OIN prefixes, of production or of tests.
        minimum_rsa_bits: of every key in a chain (Digikoppeling TLSCIPH001).
    """

    roots: tuple[Anchor, ...]
    intermediates: tuple[x509.Certificate, ...]
    crls: CrlSet
    acceptance: Acceptance
    minimum_rsa_bits: int = 2048

    def __post_init__(self) -> None:
        if not self.roots:
            raise ConfigurationError(
                "There is no trust anchor: give a file with at least one self-signed root."
            )

    @property
    def anchors(self) -> tuple[x509.Certificate, ...]:
        """The certificates of the roots, whatever they are trusted for."""
        return tuple(anchor.certificate for anchor in self.roots)

    def authorities_for(
        self, role: Role, at: datetime | None = None
    ) -> tuple[x509.Certificate, ...]:
        """Return the roots that may end a chain for a role, and the intermediates.

        For a TLS stack, which knows of trusted and untrusted only.

        Args:
            role: of the leaf.
            at: aware moment after which no root counts that ended before; when None, that is
                left to :func:`verify_certificate`.
        """
        serving = [
            anchor.certificate
            for anchor in self.roots
            if (role in anchor.roles if at is None else anchor.serves(role, at))
        ]
        return (*serving, *self.intermediates)


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """A certificate that passed every check for one role at one moment."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    """The leaf, then its issuers up to and including the trust anchor."""
    oin: Oin
    crls: tuple[x509.CertificateRevocationList, ...] = field(default=(), repr=False)
    """Those that the chain was judged by, of every level."""


def trust_store(
    certificates: Iterable[x509.Certificate],
    crls: Iterable[x509.CertificateRevocationList] | CrlSet,
    acceptance: Acceptance,
    *,
    minimum_rsa_bits: int = 2048,
    anchor_rules: Iterable[AnchorRule] = (),
) -> TrustStore:
    """Make a store of CA certificates (self-signed ones are the anchors) and CRLs.

    Args:
        certificates: roots and intermediates.
        crls: of each of them, or those that are indexed already.
        acceptance: policies per role and OIN prefixes.
        minimum_rsa_bits: of every key in a chain.
        anchor_rules: for which roles and until when a root is trusted; one without a rule
            serves every role until its notAfter.

    Raises:
        ConfigurationError: no certificate is a root, one is no CA or cannot be read, or a rule
            fits no root.
    """
    known = tuple(certificates)
    for certificate in known:
        try:
            profiles.read_late(certificate)
        except profiles.UNREADABLE as error:
            raise ConfigurationError(
                f"Serial {certificate.serial_number:x} of the trust store cannot be read "
                f"({type(error).__name__}): get that CA certificate again, or leave it out."
            ) from error
        constraints = profiles.extension_of(certificate, x509.BasicConstraints)
        if constraints is None or not constraints.ca:
            # Trusted as an anchor it would pass without CRL; believed it should be by its OIN.
            raise ConfigurationError(
                f"Serial {certificate.serial_number:x} is no CA certificate: the trust store "
                "holds roots and intermediates only, never the certificates of parties."
            )
    roots = tuple(certificate for certificate in known if _is_root(certificate))
    intermediates = tuple(certificate for certificate in known if certificate not in roots)
    anchors = anchors_of(roots, anchor_rules)
    indexed = crls if isinstance(crls, CrlSet) else crl_set(crls)
    return TrustStore(anchors, intermediates, indexed, acceptance, minimum_rsa_bits)


def verify_certificate(
    store: TrustStore,
    leaf: x509.Certificate,
    sent: Sequence[x509.Certificate],
    role: Role,
    at: datetime,
) -> VerifiedCertificate:
    """Verify a certificate for a role at a moment (RFC 5280 6, Digikoppeling PKI001 to PKI005).

    Args:
        store: whom to believe.
        leaf: the certificate in question.
        sent: other certificates that the peer sent, in any order; never trusted by themselves.
        role: what the leaf is used for.
        at: aware moment for dates and CRLs.

    Raises:
        Refusal: the first check that does not hold: PKI_VALIDITY, PKI_CHAIN, PKI_KEY,
            PKI_PURPOSE, PKI_POLICY, PKI_CRL, PKI_REVOKED or PKI_OIN.
    """
    return _verify(store, leaf, sent, role, at)[0]


def accepted_oin(leaf: x509.Certificate, acceptance: Acceptance) -> Oin:
    """Return the OIN of a certificate, when it is one that is good here (Digikoppeling PKI001).

    Raises:
        Refusal: PKI_OIN; there is none, or it is for tests in production or the reverse.
    """
    oin = oin_of(leaf)
    if oin[:8] not in acceptance.oin_prefixes:
        raise Refusal(
            checks.PKI_OIN,
            expected=f"an OIN for {acceptance.name}",
            received=f"an OIN with prefix {oin[:8]}",
        )
    return oin


def _verify(
    store: TrustStore,
    leaf: x509.Certificate,
    sent: Sequence[x509.Certificate],
    role: Role,
    at: datetime,
) -> tuple[VerifiedCertificate, Window]:
    # Certificates count in whole seconds, and the second of notAfter still belongs to it.
    at = at.replace(microsecond=0)
    # (1) Everything that is going to be read can be read.
    if len(sent) > MAX_SENT:
        raise Refusal(
            checks.PKI_CHAIN,
            expected=f"at most {MAX_SENT} certificates beside the leaf",
            received=str(len(sent)),
        )
    for certificate in (leaf, *sent):
        _check_readable(certificate)
    # (2) The leaf's own dates and signature algorithm: said apart from "no path".
    _check_dates(leaf, at)
    _check_signature_hash(leaf)
    # (3) A path to an anchor: signatures, dates, basicConstraints, pathLen, keyCertSign.
    chain, anchor = _path(store, leaf, sent, role, at)
    # (4) Keys, of the issuers too.
    for certificate in chain:
        _check_key(certificate, store.minimum_rsa_bits)
    # (5) Purpose and policy.
    profiles.check_purpose(chain, role)
    profiles.check_policy(chain, role, store.acceptance)
    # (6) Revocation, at every level.
    window = store.crls.check_not_revoked(chain, at)
    # (7) Who it is.
    oin = accepted_oin(leaf, store.acceptance)
    for certificate in chain:
        window &= Window(certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    if anchor.until is not None:
        window &= Window(datetime.min.replace(tzinfo=UTC), anchor.until)
    return VerifiedCertificate(leaf, chain, oin, store.crls.used_for(chain, at)), window


def _check_readable(certificate: x509.Certificate) -> None:
    """Parse what is parsed late, so that no later step meets an unforeseen exception."""
    try:
        profiles.read_late(certificate)
    except profiles.UNREADABLE as error:
        raise Refusal(
            checks.PKI_CHAIN,
            expected="certificates that follow RFC 5280",
            received=f"one that cannot be read ({type(error).__name__})",
        ) from error


def _check_dates(leaf: x509.Certificate, at: datetime) -> None:
    since, until = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if since <= at <= until:
        return
    edge = f"notBefore {format_second(since)}" if at < since else f"notAfter {format_second(until)}"
    raise Refusal(checks.PKI_VALIDITY, expected=f"valid at {format_second(at)}", received=edge)


def _check_signature_hash(leaf: x509.Certificate) -> None:
    algorithm = leaf.signature_hash_algorithm
    if not isinstance(algorithm, ACCEPTED_HASHES):
        raise Refusal(
            checks.PKI_CHAIN,
            expected="a certificate signed with SHA-256, SHA-384 or SHA-512",
            received="no hash" if algorithm is None else algorithm.name,
        )


def _check_key(certificate: x509.Certificate, minimum: int) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= minimum:
        return
    received = f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__
    raise Refusal(checks.PKI_KEY, expected=f"RSA of at least {minimum} bits", received=received)


def _path(
    store: TrustStore,
    leaf: x509.Certificate,
    sent: Sequence[x509.Certificate],
    role: Role,
    at: datetime,
) -> tuple[tuple[x509.Certificate, ...], Anchor]:
    between = [*sent, *store.intermediates]
    serving = [anchor for anchor in store.roots if anchor.serves(role, at)]
    others = [anchor for anchor in store.roots if anchor not in serving]
    try:
        chain = _path_to(serving, leaf, between, at)
    except verification.VerificationError as error:
        if _leads_to(others, leaf, between, at):
            received = "a path to a root that is not, or not any more"
        else:
            # What follows in parentheses is a subject, possibly that of a person.
            received = str(error).partition(" (encountered processing")[0]
        raise Refusal(
            checks.PKI_CHAIN,
            expected=f"a path to a root that is trusted for {role.value}",
            received=received,
        ) from error
    return chain, next(anchor for anchor in serving if anchor.certificate == chain[-1])


def _path_to(
    anchors: Sequence[Anchor],
    leaf: x509.Certificate,
    between: Sequence[x509.Certificate],
    at: datetime,
) -> tuple[x509.Certificate, ...]:
    if not anchors:
        raise verification.VerificationError("no root is trusted for this now")
    # This API of cryptography is documented as not yet stable: it is used here only.
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store([anchor.certificate for anchor in anchors]))
        .time(at)
        .max_chain_depth(_MAX_INTERMEDIATES)
        .extension_policies(ca_policy=_CA_POLICY, ee_policy=_LEAF_POLICY)
        .build_client_verifier()
    )
    return tuple(verifier.verify(leaf, list(between)).chain)


def _leads_to(
    anchors: Sequence[Anchor],
    leaf: x509.Certificate,
    between: Sequence[x509.Certificate],
    at: datetime,
) -> bool:
    try:
        _path_to(anchors, leaf, between, at)
    except verification.VerificationError:
        return False
    return True


def _may_sign_certificates(
    _policy: verification.Policy, _certificate: x509.Certificate, usage: x509.KeyUsage
) -> None:
    # The verifier asks for the extension only; a message shows up in the Refusal.
    if not usage.key_cert_sign:
        raise ValueError("CA without keyCertSign")


# certificatePolicies may be critical, and are judged in profiles.check_policy. A leaf
# needs no subjectAltName: an LP certificate and older G1 ones have none.
_CA_POLICY = (
    verification.ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, verification.Criticality.CRITICAL, None)
    .require_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _may_sign_certificates)
    .may_be_present(x509.CertificatePolicies, verification.Criticality.AGNOSTIC, None)
)
_LEAF_POLICY = verification.ExtensionPolicy.permit_all().may_be_present(
    x509.CertificatePolicies, verification.Criticality.AGNOSTIC, None
)


def _is_root(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


@dataclass(slots=True)
class CachingVerifier:
    """:func:`verify_certificate` for one store, with its good answers remembered.

    An answer is used again for the same leaf, role and certificates beside it, and only
    at a moment at which every date of chain and CRLs that led to it still holds; so it
    is always the answer that the store would give anew. New CRLs need a new verifier.
    Refusals are not remembered: they would let strangers fill the cache.

    Args:
        store: whom to believe.
        max_entries: the one that was used longest ago makes room.
    """

    store: TrustStore
    max_entries: int = 1024
    # A leaf itself, which its answer holds anyway: its fingerprint costs more than to compare it.
    _answers: OrderedDict[
        tuple[Role, x509.Certificate, tuple[bytes, ...]], tuple[VerifiedCertificate, Window]
    ] = field(default_factory=OrderedDict, init=False, repr=False)
    # The handshake and the gate may ask from different threads.
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __call__(
        self,
        leaf: x509.Certificate,
        sent: Sequence[x509.Certificate],
        role: Role,
        at: datetime,
    ) -> VerifiedCertificate:
        """Return or raise what :func:`verify_certificate` would."""
        algorithm = hashes.SHA256()
        beside = (certificate.fingerprint(algorithm) for certificate in sent[: MAX_SENT + 1])
        key = (role, leaf, tuple(beside))
        with self._lock:
            remembered = self._answers.get(key)
            if remembered is not None:
                self._answers.move_to_end(key)
        if remembered is not None and at.replace(microsecond=0) in remembered[1]:
            return remembered[0]
        answer = _verify(self.store, leaf, sent, role, at)
        with self._lock:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            while len(self._answers) > self.max_entries:
                self._answers.popitem(last=False)
        return answer[0]
