"""What the gateway says to an agency, and an agency to the gateway, as elements for a Body.

A message is a function of what it is about: whoever repeats it writes the same octets, and
its receiver recognises the repeat by them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from digipoort_wus.clock import format_utc
from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import StatusError
from digipoort_wus.filing.writing import Base64, Piece, element, leaf, optional_leaf
from digipoort_wus.names import AANBIED, AFLEVER, ZET_STATUS

_FINDING_CODE_MAX = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an agency reports of a filing (``zetStatus``).

    Args:
        kenmerk: the process.
        berichtkenmerk: the message in it that was judged; None where the process has one only.
        code: ``500`` or ``510``.
        at: when it was judged, aware.
        error: ``statusFoutcode``.
        details: text or escaped XML.
    """

    kenmerk: str
    berichtkenmerk: str | None
    code: str
    at: datetime
    error: StatusError | None = None
    details: str | None = None


def no_findings(_filing: Filing) -> Sequence[Finding]:
    """Return nothing: validation has nothing to tell the agency."""
    return ()


def aflever_request(filing: Filing, findings: Sequence[Finding] = ()) -> tuple[Piece, ...]:
    """Write the ``afleverRequest`` of a filing.

    Args:
        filing: its contents may be handles; they are not opened here.
        findings: warnings of the validation, in an order that does not change.

    Digipoort XSD 1.2: as BerichtResultaat, without eerderAanleverkenmerk.
    """
    said = filing.delivery
    return element(
        "afleverRequest",
        leaf("kenmerk", filing.kenmerk),
        leaf("berichtsoort", said.berichtsoort),
        leaf("berichtkenmerk", filing.berichtkenmerk),
        *optional_leaf("aanleverkenmerk", said.aanleverkenmerk),
        leaf("tijdstempelAangeleverd", format_utc(filing.received_at)),
        *_party("identiteitBelanghebbende", said.belanghebbende),
        leaf("rolBelanghebbende", said.rol_belanghebbende),
        leaf("identiteitAanleveraar", filing.sender),
        *_optional_party("identiteitOntvanger", said.ontvanger),
        *optional_leaf("rolOntvanger", said.rol_ontvanger),
        *_documents(said.document, said.attachments),
        *_findings(findings),
        namespace=AFLEVER.types,
    )


def zet_status_request(verdict: Verdict) -> tuple[Piece, ...]:
    """Write the ``zetStatusRequest`` of a verdict."""
    error = verdict.error
    return element(
        "zetStatusRequest",
        leaf("kenmerk", verdict.kenmerk),
        *optional_leaf("berichtkenmerk", verdict.berichtkenmerk),
        leaf("statuscode", verdict.code),
        leaf("tijdstempelStatus", format_utc(verdict.at)),
        *(
            ()
            if error is None
            else element(
                "statusFoutcode", leaf("foutcode", error.code), leaf("foutbeschrijving", error.text)
            )
        ),
        *optional_leaf("statusdetails", verdict.details),
        namespace=ZET_STATUS.types,
    )


def aanbied_request(message: ReturnMessage) -> tuple[Piece, ...]:
    """Write the ``aanbiedRequest`` of a return message; when it was offered is not said."""
    elements = [
        element("element", leaf("naam", name), leaf("waarde", value))
        for name, value in message.elements
    ]
    return element(
        "aanbiedRequest",
        leaf("kenmerk", message.kenmerk),
        leaf("berichtsoort", message.berichtsoort),
        leaf("berichtkenmerk", message.berichtkenmerk),
        *optional_leaf("aanleverkenmerk", message.aanleverkenmerk),
        *optional_leaf("eerderAanleverkenmerk", message.eerder_aanleverkenmerk),
        *_party("identiteitBelanghebbende", message.belanghebbende),
        leaf("rolBelanghebbende", message.rol_belanghebbende),
        *optional_leaf("identiteitAanleveraar", message.aanleveraar),
        *_optional_party("identiteitOntvanger", message.ontvanger),
        *optional_leaf("rolOntvanger", message.rol_ontvanger),
        *_documents(message.document, message.attachments),
        *_findings(message.findings),
        *(
            element("additioneleElementenLijst", *(piece for one in elements for piece in one))
            if elements
            else ()
        ),
        namespace=AANBIED.types,
    )


def _party(name: str, party: Party) -> tuple[Piece, ...]:
    return element(name, leaf("nummer", party.number), leaf("type", party.type))


def _optional_party(name: str, party: Party | None) -> tuple[Piece, ...]:
    return () if party is None else _party(name, party)


def _documents(document: Document, attachments: Sequence[Document]) -> tuple[Piece, ...]:
    bijlagen = [piece for one in attachments for piece in _document("bijlage", one)]
    # The schema wants no empty list.
    lists = element("berichtBijlagen", *bijlagen) if bijlagen else ()
    return (*_document("berichtInhoud", document), *lists)


def _document(name: str, document: Document) -> tuple[Piece, ...]:
    return element(
        name,
        leaf("mimeType", document.mime_type),
        leaf("bestandsnaam", document.file_name),
        *element("inhoud", Base64(document.content)),
    )


def _findings(findings: Sequence[Finding]) -> tuple[Piece, ...]:
    if not findings:
        return ()
    written = [
        piece
        for finding in findings
        for piece in element(
            "constatering",
            leaf("code", finding.code[:_FINDING_CODE_MAX]),
            leaf("beschrijving", _described(finding)),
        )
    ]
    return element("constateringenLijst", *written)


def _described(finding: Finding) -> str:
    return f"{finding.text} ({finding.where})" if finding.where else finding.text
