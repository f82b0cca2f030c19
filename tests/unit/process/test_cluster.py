"""Many processes that work on the same filings: the queue says what, the sweep finds the rest."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from digipoort_wus.clock import system_clock
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.process.cluster import ClusterRunner, Elsewhere
from digipoort_wus.process.runner import ENDED
from digipoort_wus.store.pg_queue import PgQueue, check_queue, enqueue, install_queue
from digipoort_wus.store.ports import LostLease, Store, Transaction
from digipoort_wus.store.postgres import open_postgres
from digipoort_wus.store.secrets import key_ring
from tests.unit.store.samples import filing, job

LEASE = timedelta(seconds=2)
SWEEP = timedelta(seconds=1)
# What PostgreSQL and the threads may take on a machine that does other things as well.
SLACK = 8.0


class Seen:
    """Does each job at once, and remembers when."""

    def __init__(self, store: Store) -> None:
        self.at: dict[str, list[float]] = {}
        self.fails = 0
        self.due: datetime | None = None
        self._store = store
        self._lock = threading.Lock()

    def run_one(self, kenmerk: str, interrupted: Callable[[], bool]) -> datetime | None:
        if interrupted():
            return system_clock()
        with self._lock:
            if self.fails:
                self.fails -= 1
                raise ConnectionError("the database is not there")
            due, self.due = self.due, None
        if due is not None:
            return due
        now = system_clock()
        job = self._store.write(lambda t: t.claim_one(kenmerk, now, LEASE)).result()
        if job is not None:
            self._store.write(lambda t: t.finish(job)).result()
            with self._lock:
                self.at.setdefault(kenmerk, []).append(time.monotonic())
        return None

    def wait_for(self, *kenmerken: str, seconds: float = SLACK) -> None:
        end = time.monotonic() + seconds
        while not all(kenmerk in self.at for kenmerk in kenmerken):
            assert time.monotonic() < end, (kenmerken, self.at)
            time.sleep(0.01)


class Forgetful:
    """A queue that says nothing."""

    def __init__(self) -> None:
        self._end = threading.Event()

    def serve(self, look: Callable[[str], float | None], pool: Executor) -> None:
        self._end.wait()

    def stop(self) -> None:
        self._end.set()


@pytest.fixture
def store(postgres_database: str, tmp_path: Path) -> Iterator[Store]:
    ring = key_ring(bytes(32))
    with open_postgres(postgres_database, tmp_path, ring, enqueue=enqueue, writers=2) as opened:
        yield opened


@contextmanager
def working(
    store: Store, queue: PgQueue | Forgetful, sweep: timedelta = SWEEP
) -> Iterator[tuple[ClusterRunner, Seen]]:
    seen = Seen(store)
    runner = ClusterRunner(queue, seen.run_one, store, system_clock, threads=4, sweep=sweep)
    runner.start()
    try:
        yield runner, seen
    finally:
        runner.stop()
    assert not runner.is_alive


def add(store: Store, number: int, at: datetime | None = None) -> str:
    """Keep a filing with a job that is due now, or then; return its kenmerk."""
    it, now = filing(number), system_clock()

    def work(transaction: Transaction) -> None:
        filing_id = transaction.add_filing(it, f"urn:{number}", bytes(32))
        transaction.add_job(job(filing_id, it.kenmerk, at or now))

    store.write(work).result()
    return it.kenmerk


def queued(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM pgqueuer").fetchone()
        return int(row[0]) if row else 0


def gone(database: str, seconds: float = SLACK) -> None:
    """Wait until the queue is empty."""
    end = time.monotonic() + seconds
    while queued(database):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_was_stored_is_worked_on_at_once_and_once(
    store: Store, postgres_database: str
) -> None:
    before = [add(store, number) for number in range(20)]
    assert queued(postgres_database) == 20
    with working(store, PgQueue(postgres_database)) as (runner, seen):
        assert runner.is_alive
        after = [add(store, number) for number in range(20, 40)]
        seen.wait_for(*before, *after)
        gone(postgres_database)
    assert all(len(times) == 1 for times in seen.at.values())


def test_a_row_is_of_the_transaction(store: Store, postgres_database: str) -> None:
    """What is undone was never queued: nobody looks for a filing that is not there."""

    def work(transaction: Transaction) -> None:
        filing_id = transaction.add_filing(filing(), "urn:1", bytes(32))
        transaction.add_job(job(filing_id))
        raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        store.write(work).result()
    assert queued(postgres_database) == 0
    with psycopg.connect(postgres_database) as connection:
        add(store, 1)
        row = connection.execute("SELECT payload FROM pgqueuer").fetchone()
    assert row == (b"kenmerk-1",)


def test_two_processes_share_the_work(store: Store, postgres_database: str) -> None:
    kenmerken = [add(store, number) for number in range(60)]
    with (
        working(store, PgQueue(postgres_database)) as (_, one),
        working(store, PgQueue(postgres_database)) as (_, other),
    ):
        end = time.monotonic() + SLACK
        while len(one.at) + len(other.at) < len(kenmerken):
            assert time.monotonic() < end
            time.sleep(0.01)
    assert sorted([*one.at, *other.at]) == sorted(kenmerken)


def test_a_lost_message_delays_and_loses_nothing(store: Store, postgres_database: str) -> None:
    lost, later = add(store, 1), add(store, 2, system_clock() + timedelta(hours=1))
    with psycopg.connect(postgres_database) as connection:
        connection.execute("TRUNCATE pgqueuer")
    with working(store, PgQueue(postgres_database)) as (_, seen):
        seen.wait_for(lost, seconds=SWEEP.total_seconds() + 2 + SLACK)
        assert later not in seen.at


def test_who_is_woken_looks_at_once(store: Store) -> None:
    with working(store, Forgetful()) as (runner, seen):
        kenmerk = add(store, 1)
        began = time.monotonic()
        runner.wake()
        seen.wait_for(kenmerk)
        assert seen.at[kenmerk][0] - began < SLACK


def test_an_orphan_is_found_within_its_lease_and_five_seconds(
    store: Store, postgres_database: str
) -> None:
    kenmerk = add(store, 1)
    now = system_clock()
    dead = store.write(lambda t: t.claim_one(kenmerk, now, LEASE)).result()
    began = time.monotonic()
    assert dead is not None
    with working(store, PgQueue(postgres_database)) as (_, seen):
        seen.wait_for(kenmerk, seconds=LEASE.total_seconds() + 5 + SLACK)
    took = seen.at[kenmerk][0] - began
    assert LEASE.total_seconds() - 0.5 < took < LEASE.total_seconds() + 5
    with pytest.raises(LostLease):
        store.write(lambda t: t.finish(dead)).result()


def test_what_is_due_later_comes_back_then(store: Store, postgres_database: str) -> None:
    with working(store, PgQueue(postgres_database)) as (_, seen):
        seen.due = system_clock() + timedelta(seconds=1)
        began = time.monotonic()
        kenmerk = add(store, 1, system_clock() - timedelta(seconds=1))
        seen.wait_for(kenmerk)
        # The sweep finds it too when this machine is slow, but not sooner.
        assert seen.at[kenmerk][0] - began > 0.4
        gone(postgres_database)


def test_what_raises_is_tried_again(
    store: Store, postgres_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with working(store, PgQueue(postgres_database)) as (_, seen):
        seen.fails = 1
        seen.wait_for(add(store, 1))
        gone(postgres_database)
    assert "ConnectionError at test_cluster.py" in caplog.text
    assert "the database is not there" not in caplog.text


def test_a_lost_connection_is_made_again(store: Store, postgres_database: str) -> None:
    with working(store, PgQueue(postgres_database), timedelta(hours=1)) as (_, seen):
        seen.wait_for(add(store, 1))
        with psycopg.connect(postgres_database, autocommit=True) as connection:
            # Those that wait for notifications and ask for rows, not those of the store.
            connection.execute(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                AND (query LIKE '%pgqueuer%' OR query LIKE 'LISTEN%')"""
            )
        seen.wait_for(add(store, 2))


