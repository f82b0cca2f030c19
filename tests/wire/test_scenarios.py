"""The scenarios of the conformance test, and who may see what, over the wire."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from lxml import etree

from digipoort_wus.clock import parse_date_time
from digipoort_wus.names import TYPES
from digipoort_wus.process.scenarios import sandbox_scenarios
from tests.messages import PARTY, QUERY_BODIES, aanlever_body, query_body
from tests.wire.conftest import (
    Running,
    assert_refused,
    body_of,
    served,
    text_of,
    with_pki,
)

INTAKE = ("105", "100", "110")
CHECKED = (*INTAKE, "200", "301", "301")
NINE = (*CHECKED, "405", "400", "500")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway of this module's own: its lists and mailboxes are counted."""
    with served(with_pki(tmp_path_factory.mktemp("scenarios") / "data")) as running:
        yield running


@dataclass(frozen=True)
class Seen:
    """One status as a client reads it."""

    code: str
    at: datetime
    text: str
    error: tuple[str, str] | None
    details: str


def statuses(running: Running, kenmerk: str, name: str = "getStatussenProces") -> list[Seen]:
    answer = running.ask(name, query_body(name, kenmerk))
    assert answer.status_code == 200, answer.text[-400:]
    return [seen(row) for row in body_of(answer).iter(f"{{{TYPES}}}StatusResultaat")]


def seen(row: etree._Element) -> Seen:
    error = row.find(f"{{{TYPES}}}statusFoutcode")
    return Seen(
        text_of(row, "statuscode"),
        parse_date_time(text_of(row, "tijdstempelStatus")),
        text_of(row, "statusomschrijving"),
        None if error is None else (text_of(error, "foutcode"), text_of(error, "foutbeschrijving")),
        row.findtext(f"{{{TYPES}}}statusdetails") or "",
    )


def settled(running: Running, kenmerk: str, last: str, count: int) -> list[Seen]:
    """Wait until there are this many statuses, of which the last is this one."""
    end = time.monotonic() + 20
    while True:
        found = statuses(running, kenmerk)
        if len(found) >= count and found[-1].code == last:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.05)


# Scenario: statuses, foutcode of the last one.
ENDS: dict[str, tuple[tuple[str, ...], str | None]] = {
    "Happyflow": (NINE, None),
    "Afleverfout": ((*CHECKED, "405", "410"), "AFS400"),
    "Foutuitvragendepartij": ((*CHECKED, "405", "400", "510"), "UVP500"),
    "WachtOpUitvragendePartij": ((*CHECKED, "405", "400"), None),
    "TechnischProbleemAfleveren": ((*CHECKED, "405", "420", "405", "400", "500"), None),
    "MaximaalAantalAfleverpogingen": ((*CHECKED, "405", "420", "420"), "AFS600"),
    "geen-scenario": (NINE, None),
}
FAULTS = {
    "AanleverFault": ("ALS100", "SCENARIO-FAULT"),
    "OverbelastAanleveren": ("ALS400", "OVERLOAD"),
}
STATUS_FAULTS = {
    "StatusInformatieFault": ("STS100", "SCENARIO-FAULT"),
    "OverbelastStatusInformatie": ("STS400", "OVERLOAD"),
}
SLOW = ("ZwaarbelastAanleveren", "ZwaarbelastStatusInformatie")


def test_every_scenario_is_tested_here() -> None:
    tested = {*ENDS, *FAULTS, *STATUS_FAULTS, *SLOW} - {"geen-scenario"}
    assert tested == set(sandbox_scenarios())


@pytest.mark.parametrize("name", ENDS)
def test_a_scenario_ends_as_it_says(gateway: Running, name: str) -> None:
    codes, error = ENDS[name]
    found = settled(gateway, gateway.submit(reference=name), codes[-1], len(codes))
    assert [status.code for status in found] == list(codes)
    assert [status.at for status in found] == sorted(status.at for status in found)
    assert (found[-1].error or (None,))[0] == error
    # A client ends its polling at a statusFoutcode: no earlier status may have one.
    assert [status.error for status in found[:-1]] == [None] * (len(found) - 1)


def test_the_nine_statuses_as_they_were_observed(gateway: Running) -> None:
    found = settled(gateway, gateway.submit(), "500", 9)
    assert [(status.code, status.text) for status in found] == [
        ("105", "Aanleverproces gestart."),
        ("100", "Aanleveren gelukt."),
        ("110", "Aanleverproces wordt aangeboden."),
        ("200", "Authenticatie gelukt."),
        ("301", "Validatie gelukt."),
        ("301", "Validatie gelukt."),
        ("405", "Afleveren naar uitvragende partij bezig..."),
        ("400", "Afleveren uitvragende partij gelukt."),
        ("500", "Validatie bij de uitvragende partij gelukt."),
    ]
    message = etree.fromstring(found[-1].details)
    assert message.tag == "Responsemessage"
    assert message.findtext(".//ResponseType") == "acknowledgement"


def test_a_refusal_of_the_agency_has_details(gateway: Running) -> None:
    found = settled(gateway, gateway.submit(reference="Foutuitvragendepartij"), "510", 9)
    assert etree.fromstring(found[-1].details).tag == "Responsemessage"


@pytest.mark.parametrize("name", FAULTS)
def test_a_scenario_that_refuses_the_filing(gateway: Running, name: str) -> None:
    answer = gateway.ask("aanleveren", aanlever_body(reference=name))
    assert_refused(answer, *FAULTS[name])
    side = "Server" if name.startswith("Overbelast") else "Client"
    assert f"<faultcode>soapenv:{side}</faultcode>" in answer.text


