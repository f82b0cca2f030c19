"""Deliveries that are confirmed later: one message underway, no status for waiting, no loss."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from digipoort_wus import checks
from digipoort_wus.delivery.ebms import EbmsAgency, conversation_of
from digipoort_wus.delivery.outbox import Letter, Passage, Sent
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.evidence.chains import chain_findings, kept_findings
from digipoort_wus.evidence.entry import read_entry
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.process.agency import Agency, Delivered, Outcome, Rejected, Unreachable
from digipoort_wus.process.api import AgencyReport, Period, Scope
from digipoort_wus.process.confirming import Confirmation, look_at, take_confirmation
from digipoort_wus.process.destinations import Destinations
from digipoort_wus.process.operator import Decision, cancel, resend
from digipoort_wus.process.proving import chain_of
from digipoort_wus.process.reports import Effect
from digipoort_wus.process.steps import Participants
from digipoort_wus.store.ports import Job, Reader, Transaction
from tests.postgres import Cluster
from tests.unit.delivery.outboxes import ACKNOWLEDGMENT, RECEIPT, MemoryOutbox
from tests.unit.process.sandbox import (
    HAPPY,
    SENDER,
    START,
    Sandbox,
    TurnableClock,
    caller,
    done,
    opened,
    times,
)

AGENCY = "00000099000000004000"
STRANGER = "00000099000000005000"
UNDERWAY = HAPPY[:7]
HOUR = timedelta(hours=1)


@dataclass
class House:
    sandbox: Sandbox
    outbox: MemoryOutbox

    @property
    def clock(self) -> TurnableClock:
        return self.sandbox.clock

    def underway(self) -> Filing:
        filing = self.sandbox.accept()
        self.sandbox.run()
        assert self.codes(filing) == UNDERWAY
        return filing

    def last(self, filing: Filing) -> Sent:
        return self.outbox.of(conversation_of(filing))[-1]

    def acknowledge(self, filing: Filing) -> None:
        self.outbox.note(self.last(filing).message_id, Passage.ACKNOWLEDGED)

    def lose(self, filing: Filing, *, tell: bool = True) -> None:
        self.outbox.note(self.last(filing).message_id, Passage.LOST, reason="expired")
        if tell:
            assert self.look(filing) is Effect.RECORDED

    def look(self, filing: Filing) -> Effect:
        now = self.clock()
        return done(
            self.sandbox.store.write(
                lambda t: look_at(t, filing.kenmerk, filing.berichtkenmerk, now)
            )
        )

    def says(self, filing: Filing, outcome: Outcome, who: str = AGENCY) -> Effect:
        said = Confirmation(filing.kenmerk, filing.berichtkenmerk, outcome)
        work = partial(
            take_confirmation,
            agency=who,
            confirmation=said,
            house=self.sandbox.service.house,
            now=self.clock(),
        )
        return done(self.sandbox.store.write(work))

    def confirm(self, filing: Filing) -> Effect:
        sent = self.outbox.note(self.last(filing).message_id, Passage.CONFIRMED)
        return self.says(filing, delivered(sent))

    def report(self, filing: Filing, code: str = "500") -> None:
        report = AgencyReport(filing.kenmerk, code, START, filing.berichtkenmerk)
        done(self.sandbox.service.report(caller(AGENCY), report))

    def statuses(self, filing: Filing) -> list[Status]:
        found = self.sandbox.service.process_statuses(
            caller(), filing.kenmerk, Period(), Scope.ALL, None
        )
        rows = [row.status for row in done(found)]
        assert times([row.at for row in rows])
        return rows

    def codes(self, filing: Filing) -> list[str]:
        return [status.code for status in self.statuses(filing)]

    def job(self, filing: Filing) -> Job | None:
        def look(reader: Reader) -> Job | None:
            return reader.job(reader.filings_of(filing.kenmerk)[-1].filing_id)

        return self.sandbox.store.read(look)

    def step(self, filing: Filing) -> str | None:
        job = self.job(filing)
        return None if job is None else job.step

    def evidence(self, filing: Filing, kind: str) -> list[dict[str, object]]:
        chain = self.sandbox.store.read(partial(chain_of, kenmerk=filing.kenmerk))
        assert list(chain_findings(filing.kenmerk, chain.rows, 0)) == []
        found = kept_findings(filing.kenmerk, chain.rows, chain.kept or {}, chain.messages)
        assert list(found) == []
        return [dict(read_entry(row.octets).facts) for row in chain.rows if row.kind == kind]


def delivered(sent: Sent) -> Delivered:
    return Delivered(AGENCY, sent.message_id, RECEIPT, START, ACKNOWLEDGMENT)


@contextmanager
def a_house(directory: Path, database: str | None = None) -> Iterator[House]:
    clock = TurnableClock()
    outbox = MemoryOutbox(clock)
    agency = EbmsAgency(AGENCY, "cpa", outbox, clock=clock)
    with opened(directory, clock=clock, agency=agency, database=database) as sandbox:
        yield House(sandbox, outbox)


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as around:
        database = None
        if request.param == "postgres":
            cluster: Cluster = request.getfixturevalue("postgres")
            database = around.enter_context(cluster.database())
        yield around.enter_context(a_house(tmp_path / "data", database))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path / "data") as made:
        yield made


# --- Waiting ------------------------------------------------------------------------------


def test_what_is_underway_waits_without_a_status_and_without_an_attempt(house: House) -> None:
    filing = house.underway()
    before = house.job(filing)
    assert before is not None
    assert before.step == "sent"
    for _ in range(10):
        due = house.sandbox.run()
        assert due is not None
        assert HOUR / 2 <= due - house.clock() <= HOUR
        house.clock.now = due
    house.sandbox.run()
    assert house.codes(filing) == UNDERWAY
    after = house.job(filing)
    assert after is not None
    assert (after.attempts, after.since, after.crashes) == (0, before.since, 0)
    assert len(house.outbox.letters) == 1


def test_a_confirmation_is_400_and_then_the_agency_judges(house: House) -> None:
    filing = house.underway()
    house.acknowledge(filing)
    assert house.codes(filing) == UNDERWAY, "an acknowledgment is no status"
    assert house.confirm(filing) is Effect.RECORDED
    assert house.codes(filing) == HAPPY[:8]
    assert house.job(filing) is None
    (entry,) = house.evidence(filing, "delivered")
    assert entry == {
        "agency": AGENCY,
        "message_id": house.last(filing).message_id,
        "attempt": 1,
        "receipt": f"sha256:{RECEIPT.hex()}",
        "acknowledgment": f"sha256:{ACKNOWLEDGMENT.hex()}",
    }
    assert house.confirm(filing) is Effect.NONE, "it may come again"
    house.report(filing)
    assert house.codes(filing) == HAPPY
    assert house.confirm(filing) is Effect.NONE
    assert len(house.evidence(filing, "delivered")) == 1
    assert house.sandbox.run() is None


def test_a_confirmation_that_was_kept_and_not_taken_is_found(house: House) -> None:
    filing = house.underway()
    house.outbox.note(house.last(filing).message_id, Passage.CONFIRMED)
    house.clock.turn(hours=1)
    assert house.sandbox.run() is None
    assert house.codes(filing) == HAPPY[:8]
    (entry,) = house.evidence(filing, "delivered")
    assert entry["receipt"] == f"sha256:{RECEIPT.hex()}"


def test_a_report_while_it_is_underway_says_that_the_agency_has_it(house: House) -> None:
    filing = house.underway()
    house.report(filing, "510")
    assert house.codes(filing) == [*UNDERWAY, "400", "510"]
    assert house.confirm(filing) is Effect.NONE
    assert house.sandbox.run() is None


def test_a_refusal_is_410_with_what_the_agency_says(house: House) -> None:
    filing = house.underway()
    error = StatusError("AFS400", "Niet aangenomen (AFL140).")
    assert house.says(filing, Rejected(error, "Onbekend nummer.")) is Effect.RECORDED
    last = house.statuses(filing)[-1]
    assert (last.code, last.error, last.details) == ("410", error, "Onbekend nummer.")
    assert house.job(filing) is None
    assert house.evidence(filing, "delivered") == []
    assert house.confirm(filing) is Effect.NONE, "clients were told that it ended"


# --- Losing -------------------------------------------------------------------------------


@pytest.mark.parametrize("tell", [True, False])
def test_a_lost_message_is_420_and_another_follows(house: House, tell: bool) -> None:
    filing = house.underway()
    first = house.last(filing)
    house.lose(filing, tell=tell)
    if not tell:
        house.clock.turn(hours=1)
    house.sandbox.run()
    assert house.codes(filing) == [*UNDERWAY, "420"]
    house.clock.turn(minutes=1)
    house.sandbox.run()
    second = house.last(filing)
    assert second.message_id != first.message_id
    for hours in (0, 1, 1):
        house.clock.turn(hours=hours)
        house.sandbox.run()
        job = house.job(filing)
        assert job is not None
        assert (job.step, job.attempts) == ("resent", 1), "to look is no attempt"
    assert house.codes(filing) == [*UNDERWAY, "420"]
    assert house.confirm(filing) is Effect.RECORDED
    assert house.codes(filing) == [*UNDERWAY, "420", "405", "400"]
    (entry,) = house.evidence(filing, "delivered")
    assert (entry["attempt"], entry["message_id"]) == (2, second.message_id)
    payloads = {house.outbox.payloads[one.message_id] for one in (first, second)}
    assert len(payloads) == 1, "by its berichtkenmerk the agency knows it again"


def test_a_late_confirmation_of_a_message_that_was_given_up_counts(house: House) -> None:
    filing = house.underway()
    first = house.last(filing)
    house.lose(filing)
    house.sandbox.run()
    assert house.step(filing) == "redeliver"
    assert house.says(filing, delivered(first)) is Effect.RECORDED
    assert house.codes(filing) == [*UNDERWAY, "420", "405", "400"]
    # The agency in the sandbox may still have something to say; this one has not.
    assert house.sandbox.run() is None
    assert len(house.outbox.letters) == 1


def test_after_seventy_two_hours_it_is_given_up(house: House) -> None:
    filing = house.underway()
    house.lose(filing)
    house.sandbox.run()
    began = house.clock()
    messages = 1
    for _ in range(200):
        due = house.sandbox.run()
        if due is None:
            break
        house.clock.now = max(due, house.clock())
        house.sandbox.run()
        if len(house.outbox.letters) > messages:
            messages += 1
            house.clock.turn(hours=27)
            house.lose(filing)
            house.sandbox.run()
    assert house.codes(filing) == [*UNDERWAY, "420", "420"]
    error = house.statuses(filing)[-1].error
    assert error is not None
    assert error.code == "AFS600"
    # The last message is begun before they are over, and lives as long as it was agreed.
    assert timedelta(hours=72) <= house.clock() - began <= timedelta(hours=72 + 27 + 1)
    assert messages == 4
    assert house.confirm(filing) is Effect.NONE


def test_silence_behind_an_acknowledgment_ends(small: House) -> None:
    filing = small.underway()
    small.acknowledge(filing)
    small.sandbox.run_until_quiet(timedelta(hours=23))
    assert small.codes(filing) == UNDERWAY
    small.clock.turn(hours=2)
    small.sandbox.run()
    assert small.codes(filing) == [*UNDERWAY, "420"]
    small.clock.turn(minutes=1)
    small.sandbox.run()
    assert len(small.outbox.letters) == 2


def test_a_fault_that_passes_is_offered_again_at_once(small: House) -> None:
    filing = small.underway()
    small.outbox.note(small.last(filing).message_id, Passage.REFUSED, reason="fout AFL400")
    assert small.says(filing, Unreachable("fout AFL400")) is Effect.RECORDED
    small.sandbox.run()
    assert small.codes(filing) == [*UNDERWAY, "420"]
    small.clock.turn(minutes=1)
    small.sandbox.run()
    assert len(small.outbox.letters) == 2


def test_what_the_messaging_service_has_forgotten_is_offered_again(small: House) -> None:
    filing = small.underway()
    small.outbox.letters.clear()
    assert small.look(filing) is Effect.RECORDED
    small.sandbox.run()
    assert small.codes(filing) == [*UNDERWAY, "420"]


# --- Crossing -----------------------------------------------------------------------------


def test_a_confirmation_that_comes_while_it_is_handed_over_counts_once(house: House) -> None:
    effects: list[Effect] = []

    def quick(letter: Letter) -> None:
        sent = house.outbox.note(letter.message_id, Passage.CONFIRMED)
        filing = house.sandbox.store.read(
            lambda reader: reader.filing(reader.filings_of(kenmerk)[-1].filing_id)
        )
        effects.append(house.says(filing, delivered(sent)))

    house.outbox.meanwhile = quick
    filing = house.sandbox.accept()
    kenmerk = filing.kenmerk
    house.sandbox.run()
    house.sandbox.run()
    assert effects == [Effect.RECORDED]
    assert house.codes(filing) == HAPPY[:8]
    assert len(house.outbox.letters) == 1
    assert len(house.evidence(filing, "delivered")) == 1


def test_who_dies_behind_handing_it_over_finds_the_same_message(small: House) -> None:
    def die(_: Letter) -> None:
        small.outbox.meanwhile = lambda _: None
        raise RuntimeError("here it ends")

    small.outbox.meanwhile = die
    filing = small.sandbox.accept()
    small.sandbox.run()
    assert small.step(filing) == "deliver"
    small.acknowledge(filing)
    small.clock.turn(minutes=1)
    small.sandbox.run()
    assert small.step(filing) == "sent"
    assert len(small.outbox.letters) == 1


def test_only_the_agency_of_the_route_confirms(small: House) -> None:
    def refused(filing: Filing, outcome: Outcome, who: str = AGENCY) -> Check:
        with pytest.raises(Refusal) as caught:
            small.says(filing, outcome, who)
        return caught.value.check

    filing = small.sandbox.accept()
    assert refused(filing, Delivered()) is checks.REPORT_EXPECTED
    small.sandbox.run()
    assert refused(filing, Delivered(), STRANGER) is checks.KENMERK_KNOWN
    other = replace(filing, berichtkenmerk="another")
    assert refused(other, Delivered()) is checks.BERICHTKENMERK_KNOWN
    assert small.codes(filing) == UNDERWAY
    unknown = replace(filing, kenmerk="unknown")
    assert small.look(unknown) is Effect.NONE


def test_to_look_now_wakes_nothing_but_what_is_underway(small: House) -> None:
    filing = small.sandbox.accept()
    assert small.look(filing) is Effect.NONE
    small.sandbox.run()
    small.confirm(filing)
    assert small.look(filing) is Effect.NONE
    aside = small.underway()

    def set_aside(transaction: Transaction) -> None:
        (job,) = transaction.claim(small.clock() + HOUR, HOUR, 1)
        transaction.set_aside(job, "for a test")

    done(small.sandbox.store.write(set_aside))
    assert small.look(aside) is Effect.NONE
    assert small.confirm(aside) is Effect.RECORDED, "what it says counts all the same"


@pytest.mark.parametrize("lost", [False, True])
def test_an_operator_resends_without_a_second_message_underway(small: House, lost: bool) -> None:
    filing = small.underway()
    if lost:
        small.outbox.note(small.last(filing).message_id, Passage.LOST)
    decision = Decision("me", "because", small.clock())
    done(small.sandbox.store.write(lambda t: resend(t, filing.kenmerk, decision)))
    assert small.step(filing) == "deliver"
    small.sandbox.run()
    assert small.step(filing) == "sent"
    assert len(small.outbox.letters) == 1 + lost
    assert small.codes(filing) == UNDERWAY


def test_an_operator_ends_what_is_underway(small: House) -> None:
    filing = small.underway()
    decision = Decision("me", "because", small.clock())
    assert done(small.sandbox.store.write(lambda t: cancel(t, filing.kenmerk, decision))) == "420"
    assert small.confirm(filing) is Effect.NONE
    assert small.statuses(filing)[-1].error is not None
    assert small.sandbox.run() is None


def test_an_agency_that_answers_at_once_now_is_asked_anew(small: House) -> None:
    filing = small.underway()
    engine = small.sandbox.engine

    class AtOnce:
        def deliver(self, filing: Filing, attempt: int) -> Delivered:
            return Delivered(message_id=str(attempt))

        def answer(self, filing: Filing) -> None:
            return None

    now_wus: Agency = AtOnce()
    participants: Participants = replace(engine.participants, agency=now_wus)
    small.sandbox.engine = replace(engine, participants=participants)
    assert small.look(filing) is Effect.RECORDED
    small.sandbox.run_until_quiet()
    assert small.codes(filing) == [*UNDERWAY, "420", "405", "400"]


def test_an_agency_outside_is_handed_filings_in_its_own_threads(small: House) -> None:
    small.sandbox.engine = replace(
        small.sandbox.engine, destination=str, destinations=Destinations(lambda: 1.0, each=2)
    )
    filings = [small.sandbox.accept() for _ in range(5)]
    while small.sandbox.run() is not None and len(small.outbox.letters) < 5:
        small.clock.turn(seconds=1)
    for filing in filings:
        assert small.step(filing) == "sent"
        small.confirm(filing)
        assert small.codes(filing) == HAPPY[:8]


def test_a_clock_that_is_ahead_for_a_moment_gives_nothing_up(small: House) -> None:
    filing = small.underway()
    now: datetime = small.clock()
    small.clock.turn(days=30)
    small.sandbox.run()
    small.clock.now = now + timedelta(minutes=1)
    small.sandbox.run()
    assert small.codes(filing) == UNDERWAY
    small.confirm(filing)
    assert small.codes(filing) == HAPPY[:8]
    assert small.sandbox.codes(filing.kenmerk, SENDER) == HAPPY[:8]
