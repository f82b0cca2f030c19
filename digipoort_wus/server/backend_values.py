"""What the interface says of messages, events and agreements: their shapes, and how they are told.

Names are those of the headers of ebMS, as JSON writes them. A field that says nothing is null.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from digipoort_wus import limits
from digipoort_wus.filing.content import size_of
from digipoort_wus.messaging.backend import Progress
from digipoort_wus.server.backend_shapes import (
    Listed,
    Mapped,
    Named,
    Record,
    Shape,
    Text,
    Truth,
    Whole,
)
from digipoort_wus.store.ebms_values import (
    CpaRow,
    EbmsAttempt,
    EbmsEvent,
    EbmsPart,
    EbmsRow,
)

Json = dict[str, object]

_MOMENT = Text(most=40, form="date-time", about="In UTC.")
_MAYBE = Text(most=40, form="date-time", nullable=True, about="In UTC; null: not yet, or never.")
_PARTY = Text(about="An id of the party, behind its type and a colon.")
ID = Whole(least=1, about="The gateway's own number of the message.")
EVENT_ID = Whole(least=1, about="The gateway's own number of the event.")
CPA_ID = Text(about="CPAId of the agreement.")
MESSAGE_ID = Text(about="MessageId of the header.")
CONTENT_ID = Text(most=256, about="Content-ID, without brackets.")
MEDIA_TYPE = Text(most=255, about="Media type, with its parameters.")
FILE_NAME = Text(most=255, nullable=True, about="Name of the file; never a path.")
BASE64 = Text(
    most=limits.BACKEND_JSON_MAX_BYTES, pattern="[A-Za-z0-9+/]*={0,2}", about="Octets, in base64."
)
NEXT = Whole(least=1, nullable=True, about="Give it as `after` for the next page; null: the end.")

PARTY_ID = Named(
    "PartyId",
    Record(
        fields={
            "value": Text(about="Such as an OIN."),
            "type": Text(nullable=True, about="URN of the register; null: none."),
        },
        needed=frozenset({"value"}),
    ),
)
SERVICE = Named(
    "Service",
    Record(
        fields={
            "value": Text(about="As the agreement has it."),
            "type": Text(nullable=True, about="null: the value is a URI."),
        },
        needed=frozenset({"value"}),
    ),
)
_ROW: dict[str, Shape] = {
    "id": ID,
    "direction": Text(words=("in", "out"), about="Seen from the gateway."),
    "copy": Whole(about="0 for the first that came under its MessageId."),
    "state": Text(
        most=40,
        about="In: RECEIVED, PROCESSED, REFUSED, FAILED. Out: CREATED, SENDING, WAITING_FOR_ACK, "
        "DELIVERED, FAILED, EXPIRED.",
    ),
    "cpaId": CPA_ID,
    "messageId": MESSAGE_ID,
    "conversationId": Text(about="The same in all messages about one thing."),
    "refToMessageId": Text(nullable=True, about="MessageId of the message that it answers."),
    "from": _PARTY,
    "to": _PARTY,
    "service": SERVICE,
    "action": Text(about="As the agreement has it."),
    "timestamp": _MOMENT,
    "timeToLive": _MAYBE,
    "at": Text(most=40, form="date-time", about="When it came, or was made. In UTC."),
    "settledAt": _MAYBE,
    "processedAt": _MAYBE,
    "answeredAt": _MAYBE,
}
ROW = Named("Message", Record(fields=_ROW, needed=frozenset(_ROW)))
_PAYLOAD: dict[str, Shape] = {
    "number": Whole(least=1, about="In the order of the package, for its URL."),
    "contentId": CONTENT_ID,
    "mediaType": MEDIA_TYPE,
    "name": FILE_NAME,
    "size": Whole(about="Octets."),
}
PAYLOAD = Named(
    "Payload",
    Record(
        fields=_PAYLOAD
        | {
            "base64": Text(
                most=limits.BACKEND_JSON_MAX_BYTES,
                nullable=True,
                about="Its octets; null where they were not asked for, or are too many: "
                "they have a URL.",
            )
        },
        needed=frozenset((*_PAYLOAD, "base64")),
    ),
)
GOT = Named(
    "MessageWithPayloads",
    Record(
        fields=_ROW | {"payloads": Listed(item=PAYLOAD)},
        needed=frozenset((*_ROW, "payloads")),
    ),
)
_ATTEMPT: dict[str, Shape] = {
    "seq": Whole(least=1),
    "at": _MOMENT,
    "url": Text(most=4_096),
    "endedAt": _MAYBE,
    "outcome": Text(nullable=True, about="A word of the gateway's."),
    "status": Whole(nullable=True, about="Of HTTP."),
}
ATTEMPT = Named("Attempt", Record(fields=_ATTEMPT, needed=frozenset(_ATTEMPT)))
_EVENT: dict[str, Shape] = {
    "eventId": EVENT_ID,
    "id": ID,
    "kind": Text(most=40, about="RECEIVED, DELIVERED, FAILED or EXPIRED, among others."),
    "at": _MOMENT,
    "processedAt": _MAYBE,
}
EVENT = Named("Event", Record(fields=_EVENT, needed=frozenset(_EVENT)))
_ANSWER: dict[str, Shape] = {
    "messageId": Text(nullable=True, about="Of the signal."),
    "contentType": Text(),
    "at": _MOMENT,
}
_PROGRESS: dict[str, Shape] = {
    "message": ROW,
    "attempts": Listed(item=ATTEMPT),
    "events": Listed(item=EVENT),
    "answer": Record(
        fields=_ANSWER,
        needed=frozenset(_ANSWER),
        nullable=True,
        about="The signal about it: ours of what came in, theirs of what went out.",
    ),
}
PROGRESS = Named("Progress", Record(fields=_PROGRESS, needed=frozenset(_PROGRESS)))
_AGREEMENT: dict[str, Shape] = {
    "cpaId": CPA_ID,
    "addedAt": _MOMENT,
    "urls": Mapped(item=Text(most=4_096), about="Addresses in place of those in the document."),
    "certificates": Mapped(
        item=BASE64, about="DER in place of certificates in the document, by their SHA-256 in hex."
    ),
    "quirks": Mapped(item=Text(), about="Ways of the partner."),
    "problem": Text(
        most=16_384, nullable=True, about="Why it cannot be used; null: it can be used."
    ),
}
AGREEMENT = Named("Agreement", Record(fields=_AGREEMENT, needed=frozenset(_AGREEMENT)))
_PROBLEM: dict[str, Shape] = {
    "type": Text(words=("about:blank",)),
    "title": Text(about="What has to hold, one sentence."),
    "status": Whole(least=400, most=599),
    "detail": Text(most=16_384),
    "check": Text(most=40, about="Stays the same over versions."),
}
PROBLEM = Named("Problem", Record(fields=_PROBLEM, needed=frozenset(_PROBLEM)))

NAMED = (PARTY_ID, SERVICE, ROW, PAYLOAD, GOT, ATTEMPT, EVENT, PROGRESS, AGREEMENT, PROBLEM)
"""What the OpenAPI document has under a name."""
CHANGED = Record(
    fields={"changed": Whole(about="How many were not so before.")}, needed=frozenset({"changed"})
)
DONE = Record(
    fields={"changed": Truth(about="False: it was so before.")}, needed=frozenset({"changed"})
)


def moment(at: datetime | None) -> str | None:
    """Return a moment as it is told: in UTC, with a Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def told_row(row: EbmsRow) -> Json:
    """Return a message without what it held."""
    head = row.head
    return {
        "id": row.ebms_id,
        "direction": head.key.direction.value,
        "copy": row.copy,
        "state": row.state,
        "cpaId": head.key.cpa_id,
        "messageId": head.key.message_id,
        "conversationId": head.conversation_id,
        "refToMessageId": head.ref_to_message_id,
        "from": head.key.sender,
        "to": head.receiver,
        "service": {"value": head.service, "type": head.service_type},
        "action": head.action,
        "timestamp": moment(head.timestamp),
        "timeToLive": moment(head.time_to_live),
        "at": moment(head.at),
        "settledAt": moment(row.settled_at),
        "processedAt": moment(row.processed_at),
        "answeredAt": moment(row.answered_at),
    }


