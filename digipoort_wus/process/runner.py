"""A thread that lets an engine, or the sealing of evidence, run whenever something is due."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from digipoort_wus.clock import Clock
from digipoort_wus.process.engine import where
from digipoort_wus.repeats import Repeats

_log = logging.getLogger(__name__)
_STOP_WITHIN = timedelta(seconds=10)
_AFTER_FAILURE = timedelta(seconds=1)
ENDED = "has ended: nothing is worked on until a restart"

RunDue = Callable[[Callable[[], bool]], datetime | None]
"""``Engine.run_due``."""


def nothing_overdue() -> str:
    """Say that every step comes back."""
    return ""


def nothing_began(_within: timedelta) -> None:
    """Wait for nothing."""


class Runner:
    """Runs what is due, sleeps until more is, and can be woken.

    Args:
        run_due: does the work, asks whether to stop, says when the next work is due.
        clock: the one that decides what is due.
        idle: at most this long it sleeps, because the clock may be turned.
        finish: waits at most so long for what ``run_due`` began in other threads.
        name: of the thread.
        overdue: says which step does not come back, empty when all do.
    """

    def __init__(
        self,
        run_due: RunDue,
        clock: Clock,
        *,
        idle: timedelta = timedelta(seconds=5),
        finish: Callable[[timedelta], None] = nothing_began,
        name: str = "process-runner",
        overdue: Callable[[], str] = nothing_overdue,
    ) -> None:
        self._overdue = overdue
        self._run_due = run_due
        self._clock = clock
        self._idle = idle
        self._finish = finish
        self._name = name
        self._changed = threading.Condition()
        self._awake = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failing = _Failing(name)

    def start(self) -> None:
        """Start the thread; once only."""
        self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def trouble(self) -> str:
        """Say why nothing, or something, is not worked on; empty when all goes well."""
        return self._overdue() if self.is_alive else ENDED

    def wake(self) -> None:
        """Look for work now; may be called from any thread, and before the start."""
        with self._changed:
            self._awake = True
            self._changed.notify()

    def stop(self, within: timedelta = _STOP_WITHIN) -> None:
        """Let the running step finish, or leave it after this time to its lease."""
        with self._changed:
            self._stopping.set()
            self._changed.notify()
        end = monotonic() + within.total_seconds()
        if self._thread is not None:
            self._thread.join(within.total_seconds())
        self._finish(timedelta(seconds=max(0.0, end - monotonic())))

    def _loop(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._awake = False
            try:
                due = self._run_due(self._stopping.is_set)
                pause = self._idle if due is None else min(self._idle, due - self._clock())
            except Exception as error:
                if self._stopping.is_set():
                    return
                self._failing.failed(where(error))
                # Whoever wakes it knows nothing of the failure: with a full disk, say, it would
                # claim batch after batch and drop them.
                self._stopping.wait(_AFTER_FAILURE.total_seconds())
                continue
            self._failing.succeeded()
            with self._changed:
                if pause > timedelta():
                    self._changed.wait_for(
                        lambda: self._awake or self._stopping.is_set(), pause.total_seconds()
                    )


class _Failing:
    """Says that a thread fails, and that it goes on again, but not each second the same."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._repeats = Repeats()

    def failed(self, reason: str) -> None:
        if self._repeats.failed(reason):
            _log.error(
                "%s: does not get on, %d times so far, and tries again every second: %s",
                *(self._name, self._repeats.times, reason),
                extra={"event": "engine-failed"},
            )

    def succeeded(self) -> None:
        if times := self._repeats.succeeded():
            _log.warning(
                "%s: gets on again, after %d failures",
                *(self._name, times),
                extra={"event": "engine-again"},
            )
