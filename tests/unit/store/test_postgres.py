"""What only a server can do: go away, come back, collide, and wake others."""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psycopg
import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store import pg_session
from digipoort_wus.store.migrate import upgrade_postgres
from digipoort_wus.store.ports import FilingId, NotStorable, Reader, StoreFailed, Transaction
from digipoort_wus.store.postgres import PostgresStore, open_postgres
from digipoort_wus.store.secrets import key_ring
from tests.postgres import FORGETFUL, Cluster, programs, running
from tests.unit.store.conftest import payload_files
from tests.unit.store.ebms_samples import send
from tests.unit.store.samples import (
    LARGE,
    NOW,
    RING,
    add,
    add_with_job,
    contents,
    done,
    filing,
    kenmerken,
    until,
    write,
)


@pytest.fixture
def store(postgres_database: str, tmp_path: Path) -> Iterator[PostgresStore]:
    with open_postgres(postgres_database, tmp_path, key_ring(RING), writers=4) as opened:
        yield opened


@pytest.fixture
def own_server() -> Iterator[Cluster]:
    """Give a server that the test may end."""
    from tests.conftest import need

    need("PostgreSQL", found=programs() is not None, install="apt-get install postgresql")
    with running() as cluster:
        yield cluster


def ended(store: PostgresStore) -> None:
    """End every connection of the store at the server, as a restart of it does."""
    with psycopg.connect(store._conninfo, autocommit=True) as connection:
        connection.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )


def test_connections_that_died_are_made_anew(store: PostgresStore) -> None:
    done(add(store))
    assert kenmerken(store) == ["kenmerk-1"]
    ended(store)
    for number in range(2, 12):
        done(add(store, number))
    assert len(kenmerken(store)) == 11


def test_a_connection_that_dies_in_the_middle_begins_the_work_anew(store: PostgresStore) -> None:
    attempts: list[int] = []

    def work(transaction: Transaction) -> FilingId:
        filing_id = transaction.add_filing(filing(), "message-1", b"digest")
        attempts.append(filing_id)
        if len(attempts) == 1:
            ended(store)
        transaction.add_statuses(filing_id, [])
        transaction.last_status_at("kenmerk-1")
        return filing_id

    write(store, work)
    assert len(attempts) == 2
    assert kenmerken(store) == ["kenmerk-1"]


def test_a_reader_whose_connection_dies_is_told(store: PostgresStore) -> None:
    def work(reader: Reader) -> None:
        reader.filings_of("x")
        ended(store)
        reader.filings_of("x")

    with pytest.raises(StoreFailed, match="went away"):
        store.read(work)
    assert kenmerken(store) == []


def test_a_server_that_is_gone_fails_works_at_once_and_is_found_again(
    own_server: Cluster, tmp_path: Path
) -> None:
    with (
        own_server.database() as conninfo,
        open_postgres(conninfo, tmp_path, key_ring(RING)) as store,
    ):
        done(add(store, 1, LARGE))
        own_server.stop(signal.SIGQUIT)
        begun = time.monotonic()
        for future in [add(store, number) for number in (2, 3)]:
            with pytest.raises(StoreFailed, match="nothing was stored"):
                done(future)
        with pytest.raises(StoreFailed, match="cannot be reached"):
            kenmerken(store)
        assert time.monotonic() - begun < 10
        assert store.failure is None
        own_server.start()
        done(add(store, 2))
        assert kenmerken(store) == ["kenmerk-1", "kenmerk-2"]
        assert contents(store, FilingId(1)) == [LARGE]


def test_a_work_that_others_got_in_the_way_of_is_begun_anew(store: PostgresStore) -> None:
    filing_id = add_with_job(store)
    seen: list[int] = []
    first_read, changed = threading.Event(), threading.Event()

    def slow(transaction: Transaction) -> int:
        job = transaction.job(filing_id)
        assert job is not None
        seen.append(job.token)
        first_read.set()
        assert changed.wait(10)
        transaction.replace_job(job)
        return job.token

    outcome = store.write(slow)
    assert first_read.wait(10)
    job = store.read(lambda reader: reader.job(filing_id))
    assert job is not None
    write(store, lambda transaction: transaction.replace_job(job))
    changed.set()
    assert seen == [0, done(outcome)]
    assert seen[1] > 0


