"""The queue of a cluster: pgqueuer's tables beside ours, a row for each job to look at.

A row carries the kenmerk and nothing else. It is written in the transaction that keeps the job,
and is a hint: who takes it asks the table of jobs, whose lease and token stay the truth. A row
that is lost delays a filing until somebody sweeps, and one too many finds nothing to do.
"""

import asyncio
import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver, SyncPsycopgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries, SyncQueries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from psycopg import AsyncConnection

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.pg_writer import Connection, connect, said

_log = logging.getLogger(__name__)
Look = Callable[[str], float | None]
"""Does what is due of a kenmerk; returns after how many seconds to ask again, None: never."""

_ENTRYPOINT = "filing"
# Said in full: pgqueuer would take each from the environment, some by a name like TRIGGER.
_NAMES = DBSettings(
    prefix="",
    db_schema=None,
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
)
_STATEMENTS = QueryQueueBuilder(_NAMES)
_BATCH = 16
_TAKEN_AT_MOST = 64
"""Rows that one process has taken: some wait for a thread, so that none waits for a row."""
_ROW_LOST_AFTER = timedelta(seconds=30)
"""Without a sign of life for so long, a row goes to another process."""
_AGAIN_AFTER = 1.0
_HEARD_AFTER = 2.0
"""Seconds without a failure after which a queue is taken to be heard: one comes in several."""
_TRIMMED_EVERY = 600.0
_TRIM = (
    "DELETE FROM pgqueuer_log WHERE aggregated AND created < now() - interval '1 day'",
    "DELETE FROM pgqueuer_statistics WHERE created < now() - interval '30 days'",
)


def enqueue(connection: Connection, kenmerk: str) -> None:
    """Add a row for a kenmerk, in the transaction that the connection is in.

    Args:
        connection: with autocommit, in a transaction that it was told to begin.
        kenmerk: of a job that is kept in the same transaction.
    """
    queries = SyncQueries(SyncPsycopgDriver(connection), qbq=_STATEMENTS)
    queries.enqueue(_ENTRYPOINT, kenmerk.encode())


def install_queue(conninfo: str) -> None:
    """Make the tables of the queue, or bring them up to what this pgqueuer wants.

    One at a time: the caller holds a lock, or is alone.

    Raises:
        ConfigurationError: the database refuses.
    """
    try:
        asyncio.run(_install(conninfo))
    except psycopg.Error as error:
        raise ConfigurationError(f"cannot make the queue in the database: {error}") from error


def check_queue(conninfo: str) -> None:
    """Refuse a database without a queue.

    Raises:
        ConfigurationError: the tables of the queue are not there, or the database is not.
    """
    try:
        with connect(conninfo) as connection:
            row = connection.execute(b"SELECT to_regclass('pgqueuer_log') IS NOT NULL").fetchone()
    except psycopg.Error as error:
        raise ConfigurationError(f"cannot look for the queue: {said(error)}") from error
    if row is None or not row[0]:
        raise ConfigurationError(
            "the database has no queue: run `digipoort-wus db upgrade` with the same --config"
        )


