"""What the steps lead to, and what happens when they fail or are done twice."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from lxml import etree

from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Document, Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.status import StatusError
from digipoort_wus.process.agency import (
    Accepted,
    Delivered,
    Refused,
    Rejected,
    Unreachable,
)
from digipoort_wus.process.api import Period, ProcessStatus, Scope
from digipoort_wus.process.details import validation_error, validation_results
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.retry import DELIVERY_RETRY, RetryPolicy
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.transitions import TRANSITIONS, Event, Step
from digipoort_wus.rules.api import Outcome, Report, Stage
from digipoort_wus.store.ports import Job, LostLease, Transaction
from tests.unit.process.sandbox import (
    DELIVERY,
    HAPPY,
    XBRL,
    Sandbox,
    TurnableClock,
    caller,
    done,
    opened,
    times,
)

SECRET = "geheim-123456782"
SOON = RetryPolicy(timedelta(seconds=1), timedelta(seconds=4), attempts=3)


ACCEPTED = Accepted(None)


@dataclass
class ScriptedAgency:
    """Answers deliveries from a list, then takes them; remembers who came."""

    outcomes: list[Delivered | Rejected | Unreachable | Exception] = field(default_factory=list)
    verdict: Accepted | Refused | None = ACCEPTED
    seen: list[tuple[str, int]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        self.seen.append((filing.berichtkenmerk, attempt))
        self.meanwhile()
        outcome = self.outcomes.pop(0) if self.outcomes else Delivered()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        return self.verdict


@dataclass
class ScriptedRules:
    reports: dict[Stage, Report]
    asked: list[Stage] = field(default_factory=list)

    def validate(self, filing: Filing, stage: Stage) -> Report:
        self.asked.append(stage)
        return self.reports.get(stage, Report(Outcome.VALID))


@dataclass
class Answer:
    code: Literal["200", "210", "230"]

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        return self.code


def statuses(house: Sandbox, kenmerk: str) -> Sequence[ProcessStatus]:
    return done(house.service.process_statuses(caller(), kenmerk, Period(), Scope.ALL, None))


def test_a_normal_filing_has_nine_statuses(sandbox: Sandbox) -> None:
    filing = sandbox.accept()
    assert sandbox.run() is None
    rows = statuses(sandbox, filing.kenmerk)
    assert [row.status.code for row in rows] == HAPPY
    assert times([row.status.at for row in rows])
    assert [row.status.error for row in rows] == [None] * 9
    details = etree.fromstring(rows[-1].status.details or "")
    assert details.tag == "Responsemessage"
    assert details.get("version") == "2006.1"
    assert details.findtext("Identification/MessageId") == filing.berichtkenmerk
    assert details.findtext("Identification/RefersToMessageId") == filing.kenmerk
    assert details.findtext("Specification/Class") == "A"


def test_who_is_not_authorised_ends_there(tmp_path: Path) -> None:
    with opened(tmp_path / "data", authoriser=Answer("210")) as house:
        filing = house.accept()
        assert house.run() is None
        assert house.codes(filing.kenmerk) == [*HAPPY[:3], "210"]
        error = statuses(house, filing.kenmerk)[-1].status.error
        assert error is not None
        assert error.code == "AUT500"


class Down:
    """An authorisation service that fails a number of times: by its word, then by raising."""

    def __init__(self, times: int) -> None:
        self.asked = 0
        self._times = times

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        self.asked += 1
        if self.asked > self._times:
            return "200"
        if self.asked % 2:
            return "230"
        raise TimeoutError(SECRET)


def test_an_authorisation_service_that_fails_is_asked_again_and_then_230(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    down = Down(1000)
    with opened(tmp_path / "data", authoriser=down, policies=Policies(authorisation=SOON)) as house:
        filing = house.accept()
        for pause in (1, 2):
            assert house.run() == house.clock.now + timedelta(seconds=pause)
            assert house.codes(filing.kenmerk) == HAPPY[:3]
            house.clock.turn(seconds=pause)
        assert house.run() is None
        assert down.asked == 3
        last = statuses(house, filing.kenmerk)[-1].status
        assert (last.code, last.error and last.error.code) == ("230", "AUT400")
        assert "TimeoutError" in caplog.text
        assert SECRET not in caplog.text


def test_an_authorisation_service_that_failed_for_a_while_leaves_no_trace(tmp_path: Path) -> None:
    with opened(tmp_path / "data", authoriser=Down(3)) as house:
        filing = house.accept()
        house.run_until_quiet()
        assert house.codes(filing.kenmerk) == HAPPY


def test_a_wrong_belanghebbende_ends_in_311(sandbox: Sandbox) -> None:
    other = Document("text/xml", "x.xbrl", XBRL.format("001000045B93").encode())
    filing = sandbox.accept(replace(DELIVERY, document=other))
    assert sandbox.run() is None
    rows = statuses(sandbox, filing.kenmerk)
    assert [row.status.code for row in rows] == [*HAPPY[:4], "311"]
    last = rows[-1].status
    assert last.error is not None
    assert last.error.code == "VAS500"
    assert "belanghebbende" in last.error.text
    results = etree.fromstring(last.details or "")
    assert results.tag == "{http://nlvalidatie.nl/batavia}results"
    assert "001000045B93" not in (last.details or "") + last.error.text


def test_content_rules_refuse_after_the_first_301(tmp_path: Path) -> None:
    finding = Finding("B001", "error", "Rubriek 5a klopt niet.")
    rules = ScriptedRules({Stage.CONTENT: Report(Outcome.INVALID, (finding,))})
    with opened(tmp_path / "data", rules=rules) as house:
        filing = house.accept()
        house.run()
        assert house.codes(filing.kenmerk) == [*HAPPY[:5], "311"]


def test_details_of_a_refusal() -> None:
    findings = [
        Finding("W1", "warning", "Let op."),
        Finding("E1", "error", "Eerste <fout>.", "regel 3"),
        Finding("E2", "fatal", "Tweede fout."),
    ]
    error = validation_error(findings)
    assert error == StatusError("VAS500", "Eerste <fout>. (en nog 1 bevinding)")
    messages = etree.fromstring(validation_results(findings))[0][0]
    assert [message.get("level") for message in messages] == ["warning", "error", "error"]
    assert [message.get("id") for message in messages] == ["W1", "E1", "E2"]
    assert messages[1].text == "E1: Eerste <fout>. (regel 3)"
    assert [message.get("line") for message in messages] == ["0", "3", "0"]
    said = {
        "Op regel 7 staat iets.": ("regel 7", "7", "E: Op regel 7 staat iets."),
        "Op regel 71 staat iets.": ("regel 7", "7", "E: Op regel 71 staat iets. (regel 7)"),
        "Zie regel 7.": ("/a/b (regel 7)", "7", "E: Zie regel 7. (/a/b)"),
        "Iets.": ("/a/b (regel 7)", "7", "E: Iets. (/a/b (regel 7))"),
        "Niets.": ("/a/b", "0", "E: Niets. (/a/b)"),
    }
    for text, (where, line, whole) in said.items():
        one = validation_results([Finding("E", "error", text, where)])
        (message,) = etree.fromstring(one)[0][0]
        assert (message.get("line"), message.text) == (line, whole)
    many = validation_results([Finding("E" * 20, "error", "&" * 5000)] * 1000)
    assert len(many) < 1_048_576
    assert validation_error([]).text


@pytest.mark.parametrize("stage", Stage)
def test_undetermined_is_retried_silently_and_then_321(tmp_path: Path, stage: Stage) -> None:
    rules = ScriptedRules({stage: Report(Outcome.UNDETERMINED, technical=SECRET)})
    with opened(tmp_path / "data", rules=rules, policies=Policies(validation=SOON)) as house:
        filing = house.accept()
        before = HAPPY[: 4 if stage is Stage.ENVELOPE else 5]
        for pause in (1, 2):
            due = house.run()
            assert due == house.clock.now + timedelta(seconds=pause)
            assert house.codes(filing.kenmerk) == before
            assert rules.asked.count(stage) == pause, "once, and then the pause"
            house.clock.turn(seconds=pause)
        assert house.run() is None
        last = statuses(house, filing.kenmerk)[-1].status
        assert last.code == "321"
        assert last.error is not None
        assert last.error.code == "VAS400"
        assert SECRET not in last.error.text


def test_a_delivery_that_fails_is_420_at_once_and_tried_for_72_hours(tmp_path: Path) -> None:
    agency = ScriptedAgency([Unreachable()] * 10_000)
    with opened(tmp_path / "data", agency=agency) as house:
        filing = house.accept()
        began = house.clock.now
        house.run()
        failed = statuses(house, filing.kenmerk)[-1].status
        assert (failed.code, failed.error) == ("420", None)
        house.run_until_quiet()
        rows = statuses(house, filing.kenmerk)
        assert [row.status.code for row in rows] == [*HAPPY[:7], "420", "420"]
        assert rows[-1].status.error is not None
        assert rows[-1].status.error.code == "AFS600"
        assert house.clock.now - began == timedelta(hours=72)
        assert {berichtkenmerk for berichtkenmerk, _ in agency.seen} == {filing.berichtkenmerk}
        assert [attempt for _, attempt in agency.seen] == list(range(1, len(agency.seen) + 1))


def test_a_delivery_that_succeeds_later_goes_on(tmp_path: Path) -> None:
    agency = ScriptedAgency([Unreachable(), Unreachable()])
    with opened(tmp_path / "data", agency=agency) as house:
        filing = house.accept()
        house.run_until_quiet()
        assert house.codes(filing.kenmerk) == [*HAPPY[:7], "420", "405", "400", "500"]


def test_a_delivery_that_is_refused_later_is_410(tmp_path: Path) -> None:
    rejected = Rejected(StatusError("AFO100", "Onbekend."))
    with opened(tmp_path / "data", agency=ScriptedAgency([Unreachable(), rejected])) as house:
        filing = house.accept()
        house.run_until_quiet()
        assert house.codes(filing.kenmerk) == [*HAPPY[:7], "420", "405", "410"]


def test_an_agency_that_answers_later_leaves_no_job(tmp_path: Path) -> None:
    with opened(tmp_path / "data", agency=ScriptedAgency(verdict=None)) as house:
        filing = house.accept()
        assert house.run() is None
        assert house.codes(filing.kenmerk) == HAPPY[:8]


def test_a_step_that_raises_is_tried_again_and_logged_without_payload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agency = ScriptedAgency([ValueError(SECRET), ValueError(SECRET)])
    with opened(tmp_path / "data", agency=agency) as house, caplog.at_level(logging.DEBUG):
        filing = house.accept()
        assert house.run() == house.clock.now + timedelta(seconds=5)
        house.run_until_quiet()
        assert house.codes(filing.kenmerk) == HAPPY
    assert filing.kenmerk in caplog.text
    assert "ValueError at test_engine.py" in caplog.text
    assert SECRET not in caplog.text


def test_a_crash_of_one_filing_holds_up_no_other(tmp_path: Path) -> None:
    with opened(tmp_path / "data", agency=ScriptedAgency([ValueError()])) as house:
        first, second = house.accept(), house.accept()
        house.run()
        assert house.codes(first.kenmerk) == HAPPY[:7]
        assert house.codes(second.kenmerk) == HAPPY


def claim(house: Sandbox) -> Sequence[Job]:
    now = house.clock.now

    def work(transaction: Transaction) -> Sequence[Job]:
        return transaction.claim(now, timedelta(seconds=60), 10)

    return done(house.store.write(work))


def test_a_step_that_outlives_its_lease_records_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agency = ScriptedAgency()
    with opened(tmp_path / "data", agency=agency) as house:
        filing = house.accept()
        taken: list[Job] = []

        def somebody_else_claims() -> None:
            house.clock.turn(seconds=61)
            taken.extend(claim(house))

        agency.meanwhile = somebody_else_claims
        house.run()
        assert [job.kenmerk for job in taken] == [filing.kenmerk]
        assert house.codes(filing.kenmerk) == HAPPY[:7]
        assert "taken over" in caplog.text
        agency.meanwhile = lambda: None
        house.clock.turn(seconds=61)
        house.run()
        assert house.codes(filing.kenmerk) == HAPPY
        assert len(agency.seen) == 2

        def late(transaction: Transaction) -> None:
            transaction.finish(taken[0])

        with pytest.raises(LostLease):
            done(house.store.write(late))


def test_leases_of_a_dead_process_end_when_the_store_is_opened(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as house:
        filing = house.accept()
        assert len(claim(house)) == 1
        assert claim(house) == []
        assert house.run() == house.clock.now + timedelta(seconds=60)
    with opened(tmp_path / "data") as house:
        assert house.run() is None
        assert house.codes(filing.kenmerk) == HAPPY


def test_an_interrupted_engine_gives_back_what_it_has_not_begun(sandbox: Sandbox) -> None:
    filings = [sandbox.accept() for _ in range(3)]
    answers = iter([False, False, False, True, True, True, True])
    sandbox.engine.run_due(lambda: next(answers))
    codes = [sandbox.codes(filing.kenmerk) for filing in filings]
    assert sorted(map(len, codes)) == [3, 7, 7]
    assert sandbox.run() is None
    assert all(sandbox.codes(filing.kenmerk) == HAPPY for filing in filings)


def test_a_large_filing_goes_all_the_way(sandbox: Sandbox) -> None:
    large = read_content(DELIVERY.document.content) + b"<!--" + b"x" * 300_000 + b"-->"
    document = replace(DELIVERY.document, content=large)
    filing = sandbox.accept(replace(DELIVERY, document=document))
    sandbox.run()
    assert sandbox.codes(filing.kenmerk) == HAPPY


def test_the_policy_of_delivery() -> None:
    now = TurnableClock().now
    assert DELIVERY_RETRY.next_at(1, now, now) == now + timedelta(seconds=5)
    assert DELIVERY_RETRY.next_at(2, now, now, 0.5) == now + timedelta(seconds=5)
    assert DELIVERY_RETRY.next_at(10_000, now, now) == now + timedelta(minutes=15)
    hours = timedelta(hours=1)
    assert not DELIVERY_RETRY.spent(10_000, now, now + 71 * hours, now + 71 * hours)
    assert not DELIVERY_RETRY.spent(2, now, now + 96 * hours, now + hours), "one look is not enough"
    assert not DELIVERY_RETRY.spent(2, now, now + hours, now + 96 * hours)
    assert DELIVERY_RETRY.spent(2, now, now + 72 * hours, now + 72 * hours)
    late = now + 96 * hours
    assert DELIVERY_RETRY.next_at(2, now, late) == late + timedelta(minutes=15)
    believing = replace(DELIVERY_RETRY, once_more=timedelta())
    assert believing.spent(2, now, late, now)
    with pytest.raises(ValueError, match="taken for a clock's mistake"):
        RetryPolicy(hours, 2 * hours)
    assert (Step.DELIVER, Event.EXHAUSTED) not in TRANSITIONS


def test_the_runner_sleeps_until_it_is_woken_and_stops(tmp_path: Path) -> None:
    idle, delivered = threading.Semaphore(0), threading.Semaphore(0)
    agency = ScriptedAgency(meanwhile=delivered.release)
    with opened(tmp_path / "data", agency=agency) as house:

        def run_due(interrupted: Callable[[], bool]) -> datetime | None:
            due = house.engine.run_due(interrupted)
            idle.release()
            return due

        runner = Runner(run_due, house.clock, idle=timedelta(seconds=30))
        service = replace(house.service, wake=runner.wake)
        runner.start()
        assert idle.acquire(timeout=5)
        for _ in range(3):
            filing = done(service.accept(caller(), DELIVERY))
            assert delivered.acquire(timeout=5)
            assert idle.acquire(timeout=5)
            assert house.codes(filing.kenmerk) == HAPPY
        runner.stop()
        assert not idle.acquire(blocking=False)


def test_the_runner_survives_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    calls = threading.Semaphore(0)

    def fails(_: Callable[[], bool]) -> None:
        calls.release()
        raise ValueError(SECRET)

    runner = Runner(fails, TurnableClock())
    runner.start()
    assert calls.acquire(timeout=5)
    runner.wake()
    assert calls.acquire(timeout=5)
    runner.stop()
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text
