"""What certificates may be used for, as data: purposes per role, policies per generation.

RFC 5280 leaves both to the relying party; PKIoverheid's profiles for G1 "Private
Services" and G4 "Private TLS Generic Devices" and "Private Other Generic Legal
Persons" fill them in.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter, methodcaller
from types import MappingProxyType
from typing import Literal, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.pki.oin import PRODUCTION_PREFIXES, TEST_PREFIXES

_T = TypeVar("_T", bound=x509.ExtensionType)

UNREADABLE = (
    ValueError,
    # Of names: a tag that no string has (cryptography 49), a BIT STRING that is no id.
    KeyError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises, at once or later, for a certificate or CRL that is not one."""
_READ_LATE = (
    attrgetter("extensions", "subject", "issuer", "signature_hash_algorithm"),
    methodcaller("public_key"),
)

ANY_POLICY = "2.5.29.32.0"
MS_DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.12")
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
MS_ENCRYPTING_FILES = x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.4")
"""What the G4 LP Confidentiality profile names."""

# 41 stands for TRIAL, 44 for production. The 44 of the three LP policies follows that
# rule of the TRIAL profiles and was not seen in a production certificate.
G1_SERVER = "2.16.528.1.1003.1.2.8.6"
G4_SYSTEM = "2.16.528.1.1003.1.2.44.15.35.11"
G4_LP_AUTHENTICITY = "2.16.528.1.1003.1.2.44.16.25.4"
G4_LP_CONFIDENTIALITY = "2.16.528.1.1003.1.2.44.16.25.7"
G4_LP_AUTHENTICATION = "2.16.528.1.1003.1.2.44.16.25.8"
TRIAL_SYSTEM = "2.16.528.1.1003.1.2.41.15.35.11"
TRIAL_LP_AUTHENTICITY = "2.16.528.1.1003.1.2.41.16.25.4"
TRIAL_LP_CONFIDENTIALITY = "2.16.528.1.1003.1.2.41.16.25.7"
TRIAL_LP_AUTHENTICATION = "2.16.528.1.1003.1.2.41.16.25.8"
# G1 has no policy for tests; 2.999 is the arc that is reserved for examples.
TEST_G1_SERVER = "2.999.1003.1.2.8.6"


class Role(Enum):
    """What a certificate is used for at this moment."""

    TLS_CLIENT = "TLS client"
    TLS_SERVER = "TLS server"
    SIGNER = "signing"
    ENCRYPTION_RECIPIENT = "being encrypted to"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What key usage and extended key usage must say for one role.

    keyEncipherment is for encrypting, which TLS 1.2 with ECDHE and TLS 1.3 do not
    do with the certificate's key: the other roles need digitalSignature.
    """

    usage: Literal["digitalSignature", "keyEncipherment"]
    extended: frozenset[x509.ObjectIdentifier]
    """One of these is enough; so is the absence of the extension (old Digikoppeling advice)."""
    binds_authorities: bool
    """Whether an extended key usage of a CA restricts this use, as OpenSSL holds for TLS."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What one mode of operation accepts; production and test are never mixed."""

    name: str
    policies: Mapping[Role, frozenset[str]]
    """Certificate policies per role; one of them must hold along the chain."""
    oin_prefixes: frozenset[str]


PURPOSES: Mapping[Role, Purpose] = MappingProxyType(
    {
        Role.TLS_CLIENT: Purpose(
            "digitalSignature",
            frozenset({Eku.CLIENT_AUTH, Eku.ANY_EXTENDED_KEY_USAGE}),
            binds_authorities=True,
        ),
        Role.TLS_SERVER: Purpose(
            "digitalSignature",
            frozenset({Eku.SERVER_AUTH, Eku.ANY_EXTENDED_KEY_USAGE}),
            binds_authorities=True,
        ),
        # Most organisations sign with their system certificate, which names TLS purposes only.
        Role.SIGNER: Purpose(
            "digitalSignature",
            frozenset(
                {
                    Eku.CLIENT_AUTH,
                    Eku.SERVER_AUTH,
                    DOCUMENT_SIGNING,
                    MS_DOCUMENT_SIGNING,
                    Eku.ANY_EXTENDED_KEY_USAGE,
                }
            ),
            binds_authorities=False,
        ),
        # WB012: an answer is encrypted to the certificate that signed the request, so
        # what a system certificate names is enough here too.
        Role.ENCRYPTION_RECIPIENT: Purpose(
            "keyEncipherment",
            frozenset(
                {
                    Eku.CLIENT_AUTH,
                    Eku.SERVER_AUTH,
                    MS_ENCRYPTING_FILES,
                    Eku.ANY_EXTENDED_KEY_USAGE,
                }
            ),
            binds_authorities=False,
        ),
    }
)


