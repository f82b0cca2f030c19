"""A step that does not come back: it is told, its lease ends, and what waits for it goes on."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Literal

import pytest

from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.destinations import Destinations
from digipoort_wus.process.leases import Leases
from digipoort_wus.process.runner import ENDED, Runner
from digipoort_wus.store.ports import FilingId, Job
from digipoort_wus.store.sqlite_file import steady_clock
from tests.unit.process.sandbox import HAPPY, OTHER, SENDER, START, Sandbox, opened

SOON = timedelta(seconds=0.3)


@dataclass
class Hangs:
    """An authorisation service that does not answer for one sender."""

    asked: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def ask(self, filing: Filing) -> Literal["200"]:
        if filing.sender == SENDER:
            self.asked.set()
            assert self.go_on.wait(20)
        return "200"


def until(condition: Callable[[], object]) -> None:
    end = monotonic() + 20
    while not condition():
        assert monotonic() < end
        sleep(0.02)


def claimed(house: Sandbox) -> list[Job]:
    now = house.clock.now
    return list(house.store.write(lambda t: t.claim(now, timedelta(minutes=1), 10)).result())


def test_a_step_that_does_not_come_back_is_told_and_blocks_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = Hangs()
    with opened(tmp_path / "data", authoriser=service, lease_clock=steady_clock) as house:
        hung, other = house.accept(), house.accept(oin=OTHER)
        engine = replace(house.engine, lease=SOON, longest_step=SOON)
        runner = Runner(engine.run_due, house.clock, overdue=engine.overdue)
        assert runner.trouble == ENDED
        runner.start()
        assert service.asked.wait(20)
        until(lambda: runner.trouble)
        assert runner.trouble.startswith(f"authorise of kenmerk {hung.kenmerk} has not come back")
        found: list[Job] = []

        def all_claimed() -> bool:
            found.extend(claimed(house))
            return len(found) == 2

        until(all_claimed)
        crashes = {job.kenmerk: job.crashes for job in found}
        assert crashes == {hung.kenmerk: 1, other.kenmerk: 0}, "as if the process had died of it"
        assert "step-overdue" in {getattr(record, "event", "") for record in caplog.records}
        service.go_on.set()
        until(lambda: not runner.trouble)
        runner.stop()
        assert house.codes(hung.kenmerk) == HAPPY[:3], "somebody else has it: nothing is recorded"
        assert house.codes(other.kenmerk, OTHER) == HAPPY[:3]


def test_a_slow_authorisation_service_has_threads_of_its_own(tmp_path: Path) -> None:
    service = Hangs()
    with opened(tmp_path / "data", authoriser=service) as house:
        house.engine = replace(
            house.engine, authority=lambda _: "the service", destinations=Destinations(each=2)
        )
        slow = [house.accept() for _ in range(5)]
        house.engine.run_due()
        assert service.asked.wait(20)
        quick = replace(house.engine, authority=lambda _: None)
        other = house.accept(oin=OTHER)
        quick.run_due()
        assert house.codes(other.kenmerk, OTHER) == HAPPY
        assert {len(house.codes(filing.kenmerk)) for filing in slow} == {3}
        service.go_on.set()
        house.engine.finish()
        house.run_until_quiet()
        house.engine.finish()
        house.run_until_quiet()
        assert all(house.codes(filing.kenmerk) == HAPPY for filing in slow)


def test_what_waits_behind_a_step_is_given_back_and_the_step_is_not() -> None:
    released: list[Job] = []
    one, other, elsewhere = (
        Job(FilingId(n), f"kenmerk-{n}", "deliver", START, START, token=1) for n in (1, 2, 3)
    )
    leases = Leases(lambda jobs: jobs, SOON / 10, released.extend, SOON)
    leases.hold([one, other, elsewhere])
    beside = {job.filing_id: job for job in (one, other)}
    with leases.doing(one, beside):
        assert leases.overdue() == ""
        until(lambda: released)
        assert released == [other]
        assert "deliver of kenmerk kenmerk-1" in leases.overdue()
        assert [leases.holds(job) for job in (one, other, elsewhere)] == [False, False, True]
    assert leases.overdue() == ""
    leases.end()
