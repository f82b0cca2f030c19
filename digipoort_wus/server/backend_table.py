"""Every operation of the interface for applications, as a table: OpenAPI is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from digipoort_wus import limits
from digipoort_wus.server import backend_checks
from digipoort_wus.server import backend_values as values
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

JSON, XML, FORM, ANY = (
    "application/json",
    "application/xml",
    "multipart/form-data",
    "application/octet-stream",
)


class Needs(Enum):
    """What an operation needs beside a token."""

    NOTHING = "nothing"
    AGREEMENTS = "agreements"
    """The token may change agreements."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Args:
        name: its operationId.
        method: of HTTP; what GET answers HEAD does, too.
        path: segments; one in braces is a parameter of :data:`IN_PATH`.
        about: one sentence.
        query: parameters, by name.
        body: shape of the body in JSON; None: there is none.
        takes: media types of the body.
        answers: shape of what goes well, by status; a text is a media type.
        refused: checks that it may name beside those that each one may.
        needs: beside a token.
        waits: for another machine; it has threads of its own.
        stores: payloads, and so needs room on the disk.
    """

    name: str
    method: str
    path: str
    about: str
    answers: Mapping[int, "Shape | str | None"]
    query: Mapping[str, Shape] = field(default_factory=dict)
    body: Shape | None = None
    takes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    needs: Needs = Needs.NOTHING
    waits: bool = False
    stores: bool = False

    @property
    def body_max(self) -> int:
        """Return how many octets its body may have, of whichever media type."""
        if FORM in self.takes:
            return limits.EBMS_WIRE_MAX_BYTES
        return limits.BACKEND_JSON_MAX_BYTES if self.takes else 65_536


def _record(needed: str, **fields: Shape) -> Record:
    return Record(fields=fields, needed=frozenset(needed.split()))


IN_PATH: Mapping[str, Shape] = MappingProxyType(
    {"id": values.ID, "number": Whole(least=1), "cpaId": values.CPA_ID}
)
"""Parameters of paths, percent-encoded where they are texts."""
_AFTER: Mapping[str, Shape] = MappingProxyType(
    {
        "after": Whole(about="Only what is behind this: `next` of the page before."),
        "limit": Whole(least=1, most=1_000, about="At most so many; 100 when not given."),
    }
)
_FILTERS: Mapping[str, Shape] = MappingProxyType(
    {
        "cpaId": Text(),
        "from": Text(about="The party as messages tell it: type, colon, id."),
        "to": Text(about="The same."),
        "service": Text(about="Value of the service."),
        "action": Text(),
        "conversationId": Text(),
        "messageId": Text(),
        "refToMessageId": Text(),
    }
)
_MESSAGES = _record("messages next", messages=Listed(item=values.ROW), next=values.NEXT)
_SENT = _record("id messageId", id=values.ID, messageId=values.MESSAGE_ID)
_OPTIONAL_ID = Text(
    nullable=True,
    about="Of the message. The same again with the same message gives the same answer; with "
    "another message it is refused. null: a new one.",
)
NEW_PAYLOAD = Named(
    "NewPayload",
    _record(
        "mediaType base64",
        mediaType=values.MEDIA_TYPE,
        base64=values.BASE64,
        name=values.FILE_NAME,
        contentId=Text(most=256, nullable=True, about="Without brackets; null: one is made."),
    ),
)
_NEW: dict[str, Shape] = {
    "cpaId": values.CPA_ID,
    "from": values.PARTY_ID,
    "service": values.SERVICE,
    "action": Text(about="As the agreement has it."),
    "conversationId": Text(nullable=True, about="null: a new one."),
    "refToMessageId": Text(nullable=True, about="MessageId of the message that it answers."),
    "messageId": _OPTIONAL_ID,
    "payloads": Listed(item=NEW_PAYLOAD, most=limits.EBMS_MAX_PARTS),
}
NEW_MESSAGE = Named(
    "NewMessage", Record(fields=_NEW, needed=frozenset({"cpaId", "service", "action"}))
)
_IDS = _record("ids", ids=Listed(item=values.ID, least=1))
_EVENT_IDS = _record("ids", ids=Listed(item=values.EVENT_ID, least=1))
NEW_AGREEMENT = Named(
    "NewAgreement",
    _record(
        "cpa",
        cpa=Text(
            most=values.BASE64.most, pattern=values.BASE64.pattern, about="The CPA, in base64."
        ),
        urls=Mapped(item=Text(most=4_096)),
        certificates=Mapped(item=values.BASE64),
        quirks=Mapped(item=Text()),
    ),
)
_FOUND = _record(
    "id weight text",
    id=Text(most=60, about="Stays the same over versions."),
    weight=Text(words=("error", "warning")),
    text=Text(most=16_384),
)
_JUDGED = _record(
    "usable cpaId findings",
    usable=Truth(),
    cpaId=Text(nullable=True),
    findings=Listed(item=_FOUND),
)
_ASKED = _record(
    "status at",
    status=Text(
        words=("UnAuthorized", "NotRecognized", "Received", "Processed", "Forwarded"),
        about="What the other party says.",
    ),
    at=Text(most=40, form="date-time", nullable=True),
)
_UNKNOWN, _AGREED = backend_checks.KNOWN.id, backend_checks.AGREED.id
_SAME, _STATE, _PARTNER = (
    backend_checks.SAME.id,
    backend_checks.STATE.id,
    backend_checks.PARTNER.id,
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "sendMessage",
        "POST",
        "/v1/messages",
        "Keep a message that is sent from now on. As multipart/form-data it is a part named "
        "message, in JSON and without payloads, and a part named payload for each of those.",
        {201: _SENT, 200: _SENT},
        body=NEW_MESSAGE,
        takes=(JSON, FORM),
        refused=(_SAME, _AGREED),
        stores=True,
    ),
    Operation(
        "listMessages",
        "GET",
        "/v1/messages",
        "List messages, oldest first.",
        {200: _MESSAGES},
        query={
            **_FILTERS,
            "direction": Text(words=("in", "out")),
            "state": Text(most=40),
            **_AFTER,
        },
    ),
    Operation(
        "listUnprocessed",
        "GET",
        "/v1/messages/unprocessed",
        "List messages that came in and that were not marked as processed, oldest first.",
        {200: _MESSAGES},
        query={**_FILTERS, **_AFTER},
    ),
    Operation(
        "markProcessed",
        "POST",
        "/v1/messages/processed",
        "Say that messages were taken: all of them or, when one cannot be, none.",
        {200: values.CHANGED},
        body=_IDS,
        takes=(JSON,),
        refused=(_UNKNOWN, _STATE),
    ),
    Operation(
        "getMessage",
        "GET",
        "/v1/messages/{id}",
        "Get a message; small payloads come with it.",
        {200: values.GOT},
        query={"inline": Truth(about="Whether small payloads come with it; true when not given.")},
        refused=(_UNKNOWN,),
    ),
    Operation(
        "getEnvelope",
        "GET",
        "/v1/messages/{id}/envelope",
        "Get the SOAP envelope, the very octets that came or go.",
        {200: XML},
        refused=(_UNKNOWN,),
    ),
    Operation(
        "getPayload",
        "GET",
        "/v1/messages/{id}/payloads/{number}",
        "Get the octets of a payload; those of what goes out are as they go, encrypted or not.",
        {200: ANY},
        refused=(_UNKNOWN,),
    ),
    Operation(
        "getStatus",
        "GET",
        "/v1/messages/{id}/status",
        "Say how far a message is: its attempts, its events, and the signal about it.",
        {200: values.PROGRESS},
        refused=(_UNKNOWN,),
    ),
    Operation(
        "askStatus",
        "POST",
        "/v1/messages/{id}/ask",
        "Ask the other party what became of a message that went out, and wait for its answer.",
        {200: _ASKED},
        refused=(_UNKNOWN, _AGREED, _PARTNER),
        waits=True,
    ),
    Operation(
        "resendMessage",
        "POST",
        "/v1/messages/{id}/resend",
        "Send the content of a message that went out again, as a new message.",
        {201: _SENT, 200: _SENT},
        body=_record("", messageId=_OPTIONAL_ID),
        takes=(JSON,),
        refused=(_UNKNOWN, _SAME, _AGREED),
        stores=True,
    ),
    Operation(
        "giveUp",
        "POST",
        "/v1/messages/{id}/give-up",
        "Say that a message that came in cannot be taken; its sender is told DeliveryFailure.",
        {200: values.DONE},
        refused=(_UNKNOWN, _STATE, _AGREED),
    ),
    Operation(
        "listEvents",
        "GET",
        "/v1/events",
        "List events that were not marked, oldest first.",
        {200: _record("events next", events=Listed(item=values.EVENT), next=values.NEXT)},
        query=_AFTER,
    ),
    Operation(
        "markEvents",
        "POST",
        "/v1/events/processed",
        "Say that events were taken; one that is unknown is passed over.",
        {200: values.CHANGED},
        body=_EVENT_IDS,
        takes=(JSON,),
        refused=(_STATE,),
    ),
    Operation(
        "ping",
        "POST",
        "/v1/ping",
        "Ask whether the other party of an agreement is there, and wait for its Pong.",
        {200: _record("pong", pong=Truth())},
        body=Record(
            fields={"cpaId": values.CPA_ID, "from": values.PARTY_ID},
            needed=frozenset({"cpaId"}),
        ),
        takes=(JSON,),
        refused=(_AGREED, _PARTNER),
        waits=True,
    ),
    Operation(
        "listAgreements",
        "GET",
        "/v1/cpas",
        "List the agreements.",
        {200: _record("cpas", cpas=Listed(item=values.AGREEMENT, most=100_000))},
    ),
    Operation(
        "validateAgreement",
        "POST",
        "/v1/cpas/validate",
        "Say what is wrong with an agreement, without keeping it.",
        {200: _JUDGED},
        body=None,
        takes=(XML,),
    ),
    Operation(
        "getAgreement",
        "GET",
        "/v1/cpas/{cpaId}",
        "Get the document of an agreement, as it was added.",
        {200: XML},
        refused=(_UNKNOWN,),
    ),
    Operation(
        "putAgreement",
        "PUT",
        "/v1/cpas/{cpaId}",
        "Add an agreement, or put it in the place of the one of its CPAId.",
        {200: _record("findings", findings=Listed(item=_FOUND))},
        body=NEW_AGREEMENT,
        takes=(JSON, XML),
        refused=(_AGREED,),
        needs=Needs.AGREEMENTS,
    ),
    Operation(
        "removeAgreement",
        "DELETE",
        "/v1/cpas/{cpaId}",
        "End an agreement: what comes under it is refused, what waits is not sent.",
        {204: None},
        refused=(_UNKNOWN,),
        needs=Needs.AGREEMENTS,
    ),
    Operation(
        "getDescription",
        "GET",
        "/v1/openapi.json",
        "Get this description.",
        {200: JSON},
    ),
)