class PgQueue:
    """Takes kenmerken out of the queue of one database, over connections of its own.

    Args:
        conninfo: libpq's connection string or address.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._stopping = threading.Event()
        self._gate = threading.Lock()
        self._end: Callable[[], None] | None = None
        self._told = False

    def serve(self, look: Look, pool: Executor) -> None:
        """Have every kenmerk looked at until :meth:`stop`; blocks, and connects as often as needed.

        Args:
            look: runs in the pool, several at a time; must not raise.
            pool: bounds how many are looked at.
        """
        while not self._stopping.is_set():
            try:
                asyncio.run(self._serve(look, pool))
            except Exception as error:
                self._tell_lost(_why(error))
            self._stopping.wait(random.uniform(0, _AGAIN_AFTER))  # noqa: S311, spread and no secret

    def stop(self) -> None:
        """Take no more; what was taken and not begun goes back. May be called from any thread."""
        self._stopping.set()
        with self._gate:
            if self._end is not None:
                self._end()

    async def _serve(self, look: Look, pool: Executor) -> None:
        connect_to = partial(AsyncConnection.connect, self._conninfo, autocommit=True)
        async with await connect_to() as asking, await connect_to() as listening:
            driver = _TwoConnections(asking, listening)
            queries = _queries(driver)
            manager = QueueManager(queries, channel=_NAMES.channel)

            def lost(why: str) -> None:
                self._tell_lost(why)
                manager.shutdown.set()

            driver.lost = lost
            loop = asyncio.get_running_loop()

            @manager.entrypoint(_ENTRYPOINT)
            async def filing(job: Job) -> None:
                kenmerk = (job.payload or b"").decode()
                again = (
                    0.0
                    if self._stopping.is_set()
                    else await loop.run_in_executor(pool, look, kenmerk)
                )
                if again is not None:
                    raise RetryRequested(timedelta(seconds=again), "not before")

            with self._gate:
                self._end = partial(_shut_down, loop, manager)
            if self._stopping.is_set():
                manager.shutdown.set()
            trimming = asyncio.create_task(_trim(queries))
            heard = loop.call_later(_HEARD_AFTER, self._tell_heard)
            try:
                await manager.run(
                    batch_size=_BATCH,
                    max_concurrent_tasks=_TAKEN_AT_MOST,
                    heartbeat_timeout=_ROW_LOST_AFTER,
                    shutdown_on_listener_failure=True,
                )
            finally:
                with self._gate:
                    self._end = None
                trimming.cancel()
                heard.cancel()

    def _tell_lost(self, why: str) -> None:
        if not self._stopping.is_set() and not self._told:
            self._told = True
            _log.warning(
                "the queue is not heard; until it is, jobs are found by looking: %s",
                why,
                extra={"event": "queue-failed"},
            )

    def _tell_heard(self) -> None:
        if self._told:
            self._told = False
            _log.warning("the queue is heard again", extra={"event": "queue-again"})


class _TwoConnections(PsycopgDriver):
    """Listens over a connection of its own.

    Psycopg gives a connection to who listens until something comes or a second is over, and a
    question over the same one would wait as long.

    Attributes:
        lost: is called when nothing will be heard any more, with what PostgreSQL said.
    """

    def __init__(self, asking: "AsyncConnection[Any]", listening: "AsyncConnection[Any]") -> None:
        super().__init__(listening)
        self.lost: Callable[[str], object] = _nothing
        self._asking = PsycopgDriver(asking)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._asking.fetch(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        return await self._asking.execute(query, *args)

    async def watch_notifies(self) -> None:
        try:
            await super().watch_notifies()
        except psycopg.Error as error:
            self.lost(said(error))


def _why(error: BaseException) -> str:
    """Return what PostgreSQL said, where it was PostgreSQL, and else what kind of error it is."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, psycopg.Error):
            return said(found)
        found = found.__cause__ or found.__context__
    return "its connection ended" if "Listener" in type(error).__name__ else type(error).__name__


def _nothing(_: str) -> None:
    """Do nothing."""


def _queries(driver: PsycopgDriver) -> Queries:
    return Queries(
        driver,
        QueryBuilderEnvironment(_NAMES),
        QueryQueueBuilder(_NAMES),
        QuerySchedulerBuilder(_NAMES),
    )


def _shut_down(loop: asyncio.AbstractEventLoop, manager: QueueManager) -> None:
    loop.call_soon_threadsafe(manager.shutdown.set)


async def _install(conninfo: str) -> None:
    async with await AsyncConnection.connect(conninfo, autocommit=True) as connection:
        queries = _queries(PsycopgDriver(connection))
        # Its own lock makes two of these wait for each other; it makes what is missing.
        await queries.apply_upgrade()


async def _trim(queries: Queries) -> None:
    """Forget now and then what pgqueuer has written of rows that are done."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1) * _TRIMMED_EVERY)  # noqa: S311, spread
        for statement in _TRIM:
            with suppress(psycopg.Error):
                await queries.driver.execute(statement)
