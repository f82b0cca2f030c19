"""The way to an agency over ebMS: what is sent, once, and what its passage means."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from digipoort_wus.delivery.agencies import AgencyRow, EbmsWay
from digipoort_wus.delivery.dispatch import Dispatcher, ways_to
from digipoort_wus.delivery.ebms import EbmsAgency, message_id_of
from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.delivery.outbox import Passage
from digipoort_wus.ebms.digipoort import AFLEVEREN
from digipoort_wus.ebms.digipoort_reading import read_afleverbericht
from digipoort_wus.ebms.message import Service
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.finding import Finding
from digipoort_wus.process.agency import (
    Agency,
    Confirming,
    Delivered,
    Outcome,
    Rejected,
    SandboxAgency,
    Underway,
    Unreachable,
)
from digipoort_wus.process.routes import Route
from tests.unit.delivery.filings import DOCUMENT, filing
from tests.unit.delivery.outboxes import ACKNOWLEDGMENT, RECEIPT, MemoryOutbox

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OIN = "00000099000000004000"
HOUR = timedelta(hours=1)


@dataclass
class World:
    now: datetime = NOW
    outbox: MemoryOutbox = field(init=False)
    agency: EbmsAgency = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = MemoryOutbox(lambda: self.now)
        self.agency = EbmsAgency(OIN, "cpa-1", self.outbox, clock=lambda: self.now)

    def note(self, passage: Passage, **more: object) -> Outcome | Underway:
        self.outbox.note(list(self.outbox.letters)[-1], passage, **more)
        return self.agency.outcome(filing())


@pytest.fixture
def world() -> World:
    return World()


def test_a_filing_becomes_a_message_that_the_service_keeps(world: World) -> None:
    one = filing(attachments=(Document("application/pdf", "b.pdf", b"%PDF"),))
    assert world.agency.deliver(one, 1) == Underway()
    (letter,) = world.outbox.letters.values()
    assert (letter.cpa_id, letter.service, letter.action) == ("cpa-1", AFLEVEREN, "afleveren")
    assert letter.conversation_id == f"{one.kenmerk}/{one.berichtkenmerk}"
    assert letter.message_id == message_id_of(one, None)
    assert letter.payload.media_type == "application/xml"
    assert letter.payload.content_id != letter.message_id
    said = read_afleverbericht(world.outbox.payloads[letter.message_id])
    assert (said.kenmerk, said.berichtkenmerk) == (one.kenmerk, one.berichtkenmerk)
    assert said.document.content == DOCUMENT
    assert said.attachments == one.delivery.attachments


def test_a_message_has_the_same_id_after_a_crash_and_another_when_it_was_lost(
    world: World,
) -> None:
    world.agency.deliver(filing(), 1)
    first = list(world.outbox.letters)
    for attempt in (1, 2, 7):
        assert world.agency.deliver(filing(), attempt) == Underway()
    assert list(world.outbox.letters) == first
    world.note(Passage.LOST)
    assert world.agency.deliver(filing(), 1) == Underway()
    assert len(world.outbox.letters) == 2
    again = World()
    again.agency.deliver(filing(), 1)
    again.note(Passage.LOST)
    again.agency.deliver(filing(), 2)
    assert list(again.outbox.letters) == list(world.outbox.letters)
    other = World()
    other.agency.deliver(filing(berichtkenmerk="another"), 1)
    assert list(other.outbox.letters) != first


def test_what_became_of_a_message(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world.agency.deliver(filing(), 1)
    assert world.note(Passage.SENDING) == Underway()
    world.now += timedelta(days=9)
    assert world.agency.outcome(filing()) == Underway(), "how long, the agreement says"
    assert world.note(Passage.ACKNOWLEDGED) == Underway()
    caplog.clear()
    world.now += 24 * HOUR - timedelta(seconds=1)
    assert world.agency.outcome(filing()) == Underway()
    assert caplog.records == [], "of looking nobody is told"
    world.now += timedelta(seconds=1)
    silent = Unreachable("acknowledged, and not confirmed within 24 hours")
    assert world.agency.outcome(filing()) == silent
    assert "not confirmed within 24 hours" in caplog.text
    assert world.note(Passage.REFUSED, reason="fout AFL400") == Unreachable("fout AFL400")
    assert world.note(Passage.LOST, reason="expired") == Unreachable("expired")
    assert world.note(Passage.LOST, reason="") == Unreachable("lost")
    found = world.note(Passage.CONFIRMED, agency_at=NOW)
    message_id = list(world.outbox.letters)[-1]
    assert found == Delivered(OIN, message_id, RECEIPT, NOW, ACKNOWLEDGMENT)
    assert world.agency.outcome(filing(berichtkenmerk="x")) == Unreachable(
        "nothing is known any more of what was sent"
    )
    assert world.agency.answer(filing()) is None


@pytest.mark.parametrize(
    "passage", [Passage.LOST, Passage.REFUSED, Passage.CONFIRMED, Passage.ACKNOWLEDGED]
)
def test_only_what_is_underway_is_not_sent_again(world: World, passage: Passage) -> None:
    world.agency.deliver(filing(), 1)
    world.note(passage)
    world.agency.deliver(filing(), 2)
    assert len(world.outbox.letters) == 2 - (passage is Passage.ACKNOWLEDGED)
    world.now += 25 * HOUR
    world.agency.deliver(filing(), 3)
    assert len(world.outbox.letters) == 2


def test_what_does_not_fit_is_rejected_and_not_sent(world: World) -> None:
    long = filing(document=Document("application/" + "x" * 40, "n", b""))
    outcome = world.agency.deliver(long, 1)
    assert isinstance(outcome, Rejected)
    assert outcome.error.code == "AFS400"
    assert "berichtInhoud/mimeType" in outcome.error.text
    assert "xxx" not in outcome.error.text
    assert world.outbox.letters == {}


def test_what_was_not_agreed_waits(world: World) -> None:
    world.outbox.refuses = "there is no CPA cpa-1: import it"
    assert world.agency.deliver(filing(), 1) == Unreachable("there is no CPA cpa-1: import it")
    world.outbox.refuses = ""
    assert world.agency.deliver(filing(), 2) == Underway()


def test_findings_are_told(world: World) -> None:
    found = (Finding("VAS1", "warning", "Let op.", "regel 3"),)
    agency = EbmsAgency(OIN, "cpa-1", world.outbox, findings=lambda _: found)
    agency.deliver(filing(), 1)
    (octets,) = world.outbox.payloads.values()
    assert [fout.text for fout in read_afleverbericht(octets).fouten] == ["Let op. (regel 3)"]


# --- Which way ----------------------------------------------------------------------------


def nobodys(name: str) -> Credentials:
    raise AssertionError(f"{name} was asked")


def test_the_row_of_an_agency_says_which_way(world: World) -> None:
    ebms = EbmsWay("cpa-2", "urn:service", "", confirm_hours=2)
    rows = (AgencyRow("far", OIN, ebms=ebms), AgencyRow("near", OIN, "https://a.nl/w"))
    ways = ways_to(rows, nobodys, lambda: world.now, outbox=world.outbox)
    assert isinstance(ways["far"], Confirming)
    assert not isinstance(ways["near"], Confirming)
    routes = {"Omzetbelasting": Route("Omzetbelasting", destination="far")}
    sandbox: Agency = SandboxAgency(lambda: NOW, lambda: "x")
    agencies = Dispatcher(routes, ways, sandbox)
    assert agencies.destination_of("Omzetbelasting") == "far"
    assert agencies.deliver(filing(), 1) == Underway()
    (letter,) = world.outbox.letters.values()
    assert (letter.cpa_id, letter.service) == ("cpa-2", Service("urn:service"))
    assert agencies.outcome(filing()) == Underway()
    world.outbox.note(letter.message_id, Passage.ACKNOWLEDGED)
    world.now += 2 * HOUR
    assert isinstance(agencies.outcome(filing()), Unreachable)
    elsewhere = Unreachable("its route leads elsewhere now")
    routes["Omzetbelasting"] = Route("Omzetbelasting", destination="near")
    assert agencies.outcome(filing()) == elsewhere
    del routes["Omzetbelasting"]
    assert agencies.outcome(filing()) == elsewhere
    agencies.close()


def test_without_a_messaging_service_nobody_is_reached_over_ebms() -> None:
    with pytest.raises(ConfigurationError, match="agency far is reached over ebMS"):
        ways_to((AgencyRow("far", OIN, ebms=EbmsWay("cpa")),), nobodys, lambda: NOW)
