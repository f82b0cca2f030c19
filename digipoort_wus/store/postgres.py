"""The store of many machines: PostgreSQL, with the same statements as the embedded one.

A few threads write, each over a connection of its own. Two that change the same thing at the
same moment collide: the second is undone and runs again over what the first left. A server
that goes away fails what is under way, and is found again by whoever comes next. Large
payloads are files in a directory that all machines share.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import psycopg

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Document
from digipoort_wus.store.belonging import take_directory
from digipoort_wus.store.directories import make_directory
from digipoort_wus.store.files import Holder, PayloadFiles
from digipoort_wus.store.keyfile import RingSource
from digipoort_wus.store.migrate import check_postgres
from digipoort_wus.store.objects import PayloadObjects
from digipoort_wus.store.pg_session import (
    check_durability,
    to_read,
    to_write,
    with_defaults,
)
from digipoort_wus.store.pg_writer import Connection, Enqueue, Writer, connect, executing, said
from digipoort_wus.store.ports import (
    Prepared,
    Reader,
    StoreFailed,
    Transaction,
)
from digipoort_wus.store.secrets import KeyRing
from digipoort_wus.store.sql.base import IDENTITY, RINGS, SOME_FILES, SOME_OBJECTS
from digipoort_wus.store.sql.session import POSTGRES
from digipoort_wus.store.sql.transaction import SqlReader, SqlTransaction
from digipoort_wus.store.sweeping import look_after, nothing_to_end
from digipoort_wus.store.vault import Vault
from digipoort_wus.store.works import OnCommit, Work, done, nobody_counts

T = TypeVar("T")
_Waiting = SimpleQueue[Work[Any] | None]
WRITERS = 8
"""Connections that write: measured, more gain nothing beside two cores."""
_BEGIN_READ = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_LISTEN_SECONDS = 0.5
_HEARD_WITHIN = 5.0
_JOBS, _OTHERS = b"LISTEN digipoort_job", b"LISTEN digipoort_ebms"


def open_postgres(
    conninfo: str,
    payloads: Path | None,
    ring: KeyRing | RingSource,
    *,
    on_notify: Callable[[], None] | None = None,
    enqueue: Enqueue | None = None,
    writers: int = WRITERS,
    on_commit: OnCommit = nobody_counts,
    objects: PayloadObjects | None = None,
) -> "PostgresStore":
    """Open the store in a PostgreSQL database of the current schema.

    Args:
        conninfo: libpq's connection string or address.
        payloads: directory that every machine of the gateway shares; is created when missing.
            None where there are objects, and never were files.
        ring: the same on every machine, or where it is.
        on_notify: is called, from a thread of the store's own, when somebody left a job.
        enqueue: is called with the kenmerk of each new job, in the transaction that keeps it
            and over its connection; without it, who listens is notified.
        writers: connections that write.
        on_commit: is told of each commit, in a writer.
        objects: keep large payloads from now on; the store closes them.

    Raises:
        ConfigurationError: there is no connection, the schema is another, or the directory
            cannot be used.
    """
    address = with_defaults(conninfo)
    try:
        with connect(address) as connection:
            check_postgres(connection)
            check_durability(connection)
            rings = {row[0] for row in connection.execute(RINGS.encode())}
            (store_id,) = (str(row[0]) for row in connection.execute(IDENTITY.encode()))
            known = [bytes(row[0]) for row in connection.execute(SOME_FILES.encode())]
            in_objects = [bytes(row[0]) for row in connection.execute(SOME_OBJECTS.encode())]
    except psycopg.Error as error:
        raise ConfigurationError(
            f"Cannot open the database: {said(error)}. Start PostgreSQL, or mend what store.url, "
            "store.password_file or libpq's environment say."
        ) from error
    files = None if payloads is None else _files(payloads, store_id, known)
    keys = ring if isinstance(ring, KeyRing) else ring(rings)
    vault = Vault(keys, files, objects)
    store = PostgresStore(address, vault, on_notify, enqueue, writers, on_commit)
    try:
        store.read(lambda reader: vault.require_places(_rows(reader).is_used))
        vault.claim(store_id, in_objects)
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
        self._enqueue = enqueue
        self._on_commit = on_commit
        self._waiting: _Waiting = SimpleQueue()
        self._beats: _Waiting = SimpleQueue()
        self._gate = threading.Lock()
        self._closed = threading.Event()
        self._idle_readers: list[Connection] = []
        self._end_sweeps = nothing_to_end
        self._threads = [
            threading.Thread(
                target=self._run, args=(self._waiting,), name=f"store-writer-{number}", daemon=True
            )
            for number in range(writers)
        ]
        self._threads.append(
            threading.Thread(target=self._run, args=(self._beats,), name="store-beats", daemon=True)
        )
        if on_notify is not None:
            self._threads.append(self._listener(_JOBS, lambda _: on_notify()))
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

    @property
    def objects_failure(self) -> str | None:
        """Return what the object store did not do, empty while it answers; None without one."""
        return self._vault.failed

    def write(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run the work in a writer; the future resolves only after the commit."""
        return self._put(self._waiting, work)

    def write_beat(self, work: Callable[[Transaction], T]) -> "Future[T]":
        """Run a work over a connection of its own, however long others wait for theirs."""
        return self._put(self._beats, work)

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

        def tidy(transaction: Transaction) -> tuple[bytes, ...]:
            rows = _rows(transaction)
            return self._vault.tidy(files, rows.is_file, rows.is_object)

        return self._vault.removed(self.write(tidy)) if files else done()

    @property
    def is_shared(self) -> bool:
        """Return True: other processes may use it, and be told."""
        return True

    def hear(self, told: Callable[[str], object]) -> None:
        """Call this with what is told, here or in other processes; returns when they are heard."""
        began = threading.Event()

        def listened(said: str) -> None:
            began.set()
            told(said)

        listener = self._listener(_OTHERS, listened)
        with self._gate:
            if self._closed.is_set():
                return
            self._threads.append(listener)
            listener.start()
        began.wait(_HEARD_WITHIN)

    def look_after(self) -> None:
        """Look after the store until it is closed, in a thread; for who serves, and once only."""
        self._end_sweeps = look_after(self._vault, self.read)

    def close(self) -> None:
        """Finish the waiting works and let go of every connection; may be repeated."""
        with self._gate:
            if self._closed.is_set():
                return
            self._closed.set()
            threads = tuple(self._threads)
            for _ in threads:
                self._waiting.put(None)
            self._beats.put(None)
        self._end_sweeps()
        for thread in threads:
            thread.join()
        self._vault.close()
        with self._gate:
            readers, self._idle_readers = self._idle_readers, []
        for connection in readers:
            connection.close()

    def __enter__(self) -> "PostgresStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, waiting: "_Waiting", work: Callable[[Transaction], T]) -> "Future[T]":
        item = Work(work)
        with self._gate:
            if self._closed.is_set():
                item.future.set_exception(StoreFailed("the store is closed"))
            else:
                waiting.put(item)
        return item.future

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
            connection = connect(to_read(self._conninfo))
            try:
                connection.execute(_BEGIN_READ)
            except BaseException:
                connection.close()
                raise
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

    def _run(self, waiting: "_Waiting") -> None:
        address = to_write(self._conninfo)
        writer = Writer(address, self._vault, self._enqueue, self._on_commit)
        while (item := waiting.get()) is not None:
            if item.future.set_running_or_notify_cancel():
                try:
                    writer.do(item)
                except BaseException as error:
                    failure = StoreFailed(f"nothing was stored: {type(error).__name__}: {error}")
                    failure.__cause__ = error
                    item.error = failure
                item.tell()
        writer.close()

    def _listener(self, listen: bytes, told: Callable[[str], object]) -> threading.Thread:
        """Return what calls whoever wants to know, also after each time that nobody listened."""

        def run() -> None:
            while not self._closed.is_set():
                with suppress(psycopg.Error), connect(self._conninfo) as connection:
                    connection.execute(listen)
                    told("")
                    while not self._closed.is_set():
                        for one in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                            told(one.payload)
                self._closed.wait(_LISTEN_SECONDS)

        return threading.Thread(target=run, name="store-listener", daemon=True)


def _files(directory: Path, store_id: str, known: Iterable[bytes]) -> PayloadFiles:
    """Return the files of a directory that other machines use too.

    Raises:
        ConfigurationError: it cannot be used, or belongs to another database.
    """
    try:
        make_directory(directory)
        take_directory(directory, store_id, known)
        return PayloadFiles(directory, Holder.SHARED)
    except OSError as error:
        raise ConfigurationError(f"cannot use the directory of payloads: {error}") from error


def _rows(reader: Reader) -> SqlReader | SqlTransaction:
    """Return a transaction of this kind of store, of which more can be asked."""
    if not isinstance(reader, SqlReader | SqlTransaction):
        raise TypeError("a transaction of another store")
    return reader