def test_what_was_taken_and_not_begun_goes_back(store: Store, postgres_database: str) -> None:
    holding, began = threading.Event(), threading.Event()

    def hold(_kenmerk: str, _interrupted: Callable[[], bool]) -> None:
        began.set()
        holding.wait(SLACK)

    queue = PgQueue(postgres_database)
    runner = ClusterRunner(queue, hold, store, system_clock, threads=1, sweep=timedelta(hours=1))
    for number in range(10):
        add(store, number)
    runner.start()
    assert began.wait(SLACK)
    stopping = threading.Thread(target=runner.stop)
    stopping.start()
    time.sleep(0.2)
    holding.set()
    stopping.join(SLACK)
    assert not stopping.is_alive()
    with psycopg.connect(postgres_database) as connection:
        left = connection.execute("SELECT status FROM pgqueuer").fetchall()
    assert left == [("queued",)] * 9


def test_a_front_works_on_nothing() -> None:
    idle = Elsewhere()
    idle.start()
    idle.wake()
    assert idle.is_alive
    idle.stop()


def test_a_database_without_a_queue_is_refused(postgres_database: str) -> None:
    check_queue(postgres_database)
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute("DROP TABLE pgqueuer_log")
    with pytest.raises(ConfigurationError, match="digipoort-wus db upgrade"):
        check_queue(postgres_database)
    install_queue(postgres_database)
    check_queue(postgres_database)


def test_a_worker_says_what_does_not_come_back_and_waits_for_it_at_the_end(store: Store) -> None:
    said = ["deliver of x has not come back"]
    finished: list[timedelta] = []
    runner = ClusterRunner(
        Forgetful(),
        Seen(store).run_one,
        store,
        system_clock,
        finish=finished.append,
        overdue=lambda: said[0],
    )
    assert (runner.trouble, Elsewhere().trouble) == (ENDED, "")
    runner.start()
    assert runner.trouble == said[0]
    said[0] = ""
    assert runner.trouble == ""
    runner.stop()
    assert len(finished) == 1
    assert runner.trouble == ENDED
