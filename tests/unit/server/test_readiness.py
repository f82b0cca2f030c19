"""Whether a gateway is ready: each check in each of its states."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.pki.testpki import TestPki
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
    ) -> Readiness:
        return Readiness(
            store,
            lambda: materials or materials_of(g1),
            lambda: now,
            Disk(tmp_path, least),
            reactor=thread.reactor,
            workers=Workers(),
        )

    return made


def failing(found: dict[str, Finding]) -> set[str]:
    return {check for check, finding in found.items() if not finding.ok}


def test_ready(make: Callable[..., Readiness], look: Look, store: SqliteStore) -> None:
    found = look(make(store))
    assert list(found) == ["store", "schema", "disk", "crls", "draining"]
    assert failing(found) == set()
    assert found["crls"].text.startswith("3 are valid, the first until ")


def test_the_probe_writes_and_leaves_one_row(
    make: Callable[..., Readiness], look: Look, store: SqliteStore
) -> None:
    readiness = make(store)
    before = store.read(lambda reader: cast(Any, reader)._one("SELECT count(*) FROM volume")[0])
    for _ in range(3):
        look(readiness)
    after = store.read(lambda reader: cast(Any, reader)._one("SELECT count(*) FROM volume")[0])
    assert (before, after) == (0, 1)


def test_a_closed_store_is_not_ready(
    make: Callable[..., Readiness], look: Look, store: SqliteStore
) -> None:
    store.close()
    found = look(make(store))
    assert failing(found) == {"store"}
    assert found["store"].text == "cannot be written: StoreFailed"


class Failing:
    """A store whose commits fail with the text of a table."""

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

    def __init__(self, store: SqliteStore, schema: int) -> None:
        self._store = store
        self._schema = schema
        self.write = store.write

    def read(self, _: object) -> int:
        return self._schema


@pytest.mark.parametrize("schema", [VERSION - 1, VERSION + 1])
def test_another_schema_is_not_ready(
    make: Callable[..., Readiness], look: Look, store: SqliteStore, schema: int
) -> None:
    found = look(make(cast(ports.Store, OtherSchema(store, schema))))
    assert failing(found) == {"schema"}
    assert found["schema"].text == f"{schema}, this version needs {VERSION}"


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
