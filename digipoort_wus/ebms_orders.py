"""What an operator's commands ask of the message handler: text in, text out, both JSON.

They come over the socket of a running gateway, or are carried out on its store where none runs.
"""

import base64
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLong
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO
from uuid import uuid4

from digipoort_wus.ebms.message import PartyId, Payload, Service, StatusResponse
from digipoort_wus.errors import ConfigurationError, DigipoortError
from digipoort_wus.filing.content import Content
from digipoort_wus.messaging.book import Book
from digipoort_wus.messaging.sending import Letter
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.store.ebms_values import EbmsId

ADD, REMOVE, PING, SEND, RESEND, STATUS = (
    "cpa-add",
    "cpa-remove",
    "ebms-ping",
    "ebms-send",
    "ebms-resend",
    "ebms-status",
)
_ANSWER_SECONDS = 15
"""How long an operator waits for a Pong; less than the socket waits for us."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """The octets of a file of the operator's, which are copied when the message is kept."""

    path: Path
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.path.stat().st_size)

    def open(self) -> BinaryIO:
        """Open it."""
        return self.path.open("rb")

    def read(self) -> bytes:
        """Return all of it."""
        return self.path.read_bytes()


class EbmsOrders:
    """Carries out orders about ebMS; any thread may ask, and each blocks.

    Args:
        service: sends and asks.
        book: holds the agreements.
    """

    def __init__(self, service: MessageService, book: Book) -> None:
        self._service = service
        self._book = book

    @property
    def tasks(self) -> Mapping[str, Callable[[str], str]]:
        """Return them by their words, for :class:`~digipoort_wus.server.control.Control`."""
        return MappingProxyType(
            {
                ADD: self.add,
                REMOVE: self.remove,
                PING: self.ping,
                SEND: self.send,
                RESEND: self.resend,
                STATUS: self.status,
            }
        )

    def add(self, text: str) -> str:
        """Add an agreement, or replace that of its CPAId; return its warnings.

        Raises:
            ConfigurationError: it cannot be used.
        """
        told = _read(text)
        found = self._book.put(
            base64.b64decode(_text(told, "cpa")),
            urls=_texts(told, "urls"),
            certificates={
                digest: base64.b64decode(der)
                for digest, der in _texts(told, "certificates").items()
            },
            quirks=_texts(told, "quirks"),
        )
        return json.dumps([str(each) for each in found])

    def remove(self, text: str) -> str:
        """End an agreement.

        Raises:
            ConfigurationError: there is none of that CPAId.
        """
        cpa_id = _text(_read(text), "cpa_id")
        try:
            self._book.remove(cpa_id)
        except KeyError as error:
            raise ConfigurationError(
                f"There is no CPA {cpa_id}: `digipoort-wus cpa list` says which there are."
            ) from error
        return json.dumps(cpa_id)

    def ping(self, text: str) -> str:
        """Ask whether the other party is there, and wait for its Pong.

        Raises:
            DigipoortError: it does not answer.
        """
        cpa_id = _text(_read(text), "cpa_id")
        _waited(self._service.ping(cpa_id, self._own_id(cpa_id)), "Pong")
        return json.dumps("pong")

    def send(self, text: str) -> str:
        """Keep a message that is sent from now on; return its MessageId.

        Raises:
            ConfigurationError: the agreement does not allow it, or a file cannot be read.
        """
        told = _read(text)
        cpa_id = _text(told, "cpa_id")
        letter = Letter(
            cpa_id,
            self._own_id(cpa_id),
            Service(_text(told, "service"), _text(told, "service_type") or None),
            _text(told, "action"),
            tuple(map(_payload, _rows(told, "payloads"))),
            _text(told, "conversation_id") or None,
            _text(told, "ref_to_message_id") or None,
            _text(told, "message_id") or None,
        )
        return json.dumps(self._service.send(letter))

    def resend(self, text: str) -> str:
        """Send the content of a message again, under another MessageId; return that.

        Raises:
            ConfigurationError: it cannot be sent again.
        """
        number = _number(text)
        try:
            return json.dumps(self._service.resend(number))
        except KeyError as error:
            raise _no_such(number) from error

    def status(self, text: str) -> str:
        """Ask the other party what became of a message of ours, and wait for its answer.

        Raises:
            DigipoortError: it does not answer.
        """
        number = _number(text)
        try:
            future = self._service.ask_status(number)
        except KeyError as error:
            raise _no_such(number) from error
        response = _waited(future, "answer")
        if response is None:
            raise DigipoortError("The other party answered with something else.")
        at = None if response.timestamp is None else response.timestamp.isoformat()
        return json.dumps({"status": response.status.value, "at": at})

    def _own_id(self, cpa_id: str) -> PartyId:
        """Return which of our ids an agreement has.

        Raises:
            ConfigurationError: there is no such agreement.
        """
        ours = self._book.current()
        partner = ours.partners.get(cpa_id)
        if partner is None:
            why = self._book.broken.get(cpa_id, "`digipoort-wus cpa list` says which there are")
            raise ConfigurationError(f"There is no CPA {cpa_id} that can be used: {why}.")
        parties = partner.agreement.parties
        return next(one for party in parties for one in party.ids if one in ours.ids)


def _payload(row: Mapping[str, object]) -> Payload:
    content: Content
    if "path" in row:
        try:
            content = FileContent(Path(_text(row, "path")))
        except OSError as error:
            raise ConfigurationError(
                f"{row['path']} cannot be read by the gateway: {error.strerror}."
            ) from error
    else:
        content = base64.b64decode(_text(row, "octets"))
    name = _text(row, "name") or None
    return Payload(f"{uuid4()}@payload", _text(row, "media_type"), content, name)


def _waited(future: "Future[StatusResponse | None]", what: str) -> StatusResponse | None:
    try:
        return future.result(_ANSWER_SECONDS)
    except TooLong as error:
        # Or the question would be kept for an answer that nobody waits for any more.
        future.cancel()
        raise DigipoortError(
            f"There was no {what} within {_ANSWER_SECONDS} seconds. One that comes by a "
            "connection of its own is heard only while a gateway runs on this store."
        ) from error


def _no_such(number: int) -> ConfigurationError:
    return ConfigurationError(
        f"There is no message {number} that went out: `digipoort-wus ebms messages` lists them."
    )


def _number(text: str) -> EbmsId:
    try:
        return EbmsId(int(_text(_read(text), "ebms_id")))
    except ValueError as error:
        raise _other_version() from error


def _read(text: str) -> Mapping[str, object]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise _other_version() from error
    if not isinstance(told, dict):
        raise _other_version()
    return told


def _text(told: Mapping[str, object], key: str) -> str:
    value = told.get(key) or ""
    if not isinstance(value, str):
        raise _other_version()
    return value


def _texts(told: Mapping[str, object], key: str) -> dict[str, str]:
    value = told.get(key) or {}
    if not isinstance(value, dict):
        raise _other_version()
    return {str(name): str(text) for name, text in value.items()}


def _rows(told: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    value = told.get(key) or []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _other_version()
    return value


def _other_version() -> DigipoortError:
    return DigipoortError("The gateway is of another version: use its own command.")
