"""Deliveries over two real message services: kept, signed, acknowledged, confirmed and lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from digipoort_wus.delivery.agencies import AgencyRow, EbmsWay
from digipoort_wus.delivery.ebms import EbmsAgency, conversation_of
from digipoort_wus.delivery.forgetting import forget_step
from digipoort_wus.delivery.outbox import Letter, NotAgreed, Passage, Sent
from digipoort_wus.delivery.passages import Confirmations, ServiceOutbox, receipt_of
from digipoort_wus.delivery.postponed import Postponed
from digipoort_wus.ebms.digipoort import (
    BEVESTIG_AFLEVER,
    MEDIA_TYPE,
    AfleverBericht,
    BevestigAfleverBericht,
    Fout,
)
from digipoort_wus.ebms.digipoort_reading import read_afleverbericht
from digipoort_wus.ebms.digipoort_writing import write_bevestig_afleverbericht
from digipoort_wus.ebms.message import Payload
from digipoort_wus.evidence.entry import read_entry
from digipoort_wus.filing.filing import Filing
from digipoort_wus.messaging import sending
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.process.api import Period, Scope
from digipoort_wus.process.confirming import Confirmation
from digipoort_wus.process.engine import Engine
from digipoort_wus.process.intake import House
from digipoort_wus.process.proving import chain_of
from digipoort_wus.process.reports import Effect
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.service import ProcessService
from digipoort_wus.process.steps import AllowAll, Participants
from digipoort_wus.store.ebms_values import Direction, EbmsRow
from tests.ebms_parties import AFLEVEREN
from tests.rules import base_rules
from tests.unit.messaging.parties import Two, lost, two_gateways
from tests.unit.process.sandbox import DELIVERY, HAPPY, caller, done, new_id

AGENCY = "00000099000000004000"
UNDERWAY = HAPPY[:7]


@dataclass
class World:
    """The gateway of Digipoort with its process, and an agency behind a message service."""

    two: Two
    outbox: ServiceOutbox
    engine: Engine
    process: ProcessService
    confirmations: Confirmations

    def filed(self) -> Filing:
        filing = done(self.process.accept(caller(), DELIVERY))
        self.engine.run_due()
        return filing

    def codes(self, filing: Filing) -> list[str]:
        found = self.process.process_statuses(caller(), filing.kenmerk, Period(), Scope.ALL, None)
        return [row.status.code for row in done(found)]

    def last(self, filing: Filing) -> Sent:
        row = self.confirmations.agencies[0]
        assert row.ebms is not None
        sent = self.outbox.last(row.ebms.cpa, "afleveren", conversation_of(filing))
        assert sent is not None
        return sent

    def arrived(self) -> tuple[EbmsRow, AfleverBericht]:
        row = self.two.agency.backend.unprocessed()[-1]
        got = self.two.agency.backend.get(row.ebms_id)
        (part,) = got.content.parts
        self.two.agency.backend.mark_processed([row.ebms_id])
        return row, read_afleverbericht(part.content)

    def say(self, row: EbmsRow, octets: bytes) -> None:
        """The agency sends a confirmation, and it arrives."""
        self.two.agency.service.send(
            sending.Letter(
                self.two.pair.agreement.cpa_id,
                self.two.agency.side.id,
                AFLEVEREN,
                BEVESTIG_AFLEVER,
                (Payload("said@agency", MEDIA_TYPE, octets),),
                conversation_id=row.head.conversation_id,
                ref_to_message_id=row.head.key.message_id,
            )
        )
        self.two.wire.run()

    def confirm(self, outcome: Fout | None = None) -> AfleverBericht:
        row, bericht = self.arrived()
        said = BevestigAfleverBericht(
            bericht.kenmerk, bericht.berichtkenmerk, outcome or self.two.time()
        )
        self.say(row, write_bevestig_afleverbericht(said).read())
        return bericht

    def later(self, **by: float) -> None:
        self.two.time.pass_by(timedelta(**by))
        self.engine.run_due()


@pytest.fixture
def world(g1: TestPki, tmp_path: Path) -> Iterator[World]:
    with two_gateways(g1, tmp_path) as two, ThreadPoolExecutor(2) as executor:
        us, clock = two.digipoort, two.time
        row = AgencyRow("there", AGENCY, ebms=EbmsWay(two.pair.agreement.cpa_id))
        outbox = ServiceOutbox(us.service, us.store, us.side.id)
        assert row.ebms is not None
        agency = EbmsAgency(AGENCY, row.ebms.cpa, outbox, clock=clock, service=AFLEVEREN)
        participants = Participants(AllowAll(), base_rules(), agency)
        house = House(sandbox_routes())
        yield World(
            two,
            outbox,
            Engine(us.store, participants, clock, chance=lambda: 1.0),
            ProcessService(us.store, house, clock, new_id, executor),
            Confirmations(us.store, house, (row,), clock),
        )


def test_a_filing_reaches_the_agency_and_its_word_comes_back(world: World) -> None:
    filing = world.filed()
    assert world.last(filing).passage is Passage.SENDING
    world.two.wire.run()
    acknowledged = world.last(filing)
    assert acknowledged.passage is Passage.ACKNOWLEDGED
    assert acknowledged.acknowledgment is not None
    assert world.codes(filing) == UNDERWAY
    bericht = world.confirm()
    assert bericht.berichtkenmerk == filing.berichtkenmerk
    assert bericht.document.content == filing.delivery.document.content
    assert world.codes(filing) == UNDERWAY, "it is kept, and not taken yet"
    assert world.last(filing).passage is Passage.ACKNOWLEDGED
    assert world.confirmations.take_all() == 1
    assert world.codes(filing) == HAPPY[:8]
    (came,) = world.two.digipoort.rows(Direction.IN)
    assert came.state == "PROCESSED"
    assert world.confirmations.take_all() == 0
    assert world.confirmations.take(came) is Effect.NONE, "once only"
    store = world.two.digipoort.store
    envelope = store.read(lambda reader: reader.ebms_content(came.ebms_id)).envelope
    chain = store.read(partial(chain_of, kenmerk=filing.kenmerk))
    (entry,) = [read_entry(row.octets).facts for row in chain.rows if row.kind == "delivered"]
    assert envelope is not None
    assert entry["receipt"] == f"sha256:{receipt_of(envelope).hex()}"
    assert entry["acknowledgment"] == f"sha256:{acknowledged.acknowledgment.hex()}"
    assert entry["message_id"] == acknowledged.message_id
    assert world.last(filing).passage is Passage.CONFIRMED
    assert world.last(filing).receipt == receipt_of(envelope)
    kinds = {event.kind for event in world.two.digipoort.backend.events()}
    assert kinds <= {"DELIVERED"}, "that a confirmation came waits for nobody"


def test_a_fault_that_passes_and_then_one_that_is_final(world: World) -> None:
    filing = world.filed()
    world.two.wire.run()
    world.confirm(Fout("AFL400", "Nu niet."))
    assert world.confirmations.take_all() == 1
    assert world.last(filing).passage is Passage.REFUSED
    world.engine.run_due()
    assert world.codes(filing) == [*UNDERWAY, "420"]
    world.later(seconds=10)
    assert world.last(filing).passage is Passage.SENDING
    world.two.wire.run()
    assert len(world.two.digipoort.rows(Direction.OUT)) == 2
    world.confirm(Fout("AFL140", "Onbekend."))
    assert world.confirmations.take_all() == 1
    assert world.codes(filing) == [*UNDERWAY, "420", "405", "410"]


def test_a_message_that_is_never_acknowledged_is_lost(world: World) -> None:
    filing = world.filed()
    world.two.wire.hops = [lost] * 100
    for _ in range(40):
        world.two.wire.run()
        world.two.time.pass_by(timedelta(hours=1))
    (row,) = world.two.digipoort.rows(Direction.OUT)
    assert row.state == "EXPIRED"
    sent = world.last(filing)
    assert (sent.passage, sent.reason) == (Passage.LOST, "expired")
    assert world.codes(filing) == UNDERWAY
    woken: list[bool] = []
    confirmations = replace(world.confirmations, wake=lambda: woken.append(True))
    assert confirmations.look(row.ebms_id) is Effect.RECORDED
    assert woken == [True]
    world.engine.run_due()
    assert world.codes(filing) == [*UNDERWAY, "420"]
    world.two.wire.hops = []
    world.later(seconds=10)
    world.two.wire.run()
    world.confirm()
    assert confirmations.take_all() == 1
    assert world.codes(filing) == [*UNDERWAY, "420", "405", "400"]


@pytest.mark.parametrize(
    "octets",
    [
        b"no xml",
        write_bevestig_afleverbericht(BevestigAfleverBericht("k", "b", Fout("x", "y"))).read(),
    ],
)
def test_what_confirms_nothing_is_put_away(
    world: World, octets: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    filing = world.filed()
    world.two.wire.run()
    row, _ = world.arrived()
    world.say(row, octets)
    assert world.confirmations.take_all() == 1
    assert "confirms nothing" in caplog.text
    assert world.confirmations.take_all() == 0
    assert world.last(filing).passage is Passage.ACKNOWLEDGED
    assert world.codes(filing) == UNDERWAY


def test_what_comes_under_an_agreement_with_no_agency_is_left_to_an_application(
    world: World,
) -> None:
    filing = world.filed()
    world.two.wire.run()
    us = world.two.digipoort
    us.backend.mark_events([event.event_id for event in us.backend.events()])
    world.confirm()
    another = replace(world.confirmations.agencies[0], ebms=EbmsWay("another"))
    for agencies in ((), (another,)):
        assert replace(world.confirmations, agencies=agencies).take_all() == 0
    (row,) = us.backend.unprocessed()
    assert row.head.action == BEVESTIG_AFLEVER
    assert us.told() == ["RECEIVED"]
    assert world.codes(filing) == UNDERWAY
    other = replace(world.confirmations, agencies=(another,))
    assert other.take(row) is Effect.NONE, "were it asked, it would believe nobody"
    assert world.codes(filing) == UNDERWAY


def test_only_messages_of_ours_that_were_given_up_are_looked_at(world: World) -> None:
    world.filed()
    (row,) = world.two.digipoort.rows(Direction.OUT)
    assert world.confirmations.look(row.ebms_id) is Effect.NONE
    world.two.wire.run()
    world.confirm()
    (came,) = world.two.digipoort.rows(Direction.IN)
    assert world.confirmations.look(came.ebms_id) is Effect.NONE


def test_what_was_not_agreed_is_said(world: World) -> None:
    filing = world.filed()
    sent = world.last(filing)
    unknown = EbmsAgency(AGENCY, "no-cpa", world.outbox)
    assert world.outbox.last("no-cpa", "afleveren", conversation_of(filing)) is None
    with pytest.raises(NotAgreed, match="no-cpa"):
        world.outbox.put(replace(_letter(filing), cpa_id="no-cpa"))
    assert "no-cpa" in str(unknown.deliver(filing, 1))
    assert world.last(filing) == sent


def _letter(filing: Filing) -> Letter:
    found: list[Letter] = []

    class Noting:
        def last(self, cpa_id: str, action: str, conversation_id: str) -> None:
            return None

        def put(self, letter: Letter) -> None:
            found.append(letter)

    EbmsAgency(AGENCY, "cpa", Noting()).deliver(filing, 1)
    return found[0]


def test_a_confirmation_that_cannot_be_taken_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = world.filed()
    world.two.wire.run()
    world.confirm()
    second = world.filed()
    world.two.wire.run()
    world.confirm()
    reading = Confirmations._read

    def failing(self: Confirmations, row: EbmsRow, agency: AgencyRow) -> Confirmation:
        if row.head.conversation_id == conversation_of(first):
            raise RuntimeError("een aangifte")
        return reading(self, row, agency)

    with monkeypatch.context() as patched:
        patched.setattr(Confirmations, "_read", failing)
        assert world.confirmations.take_all() == 1
    assert "RuntimeError at test_passages.py" in caplog.text
    assert "een aangifte" not in caplog.text
    assert (world.codes(first), world.codes(second)) == (UNDERWAY, HAPPY[:8])
    assert world.confirmations.take_all() == 0, "not at once again"
    assert replace(world.confirmations, postponed=Postponed()).take_all() == 1
    assert world.codes(first) == HAPPY[:8]


def test_what_a_filing_under_way_needs_is_not_forgotten(world: World) -> None:
    filing = world.filed()
    world.two.wire.run()
    us, end = world.two.digipoort, world.two.time() + timedelta(days=3650)
    us.backend.mark_events([event.event_id for event in us.backend.events()])
    assert us.store.read(lambda reader: reader.ebms_forgettable(end, 10)) != []
    assert forget_step(us.store, end).gone == 0
    assert world.last(filing).passage is Passage.ACKNOWLEDGED, "or it would be sent once more"
    world.confirm(Fout("AFL140", "Onbekend."))
    assert world.confirmations.take_all() == 1
    assert world.codes(filing)[-1] == "410"
    us.backend.mark_events([event.event_id for event in us.backend.events()])
    assert forget_step(us.store, end).gone == 2
    assert us.rows() == []
