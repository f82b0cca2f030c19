"""The store of many machines: PostgreSQL, with the same statements as the embedded one.

A few threads write, each over a connection of its own. Two that change the same thing at the
same moment collide: the second is undone and runs again over what the first left. A server
that goes away fails what is under way, and is found again by whoever comes next. Large
payloads are files in a directory that all machines share.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Document
from digipoort_wus.store.files import Holder, PayloadFiles
from digipoort_wus.store.keyfile import RingSource
from digipoort_wus.store.migrate import check_postgres
from digipoort_wus.store.pg_writer import Connection, Enqueue, Writer, connect, executing, said
from digipoort_wus.store.ports import (
    Prepared,
    Reader,
    StoreFailed,
    Transaction,
)
from digipoort_wus.store.secrets import KeyRing
from digipoort_wus.store.sql.base import RINGS
from digipoort_wus.store.sql.session import POSTGRES
from digipoort_wus.store.sql.transaction import SqlReader, SqlTransaction
from digipoort_wus.store.vault import Vault
from digipoort_wus.store.works import OnCommit, Work, done, nobody_counts

_log = logging.getLogger(__name__)
T = TypeVar("T")
WRITERS = 8
"""Connections that write: measured, more gain nothing beside two cores."""
_BEGIN_READ = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# A machine that went away without a word is noticed within half a minute.
_UNLESS_GIVEN = {
    "application_name": "digipoort-wus",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_DURABLE = frozenset({"on", "local", "remote_write", "remote_apply"})
_LISTEN_SECONDS = 0.5


def open_postgres(
    conninfo: str,
    payloads: Path,
    ring: KeyRing | RingSource,
    *,
    on_notify: Callable[[], None] | None = None,
    enqueue: Enqueue | None = None,
    writers: int = WRITERS,
    on_commit: OnCommit = nobody_counts,
) -> "PostgresStore":
    """Open the store in a PostgreSQL database of the current schema.

    Args:
        conninfo: libpq's connection string or address.
        payloads: directory that every machine of the gateway shares; is created when missing.
        ring: the same on every machine, or where it is.
        on_notify: is called, from a thread of the store's own, when somebody left a job.
        enqueue: is called with the kenmerk of each new job, in the transaction that keeps it
            and over its connection; without it, who listens is notified.
        writers: connections that write.
        on_commit: is told of each commit, in a writer.

    Raises:
        ConfigurationError: there is no connection, the schema is another, or the directory
            cannot be used.
    """
    address = _with_defaults(conninfo)
    try:
        with connect(address) as connection:
            check_postgres(connection)
            _check_durability(connection)
            rings = {row[0] for row in connection.execute(RINGS.encode())}
    except psycopg.Error as error:
        raise ConfigurationError(f"cannot open the database: {error}") from error
    try:
        payloads.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = PayloadFiles(payloads, Holder.SHARED)
    except OSError as error:
        raise ConfigurationError(f"cannot use the directory of payloads: {error}") from error
    keys = ring if isinstance(ring, KeyRing) else ring(rings)
    store = PostgresStore(address, Vault(keys, files), on_notify, enqueue, writers, on_commit)
    try:
        if swept := store.read(lambda reader: files.sweep(_file_question(reader))):
            _log.info("%d payload files without a filing were removed", swept)
    except BaseException:
        store.close()
        raise
    return store


class PostgresStore:
    """Implements :class:`~digipoort_wus.store.ports.Store`; made by :func:`open_postgres`."""

    def __init__(
        self,
        conninfo: str,
        vault: Vault,
        on_notify: Callable[[], None] | None,
        enqueue: Enqueue | None,
        writers: int,
        on_commit: OnCommit = nobody_counts,
    ) -> None:
        self._conninfo = conninfo
        self._vault = vault
        self._on_notify = on_notify
        self._enqueue = enqueue
        self._on_commit = on_commit
        self._waiting: SimpleQueue[Work[Any] | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._closed = threading.Event()
        self._idle_readers: list[Connection] = []
        self._threads = [
            threading.Thread(target=self._run, name=f"store-writer-{number}", daemon=True)
            for number in range(writers)
        ]
        if on_notify is not None:
            listener = threading.Thread(target=self._listen, name="store-listener", daemon=True)
            self._threads.append(listener)
        for thread in self._threads:
            thread.start()

    @property
    def address(self) -> str:
        """Return the connection string of the store; there may be a password in it."""
        return self._conninfo

    @property
    def failure(self) -> StoreFailed | None:
        """Return None: a server that went away is looked for again at each work."""
        return None

    def write(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run the work in a writer; the future resolves only after the commit."""
        item = Work(work)
        with self._gate:
            if self._closed.is_set():
                item.future.set_exception(StoreFailed("the store is closed"))
            else:
                self._waiting.put(item)
        return item.future

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run the work over a consistent state, in the calling thread."""
        connection = self._begun_reader()
        try:
            result = work(SqlReader(executing(connection), POSTGRES, self._vault))
        except psycopg.Error as error:
            self._take_back(connection)
            if connection.closed:
                raise StoreFailed(f"the database went away: {said(error)}") from error
            raise
        except BaseException:
            self._take_back(connection)
            raise
        self._take_back(connection)
        return result

    def prepare(self, documents: Iterable[Document], request: bytes | None = None) -> Prepared:
        """Seal documents ahead of the write that keeps them, in the calling thread."""
        return self._vault.prepare((document.content for document in documents), request)

    def discard(self, prepared: Prepared) -> "Future[None]":
        """Forget what was prepared: its files are removed where no row refers to them."""
        self._vault.release(prepared)
        return self.remove(prepared.files)

    def remove(self, files: Sequence[bytes]) -> "Future[None]":
        """Remove the files of a purge, where no row refers to them any more."""

        def tidy(transaction: Transaction) -> None:
            is_file = _file_question(transaction)
            for digest in files:
                if not is_file(digest):
                    self._vault.files.remove(digest)

        return self.write(tidy) if files else done()

    def close(self) -> None:
        """Finish the waiting works and let go of every connection; may be repeated."""
        with self._gate:
            if self._closed.is_set():
                return
            self._closed.set()
            for _ in self._threads:
                self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        with self._gate:
            readers, self._idle_readers = self._idle_readers, []
        for connection in readers:
            connection.close()

    def __enter__(self) -> "PostgresStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begun_reader(self) -> Connection:
        """Return a connection in a transaction that reads; an idle one may have died since."""
        with self._gate:
            if self._closed.is_set():
                raise StoreFailed("the store is closed")
            idle = self._idle_readers.pop() if self._idle_readers else None
        if idle is not None:
            try:
                idle.execute(_BEGIN_READ)
            except psycopg.Error:
                idle.close()
            else:
                return idle
        try:
            connection = connect(self._conninfo)
            connection.execute(_BEGIN_READ)
        except psycopg.Error as error:
            raise StoreFailed(f"the database cannot be reached: {error}") from error
        return connection

    def _take_back(self, connection: Connection) -> None:
        """End a reading transaction, and keep its connection for the next."""
        with suppress(psycopg.Error):
            connection.execute(b"ROLLBACK")
        with self._gate:
            if not connection.closed and not self._closed.is_set():
                self._idle_readers.append(connection)
                return
        connection.close()

    def _run(self) -> None:
        writer = Writer(self._conninfo, self._vault, self._enqueue, self._on_commit)
        while (item := self._waiting.get()) is not None:
            if item.future.set_running_or_notify_cancel():
                try:
                    writer.do(item)
                except BaseException as error:
                    failure = StoreFailed(f"nothing was stored: {type(error).__name__}: {error}")
                    failure.__cause__ = error
                    item.error = failure
                item.tell()
        writer.close()

    def _listen(self) -> None:
        """Call whoever wants to know of jobs, also after each time that nobody listened."""
        while not self._closed.is_set():
            with suppress(psycopg.Error), connect(self._conninfo) as connection:
                connection.execute(b"LISTEN digipoort_job")
                self._tell_of_jobs()
                while not self._closed.is_set():
                    for _ in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                        self._tell_of_jobs()
            self._closed.wait(_LISTEN_SECONDS)

    def _tell_of_jobs(self) -> None:
        if self._on_notify is not None:
            self._on_notify()


def _with_defaults(conninfo: str) -> str:
    """Return a connection string with what we want to be so unless it says otherwise."""
    try:
        given = conninfo_to_dict(conninfo)
    except psycopg.Error as error:
        raise ConfigurationError(f"the address of the database is none: {error}") from error
    options = f"{given.get('options') or ''} -c synchronous_commit=on".strip()
    return make_conninfo("", **{**_UNLESS_GIVEN, **given, "options": options})


def _check_durability(connection: Connection) -> None:
    """Refuse a database that acknowledges what it may lose, and warn of one that cannot keep.

    Raises:
        ConfigurationError: a commit is acknowledged before it is durable.
    """
    commit = _setting(connection, b"SHOW synchronous_commit")
    if commit not in _DURABLE:
        raise ConfigurationError(
            f"the database has synchronous_commit = {commit} for this user: set it to on"
        )
    for name, question in (
        ("fsync", b"SHOW fsync"),
        ("full_page_writes", b"SHOW full_page_writes"),
    ):
        if _setting(connection, question) != "on":
            _log.warning(
                "the database server has %s = off: a crash of its machine loses what was "
                "acknowledged, or all of it; only for tests",
                name,
            )


def _setting(connection: Connection, question: bytes) -> str:
    row = connection.execute(question).fetchone()
    return "" if row is None else str(row[0])


def _file_question(reader: Reader) -> Callable[[bytes], bool]:
    """Return what tells whether a row refers to a file."""
    if not isinstance(reader, SqlReader | SqlTransaction):
        raise TypeError("a transaction of another store")
    return reader.is_file