def test_two_that_wait_for_each_other_both_come_through(store: PostgresStore) -> None:
    ids = [add_with_job(store, number) for number in (1, 2)]
    together = threading.Barrier(2)
    attempts: list[int] = []

    def work(transaction: Transaction, first: FilingId, second: FilingId) -> None:
        attempts.append(first)
        transaction.set_hold(first, "x")
        if len(attempts) <= 2:
            together.wait(10)
        transaction.set_hold(second, "x")

    futures: list[Future[None]] = [
        store.write(lambda t: work(t, ids[0], ids[1])),
        store.write(lambda t: work(t, ids[1], ids[0])),
    ]
    for future in futures:
        done(future)
    assert len(attempts) == 3


def test_whoever_listens_is_woken_by_others(postgres_database: str, tmp_path: Path) -> None:
    woken = threading.Semaphore(0)
    ring = key_ring(RING)
    with (
        open_postgres(postgres_database, tmp_path, ring, on_notify=woken.release) as listening,
        open_postgres(postgres_database, tmp_path, ring) as other,
    ):
        assert woken.acquire(timeout=10), "when it begins: it may have missed something"
        add_with_job(other)
        assert woken.acquire(timeout=10)
        assert not woken.acquire(timeout=0.2)
        ended(listening)
        assert woken.acquire(timeout=10), "when it begins again"
        add_with_job(other, 2)
        assert woken.acquire(timeout=10)


def test_whoever_hears_is_told_by_others(postgres_database: str, tmp_path: Path) -> None:
    said: SimpleQueue[str] = SimpleQueue()
    ring = key_ring(RING)
    with (
        open_postgres(postgres_database, tmp_path, ring) as hearing,
        open_postgres(postgres_database, tmp_path, ring) as other,
    ):
        hearing.hear(said.put)
        assert said.get(timeout=10) == "", "when it begins: it may have missed something"
        ebms_id = send(other)
        assert said.get(timeout=10) == str(ebms_id)
        done(other.write(lambda t: t.tell_others("a")))
        assert said.get(timeout=10) == "a"

        def fails(transaction: Transaction) -> None:
            transaction.tell_others("b")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            done(other.write(fails))
        ended(hearing)
        assert said.get(timeout=10) == "", "when it begins again"
        done(other.write(lambda t: t.add_ebms_event(ebms_id, "SENT", NOW)))
        assert said.get(timeout=10) == str(ebms_id)
        with pytest.raises(ValueError, match="too long"):
            done(other.write(lambda t: t.tell_others("c" * 7_001)))
    assert said.empty()


