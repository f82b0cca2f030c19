"""What an operator is told of a store: its schema, and its commits."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from digipoort_wus.store.migrate import VERSION
from digipoort_wus.store.ports import Store, Transaction
from digipoort_wus.store.postgres import open_postgres
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sqlite import open_sqlite
from tests.unit.store.samples import NOW, RING

Told = list[tuple[int, float]]


@pytest.fixture(params=("sqlite", "postgres"))
def opening(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[Told], AbstractContextManager[Store]]:
    """Return what opens a store that tells of its commits."""
    if request.param == "sqlite":
        return lambda told: open_sqlite(
            tmp_path / "data", key_ring(RING), on_commit=lambda *commit: told.append(commit)
        )
    conninfo = request.getfixturevalue("postgres_database")
    return lambda told: open_postgres(
        conninfo,
        tmp_path / "payloads",
        key_ring(RING),
        on_commit=lambda *commit: told.append(commit),
    )


def count(transaction: Transaction) -> None:
    transaction.add_volume("1", NOW.date(), 1)


def test_the_schema_is_that_of_the_tables(store: Store) -> None:
    assert store.read(lambda reader: reader.schema()) == VERSION


def test_every_work_that_was_kept_is_told_once(
    opening: Callable[[Told], AbstractContextManager[Store]],
) -> None:
    told: Told = []

    def fails(transaction: Transaction) -> None:
        count(transaction)
        raise KeyError

    with opening(told) as store:
        store.write(count).result(10)
        futures = [store.write(work) for work in (count, fails, count, count)]
        for future in futures:
            future.exception(10)
        assert store.read(lambda reader: reader.volume("1", NOW.date())) == 4
    assert sum(works for works, _ in told) == 4
    assert all(0 < seconds < 10 for _, seconds in told)


def test_works_that_wait_together_are_told_together(tmp_path: Path) -> None:
    told: Told = []
    ready, go = threading.Event(), threading.Event()

    def wait(_: Transaction) -> None:
        ready.set()
        go.wait(10)

    with open_sqlite(
        tmp_path / "data", key_ring(RING), on_commit=lambda *commit: told.append(commit)
    ) as store:
        first = store.write(wait)
        ready.wait(10)
        futures = [first, *(store.write(count) for _ in range(5))]
        go.set()
        for future in futures:
            future.result(10)
    assert [works for works, _ in told] == [1, 5]
