"""Filings that were claimed together share a commit, and one of them spoils nothing for others."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from digipoort_wus.filing.filing import Filing
from digipoort_wus.rules.api import Report, Stage
from digipoort_wus.store.ports import Job, StoreFailed
from digipoort_wus.store.sqlite import SqliteStore
from tests.rules import base_rules
from tests.unit.process.sandbox import HAPPY, Sandbox, done, opened


@dataclass
class Asked:
    """Allows everything; does something the first time that it is asked."""

    meanwhile: Callable[[], object] | None = None

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return "200"


def jobs_of(house: Sandbox, filings: list[Filing]) -> list[Job | None]:
    def job(kenmerk: str) -> Job | None:
        (row,) = house.store.read(lambda reader: reader.filings_of(kenmerk))
        return house.store.read(lambda reader: reader.job(row.filing_id))

    return [job(filing.kenmerk) for filing in filings]


def test_many_filings_take_few_commits(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as house:
        filings = [house.accept() for _ in range(64)]
        assert isinstance(house.store, SqliteStore)
        works: list[int] = []
        house.store._on_commit = lambda number, _: works.append(number)
        house.run()
        assert all(house.codes(filing.kenmerk) == HAPPY for filing in filings)
        # A claim that finds something, and one that does not; until 405, and to the end. Where
        # the machine is slow, what is done does not wait for the rest.
        assert len(works) < 64


def test_a_filing_that_somebody_else_took_spoils_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authoriser = Asked()
    with opened(tmp_path / "data", authoriser=authoriser) as house:
        filings = [house.accept() for _ in range(5)]

        def take() -> None:
            (row,) = house.store.read(lambda reader: reader.filings_of(filings[2].kenmerk))
            job = house.store.read(lambda reader: reader.job(row.filing_id))
            assert job is not None
            done(house.store.write(lambda transaction: transaction.replace_job(job)))

        authoriser.meanwhile = take
        house.run()
        assert all(house.codes(filing.kenmerk) == HAPPY for filing in filings)
        lost = [item for item in caplog.records if getattr(item, "event", "") == "lease-lost"]
        assert [getattr(item, "kenmerk", "") for item in lost] == [filings[2].kenmerk]


def test_a_store_that_fails_is_no_crash_of_those_that_were_claimed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    authoriser = Asked()
    with opened(tmp_path / "data", authoriser=authoriser) as house:
        filings = [house.accept() for _ in range(5)]
        assert isinstance(house.store, SqliteStore)
        connection = house.store._connection

        def fill_the_disk() -> None:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")

        for _ in range(8):
            authoriser.meanwhile = fill_the_disk
            with pytest.raises(StoreFailed):
                house.run()
            connection.execute("PRAGMA max_page_count = 1000000")
            assert all(job is not None and job.crashes == 0 for job in jobs_of(house, filings))
        assert house.run() is None
        assert all(house.codes(filing.kenmerk) == HAPPY for filing in filings)
        told = {getattr(item, "event", "") for item in caplog.records}
        assert not told & {"lease-expired", "set-aside", "step-failed"}


def test_what_could_not_be_given_back_is_given_back_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "data") as house:
        filings = [house.accept() for _ in range(5)]
        failed: Future[None] = Future()
        failed.set_exception(StoreFailed("not now"))
        asked = 0

        def ends() -> bool:
            nonlocal asked
            asked += 1
            if asked == 2:
                # They are claimed, and none is begun.
                monkeypatch.setattr(house.store, "write", lambda _: failed)
            return asked > 1

        house.engine.run_due(ends)
        monkeypatch.undo()
        # No lease has ended meanwhile: the clock stands still.
        assert house.run() is None
        assert all(house.codes(filing.kenmerk) == HAPPY for filing in filings)


@dataclass
class RaisesOnce:
    """The base rules, but for the first time that they are asked."""

    raised: bool = False

    def validate(self, filing: Filing, stage: Stage) -> Report:
        if not self.raised:
            self.raised = True
            raise RuntimeError
        return base_rules().validate(filing, stage)


def test_an_end_of_a_lease_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not again when the filing is claimed once more because its step raised."""
    with opened(tmp_path / "data", rules=RaisesOnce()) as house:
        filing = house.accept()
        lease = timedelta(seconds=60)
        done(house.store.write(lambda transaction: transaction.claim(house.clock(), lease, 1)))
        house.clock.turn(seconds=61)
        house.run_until_quiet()
        assert house.codes(filing.kenmerk) == HAPPY
        told = [getattr(item, "event", "") for item in caplog.records]
        assert (told.count("lease-expired"), told.count("step-failed")) == (1, 1)