def test_files_are_shared_and_swept_when_they_are_old(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = key_ring(RING)
    with open_postgres(postgres_database, tmp_path, ring) as one:
        filing_id = done(add(one, 1, LARGE))
        one.prepare([filing(2, LARGE).delivery.document])
        with open_postgres(postgres_database, tmp_path, ring) as two:
            assert contents(two, filing_id) == [LARGE]
        assert len(payload_files(tmp_path)) == 2
        monkeypatch.setattr("digipoort_wus.store.files.SWEPT_FROM_AGE", -60.0)
        monkeypatch.setattr("digipoort_wus.store.files.REMOVED_AFTER", -60.0)
        for name, value in (("FIRST_SWEEP", 0.0), ("LOOKS_EVERY", 0.02), ("SWEEPS_EVERY", 0.0)):
            monkeypatch.setattr(f"digipoort_wus.store.sweeping.{name}", value)
        with open_postgres(postgres_database, tmp_path, ring) as two:
            two.look_after()
            until(lambda: len(payload_files(tmp_path)) == 1)
            assert contents(two, filing_id) == [LARGE]


def test_a_commit_is_durable_whatever_the_database_says(
    postgres: Cluster, postgres_database: str, tmp_path: Path
) -> None:
    name = postgres_database.rpartition("=")[2]
    postgres.run("ALTER DATABASE {} SET synchronous_commit = off", name)
    with open_postgres(postgres_database, tmp_path, key_ring(RING)) as store:
        rows = store.read(lambda reader: reader._one("SHOW synchronous_commit"))  # type: ignore[attr-defined]
        assert rows == ("on",)


def test_a_server_that_does_not_sync_is_warned_of(
    postgres_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert FORGETFUL["fsync"] == "off"
    with caplog.at_level(logging.WARNING):
        open_postgres(postgres_database, tmp_path, key_ring(RING)).close()
    assert "fsync = off" in caplog.text


@pytest.mark.parametrize("conninfo", ["host=/nowhere dbname=x", "this is no address"])
def test_a_database_that_cannot_be_reached_is_said(conninfo: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="database"):
        open_postgres(conninfo, tmp_path, key_ring(RING))
    with pytest.raises(ConfigurationError, match="database"):
        upgrade_postgres(conninfo)


def test_a_failure_tells_no_values(store: PostgresStore) -> None:
    done(add(store))
    with pytest.raises(NotStorable) as caught:
        done(add(store))
    assert caught.value.__cause__ is None
    assert "unique" in str(caught.value)
    assert "sender" not in str(caught.value).replace("filing_sender_message_id_key", "")
    assert "message-1" not in str(caught.value)


def test_leases_are_counted_by_the_server(store: PostgresStore) -> None:
    """Whatever the clock of the machine says that decides what is due."""
    add_with_job(store)
    assert len(write(store, lambda t: t.claim(NOW, timedelta(milliseconds=300), 1))) == 1
    assert write(store, lambda t: t.claim(NOW + timedelta(days=9), timedelta(1), 1)) == []
    time.sleep(0.4)
    (job,) = write(store, lambda t: t.claim(NOW, timedelta(1), 1))
    assert job.crashes == 1


def test_a_queue_gets_the_kenmerk_in_the_same_transaction(
    postgres_database: str, tmp_path: Path
) -> None:
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE queue (kenmerk text)")

    def enqueue(connection: psycopg.Connection[Any], kenmerk: str) -> None:
        connection.execute("INSERT INTO queue VALUES (%s)", (kenmerk,))

    with open_postgres(postgres_database, tmp_path, key_ring(RING), enqueue=enqueue) as store:
        filing_id = add_with_job(store)

        def undone(transaction: Transaction) -> None:
            job = transaction.job(filing_id)
            assert job is not None
            transaction.replace_job(job)
            raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011
            write(store, undone)
        rows = store.read(lambda reader: reader._all("SELECT kenmerk FROM queue"))  # type: ignore[attr-defined]
        assert rows == [("kenmerk-1",)]


def test_a_server_that_only_reads_since_fails_works_until_it_writes_again(
    postgres: Cluster, postgres_database: str, tmp_path: Path
) -> None:
    """As after a failover, when an address leads to what was the primary."""
    name = postgres_database.rpartition("=")[2]
    with open_postgres(postgres_database, tmp_path, key_ring(RING), writers=1) as store:
        done(add(store))
        postgres.run("ALTER DATABASE {} SET default_transaction_read_only = on", name)
        ended(store)
        with pytest.raises(StoreFailed, match="read-only"):
            done(add(store, 2))
        assert kenmerken(store) == ["kenmerk-1"]
        postgres.run("ALTER DATABASE {} SET default_transaction_read_only = off", name)
        done(add(store, 2))
        assert kenmerken(store) == ["kenmerk-1", "kenmerk-2"]


def test_a_connection_that_dies_in_its_commit_leaves_the_outcome_open(
    store: PostgresStore, postgres_database: str
) -> None:
    """It is not begun anew: it may have been committed. Whoever repeats it finds out."""
    with psycopg.connect(postgres_database) as connection:
        connection.execute(
            """CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(20); RETURN NULL; END $$"""
        )
        connection.execute(
            """CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON filing
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly()"""
        )
    outcome = add(store)
    for _ in range(200):
        waiting = store.read(
            lambda reader: reader._one(  # type: ignore[attr-defined]
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            )
        )
        if waiting != (0,):
            break
        time.sleep(0.02)
    ended(store)
    with pytest.raises(StoreFailed, match="while it committed"):
        done(outcome)
    assert kenmerken(store) == []


# --- What hangs, and what was broken ------------------------------------------------------


def test_what_a_frozen_writer_holds_is_free_again_in_time(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a process that was stopped in its transaction; its leases are extended meanwhile."""
    monkeypatch.setattr(
        pg_session,
        "_WRITING",
        (
            ("idle_in_transaction_session_timeout", "3000"),
            ("lock_timeout", "300"),
            ("statement_timeout", "5000"),
        ),
    )
    ring = key_ring(RING)
    day = NOW.date()
    frozen, go_on, runs = threading.Event(), threading.Event(), list[int]()

    def freezes(transaction: Transaction) -> int:
        runs.append(transaction.add_volume("one", day, 1))
        frozen.set()
        assert go_on.wait(30)
        return transaction.add_volume("one", day, 1)

    with (
        open_postgres(postgres_database, tmp_path, ring, writers=1) as one,
        open_postgres(postgres_database, tmp_path, ring, writers=2) as two,
    ):
        write(two, lambda t: t.add_volume("one", day, 1))
        late = one.write(freezes)
        assert frozen.wait(10)
        begun = time.monotonic()
        waiting = [two.write(lambda t: t.add_volume("one", day, 1)) for _ in range(4)]
        time.sleep(0.1)
        done(two.write_beat(lambda t: t.add_volume("two", day, 1)))
        assert not any(future.done() for future in waiting)
        assert sorted(done(future) for future in waiting) == [2, 3, 4, 5]
        assert time.monotonic() - begun < 10
        go_on.set()
        # It is told when it goes on, and begins anew over what the others left.
        assert done(late) == 7
        assert len(runs) == 2


def test_who_waits_for_too_long_is_told(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pg_session, "_WRITING", (("lock_timeout", "50"),))
    monkeypatch.setattr("digipoort_wus.store.pg_writer._PATIENCE", 0.3)
    with (
        open_postgres(postgres_database, tmp_path, key_ring(RING), writers=1) as store,
        psycopg.connect(postgres_database) as other,
    ):
        write(store, lambda t: t.add_volume("one", NOW.date(), 1))
        other.execute("UPDATE volume SET bytes = 5")
        with pytest.raises(StoreFailed, match="LockNotAvailable"):
            write(store, lambda t: t.add_volume("one", NOW.date(), 1))
        other.rollback()
        assert write(store, lambda t: t.add_volume("one", NOW.date(), 1)) == 2


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("write", ("15s", "5s", "1min")), ("read", ("10min", "0", "10min"))],
)
def test_no_session_waits_for_ever(
    store: PostgresStore, kind: str, expected: tuple[str, ...]
) -> None:
    names = ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")

    def asked(rows: Any) -> tuple[str, ...]:
        return tuple(rows._one(f"SHOW {name}")[0] for name in names)

    found = store.read(asked) if kind == "read" else write(store, asked)
    assert found == expected


def test_what_the_address_says_wins(postgres_database: str, tmp_path: Path) -> None:
    address = f"{postgres_database} options='-c lock_timeout=7s -c synchronous_commit=off'"

    def asked(rows: Any) -> tuple[str, ...]:
        return tuple(rows._one(f"SHOW {it}")[0] for it in ("lock_timeout", "synchronous_commit"))

    with open_postgres(address, tmp_path, key_ring(RING)) as store:
        assert write(store, asked) == ("7s", "on")


def test_a_broken_transaction_is_not_taken_for_kept(store: PostgresStore) -> None:
    """The server answers the COMMIT of one with a ROLLBACK, and no error."""

    def swallows(transaction: Any) -> FilingId:
        filing_id: FilingId = transaction.add_filing(filing(), "message-1", b"digest")
        transaction.flush()
        with suppress(psycopg.Error):
            transaction._execute("SELECT 1 / 0", ())
        return filing_id

    with pytest.raises(StoreFailed, match="had failed"):
        write(store, swallows)
    assert kenmerken(store) == []
    done(add(store))
    assert kenmerken(store) == ["kenmerk-1"]
