"""One writing connection to PostgreSQL, and what becomes of works that collide or break off."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg

from digipoort_wus._crash import crash_point
from digipoort_wus.store.ports import NotStorable, StoreFailed
from digipoort_wus.store.sql.session import POSTGRES, Cursor, Execute, Value, in_postgres
from digipoort_wus.store.sql.transaction import SqlTransaction
from digipoort_wus.store.vault import Vault
from digipoort_wus.store.works import OnCommit, Work, nobody_counts

Connection = psycopg.Connection[Any]
Enqueue = Callable[[Connection, str], None]
"""Hands a kenmerk to a queue in the same database, within the connection's transaction."""

ATTEMPTS = 12
"""How often a work that collides is begun anew."""
_SLOWEST_RETRY = 0.5
# 40001 another changed it first; 40P01 two waited for each other; 23505 another took it first.
_COLLIDED = frozenset({"40001", "40P01", "23505"})
# 55P03 waited too long for another; 57014 took too long; 25P03 was idle for too long.
_TIMED_OUT = frozenset({"55P03", "57014", "25P03"})
_WAS_IDLE = "25P03"
_PATIENCE = 20.0
"""Seconds from its begin in which a work that ran out of time is begun anew."""
# Of the statement or its values, not of the server: data, constraints, syntax and rights.
_OF_THE_WORK = ("22", "23", "42")
_BEGIN_WRITE = b"BEGIN ISOLATION LEVEL REPEATABLE READ"


class Writer:
    """The connection of one writing thread, made when it is needed."""

    def __init__(
        self,
        conninfo: str,
        vault: Vault,
        enqueue: Enqueue | None,
        on_commit: OnCommit = nobody_counts,
    ) -> None:
        self._conninfo = conninfo
        self._vault = vault
        self._enqueue = enqueue
        self._on_commit = on_commit
        self._connection: Connection | None = None

    def do(self, item: Work[Any]) -> None:
        """Run a work until it is committed or has failed for good; its outcome is in it."""
        began = time.monotonic()
        for attempt in range(ATTEMPTS):
            error = self._attempt(item)
            if error is None:
                return
            late = error.sqlstate in _TIMED_OUT and time.monotonic() - began > _PATIENCE
            if attempt == ATTEMPTS - 1 or late:
                item.error = _failed(error)
                return
            if not self._is_gone():
                # Full jitter: who collided once should not do so again at the same moment.
                longest = min(_SLOWEST_RETRY, 0.002 * 2**attempt)
                time.sleep(random.uniform(0, longest))  # noqa: S311, spread and no secret
            elif attempt and error.sqlstate != _WAS_IDLE:
                item.error = _failed(error)
                return

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()

    def _is_gone(self) -> bool:
        return self._connection is None or bool(self._connection.closed)

    def _attempt(self, item: Work[Any]) -> psycopg.Error | None:
        """Return None once the outcome is in the item, or why another attempt is worth it."""
        committing = False
        try:
            connection = self._connected()
            connection.execute(_BEGIN_WRITE)
            enqueue = None if self._enqueue is None else partial(self._enqueue, connection)
            transaction = SqlTransaction(executing(connection), POSTGRES, self._vault, enqueue)
            item.run(transaction)
            transaction.complete()
            committing, began = True, time.perf_counter()
            crash_point("store.before_commit")
            ended = connection.execute(b"COMMIT").statusmessage
            if ended != "COMMIT":
                # A statement failed and the work went on: the server says so, and no error.
                raise StoreFailed("nothing was stored: a statement of the work had failed")
            crash_point("store.after_commit")
            self._on_commit(1, time.perf_counter() - began)
        except psycopg.Error as error:
            self._undo()
            if self._is_gone():
                # The server ends a transaction that was idle for too long, and says so later.
                if not committing or error.sqlstate == _WAS_IDLE:
                    return error
                text = f"the database went away while it committed: {said(error)}"
                item.error = StoreFailed(text)
            elif error.sqlstate in _COLLIDED | _TIMED_OUT:
                return error
            else:
                item.error = _failed(error)
                if isinstance(item.error, StoreFailed):
                    # A server that only reads since, or whose disk is full: ask for it anew.
                    self.close()
        except Exception as error:
            self._undo()
            item.error = error
        return None

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = None
            self._connection = connect(self._conninfo)
        return self._connection

    def _undo(self) -> None:
        if self._connection is not None and not self._connection.closed:
            with suppress(psycopg.Error):
                self._connection.execute(b"ROLLBACK")


def _failed(error: psycopg.Error) -> StoreFailed | NotStorable:
    """Return what is told of an error; never the error itself, which shows values of rows."""
    text = f"nothing was stored: {type(error).__name__}: {said(error)}"
    of_the_work = (error.sqlstate or "").startswith(_OF_THE_WORK)
    return NotStorable(text) if of_the_work else StoreFailed(text)


def said(error: psycopg.Error) -> str:
    """Return what the server said, without its details: those show values of rows."""
    return error.diag.message_primary or str(error).partition("\n")[0]


def connect(conninfo: str) -> Connection:
    """Return a connection that is in no transaction."""
    return psycopg.connect(conninfo, autocommit=True)


def executing(connection: Connection) -> Execute:
    """Return what runs statements over a connection."""

    def execute(statement: str, values: Sequence[Value]) -> Cursor:
        # Psycopg would look for placeholders each time in what has many values.
        cursor = psycopg.RawCursor(connection)
        return cursor.execute(in_postgres(statement), values, binary=True)

    return execute
