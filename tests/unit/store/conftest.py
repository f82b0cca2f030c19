"""Stores of both kinds, each empty."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from digipoort_wus.store.ports import Store
from digipoort_wus.store.postgres import open_postgres
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sqlite import open_sqlite
from tests.unit.store.samples import RING, Ticking

BOTH = ("sqlite", "postgres")


@dataclass(frozen=True)
class House:
    """One kind of store, which can be opened, closed and opened again.

    Args:
        open: opens it.
        expire: ends all leases as if their time were over.
        payloads: directory of the large ones.
    """

    open: Callable[[], AbstractContextManager[Store]]
    expire: Callable[[Store], None]
    payloads: Path

    def files(self) -> list[Path]:
        return [path for path in self.payloads.rglob("*") if path.is_file()]


def sqlite_house(directory: Path) -> House:
    clock = Ticking()

    def expire(_: Store) -> None:
        clock.milliseconds += 3_600_000

    return House(
        lambda: open_sqlite(directory, key_ring(RING), clock), expire, directory / "payloads"
    )


def postgres_house(directory: Path, conninfo: str) -> House:
    def expire(_: Store) -> None:
        with psycopg.connect(conninfo) as connection:
            connection.execute("UPDATE job SET lease_until = 0 WHERE lease_until IS NOT NULL")

    return House(
        lambda: open_postgres(conninfo, directory, key_ring(RING), writers=4), expire, directory
    )


@pytest.fixture(params=BOTH)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """Give a store of each kind that nobody has opened yet."""
    if request.param == "sqlite":
        return sqlite_house(tmp_path / "data")
    return postgres_house(tmp_path / "payloads", request.getfixturevalue("postgres_database"))


@pytest.fixture
def store(house: House) -> Iterator[Store]:
    """Give an open store of each kind."""
    with house.open() as opened:
        yield opened
