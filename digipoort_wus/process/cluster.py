"""Works on filings together with other processes: what the queue says, and what it forgot.

The queue says which kenmerk to look at. What is done, and by whom, the jobs in the store say:
they are claimed under a lease. Now and then the jobs are looked through for what no queue spoke
of: a message that was lost, or a process that died with a lease.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Protocol

from digipoort_wus.clock import Clock
from digipoort_wus.process.engine import where
from digipoort_wus.process.runner import ENDED, nothing_began, nothing_overdue
from digipoort_wus.store.ports import Reader, Store

_log = logging.getLogger(__name__)
RunOne = Callable[[str, Callable[[], bool]], datetime | None]
"""``Engine.run_one``."""
THREADS = 16
"""Filings on which one process works at the same time."""
SWEEP_EVERY = timedelta(seconds=4)
"""At most; what a dead process left is begun again within its lease and five seconds."""
_OVERDUE = timedelta(seconds=2)
_SWEPT_AT_MOST = 64
_SOONEST = 0.1
_AFTER_FAILURE = 1.0
_STOP_WITHIN = timedelta(seconds=10)


class Queue(Protocol):
    """Says which kenmerk to look at; may forget one, and may say one twice."""

    def serve(self, look: Callable[[str], float | None], pool: Executor) -> None:
        """Have every kenmerk looked at, in the pool, until :meth:`stop`; blocks."""

    def stop(self) -> None:
        """Take no more; may be called from any thread."""


class Works(Protocol):
    """Works on filings, in threads of its own."""

    @property
    def is_alive(self) -> bool:
        """Return whether the threads run."""

    @property
    def trouble(self) -> str:
        """Say why nothing, or something, is not worked on; empty when all goes well."""

    def start(self) -> None:
        """Start the threads; once only."""

    def wake(self) -> None:
        """Look for work now; may be called from any thread, and before the start."""

    def stop(self) -> None:
        """Let running steps finish, or leave them after some seconds to their leases."""


class Elsewhere:
    """Works on nothing: other processes do."""

    @property
    def is_alive(self) -> bool:
        """Return True: there is nothing that could end."""
        return True

    @property
    def trouble(self) -> str:
        """Return nothing: nothing can go wrong."""
        return ""

    def start(self) -> None:
        """Do nothing."""

    def wake(self) -> None:
        """Do nothing: the queue wakes who works."""

    def stop(self) -> None:
        """Do nothing."""


class ClusterRunner:
    """Runs what is due, as one of many processes; in the place of a :class:`Runner`.

    Args:
        queue: says what to look at.
        run_one: does what is due of one kenmerk, asks whether to stop, says when more is due.
        store: holds the jobs.
        clock: the one that decides what is due.
        threads: filings at the same time.
        sweep: the jobs are looked through at least this often.
        finish: waits at most so long for what ``run_one`` began in other threads.
        overdue: says which step does not come back, empty when all do.
    """

    def __init__(
        self,
        queue: Queue,
        run_one: RunOne,
        store: Store,
        clock: Clock,
        *,
        threads: int = THREADS,
        sweep: timedelta = SWEEP_EVERY,
        finish: Callable[[timedelta], None] = nothing_began,
        overdue: Callable[[], str] = nothing_overdue,
    ) -> None:
        self._finish = finish
        self._overdue = overdue
        self._queue = queue
        self._run_one = run_one
        self._store = store
        self._clock = clock
        self._sweep = sweep
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="process-step")
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("process-queue", self._serve), ("process-sweeper", self._sweeps))
        ]

    def start(self) -> None:
        """Start the threads; once only."""
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        """Return whether the threads run."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def trouble(self) -> str:
        """Say why nothing, or something, is not worked on; empty when all goes well."""
        return self._overdue() if self.is_alive else ENDED

    def wake(self) -> None:
        """Look through the jobs now; may be called from any thread, and before the start."""
        self._changed.set()

    def stop(self, within: timedelta = _STOP_WITHIN) -> None:
        """Let running steps finish, or leave them after this time to their leases."""
        self._stopping.set()
        self._changed.set()
        self._queue.stop()
        end = monotonic() + within.total_seconds()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(within.total_seconds())
        self._finish(timedelta(seconds=max(0.0, end - monotonic())))
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _serve(self) -> None:
        self._queue.serve(self._look, self._pool)

    def _look(self, kenmerk: str) -> float | None:
        """Do what is due of a kenmerk; return in how many seconds to ask again, None: never."""
        if self._stopping.is_set():
            return 0.0
        try:
            due = self._run_one(kenmerk, self._stopping.is_set)
        except Exception as error:
            _log.error(
                "kenmerk %s: cannot be worked on: %s",
                *(kenmerk, where(error)),
                extra={"event": "engine-failed", "kenmerk": kenmerk},
            )
            return _AFTER_FAILURE
        if due is None:
            return None
        # What was given back on the way out is for somebody else, at once.
        soonest = 0.0 if self._stopping.is_set() else _SOONEST
        return max(soonest, (due - self._clock()).total_seconds())

    def _sweeps(self) -> None:
        longest = self._sweep.total_seconds()
        while not self._stopping.is_set():
            # Spread, or all processes would look at the same moment.
            woken = self._changed.wait(random.uniform(longest / 2, longest))  # noqa: S311
            self._changed.clear()
            if self._stopping.is_set():
                return
            try:
                self._sweep_once(timedelta() if woken else _OVERDUE)
            except Exception as error:
                _log.error(
                    "cannot look for work: %s", where(error), extra={"event": "sweep-failed"}
                )

    def _sweep_once(self, overdue: timedelta) -> None:
        """Do what should have been done this long ago; whoever takes a job first has it."""
        due = partial(_due, now=self._clock() - overdue)
        looks = [self._pool.submit(self._look, kenmerk) for kenmerk in self._store.read(due)]
        while looks and not self._stopping.is_set():
            _, unfinished = wait(looks, _SOONEST)
            looks = list(unfinished)


def _due(reader: Reader, now: datetime) -> Sequence[str]:
    return reader.due_kenmerken(now, _SWEPT_AT_MOST)
