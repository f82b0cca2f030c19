"""The embedded store: what is committed together, who may open it, how it fails."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Document
from digipoort_wus.process.writing import write_with
from digipoort_wus.store import files, migrate, sweeping
from digipoort_wus.store.files import PayloadFiles
from digipoort_wus.store.mounts import file_system_of, require_local
from digipoort_wus.store.ports import FilingId, Reader, StoreFailed, Transaction
from digipoort_wus.store.sqlite import GROUP_MAX, SqliteStore, open_sqlite
from tests.unit.store.conftest import payload_files
from tests.unit.store.samples import LARGE, NOW, add, contents, filing, kenmerken, until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with open_sqlite(tmp_path / "data") as made:
        yield made


def hold(store: SqliteStore) -> threading.Event:
    """Keep the writer busy until the event is set, so that works come together."""
    release, busy = threading.Event(), threading.Event()

    def wait(_: Transaction) -> None:
        busy.set()
        release.wait(10)

    store.write(wait)
    assert busy.wait(10)
    return release


def test_a_work_that_fails_undoes_itself_alone(store: SqliteStore) -> None:
    release = hold(store)
    first = add(store, 1)

    def fails(transaction: Transaction) -> None:
        transaction.add_filing(filing(2), "message-2", b"digest")
        raise ValueError("ours")

    second, third, again = store.write(fails), add(store, 3), add(store, 3)
    release.set()
    first.result(10)
    with pytest.raises(ValueError, match="ours"):
        second.result(10)
    third.result(10)
    with pytest.raises(sqlite3.IntegrityError):
        again.result(10)
    assert kenmerken(store) == ["kenmerk-1", "kenmerk-3"]


def test_works_beside_one_that_fails_run_again_and_are_done_once(store: SqliteStore) -> None:
    runs: list[str] = []
    release = hold(store)

    def works(transaction: Transaction) -> int:
        runs.append("works")
        return transaction.add_volume("a", NOW.date(), 1)

    def fails(transaction: Transaction) -> None:
        runs.append("fails")
        transaction.add_volume("a", NOW.date(), 100)
        raise ValueError("ours")

    first, second, third = store.write(works), store.write(fails), store.write(works)
    release.set()
    assert (first.result(10), third.result(10)) == (1, 2)
    with pytest.raises(ValueError, match="ours"):
        second.result(10)
    assert runs == ["works", "fails", "works", "fails", "works"]
    assert store.read(lambda reader: reader.volume("a", NOW.date())) == 2


def test_a_work_that_fails_alone_leaves_nothing(store: SqliteStore) -> None:
    """Without others in its transaction, it is undone with the transaction."""
    statements: list[str] = []

    def fail(transaction: Transaction) -> None:
        transaction.add_filing(filing(1), "message-1", b"digest")
        raise KeyError("on purpose")

    add(store, 7).result(10)
    store._connection.set_trace_callback(statements.append)
    for _ in range(2):
        with pytest.raises(KeyError):
            store.write(fail).result(10)
    add(store, 2).result(10)
    store._connection.set_trace_callback(None)
    assert kenmerken(store) == ["kenmerk-7", "kenmerk-2"]
    ends = [word for word in statements if word in ("ROLLBACK", "COMMIT", "SAVEPOINT work")]
    assert ends == ["ROLLBACK", "ROLLBACK", "COMMIT"]


def test_waiting_works_share_a_commit(store: SqliteStore) -> None:
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    store._connection.set_trace_callback(count)
    release = hold(store)
    futures = [add(store, number) for number in range(3 * GROUP_MAX)]
    release.set()
    for future in futures:
        future.result(10)
    assert commits == 4
    assert len(kenmerken(store)) == 3 * GROUP_MAX


def test_a_future_resolves_after_the_commit(store: SqliteStore) -> None:
    seen: list[list[str]] = []
    release = hold(store)
    future = add(store)
    future.add_done_callback(lambda _: seen.append(kenmerken(store)))
    assert kenmerken(store) == []
    release.set()
    future.result(10)
    store.close()
    assert seen == [["kenmerk-1"]]


def test_a_work_that_was_cancelled_is_not_done(store: SqliteStore) -> None:
    release = hold(store)
    future = add(store)
    assert future.cancel()
    release.set()
    add(store, 2).result(10)
    with pytest.raises(CancelledError):
        future.result(10)
    assert kenmerken(store) == ["kenmerk-2"]


def test_closing_finishes_what_waits_and_then_says_so(store: SqliteStore) -> None:
    release = hold(store)
    futures = [add(store, number) for number in range(100)]
    release.set()
    store.close()
    store.close()
    assert all(future.done() and future.exception() is None for future in futures)
    with pytest.raises(StoreFailed, match="closed"):
        add(store, 101).result(10)
    with pytest.raises(StoreFailed, match="closed"):
        kenmerken(store)


def test_a_reader_cannot_write_and_sees_one_state(store: SqliteStore) -> None:
    def work(reader: Reader) -> None:
        before = reader.filings_of("kenmerk-1")
        add(store).result(10)
        assert reader.filings_of("kenmerk-1") == before
        reader._execute("DELETE FROM filing", ())  # type: ignore[attr-defined]

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.read(work)
    assert kenmerken(store) == ["kenmerk-1"]


def test_readers_are_as_many_as_read_at_once(store: SqliteStore) -> None:
    threads = [threading.Thread(target=kenmerken, args=(store,)) for _ in range(20)]
    for thread in threads:
        thread.start()
        thread.join()
    assert len(store._idle_readers) == 1


def test_a_disk_that_is_full_fails_the_works_and_not_the_store(store: SqliteStore) -> None:
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    release = hold(store)
    futures = [add(store, number, b"x" * 100_000) for number in range(3)]
    release.set()
    for future in futures:
        assert isinstance(future.exception(10), StoreFailed | sqlite3.OperationalError)
    assert store.failure is None
    store._connection.execute("PRAGMA max_page_count = 1000000")
    add(store).result(10)
    assert kenmerken(store) == ["kenmerk-1"]


def test_an_error_of_the_disk_ends_the_store(store: SqliteStore) -> None:
    release = hold(store)
    first = add(store, 1)

    def broken(_: Transaction) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    second, third = store.write(broken), add(store, 3)
    release.set()
    for future in (first, second, third):
        with pytest.raises(StoreFailed, match="disk I/O error"):
            future.result(10)
    assert store.failure is not None
    with pytest.raises(StoreFailed, match="disk I/O error"):
        add(store, 4).result(10)
    assert kenmerken(store) == []


def test_a_reader_that_meets_a_corrupt_file_ends_the_writing_as_well(store: SqliteStore) -> None:
    def unreadable(_: object) -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    with pytest.raises(sqlite3.DatabaseError):
        store.read(unreadable)
    assert store.failure is not None
    with pytest.raises(StoreFailed):
        store.write(lambda transaction: None).result()


def test_what_waits_behind_the_group_fails_with_the_store(store: SqliteStore) -> None:
    release = hold(store)

    def broken(_: Transaction) -> None:
        raise SystemExit

    first = store.write(broken)
    futures = [add(store, number) for number in range(2 * GROUP_MAX)]
    release.set()
    assert isinstance(first.exception(10), StoreFailed)
    for future in futures:
        assert isinstance(future.exception(10), StoreFailed)
    store.close()


def large_files(directory: Path) -> list[Path]:
    return payload_files(directory / "data/payloads")


def test_a_disk_that_is_full_leaves_nothing_of_what_was_prepared(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = PayloadFiles._place

    def full(kept: PayloadFiles, draft: Any) -> None:
        if large_files(tmp_path):
            raise OSError("the disk is full")
        written(kept, draft)

    monkeypatch.setattr(PayloadFiles, "_place", full)
    with pytest.raises(OSError, match="full"):
        store.prepare([Document("", "", LARGE), Document("", "", LARGE)])
    assert large_files(tmp_path) == []


def test_what_was_prepared_for_a_write_that_failed_is_left_to_the_sweeps(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Transaction) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    with ThreadPoolExecutor(1) as executor:
        documents = [Document("", "", LARGE)]
        written = write_with(store, executor, documents, lambda _: None, lambda _: broken)
        with pytest.raises(StoreFailed, match="disk I/O error"):
            written.result(10)
    assert len(large_files(tmp_path)) == 1, "it might have been committed"
    monkeypatch.setattr(files, "SWEPT_FROM_AGE", -1.0)
    monkeypatch.setattr(files, "REMOVED_AFTER", -1.0)
    held = store._vault.files
    assert held is not None
    for _ in range(2):
        held.sweep(lambda _: False)
    assert large_files(tmp_path) == []


def test_what_a_crash_left_is_swept_by_who_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_sqlite(tmp_path / "data") as made:
        add(made, 1, LARGE).result(10)
        made.prepare([Document("", "", LARGE), Document("", "", LARGE)])
    for module, name, value in (
        (files, "SWEPT_FROM_AGE", -60.0),
        (files, "REMOVED_AFTER", -60.0),
        (sweeping, "FIRST_SWEEP", 0.0),
        (sweeping, "LOOKS_EVERY", 0.02),
        (sweeping, "SWEEPS_EVERY", 0.0),
    ):
        monkeypatch.setattr(module, name, value)
    with open_sqlite(tmp_path / "data"):
        time.sleep(0.3)  # it may be a command of the operator
    assert len(large_files(tmp_path)) == 3
    with open_sqlite(tmp_path / "data") as made:
        made.look_after()
        until(lambda: len(large_files(tmp_path)) == 1)
        assert contents(made, FilingId(1)) == [LARGE]


def test_files_are_found_by_an_index(store: SqliteStore) -> None:
    """The writer asks for every large filing, and there may be millions of payloads."""
    plan = store._connection.execute(
        "EXPLAIN QUERY PLAN SELECT 1 FROM payload WHERE sha256 = ? AND place = 'file' LIMIT 1",
        (b"",),
    ).fetchall()
    assert "payload_file" in plan[0][3]


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "data"
    with open_sqlite(directory) as store:
        add(store, 1, LARGE).result(10)
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        for path in directory.rglob("*"):
            expected = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == expected, path.name


def test_settings_of_the_writer(store: SqliteStore) -> None:
    def pragma(name: str) -> object:
        return store._connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2
    assert pragma("foreign_keys") == 1
    assert pragma("user_version") == migrate.VERSION


def test_a_second_gateway_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Another gateway"):
        open_sqlite(tmp_path / "data")
    code = (
        "import sys, pathlib; from digipoort_wus.store.sqlite import open_sqlite\n"
        "open_sqlite(pathlib.Path(sys.argv[1]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert ended.returncode != 0
    assert "Another gateway uses the data directory" in ended.stderr
    store.close()
    open_sqlite(tmp_path / "data").close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    open_sqlite(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "digipoort.db")
    connection.execute(f"PRAGMA user_version = {migrate.VERSION + 1}")
    connection.close()
    with pytest.raises(ConfigurationError, match="newer"):
        open_sqlite(tmp_path)
    with pytest.raises(ConfigurationError, match="newer"):
        open_sqlite(tmp_path)


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "digipoort.db")
    connection.execute("CREATE TABLE other (id)")
    connection.close()
    with pytest.raises(ConfigurationError, match="not made by"):
        open_sqlite(tmp_path)


@pytest.mark.parametrize("content", [b"no database at all" * 100])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "digipoort.db").write_bytes(content)
    with pytest.raises(ConfigurationError, match="cannot open the store"):
        open_sqlite(tmp_path)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="Cannot use the data directory"):
        open_sqlite(tmp_path / "file" / "data")


def test_the_key_ring_is_made_where_none_is_given(tmp_path: Path) -> None:
    with open_sqlite(tmp_path / "data") as made:
        add(made).result(10)
    path = tmp_path / "data" / "key-ring"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with open_sqlite(tmp_path / "data") as made:
        assert contents(made, FilingId(1)) == [b"<x/>"]
    assert path.read_bytes() == before
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="others may read"):
        open_sqlite(tmp_path / "data")


MOUNTS = (
    "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw",
    "30 22 0:30 / {} rw,relatime shared:1 - {} server:/export rw",
)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.s3fs"])
def test_a_network_file_system_is_refused(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / "a blank" / "data"
    directory.mkdir(parents=True)
    written = str(directory.parent.resolve()).replace(" ", "\\040")
    mounts = [line.format(written, kind) for line in MOUNTS]
    assert file_system_of(directory, mounts) == kind
    with pytest.raises(ConfigurationError, match="use PostgreSQL"):
        require_local(directory, mounts)
    require_local(tmp_path, mounts)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuse.other"])
def test_a_file_system_of_this_machine_is_taken(tmp_path: Path, kind: str) -> None:
    require_local(tmp_path, [line.format(tmp_path.resolve(), kind) for line in MOUNTS])


def test_the_mount_on_top_counts(tmp_path: Path) -> None:
    mounts = [line.format(tmp_path.resolve(), "nfs4") for line in MOUNTS]
    mounts.append(f"31 22 0:31 / {tmp_path.resolve()} rw - ext4 /dev/sdb rw")
    assert file_system_of(tmp_path, mounts) == "ext4"
    assert file_system_of(tmp_path, ["", "nonsense"]) == ""
    assert file_system_of(tmp_path, Path("/proc/self/mountinfo").read_text().splitlines())


# --- Whose directory it is ------------------------------------------------------------


def test_a_lock_cannot_be_taken_away(store: SqliteStore, tmp_path: Path) -> None:
    """Whoever tidies up removes no file that keeps a second gateway out."""
    for path in (tmp_path / "data").iterdir():
        if path.is_file() and path.name not in ("digipoort.db", "digipoort.db-wal"):
            path.unlink()
    with pytest.raises(ConfigurationError, match="Another gateway"):
        open_sqlite(tmp_path / "data")


def test_a_directory_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        open_sqlite(tmp_path / "data")
    assert [*(tmp_path / "data").iterdir()] == []
    (tmp_path / "data").chmod(0o770)
    open_sqlite(tmp_path / "data").close()


@pytest.mark.parametrize("what", ["data", "data/digipoort.db"])
def test_a_gateway_whose_directory_was_replaced_stores_no_more(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(sweeping, "LOOKS_EVERY", 0.02)
    store.look_after()
    add(store).result(10)
    (tmp_path / what).rename(tmp_path / "aside")
    until(lambda: store.failure is not None)
    with pytest.raises(StoreFailed, match="moved or replaced"):
        add(store, 2).result(10)


# --- What a purge leaves on the disk --------------------------------------------------


def wrapped_of(store: SqliteStore, filing_id: FilingId) -> bytes:
    found = store.read(lambda reader: reader.secret(filing_id))
    assert found is not None
    assert found[1] is not None
    return found[1]


def places_of(octets: bytes, directory: Path) -> list[str]:
    files = (path for path in directory.iterdir() if path.is_file())
    return [path.name for path in files if octets in path.read_bytes()]


def test_a_purged_secret_stands_nowhere_while_the_gateway_goes_on(
    store: SqliteStore, tmp_path: Path
) -> None:
    filing_id = add(store).result(10)
    wrapped = wrapped_of(store, filing_id)
    assert places_of(wrapped, tmp_path / "data") == ["digipoort.db-wal"]
    store.write(lambda transaction: transaction.purge(filing_id, NOW)).result(10)
    # The next work comes behind what the writer does about it.
    store.write(lambda _: None).result(10)
    assert places_of(wrapped, tmp_path / "data") == []


def test_while_somebody_reads_the_secret_goes_later(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filing_id = add(store).result(10)
    wrapped = wrapped_of(store, filing_id)

    def purged_meanwhile(reader: Reader) -> None:
        reader.filings_of("x")
        store.write(lambda transaction: transaction.purge(filing_id, NOW)).result(10)
        store.write(lambda _: None).result(10)
        assert places_of(wrapped, tmp_path / "data") != []

    store.read(purged_meanwhile)
    monkeypatch.setattr(sweeping, "LOOKS_EVERY", 0.02)
    store.look_after()
    until(lambda: places_of(wrapped, tmp_path / "data") == [])


def test_a_log_that_is_read_is_not_tried_behind_every_commit(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow this machine is, the time for the next try does not come.
    monkeypatch.setattr(sweeping, "LOOKS_EVERY", 3600.0)
    filing_id = add(store).result(10)
    tried: list[str] = []

    def purged_meanwhile(reader: Reader) -> None:
        reader.filings_of("x")
        store.write(lambda transaction: transaction.purge(filing_id, NOW)).result(10)
        store._connection.set_trace_callback(tried.append)
        for number in range(2, 30):
            add(store, number).result(10)
        store._connection.set_trace_callback(None)

    store.read(purged_meanwhile)
    assert any("COMMIT" in statement for statement in tried), "the writer was listened to"
    assert sum("wal_checkpoint" in statement for statement in tried) <= 1
    assert store._transaction.destroyed, "it is still to be emptied"


def test_what_is_deleted_is_written_over(store: SqliteStore) -> None:
    assert store._connection.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_a_log_that_grew_gets_small_again(store: SqliteStore, tmp_path: Path) -> None:
    limit = store._connection.execute("PRAGMA journal_size_limit").fetchone()[0]
    assert limit == 64 * 1024 * 1024
