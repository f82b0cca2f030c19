"""Each of the fourteen operations, from request element to valid response element."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree

from digipoort_wus import checks, names
from digipoort_wus.contract import schema
from digipoort_wus.contract.services import make_applications
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.process.api import AgencyReport, MailboxQuery, Period, ProcessStatus, Scope
from digipoort_wus.server.spyne_host import call
from tests.unit.contract.memory import CALLER, NOON, MemoryProcess

PARTY = Party("001000044B37", "Fi")
IDENTITEIT = (
    "<identiteitBelanghebbende><nummer> 001000044B37 </nummer><type>Fi</type>"
    "</identiteitBelanghebbende>"
)
ADRES = "<autorisatieAdres>http://geenausp.nl</autorisatieAdres>"
PERIODE = (
    "<tijdstempelVanaf>2026-11-22T12:00:00</tijdstempelVanaf>"
    "<tijdstempelTot>2026-11-22T14:00:00+01:00</tijdstempelTot>"
)
PERIOD = Period(datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 22, 13, tzinfo=UTC))
INHOUD = "<mimeType>text/xml</mimeType><bestandsnaam>a</bestandsnaam><inhoud>{}</inhoud>"


@pytest.fixture
def process() -> MemoryProcess:
    return MemoryProcess()


def ask(process: MemoryProcess, operation: str, *content: str, parts: int = 0) -> etree._Element:
    """Send a valid request; return the answer, which must be valid as well."""
    (service,) = (
        each
        for each in (*names.SERVICES.values(), *names.FOR_AGENCIES.values())
        if operation in [known.name for known in each.operations]
    )
    (wire,) = (each for each in service.operations if each.name == operation)
    request = etree.fromstring(
        f'<{wire.request} xmlns="{service.types}">{"".join(content)}</{wire.request}>'
    )
    schema.validate(request)
    application = make_applications(process)[service.name]
    octets = tuple(f"part {index}".encode() for index in range(parts))
    answer = call(application, request, CALLER, octets).result(timeout=0)
    schema.validate(answer)
    assert answer.tag == f"{{{service.types}}}{wire.response}"
    return answer


def deliver(process: MemoryProcess, berichtsoort: str = "Omzetbelasting") -> etree._Element:
    return ask(
        process,
        "aanleveren",
        f"<berichtsoort>{berichtsoort}</berichtsoort>",
        "<aanleverkenmerk>Happyflow</aanleverkenmerk>",
        IDENTITEIT,
        "<rolBelanghebbende>Bedrijf</rolBelanghebbende>",
        f"<berichtInhoud>{INHOUD.format('0000')}</berichtInhoud>",
        f"<berichtBijlagen><bijlage>{INHOUD.format('0001')}</bijlage></berichtBijlagen>",
        ADRES,
        parts=2,
    )


def text(element: etree._Element, path: str) -> str | None:
    steps = "/".join(f"{{{names.TYPES}}}{step}" for step in path.split("/"))
    return element.findtext(steps)


def rows(answer: etree._Element) -> list[list[str]]:
    (returned,) = answer
    operation = etree.QName(answer).localname.removesuffix("Response")
    assert returned.tag == f"{{{names.TYPES}}}{operation}Return"
    return [[etree.QName(child).localname for child in row] or [row.text or ""] for row in returned]


def test_aanleveren(process: MemoryProcess) -> None:
    answer = deliver(process)
    (filing,) = process.filings
    assert filing.sender == CALLER.oin
    assert filing.delivery.belanghebbende == PARTY
    assert filing.delivery.document == Document("text/xml", "a", b"part 0")
    assert filing.delivery.attachments == (Document("text/xml", "a", b"part 1"),)
    assert [etree.QName(child).localname for child in answer] == [
        "kenmerk",
        "berichtsoort",
        "aanleverkenmerk",
        "tijdstempelAangeleverd",
        "identiteitBelanghebbende",
        "rolBelanghebbende",
        "identiteitOntvanger",
        "rolOntvanger",
        "autorisatieAdres",
    ]
    assert text(answer, "kenmerk") == "kenmerk-1"
    assert text(answer, "tijdstempelAangeleverd") == "2026-11-22T12:00:00.123Z"
    assert text(answer, "identiteitOntvanger/nummer") == "00000002003214394002"


def test_aanleveren_without_known_receiver(process: MemoryProcess) -> None:
    answer = deliver(process, "ICP")
    assert text(answer, "identiteitOntvanger/nummer") is None
    assert text(answer, "rolOntvanger") is None


def test_get_berichtsoorten(process: MemoryProcess) -> None:
    answer = ask(process, "getBerichtsoorten", IDENTITEIT, ADRES)
    assert rows(answer) == [["Omzetbelasting"], ["ICP"]]
    assert process.asked == [(PARTY, "http://geenausp.nl")]


def test_get_processen(process: MemoryProcess) -> None:
    deliver(process)
    deliver(process, "ICP")
    answer = ask(process, "getProcessen", "<berichtsoort>ICP</berichtsoort>", IDENTITEIT)
    assert rows(answer) == [["kenmerk", "berichtsoort", "identiteitBelanghebbende"]]
    answer = ask(process, "getProcessen", "<berichtsoort>Omzetbelasting</berichtsoort>", IDENTITEIT)
    assert rows(answer)[0][-1] == "identiteitOntvanger"


@pytest.mark.parametrize(
    ("operation", "scope"),
    [("getStatussenProces", Scope.ALL), ("getNieuweStatussenProces", Scope.NEW)],
)
def test_get_statussen_proces(process: MemoryProcess, operation: str, scope: Scope) -> None:
    deliver(process)
    content = ("<kenmerk>kenmerk-1</kenmerk>", ADRES, PERIODE)
    answer = ask(process, operation, *content)
    assert process.asked == [("kenmerk-1", PERIOD, scope, "http://geenausp.nl")]
    codes = [each.text for each in answer.iter(f"{{{names.TYPES}}}statuscode")]
    assert codes == ["105", "100", "110"]
    # What was new is no longer new; everything stays everything.
    assert len(rows(ask(process, operation, *content))) == (3 if scope is Scope.ALL else 0)


def test_a_status_with_error_and_details(process: MemoryProcess) -> None:
    deliver(process)
    details = "<results>\n a &amp;\u20ac</results>"
    status = Status("311", NOON, StatusError("VAS500", "Onjuist."), details)
    process.statuses = [ProcessStatus("kenmerk-1", PARTY, status)]
    answer = ask(process, "getStatussenProces", "<kenmerk>kenmerk-1</kenmerk>")
    row = "getStatussenProcesReturn/StatusResultaat"
    assert text(answer, f"{row}/statusFoutcode/foutcode") == "VAS500"
    assert text(answer, f"{row}/statusomschrijving") == "Validatie niet gelukt."
    assert text(answer, f"{row}/statusdetails") == details


def test_get_nieuwe_statussen(process: MemoryProcess) -> None:
    deliver(process)
    deliver(process, "ICP")
    content = ("<berichtsoort>ICP</berichtsoort>", IDENTITEIT, ADRES, PERIODE)
    answer = ask(process, "getNieuweStatussen", *content)
    assert len(rows(answer)) == 3
    assert text(answer, "getNieuweStatussenReturn/StatusResultaat/kenmerk") == "kenmerk-2"
    assert rows(ask(process, "getNieuweStatussen", *content)) == []


FULL = ReturnMessage(
    "k-1",
    "b-1",
    "TEST",
    NOON,
    PARTY,
    "Bedrijf",
    Document("application/xml", "antwoord.xml", b"\x00\xff" * 1000),
    aanleverkenmerk="a",
    eerder_aanleverkenmerk="e",
    aanleveraar="00000099000000002000",
    ontvanger=Party("1", "OIN"),
    rol_ontvanger="Bedrijf",
    attachments=(Document("text/plain", "b.txt", b"attached"), Document("text/plain", "c", b"")),
    findings=(Finding("C1", "error", "Onjuist.", "regel 3"),),
    elements=(("middel", "OB"), ("soort", "VA")),
)
BARE = replace(
    FULL,
    kenmerk="k-2",
    aanleverkenmerk=None,
    eerder_aanleverkenmerk=None,
    aanleveraar=None,
    ontvanger=None,
    rol_ontvanger=None,
    attachments=(),
    findings=(),
    elements=(),
)
QUERY = MailboxQuery(autorisatie_adres="http://geenausp.nl", period=PERIOD)


@pytest.mark.parametrize(
    ("operation", "scope"),
    [("getBerichten", Scope.ALL), ("getNieuweBerichten", Scope.NEW)],
)
def test_get_berichten(process: MemoryProcess, operation: str, scope: Scope) -> None:
    process.mailbox = [FULL, BARE]
    content = ("<berichtsoort>TEST</berichtsoort>", IDENTITEIT, ADRES, PERIODE)
    answer = ask(process, operation, *content)
    query = replace(QUERY, berichtsoort="TEST", belanghebbende=PARTY)
    assert process.asked == [(query, scope)]
    full, bare = rows(answer)
    assert full[-4:] == [
        "berichtInhoud",
        "berichtBijlagen",
        "constateringenLijst",
        "additioneleElementenLijst",
    ]
    assert bare[-1] == "berichtInhoud"
    contents = [
        base64.b64decode(each.text or "") for each in answer.iter(f"{{{names.TYPES}}}inhoud")
    ]
    assert contents == [FULL.document.content, b"attached", b"", BARE.document.content]
    assert len(rows(ask(process, operation, *content))) == (2 if scope is Scope.ALL else 0)


@pytest.mark.parametrize(
    ("operation", "scope"),
    [("getBerichtenLijst", Scope.ALL), ("getNieuweBerichtenLijst", Scope.NEW)],
)
def test_get_berichten_lijst(process: MemoryProcess, operation: str, scope: Scope) -> None:
    process.mailbox = [FULL, BARE]
    answer = ask(process, operation, ADRES, PERIODE)
    assert process.asked == [(QUERY, scope)]
    assert rows(answer) == [["berichtsoort", "identiteitBelanghebbende", "kenmerk"]] * 2


@pytest.mark.parametrize(
    ("operation", "scope"),
    [("getBerichtenKenmerk", Scope.ALL), ("getNieuweBerichtenKenmerk", Scope.NEW)],
)
def test_get_berichten_kenmerk(process: MemoryProcess, operation: str, scope: Scope) -> None:
    process.mailbox = [FULL, BARE]
    answer = ask(process, operation, "<kenmerk>k-2</kenmerk>", ADRES, PERIODE)
    assert process.asked == [(replace(QUERY, kenmerk="k-2"), scope)]
    assert text(answer, f"{operation}Return/BerichtResultaat/kenmerk") == "k-2"


@pytest.mark.parametrize(
    ("operation", "content"),
    [
        ("getBerichtsoorten", IDENTITEIT.replace("Fi", "kvk")),
        ("getProcessen", f"<berichtsoort/>{IDENTITEIT}"),
        ("getNieuweStatussen", f"<berichtsoort/>{IDENTITEIT}"),
        ("getBerichten", IDENTITEIT),
        ("getNieuweBerichten", IDENTITEIT),
        ("getBerichtenLijst", ""),
        ("getNieuweBerichtenLijst", ""),
        ("getBerichtenKenmerk", "<kenmerk/>"),
        ("getNieuweBerichtenKenmerk", "<kenmerk/>"),
    ],
)
def test_nothing_found_is_an_empty_return(
    process: MemoryProcess, operation: str, content: str
) -> None:
    assert rows(ask(process, operation, content)) == []


def test_a_period_in_the_wrong_order_is_refused(process: MemoryProcess) -> None:
    start = "<tijdstempelVanaf>2026-11-22T12:00:00.001Z</tijdstempelVanaf>"
    end = "<tijdstempelTot>2026-11-22T12:00:00Z</tijdstempelTot>"
    with pytest.raises(Refusal) as refusal:
        ask(process, "getBerichtenLijst", start, end)
    assert refusal.value.check is checks.PERIOD_ORDER
    assert process.asked == []


def test_a_refusal_of_the_process_comes_through(process: MemoryProcess) -> None:
    with pytest.raises(Refusal) as refusal:
        ask(process, "getStatussenProces", "<kenmerk>unknown</kenmerk>")
    assert refusal.value.check is checks.KENMERK_KNOWN


def test_every_operation_has_an_application(process: MemoryProcess) -> None:
    applications = make_applications(process)
    assert set(applications) == set(names.ENDPOINTS)
    tags = {tag for application in applications.values() for tag in application.descriptors}
    assert len(tags) == 15  # both profiles of Echo speak alike


# --- What agencies say --------------------------------------------------------------

MOMENT = "<tijdstempelStatus>2026-11-22T13:00:00+01:00</tijdstempelStatus>"


def test_zet_status(process: MemoryProcess) -> None:
    answer = ask(
        process,
        "zetStatus",
        "<kenmerk> k </kenmerk><berichtkenmerk>b</berichtkenmerk><statuscode>510</statuscode>",
        MOMENT,
        "<statusFoutcode><foutcode>X1</foutcode><foutbeschrijving>Onjuist.</foutbeschrijving>"
        "</statusFoutcode><statusdetails>&lt;a&gt;\n &lt;/a&gt;</statusdetails>",
    )
    assert process.reports == [
        AgencyReport(
            "k",
            "510",
            datetime(2026, 11, 22, 12, tzinfo=UTC),
            "b",
            StatusError("X1", "Onjuist."),
            "<a>\n </a>",
        )
    ]
    assert [(etree.QName(child).localname, child.text) for child in answer] == [
        ("kenmerk", "k"),
        ("statuscode", "510"),
    ]


def test_zet_status_with_nothing_that_may_be_absent(process: MemoryProcess) -> None:
    ask(process, "zetStatus", "<kenmerk>k</kenmerk><statuscode>500</statuscode>", MOMENT)
    (report,) = process.reports
    assert (report.berichtkenmerk, report.error, report.details) == (None, None, None)


def test_a_report_of_a_moment_that_no_calendar_has(process: MemoryProcess) -> None:
    moment = "<tijdstempelStatus>12026-11-22T13:00:00Z</tijdstempelStatus>"
    with pytest.raises(Refusal) as caught:
        ask(process, "zetStatus", "<kenmerk>k</kenmerk><statuscode>500</statuscode>", moment)
    assert caught.value.check is checks.XSD_VALID
    assert process.reports == []


def test_aanbieden(process: MemoryProcess) -> None:
    bijlage = f"<bijlage>{INHOUD.format('0001')}</bijlage>"
    answer = ask(
        process,
        "aanbieden",
        "<kenmerk>k</kenmerk><berichtsoort>Aanslag</berichtsoort><berichtkenmerk>b</berichtkenmerk>",
        "<aanleverkenmerk>a</aanleverkenmerk><eerderAanleverkenmerk>e</eerderAanleverkenmerk>",
        IDENTITEIT,
        "<rolBelanghebbende>Bedrijf</rolBelanghebbende>",
        "<identiteitAanleveraar>00000099000000004000</identiteitAanleveraar>",
        "<identiteitOntvanger><nummer>1</nummer><type>OIN</type></identiteitOntvanger>",
        "<rolOntvanger>Intermediair</rolOntvanger>",
        f"<berichtInhoud>{INHOUD.format('0000')}</berichtInhoud>",
        f"<berichtBijlagen>{bijlage}</berichtBijlagen>",
        "<constateringenLijst><constatering><code>C</code><beschrijving>Let op.</beschrijving>"
        "</constatering></constateringenLijst>",
        "<additioneleElementenLijst><element><naam>n</naam><waarde>w</waarde></element>"
        "</additioneleElementenLijst>",
        parts=2,
    )
    assert process.mailbox == [
        ReturnMessage(
            kenmerk="k",
            berichtkenmerk="b",
            berichtsoort="Aanslag",
            offered_at=NOON,
            belanghebbende=PARTY,
            rol_belanghebbende="Bedrijf",
            document=Document("text/xml", "a", b"part 0"),
            aanleverkenmerk="a",
            eerder_aanleverkenmerk="e",
            aanleveraar="00000099000000004000",
            ontvanger=Party("1", "OIN"),
            rol_ontvanger="Intermediair",
            attachments=(Document("text/xml", "a", b"part 1"),),
            findings=(Finding("C", "warning", "Let op."),),
            elements=(("n", "w"),),
        )
    ]
    assert [(etree.QName(child).localname, child.text) for child in answer] == [
        ("kenmerk", "k"),
        ("berichtkenmerk", "b"),
    ]


def test_what_is_offered_is_what_is_fetched(process: MemoryProcess) -> None:
    inhoud = f"<berichtInhoud>{INHOUD.format('0000')}</berichtInhoud>"
    content = (
        "<kenmerk>k</kenmerk><berichtsoort>Aanslag</berichtsoort><berichtkenmerk>b</berichtkenmerk>"
        f"{IDENTITEIT}<rolBelanghebbende>Bedrijf</rolBelanghebbende>{inhoud}"
    )
    ask(process, "aanbieden", content, parts=1)
    answer = ask(process, "getBerichten", IDENTITEIT)
    assert text(answer, "getBerichtenReturn/BerichtResultaat/berichtkenmerk") == "b"
    encoded = text(answer, "getBerichtenReturn/BerichtResultaat/berichtInhoud/inhoud")
    assert base64.b64decode(encoded or "") == b"part 0"
