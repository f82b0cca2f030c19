"""What delivering over ebMS needs of the messaging service: one protocol and its values.

The service sends by itself, as long and as often as the agreement says. What it is given is kept
before it says so, and what became of it can be asked for at any time, also after a restart.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from digipoort_wus.ebms.message import Payload, Service


class Passage(Enum):
    """How far a message is that was sent."""

    SENDING = "sending"
    """Nobody has acknowledged it; it is sent again as long as the agreement says."""
    ACKNOWLEDGED = "acknowledged"
    """The other side has stored it, and its application has said nothing yet."""
    CONFIRMED = "confirmed"
    """Its application has said that it has it."""
    REFUSED = "refused"
    """Its application has said that it does not."""
    LOST = "lost"
    """It was given up: expired without an acknowledgment, or refused with a MessageError."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent.

    Args:
        message_id: of its header.
        passage: how far it is.
        at: since when, aware.
        reason: why it was lost or refused: technical, never of its contents.
        receipt: SHA-256 of the envelope of what its application said.
        agency_at: when that got it, as it says.
        acknowledgment: SHA-256 of the octets of its acknowledgment.
    """

    message_id: str
    passage: Passage
    at: datetime
    reason: str = ""
    receipt: bytes | None = None
    agency_at: datetime | None = None
    acknowledgment: bytes | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is to be sent.

    Args:
        cpa_id: of the agreement; it says to whom, signed or not, and how often.
        service: of the header.
        action: of the header.
        conversation_id: of the header; what belongs together has the same.
        message_id: of the header; the service takes it once.
        payload: the one part; its contents are read by the service, once or more.
    """

    cpa_id: str
    service: Service
    action: str
    conversation_id: str
    message_id: str
    payload: Payload


class NotAgreed(Exception):
    """The agreement is not there, or allows no such message; the text says what to do."""


class Outbox(Protocol):
    """The messaging service, as far as something is sent; for any thread, and it may block."""

    def last(self, cpa_id: str, action: str, conversation_id: str) -> Sent | None:
        """Return what was sent last with this action in a conversation; None: nothing is known."""

    def put(self, letter: Letter) -> None:
        """Keep a message that is sent from now on; one of the same MessageId is kept once.

        Raises:
            NotAgreed: nothing is kept.
            StoreFailed: nothing can be kept now.
        """


def conversation_about(kenmerk: str, berichtkenmerk: str) -> str:
    """Return the ConversationId of a delivery."""
    return f"{kenmerk}/{berichtkenmerk}"


def about(conversation_id: str) -> tuple[str, str]:
    """Return kenmerk and berichtkenmerk of a delivery by its ConversationId."""
    kenmerk, _, berichtkenmerk = conversation_id.partition("/")
    return kenmerk, berichtkenmerk
