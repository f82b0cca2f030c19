"""A gateway's rule engine, with real processes: what it says of filings, and for whom it waits."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.api import Busy, Came, Outcome, Report, Stage
from digipoort_wus.rules.engine import SHIPPED, Engine, FileContent
from digipoort_wus.rules.workers import Workers, make
from tests.unit.rules.working import COSTS, asked, filing, options, validated, wait_for


@dataclass(frozen=True)
class Unreadable:
    """Content of a store that is not what was stored."""

    size: int = 500_000

    def open(self) -> BinaryIO:
        raise RuntimeError("a secret of the filer")

    def read(self) -> bytes:
        raise RuntimeError("a secret of the filer")


def without_times(report: Report) -> Report:
    return replace(report, trace=tuple(replace(ran, microseconds=0) for ran in report.trace))


LARGE = b"<x>" + b"<y>text</y>" * 50_000 + b"</x>"


@pytest.mark.parametrize("content", [b"<x/>", b"", b"<x>", LARGE, b"\xff\xfe<\0"])
@pytest.mark.parametrize("cost", [*COSTS, "all", "Omzetbelasting", "Anything"])
def test_workers_say_what_the_engine_says(
    shared: Workers, sets: Path, cost: str, content: bytes
) -> None:
    engine = Engine.of((SHIPPED, sets))
    for stage in Stage:
        about = filing(cost, content=content)
        expected = without_times(engine.validate(about, stage))
        assert without_times(shared.validate(about, stage)) == expected


def test_a_stored_content_is_read_piece_by_piece(shared: Workers, tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    path.write_bytes(LARGE)
    about = filing("all", content=FileContent(path, len(LARGE)))
    assert shared.validate(about, Stage.CONTENT).outcome is Outcome.VALID


def test_a_content_that_cannot_be_read_is_nobodys_mistake(shared: Workers) -> None:
    found = shared.validate(filing("cheap", content=Unreadable()), Stage.CONTENT)
    why = "the document could not be read: RuntimeError"
    (ran,) = found.trace
    assert (found.outcome, found.findings, found.technical) == (Outcome.UNDETERMINED, (), why)
    assert (ran.set_id, ran.came, ran.why) == ("test.evil.cheap@1", Came.TECHNICAL, why)


def test_a_flood_of_heavy_filings_stops_no_cheap_one(sets: Path) -> None:
    workers = make(options(sets, heavy_seconds=30))
    try:
        with ThreadPoolExecutor(4) as pool:
            heavy = [pool.submit(validated, workers, "heavy", "sleep-15")]
            wait_for(lambda: workers.figures()["heavy_busy"] == 1)
            heavy.append(pool.submit(validated, workers, "heavy"))
            wait_for(lambda: workers.figures()["heavy_waiting"] == 1)
            for cost in ("heavy", "forked", "all"):
                with pytest.raises(Busy):
                    asked(workers, cost)
            for _ in range(20):
                assert validated(workers, "cheap").outcome is Outcome.VALID
            assert not any(each.done() for each in heavy)
            assert [each.result().outcome for each in heavy] == [Outcome.VALID] * 2
        assert workers.figures()["turned_away"] == 3
        # And there is room again.
        assert validated(workers, "heavy").outcome is Outcome.VALID
    finally:
        workers.close()


def test_many_threads_share_the_workers(sets: Path) -> None:
    workers = make(options(sets, workers=2, seconds=20))
    try:
        with ThreadPoolExecutor(8) as pool:
            texts = list(
                pool.map(lambda _: validated(workers, "cheap", "pid").findings[0].text, range(200))
            )
        assert len(set(texts)) == 2
        assert workers.figures()["cheap_judged"] == 200
    finally:
        workers.close()


def test_it_is_known_which_filings_are_slow(shared: Workers) -> None:
    for cost in (*COSTS, "all", "Omzetbelasting", "Anything"):
        expected = cost in {"heavy", "forked", "all"}
        assert shared.is_slow(filing(cost), Stage.CONTENT) is expected
        assert not shared.is_slow(filing(cost), Stage.ENVELOPE)


def test_a_refused_filing_does_not_get_to_heavy_rules(shared: Workers) -> None:
    before = shared.figures()
    found = validated(shared, "all", "pid")
    assert found.outcome is Outcome.INVALID
    assert [ran.came for ran in found.trace] == [Came.FAILED, Came.SKIPPED, Came.SKIPPED]
    after = shared.figures()
    assert [after[f"{cost}_judged"] - before[f"{cost}_judged"] for cost in COSTS] == [1, 0, 0]
    validated(shared, "all")
    last = shared.figures()
    assert [last[f"{cost}_judged"] - after[f"{cost}_judged"] for cost in COSTS] == [1, 0, 1]


@pytest.mark.parametrize(
    "wrong",
    [{"workers": 0}, {"heavy_workers": 0}, {"seconds": 0}, {"heavy_seconds": -1}, {"memory": 0}],
)
def test_numbers_must_be_numbers_of_something(sets: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="more than nothing"):
        make(options(sets, **wrong))
