"""An ebMS 2.0 message as values: what its headers say, and what its payloads are.

Everything is what a message may say, not what was agreed: that is for the CPA. Identifiers are
the very characters that were sent; times are aware and UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from digipoort_wus.ebms.errors import ErrorCode, Severity
from digipoort_wus.ebms.names import ERRORS
from digipoort_wus.filing.content import Content


@dataclass(frozen=True, slots=True)
class PartyId:
    """Who somebody is: a value, and the register that it comes from."""

    value: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """A From or To: one organisation under one or more ids, in a role."""

    ids: tuple[PartyId, ...]
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """What a message is about; without a type the value is a URI."""

    value: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class MessageHeader:
    """The header that every message has (ebMS 2.0 §3.1)."""

    sender: Party
    receiver: Party
    cpa_id: str
    conversation_id: str
    service: Service
    action: str
    message_id: str
    timestamp: datetime
    ref_to_message_id: str | None = None
    time_to_live: datetime | None = None
    duplicate_elimination: bool = False


@dataclass(frozen=True, slots=True)
class AckRequested:
    """That an acknowledgment is asked for; no actor is that of the To party's MSH."""

    signed: bool
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class DigestReference:
    """What a signed acknowledgment says about one part of the message: its ds:Reference."""

    uri: str
    digest_method: str
    digest: bytes
    transforms: tuple[str, ...] = ()
    """Algorithms, in order; the text of an XPath transform is always the one of ebMS."""


@dataclass(frozen=True, slots=True)
class Acknowledgment:
    """That a message was received and stored."""

    timestamp: datetime
    ref_to_message_id: str
    sender: tuple[PartyId, ...] = ()
    references: tuple[DigestReference, ...] = ()
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class ReportedError:
    """One Error of an ErrorList; a code of another context is kept as text."""

    code: ErrorCode | str
    severity: Severity
    location: str | None = None
    description: str | None = None
    context: str = ERRORS


class MessageStatus(StrEnum):
    """What a StatusResponse says of a message (ebMS 2.0 §7.1.2)."""

    UNAUTHORIZED = "UnAuthorized"
    NOT_RECOGNIZED = "NotRecognized"
    RECEIVED = "Received"
    PROCESSED = "Processed"
    FORWARDED = "Forwarded"


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """A question after a message."""

    ref_to_message_id: str


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """The answer to it; when the message came, unless it is not known here."""

    ref_to_message_id: str
    status: MessageStatus
    timestamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class MessageOrder:
    """That messages are to be delivered in order; we read it to refuse it."""

    sequence_number: int
    reset: bool = False


@dataclass(frozen=True, slots=True)
class ManifestReference:
    """One payload that the Manifest lists.

    Args:
        content_id: what its href names behind ``cid:``, percent-decoded, without brackets.
        role: xlink:role, a URI.
        description: the first one.
    """

    content_id: str
    role: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message without its payloads: every extension of Header and Body that ebMS knows."""

    header: MessageHeader
    sync_reply: bool = False
    ack_requested: AckRequested | None = None
    acknowledgment: Acknowledgment | None = None
    errors: tuple[ReportedError, ...] = ()
    """Of the ErrorList; its highestSeverity follows from them."""
    order: MessageOrder | None = None
    manifest: tuple[ManifestReference, ...] = ()
    status_request: StatusRequest | None = None
    status_response: StatusResponse | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """One part beside the envelope.

    Args:
        content_id: without brackets.
        media_type: of its Content-Type, with parameters, as it was sent; no signature covers it.
        content: the decoded octets.
        name: of the file, where a Content-Disposition has one; never a path, and not signed.
    """

    content_id: str
    media_type: str
    content: Content = field(repr=False)
    name: str | None = None
