"""Filings on PostgreSQL that pgqueuer hands out, beside the figures of the store alone."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.store import engine_over, file_all, left, row
from digipoort_wus.clock import system_clock
from digipoort_wus.process.cluster import ClusterRunner
from digipoort_wus.server.workers import take_short_turns
from digipoort_wus.store.ports import Store
from digipoort_wus.store.secrets import key_ring

_NAME = "PostgreSQL with pgqueuer"


def cluster_rows(scratch: Path, *, filings: int) -> Iterator[tuple[str, ...]]:
    """Give the rows, none where PostgreSQL or its packages are not.

    Args:
        scratch: a directory for documents.
        filings: in each row; a multiple of the callers.
    """
    try:
        from tests.postgres import programs, running
    except ImportError:
        return
    if programs() is None:
        return
    take_short_turns()
    # Durable, as it would be where filings are kept.
    with running({}) as server:
        with server.database() as conninfo, _opened(conninfo, scratch) as store:
            yield row(f"{_NAME}: intake", filings, lambda: file_all(store, filings))
            work = _worked_on(store, conninfo)
            yield row(f"{_NAME}: steps until 500, one worker", filings, work)
        with server.database() as conninfo, _opened(conninfo, scratch) as store:
            filing = threading.Thread(target=file_all, args=(store, filings))
            work = _worked_on(store, conninfo, filing)
            yield row(f"{_NAME}: whole filing", filings, work)


@contextmanager
def _opened(conninfo: str, scratch: Path) -> Iterator[Store]:
    from digipoort_wus.store.pg_queue import enqueue
    from digipoort_wus.store.postgres import open_postgres

    ring = key_ring(bytes(32))
    with open_postgres(conninfo, scratch / "documents", ring, enqueue=enqueue) as store:
        yield store


def _worked_on(
    store: Store, conninfo: str, filing: threading.Thread | None = None
) -> Callable[[], None]:
    """Return what works on filings until none is left, and until nobody files any more."""
    from digipoort_wus.store.pg_queue import PgQueue

    def work() -> None:
        engine = engine_over(store)
        runner = ClusterRunner(PgQueue(conninfo), engine.run_one, store, system_clock)
        runner.start()
        if filing is not None:
            filing.start()
        while (filing is not None and filing.is_alive()) or left(store):
            time.sleep(0.1)
        runner.stop()

    return work