@pytest.mark.parametrize("name", STATUS_FAULTS)
@pytest.mark.parametrize("operation", ["getStatussenProces", "getNieuweStatussenProces"])
def test_a_scenario_that_refuses_the_status(gateway: Running, name: str, operation: str) -> None:
    kenmerk = gateway.submit(reference=name)
    assert_refused(gateway.ask(operation, query_body(operation, kenmerk)), *STATUS_FAULTS[name])


def test_slow_scenarios_are_slow_and_hold_up_nobody_else(gateway: Running) -> None:
    other = gateway.submit(reference=SLOW[1])

    def timed(operation: str, body: str) -> float:
        start = time.monotonic()
        assert gateway.ask(operation, body).status_code == 200
        return time.monotonic() - start

    with ThreadPoolExecutor(2) as pool:
        filing = pool.submit(timed, "aanleveren", aanlever_body(reference=SLOW[0]))
        query = pool.submit(timed, "getStatussenProces", query_body("getStatussenProces", other))
        time.sleep(0.2)
        quick = timed("getBerichtsoorten", query_body("getBerichtsoorten"))
        assert not filing.done()
        assert filing.result() > 1.9
        assert query.result() > 1.9
    assert quick < 1.0


def test_a_filing_about_another_party_than_its_document_is_refused(gateway: Running) -> None:
    """The document says 001000044B37; the reason is in words, and repeats no number."""
    other = "123456782B90"
    body = aanlever_body().replace("<t:nummer>001000044B37", f"<t:nummer>{other}")
    kenmerk = text_of(body_of(gateway.ask("aanleveren", body)), "kenmerk")
    found = settled(gateway, kenmerk, "311", 5)
    assert [status.code for status in found] == [*INTAKE, "200", "311"]
    error = found[-1].error
    assert error is not None
    assert error[0] == "VAS500"
    assert "belanghebbende" in error[1]
    assert other not in error[1] + found[-1].details
    results = etree.fromstring(found[-1].details)
    assert results.tag == "{http://nlvalidatie.nl/batavia}results"


def test_new_statuses_are_new_once(gateway: Running) -> None:
    kenmerk = gateway.submit()
    settled(gateway, kenmerk, "500", 9)
    assert len(statuses(gateway, kenmerk, "getNieuweStatussenProces")) == 9
    assert statuses(gateway, kenmerk, "getNieuweStatussenProces") == []
    assert len(statuses(gateway, kenmerk)) == 9


def test_the_return_message_is_in_the_mailbox(gateway: Running) -> None:
    kenmerk = gateway.submit(reference="my-reference")
    settled(gateway, kenmerk, "500", 9)
    for _ in range(2):
        name = "getBerichtenKenmerk"
        rows = list(
            body_of(gateway.ask(name, query_body(name, kenmerk))).iter("{*}BerichtResultaat")
        )
        assert len(rows) == 1
        assert text_of(rows[0], "kenmerk") == kenmerk
        assert text_of(rows[0], "aanleverkenmerk") == "my-reference"
    for expected in (1, 0):
        name = "getNieuweBerichtenKenmerk"
        answer = body_of(gateway.ask(name, query_body(name, kenmerk)))
        assert len(list(answer.iter("{*}BerichtResultaat"))) == expected


# What vendor-b may get to see of vendor-a's filing: a fault like that of an unknown
# kenmerk, or an empty list.
REFUSED = [name for name, body in QUERY_BODIES.items() if "{kenmerk}" in body]
LISTS = [name for name in QUERY_BODIES if name not in REFUSED and name != "getBerichtsoorten"]


@pytest.mark.parametrize("name", REFUSED)
def test_anothers_kenmerk_is_like_an_unknown_one(gateway: Running, name: str) -> None:
    kenmerk = gateway.submit()
    gateway.wait_for(kenmerk, "500")
    prefix = "OPH" if "Berichten" in name else "STS"
    texts = {
        assert_refused(
            gateway.ask(name, query_body(name, asked), name="vendor-b"),
            f"{prefix}150",
            "KENMERK-KNOWN",
        )
        for asked in (kenmerk, "00000000-0000-0000-0000-000000000000")
    }
    assert len(texts) == 1


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_another_party_do_not_show_it(gateway: Running, name: str) -> None:
    kenmerk = gateway.submit()
    gateway.wait_for(kenmerk, "500")
    answer = gateway.ask(name, query_body(name), name="vendor-b")
    assert answer.status_code == 200
    assert kenmerk not in answer.text
    assert len(body_of(answer)[0]) == 0
    new = name.startswith("getNieuwe")
    own = gateway.ask(name, query_body(name))
    assert new or kenmerk in own.text


def test_another_party_cannot_continue_a_process(gateway: Running) -> None:
    kenmerk = gateway.submit()
    body = aanlever_body().replace(
        "<t:berichtsoort>", f"<t:kenmerk>{kenmerk}</t:kenmerk><t:berichtsoort>"
    )
    answer = gateway.ask("aanleveren", body, name="vendor-b")
    assert_refused(answer, "ALS150", "KENMERK-CONTINUE")


def test_an_unknown_kenmerk_of_a_party_without_filings_is_no_crash(gateway: Running) -> None:
    name = "getProcessen"
    body = query_body(name).replace(PARTY, PARTY.replace("001000044B37", "000000000B01"))
    answer = gateway.ask(name, body)
    assert answer.status_code == 200
    assert len(body_of(answer)[0]) == 0


def test_data_is_readable_by_its_owner_only(gateway: Running) -> None:
    for path in (gateway.directory / "digipoort.db", *gateway.directory.glob("*.key")):
        assert Path(path).stat().st_mode & 0o077 == 0, path
