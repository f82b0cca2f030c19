"""What the engine tells of its work: each step once it is recorded, and what went wrong."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.process.agency import Unreachable
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.transitions import Event, Step
from digipoort_wus.process.watching import Stepped
from digipoort_wus.store.ports import JobState, Transaction
from tests.unit.process.sandbox import DELIVERY, SENDER, Sandbox, opened
from tests.unit.process.test_engine import ScriptedAgency

SOON = RetryPolicy(timedelta(seconds=1), timedelta(seconds=4), attempts=3)


@dataclass
class Recorder:
    """Keeps what it is told."""

    steps: list[Stepped] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    expired: int = 0
    lost: int = 0

    def stepped(self, stepped: Stepped) -> None:
        self.steps.append(stepped)

    def step_failed(self, step: str) -> None:
        self.failed.append(step)

    def set_aside(self, step: str) -> None:
        self.failed.append(f"{step}, for good")

    def lease_expired(self) -> None:
        self.expired += 1

    def lease_lost(self) -> None:
        self.lost += 1


@dataclass
class Watched:
    """A sandbox whose engine is looked at."""

    sandbox: Sandbox
    agency: ScriptedAgency
    seen: Recorder

    def found(self) -> list[tuple[Step, Event, bool]]:
        return [(step.step, step.event, step.again) for step in self.seen.steps]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    agency, seen = ScriptedAgency(), Recorder()
    with opened(tmp_path / "data", agency=agency, policies=Policies(delivery=SOON)) as sandbox:
        sandbox.engine = replace(sandbox.engine, watcher=seen)
        yield Watched(sandbox, agency, seen)


def test_every_step_is_told_in_order(watched: Watched) -> None:
    filing = watched.sandbox.accept()
    watched.sandbox.clock.turn(seconds=90)
    watched.sandbox.run_until_quiet()
    assert watched.found() == [
        (Step.AUTHORISE, Event.ALLOWED, False),
        (Step.ENVELOPE, Event.VALID, False),
        (Step.CONTENT, Event.VALID, False),
        (Step.DELIVER, Event.DELIVERED, False),
        (Step.ANSWER, Event.ACCEPTED, False),
    ]
    for step in watched.seen.steps:
        assert (step.kenmerk, step.sender) == (filing.kenmerk, SENDER)
        assert step.berichtsoort == DELIVERY.berichtsoort
        assert step.after == timedelta(seconds=90)
        assert 0 < step.seconds < 10


def test_retries_and_their_end_are_told(watched: Watched) -> None:
    watched.agency.outcomes = [Unreachable()] * 3
    watched.sandbox.accept()
    watched.sandbox.run_until_quiet()
    assert watched.found()[3:] == [
        (Step.DELIVER, Event.UNREACHABLE, True),
        (Step.REDELIVER, Event.UNREACHABLE, True),
        (Step.REDELIVER, Event.EXHAUSTED, False),
    ]


def test_a_step_that_raised_is_told_as_such(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.agency.outcomes = [OSError("999911120")]
    filing = watched.sandbox.accept()
    with caplog.at_level(logging.INFO):
        watched.sandbox.run_until_quiet()
    assert watched.seen.failed == ["deliver"]
    assert watched.found()[3:] == [
        (Step.DELIVER, Event.DELIVERED, False),
        (Step.ANSWER, Event.ACCEPTED, False),
    ]
    lines = [vars(record) for record in caplog.records if record.name.endswith("process.engine")]
    assert [line["event"] for line in lines] == [
        *["step"] * 3,
        "step-failed",
        *["step"] * 2,
    ]
    assert {line["kenmerk"] for line in lines} == {filing.kenmerk}


def test_a_job_that_somebody_died_over_is_told_when_it_is_taken_up(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as sandbox:
        filing = sandbox.accept()
        now = sandbox.clock()
        sandbox.store.write(lambda tx: tx.claim(now, timedelta(minutes=1), 1)).result(10)
    with opened(tmp_path / "data") as sandbox:
        seen = Recorder()
        sandbox.engine = replace(sandbox.engine, watcher=seen)
        sandbox.run_until_quiet()
        assert seen.expired == 1
        assert len(seen.steps) == 5
        assert sandbox.codes(filing.kenmerk)[-1] == "500"


def test_a_step_that_was_done_in_vain_is_told(watched: Watched) -> None:
    """Somebody sets the job aside while the agency is asked."""
    sandbox = watched.sandbox

    def meanwhile() -> None:
        def aside(transaction: Transaction) -> None:
            row = transaction.filings_of(filing.kenmerk)[0]
            job = transaction.job(row.filing_id)
            assert job is not None
            transaction.set_aside(job, "by a test")

        sandbox.store.write(aside).result(10)

    watched.agency.meanwhile = meanwhile
    filing = sandbox.accept()
    sandbox.run()
    assert watched.seen.lost == 1
    assert [step.step for step in watched.seen.steps] == [
        Step.AUTHORISE,
        Step.ENVELOPE,
        Step.CONTENT,
    ]
    (job,) = sandbox.store.read(lambda reader: reader.jobs_aside(10))
    assert job.state is JobState.ASIDE
