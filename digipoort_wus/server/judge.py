"""Who sends a message, and that it is his: by its signature, or by the TLS connection alone."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from cryptography import x509

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.pki.chain import VerifiedCertificate
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.process.api import Caller
from digipoort_wus.soap.addressing import Addressing
from digipoort_wus.soap.envelope import Envelope
from digipoort_wus.wss.policy import SecurityPolicy, Signature, Suite
from digipoort_wus.wss.verify import (
    SignatureEngine,
    Trust,
    valid_until,
    verify_envelope,
    verify_unsigned,
)
from digipoort_wus.xmlsafe.splice import LargeTexts


@dataclass(frozen=True, slots=True)
class Judges:
    """Whom a gate believes.

    Args:
        trust: judges a signer's certificate.
        peer: judges a TLS client's certificate once more, which may have been revoked since
            the handshake; None where nobody does.
        mandates: pairs (TLS peer's OIN, signer's OIN) that may differ.
        engine: does the cryptography.
    """

    trust: Trust
    peer: Trust | None
    mandates: frozenset[tuple[str, str]]
    engine: SignatureEngine


@dataclass(frozen=True, slots=True)
class Judged:
    """A message whose sender is known.

    Args:
        signer: None when nobody signed; ``suite`` and ``signature_value`` are None with it.
        valid_until: when the Timestamp no longer lets the message in, skew included; without
            a Timestamp the moment of receipt.
    """

    caller: Caller
    signer: VerifiedCertificate | None
    suite: Suite | None
    signature_value: bytes | None = field(repr=False)
    valid_until: datetime


def judge(
    envelope: Envelope,
    addressing: Addressing,
    peer: x509.Certificate | None,
    *,
    policy: SecurityPolicy,
    judges: Judges,
    now: datetime,
    texts: LargeTexts,
) -> Judged:
    """Judge who sends a message: by its signature, or by the TLS connection alone.

    Who connected must be who signed, or mandated; where nobody signs, the TLS peer sends.

    Args:
        peer: the client certificate of the connection, None where there was no TLS.
        policy: whether there are signatures, and what they must meet.
        now: the moment of receipt, aware.
        texts: of the Body; they are out of the tree afterwards.

    Raises:
        Refusal: a WSS or PKI check; PARTY-IDENTIFIED without signature and TLS peer.

    Digikoppeling WUS §Ondersteunde varianten (2W-be and 2W-be-S).
    """
    if policy.signature is Signature.NONE:
        timestamp = verify_unsigned(envelope, policy=policy, now=now)
        oin = _peer_oin(peer, judges, now)
        if oin is None:
            raise Refusal(checks.PARTY_IDENTIFIED, received="no client certificate")
        digest = sha256()
        for piece in texts.octets(envelope.body_child):
            digest.update(piece)
        end = now if timestamp is None else valid_until(timestamp, policy)
        caller = Caller(oin, oin, addressing.message_id, digest.digest())
        return Judged(caller, None, None, None, end)
    verified = verify_envelope(
        envelope,
        addressing,
        policy=policy,
        trust=judges.trust,
        now=now,
        engine=judges.engine,
        texts=texts,
    )
    signer = verified.signer.oin
    tls_oin = _peer_oin(peer, judges, now)
    if tls_oin not in (None, signer) and (tls_oin, signer) not in judges.mandates:
        raise Refusal(checks.WSS_SIGNER, expected=f"OIN {tls_oin}", received=f"OIN {signer}")
    return Judged(
        Caller(signer, tls_oin, addressing.message_id, verified.body_digest),
        verified.signer,
        verified.suite,
        verified.signature_value,
        valid_until(verified.timestamp, policy),
    )


def _peer_oin(peer: x509.Certificate | None, judges: Judges, now: datetime) -> str | None:
    """Return the OIN of the TLS peer, None where there was no TLS (embedding)."""
    if peer is None:
        return None
    return oin_of(peer) if judges.peer is None else judges.peer(peer, now).oin
