"""Stores of both kinds, each empty; and each of them with an object store."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from digipoort_wus.store.files import is_digest
from digipoort_wus.store.objects import PayloadObjects, open_objects
from digipoort_wus.store.ports import Store
from digipoort_wus.store.postgres import open_postgres
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sqlite import open_sqlite
from tests.moto import Server
from tests.unit.store.samples import RING, Ticking

BOTH = ("sqlite", "postgres")
ALL = (*BOTH, "sqlite-objects", "postgres-objects")


class Large(Protocol):
    """A large payload as it lies there: a file, or an object."""

    def read_bytes(self) -> bytes: ...

    def write_bytes(self, data: bytes | bytearray, /) -> int: ...

    def unlink(self) -> None: ...


@dataclass(frozen=True)
class Object:
    """One object of a bucket, used like a file."""

    bucket: Server
    name: str

    def read_bytes(self) -> bytes:
        return self.bucket.get(self.name)

    def write_bytes(self, data: bytes | bytearray, /) -> int:
        self.bucket.put(self.name, bytes(data))
        return len(data)

    def unlink(self) -> None:
        self.bucket.delete(self.name)


@dataclass(frozen=True)
class House:
    """One kind of store, which can be opened, closed and opened again.

    Args:
        open: opens it.
        expire: ends all leases as if their time were over.
        payloads: directory of the large ones.
        bucket: takes them instead; None: the directory does.
    """

    open: Callable[[], AbstractContextManager[Store]]
    expire: Callable[[Store], None]
    payloads: Path
    bucket: Server | None = None

    @property
    def place(self) -> str:
        return "file" if self.bucket is None else "object"

    def files(self) -> Sequence[Large]:
        """Return what lies there of large payloads."""
        if self.bucket is not None:
            return [Object(self.bucket, name) for name in self.bucket.names()]
        return payload_files(self.payloads)


def payload_files(directory: Path) -> list[Path]:
    """Return the payload files below a directory, not what else is there."""
    return [path for path in directory.rglob("*/*/*") if path.is_file() and is_digest(path.name)]


Opened = Callable[[], PayloadObjects | None]


def no_objects() -> None:
    """Return None: large payloads are files."""


def sqlite_house(directory: Path, objects: Opened = no_objects) -> House:
    clock = Ticking()

    def expire(_: Store) -> None:
        clock.milliseconds += 3_600_000

    return House(
        lambda: open_sqlite(directory, key_ring(RING), clock, objects=objects()),
        expire,
        directory / "payloads",
    )


def postgres_house(directory: Path, conninfo: str, objects: Opened = no_objects) -> House:
    def expire(_: Store) -> None:
        with psycopg.connect(conninfo) as connection:
            connection.execute("UPDATE job SET lease_until = 0 WHERE lease_until IS NOT NULL")

    return House(
        lambda: open_postgres(
            conninfo,
            directory if objects is no_objects else None,
            key_ring(RING),
            writers=4,
            objects=objects(),
        ),
        expire,
        directory,
    )


@pytest.fixture(params=BOTH)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """Give a store of each kind that nobody has opened yet."""
    if request.param == "sqlite":
        return sqlite_house(tmp_path / "data")
    return postgres_house(tmp_path / "payloads", request.getfixturevalue("postgres_database"))


@pytest.fixture(params=ALL)
def large_house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """Give a store of each kind, whose large payloads are files or objects."""
    kind, _, objects = str(request.param).partition("-")
    bucket: Server | None = request.getfixturevalue("bucket") if objects else None

    def opened() -> PayloadObjects:
        assert bucket is not None
        return open_objects(bucket.place("a/gateway"), tmp_path)

    given = opened if objects else no_objects
    if kind == "sqlite":
        house = sqlite_house(tmp_path / "data", given)
    else:
        database = request.getfixturevalue("postgres_database")
        house = postgres_house(tmp_path / "payloads", database, given)
    return replace(house, bucket=bucket)


@pytest.fixture
def store(house: House) -> Iterator[Store]:
    """Give an open store of each kind."""
    with house.open() as opened:
        yield opened
