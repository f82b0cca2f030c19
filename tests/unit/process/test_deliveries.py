"""Deliveries to agencies outside: who is slow or gone stalls nobody, and who stops is overtaken."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.agency import (
    Accepted,
    Delivered,
    Refused,
    Rejected,
    Unreachable,
)
from digipoort_wus.process.breaker import BreakerPolicy
from digipoort_wus.process.destinations import Destinations
from digipoort_wus.process.engine import Engine, Policies, nowhere
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.runner import Runner
from digipoort_wus.store.ports import Job, JobState
from digipoort_wus.store.sqlite_file import steady_clock
from tests.unit.process.sandbox import DELIVERY, HAPPY, Sandbox, done, opened

ICP = replace(DELIVERY, berichtsoort="ICP")
SECOND = timedelta(seconds=1)


@dataclass
class Agencies:
    """Take what comes, each in its own way; notes who came."""

    outcome: Delivered | Rejected | Unreachable = field(default_factory=Delivered)
    error: Exception | None = None
    seen: list[tuple[str, int]] = field(default_factory=list)
    slow: frozenset[str] = frozenset()
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go_on: threading.Event = field(default_factory=threading.Event)
    meanwhile: Callable[[], object] = lambda: None

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        self.seen.append((filing.kenmerk, attempt))
        self.asked.release()
        self.meanwhile()
        if filing.delivery.berichtsoort in self.slow:
            assert self.go_on.wait(20)
        if self.error is not None:
            raise self.error
        return self.outcome

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        return Accepted(None)


def outside(house: Sandbox, policy: BreakerPolicy | None = None, each: int = 2) -> Engine:
    """Return an engine to which every agency is outside, one for each berichtsoort."""
    destinations = Destinations(lambda: 1.0, each=each, policy=policy)
    return replace(house.engine, destination=str, destinations=destinations)


@contextmanager
def with_agencies(directory: Path, agencies: Agencies, **options: object) -> Iterator[Sandbox]:
    with opened(directory / "data", agency=agencies, **options) as house:  # type: ignore[arg-type]
        house.engine = outside(house)
        try:
            yield house
        finally:
            agencies.go_on.set()
            house.engine.finish()


def test_a_slow_agency_stalls_nobody_else(tmp_path: Path) -> None:
    agencies = Agencies(slow=frozenset({"Omzetbelasting"}))
    with with_agencies(tmp_path, agencies) as house:
        slow = [house.accept() for _ in range(10)]
        quick = [house.accept(ICP) for _ in range(3)]
        house.engine.run_due()
        for _ in range(5):
            assert agencies.asked.acquire(timeout=20)
        while any(house.codes(filing.kenmerk) != HAPPY for filing in quick):
            house.engine.run_due()
        assert {len(house.codes(filing.kenmerk)) for filing in slow} == {7}
        assert sum(kenmerk in {one.kenmerk for one in slow} for kenmerk, _ in agencies.seen) == 2
        agencies.go_on.set()
        house.run_until_quiet()
        assert all(house.codes(filing.kenmerk) == HAPPY for filing in slow)
        assert {attempt for _, attempt in agencies.seen} == {1}
        assert len(agencies.seen) == 13


def test_the_runner_is_woken_when_a_delivery_ends(tmp_path: Path) -> None:
    agencies = Agencies(slow=frozenset({"Omzetbelasting"}))
    with with_agencies(tmp_path, agencies) as house:
        runner = Runner(
            house.engine.run_due, house.clock, idle=30 * SECOND, finish=house.engine.finish
        )
        house.engine.destinations.on_free(runner.wake)
        first = house.accept()
        # It continues the process, so it waits for the first one.
        second = house.accept(replace(DELIVERY, kenmerk=first.kenmerk))
        runner.start()
        assert agencies.asked.acquire(timeout=20)
        agencies.go_on.set()
        assert agencies.asked.acquire(timeout=20)
        runner.stop()
        assert len(agencies.seen) == 2
        assert sorted(house.codes(second.kenmerk)) == sorted(HAPPY * 2)


def test_what_waits_for_room_is_given_back_when_the_engine_stops(tmp_path: Path) -> None:
    agencies = Agencies(slow=frozenset({"Omzetbelasting"}))
    with with_agencies(tmp_path, agencies) as house:
        filings = [house.accept() for _ in range(4)]
        stopping = threading.Event()
        house.engine.run_due(stopping.is_set)
        assert agencies.asked.acquire(timeout=20)
        assert agencies.asked.acquire(timeout=20)
        stopping.set()
        agencies.go_on.set()
        house.engine.finish()
        codes = sorted(len(house.codes(filing.kenmerk)) for filing in filings)
        assert codes == [7, 7, 9, 9]
        house.run()
        assert all(house.codes(filing.kenmerk) == HAPPY for filing in filings)


def test_an_agency_that_fails_is_left_alone(tmp_path: Path) -> None:
    agencies = Agencies(Unreachable())
    with with_agencies(tmp_path, agencies) as house:
        policy = BreakerPolicy(failures=3, first_open=10 * SECOND, max_open=10 * SECOND)
        house.engine = outside(house, policy, each=1)
        for _ in range(3):
            house.accept()
            house.run()
        waiting, other = house.accept(), house.accept(ICP)
        house.run()
        assert house.codes(waiting.kenmerk) == HAPPY[:7], "not even 420: nobody was asked"
        assert waiting.kenmerk not in {kenmerk for kenmerk, _ in agencies.seen}
        assert house.codes(other.kenmerk)[-1] == "420", "this agency has its own breaker"
        assert len(agencies.seen) == 4
        house.clock.turn(seconds=10)
        house.run()
        asked = [kenmerk for kenmerk, _ in agencies.seen if kenmerk != other.kenmerk]
        assert len(asked) == 4, "one probe"
        agencies.outcome = Delivered()
        house.clock.turn(seconds=60)
        house.run_until_quiet()
        assert house.codes(waiting.kenmerk) == HAPPY
        assert [attempt for kenmerk, attempt in agencies.seen if kenmerk == waiting.kenmerk] == [1]


def test_an_agency_that_is_gone_ends_every_filing_in_afs600(tmp_path: Path) -> None:
    agencies = Agencies(Unreachable())
    policy = RetryPolicy(5 * SECOND, timedelta(minutes=15), give_up_after=timedelta(hours=3))
    with with_agencies(tmp_path, agencies, policies=Policies(delivery=policy)) as house:
        filings = [house.accept() for _ in range(12)]
        began = house.clock.now
        house.run_until_quiet()
        for filing in filings:
            assert house.codes(filing.kenmerk) == [*HAPPY[:7], "420", "420"]
        assert timedelta(hours=3) <= house.clock.now - began <= timedelta(hours=3, minutes=31)
        # Of every filing alone there would be some fifteen attempts.
        assert len(agencies.seen) < 12 * 10


def test_a_clock_that_is_days_ahead_for_a_moment_ends_and_stalls_nothing(tmp_path: Path) -> None:
    agencies = Agencies(Unreachable())
    with opened(tmp_path / "data", agency=agencies, lease_clock=steady_clock) as house:
        house.clock.turn(days=30)
        early = house.accept()
        house.clock.turn(days=-30)
        house.run()
        assert house.codes(early.kenmerk)[-1] == "420", "it was begun at once"
        filing = house.accept()
        house.run()
        house.clock.turn(days=4)
        house.run()
        assert len(agencies.seen) == 4
        house.clock.turn(days=-4)
        agencies.outcome = Delivered()
        house.run()
        for kenmerk in (early.kenmerk, filing.kenmerk):
            assert house.codes(kenmerk) == [*HAPPY[:7], "420", "405", "400", "500"]


def test_seventy_two_hours_are_over_when_two_looks_say_so(tmp_path: Path) -> None:
    agencies = Agencies(Unreachable())
    with opened(tmp_path / "data", agency=agencies, lease_clock=steady_clock) as house:
        house.clock.turn(days=30)
        filing = house.accept()
        house.run()
        house.clock.turn(days=-30)
        began = house.clock.now
        house.run_until_quiet()
        assert house.codes(filing.kenmerk) == [*HAPPY[:7], "420", "420"]
        after = timedelta(hours=72)
        assert after <= house.clock.now - began <= after + timedelta(minutes=16)


def test_one_process_is_worked_on_by_its_kenmerk(tmp_path: Path) -> None:
    agencies = Agencies(Unreachable())
    with with_agencies(tmp_path, agencies) as house:
        first, second = house.accept(), house.accept()
        house.engine = replace(house.engine, destination=nowhere)
        due = house.engine.run_one(first.kenmerk)
        assert due == house.clock.now + 5 * SECOND
        assert house.codes(first.kenmerk) == [*HAPPY[:7], "420"]
        assert house.codes(second.kenmerk) == HAPPY[:3]
        agencies.outcome = Delivered()
        assert house.engine.run_one(first.kenmerk) == due
        house.clock.now = due
        assert house.engine.run_one(first.kenmerk) is None
        assert house.codes(first.kenmerk) == [*HAPPY[:7], "420", "405", "400", "500"]
        assert house.engine.run_one("unknown") is None
        assert house.engine.run_one(second.kenmerk, lambda: True) == house.clock.now
        claim(house, second.kenmerk)
        assert house.engine.run_one(second.kenmerk) == house.clock.now + 60 * SECOND


def claim(house: Sandbox, kenmerk: str) -> Job | None:
    now = house.clock.now
    return done(house.store.write(lambda t: t.claim_one(kenmerk, now, 60 * SECOND)))


def test_a_slow_agency_takes_no_thread_of_who_works_by_kenmerk(tmp_path: Path) -> None:
    """As many as it may have at a time wait in threads of its own, and as many for them."""
    agencies = Agencies(slow=frozenset({"Omzetbelasting"}))
    with with_agencies(tmp_path, agencies) as house:
        filings = [house.accept() for _ in range(5)]
        due = [house.engine.run_one(filing.kenmerk) for filing in filings]
        assert due[:4] == [None] * 4
        assert due[4] is not None
        assert house.clock.now < due[4] <= house.clock.now + 60 * SECOND
        quick = house.accept(ICP)
        assert house.engine.run_one(quick.kenmerk) is None
        house.engine.destinations.wait(SECOND)
        assert len(agencies.seen) == 3, "two of the slow one, and the quick one"
        agencies.go_on.set()
        house.engine.destinations.wait(20 * SECOND)
        assert house.codes(quick.kenmerk) == HAPPY
        house.clock.now = due[4]
        assert house.engine.run_one(filings[4].kenmerk) is None
        house.engine.finish()
        assert all(house.codes(filing.kenmerk) == HAPPY for filing in filings)
        assert len(agencies.seen) == 6


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_who_was_stopped_is_overtaken_and_records_nothing(
    tmp_path: Path, store: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """As by SIGSTOP: no lease is extended, and what he had in hand comes too late."""
    database = None if store == "sqlite" else str(request.getfixturevalue("postgres_database"))
    agencies = Agencies()
    with with_agencies(tmp_path, agencies, database=database) as house:
        other = replace(house.engine, clock=house.clock)
        filing = house.accept()

        def overtaken() -> None:
            agencies.meanwhile = lambda: None
            if database is None:
                house.clock.turn(seconds=61)
            else:
                with psycopg.connect(database) as connection:
                    connection.execute("UPDATE job SET lease_until = 0")
            assert other.run_one(filing.kenmerk) is None

        agencies.meanwhile = overtaken
        house.engine.run_due()
        house.engine.finish()
        assert house.codes(filing.kenmerk) == HAPPY
        assert len(agencies.seen) == 2
        assert "taken over by somebody else" in caplog.text
        entries = house.store.read(lambda reader: reader.evidence(filing.kenmerk))
        assert [entry.kind for entry in entries].count("status") == len(HAPPY)
        assert [entry.kind for entry in entries].count("delivered") == 1


def test_a_lease_lasts_as_long_as_the_delivery(tmp_path: Path) -> None:
    agencies = Agencies(slow=frozenset({"Omzetbelasting"}))
    with with_agencies(tmp_path, agencies, lease_clock=steady_clock) as house:
        lease = timedelta(seconds=0.3)
        house.engine = replace(house.engine, lease=lease)
        filing = house.accept()
        house.engine.run_due()
        assert agencies.asked.acquire(timeout=20)
        threading.Event().wait(1.2)
        assert claim(house, filing.kenmerk) is None
        agencies.go_on.set()
        house.engine.finish()
        assert house.codes(filing.kenmerk) == HAPPY


def test_a_step_that_raises_too_often_waits_for_an_operator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agencies = Agencies(error=OSError("geheim"))
    with with_agencies(tmp_path, agencies) as house:
        filing = house.accept()
        house.run_until_quiet()
        assert len(agencies.seen) == 5
        (job,) = house.store.read(lambda reader: reader.jobs_aside(10))
        assert (job.step, job.state) == ("deliver", JobState.ASIDE)
        assert (job.reason or "").startswith("OSError at test_deliveries.py:")
        assert "is set aside until an operator offers it again: OSError" in caplog.text
        assert "geheim" not in caplog.text
        assert house.engine.run_one(filing.kenmerk) is None
        agencies.error = None
        now = house.clock.now
        done(house.store.write(lambda t: t.offer_again(job.filing_id, now)))
        house.run_until_quiet()
        assert house.codes(filing.kenmerk) == HAPPY


def test_a_job_that_its_workers_die_over_waits_for_an_operator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path / "data") as house:
        filing = house.accept()
        for _ in range(5):
            assert claim(house, filing.kenmerk) is not None
            house.clock.turn(seconds=61)
        assert house.run() is None
        (job,) = house.store.read(lambda reader: reader.jobs_aside(10))
        assert job.reason == "whoever worked on it did not finish, 5 times"
        assert "set aside" in caplog.text
        assert house.codes(filing.kenmerk) == HAPPY[:3]


def test_delays_are_spread(tmp_path: Path) -> None:
    agencies = Agencies(Unreachable())
    with opened(tmp_path / "data", agency=agencies) as house:
        house.accept()
        house.engine = replace(house.engine, chance=lambda: 0.25)
        assert house.run() == house.clock.now + 1.25 * SECOND
