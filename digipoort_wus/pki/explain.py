"""A certificate explained: its chain as found, what is missing, and what it is good for.

For people: the verdicts are those of :func:`verify_certificate`, one for each role; what
stands around them is read without requiring anything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from digipoort_wus.errors import Refusal
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import TrustStore, verify_certificate
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.pki.profiles import UNREADABLE, Role

_MOST_LINKS = 8
_USES: Mapping[str, str] = {
    Eku.CLIENT_AUTH.dotted_string: "TLS client",
    Eku.SERVER_AUTH.dotted_string: "TLS server",
    Eku.EMAIL_PROTECTION.dotted_string: "e-mail",
    Eku.CODE_SIGNING.dotted_string: "code signing",
    Eku.ANY_EXTENDED_KEY_USAGE.dotted_string: "any",
    profiles.DOCUMENT_SIGNING.dotted_string: "document signing",
    profiles.MS_DOCUMENT_SIGNING.dotted_string: "document signing (Microsoft)",
}
_POLICIES: Mapping[str, str] = {
    profiles.G1_SERVER: "PKIoverheid G1 server",
    profiles.G4_SYSTEM: "PKIoverheid G4 system",
    profiles.G4_LP_AUTHENTICITY: "PKIoverheid G4 authenticity",
    profiles.G4_LP_AUTHENTICATION: "PKIoverheid G4 authentication",
    profiles.TRIAL_SYSTEM: "TRIAL G4 system",
    profiles.TRIAL_LP_AUTHENTICITY: "TRIAL G4 authenticity",
    profiles.TRIAL_LP_AUTHENTICATION: "TRIAL G4 authentication",
    profiles.TEST_G1_SERVER: "test G1 server",
    profiles.ANY_POLICY: "any",
}


@dataclass(frozen=True, slots=True)
class Link:
    """One certificate of a chain.

    Args:
        name: common name of the subject, or its serial number.
        found_in: where it was: the message, the file, or the trust store.
        days_left: whole days until notAfter; negative when it is over.
        key: kind and size of the key.
        revocation: what the CRL of its issuer says, or what is wrong with that.
    """

    certificate: x509.Certificate
    name: str
    found_in: str
    not_before: datetime
    not_after: datetime
    days_left: int
    key: str
    revocation: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What is known of one certificate.

    Args:
        oin: None when the subject has none that can be read.
        uses: extended key usages, in words where we have them.
        policies: certificate policies, in words where we have them.
        purposes: roles that its own extensions allow, with the mode that accepts its policy.
        links: the chain from the leaf upwards, as far as it was found.
        missing: what would complete the chain; empty when it is complete.
        verdicts: for each role, the refusal, or None when it passes.
    """

    certificate: x509.Certificate
    oin: str | None
    uses: tuple[str, ...]
    policies: tuple[str, ...]
    purposes: tuple[str, ...]
    links: tuple[Link, ...]
    missing: str
    verdicts: Mapping[Role, Refusal | None]


def explain_certificate(
    store: TrustStore,
    leaf: x509.Certificate,
    sent: Sequence[x509.Certificate],
    at: datetime,
    *,
    roles: Sequence[Role] = (Role.TLS_CLIENT, Role.SIGNER),
) -> Explained:
    """Explain a certificate: who it is, its chain, and whether it may do what is asked.

    Args:
        store: whom to believe.
        leaf: the certificate in question.
        sent: others that came with it; never trusted by themselves.
        at: aware moment for dates and CRLs.
        roles: what it might be used for.
    """
    chain = _chain_of(store, leaf, sent)
    return Explained(
        certificate=leaf,
        oin=_oin(leaf),
        uses=_uses(leaf),
        policies=_policies(leaf),
        purposes=purposes_of(leaf),
        links=tuple(_link(store, chain, level, leaf, sent, at) for level in range(len(chain))),
        missing=_missing(store, chain),
        verdicts={role: _verdict(store, leaf, sent, role, at) for role in roles},
    )


def purposes_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return what a certificate's own extensions make it good for, such as "signing (test)"."""
    found = []
    for acceptance in (profiles.PRODUCTION, profiles.TEST):
        for role in Role:
            try:
                profiles.check_purpose((certificate,), role)
                profiles.check_policy((certificate,), role, acceptance)
            except (Refusal, *UNREADABLE):
                continue
            found.append(f"{role.value} ({acceptance.name})")
    return tuple(found)


