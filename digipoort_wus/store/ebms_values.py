"""What a store keeps of ebMS: messages, what has to be sent, what happened, and agreements.

Nothing in here knows the standard: states, outcomes and kinds of events are words of whoever
handles the messages. Times have milliseconds at most; the store cuts what is finer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Never, NewType

from digipoort_wus.errors import DigipoortError
from digipoort_wus.filing.content import Content
from digipoort_wus.filing.filing import Document

EbmsId = NewType("EbmsId", int)
"""The store's own number of a message, whichever way it goes."""
EventId = NewType("EventId", int)
"""The store's own number of an event; grows in the order in which they are kept."""


Quirk = str | int | bool


class StateChanged(DigipoortError):
    """A message is no longer in the state that a change begins from."""


class Direction(Enum):
    """Which way a message goes, seen from here."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class EbmsKey:
    """By what a message is known again.

    Args:
        direction: seen from here.
        cpa_id: of the agreement.
        sender: the From party, always spelled in the same way, whichever of its ids it used.
        message_id: as it was sent.
    """

    direction: Direction
    cpa_id: str
    sender: str
    message_id: str


@dataclass(frozen=True, slots=True)
class EbmsHead:
    """What is kept of a message and never changes; a MAC is over it.

    Args:
        key: by which it is known again.
        receiver: the To party.
        conversation_id: of the header.
        service: of the header.
        service_type: of the header.
        action: of the header.
        timestamp: of the header.
        at: when it came, or was made.
        persist_until: before that its id is not forgotten.
        digest: SHA-256 of the content that its repeats have in common.
        ref_to_message_id: of the header.
        time_to_live: of the header.
        content_type: of the package.
        packaging: how its octets come out the same again, for whoever packs it.
    """

    key: EbmsKey
    receiver: str
    conversation_id: str
    service: str
    service_type: str | None
    action: str
    timestamp: datetime
    at: datetime
    persist_until: datetime
    digest: bytes
    ref_to_message_id: str | None = None
    time_to_live: datetime | None = None
    content_type: str = ""
    packaging: str = ""


@dataclass(frozen=True, slots=True)
class EbmsPart:
    """One payload of a message, as it is delivered or sent.

    Args:
        content_id: without brackets.
        media_type: with its parameters.
        content: the octets; a handle where they are many.
        name: of the file.
    """

    content_id: str
    media_type: str
    content: Content = field(repr=False)
    name: str | None = None


@dataclass(frozen=True, slots=True)
class EbmsMessage:
    """A message that is to be kept.

    Args:
        head: what never changes of it.
        envelope: its octets; None keeps none, for what was refused.
        parts: in the order of the package.
    """

    head: EbmsHead
    envelope: bytes | None = field(repr=False)
    parts: Sequence[EbmsPart] = ()

    @property
    def documents(self) -> tuple[Document, ...]:
        """Return the parts for :meth:`Store.prepare`, and the envelope is its request."""
        return documents_of(self.parts)


@dataclass(frozen=True, slots=True)
class EbmsContent:
    """What a message held, as it was kept: envelope, and payloads in their order."""

    envelope: bytes | None = field(repr=False)
    parts: Sequence[EbmsPart]


@dataclass(frozen=True, slots=True)
class EbmsAnswer:
    """A signal about a message.

    Of a message that came in it is what was answered first, and what a repeat gets again; of one
    that went out it is what came back.

    Args:
        octets: as they were sent.
        content_type: of HTTP.
        message_id: of the signal.
        at: when it was made, or came.
    """

    octets: bytes = field(repr=False)
    content_type: str
    message_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class EbmsRow:
    """One message without its contents.

    Args:
        ebms_id: the store's number.
        copy: 0 for the first that came under its key.
        head: what never changes of it.
        state: a word of whoever handles it.
        settled_at: when it came into a state that it does not leave by itself.
        processed_at: when the application had taken it.
        answered_at: when the answer that is kept was made or came.
    """

    ebms_id: EbmsId
    copy: int
    head: EbmsHead
    state: str
    settled_at: datetime | None
    processed_at: datetime | None
    answered_at: datetime | None


class Known(Enum):
    """Whether a message that comes in is known."""

    NEW = "new"
    AGAIN = "again"
    """The same content came under its key before."""
    OTHER = "other"
    """Other content came under its key before."""


class Repeats(Enum):
    """What becomes of a message that came before with the same content."""

    LEFT_OUT = "left-out"
    KEPT = "kept"
    """It is a message of its own: nobody asked to have it left out."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """What to do with a message that came in, should it be new.

    Args:
        message: to be kept.
        state: in which it begins.
        answer: to be given for it; None: none.
        repeats: what becomes of it should it not be new.
        event: kind of the event for the application; None: none.
        send_at: when its answer is to be sent by itself; None: it goes back at once.
        settled: it has come to its end with this, as what was refused has.
    """

    message: EbmsMessage
    state: str
    answer: EbmsAnswer | None = None
    repeats: Repeats = Repeats.LEFT_OUT
    event: str | None = None
    send_at: datetime | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a message that came in.

    Args:
        ebms_id: of it, or of the one before it.
        known: whether it was.
        answer: that is to be given: of one that came before, what was given first.
    """

    ebms_id: EbmsId
    known: Known
    answer: EbmsAnswer | None


