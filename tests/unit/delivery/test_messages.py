"""What is said to an agency and by an agency, against the schema."""

import base64

import pytest
from lxml import etree

from digipoort_wus.contract.schema import validate
from digipoort_wus.delivery.messages import (
    Verdict,
    aanbied_request,
    aflever_request,
    zet_status_request,
)
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import StatusError
from digipoort_wus.filing.writing import Piece, octets_of
from digipoort_wus.names import AANBIED, TYPES
from digipoort_wus.xmlsafe.c14n import canonicalize
from tests.unit.delivery.filings import BERICHTKENMERK, DOCUMENT, KENMERK, RECEIVED, filing

WARNING = Finding("W1", "warning", "Let op & lees", where="/xbrl")


def parsed(pieces: tuple[Piece, ...]) -> etree._Element:
    octets = b"".join(octets_of(pieces))
    root = etree.fromstring(octets)
    assert canonicalize(root) == octets
    validate(root)
    return root


def texts(root: etree._Element) -> dict[str, str | None]:
    return {etree.QName(leaf).localname: leaf.text for leaf in root.iter("{*}*") if not len(leaf)}


def test_a_whole_filing() -> None:
    attached = (Document("text/plain", "a.txt", b"een"), Document("text/plain", "b.txt", b""))
    root = parsed(aflever_request(filing(attachments=attached), (WARNING,)))
    assert [etree.QName(child).localname for child in root] == [
        "kenmerk",
        "berichtsoort",
        "berichtkenmerk",
        "aanleverkenmerk",
        "tijdstempelAangeleverd",
        "identiteitBelanghebbende",
        "rolBelanghebbende",
        "identiteitAanleveraar",
        "identiteitOntvanger",
        "rolOntvanger",
        "berichtInhoud",
        "berichtBijlagen",
        "constateringenLijst",
    ]
    assert root.findtext(f"{{{TYPES}}}kenmerk") == KENMERK
    assert root.findtext(f"{{{TYPES}}}berichtkenmerk") == BERICHTKENMERK
    assert root.findtext(f"{{{TYPES}}}tijdstempelAangeleverd") == "2026-06-01T12:00:00.123Z"
    assert root.findtext(f"{{{TYPES}}}identiteitAanleveraar") == "00000099000000002000"
    contents = [element.text or "" for element in root.iter(f"{{{TYPES}}}inhoud")]
    assert [base64.b64decode(text) for text in contents] == [DOCUMENT, b"een", b""]
    assert root.findtext(f".//{{{TYPES}}}beschrijving") == "Let op & lees (/xbrl)"


def test_only_what_must_be_there() -> None:
    root = parsed(aflever_request(filing(aanleverkenmerk=None, ontvanger=None, rol_ontvanger=None)))
    assert not {"aanleverkenmerk", "identiteitOntvanger", "rolOntvanger"} & texts(root).keys()


def test_an_earlier_aanleverkenmerk_has_no_place() -> None:
    written = b"".join(octets_of(aflever_request(filing(eerder_aanleverkenmerk="ref-0"))))
    assert b"ref-0" not in written


def test_the_same_filing_is_the_same_octets() -> None:
    first, second = (b"".join(octets_of(aflever_request(filing()))) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("error", [None, StatusError("BD1", "Fout & meer")])
def test_a_verdict(error: StatusError | None) -> None:
    verdict = Verdict(KENMERK, BERICHTKENMERK, "510", RECEIVED, error, "<a>details</a>")
    said = texts(parsed(zet_status_request(verdict)))
    assert said["statuscode"] == "510"
    assert said["berichtkenmerk"] == BERICHTKENMERK
    assert said["statusdetails"] == "<a>details</a>"
    assert said.get("foutbeschrijving") == (error and error.text)


def test_a_verdict_on_the_only_filing_of_a_process_needs_no_more_than_that() -> None:
    said = texts(parsed(zet_status_request(Verdict(KENMERK, None, "500", RECEIVED))))
    assert (said["kenmerk"], "berichtkenmerk" in said) == (KENMERK, False)


def test_a_message_for_a_mailbox() -> None:
    message = ReturnMessage(
        kenmerk=KENMERK,
        berichtkenmerk="bericht-1",
        berichtsoort="Omzetbelasting",
        offered_at=RECEIVED,
        belanghebbende=Party("001000044B37", "Fi"),
        rol_belanghebbende="Bedrijf",
        document=Document("text/xml", "a.xml", b"<a/>"),
        aanleverkenmerk="ref-1",
        eerder_aanleverkenmerk="ref-0",
        aanleveraar="00000099000000004000",
        ontvanger=Party("00000099000000002000", "OIN"),
        rol_ontvanger="Bedrijf",
        attachments=(Document("text/plain", "b.txt", b"b"),),
        findings=(WARNING,),
        elements=(("naam", "waarde"), ("leeg", "")),
    )
    root = parsed(aanbied_request(message))
    assert etree.QName(root).namespace == AANBIED.types
    assert root.findtext("{*}berichtkenmerk") == "bericht-1"
    assert root.find("{*}tijdstempelAangeleverd") is None
    assert [one.text for one in root.iter("{*}inhoud")] == ["PGEvPg==", "Yg=="]
    assert [one.text for one in root.iter("{*}naam")] == ["naam", "leeg"]
