"""Digipoort over ebMS as it runs: what waits is done, and no event of ours is left."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.clock import to_milliseconds
from digipoort_wus.delivery import desks as desks_module
from digipoort_wus.delivery import filing_desk as filing_desk_module
from digipoort_wus.delivery import passages
from digipoort_wus.delivery.desks import Desks, of_digipoort
from digipoort_wus.delivery.filing_desk import FilingDesk
from digipoort_wus.delivery.outbox import Passage
from digipoort_wus.ebms.digipoort import AANLEVER, AANLEVEREN
from digipoort_wus.ebms.reliability import Impossible
from digipoort_wus.messaging.backend import Backend
from digipoort_wus.process.claims import never
from digipoort_wus.store.ebms_values import Direction, EbmsId, EbmsRow, EbmsWanted
from tests.unit.delivery import test_filing_desk as filing_desk
from tests.unit.delivery.test_passages import UNDERWAY, World, world
from tests.unit.messaging.parties import lost
from tests.unit.process.sandbox import HAPPY

__all__ = ["world"]


@pytest.fixture
def desks(world: World) -> Desks:
    return _desks(world)


def _desks(world: World) -> Desks:
    us = world.two.digipoort
    filings = FilingDesk(us.store, us.service, world.process, us.side.id, world.two.time)
    return Desks(us.store, filings, world.confirmations, world.two.time)


def kinds(world: World) -> list[str]:
    return [event.kind for event in world.two.digipoort.backend.events()]


def test_filings_and_confirmations_are_taken_and_events_are_heard(
    world: World, desks: Desks
) -> None:
    filing = world.filed()
    other = filing_desk.World(world.two, world.process, None)  # type: ignore[arg-type]
    other.file(filing_desk.octets_of())
    assert kinds(world) == ["RECEIVED", "DELIVERED"]
    desks.run_due(lambda: True)
    assert kinds(world) == ["RECEIVED", "DELIVERED"], "somebody wants it to stop"
    desks.run_due(never)
    assert kinds(world) == []
    world.two.wire.run()
    assert kinds(world) == ["DELIVERED"], "the confirmation of what was filed"
    rows = world.two.agency.backend.unprocessed()
    assert {row.head.action for row in rows} == {"afleveren", "bevestigAanleveren"}
    world.two.agency.backend.mark_processed(
        row.ebms_id for row in rows if row.head.action != "afleveren"
    )
    world.confirm()
    desks.run_due(never)
    assert world.codes(filing) == HAPPY[:8]
    assert kinds(world) == []


def test_a_message_that_was_given_up_is_heard_of(world: World, desks: Desks) -> None:
    filing = world.filed()
    world.two.wire.hops = [lost] * 100
    for _ in range(40):
        world.two.wire.run()
        world.two.time.pass_by(timedelta(hours=1))
    assert world.last(filing).passage is Passage.LOST
    assert kinds(world) == ["EXPIRED"]
    us = world.two.digipoort
    application = Backend(us.service, of_digipoort(None, world.confirmations.agencies))
    (event,) = us.backend.events()
    with pytest.raises(Impossible, match="hears this event itself"):
        application.mark_events([event.event_id])
    assert kinds(world) == ["EXPIRED"]
    desks.run_due(never)
    assert kinds(world) == []
    assert application.mark_events([event.event_id]) == 0
    world.engine.run_due()
    assert world.codes(filing) == [*UNDERWAY, "420"]


def test_events_of_others_stay_for_them(world: World) -> None:
    us = world.two.digipoort
    us.service.send(us.letter(world.two.pair))
    world.two.wire.run()
    assert kinds(world) == ["DELIVERED"]
    mine = world.confirmations
    nobody = Desks(us.store, None, type(mine)(us.store, mine.house, (), mine.clock), mine.clock)
    nobody.run_due(never)
    assert kinds(world) == ["DELIVERED"]
    _desks(world).run_due(never)
    assert kinds(world) == []


def test_what_digipoort_takes_is_offered_to_no_application(world: World, desks: Desks) -> None:
    us = world.two.digipoort
    ours = of_digipoort(AANLEVEREN.value, world.confirmations.agencies)
    application = Backend(us.service, ours)
    filing = world.filed()
    other = filing_desk.World(world.two, world.process, None)  # type: ignore[arg-type]
    other.file(filing_desk.octets_of())
    world.two.agency.service.send(world.two.agency.letter(world.two.pair))
    world.two.wire.run()
    rows = world.two.agency.backend.unprocessed()
    world.two.agency.backend.mark_processed(
        row.ebms_id for row in rows if row.head.action != "afleveren"
    )
    world.confirm()
    assert sorted(us.told()) == ["DELIVERED", "RECEIVED", "RECEIVED", "RECEIVED"]
    waiting = us.backend.unprocessed()
    assert len(waiting) == 3
    assert application.unprocessed() == []
    assert application.unprocessed(EbmsWanted(limit=1)) == []
    assert application.events() == []
    for row in waiting:
        with pytest.raises(Impossible, match="takes this message itself"):
            application.mark_processed([row.ebms_id])
        with pytest.raises(Impossible, match="takes this message itself"):
            application.give_up(row.ebms_id)
    desks.run_due(never)
    assert world.codes(filing) == HAPPY[:8], "or its acknowledgment would have been a lie"
    assert application.mark_processed(row.ebms_id for row in waiting) == 0


def test_what_nobody_takes_here_is_offered(world: World) -> None:
    us = world.two.digipoort
    letter = world.two.agency.letter(world.two.pair)
    for _ in range(3):
        world.two.agency.service.send(letter)
    world.two.wire.run()
    hidden = {us.rows(Direction.IN)[1].ebms_id}
    application = Backend(us.service, lambda row: row.ebms_id in hidden)
    first, _, last = (row.ebms_id for row in us.rows(Direction.IN))
    found = application.unprocessed(EbmsWanted(limit=2))
    assert [row.ebms_id for row in found] == [first, last], "a page is a whole one"
    events = application.events(limit=2)
    assert [event.ebms_id for event in events] == [first, last]
    assert application.events(events[-1].event_id) == []
    for where in (of_digipoort(None, ()), of_digipoort("another", world.confirmations.agencies)):
        assert len(Backend(us.service, where).unprocessed()) == 3
    assert application.mark_processed([first, last]) == 2


def test_many_filings_do_not_keep_confirmations_waiting(
    world: World, desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (filing_desk_module, passages, desks_module):
        monkeypatch.setattr(module, "AT_ONCE", 2)
    filing = world.filed()
    other = filing_desk.World(world.two, world.process, None)  # type: ignore[arg-type]
    for number in range(5):
        other.file(filing_desk.octets_of(), f"{number}@agency.example")
    world.confirm()
    assert desks.run_due(never) == world.two.time(), "there is more"
    assert world.codes(filing) == HAPPY[:8]
    assert len(_filings(world)) == 3
    assert desks.run_due(never) == world.two.time()
    assert desks.run_due(never) is None
    assert _filings(world) == []


def _filings(world: World) -> list[EbmsRow]:
    rows = world.two.digipoort.backend.unprocessed()
    return [row for row in rows if row.head.action == AANLEVER]


def test_an_event_that_is_committed_behind_a_later_one_is_heard(
    world: World, desks: Desks, tmp_path: Path
) -> None:
    us = world.two.digipoort
    world.filed()
    world.two.wire.run()
    us.backend.mark_events([event.event_id for event in us.backend.events()])
    (row,) = us.rows(Direction.OUT)

    def keep(number: int, ebms_id: EbmsId) -> None:
        at = int(to_milliseconds(world.two.time()).timestamp() * 1000)
        place = tmp_path / "digipoort" / "digipoort.db"
        with closing(sqlite3.connect(place)) as connection, connection:
            connection.execute(
                "INSERT INTO ebms_event (id, message_id, kind, at) VALUES (?,?,?,?)",
                (number, ebms_id, "EXPIRED", at),
            )

    keep(1000, row.ebms_id)
    desks.run_due(never)
    assert us.told() == []
    # Of a transaction that had its number before, and took longer.
    keep(900, row.ebms_id)
    desks.run_due(never)
    assert us.told() == []