@dataclass(frozen=True, slots=True)
class EbmsTask:
    """That something has to be sent, as claimed under ``token``.

    Of a message that goes out that is the message, of one that came in its answer.

    Args:
        ebms_id: it has at most one task.
        run_at: not earlier than this.
        attempts: how often sending has begun.
        last_at: when it began the last time.
        token: fencing token; grows with every claim. No message gets the same twice.
        expired: it was claimed now because the lease of an earlier claim had ended by itself.
    """

    ebms_id: EbmsId
    run_at: datetime
    attempts: int
    last_at: datetime | None
    token: int = 0
    expired: bool = False


@dataclass(frozen=True, slots=True)
class EbmsAttempt:
    """One time that something was sent, or was about to be.

    Args:
        seq: from 1, over all tasks of the message.
        at: when it began.
        url: where to.
        ended_at: None while it is under way, or for good where the process died.
        outcome: a word of whoever sends.
        status: of HTTP, where there was an answer.
    """

    seq: int
    at: datetime
    url: str
    ended_at: datetime | None = None
    outcome: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class EbmsEvent:
    """Something that the application behind the gateway wants to know."""

    event_id: EventId
    ebms_id: EbmsId
    kind: str
    at: datetime
    processed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EbmsWanted:
    """Which messages are wanted, oldest first; None selects everything.

    Args:
        direction: seen from here.
        state: in which they are.
        unprocessed: only those that the application has not taken.
        after: only those behind this one: where the page before ended.
        limit: at most so many.
    """

    direction: Direction | None = None
    cpa_id: str | None = None
    sender: str | None = None
    receiver: str | None = None
    service: str | None = None
    action: str | None = None
    conversation_id: str | None = None
    message_id: str | None = None
    ref_to_message_id: str | None = None
    state: str | None = None
    unprocessed: bool = False
    after: EbmsId | None = None
    limit: int = 100


def _nothing() -> Mapping[str, Never]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CpaRow:
    """An agreement, and what the operator says beside it.

    Args:
        cpa_id: of which one is current at a time.
        octets: the document as it was imported.
        added_at: when.
        urls: other addresses in place of those in the document.
        certificates: DER of other certificates, by the SHA-256 in hex of those in the document.
        quirks: ways of the partner, by name; what they mean is for who reads them.
        removed_at: None while it is current.
    """

    cpa_id: str
    octets: bytes = field(repr=False)
    added_at: datetime
    urls: Mapping[str, str] = field(default_factory=_nothing)
    certificates: Mapping[str, bytes] = field(default_factory=_nothing, repr=False)
    quirks: Mapping[str, Quirk] = field(default_factory=_nothing)
    removed_at: datetime | None = None


def documents_of(parts: Sequence[EbmsPart]) -> tuple[Document, ...]:
    """Return payloads as they are sealed: what a Content-ID names is bound to its place."""
    return tuple(Document(part.media_type, part.content_id, part.content) for part in parts)
