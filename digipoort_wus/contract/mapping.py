"""Between the messages of the contract and the values of the domain; pure functions."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from digipoort_wus import checks, limits
from digipoort_wus.clock import format_utc, parse_date_time
from digipoort_wus.contract import agency_types, types
from digipoort_wus.contract.pending import Answer
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Delivery, Document, Filing, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import StatusError
from digipoort_wus.process.api import (
    AgencyReport,
    MailboxEntry,
    MailboxQuery,
    Period,
    ProcessEntry,
    ProcessStatus,
)

_NEVER = datetime.fromtimestamp(0, UTC)
# XML's white space only: a no-break space is part of a value.
_SPACES = re.compile(r"[ \t\n\r]+")


def placeholder(index: int) -> str:
    """Return the text that stands for the part of this index.

    Four digits, because that is also base64: a message validates with its
    placeholders in place, without the schema reading megabytes.
    """
    return f"{index:04d}"


def text(value: object) -> str:
    """Return a required text as the schema means it: white space collapsed."""
    return _SPACES.sub(" ", value).strip(" ") if isinstance(value, str) else ""


def optional_text(value: object) -> str | None:
    """Return an optional text; absent and empty are the same."""
    return text(value) or None


# --- Requests -----------------------------------------------------------------


def delivery(request: types.AanleverRequest, parts: tuple[bytes, ...]) -> Delivery:
    """Read an ``aanleverRequest``.

    Args:
        request: the message; every ``inhoud`` is the index of its part.
        parts: decoded octets, ``berichtInhoud`` first.

    Raises:
        Refusal: ATTACHMENT-LIMIT.
        ValueError: the placeholders are not 0, 1, 2, … for exactly these parts.
    """
    document, *attachments = _documents(request, parts)
    return Delivery(
        berichtsoort=text(request.berichtsoort),
        belanghebbende=party(request.identiteitBelanghebbende),
        rol_belanghebbende=text(request.rolBelanghebbende),
        document=document,
        kenmerk=optional_text(request.kenmerk),
        aanleverkenmerk=optional_text(request.aanleverkenmerk),
        eerder_aanleverkenmerk=optional_text(request.eerderAanleverkenmerk),
        ontvanger=_optional_party(request.identiteitOntvanger),
        rol_ontvanger=optional_text(request.rolOntvanger),
        attachments=tuple(attachments),
        autorisatie_adres=optional_text(request.autorisatieAdres),
    )


def _documents(
    request: types.AanleverRequest | agency_types.AanbiedRequest, parts: tuple[bytes, ...]
) -> list[Document]:
    bijlagen = request.berichtBijlagen
    models = [request.berichtInhoud, *(bijlagen.bijlage if bijlagen is not None else ())]
    if len(models) > 1 + limits.MAX_ATTACHMENTS:
        raise Refusal(checks.ATTACHMENT_LIMIT, received=f"{len(models) - 1} attachments")
    found = [text(model.inhoud) for model in models]
    if found != [str(index) for index in range(len(parts))] and found != [
        placeholder(index) for index in range(len(parts))
    ]:
        raise ValueError("the placeholders do not match the parts")
    return [
        Document(text(model.mimeType), text(model.bestandsnaam), part)
        for model, part in zip(models, parts, strict=True)
    ]


def agency_report(request: agency_types.ZetStatusRequest) -> AgencyReport:
    """Read a ``zetStatusRequest``.

    Raises:
        Refusal: XSD-VALID for a moment that no calendar has.
    """
    error = request.statusFoutcode
    return AgencyReport(
        kenmerk=text(request.kenmerk),
        code=text(request.statuscode),
        at=_required_moment("tijdstempelStatus", request.tijdstempelStatus),
        berichtkenmerk=optional_text(request.berichtkenmerk),
        error=error and StatusError(text(error.foutcode), text(error.foutbeschrijving)),
        # Its lines are kept: what stands in it is often XML, and shown to people.
        details=request.statusdetails or None,
    )


def offered_message(
    request: agency_types.AanbiedRequest, parts: tuple[bytes, ...]
) -> ReturnMessage:
    """Read an ``aanbiedRequest``; when it was offered is for who takes it to say.

    Args:
        request: the message; every ``inhoud`` is the index of its part.
        parts: decoded octets, ``berichtInhoud`` first.

    Raises:
        Refusal: ATTACHMENT-LIMIT.
        ValueError: the placeholders are not 0, 1, 2, … for exactly these parts.
    """
    document, *attachments = _documents(request, parts)
    findings, elements = request.constateringenLijst, request.additioneleElementenLijst
    return ReturnMessage(
        kenmerk=text(request.kenmerk),
        berichtkenmerk=text(request.berichtkenmerk),
        berichtsoort=text(request.berichtsoort),
        offered_at=_NEVER,
        belanghebbende=party(request.identiteitBelanghebbende),
        rol_belanghebbende=text(request.rolBelanghebbende),
        document=document,
        aanleverkenmerk=optional_text(request.aanleverkenmerk),
        eerder_aanleverkenmerk=optional_text(request.eerderAanleverkenmerk),
        aanleveraar=optional_text(request.identiteitAanleveraar),
        ontvanger=_optional_party(request.identiteitOntvanger),
        rol_ontvanger=optional_text(request.rolOntvanger),
        attachments=tuple(attachments),
        findings=tuple(
            Finding(text(row.code), "warning", text(row.beschrijving))
            for row in (findings.constatering if findings is not None else ())
        ),
        elements=tuple(
            (text(row.naam), text(row.waarde))
            for row in (elements.element if elements is not None else ())
        ),
    )


def party(model: types.Identiteit) -> Party:
    """Read an ``identiteit``."""
    return Party(text(model.nummer), text(model.type))


def _optional_party(model: types.Identiteit | None) -> Party | None:
    # Some clients send the element with two empty children instead of leaving it out.
    if model is None:
        return None
    found = party(model)
    return found if found != Party("", "") else None


def period(start: object, end: object) -> Period:
    """Read ``tijdstempelVanaf`` and ``tijdstempelTot``; without a zone they are UTC.

    Raises:
        Refusal: PERIOD-ORDER, or XSD-VALID for a moment that no calendar has.
    """
    found = Period(_moment("tijdstempelVanaf", start), _moment("tijdstempelTot", end))
    if found.start is not None and found.end is not None and found.start > found.end:
        raise Refusal(checks.PERIOD_ORDER)
    return found


def _moment(name: str, value: object) -> datetime | None:
    return None if optional_text(value) is None else _required_moment(name, value)


def _required_moment(name: str, value: object) -> datetime:
    try:
        return parse_date_time(text(value), zone_when_missing=UTC)
    except ValueError as error:
        # The schema also allows years of five digits, and more than nine decimals.
        expected = "a moment in the years 1 to 9999 with at most nine decimals"
        raise Refusal(checks.XSD_VALID, expected=expected, received=name) from error


def messages_query(request: types.BerichtenVraag) -> MailboxQuery:
    """Read the request of ``getBerichten`` and ``getNieuweBerichten``."""
    return MailboxQuery(
        berichtsoort=optional_text(request.berichtsoort),
        belanghebbende=party(request.identiteitBelanghebbende),
        autorisatie_adres=optional_text(request.autorisatieAdres),
        period=period(request.tijdstempelVanaf, request.tijdstempelTot),
    )


def list_query(request: types.BerichtenLijstVraag) -> MailboxQuery:
    """Read the request of the two BerichtenLijst operations."""
    return MailboxQuery(
        berichtsoort=optional_text(request.berichtsoort),
        autorisatie_adres=optional_text(request.autorisatieAdres),
        period=period(request.tijdstempelVanaf, request.tijdstempelTot),
    )


def kenmerk_query(request: types.KenmerkVraag) -> MailboxQuery:
    """Read the request of the two BerichtenKenmerk operations."""
    return MailboxQuery(
        kenmerk=text(request.kenmerk),
        autorisatie_adres=optional_text(request.autorisatieAdres),
        period=period(request.tijdstempelVanaf, request.tijdstempelTot),
    )


# --- Answers ------------------------------------------------------------------


def aanlever_response(filing: Filing) -> types.AanleverResponse:
    """Write the answer to a delivery: what it said, its kenmerk and moment, no status."""
    said = filing.delivery
    return types.AanleverResponse(
        kenmerk=filing.kenmerk,
        berichtsoort=said.berichtsoort,
        aanleverkenmerk=said.aanleverkenmerk,
        eerderAanleverkenmerk=said.eerder_aanleverkenmerk,
        tijdstempelAangeleverd=format_utc(filing.received_at),
        identiteitBelanghebbende=identiteit(said.belanghebbende),
        rolBelanghebbende=said.rol_belanghebbende,
        identiteitOntvanger=_optional_identiteit(said.ontvanger),
        rolOntvanger=said.rol_ontvanger,
        autorisatieAdres=said.autorisatie_adres,
    )


def zet_status_response(report: AgencyReport) -> agency_types.ZetStatusResponse:
    """Write the answer to a report."""
    return agency_types.ZetStatusResponse(kenmerk=report.kenmerk, statuscode=report.code)


def aanbied_response(message: ReturnMessage) -> agency_types.AanbiedResponse:
    """Write the answer to an offered message."""
    return agency_types.AanbiedResponse(
        kenmerk=message.kenmerk, berichtkenmerk=message.berichtkenmerk
    )


def identiteit(value: Party) -> types.Identiteit:
    """Write a party."""
    return types.Identiteit(nummer=value.number, type=value.type)


def _optional_identiteit(value: Party | None) -> types.Identiteit | None:
    return None if value is None else identiteit(value)


def echo_answer(request: types.EchoRequest, parts: tuple[bytes, ...]) -> Answer:
    """Write the answer of ``echo``: what was asked, character by character and octet by octet."""
    data = None if request.data is None else placeholder(0)
    return Answer(types.EchoResponse(text=request.text, data=data), parts)


def proces_resultaat(entry: ProcessEntry) -> types.ProcesResultaat:
    """Write one row of ``getProcessen``."""
    return types.ProcesResultaat(
        kenmerk=entry.kenmerk,
        berichtsoort=entry.berichtsoort,
        identiteitBelanghebbende=identiteit(entry.belanghebbende),
        identiteitOntvanger=_optional_identiteit(entry.ontvanger),
    )


def status_resultaat(entry: ProcessStatus) -> types.StatusResultaat:
    """Write one status."""
    status = entry.status
    error = status.error
    return types.StatusResultaat(
        kenmerk=entry.kenmerk,
        identiteitBelanghebbende=identiteit(entry.belanghebbende),
        statuscode=status.code,
        tijdstempelStatus=format_utc(status.at),
        statusomschrijving=status.text,
        statusFoutcode=error and types.Fout(foutcode=error.code, foutbeschrijving=error.text),
        statusdetails=status.details,
    )


def bericht_lijst_resultaat(entry: MailboxEntry) -> types.BerichtLijstResultaat:
    """Write one row of a list of messages."""
    return types.BerichtLijstResultaat(
        berichtsoort=entry.berichtsoort,
        identiteitBelanghebbende=identiteit(entry.belanghebbende),
        kenmerk=entry.kenmerk,
    )


def messages_answer(listing: types.Listing, messages: Iterable[ReturnMessage]) -> Answer:
    """Write messages with their content, which stays beside the Spyne message."""
    contents: list[bytes] = []
    rows = [_bericht_resultaat(message, contents) for message in messages]
    return Answer(listing.of(rows), tuple(contents))


def _bericht_resultaat(message: ReturnMessage, contents: list[bytes]) -> types.BerichtResultaat:
    inhoud = _inhoud(message.document, contents)
    bijlagen = [_inhoud(attachment, contents) for attachment in message.attachments]
    findings = [_constatering(finding) for finding in message.findings]
    elements = [
        types.AdditioneelElement(naam=name, waarde=value) for name, value in message.elements
    ]
    return types.BerichtResultaat(
        kenmerk=message.kenmerk,
        berichtsoort=message.berichtsoort,
        berichtkenmerk=message.berichtkenmerk,
        aanleverkenmerk=message.aanleverkenmerk,
        eerderAanleverkenmerk=message.eerder_aanleverkenmerk,
        tijdstempelAangeleverd=format_utc(message.offered_at),
        identiteitBelanghebbende=identiteit(message.belanghebbende),
        rolBelanghebbende=message.rol_belanghebbende,
        identiteitAanleveraar=message.aanleveraar,
        identiteitOntvanger=_optional_identiteit(message.ontvanger),
        rolOntvanger=message.rol_ontvanger,
        berichtInhoud=inhoud,
        # The schema wants these lists absent rather than empty.
        berichtBijlagen=types.Bijlagen(bijlage=bijlagen) if bijlagen else None,
        constateringenLijst=types.Constateringen(constatering=findings) if findings else None,
        additioneleElementenLijst=(
            types.AdditioneleElementen(element=elements) if elements else None
        ),
    )


def _inhoud(document: Document, contents: list[bytes]) -> types.Inhoud:
    index = len(contents)
    # At hand: an answer is signed as a whole, so what it holds was read before.
    contents.append(read_content(document.content))
    return types.Inhoud(
        mimeType=document.mime_type,
        bestandsnaam=document.file_name,
        inhoud=placeholder(index),
    )


def _constatering(finding: Finding) -> types.Constatering:
    where = f" ({finding.where})" if finding.where else ""
    return types.Constatering(code=finding.code, beschrijving=finding.text + where)
