"""From messages to values of the domain, and back."""

from datetime import UTC, datetime

import pytest

from digipoort_wus import checks
from digipoort_wus.contract import mapping, types
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Delivery, Document, Filing, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.process.api import MailboxQuery, Period, ProcessStatus

PARTY = Party("001000044B37", "Fi")
NOON = datetime(2026, 11, 22, 12, 0, 0, 123999, UTC)


def inhoud(index: str, name: str = "a.xbrl") -> types.Inhoud:
    return types.Inhoud(mimeType="text/xml", bestandsnaam=name, inhoud=index)


def aanleveren(**changes: object) -> types.AanleverRequest:
    said: dict[str, object] = {
        "berichtsoort": "Omzetbelasting",
        "identiteitBelanghebbende": types.Identiteit(nummer="001000044B37", type="Fi"),
        "rolBelanghebbende": "Bedrijf",
        "berichtInhoud": inhoud("0"),
    }
    return types.AanleverRequest(**said | changes)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("  a \t b\r\n c ", "a b c"),
        ("a b", "a b"),
        ("", ""),
        (" \n ", ""),
        (None, ""),
        # White space for Python, a character like any other for XML.
        ("\N{NO-BREAK SPACE}a\N{EM SPACE}\x85", "\N{NO-BREAK SPACE}a\N{EM SPACE}\x85"),
    ],
)
def test_white_space_collapses_as_the_schema_says(written: str | None, meant: str) -> None:
    assert mapping.text(written) == meant
    assert mapping.optional_text(written) == (meant or None)


def test_a_minimal_delivery() -> None:
    assert mapping.delivery(aanleveren(), (b"content",)) == Delivery(
        berichtsoort="Omzetbelasting",
        belanghebbende=PARTY,
        rol_belanghebbende="Bedrijf",
        document=Document("text/xml", "a.xbrl", b"content"),
    )


def test_a_full_delivery() -> None:
    request = aanleveren(
        kenmerk=" k ",
        aanleverkenmerk="Happy\n flow",
        eerderAanleverkenmerk="e",
        identiteitOntvanger=types.Identiteit(nummer="1", type="OIN"),
        rolOntvanger="overheid",
        berichtBijlagen=types.Bijlagen(bijlage=[inhoud("0001", "b"), inhoud("0002", "c")]),
        berichtInhoud=inhoud("0000"),
        autorisatieAdres=" http://geenausp.nl ",
    )
    assert mapping.delivery(request, (b"0", b"1", b"2")) == Delivery(
        berichtsoort="Omzetbelasting",
        belanghebbende=PARTY,
        rol_belanghebbende="Bedrijf",
        document=Document("text/xml", "a.xbrl", b"0"),
        kenmerk="k",
        aanleverkenmerk="Happy flow",
        eerder_aanleverkenmerk="e",
        ontvanger=Party("1", "OIN"),
        rol_ontvanger="overheid",
        attachments=(Document("text/xml", "b", b"1"), Document("text/xml", "c", b"2")),
        autorisatie_adres="http://geenausp.nl",
    )


def test_empty_optional_elements_are_absent() -> None:
    request = aanleveren(
        kenmerk="",
        aanleverkenmerk=" ",
        rolBelanghebbende="",
        identiteitOntvanger=types.Identiteit(nummer="", type=""),
        autorisatieAdres="",
    )
    delivery = mapping.delivery(request, (b"",))
    assert (delivery.kenmerk, delivery.aanleverkenmerk, delivery.ontvanger) == (None, None, None)
    assert delivery.autorisatie_adres is None
    assert delivery.rol_belanghebbende == ""


@pytest.mark.parametrize(
    ("placeholders", "parts"),
    [
        (["0"], ()),
        (["0"], (b"", b"")),
        (["1"], (b"",)),
        (["0", "0"], (b"", b"")),
        (["1", "0"], (b"", b"")),
        (["-1", "1"], (b"", b"")),
        (["Y29udGVudA=="], (b"",)),
        ([""], (b"",)),
    ],
)
def test_placeholders_that_do_not_fit_are_our_mistake(
    placeholders: list[str], parts: tuple[bytes, ...]
) -> None:
    first, *others = (inhoud(placeholder) for placeholder in placeholders)
    bijlagen = types.Bijlagen(bijlage=others) if others else None
    with pytest.raises(ValueError, match="placeholders"):
        mapping.delivery(aanleveren(berichtInhoud=first, berichtBijlagen=bijlagen), parts)


def test_too_many_attachments() -> None:
    bijlagen = types.Bijlagen(bijlage=[inhoud(str(index)) for index in range(1, 52)])
    with pytest.raises(Refusal) as refusal:
        mapping.delivery(aanleveren(berichtBijlagen=bijlagen), (b"",) * 52)
    assert refusal.value.check is checks.ATTACHMENT_LIMIT