def told_part(number: int, part: EbmsPart, base64: str | None) -> Json:
    """Return a payload, with its octets where they are at hand."""
    return {
        "number": number,
        "contentId": part.content_id,
        "mediaType": part.media_type,
        "name": part.name,
        "size": size_of(part.content),
        "base64": base64,
    }


def told_progress(progress: Progress) -> Json:
    """Return how far a message is."""
    answer = progress.answer
    return {
        "message": told_row(progress.row),
        "attempts": [_told_attempt(attempt) for attempt in progress.attempts],
        "events": [told_event(event) for event in progress.events],
        "answer": None
        if answer is None
        else {
            "messageId": answer.message_id,
            "contentType": answer.content_type,
            "at": moment(answer.at),
        },
    }


def told_event(event: EbmsEvent) -> Json:
    """Return an event."""
    return {
        "eventId": event.event_id,
        "id": event.ebms_id,
        "kind": event.kind,
        "at": moment(event.at),
        "processedAt": moment(event.processed_at),
    }


def told_agreement(
    row: CpaRow, encoded: Mapping[str, str], quirks: Mapping[str, str], problem: str | None
) -> Json:
    """Return an agreement.

    Args:
        row: as it is kept.
        encoded: its certificates in base64.
        quirks: its quirks as texts.
        problem: why it cannot be used; None: it can be.
    """
    return {
        "cpaId": row.cpa_id,
        "addedAt": moment(row.added_at),
        "urls": dict(row.urls),
        "certificates": dict(encoded),
        "quirks": dict(quirks),
        "problem": problem,
    }


def _told_attempt(attempt: EbmsAttempt) -> Json:
    return {
        "seq": attempt.seq,
        "at": moment(attempt.at),
        "url": attempt.url,
        "endedAt": moment(attempt.ended_at),
        "outcome": attempt.outcome,
        "status": attempt.status,
    }
