"""Store and engine alone: filings that are taken, and filings that go all the way to status 500.

Sixteen filings of 10 kB are under way through the process at any time, as the services have
them, without XML, signatures and TLS: one thread begins the next as soon as one is answered, as
the reactor does. The agency is in memory. Beside it stands what the same disk or server does with
as many bare commits of 10 kB.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from bench.local import CONTENT
from bench.measure import progress
from digipoort_wus.clock import system_clock
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.gates import new_id
from digipoort_wus.process.agency import SandboxAgency
from digipoort_wus.process.api import Caller
from digipoort_wus.process.engine import Engine
from digipoort_wus.process.intake import House
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.service import ProcessService
from digipoort_wus.process.steps import AllowAll, Participants
from digipoort_wus.rules.catalogue import catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.engine import Engine as Rules
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.server.workers import take_short_turns
from digipoort_wus.store.ports import QueueCounts, Reader, Store
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sqlite import open_sqlite

HEADER = ("store and engine, 16 callers", "per second", "CPU ms of one")
CALLERS = 16
_TOGETHER = 64
_ENGINES = 2
_WAKES = 5
_OIN = "00000099000000002000"
_PARTY = Party("001000044B37", "Fi")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A store, and bare commits beside it: one by one, and so many together."""

    name: str
    open: Callable[[], AbstractContextManager[Store]]
    commit: Callable[[int], None]


def store_rows(scratch: Path, *, filings: int) -> Iterator[tuple[str, ...]]:
    """Give the rows of SQLite, and of PostgreSQL where its programs are.

    Args:
        scratch: the disk that is measured.
        filings: in each row; a multiple of the callers.
    """
    take_short_turns()
    with ExitStack() as stack:
        for kind in _kinds(scratch, stack):
            for together in (1, _TOGETHER):
                name = f"{kind.name}: bare commit of {together} x 10 kB, one caller"
                yield row(name, filings, _commits(kind, filings, together))
            with kind.open() as store:
                yield row(f"{kind.name}: intake", filings, partial(file_all, store, filings))
                work = engine_over(store).run_due
                yield row(f"{kind.name}: steps until 500, one engine", filings, work)
            with kind.open() as store:
                yield row(f"{kind.name}: whole filing", filings, _whole(store, filings))


def row(name: str, filings: int, work: Callable[[], object]) -> tuple[str, ...]:
    """Do the work, and return its row."""
    progress(name)
    used, began = time.process_time(), time.perf_counter()
    work()
    spent, seconds = time.process_time() - used, time.perf_counter() - began
    return name, f"{filings / seconds:,.0f}", f"{spent / filings * 1000:.2f}"


def file_all(store: Store, filings: int) -> None:
    """File, and again for each filing that got its kenmerk."""
    with ThreadPoolExecutor(4) as executor:
        process = ProcessService(store, House(sandbox_routes()), system_clock, new_id, executor)

        begun, done = 0, SimpleQueue[Future[Filing]]()

        def begin() -> None:
            who = Caller(_OIN, None, new_id(), bytes(32))
            process.accept(who, _DELIVERY).add_done_callback(done.put)

        # As the reactor has them: one thread begins them all, and none waits for its own.
        while begun < min(CALLERS, filings):
            begin()
            begun += 1
        for _ in range(filings):
            done.get().result()
            if begun < filings:
                begin()
                begun += 1


def _whole(store: Store, filings: int) -> Callable[[], None]:
    def work() -> None:
        engine = engine_over(store)
        runners = [Runner(engine.run_due, system_clock) for _ in range(_ENGINES)]
        for runner in runners:
            runner.start()
        filing = threading.Thread(target=file_all, args=(store, filings))
        filing.start()
        # Seldom asked, for it looks at every job that is left.
        while filing.is_alive() or left(store):
            for _ in range(_WAKES):
                for runner in runners:
                    runner.wake()
                time.sleep(0.02)
        for runner in runners:
            runner.stop()

    return work


def left(store: Store) -> int:
    """Return how many filings are not done yet."""

    def counts(reader: Reader) -> QueueCounts:
        return reader.counts(system_clock())

    found = store.read(counts)
    if found.aside or found.later:
        raise RuntimeError("a filing did not go all the way")
    return found.due + found.leased


def engine_over(store: Store) -> Engine:
    """Return an engine with an agency in memory."""
    agency = SandboxAgency(system_clock, new_id)
    # Those of every filing: what the sets of a berichtsoort cost is not measured here.
    sets = load_sets((SHIPPED,), installed_kinds())
    rules = Rules(catalogue_of([one for one in sets if one.id == "nl.base"]))
    return Engine(store, Participants(AllowAll(), rules, agency), system_clock)


_DELIVERY = Delivery(
    "Omzetbelasting",
    _PARTY,
    "Bedrijf",
    Document(
        "text/xml",
        "Omzetbelasting.xbrl",
        (
            '<xbrl xmlns="http://www.xbrl.org/2003/instance"><context id="c"><entity>'
            '<identifier scheme="www.belastingdienst.nl/omzetbelastingnummer">'
            f"{_PARTY.number}</identifier></entity></context></xbrl>"
        )
        .encode()
        .ljust(len(CONTENT)),
    ),
)


def _kinds(scratch: Path, stack: ExitStack) -> Iterator[_Kind]:
    numbers = iter(range(100))
    bare = sqlite3.connect(scratch / "bare.db", isolation_level=None)
    stack.callback(bare.close)
    for setting in ("journal_mode = WAL", "synchronous = FULL"):
        bare.execute(f"PRAGMA {setting}")
    bare.execute("CREATE TABLE payload (id INTEGER PRIMARY KEY, content BLOB)")

    def commit(together: int) -> None:
        bare.execute("BEGIN IMMEDIATE")
        for _ in range(together):
            bare.execute("INSERT INTO payload (content) VALUES (?)", (CONTENT,))
        bare.execute("COMMIT")

    yield _Kind("SQLite", lambda: open_sqlite(scratch / f"data-{next(numbers)}"), commit)
    yield from _postgres(scratch, stack)


def _postgres(scratch: Path, stack: ExitStack) -> Iterator[_Kind]:
    try:
        import psycopg

        from tests.postgres import programs, running
    except ImportError:
        return
    if programs() is None:
        return
    from digipoort_wus.store.postgres import open_postgres

    # Durable, as it would be where filings are kept.
    cluster = stack.enter_context(running({}))

    @contextmanager
    def opened() -> Iterator[Store]:
        with (
            cluster.database() as conninfo,
            open_postgres(conninfo, scratch / "payloads", key_ring(bytes(32))) as store,
        ):
            yield store

    bare: psycopg.Connection[Any] = psycopg.connect(
        stack.enter_context(cluster.database()), autocommit=True
    )
    stack.callback(bare.close)
    bare.execute("CREATE TABLE bare (content bytea)")

    def commit(together: int) -> None:
        with bare.transaction():
            for _ in range(together):
                bare.execute("INSERT INTO bare VALUES (%s)", (CONTENT,))

    yield _Kind("PostgreSQL", opened, commit)


def _commits(kind: _Kind, filings: int, together: int) -> Callable[[], None]:
    def work() -> None:
        for _ in range(max(1, filings // together)):
            kind.commit(together)

    return work
