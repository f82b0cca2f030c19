"""Which engine judges, as configured; and what is slow to judge stalls nobody else."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from digipoort_wus import limits
from digipoort_wus.config import Config
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.destinations import Destinations
from digipoort_wus.process.engine import Engine
from digipoort_wus.process.validators import HEAVY, LARGE, RulesRow, at_once, beside
from digipoort_wus.processing import longest_step
from digipoort_wus.rules.api import EngineOptions, Outcome, Report, Stage
from digipoort_wus.store.ports import Reader, ValidationRow
from tests.rules import base_rules
from tests.unit.process.sandbox import DELIVERY, HAPPY, XBRL, Sandbox, opened, scenario

ICP = replace(DELIVERY, berichtsoort="ICP")
VALID = Report(Outcome.VALID)
BOUNDS = {
    "workers": (1, 64),
    "heavy_workers": (1, 64),
    "seconds": (1, 3_600),
    "heavy_seconds": (1, 3_600),
    "memory_mb": (64, 65_536),
    "heavy_memory_mb": (64, 65_536),
}


@dataclass
class Heavy:
    """Rules whose second validation of ICP takes until somebody lets it go on."""

    go_on: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    threads: list[tuple[str, str]] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_slow(self, filing: Filing, stage: Stage) -> bool:
        return filing.delivery.berichtsoort == "ICP" and stage is Stage.CONTENT

    def validate(self, filing: Filing, stage: Stage) -> Report:
        if not self.is_slow(filing, stage):
            return VALID
        with self.lock:
            self.threads.append((filing.kenmerk, threading.current_thread().name))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.begun.release()
        assert self.go_on.wait(20)
        with self.lock:
            self.at_once -= 1
        return VALID


def with_threads(engine: Engine, rules: Heavy, *, threads: int) -> Engine:
    destinations = Destinations(lambda: 1.0, own={HEAVY: threads, LARGE: 1})
    return replace(engine, judges=beside(rules.is_slow), destinations=destinations)


@contextmanager
def flooded(directory: Path, *, threads: int = 1) -> Iterator[tuple[Sandbox, Heavy]]:
    rules = Heavy()
    with opened(directory / "data", rules=rules) as house:
        house.engine = with_threads(house.engine, rules, threads=threads)
        try:
            yield house, rules
        finally:
            rules.go_on.set()
            house.engine.finish()


def judged(reader: Reader, kenmerk: str) -> Sequence[ValidationRow]:
    return reader.validations(kenmerk)


def settle(house: Sandbox) -> None:
    """Let all that is due be done, whatever threads do it, until nothing is left."""
    for _ in range(200):
        due = house.engine.run_due()
        house.engine.finish()
        if due is None:
            if house.engine.run_due() is None:
                return
        else:
            house.clock.now = max(house.clock.now, due)
    raise AssertionError("it never ends")


# --- The configuration ----------------------------------------------------------------------


@pytest.mark.parametrize("key", BOUNDS)
def test_numbers_have_bounds(key: str) -> None:
    least, most = BOUNDS[key]
    for number in (least, most):
        assert getattr(RulesRow(**{key: number}), key) == number  # type: ignore[arg-type]
    for number in (least - 1, most + 1):
        with pytest.raises(ConfigurationError, match=rf"^rules\.{key} is {least} to {most} "):
            RulesRow(**{key: number})  # type: ignore[arg-type]


def test_the_defaults_are_those_of_the_engine() -> None:
    assert RulesRow().options == EngineOptions()


def test_every_setting_reaches_the_engine(tmp_path: Path) -> None:
    row = RulesRow("x", (tmp_path,), tmp_path / "added", 4, 3, 10, 300, 256, 4_096)
    mb = 1_048_576
    assert row.options == EngineOptions(
        (tmp_path,), tmp_path / "added", 4, 3, 10, 300, 256 * mb, 4_096 * mb
    )


def test_large_documents_leave_a_worker_to_small_ones_where_there_are_two() -> None:
    assert [RulesRow(workers=number).threads[LARGE] for number in (1, 2, 3)] == [1, 1, 2]
    assert RulesRow(heavy_workers=3).threads[HEAVY] == 3


def test_threads_are_named_by_the_rules_then_by_the_size(tmp_path: Path) -> None:
    rules = Heavy()
    judges = beside(rules.is_slow)
    with opened(tmp_path / "data") as house:
        small = house.accept()
        largest = b" " * limits.JUDGED_AT_ONCE_BYTES
        document = replace(DELIVERY.document, content=largest)
        at_bound = house.accept(replace(DELIVERY, document=document))
        document = replace(DELIVERY.document, content=largest + b" ")
        large = house.accept(replace(DELIVERY, document=document))
        both = house.accept(replace(ICP, document=document))
    stage = Stage.CONTENT
    assert [judges(one, stage) for one in (small, at_bound, large, both)] == [
        *(None, None, LARGE, HEAVY)
    ]
    assert judges(both, Stage.ENVELOPE) == LARGE
    assert at_once(both, stage) is None


# --- In the engine --------------------------------------------------------------------------


def test_a_flood_of_heavy_filings_stalls_nobody_else(tmp_path: Path) -> None:
    with flooded(tmp_path) as (house, rules):
        heavy = [house.accept(ICP) for _ in range(150)]
        cheap = [house.accept() for _ in range(5)]
        # Returns although none of the heavy ones is done.
        due = house.engine.run_due()
        assert rules.begun.acquire(timeout=10)
        for filing in cheap:
            assert house.codes(filing.kenmerk) == HAPPY
        for filing in heavy:
            assert house.codes(filing.kenmerk) == HAPPY[:5], "the first validation is quick"
        # The rest is put off, and not looked through again and again.
        assert due is not None
        assert house.clock.now < due
        late = house.accept()
        house.engine.run_due()
        assert house.codes(late.kenmerk) == HAPPY
        assert rules.most == 1
        rules.go_on.set()
        settle(house)
        assert rules.most == 1
        assert all(house.codes(filing.kenmerk) == HAPPY for filing in heavy)
        assert sorted(kenmerk for kenmerk, _ in rules.threads) == sorted(
            filing.kenmerk for filing in heavy
        ), "each is judged once"
        assert {name for _, name in rules.threads} == {f"delivery-{HEAVY}"}


def test_as_many_are_judged_together_as_there_are_workers_for(tmp_path: Path) -> None:
    with flooded(tmp_path, threads=3) as (house, rules):
        for _ in range(10):
            house.accept(ICP)
        house.engine.run_due()
        for _ in range(3):
            assert rules.begun.acquire(timeout=10)
        assert not rules.begun.acquire(timeout=0.1)
        rules.go_on.set()
        settle(house)
        assert rules.most == 3


def test_what_waits_for_a_thread_counts_no_attempt(tmp_path: Path) -> None:
    with flooded(tmp_path) as (house, rules):
        filings = [house.accept(ICP) for _ in range(12)]
        house.engine.run_due()
        rules.go_on.set()
        settle(house)
        for filing in filings:
            rows = house.store.read(partial(judged, kenmerk=filing.kenmerk))
            assert [(row.stage, row.attempt) for row in rows] == [("envelope", 1), ("content", 1)]


def test_a_scenario_waits_for_nobody(tmp_path: Path) -> None:
    with flooded(tmp_path) as (house, rules):
        house.accept(ICP)
        played = house.accept(replace(scenario("Happyflow"), berichtsoort="ICP"))
        house.engine.run_due()
        assert house.codes(played.kenmerk) == HAPPY
        assert played.kenmerk not in dict(rules.threads)


def test_a_large_document_is_judged_beside_the_others(tmp_path: Path) -> None:
    names: list[str] = []

    class Noting:
        def validate(self, filing: Filing, stage: Stage) -> Report:
            names.append(threading.current_thread().name)
            return base_rules().validate(filing, stage)

    content = XBRL.format("001000044B37").encode() + b" " * limits.JUDGED_AT_ONCE_BYTES
    document = replace(DELIVERY.document, content=content)
    with opened(tmp_path / "data", rules=Noting()) as house:
        house.engine = with_threads(house.engine, Heavy(), threads=1)
        large = house.accept(replace(DELIVERY, document=document))
        settle(house)
        assert house.codes(large.kenmerk) == HAPPY
        assert names == [f"delivery-{LARGE}"] * 2
        small = house.accept()
        house.engine.run_due()
        assert house.codes(small.kenmerk) == HAPPY
        assert f"delivery-{LARGE}" not in names[2:]


def test_whoever_waits_for_an_authoriser_does_not_judge_what_is_slow(tmp_path: Path) -> None:
    rules = Heavy()
    with opened(tmp_path / "data", rules=rules) as house:
        house.engine = replace(
            with_threads(house.engine, rules, threads=1), authority=lambda _: "authoriser"
        )
        try:
            heavy = house.accept(ICP)
            house.engine.run_due()
            assert rules.begun.acquire(timeout=10)
            assert dict(rules.threads) == {heavy.kenmerk: f"delivery-{HEAVY}"}
        finally:
            rules.go_on.set()
            house.engine.finish(timedelta(seconds=20))


def test_a_judgement_that_lasts_as_long_as_it_may_is_not_given_up() -> None:
    for row in (RulesRow(seconds=3_600), RulesRow(heavy_seconds=3_600)):
        most = timedelta(seconds=row.seconds + 2 * row.heavy_seconds)
        assert longest_step(Config(rules=row)) > most