def name_of(certificate: x509.Certificate) -> str:
    """Return the common name of a subject as one harmless line, or its serial number."""
    return _common_name(lambda: certificate.subject) or f"serial {certificate.serial_number:x}"


def issuer_of(certificate: x509.Certificate) -> str:
    """Return the common name of an issuer as one harmless line; empty when there is none."""
    return _common_name(lambda: certificate.issuer)


def _common_name(read: Callable[[], x509.Name]) -> str:
    try:
        names = read().get_attributes_for_oid(NameOID.COMMON_NAME)
    except UNREADABLE:
        return ""
    text = str(names[0].value) if names else ""
    return "".join(char if char.isprintable() else "?" for char in text)[:80]


def _chain_of(
    store: TrustStore, leaf: x509.Certificate, sent: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Follow issuers by name and signature, whatever else is wrong with them."""
    chain = [leaf]
    known = (*sent, *store.intermediates, *store.anchors)
    while len(chain) < _MOST_LINKS and chain[-1] not in store.anchors:
        issuer = next(
            (other for other in known if other not in chain and _issued(other, chain[-1])), None
        )
        if issuer is None:
            break
        chain.append(issuer)
    return tuple(chain)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _link(
    store: TrustStore,
    chain: Sequence[x509.Certificate],
    level: int,
    leaf: x509.Certificate,
    sent: Sequence[x509.Certificate],
    at: datetime,
) -> Link:
    certificate = chain[level]
    if certificate in store.anchors:
        where = "trusted root"
    elif certificate in store.intermediates:
        where = "trust store"
    else:
        where = "given" if certificate is leaf or certificate in sent else "trust store"
    return Link(
        certificate=certificate,
        name=name_of(certificate),
        found_in=where,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        days_left=(certificate.not_valid_after_utc - at).days,
        key=_key(certificate),
        revocation=_revocation(store, chain, level, at),
    )


def _revocation(
    store: TrustStore, chain: Sequence[x509.Certificate], level: int, at: datetime
) -> str:
    if level + 1 >= len(chain):
        return "" if chain[level] in store.anchors else "not known: its issuer is not here"
    try:
        window = store.crls.check_not_revoked(chain[level : level + 2], at.replace(microsecond=0))
    except Refusal as refusal:
        return f"{refusal.check.id}: {refusal.received}"
    except UNREADABLE:
        return "not known: it cannot be read"
    return f"not revoked; CRL until {window.until:%Y-%m-%d %H:%M}"


def _missing(store: TrustStore, chain: Sequence[x509.Certificate]) -> str:
    top = chain[-1]
    if top in store.anchors:
        return ""
    try:
        if top.issuer == top.subject:
            return f"{name_of(top)} is a root that is not trusted here"
    except UNREADABLE:
        return f"the names of {name_of(top)} cannot be read"
    issuer = issuer_of(top) or "its issuer"
    fetch = _where_issuer(top)
    return f"the certificate of {issuer} is not here" + (
        f"; it is said to be at {fetch}" if fetch else ""
    )


def _where_issuer(certificate: x509.Certificate) -> str:
    try:
        access = profiles.extension_of(certificate, x509.AuthorityInformationAccess)
    except UNREADABLE:
        return ""
    for description in access or ():
        if description.access_method == AuthorityInformationAccessOID.CA_ISSUERS:
            return str(description.access_location.value)[:200]
    return ""


def _verdict(
    store: TrustStore,
    leaf: x509.Certificate,
    sent: Sequence[x509.Certificate],
    role: Role,
    at: datetime,
) -> Refusal | None:
    try:
        verify_certificate(store, leaf, sent, role, at)
    except Refusal as refusal:
        return refusal
    return None


def _oin(certificate: x509.Certificate) -> str | None:
    try:
        return oin_of(certificate)
    except Refusal:
        return None


def _uses(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extended = profiles.extension_of(certificate, x509.ExtendedKeyUsage)
    except UNREADABLE:
        return ("cannot be read",)
    return tuple(_in_words(_USES, (oid.dotted_string for oid in extended or ())))


def _policies(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        return tuple(_in_words(_POLICIES, sorted(profiles.policies_of(certificate))))
    except UNREADABLE:
        return ("cannot be read",)


def _in_words(words: Mapping[str, str], oids: Iterable[str]) -> Iterable[str]:
    return (words.get(oid, oid) for oid in oids)


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return "a key that cannot be read"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.lstrip("_").removesuffix("PublicKey")