def _policies(
    system: set[str], *, authentication: str, authenticity: str, confidentiality: str
) -> Mapping[Role, frozenset[str]]:
    return MappingProxyType(
        {
            Role.TLS_CLIENT: frozenset(system | {authentication}),
            Role.TLS_SERVER: frozenset(system),
            Role.SIGNER: frozenset(system | {authenticity}),
            Role.ENCRYPTION_RECIPIENT: frozenset(system | {confidentiality}),
        }
    )


PRODUCTION = Acceptance(
    "production",
    _policies(
        {G1_SERVER, G4_SYSTEM},
        authentication=G4_LP_AUTHENTICATION,
        authenticity=G4_LP_AUTHENTICITY,
        confidentiality=G4_LP_CONFIDENTIALITY,
    ),
    PRODUCTION_PREFIXES,
)
TEST = Acceptance(
    "test",
    _policies(
        {TEST_G1_SERVER, TRIAL_SYSTEM},
        authentication=TRIAL_LP_AUTHENTICATION,
        authenticity=TRIAL_LP_AUTHENTICITY,
        confidentiality=TRIAL_LP_CONFIDENTIALITY,
    ),
    TEST_PREFIXES,
)


_MAY: Mapping[str, Callable[[x509.KeyUsage], bool]] = MappingProxyType(
    {
        "digitalSignature": lambda usage: usage.digital_signature,
        "keyEncipherment": lambda usage: usage.key_encipherment,
    }
)


def check_purpose(chain: Sequence[x509.Certificate], role: Role) -> None:
    """Check that a chain may serve a role (RFC 5280 4.2.1.3, 4.2.1.9 and 4.2.1.12).

    Args:
        chain: the leaf, then its issuers; the last one is the trust anchor.
        role: what the leaf is used for.

    Raises:
        Refusal: PKI_PURPOSE; the leaf is a CA, or its key usage, its extended key
            usage, or for TLS that of an issuer, does not allow the role.
    """
    leaf, purpose = chain[0], PURPOSES[role]
    constraints = extension_of(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise _not_for(role, "basicConstraints CA:FALSE", "a CA certificate")
    usage = extension_of(leaf, x509.KeyUsage)
    if usage is None or not _MAY[purpose.usage](usage):
        received = "no keyUsage" if usage is None else f"keyUsage without {purpose.usage}"
        raise _not_for(role, f"keyUsage {purpose.usage}", received)
    for certificate in chain if purpose.binds_authorities else chain[:1]:
        extended = extension_of(certificate, x509.ExtendedKeyUsage)
        if extended is not None and purpose.extended.isdisjoint(extended):
            whose = "extendedKeyUsage" if certificate is leaf else "extendedKeyUsage of a CA"
            received = f"{whose} {_dotted(oid.dotted_string for oid in extended)}"
            wanted = _dotted(oid.dotted_string for oid in purpose.extended)
            raise _not_for(role, f"extendedKeyUsage with one of {wanted}", received)


def check_policy(chain: Sequence[x509.Certificate], role: Role, acceptance: Acceptance) -> None:
    """Check that an accepted policy holds along a chain (Digikoppeling PKI005, RFC 5280 6.1).

    A policy holds when the leaf names it and every intermediate names it or
    anyPolicy; that is what RFC 5280's tree comes to without policy mappings.

    Raises:
        Refusal: PKI_POLICY; no policy that is accepted for the role holds.
    """
    accepted = acceptance.policies[role]
    named = policies_of(chain[0])
    holding = accepted & named
    for issuer in chain[1:-1]:
        theirs = policies_of(issuer)
        if ANY_POLICY not in theirs:
            holding &= theirs
    if not holding:
        received = "not named by every CA of the chain" if accepted & named else _dotted(named)
        raise Refusal(
            checks.PKI_POLICY,
            expected=f"for {role.value} ({acceptance.name}) one of {_dotted(accepted)}",
            received=received or "no certificate policy",
        )


def policies_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the dotted policy OIDs that a certificate names (RFC 5280 4.2.1.4)."""
    found = extension_of(certificate, x509.CertificatePolicies)
    return frozenset(entry.policy_identifier.dotted_string for entry in found or ())


def read_late(certificate: x509.Certificate) -> None:
    """Parse what cryptography parses when it is asked for, and not when it loads.

    Raises:
        Exception: one of :data:`UNREADABLE`.
    """
    for read in _READ_LATE:
        read(certificate)


def extension_of(certificate: x509.Certificate, kind: type[_T]) -> _T | None:
    """Return the value of an extension, or None where a certificate does not have it."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _dotted(oids: Iterable[str]) -> str:
    return ", ".join(sorted(oids))


def _not_for(role: Role, expected: str, received: str) -> Refusal:
    return Refusal(checks.PKI_PURPOSE, expected=f"for {role.value}: {expected}", received=received)
