"""Whether a gateway is ready: each check in each of its states."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.evidence.events import Fetched
from digipoort_wus.evidence.stamp import Stamping, StampPolicy
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.process.recording import Happened, record, subject_of
from digipoort_wus.process.sealing import seal_batch
from digipoort_wus.server import readiness as readiness_module
from digipoort_wus.server.disk import Disk
from digipoort_wus.server.readiness import PROBE_SECONDS, Finding, Readiness
from digipoort_wus.server.trust import Materials
from digipoort_wus.server.workers import Workers
from digipoort_wus.store import ports
from digipoort_wus.store.migrate import VERSION
from digipoort_wus.store.ports import StoreFailed
from digipoort_wus.store.sqlite import SqliteStore, open_sqlite
from digipoort_wus.testing.reactor_thread import ReactorThread
from tests.messages import NOW
from tests.unit.server.test_metrics import materials_of
from tests.unit.store.samples import add

SECRET = "a path"
OLD = NOW + timedelta(days=365 * 40)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with open_sqlite(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def thread() -> Iterator[ReactorThread]:
    with ReactorThread() as running:
        yield running


Look = Callable[[Readiness], dict[str, Finding]]


@pytest.fixture
def look(thread: ReactorThread) -> Look:
    def looked(readiness: Readiness) -> dict[str, Finding]:
        found: Any = thread.call(cast(Any, readiness.look))
        return {finding.check: finding for finding in found}

    return looked


@pytest.fixture
def make(thread: ReactorThread, g1: TestPki, tmp_path: Path) -> Callable[..., Readiness]:
    def made(
        store: ports.Store,
        *,
        materials: Materials | None = None,
        now: datetime = NOW,
        least: int = 0,
        stamps: StampPolicy | None = None,
    ) -> Readiness:
        return Readiness(
            store,
            lambda: materials or materials_of(g1),
            lambda: now,
            Disk(tmp_path, least),
            reactor=thread.reactor,
            workers=Workers(),
            stamps=stamps or StampPolicy(),
        )

    return made


def failing(found: dict[str, Finding]) -> set[str]:
    return {check for check, finding in found.items() if not finding.ok}


def test_ready(make: Callable[..., Readiness], look: Look, store: SqliteStore) -> None:
    found = look(make(store))
    assert list(found) == ["store", "schema", "keys", "disk", "crls", "draining"]
    assert failing(found) == set()
    assert found["crls"].text.startswith("3 are valid, the first until ")


def test_no_process_that_judges(
    make: Callable[..., Readiness], look: Look, store: SqliteStore
) -> None:
    readiness = make(store)
    for figures, ok in (({"cheap_workers": 2, "reloads": 0}, True), ({"cheap_workers": 0}, False)):
        readiness.figures = partial(dict, figures)
        assert look(readiness)["rules"].ok is ok
    # Of another engine nobody knows what it needs.
    readiness.figures = lambda: {"asked": 7}
    assert "rules" not in look(readiness)

    def broken() -> dict[str, int]:
        raise OSError(SECRET)

    readiness.figures = broken
    found = look(readiness)["rules"]
    assert (found.ok, found.text) == (False, "the engine raised OSError")


def test_a_batch_without_a_stamp_where_stamps_are_required(
    make: Callable[..., Readiness], look: Look, store: SqliteStore, g1: TestPki
) -> None:
    required, wanted = (StampPolicy(stamping) for stamping in (Stamping.REQUIRED, Stamping.WANTED))
    assert look(make(store, stamps=required))["stamps"].text == "every batch has one"
    filing_id = add(store).result()

    def entry(transaction: ports.Transaction) -> None:
        subject = subject_of(transaction, filing_id, "bericht-1")
        record(transaction, subject, (Happened(NOW, Fetched("00000099000000002000")),))

    store.write(entry).result()
    assert seal_batch(store, g1.identities["gateway-signing"], NOW) is not None
    found = look(make(store, stamps=required, now=NOW + timedelta(hours=4)))
    assert found["stamps"].ok
    late = NOW + timedelta(hours=5)
    found = look(make(store, stamps=required, now=late))
    assert not found["stamps"].ok
    assert found["stamps"].text.startswith("none since ")
    assert "stamps" not in look(make(store, stamps=wanted, now=late))


def test_the_probe_writes_and_leaves_one_row(
    make: Callable[..., Readiness], look: Look, store: SqliteStore
) -> None:
    readiness = make(store)
    before = store.read(lambda reader: cast(Any, reader)._one("SELECT count(*) FROM volume")[0])
    for _ in range(3):
        look(readiness)
    after = store.read(lambda reader: cast(Any, reader)._one("SELECT count(*) FROM volume")[0])
    assert (before, after) == (0, 1)


class Counted:
    """A store that counts the writes."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.writes = 0

    def write(self, work: Any) -> "Future[Any]":
        self.writes += 1
        return self.store.write(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_who_asks_without_a_pause_has_one_probe_a_second(
    make: Callable[..., Readiness],
    look: Look,
    store: SqliteStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = [100.0]
    monkeypatch.setattr(readiness_module, "monotonic", lambda: at[0])
    counted = Counted(store)
    readiness = make(cast(ports.Store, counted))
    for _ in range(20):
        assert look(readiness)["store"].ok
    assert counted.writes == 1
    at[0] += readiness_module.FRESH_SECONDS + 0.01
    look(readiness)
    assert counted.writes == 2
    # What costs nothing is looked at each time.
    readiness.draining = True
    assert failing(look(readiness)) == {"draining"}
    assert counted.writes == 2


def test_a_closed_store_is_not_ready(
    make: Callable[..., Readiness], look: Look, store: SqliteStore
) -> None:
    store.close()
    found = look(make(store))
    assert failing(found) == {"store"}
    assert found["store"].text == "cannot be written: StoreFailed"


class Failing:
    """A store whose commits fail with the text of a table."""

    objects_failure = None

    def write(self, _: object) -> "Future[None]":
        future: Future[None] = Future()
        future.set_exception(StoreFailed("row 999911120"))
        return future


def test_a_failing_store_tells_no_values(make: Callable[..., Readiness], look: Look) -> None:
    found = look(make(cast(ports.Store, Failing())))
    assert found["store"] == Finding("store", False, "cannot be written: StoreFailed")


class Hanging:
    """A store that never commits."""

    asked = 0
    objects_failure = None

    def write(self, _: object) -> "Future[None]":
        self.asked += 1
        return Future()


def test_a_store_that_hangs_is_not_ready_within_a_second(
    make: Callable[..., Readiness], thread: ReactorThread, look: Look
) -> None:
    store = Hanging()
    readiness = make(cast(ports.Store, store))
    start = monotonic()
    assert look(readiness)["store"] == Finding("store", False, "no commit within 1 s")
    assert PROBE_SECONDS * 0.9 < monotonic() - start < PROBE_SECONDS + 2
    # Who asks in the meantime shares the probe.
    pending: list[Any] = []

    def ask_often() -> None:
        pending.extend(readiness.look() for _ in range(50))

    thread.call(ask_often)
    assert look(readiness)["store"].ok is False
    assert store.asked == 2


class OtherSchema:
    """A store whose tables were upgraded by somebody else."""

    objects_failure = None

    def __init__(self, store: SqliteStore, schema: int) -> None:
        self._store = store
        self._schema = schema
        self.write = store.write

    def read(self, _: object) -> tuple[int, None, tuple[str, ...]]:
        return self._schema, None, ()


@pytest.mark.parametrize("schema", [VERSION - 1, VERSION + 1])
def test_another_schema_is_not_ready(
    make: Callable[..., Readiness], look: Look, store: SqliteStore, schema: int
) -> None:
    found = look(make(cast(ports.Store, OtherSchema(store, schema))))
    assert failing(found) == {"schema"}
    assert found["schema"].text == f"{schema}, this version needs {VERSION}"


def test_a_key_that_another_gateway_wraps_under_and_this_ring_lacks(
    make: Callable[..., Readiness], look: Look, store: SqliteStore, tmp_path: Path
) -> None:
    add(store).result()
    assert look(make(store))["keys"].ok
    with closing(sqlite3.connect(tmp_path / "data" / "digipoort.db")) as other, other:
        other.execute("UPDATE secret SET ring = 'deadbeef'")
    found = look(make(store))
    assert failing(found) == {"keys"}
    assert "lacks deadbeef" in found["keys"].text


def test_the_schema_is_read_from_the_tables(store: SqliteStore) -> None:
    assert store.read(lambda reader: reader.schema()) == VERSION


def test_stale_and_missing_crls_are_not_ready(
    make: Callable[..., Readiness], look: Look, store: SqliteStore, g1: TestPki
) -> None:
    stale = look(make(store, now=OLD))
    assert failing(stale) == {"crls"}
    assert "TEST Private Root CA" in stale["crls"].text
    missing = look(make(store, materials=materials_of(g1, with_crls=False)))
    assert failing(missing) == {"crls"}
    not_begun = look(make(store, now=NOW - timedelta(days=365 * 20)))
    assert failing(not_begun) == {"crls"}


def test_a_full_disk_is_not_ready(
    make: Callable[..., Readiness], look: Look, store: SqliteStore
) -> None:
    found = look(make(store, least=1 << 62))
    assert failing(found) == {"disk"}
    assert "fewer than" in found["disk"].text


def test_draining_is_not_ready(
    make: Callable[..., Readiness], look: Look, store: SqliteStore
) -> None:
    readiness = make(store)
    readiness.draining = True
    assert failing(look(readiness)) == {"draining"}


# --- Disk ---------------------------------------------------------------------------


def test_room_is_what_this_user_may_fill(tmp_path: Path) -> None:
    disk = Disk(tmp_path, 1)
    free = disk.free()
    assert free is not None
    assert free > 1_000
    disk.require_room()
    assert disk.shortage() == ""


def test_without_room_a_filing_is_refused_for_now(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        Disk(tmp_path, 1 << 62).require_room()
    assert refused.value.check is checks.HTTP_BUSY
    assert refused.value.check.http == 503


def test_what_the_system_does_not_tell_refuses_nothing(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "nowhere", 1)
    assert disk.free() is None
    disk.require_room()
    assert "does not tell" in disk.shortage()
