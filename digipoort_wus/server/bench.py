"""With what a stored request is judged: a gate like a gateway's, at a moment of choice."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509

from digipoort_wus.errors import Refusal
from digipoort_wus.pki.chain import CachingVerifier, TrustStore, VerifiedCertificate
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import Oin, oin_of
from digipoort_wus.pki.profiles import Role
from digipoort_wus.server.gate import Gate
from digipoort_wus.wss.policy import SecurityPolicy
from digipoort_wus.wss.verify import Trust

if TYPE_CHECKING:
    # Of a message alone nothing is read as Twisted reads it.
    from digipoort_wus.server.captured import Captured

_ROUTED_OIN = re.compile(rb"[?&](?:amp;)?[Oo][Ii][Nn]=([0-9A-Z]{20})")


@dataclass(frozen=True, slots=True)
class Bench:
    """With what a stored request is judged.

    Args:
        policy: what it must meet.
        store: whom to believe; None leaves certificates unjudged.
        at: the moment of receipt, aware.
        certificates: others that may have signed, with a name for each.
        issuers: of the certificate of who connects, as they came with it.
        captured: what a gateway makes of the whole HTTP request; None when its head is not
            known.
    """

    policy: SecurityPolicy
    store: TrustStore | None
    at: datetime
    certificates: Sequence[tuple[str, x509.Certificate]] = ()
    issuers: Sequence[x509.Certificate] = ()
    captured: "Captured | None" = None


def gate_of(bench: Bench, trust: Trust, octets: bytes, peer_trust: Trust) -> Gate:
    """Return a gate that judges at the moment of a bench, and answers nothing.

    Args:
        bench: policy and moment.
        trust: judges who signed.
        octets: of the request, which names whose gateway it was for.
        peer_trust: judges who connects.
    """
    return Gate(
        policy=bench.policy,
        trust=trust,
        peer_trust=peer_trust,
        # Nothing is answered here, so nobody signs.
        identity=_NOBODY,
        clock=lambda: bench.at,
        new_message_id=lambda: "",
        # Whose gateway it was meant for is not known here.
        oins=frozenset(found.decode() for found in _ROUTED_OIN.findall(octets)),
    )


_NOBODY: Identity = None  # type: ignore[assignment] # open_request reads no identity


def trust_of(store: TrustStore | None) -> Trust:
    """Return what judges who signed; without a store it believes everybody."""
    if store is None:
        return lambda certificate, _at: unjudged(certificate)
    verifier = CachingVerifier(store)
    return lambda certificate, at: verifier(certificate, (), Role.SIGNER, at)


def peer_trust_of(bench: Bench) -> Trust:
    """Return what judges who connects; without a store it believes everybody with an OIN."""
    if bench.store is None:
        # Whom it names counts all the same.
        return lambda peer, _at: VerifiedCertificate(peer, (peer,), oin_of(peer))
    verifier, issuers = CachingVerifier(bench.store), bench.issuers
    return lambda certificate, at: verifier(certificate, issuers, Role.TLS_CLIENT, at)


def unjudged(certificate: x509.Certificate) -> VerifiedCertificate:
    """Return a certificate that nobody judged."""
    try:
        oin = oin_of(certificate)
    except Refusal:
        oin = Oin("unknown")
    return VerifiedCertificate(certificate, (certificate,), oin)
