"""The embedded store: what is committed together, who may open it, how it fails."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Delivery, Document, Filing, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.store import payloads, schema
from digipoort_wus.store.payloads import PayloadFiles
from digipoort_wus.store.ports import (
    FilingId,
    MessageId,
    PayloadDamaged,
    Reader,
    Selection,
    StoreFailed,
    Transaction,
)
from digipoort_wus.store.sqlite import GROUP_MAX, SqliteStore, open_sqlite

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LARGE = b"x" * 200_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with open_sqlite(tmp_path / "data") as made:
        yield made


def filing(number: int = 1, content: bytes = b"<x/>") -> Filing:
    delivery = Delivery(
        "Omzetbelasting", Party("001000044B37", "Fi"), "", Document("text/xml", "x", content)
    )
    return Filing(f"kenmerk-{number}", f"bericht-{number}", "sender", NOW, delivery)


def add(store: SqliteStore, number: int = 1, content: bytes = b"<x/>") -> Future[FilingId]:
    def work(transaction: Transaction) -> FilingId:
        return transaction.add_filing(filing(number, content), f"message-{number}", b"digest")

    return store.write(work)


def kenmerken(store: SqliteStore) -> list[str]:
    def work(reader: Reader) -> list[str]:
        party = filing().delivery.belanghebbende
        return [row.kenmerk for row in reader.filings("sender", "Omzetbelasting", party)]

    return store.read(work)


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
        reader._execute("DELETE FROM filing")  # type: ignore[attr-defined]

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


def test_a_payload_that_was_damaged_is_noticed(store: SqliteStore, tmp_path: Path) -> None:
    small, large = add(store, 1).result(10), add(store, 2, LARGE).result(10)

    def load(filing_id: FilingId) -> Filing:
        return store.read(lambda reader: reader.filing(filing_id))

    assert load(large) == filing(2, LARGE)
    (path,) = (path for path in (tmp_path / "data/payloads").rglob("*") if path.is_file())
    path.write_bytes(LARGE[:-1] + b"y")
    damage = "UPDATE payload SET content = x'00000000' WHERE content IS NOT NULL"
    store.write(lambda _: store._connection.execute(damage).rowcount).result(10)
    for filing_id in (small, large):
        with pytest.raises(PayloadDamaged):
            load(filing_id)


def test_kept_ahead_or_not_a_large_payload_is_stored_once(
    store: SqliteStore, tmp_path: Path
) -> None:
    store.keep([Document("", "", LARGE), Document("", "", b"small")])
    add(store, 1, LARGE).result(10)
    add(store, 2, LARGE).result(10)
    found = [path for path in (tmp_path / "data/payloads").rglob("*") if path.is_file()]
    assert len(found) == 1


def large_files(directory: Path) -> list[Path]:
    return [path for path in (directory / "data/payloads").rglob("*") if path.is_file()]


def test_what_was_kept_ahead_goes_unless_a_row_or_somebody_else_wants_it(
    store: SqliteStore, tmp_path: Path
) -> None:
    documents = [Document("", "", LARGE), Document("", "", LARGE + b"y")]
    first, second = store.keep(documents), store.keep(documents[:1])
    first().result(10)
    assert len(large_files(tmp_path)) == 1
    add(store, 1, LARGE).result(10)
    second().result(10)
    assert len(large_files(tmp_path)) == 1
    store.keep(documents)().result(10)
    assert len(large_files(tmp_path)) == 1
    assert store.read(lambda reader: reader.filing(FilingId(1))) == filing(1, LARGE)


def test_what_is_kept_while_it_is_let_go_stays(store: SqliteStore, tmp_path: Path) -> None:
    """The removal waits in the writer, and somebody keeps the same content in the meantime."""
    documents = [Document("", "", LARGE)]
    go = store.keep(documents)
    release = hold(store)
    gone = go()
    again = store.keep(documents)
    release.set()
    gone.result(10)
    assert len(large_files(tmp_path)) == 1
    again().result(10)
    assert large_files(tmp_path) == []


def test_a_disk_that_is_full_leaves_nothing_of_what_was_kept_ahead(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = PayloadFiles._write

    def full(files: PayloadFiles, target: Path, content: bytes) -> None:
        if content != LARGE:
            raise OSError("the disk is full")
        written(files, target, content)

    monkeypatch.setattr(PayloadFiles, "_write", full)
    with pytest.raises(OSError, match="full"):
        store.keep([Document("", "", LARGE), Document("", "", LARGE + b"y")])
    store.write(lambda _: None).result(10)
    assert large_files(tmp_path) == []


def test_what_a_crash_left_is_swept_at_a_later_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_sqlite(tmp_path / "data") as made:
        add(made, 1, LARGE).result(10)
        made.keep([Document("", "", LARGE), Document("", "", LARGE + b"y")])
    open_sqlite(tmp_path / "data").close()
    assert len(large_files(tmp_path)) == 2
    monkeypatch.setattr(payloads, "SWEPT_FROM_AGE", -60.0)
    with open_sqlite(tmp_path / "data") as made:
        assert len(large_files(tmp_path)) == 1
        assert made.read(lambda reader: reader.filing(FilingId(1))) == filing(1, LARGE)


def test_files_are_found_by_an_index(store: SqliteStore) -> None:
    """The writer asks for every large filing, and there may be millions of payloads."""
    plan = store._connection.execute(
        "EXPLAIN QUERY PLAN SELECT 1 FROM payload WHERE sha256 = ? AND content IS NULL LIMIT 1",
        (b"",),
    ).fetchall()
    assert "payload_file" in plan[0][3]


def test_a_return_message_comes_back_as_it_was_offered(store: SqliteStore) -> None:
    add(store).result(10)
    message = ReturnMessage(
        kenmerk="kenmerk-1",
        berichtkenmerk="terug-1",
        berichtsoort="Omzetbelasting",
        offered_at=NOW,
        belanghebbende=Party("001000044B37", "Fi"),
        rol_belanghebbende="Bedrijf",
        document=Document("text/xml", "a.xml", b"<a/>"),
        aanleveraar="x",
        ontvanger=Party("1", "OIN"),
        attachments=(Document("a/b", "b", LARGE),),
        findings=(Finding("W1", "warning", "Let op é.", "regel 1"),),
        elements=(("naam", "waarde"), ("naam", "nog een")),
    )
    message_id = store.write(lambda transaction: transaction.offer(message)).result(10)
    assert store.read(lambda reader: reader.message(message_id)) == message
    with pytest.raises(KeyError):
        store.read(lambda reader: reader.message(MessageId(99)))
    with pytest.raises(KeyError):
        store.read(lambda reader: reader.filing(FilingId(99)))


def test_a_message_for_an_unknown_kenmerk_is_refused(store: SqliteStore) -> None:
    message = ReturnMessage(
        "unknown", "b", "ICP", NOW, Party("1", "Fi"), "", Document("a/b", "c", b"")
    )
    with pytest.raises(KeyError):
        store.write(lambda transaction: transaction.offer(message)).result(10)


def test_statuses_keep_error_and_details(store: SqliteStore) -> None:
    statuses = [
        Status("105", NOW),
        Status("311", NOW + timedelta(milliseconds=1), StatusError("VAS500", "Fout."), "<x/>"),
    ]
    filing_id = add(store).result(10)

    def append(transaction: Transaction, status: Status) -> None:
        transaction.add_statuses(filing_id, [status])

    for status in statuses:
        store.write(partial(append, status=status)).result(10)
    rows = store.read(lambda reader: reader.statuses(Selection("sender")))
    assert [row.status for row in rows] == statuses
    assert [row.seq for row in rows] == [1, 2]


def test_statuses_are_numbered_through(store: SqliteStore) -> None:
    filing_id = add(store).result(10)
    for codes in (("105", "100", "110"), (), ("200",)):
        statuses = [Status(code, NOW) for code in codes]
        store.write(partial(_append, filing_id=filing_id, statuses=statuses)).result(10)
    rows = store.read(lambda reader: reader.statuses(Selection("sender")))
    found = [(row.seq, row.status.code) for row in rows]
    assert found == [(1, "105"), (2, "100"), (3, "110"), (4, "200")]


def _append(transaction: Transaction, filing_id: FilingId, statuses: list[Status]) -> None:
    transaction.add_statuses(filing_id, statuses)


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
    assert pragma("user_version") == schema.VERSION


def test_a_second_gateway_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="another gateway"):
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
    assert "another gateway uses the data directory" in ended.stderr
    store.close()
    open_sqlite(tmp_path / "data").close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    open_sqlite(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "digipoort.db")
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
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
    with pytest.raises(ConfigurationError, match="cannot use the data directory"):
        open_sqlite(tmp_path / "file" / "data")


def test_upgrades_are_applied_in_order_and_whole() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        schema.bring_up_to_date(connection)
        upgrades = (
            *schema.UPGRADES,
            "CREATE TABLE one (id);",
            "CREATE TABLE two (id); CREATE TABLE one (id);",
        )
        version = schema.VERSION
        with pytest.raises(sqlite3.OperationalError):
            schema.bring_up_to_date(connection, upgrades)
        assert connection.execute("PRAGMA user_version").fetchone() == (version + 1,)
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        assert "one" in names
        assert "two" not in names
        schema.bring_up_to_date(connection, (*upgrades[:-1], "CREATE TABLE two (id);"))
        assert connection.execute("PRAGMA user_version").fetchone() == (version + 2,)
    finally:
        connection.close()


# --- What a party filed today ---------------------------------------------------------


def test_volumes_are_counted_by_party_and_day(tmp_path: Path) -> None:
    day, next_day = NOW.date(), NOW.date() + timedelta(days=1)

    def count(store: SqliteStore, oin: str, on: date, size: int) -> int:
        return store.write(lambda transaction: transaction.add_volume(oin, on, size)).result(10)

    def read(store: SqliteStore, oin: str, on: date) -> int:
        return store.read(lambda reader: reader.volume(oin, on))

    with open_sqlite(tmp_path) as store:
        assert read(store, "a", day) == 0
        assert [count(store, "a", day, size) for size in (5, 0, 7)] == [5, 5, 12]
        assert count(store, "b", day, 2**40) == 2**40
    with open_sqlite(tmp_path) as store:
        assert (read(store, "a", day), read(store, "b", day)) == (12, 2**40)
        assert count(store, "a", next_day, 1) == 1
        assert (read(store, "a", day), read(store, "a", next_day)) == (0, 1)
        rows = store._connection.execute("SELECT count(*) FROM volume").fetchone()
        assert rows == (2,), "one row a party, whatever the day"


# --- Which questions were asked ---------------------------------------------------------


def test_a_signature_is_new_once_until_it_is_forgotten(store: SqliteStore) -> None:
    def remember(number: int, until: datetime = NOW) -> bool:
        octets = bytes([number]) * 32
        return store.write(lambda transaction: transaction.remember(octets, until)).result(10)

    def forget(before: datetime, most: int = 10) -> int:
        return store.write(lambda transaction: transaction.forget(before, most)).result(10)

    second = timedelta(seconds=1)
    assert [remember(1), remember(1), remember(2, NOW + second)] == [True, False, True]
    assert not remember(1, NOW + 100 * second), "the first one stays as it is"
    assert forget(NOW) == 0
    assert forget(NOW + timedelta(milliseconds=1)) == 1
    assert [remember(1, NOW - second), remember(2)] == [True, False]
    assert [forget(NOW + 2 * second, most=1) for _ in range(3)] == [1, 1, 0]


def test_a_signature_that_is_no_digest_is_refused(store: SqliteStore) -> None:
    work = store.write(lambda transaction: transaction.remember(b"short", NOW))
    # To do nothing at a repeat must not become nothing at a mistake.
    with pytest.raises(sqlite3.IntegrityError):
        work.result(10)
