"""The embedded store: SQLite with one writer, which commits waiting works together.

Only the writer's connection writes and checkpoints. That gives one fsync to many
works, and keeps clear of SQLite's WAL-reset bug (3.7.0 to 3.51.2): two connections
that write or checkpoint at the same moment can damage the file. Readers open the
file read-only; a lock on the data directory keeps other processes out.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from digipoort_wus._crash import crash_point
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Document
from digipoort_wus.store import sweeping
from digipoort_wus.store.belonging import require_restored, require_unused, take_directory
from digipoort_wus.store.directories import make_directory
from digipoort_wus.store.files import PayloadFiles
from digipoort_wus.store.keyfile import KEY_RING, Absent, RingSource, ring_file
from digipoort_wus.store.lock import DirectoryLock, is_same, lock_directory
from digipoort_wus.store.migrate import bring_up_to_date
from digipoort_wus.store.mounts import require_local
from digipoort_wus.store.objects import PayloadObjects
from digipoort_wus.store.ports import Prepared, Reader, StoreFailed, Transaction
from digipoort_wus.store.secrets import KeyRing
from digipoort_wus.store.shape import require_shape
from digipoort_wus.store.sql.base import IDENTITY, RINGS, SOME_FILES, SOME_OBJECTS
from digipoort_wus.store.sql.session import SQLITE
from digipoort_wus.store.sql.transaction import SqlReader, SqlTransaction
from digipoort_wus.store.sqlite_file import (
    UNDONE_FROM_MEMORY,
    LeaseClock,
    connect,
    empty_log,
    failure_of,
    is_lasting,
    steady_clock,
    told_of,
)
from digipoort_wus.store.sweeping import look_after, nothing_to_end
from digipoort_wus.store.vault import Vault
from digipoort_wus.store.works import NotShared, OnCommit, Work, done, nobody_counts

_log = logging.getLogger(__name__)
T = TypeVar("T")

GROUP_MAX = 64
"""Works in one commit: measured, more gains nothing and makes the first one wait."""
_DATABASE = "digipoort.db"
_OLDEST_SQLITE = (3, 38, 0)  # STRICT tables, RETURNING, json_each


def open_sqlite(
    directory: Path,
    ring: KeyRing | RingSource | None = None,
    lease_clock: LeaseClock = steady_clock,
    *,
    on_commit: OnCommit = nobody_counts,
    objects: PayloadObjects | None = None,
) -> "SqliteStore":
    """Open the store in a data directory, and make it there when there is none.

    Leases that are found were held by a process that is dead, because this one holds
    the lock: they end here.

    Args:
        directory: is created readable by its owner only, on a file system of this machine.
        ring: seals what is stored, or where that is; None takes the one in the directory, and
            makes it there for a store without secrets.
        lease_clock: counts leases; another than the default is for tests.
        on_commit: is told of each commit, in the writer.
        objects: keep large payloads from now on; the store closes them.

    Raises:
        ConfigurationError: the directory is in use, cannot be used, or was written by
            a newer version; or the key ring cannot be used.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise ConfigurationError(f"SQLite is {sqlite3.sqlite_version}: 3.38 or newer is needed")
    try:
        make_directory(directory)
        require_local(directory)
        lock = lock_directory(directory)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot use the data directory {directory}: {error.strerror or error}. Name one that "
            "this user can make and write to, in data_dir or with --data-dir."
        ) from error
    try:
        path, payloads = directory / _DATABASE, directory / "payloads"
        require_restored(directory)
        if not path.exists() or not path.stat().st_size:
            require_unused(directory, payloads)
        # SQLite gives its other files the mode of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = connect(path, "rwc", lease_clock)
        try:
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                require_unused(directory, payloads)
            bring_up_to_date(connection, path)
            require_shape(connection)
            files = PayloadFiles(payloads)
            store_id = str(connection.execute(IDENTITY).fetchone()[0])
            take_directory(payloads, store_id, (row[0] for row in connection.execute(SOME_FILES)))
            if not isinstance(ring, KeyRing):
                source = ring or ring_file(directory / KEY_RING, Absent.MADE)
                ring = source({row[0] for row in connection.execute(RINGS)})
            vault = Vault(ring, files, objects)
            transaction = SqlTransaction(connection.execute, SQLITE, vault)
            vault.require_places(transaction.is_used)
            vault.claim(store_id, (row[0] for row in connection.execute(SOME_OBJECTS)))
            transaction.end_leases()
            transaction.end_ebms_leases()
            connection.execute(UNDONE_FROM_MEMORY)
            reading = partial(connect, path, "ro", lease_clock)
            return SqliteStore(connection, vault, reading, lock, path, on_commit)
        except BaseException:
            connection.close()
            raise
    except (OSError, sqlite3.Error) as error:
        lock.close()
        raise ConfigurationError(f"cannot open the store: {error}") from error
    except BaseException:
        lock.close()
        raise


