"""What a gateway answers, as frozen values; read from the objects that zeep makes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import STATUS_CODES, Ending, StatusError
from digipoort_wus.process.api import MailboxEntry, ProcessEntry

DELIVERED = "400"
"""The agency has the filing; its verdict (500 or 510) may follow."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A filing was received: the answer to ``aanleveren``.

    Args:
        kenmerk: the process; ask for its statuses with it.
        received_at: the legal moment of receipt.
        status: the status in the answer; absent in all known cases.
        signer: OIN of who signed the answer.
        message_id: wsa:MessageID of the request.
        answer: the signed answer as it came: the proof of receipt.
    """

    kenmerk: str
    berichtsoort: str
    received_at: datetime
    belanghebbende: Party
    aanleverkenmerk: str | None
    ontvanger: Party | None
    status: "Status | None"
    signer: str
    message_id: str
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Status:
    """One ``StatusResultaat``, with the text that the gateway gave."""

    kenmerk: str
    code: str
    text: str
    at: datetime
    belanghebbende: Party
    error: StatusError | None = None
    details: str | None = None

    @property
    def ending(self) -> Ending:
        """Return whether the process ends with this status, and how.

        A ``statusFoutcode`` ends a process whatever the code is; a code that this
        package does not know does not.
        """
        if self.error is not None:
            return "failure"
        known = STATUS_CODES.get(self.code)
        return known.ending if known is not None else "open"


@dataclass(frozen=True, slots=True)
class Message:
    """One ``BerichtResultaat``: a message from an agency.

    Args:
        findings: ``constateringen``: code and description.
        elements: ``additioneleElementen``: name and value.
    """

    kenmerk: str
    berichtkenmerk: str
    berichtsoort: str
    offered_at: datetime
    belanghebbende: Party
    rol_belanghebbende: str
    document: Document
    aanleverkenmerk: str | None = None
    eerder_aanleverkenmerk: str | None = None
    aanleveraar: str | None = None
    ontvanger: Party | None = None
    rol_ontvanger: str | None = None
    attachments: tuple[Document, ...] = ()
    findings: tuple[tuple[str, str], ...] = ()
    elements: tuple[tuple[str, str], ...] = ()


def ending_of(statuses: Iterable[Status]) -> Ending:
    """Return how a process stands that has these statuses, in order of time."""
    endings = [status.ending for status in statuses if status.ending != "open"]
    return endings[-1] if endings else "open"


# zeep's values have no types; what is wrong in them raises AttributeError, TypeError or
# ValueError, which the caller turns into a refusal of the answer.


def read_receipt(value: Any, *, signer: str, message_id: str, answer: bytes) -> Receipt:
    """Read an ``aanleverResponse``."""
    kenmerk, belanghebbende = _text(value.kenmerk), _party(value.identiteitBelanghebbende)
    status = None
    if value.statuscode is not None:
        status = Status(
            kenmerk,
            _text(value.statuscode),
            value.statusomschrijving or "",
            _moment(value.tijdstempelStatus),
            belanghebbende,
            _error(value.statusFoutcode),
            value.statusdetails,
        )
    return Receipt(
        kenmerk=kenmerk,
        berichtsoort=_text(value.berichtsoort),
        received_at=_moment(value.tijdstempelAangeleverd),
        belanghebbende=belanghebbende,
        aanleverkenmerk=value.aanleverkenmerk,
        ontvanger=_optional_party(value.identiteitOntvanger),
        status=status,
        signer=signer,
        message_id=message_id,
        answer=answer,
    )


def read_statuses(rows: Any) -> tuple[Status, ...]:
    """Read ``StatusResultaat`` elements."""
    return tuple(
        Status(
            _text(row.kenmerk),
            _text(row.statuscode),
            row.statusomschrijving or "",
            _moment(row.tijdstempelStatus),
            _party(row.identiteitBelanghebbende),
            _error(row.statusFoutcode),
            row.statusdetails,
        )
        for row in rows or ()
    )


def read_berichtsoorten(rows: Any) -> tuple[str, ...]:
    """Read ``berichtsoort`` elements."""
    return tuple(_text(row) for row in rows or ())


def read_processes(rows: Any) -> tuple[ProcessEntry, ...]:
    """Read ``ProcesResultaat`` elements."""
    return tuple(
        ProcessEntry(
            _text(row.kenmerk),
            _text(row.berichtsoort),
            _party(row.identiteitBelanghebbende),
            _optional_party(row.identiteitOntvanger),
        )
        for row in rows or ()
    )


def read_message_list(rows: Any) -> tuple[MailboxEntry, ...]:
    """Read ``BerichtLijstResultaat`` elements."""
    return tuple(
        MailboxEntry(
            _text(row.kenmerk), _text(row.berichtsoort), _party(row.identiteitBelanghebbende)
        )
        for row in rows or ()
    )


def read_messages(rows: Any) -> tuple[Message, ...]:
    """Read ``BerichtResultaat`` elements."""
    return tuple(_message(row) for row in rows or ())


def _message(row: Any) -> Message:
    bijlagen = row.berichtBijlagen.bijlage if row.berichtBijlagen is not None else ()
    findings = row.constateringenLijst.constatering if row.constateringenLijst is not None else ()
    elements = (
        row.additioneleElementenLijst.element if row.additioneleElementenLijst is not None else ()
    )
    return Message(
        kenmerk=_text(row.kenmerk),
        berichtkenmerk=_text(row.berichtkenmerk),
        berichtsoort=_text(row.berichtsoort),
        offered_at=_moment(row.tijdstempelAangeleverd),
        belanghebbende=_party(row.identiteitBelanghebbende),
        rol_belanghebbende=row.rolBelanghebbende or "",
        document=_document(row.berichtInhoud),
        aanleverkenmerk=row.aanleverkenmerk,
        eerder_aanleverkenmerk=row.eerderAanleverkenmerk,
        aanleveraar=row.identiteitAanleveraar,
        ontvanger=_optional_party(row.identiteitOntvanger),
        rol_ontvanger=row.rolOntvanger,
        attachments=tuple(_document(bijlage) for bijlage in bijlagen),
        findings=tuple((found.code or "", found.beschrijving or "") for found in findings),
        elements=tuple((element.naam or "", element.waarde or "") for element in elements),
    )


def _document(value: Any) -> Document:
    content = value.inhoud
    # An empty element has no text, which zeep gives as None.
    if not isinstance(content, bytes | None):
        raise TypeError("inhoud")
    return Document(value.mimeType or "", value.bestandsnaam or "", content or b"")


def _party(value: Any) -> Party:
    return Party(value.nummer or "", value.type or "")


def _optional_party(value: Any) -> Party | None:
    return None if value is None else _party(value)


def _error(value: Any) -> StatusError | None:
    if value is None:
        return None
    return StatusError(value.foutcode or "", value.foutbeschrijving or "")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError("a text is missing")
    return value.strip()


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError("a moment is missing")
    # Digipoort writes UTC; a moment without a zone can only be that.
    return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
