"""Which root may end a chain, for which use and until when; and which roots have a name here.

A root is trusted because an operator chose it. By default it then ends chains for every
role for as long as it is valid; an ``AnchorRule`` narrows that down. PKIoverheid G4 has
separate roots for separate uses, and G1 ends in November 2028.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.profiles import Role

EVERY_ROLE = frozenset(Role)
_SHA256 = re.compile(r"[0-9a-f]{64}")
ROLE_NAMES: Mapping[str, Role] = MappingProxyType(
    {role.name.lower().replace("_", "-"): role for role in Role}
)
"""How a configuration names roles: ``tls-client``, ``tls-server``, ``signer``, ..."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A root that somebody chose to trust.

    Args:
        certificate: the root.
        roles: what the leaves below it may be used for.
        until: aware moment, the last one at which it ends a chain; None is its notAfter.
    """

    certificate: x509.Certificate
    roles: frozenset[Role] = EVERY_ROLE
    until: datetime | None = None

    def serves(self, role: Role, at: datetime) -> bool:
        """Tell whether it may end a chain for a role at a moment, its own dates apart."""
        return role in self.roles and (self.until is None or at <= self.until)


@dataclass(frozen=True, slots=True)
class AnchorRule:
    """What an operator says of one root.

    Args:
        sha256: fingerprint of the root's DER, 64 hexadecimal digits; colons are left out.
        roles: what it is trusted for.
        until: aware moment after which it is not trusted any more; None is its notAfter.

    Raises:
        ConfigurationError: a value cannot be used.
    """

    sha256: str
    roles: frozenset[Role] = EVERY_ROLE
    until: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", self.sha256.replace(":", "").lower())
        if _SHA256.fullmatch(self.sha256) is None:
            raise ConfigurationError(
                "The fingerprint of a trust anchor is SHA-256, 64 hexadecimal digits: take it "
                "from `openssl x509 -noout -fingerprint -sha256`."
            )
        if not self.roles:
            raise ConfigurationError(
                f"The trust anchor {self.sha256} has no roles: name one of "
                f"{', '.join(ROLE_NAMES)}, or leave its certificate out."
            )
        if self.until is not None and self.until.tzinfo is None:
            raise ConfigurationError(
                f"The moment until which {self.sha256} is trusted has no time zone: add a Z."
            )


def roles_of(names: Iterable[str]) -> frozenset[Role]:
    """Return the roles that a configuration names.

    Raises:
        ConfigurationError: one of them is no role.
    """
    found = set()
    for name in names:
        if name not in ROLE_NAMES:
            raise ConfigurationError(f"{name!r} is no role: take {', '.join(ROLE_NAMES)}.")
        found.add(ROLE_NAMES[name])
    return frozenset(found)


def anchors_of(
    roots: Iterable[x509.Certificate], rules: Iterable[AnchorRule]
) -> tuple[Anchor, ...]:
    """Return roots as anchors, each with what its rule says; without one it serves every role.

    Raises:
        ConfigurationError: two rules are about the same root, or one is about none of them.
    """
    by_fingerprint: dict[str, AnchorRule] = {}
    for rule in rules:
        if rule.sha256 in by_fingerprint:
            raise ConfigurationError(
                f"There are two rules for the trust anchor {rule.sha256}: make it one."
            )
        by_fingerprint[rule.sha256] = rule
    unused, anchors = set(by_fingerprint), []
    for root in roots:
        fingerprint = fingerprint_of(root)
        unused.discard(fingerprint)
        found = by_fingerprint.get(fingerprint, AnchorRule(fingerprint))
        anchors.append(Anchor(root, found.roles, found.until))
    if unused:
        # A rule that is mistyped would leave its root trusted for everything.
        raise ConfigurationError(
            f"There is no root with the fingerprint {min(unused)}: correct the rule, or add "
            "the certificate to the trust anchors."
        )
    return tuple(anchors)


def fingerprint_of(certificate: x509.Certificate) -> str:
    """Return SHA-256 of a certificate's DER as 64 hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


@dataclass(frozen=True, slots=True)
class KnownRoot:
    """A production root of PKIoverheid, to be shown by name.

    Args:
        name: its common name.
        ends: its notAfter, where known here.
        source: where the fingerprint comes from.
    """

    name: str
    ends: datetime | None
    source: str


# Names only: nothing is trusted for standing here. Confirm a root at cert.pkioverheid.nl.
# The fingerprint of G4 G-Other is not known here.
KNOWN_ROOTS: Mapping[str, KnownRoot] = MappingProxyType(
    {
        "0257ce27b52408e24ee2c0945640b723c5bc66ddbda4ada58c60357604f0e675": KnownRoot(
            "Staat der Nederlanden Private Root CA - G1",
            datetime(2028, 11, 13, 23, tzinfo=UTC),
            "computed from the certificate, and listed by a third party",
        ),
        "4411f67d3d7f4f49d34ff8862249de0d6692adc92df0855fb1dd67a169800484": KnownRoot(
            "Staat der Nederlanden - G4 Root Priv G-TLS - 2024",
            None,
            "listed by a third party",
        ),
    }
)
"""Production roots by SHA-256 of their DER."""


def known_root(certificate: x509.Certificate) -> KnownRoot | None:
    """Return what is known of a certificate as a root of PKIoverheid, None for any other."""
    return KNOWN_ROOTS.get(fingerprint_of(certificate))
