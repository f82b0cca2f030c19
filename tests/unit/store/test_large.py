"""Stores whose large payloads are objects: where they are, what fails, and what is left over."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Document
from digipoort_wus.store import objects as objects_module
from digipoort_wus.store import reachable, sweeping
from digipoort_wus.store.objects import PayloadObjects, open_objects
from digipoort_wus.store.ports import (
    FilingId,
    PayloadDamaged,
    PayloadsUnreachable,
    Store,
    Transaction,
)
from digipoort_wus.store.postgres import open_postgres
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sqlite import open_sqlite
from tests.moto import Line, Server
from tests.unit.store.conftest import BOTH
from tests.unit.store.samples import LARGE, NOW, RING, add, contents, done, filing, until, write

LARGE_DOCUMENT = Document("a/b", "c", LARGE)
Open = Callable[[PayloadObjects | None], AbstractContextManager[Store]]


@pytest.fixture
def line(bucket: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Give a way to the bucket that can be cut, and is tried again without a pause."""
    monkeypatch.setattr(reachable, "AGAIN_AFTER", 0.0)
    made = Line(bucket)
    yield made
    made.cut()


@pytest.fixture(params=BOTH)
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return what opens one store of each kind, with objects or without."""
    data = tmp_path / "data"
    if request.param == "sqlite":
        return lambda objects: open_sqlite(data, key_ring(RING), objects=objects)
    database = request.getfixturevalue("postgres_database")

    def opened(objects: PayloadObjects | None) -> AbstractContextManager[Store]:
        return open_postgres(database, data, key_ring(RING), writers=2, objects=objects)

    return opened


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "data").rglob("*/*/*") if len(path.name) == 64]


def test_a_gateway_that_moved_to_objects_reads_its_files(
    opening: Open, bucket: Server, tmp_path: Path
) -> None:
    with opening(None) as store:
        first = done(add(store, 1, LARGE))
    with opening(open_objects(bucket.place(), tmp_path)) as store:
        second = done(add(store, 2, LARGE))
        assert (len(files(tmp_path)), len(bucket.names())) == (1, 1)
        for filing_id in (first, second):
            assert contents(store, filing_id) == [LARGE]
        for filing_id in (first, second):
            purged = write(store, lambda t, it=filing_id: t.purge(it, NOW))  # type: ignore[misc]
            done(store.remove(purged.files))
    assert (files(tmp_path), bucket.names()) == ([], [])


def test_a_store_with_objects_does_not_open_without_them(
    opening: Open, bucket: Server, tmp_path: Path
) -> None:
    with opening(open_objects(bucket.place(), tmp_path)) as store:
        filing_id = done(add(store, 1, LARGE))
    with pytest.raises(ConfigurationError, match=r"say which in \[store.objects\]"):
        opening(None)
    with opening(open_objects(bucket.place(), tmp_path)) as store:
        write(store, lambda t: t.purge(filing_id, NOW))
    opening(None).__exit__(None, None, None)


def test_a_store_with_files_does_not_open_without_them(
    postgres_database: str, bucket: Server, tmp_path: Path
) -> None:
    with open_postgres(postgres_database, tmp_path, key_ring(RING)) as store:
        done(add(store, 1, LARGE))
    with pytest.raises(ConfigurationError, match=r"name their directory in store.payloads"):
        open_postgres(
            postgres_database,
            None,
            key_ring(RING),
            objects=open_objects(bucket.place(), tmp_path),
        )


def test_a_store_of_another_database_does_not_open(
    opening: Open, bucket: Server, tmp_path: Path
) -> None:
    with opening(open_objects(bucket.place(), tmp_path)) as store:
        done(add(store, 1, LARGE))
    with pytest.raises(ConfigurationError, match="another database"):
        open_sqlite(
            tmp_path / "other",
            key_ring(bytes(32)),
            objects=open_objects(bucket.place(), tmp_path),
        )
    # The lock was let go.
    open_sqlite(tmp_path / "other", key_ring(bytes(32))).close()


def test_without_the_object_store_small_payloads_are_stored(
    opening: Open, line: Line, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    line.cut()
    with opening(open_objects(line.server.place(), spool)) as store:
        small = done(add(store, 1))
        assert contents(store, small) == [b"<x/>"]
        with pytest.raises(PayloadsUnreachable):
            store.prepare([LARGE_DOCUMENT])
        assert store.objects_failure
        assert store.failure is None
        line.mend()
        prepared = store.prepare([filing(2, LARGE).delivery.document])
        assert store.objects_failure == ""

        def keep(transaction: Transaction) -> FilingId:
            return transaction.add_filing(filing(2, LARGE), "message-2", b"digest", prepared)

        large = write(store, keep)
        done(store.discard(prepared))
        line.cut()
        handle = store.read(lambda reader: reader.filing(large)).delivery.document.content
        assert not isinstance(handle, bytes)
        with pytest.raises(PayloadsUnreachable):
            handle.read()
        done(add(store, 3))
        line.mend()
        assert contents(store, large) == [LARGE]
    assert list(spool.iterdir()) == []


def test_a_second_document_that_is_not_taken_leaves_nothing_of_the_first(
    opening: Open, bucket: Server, tmp_path: Path
) -> None:
    objects = open_objects(bucket.place(), tmp_path)
    with opening(objects) as store:
        # A content that cannot be read, of an object that is not there.
        broken = objects.open(bytes(32), len(LARGE), bytes(32))
        with pytest.raises(PayloadDamaged):
            store.prepare([LARGE_DOCUMENT, Document("a/b", "c", broken)])
        until(lambda: bucket.names() == [])
        assert not objects._held


def test_what_a_purge_could_not_remove_is_swept_later(
    opening: Open,
    line: Line,
    bucket: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with opening(open_objects(line.server.place(), tmp_path)) as store:
        kept, filing_id = done(add(store, 1, LARGE)), done(add(store, 2, LARGE))
        purged = write(store, lambda t: t.purge(filing_id, NOW))
        line.cut()
        with pytest.raises(PayloadsUnreachable):
            done(store.remove(purged.files))
        assert len(bucket.names()) == 2
    line.mend()
    for name, value in (("LOOKS_EVERY", 0.02), ("FIRST_SWEEP", 0.0)):
        monkeypatch.setattr(sweeping, name, value)
    with opening(open_objects(bucket.place(), tmp_path)) as store:
        store.look_after()
        time.sleep(0.3)
        assert len(bucket.names()) == 2  # it is not old
    for name in ("SWEPT_FROM_AGE", "REMOVED_AFTER"):
        monkeypatch.setattr(objects_module, name, -60.0)
    monkeypatch.setattr(sweeping, "SWEEPS_EVERY", 0.0)
    with opening(open_objects(bucket.place(), tmp_path)) as store:
        time.sleep(0.3)
        assert len(bucket.names()) == 2  # nobody serves
        store.look_after()
        until(lambda: len(bucket.names()) == 1)
        assert contents(store, kept) == [LARGE]


def test_what_is_prepared_is_not_swept(
    opening: Open, bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even when it is old, or the clock of the object store jumped."""
    monkeypatch.setattr(objects_module, "SWEPT_FROM_AGE", -60.0)
    objects = open_objects(bucket.place(), tmp_path)
    with opening(objects) as store:
        prepared = store.prepare([LARGE_DOCUMENT])
        assert objects.sweep(lambda _: False) == 0
        done(store.discard(prepared))
        assert bucket.names() == []


def test_it_is_noticed_that_the_object_store_went_and_came_back(
    opening: Open, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "LOOKS_EVERY", 0.05)
    with opening(open_objects(line.server.place(), tmp_path)) as store:
        assert store.objects_failure == ""
        store.look_after()
        line.cut()
        until(lambda: bool(store.objects_failure))
        line.mend()
        until(lambda: store.objects_failure == "")


def test_a_store_without_objects_has_nothing_to_say_of_them(opening: Open) -> None:
    with opening(None) as store:
        assert store.objects_failure is None


def test_objects_are_found_by_an_index(tmp_path: Path) -> None:
    with open_sqlite(tmp_path / "data") as store:
        for question in (
            "SELECT 1 FROM payload WHERE sha256 = ? AND place = 'object' LIMIT 1",
            "SELECT 1 FROM payload WHERE place = 'object' AND ? IS NOT NULL LIMIT 1",
        ):
            plan = store.read(
                lambda reader, question=question: reader._all(  # type: ignore[misc]
                    f"EXPLAIN QUERY PLAN {question}", (b"",)
                )
            )
            assert "payload_object" in str(plan[0][3])
