"""What was agreed for one message: a CPA, looked up by who sends what to whom.

:func:`~digipoort_wus.ebms.cpa_terms.terms` finds it; everything else reads it here and knows
nothing of CPAs.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from digipoort_wus.ebms.message import PartyId, Service


class Agreed(StrEnum):
    """Whether something is asked for: as CPPA 2.0 spells it."""

    ALWAYS = "always"
    NEVER = "never"
    PER_MESSAGE = "perMessage"

    def allows(self, *, asked: bool) -> bool:
        """Return whether a message may ask for it, or leave it."""
        return self is Agreed.PER_MESSAGE or asked == (self is Agreed.ALWAYS)


class SyncReply(StrEnum):
    """What comes back in the HTTP answer: as CPPA 2.0 spells it."""

    NONE = "none"
    SIGNALS = "mshSignalsOnly"
    ALL_SIGNALS = "signalsOnly"
    SIGNALS_AND_RESPONSE = "signalsAndResponse"
    RESPONSE = "responseOnly"


@dataclass(frozen=True, slots=True)
class AgreedParty:
    """One of the two parties; every id of a header must be one of these."""

    ids: tuple[PartyId, ...]
    role: str | None
    """None for a signal, which has none."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class SignatureTerms:
    """How a message is signed.

    Args:
        algorithm: URI of the signature's.
        digest: URI of the digest's.
        certificates: DER: the signer's own, and the others that the CPA has with it.
        trust: DER of the anchors that the CPA names for it, empty when it names none.
    """

    algorithm: str
    digest: str
    certificates: tuple[bytes, ...]
    trust: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class EncryptionTerms:
    """How payloads are encrypted.

    Args:
        algorithm: URI of the data's.
        certificate: DER of the receiver's.
    """

    algorithm: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often and how long a message is offered.

    Args:
        retries: after the first attempt.
        interval: between attempts.
    """

    retries: int
    interval: timedelta


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one message from one party to the other.

    Args:
        cpa_id: of the agreement.
        sender: the From party, in the role that sends this.
        receiver: the To party.
        service: of the message.
        action: of the message.
        ack_requested: whether the sender asks for an acknowledgment.
        ack_signed: whether it asks for a signed one.
        ack_actor: whom it asks: the actor URI of CPPA's toPartyMSH or nextMSH.
        duplicate_elimination: whether it asks for once-only.
        sync_reply: what the HTTP answer holds.
        reliability: of the sender; None where none was agreed.
        persist: how long both keep a message in order to know it again; None: not agreed.
        ordered: MessageOrderSemantics is Guaranteed.
        signature: of the message; None where it is not signed.
        encryption: of the payloads; None where they are not encrypted.
        url: where the receiver takes this message.
        sender_tls: DER of the client certificates that the CPA names for the sender.
        receiver_tls: DER of the server certificates that it names for the receiver.
        answer_signature: how the receiver signs an acknowledgment, where AckRequested asks for a
            signed one; None: it never does.
        answer_url: where the sender takes the receiver's signals.
    """

    cpa_id: str
    sender: AgreedParty
    receiver: AgreedParty
    service: Service
    action: str
    ack_requested: Agreed
    ack_signed: Agreed
    ack_actor: str
    duplicate_elimination: Agreed
    sync_reply: SyncReply
    reliability: Reliability | None
    persist: timedelta | None
    ordered: bool
    signature: SignatureTerms | None
    encryption: EncryptionTerms | None
    url: str
    sender_tls: tuple[bytes, ...] = ()
    receiver_tls: tuple[bytes, ...] = ()
    answer_signature: SignatureTerms | None = None
    answer_url: str = ""