def test_a_period_without_zone_is_utc() -> None:
    assert mapping.period("2026-11-22T12:00:00", " 2026-11-22T14:00:00+01:00 ") == Period(
        datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(2026, 11, 22, 13, tzinfo=UTC)
    )
    assert mapping.period(None, "") == Period()


def test_a_period_of_one_moment_is_in_order() -> None:
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    found = mapping.period("2026-11-22T12:00:00Z", "2026-11-22T13:00:00+01:00")
    assert found == Period(moment, moment)


def test_a_period_must_not_end_before_it_starts() -> None:
    with pytest.raises(Refusal) as refusal:
        mapping.period("2026-11-22T12:00:00.001Z", "2026-11-22T12:00:00Z")
    assert refusal.value.check is checks.PERIOD_ORDER


@pytest.mark.parametrize("written", ["12026-01-01T00:00:00Z", "2026-01-01T00:00:00.0123456789Z"])
def test_a_moment_that_only_the_schema_knows(written: str) -> None:
    with pytest.raises(Refusal) as refusal:
        mapping.period(None, written)
    assert refusal.value.check is checks.XSD_VALID
    assert refusal.value.received == "tijdstempelTot"


def test_queries() -> None:
    identiteit = types.Identiteit(nummer="001000044B37", type="Fi")
    vanaf = {"tijdstempelVanaf": "2026-11-22T12:00:00Z"}
    period = Period(start=datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert mapping.messages_query(
        types.BerichtenVraag(berichtsoort="", identiteitBelanghebbende=identiteit, **vanaf)
    ) == MailboxQuery(belanghebbende=PARTY, period=period)
    assert mapping.list_query(
        types.BerichtenLijstVraag(berichtsoort="TEST", autorisatieAdres="http://geenausp.nl/")
    ) == MailboxQuery(berichtsoort="TEST", autorisatie_adres="http://geenausp.nl/")
    assert mapping.kenmerk_query(types.KenmerkVraag(kenmerk=" k", **vanaf)) == MailboxQuery(
        kenmerk="k", period=period
    )


def test_the_answer_echoes_the_delivery_without_a_status() -> None:
    delivery = mapping.delivery(aanleveren(aanleverkenmerk="Happyflow"), (b"",))
    answer = mapping.aanlever_response(Filing("k", "b", "0" * 20, NOON, delivery))
    assert (answer.kenmerk, answer.aanleverkenmerk) == ("k", "Happyflow")
    assert answer.tijdstempelAangeleverd == "2026-11-22T12:00:00.123Z"
    assert answer.identiteitOntvanger is None
    assert answer.statuscode is None
    assert answer.statusFoutcode is None


def test_a_status_with_and_without_error() -> None:
    good = mapping.status_resultaat(ProcessStatus("k", PARTY, Status("105", NOON)))
    assert good.statusomschrijving == "Aanleverproces gestart."
    assert good.statusFoutcode is None
    status = Status("311", NOON, StatusError("VAS500", "fout"), "<results/>")
    bad = mapping.status_resultaat(ProcessStatus("k", PARTY, status))
    assert (bad.statusFoutcode.foutcode, bad.statusFoutcode.foutbeschrijving) == ("VAS500", "fout")
    assert bad.statusdetails == "<results/>"


def test_contents_of_messages_are_numbered_through() -> None:
    def message(*contents: bytes) -> ReturnMessage:
        document, *attachments = (Document("text/xml", "a", content) for content in contents)
        return ReturnMessage(
            "k", "b", "TEST", NOON, PARTY, "Bedrijf", document, attachments=tuple(attachments)
        )

    listing = types.LISTINGS["getBerichten"]
    answer = mapping.messages_answer(listing, [message(b"0", b"1"), message(b"2")])
    assert answer.contents == (b"0", b"1", b"2")
    first, second = answer.message.getBerichtenReturn.BerichtResultaat  # type: ignore[attr-defined]
    assert first.berichtInhoud.inhoud == "0000"
    assert first.berichtBijlagen.bijlage[0].inhoud == "0001"
    assert second.berichtInhoud.inhoud == "0002"
    assert second.berichtBijlagen is None
    assert second.constateringenLijst is None
    assert second.additioneleElementenLijst is None


def test_a_finding_says_where() -> None:
    document = Document("text/xml", "a", b"")
    findings = (Finding("C1", "error", "Onjuist."), Finding("C2", "error", "Onjuist.", "regel 3"))
    message = ReturnMessage("k", "b", "TEST", NOON, PARTY, "Bedrijf", document, findings=findings)
    answer = mapping.messages_answer(types.LISTINGS["getBerichten"], [message])
    (row,) = answer.message.getBerichtenReturn.BerichtResultaat  # type: ignore[attr-defined]
    assert [each.beschrijving for each in row.constateringenLijst.constatering] == [
        "Onjuist.",
        "Onjuist. (regel 3)",
    ]