class SqliteStore(NotShared):
    """Implements :class:`~digipoort_wus.store.ports.Store`; made by :func:`open_sqlite`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        vault: Vault,
        connect: Callable[[], sqlite3.Connection],
        lock: DirectoryLock,
        path: Path,
        on_commit: OnCommit = nobody_counts,
    ) -> None:
        self._on_commit = on_commit
        self._connection = connection
        self._vault = vault
        self._connect = connect
        self._lock = lock
        self._path = path
        self._file = path.stat()
        self._transaction = SqlTransaction(connection.execute, SQLITE, vault)
        self._waiting: SimpleQueue[Work[Any] | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._failure: StoreFailed | None = None
        self._closed = False
        self._write_over_at = 0.0
        self._idle_readers: list[sqlite3.Connection] = []
        self._writer = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._writer.start()
        self._end_sweeps = nothing_to_end

    @property
    def failure(self) -> StoreFailed | None:
        """Return why the store takes no more writes, None while it does."""
        return self._failure

    @property
    def objects_failure(self) -> str | None:
        """Return what the object store did not do, empty while it answers; None without one."""
        return self._vault.failed

    def write(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run the work in the writer; the future resolves only after the commit."""
        item = Work(work)
        with self._gate:
            if self._closed:
                item.future.set_exception(StoreFailed("the store is closed"))
            elif self._failure is not None:
                item.future.set_exception(self._failure)
            else:
                self._waiting.put(item)
        return item.future

    def write_beat(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run the work like all others: they are committed together."""
        return self.write(work)

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run the work over a consistent state, in the calling thread."""
        with self._reader() as connection:
            try:
                connection.execute("BEGIN")
                try:
                    return work(SqlReader(connection.execute, SQLITE, self._vault))
                finally:
                    connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                # What a reader cannot read, the writer must not go on writing beside.
                if is_lasting(error):
                    failure = StoreFailed(f"the store cannot be read: {error}")
                    failure.__cause__ = error
                    self._give_up(failure)
                raise

    def prepare(self, documents: Iterable[Document], request: bytes | None = None) -> Prepared:
        """Seal documents ahead of the write that keeps them, in the calling thread."""
        return self._vault.prepare(documents, request)

    def discard(self, prepared: Prepared) -> "Future[None]":
        """Forget what was prepared: its files are removed where no row refers to them."""
        self.let_go(prepared)
        return self.remove(prepared.files)

    def let_go(self, prepared: Prepared) -> None:
        """Leave what was prepared to the sweeps: it is not known whether a row refers to it."""
        self._vault.release(prepared)

    def remove(self, files: Sequence[bytes]) -> "Future[None]":
        """Remove the files of a purge, where no row refers to them any more."""

        def tidy(_: Transaction) -> tuple[bytes, ...]:
            # Rows of this very commit count; if it fails, a sweep removes their files.
            rows = self._transaction
            return self._vault.tidy(files, rows.is_file, rows.is_object)

        return self._vault.removed(self.write(tidy)) if files else done()

    def look_after(self) -> None:
        """Look after the store until it is closed, in a thread; for who serves, and once only."""
        self._end_sweeps = look_after(self._vault, self.read, (self._look,))

    def close(self) -> None:
        """Finish the waiting works and let go of the data directory; may be repeated."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._end_sweeps()
        self._writer.join()
        self._vault.close()
        with self._gate:
            readers, self._idle_readers = self._idle_readers, []
        for connection in readers:
            connection.close()
        # The last to close checkpoints, so that must be the one that writes.
        self._connection.close()
        self._lock.close()

    def __enter__(self) -> "SqliteStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to one thread; as many exist as ever read at the same time."""
        with self._gate:
            if self._closed:
                raise StoreFailed("the store is closed")
            idle = self._idle_readers.pop() if self._idle_readers else None
        connection = idle or self._connect()
        try:
            yield connection
        finally:
            self._take_back(connection)

    def _take_back(self, connection: sqlite3.Connection) -> None:
        with self._gate:
            if not self._closed:
                self._idle_readers.append(connection)
                return
        connection.close()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            with suppress(Empty):
                while len(group) < GROUP_MAX:
                    item = self._waiting.get_nowait()
                    if item is None:
                        self._waiting.put(None)
                        break
                    group.append(item)
            self._commit([item for item in group if item.future.set_running_or_notify_cancel()])
            due = time.monotonic() >= self._write_over_at
            if self._transaction.destroyed and due and self._failure is None:
                self._write_over()

    def _commit(self, group: list[Work[Any]]) -> None:
        """Run a group of works in one transaction, and only then tell the outcomes."""
        began = time.perf_counter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._transaction.begin()
            if len(group) == 1:
                self._attempt_alone(group[0])
            else:
                if not self._attempt_together(group):
                    self._connection.execute("ROLLBACK")
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._transaction.begin()
                    for item in group:
                        self._attempt(item)
                crash_point("store.before_commit")
                self._connection.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            failure = failure_of(error)
            if is_lasting(error):
                self._give_up(failure)
            for item in group:
                item.future.set_exception(failure)
        else:
            crash_point("store.after_commit")
            if kept := sum(item.error is None for item in group):
                self._on_commit(kept, time.perf_counter() - began)
            for item in group:
                item.tell()

    def _attempt_alone(self, item: Work[Any]) -> None:
        """Run the only work of a transaction, which is then undone with it."""
        try:
            item.run(self._transaction)
            self._transaction.flush()
        except Exception as error:
            if is_lasting(error) or not self._connection.in_transaction:
                raise
            item.error = told_of(error)
            self._connection.execute("ROLLBACK")
        else:
            crash_point("store.before_commit")
            self._connection.execute("COMMIT")

    def _attempt_together(self, group: list[Work[Any]]) -> bool:
        """Run works as if none will fail, as nearly always; False when all are to be undone."""
        try:
            for item in group:
                item.run(self._transaction)
            self._transaction.flush()
        except Exception as error:
            if is_lasting(error) or not self._connection.in_transaction:
                raise
            return False
        return True

    def _attempt(self, item: Work[Any]) -> None:
        """Run one work of several so that its failure undoes this work alone."""
        self._connection.execute("SAVEPOINT work")
        try:
            item.run(self._transaction)
            self._transaction.flush()
        except Exception as error:
            if is_lasting(error) or not self._connection.in_transaction:
                raise
            item.error = told_of(error)
            self._connection.execute("ROLLBACK TO work")
            self._transaction.begin()
        self._connection.execute("RELEASE work")

    def _write_over(self) -> None:
        """Empty the log, in which what was destroyed still stands; again later if that is read."""
        try:
            emptied = empty_log(self._connection)
        except sqlite3.Error as error:
            if is_lasting(error):
                self._give_up(StoreFailed(f"the log cannot be written back: {error}"))
        else:
            self._transaction.destroyed = not emptied
            # Each try writes back and syncs what it can: not behind every commit.
            pause = 0 if emptied else sweeping.LOOKS_EVERY / 2
            self._write_over_at = time.monotonic() + pause

    def _look(self) -> None:
        """Look whether the directory is still ours, and whether the log is to be emptied."""
        there = is_same(self._file, self._path) and self._lock.is_on(self._path.parent)
        if self._failure is None and not there:
            self._give_up(StoreFailed(f"the database {self._path} was moved or replaced"))
        elif self._transaction.destroyed:
            # The writer tries again behind any work.
            self.write(lambda _: None)

    def _give_up(self, failure: StoreFailed) -> None:
        """Take no more writes, and fail those that wait."""
        _log.critical("no more is stored until a restart: %s", failure)
        with self._gate:
            self._failure = failure
            waiting: list[Work[Any]] = []
            with suppress(Empty):
                while (item := self._waiting.get_nowait()) is not None:
                    waiting.append(item)
            if self._closed:
                self._waiting.put(None)
        for item in waiting:
            if item.future.set_running_or_notify_cancel():
                item.future.set_exception(failure)
