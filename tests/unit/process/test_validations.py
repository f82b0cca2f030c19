"""What is kept of each validation: beside its statuses, readable for ever, and gone by a purge."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.validations import (
    NotReadable,
    report_of,
    row_of,
    warnings_about,
    warnings_of,
)
from digipoort_wus.rules.api import Busy, Came, Outcome, Ran, Report, Stage
from digipoort_wus.store.ports import FilingId, ValidationRow
from tests.unit.process.sandbox import DELIVERY, HAPPY, Sandbox, done, opened, scenario

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBER = FilingId(1)
SOON = RetryPolicy(timedelta(seconds=1), timedelta(seconds=4), attempts=3)
WARNING = Finding("W-1", "warning", "Controleer het tijdvak.", "/a/b")
INFO = Finding("I-1", "info", "Dit is een suppletie.")
LATE = Finding("W-2", "warning", "Het totaal wijkt af.")
WRONG = Finding("E-1", "error", "Rubriek 5a klopt niet.")
TRACE = (
    Ran("R-1", "a.b@1", "0123", "first", Came.PASSED, 12),
    Ran("R-2", "a.b@1", "0123", "first", Came.FAILED, 7),
    Ran("R-3", "c@2", "4567", "last", Came.SKIPPED, 0, "layer first found an error"),
)
VALID = Report(Outcome.VALID)
# A form of number 1, as it was written once; what is in a store stays readable.
WRITTEN = (
    b'{"form":1,"outcome":"undetermined","findings":[["W-1","warning","Let op.","/a"]],'
    b'"technical":"no taxonomy","layers":[["a@1","ab","first"]],'
    b'"trace":[["R-1",0,"technical",5,"no taxonomy"]]}'
)


@dataclass
class Says:
    """Rules that say what a list holds, in its order, then always the same."""

    reports: list[Report | Exception] = field(default_factory=list)
    then: Report = VALID
    asked: list[Stage] = field(default_factory=list)

    def validate(self, filing: Filing, stage: Stage) -> Report:
        self.asked.append(stage)
        report = self.reports.pop(0) if self.reports else self.then
        if isinstance(report, Exception):
            raise report
        return report


def kept(house: Sandbox, filing: Filing) -> Sequence[ValidationRow]:
    return house.store.read(lambda reader: reader.validations(filing.kenmerk))


def brief(rows: Sequence[ValidationRow]) -> list[tuple[str, int, str]]:
    return [(row.stage, row.attempt, row.outcome) for row in rows]


# --- The form -------------------------------------------------------------------------------

texts = st.text(max_size=40)
reports = st.builds(
    Report,
    st.sampled_from(Outcome),
    st.lists(
        st.builds(
            Finding, texts, st.sampled_from(("info", "warning", "error", "fatal")), texts, texts
        ),
        max_size=5,
    ).map(tuple),
    texts,
    st.lists(
        st.builds(Ran, texts, texts, texts, texts, st.sampled_from(Came), st.integers(0), texts),
        max_size=5,
    ).map(tuple),
)


@given(reports)
def test_what_is_read_is_what_was_written(report: Report) -> None:
    row = row_of(NUMBER, Stage.CONTENT, 2, NOW, report)
    assert (row.filing_id, row.stage, row.attempt, row.at) == (NUMBER, "content", 2, NOW)
    assert row.outcome == report.outcome.value
    assert row.report is not None
    assert report_of(row.report) == report


def test_what_was_written_once_is_still_read() -> None:
    assert report_of(zlib.compress(WRITTEN)) == Report(
        Outcome.UNDETERMINED,
        (Finding("W-1", "warning", "Let op.", "/a"),),
        "no taxonomy",
        (Ran("R-1", "a@1", "ab", "first", Came.TECHNICAL, 5, "no taxonomy"),),
    )


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"no zlib",
        zlib.compress(WRITTEN)[:-9],
        zlib.compress(b"[]"),
        zlib.compress(b"{}"),
        zlib.compress(WRITTEN.replace(b'["W-1","warning",', b"[")),
        zlib.compress(WRITTEN.replace(b'"R-1",0', b'"R-1",9')),
        zlib.compress(WRITTEN.replace(b'"technical",5', b'"else",5')),
        zlib.compress(b"[" * 100_000),
    ],
)
def test_what_is_damaged_is_said_to_be(octets: bytes) -> None:
    with pytest.raises(NotReadable, match="damaged"):
        report_of(octets)


def test_another_form_is_named() -> None:
    with pytest.raises(NotReadable, match="form 2, and 1 is known"):
        report_of(zlib.compress(WRITTEN.replace(b'"form":1', b'"form":2')))


def test_a_report_without_end_is_kept_as_far_as_there_is_room() -> None:
    long = Finding("E", "error", "x" * 5_000, "y" * 5_000)
    ran = Ran("R", "s", "d", "l", Came.TECHNICAL, 1, "z" * 5_000)
    report = Report(Outcome.INVALID, (long,) * 1_500, "t" * 5_000, (ran,) * 12_000)
    octets = row_of(NUMBER, Stage.CONTENT, 1, NOW, report).report
    assert octets is not None
    assert len(octets) < 1_000_000
    read = report_of(octets)
    assert (len(read.findings), len(read.trace), len(read.technical)) == (1_000, 10_000, 2_000)
    assert (len(read.findings[0].text), len(read.trace[0].why)) == (2_000, 2_000)


def test_the_trace_of_an_ordinary_filing_takes_little_room() -> None:
    trace = tuple(
        Ran(f"FR-NL-{number}", "nl.sbr.filing-rules@1", "0123456789abcdef", "x", Came.PASSED, 30)
        for number in range(40)
    )
    octets = row_of(NUMBER, Stage.CONTENT, 1, NOW, Report(Outcome.VALID, trace=trace)).report
    assert octets is not None
    assert len(octets) < 500


# --- Warnings -------------------------------------------------------------------------------


def test_warnings_are_those_of_the_validations_that_let_it_through() -> None:
    rows = [
        row_of(NUMBER, Stage.ENVELOPE, 1, NOW, Report(Outcome.UNDETERMINED, (LATE,))),
        row_of(NUMBER, Stage.ENVELOPE, 2, NOW, Report(Outcome.VALID, (INFO, WARNING))),
        row_of(NUMBER, Stage.CONTENT, 1, NOW, Report(Outcome.VALID, (LATE,))),
    ]
    assert warnings_of(rows) == (WARNING, LATE)
    assert warnings_of([]) == ()
    purged = [replace(row, report=None) for row in rows]
    assert warnings_of(purged) == ()


# --- In the store ---------------------------------------------------------------------------


def test_both_validations_are_kept_with_their_statuses(tmp_path: Path) -> None:
    first = Report(Outcome.VALID, (WARNING, INFO), trace=TRACE)
    second = Report(Outcome.VALID, (LATE,))
    with opened(tmp_path / "data", rules=Says([first, second])) as house:
        filing, other = house.accept(), house.accept()
        house.run()
        assert house.codes(filing.kenmerk) == HAPPY
        rows = kept(house, filing)
        assert brief(rows) == [("envelope", 1, "valid"), ("content", 1, "valid")]
        assert [report_of(row.report or b"") for row in rows] == [first, second]
        assert warnings_about(house.store, filing) == (WARNING, LATE)
        assert brief(kept(house, other)) == brief(rows)
        assert warnings_about(house.store, other) == ()


def test_a_refusal_is_kept(tmp_path: Path) -> None:
    report = Report(Outcome.INVALID, (WRONG, WARNING), trace=TRACE)
    with opened(tmp_path / "data", rules=Says([VALID, report])) as house:
        filing = house.accept()
        house.run()
        assert house.codes(filing.kenmerk)[-1] == "311"
        assert brief(kept(house, filing)) == [("envelope", 1, "valid"), ("content", 1, "invalid")]
        assert report_of(kept(house, filing)[-1].report or b"") == report


def test_every_attempt_is_kept_and_why_it_failed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = Report(Outcome.UNDETERMINED, technical="no taxonomy nt20")
    rules = Says([VALID], then=unknown)
    with opened(tmp_path / "data", rules=rules, policies=Policies(validation=SOON)) as house:
        filing = house.accept()
        house.run_until_quiet()
        assert house.codes(filing.kenmerk)[-1] == "321"
        rows = kept(house, filing)
        assert brief(rows)[1:] == [("content", number, "undetermined") for number in (1, 2, 3)]
        assert report_of(rows[-1].report or b"").technical == "no taxonomy nt20"
        assert rows[1].at < rows[2].at < rows[3].at
    told = [one for one in caplog.records if getattr(one, "event", "") == "undetermined"]
    assert len(told) == 3
    assert "no taxonomy nt20" in told[0].getMessage()


def test_what_a_scenario_plays_was_not_validated(tmp_path: Path) -> None:
    rules = Says([Report(Outcome.INVALID, (WRONG,))])
    with opened(tmp_path / "data", rules=rules) as house:
        filing = house.accept(scenario("Happyflow"))
        house.run_until_quiet()
        assert rules.asked == []
        assert kept(house, filing) == []


def test_deliveries_of_one_process_are_told_apart(tmp_path: Path) -> None:
    reports = [Report(Outcome.VALID, (WARNING,)), VALID, Report(Outcome.VALID, (LATE,)), VALID]
    with opened(tmp_path / "data", rules=Says(list(reports))) as house:
        first = house.accept()
        house.run()
        second = house.accept(replace(DELIVERY, kenmerk=first.kenmerk))
        house.run_until_quiet()
        assert second.kenmerk == first.kenmerk
        assert len(kept(house, first)) == 4
        assert warnings_about(house.store, first) == (WARNING,)
        assert warnings_about(house.store, second) == (LATE,)


def test_a_purge_leaves_that_it_was_judged_and_nothing_of_what_was_found(tmp_path: Path) -> None:
    marked = Finding("W-1", "warning", "De waarde is geheim-123456782.")
    with opened(tmp_path / "data", rules=Says([Report(Outcome.VALID, (marked,))])) as house:
        filing, other = house.accept(), house.accept()
        house.run()
        (row,) = house.store.read(lambda reader: reader.filings_of(filing.kenmerk))
        assert all(one.report for one in kept(house, filing))
        done(house.store.write(lambda t: t.purge(row.filing_id, house.clock.now)))
        after = kept(house, filing)
        assert brief(after) == [("envelope", 1, "valid"), ("content", 1, "valid")]
        assert [one.report for one in after] == [None, None]
        assert warnings_about(house.store, filing) == ()
        assert all(one.report for one in kept(house, other))


# --- An engine that is full -----------------------------------------------------------------


@pytest.mark.parametrize("stage", Stage)
def test_a_full_engine_is_asked_again_and_no_attempt_is_counted(
    tmp_path: Path, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    before = [] if stage is Stage.ENVELOPE else [VALID]
    rules = Says([*before, *(Busy("too many wait") for _ in range(20))])
    with opened(tmp_path / "data", rules=rules, policies=Policies(validation=SOON)) as house:
        filing = house.accept()
        for _ in range(20):
            due = house.run()
            assert due is not None
            assert timedelta() < due - house.clock.now <= timedelta(seconds=10)
            house.clock.now = due
        assert house.run() is None
        assert house.codes(filing.kenmerk) == HAPPY
        assert brief(kept(house, filing)) == [("envelope", 1, "valid"), ("content", 1, "valid")]
    told = {getattr(one, "event", "") for one in caplog.records}
    assert not told & {"step-failed", "set-aside"}
