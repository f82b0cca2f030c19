"""What each operation of the interface for applications does: blocking, in threads, no HTTP."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLong
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

import pybase64

from digipoort_wus import limits
from digipoort_wus.clock import Clock
from digipoort_wus.ebms.cpa_finding import Finding, Weight
from digipoort_wus.ebms.cpa_findings import findings
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.message import PartyId, Service, StatusResponse
from digipoort_wus.ebms.mime import disposition_of
from digipoort_wus.ebms.reliability import Impossible
from digipoort_wus.errors import ConfigurationError, DigipoortError, Refusal
from digipoort_wus.filing.content import Content, read_content, size_of
from digipoort_wus.messaging.backend import Backend
from digipoort_wus.messaging.sending import Letter
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.server import backend_checks as wrong
from digipoort_wus.server import backend_values as values
from digipoort_wus.server.backend_asking import Asked, octets_of
from digipoort_wus.server.backend_openapi import description
from digipoort_wus.server.backend_repeat import Repeat, repeat_of
from digipoort_wus.server.backend_table import ANY, JSON, XML
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsId,
    EbmsRow,
    EbmsWanted,
    EventId,
    StateChanged,
)
from digipoort_wus.store.values import StoreFailed

T = TypeVar("T")
_LIMIT = 100
_SAFE_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,99}/[A-Za-z0-9!#$&^_.+-]{1,99}")


@dataclass(frozen=True, slots=True)
class Answered:
    """What goes back.

    Args:
        body: a handle where it is large.
        headers: beside those that each answer has.
    """

    status: int
    body: Content = field(default=b"", repr=False)
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class BackendDesk:
    """Carries out operations; any thread may ask, and each call blocks.

    Args:
        service: sends, asks, and knows the agreements.
        backend: takes and follows.
        clock: at which agreements are judged.
    """

    def __init__(self, service: MessageService, backend: Backend, clock: Clock) -> None:
        self._service = service
        self._book = service.house.book
        self._backend = backend
        self._clock = clock
        self.operations: Mapping[str, Callable[[Asked], Answered]] = MappingProxyType(
            {
                "sendMessage": self._send,
                "listMessages": self._list,
                "listUnprocessed": self._unprocessed,
                "markProcessed": self._mark,
                "getMessage": self._get,
                "getEnvelope": self._envelope,
                "getPayload": self._payload,
                "getStatus": self._status,
                "askStatus": self._ask,
                "resendMessage": self._resend,
                "giveUp": self._give_up,
                "listEvents": self._events,
                "markEvents": self._mark_events,
                "ping": self._ping,
                "listAgreements": self._agreements,
                "validateAgreement": self._validate,
                "getAgreement": self._agreement,
                "putAgreement": self._put,
                "removeAgreement": self._remove,
                "getDescription": lambda _: _told(description()),
            }
        )

    def carry_out(self, asked: Asked) -> Answered:
        """Carry out an operation.

        Raises:
            Refusal: one of :mod:`~digipoort_wus.server.backend_checks`.
            DigipoortError: of the store.
        """
        try:
            return self.operations[asked.operation.name](asked)
        except (StoreFailed, StateChanged) as error:
            raise Refusal(wrong.STORE) from error
        except ConfigurationError as error:
            raise Refusal(wrong.AGREED, received=str(error)) from error
        except Impossible as error:
            raise Refusal(wrong.STATE, received=str(error)) from error

    # --- What goes out ----------------------------------------------------------------

    def _send(self, asked: Asked) -> Answered:
        cpa_id, service = asked.text("cpaId") or "", asked.body["service"]
        letter = Letter(
            cpa_id,
            self._sender(asked, cpa_id),
            _service(service),
            asked.text("action") or "",
            asked.payloads,
            asked.text("conversationId"),
            asked.text("refToMessageId"),
            asked.text("messageId"),
        )
        repeat = repeat_of(letter)
        return self._kept(repeat, lambda: self._write(letter))

    def _resend(self, asked: Asked) -> Answered:
        ebms_id = _id(asked)
        got = _known(lambda: self._backend.get(ebms_id))
        head, message_id = got.row.head, asked.text("messageId")
        if head.key.direction is not Direction.OUT:
            raise Refusal(wrong.KNOWN, expected="a message that went out")
        if message_id == head.key.message_id:
            raise Refusal(wrong.SAME, expected="another messageId than that of the first")
        repeat = Repeat(
            message_id,
            head.key.cpa_id,
            (head.service, head.service_type, head.action),
            head.conversation_id,
            head.ref_to_message_id,
            tuple(got.content.parts),
        )

        def send() -> EbmsRow:
            sent = self._service.resend(ebms_id, message_id)
            found = self._out(sent, head.key.cpa_id)
            if found is None:
                raise Refusal(wrong.STORE)
            return found

        return self._kept(repeat, send)

    def _kept(self, repeat: Repeat, send: Callable[[], EbmsRow]) -> Answered:
        """Send what was not sent before under its MessageId, and answer alike when it was."""
        before = None if repeat.message_id is None else self._out(repeat.message_id, repeat.cpa_id)
        row = before or send()
        # Somebody else may have been first in between; what is kept decides.
        if repeat.message_id is not None and not repeat.is_of(
            row, _known(lambda: self._backend.get(row.ebms_id)).content
        ):
            raise Refusal(wrong.SAME)
        told = {"id": row.ebms_id, "messageId": row.head.key.message_id}
        location = {"Location": f"/v1/messages/{row.ebms_id}"}
        return replace(_told(told, 200 if before else 201), headers=location)

    def _write(self, letter: Letter) -> EbmsRow:
        with self._service.compose(letter) as composed:
            ebms_id = self._service.write(composed.keep)
        return self._backend.progress(ebms_id).row

    def _out(self, message_id: str, cpa_id: str) -> EbmsRow | None:
        """Return what went out under a MessageId: under an agreement, or else under another."""
        rows = self._backend.messages(EbmsWanted(direction=Direction.OUT, message_id=message_id))
        ordered = sorted(rows, key=lambda row: row.head.key.cpa_id != cpa_id)
        return next(iter(ordered), None)

    def _sender(self, asked: Asked, cpa_id: str) -> PartyId:
        told = asked.body.get("from")
        if isinstance(told, dict):
            return PartyId(str(told["value"]), told.get("type"))
        ours = self._book.current()
        partner = ours.partners.get(cpa_id)
        if partner is None:
            why = self._book.broken.get(cpa_id, "it is not here")
            raise ConfigurationError(f"CPA {cpa_id} cannot be used: {why}")
        parties = partner.agreement.parties
        return next(one for party in parties for one in party.ids if one in ours.ids)

    # --- What came in -----------------------------------------------------------------

    def _list(self, asked: Asked) -> Answered:
        direction = asked.text("direction")
        wanted = replace(
            _wanted(asked),
            direction=None if direction is None else Direction(direction),
            state=asked.text("state"),
        )
        return _page(self._backend.messages(wanted), wanted)

    def _unprocessed(self, asked: Asked) -> Answered:
        wanted = _wanted(asked)
        return _page(self._backend.unprocessed(wanted), wanted)

    def _mark(self, asked: Asked) -> Answered:
        ids = [EbmsId(each) for each in asked.numbers("ids")]
        return _told({"changed": _known(lambda: self._backend.mark_processed(ids))})

    def _give_up(self, asked: Asked) -> Answered:
        return _told({"changed": _known(lambda: self._backend.give_up(_id(asked)))})

    def _get(self, asked: Asked) -> Answered:
        got = _known(lambda: self._backend.get(_id(asked)))
        parts = got.content.parts
        few = sum(size_of(part.content) for part in parts) <= limits.BACKEND_INLINE_MAX_BYTES
        inline = few and asked.parameters.get("inline", True)
        told = [
            values.told_part(number, part, _base64(read_content(part.content)) if inline else None)
            for number, part in enumerate(parts, 1)
        ]
        return _told({**values.told_row(got.row), "payloads": told})

    def _envelope(self, asked: Asked) -> Answered:
        envelope = _known(lambda: self._backend.get(_id(asked))).content.envelope
        if envelope is None:
            raise Refusal(wrong.KNOWN, expected="a message of which the envelope was kept")
        return Answered(200, envelope, XML, _as_file(f"message-{_id(asked)}.xml"))

    def _payload(self, asked: Asked) -> Answered:
        parts = _known(lambda: self._backend.get(_id(asked))).content.parts
        number = asked.number("number") or 0
        if not 1 <= number <= len(parts):
            raise Refusal(wrong.KNOWN, expected=f"a payload from 1 to {len(parts)}")
        part = parts[number - 1]
        bare = part.media_type.partition(";")[0].strip()
        # Parameters may hold anything that can be printed; their message tells them.
        content_type = bare if _SAFE_TYPE.fullmatch(bare) else ANY
        name = part.name or f"message-{_id(asked)}-{number}"
        return Answered(200, part.content, content_type, _as_file(name))

    def _status(self, asked: Asked) -> Answered:
        return _told(values.told_progress(_known(lambda: self._backend.progress(_id(asked)))))

    def _events(self, asked: Asked) -> Answered:
        after, limit = asked.number("after"), asked.number("limit") or _LIMIT
        found = self._backend.events(None if after is None else EventId(after), limit)
        last = found[-1].event_id if len(found) == limit else None
        return _told({"events": [values.told_event(each) for each in found], "next": last})

    def _mark_events(self, asked: Asked) -> Answered:
        ids = [EventId(each) for each in asked.numbers("ids")]
        return _told({"changed": self._backend.mark_events(ids)})

    # --- Questions to the other party ---------------------------------------------------

    def _ping(self, asked: Asked) -> Answered:
        cpa_id = asked.text("cpaId") or ""
        _waited(self._service.ping(cpa_id, self._sender(asked, cpa_id)))
        return _told({"pong": True})

    def _ask(self, asked: Asked) -> Answered:
        response = _waited(_known(lambda: self._service.ask_status(_id(asked))))
        if response is None:
            raise Refusal(wrong.PARTNER, received="another answer")
        return _told({"status": response.status.value, "at": values.moment(response.timestamp)})

    # --- Agreements -------------------------------------------------------------------

    def _agreements(self, _: Asked) -> Answered:
        broken = self._book.broken
        told = [
            values.told_agreement(
                row,
                {digest: _base64(der) for digest, der in row.certificates.items()},
                {name: str(quirk) for name, quirk in row.quirks.items()},
                broken.get(row.cpa_id),
            )
            for row in self._book.rows()
        ]
        return _told({"cpas": told})

    def _agreement(self, asked: Asked) -> Answered:
        cpa_id = asked.text("cpaId")
        for row in self._book.rows():
            if row.cpa_id == cpa_id:
                return Answered(200, row.octets, XML, _as_file("cpa.xml"))
        raise Refusal(wrong.KNOWN, expected="the CPAId of an agreement")

    def _validate(self, asked: Asked) -> Answered:
        try:
            agreement = read_agreement(asked.octets)
        except ConfigurationError as error:
            told = [{"id": "CPA-FORM", "weight": "error", "text": str(error)}]
            return _told({"usable": False, "cpaId": None, "findings": told})
        found = findings(agreement, at=self._clock())
        usable = all(each.kind.weight is not Weight.ERROR for each in found)
        told = _found(found)
        return _told({"usable": usable, "cpaId": agreement.cpa_id, "findings": told})

    def _put(self, asked: Asked) -> Answered:
        octets = asked.octets or octets_of(str(asked.body["cpa"]), "the body.cpa")
        if read_agreement(octets).cpa_id != asked.text("cpaId"):
            raise Refusal(wrong.FORM, expected="the CPAId of the document in the path")
        told = self._book.put(
            octets,
            urls=asked.texts("urls"),
            certificates={
                digest: octets_of(text, "the body.certificates")
                for digest, text in asked.texts("certificates").items()
            },
            quirks=asked.texts("quirks"),
        )
        return _told({"findings": _found(told)})

    def _remove(self, asked: Asked) -> Answered:
        _known(lambda: self._book.remove(asked.text("cpaId") or ""))
        return Answered(204)


def _told(value: object, status: int = 200) -> Answered:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Answered(status, body.encode("utf-8", "backslashreplace"))


def _known(work: Callable[[], T]) -> T:
    try:
        return work()
    except KeyError as error:
        raise Refusal(wrong.KNOWN, expected="an id of something that is here") from error


def _waited(future: "Future[StatusResponse | None]") -> StatusResponse | None:
    try:
        return future.result(limits.BACKEND_ANSWER_SECONDS)
    except TooLong as error:
        future.cancel()
        raise Refusal(wrong.PARTNER, received="no answer") from error
    except StoreFailed:
        raise
    except DigipoortError as error:
        # Why is for the log of the gateway: it may name what is inside a network.
        raise Refusal(wrong.PARTNER, received="nobody who took the question") from error


def _service(told: object) -> Service:
    if not isinstance(told, dict):
        raise Refusal(wrong.FORM, expected="a service")
    return Service(str(told["value"]), told.get("type"))


def _id(asked: Asked) -> EbmsId:
    return EbmsId(asked.number("id") or 0)


def _wanted(asked: Asked) -> EbmsWanted:
    after = asked.number("after")
    return EbmsWanted(
        cpa_id=asked.text("cpaId"),
        sender=asked.text("from"),
        receiver=asked.text("to"),
        service=asked.text("service"),
        action=asked.text("action"),
        conversation_id=asked.text("conversationId"),
        message_id=asked.text("messageId"),
        ref_to_message_id=asked.text("refToMessageId"),
        after=None if after is None else EbmsId(after),
        limit=asked.number("limit") or _LIMIT,
    )


def _page(rows: Sequence[EbmsRow], wanted: EbmsWanted) -> Answered:
    last = rows[-1].ebms_id if len(rows) == wanted.limit else None
    return _told({"messages": [values.told_row(row) for row in rows], "next": last})


def _found(found: Sequence[Finding]) -> list[dict[str, str]]:
    return [
        {"id": each.kind.id, "weight": each.kind.weight.value, "text": str(each)} for each in found
    ]


def _base64(octets: bytes) -> str:
    return pybase64.b64encode(octets).decode("ascii")


def _as_file(name: str) -> Mapping[str, str]:
    return {"Content-Disposition": disposition_of(name)}
