"""A thread that lets an engine, or the sealing of evidence, run whenever something is due."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from digipoort_wus.clock import Clock
from digipoort_wus.process.engine import where

_log = logging.getLogger(__name__)
_STOP_WITHIN = timedelta(seconds=10)
_AFTER_FAILURE = timedelta(seconds=1)

RunDue = Callable[[Callable[[], bool]], datetime | None]
"""``Engine.run_due``."""


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
    """

    def __init__(
        self,
        run_due: RunDue,
        clock: Clock,
        *,
        idle: timedelta = timedelta(seconds=5),
        finish: Callable[[timedelta], None] = nothing_began,
        name: str = "process-runner",
    ) -> None:
        self._run_due = run_due
        self._clock = clock
        self._idle = idle
        self._finish = finish
        self._name = name
        self._changed = threading.Condition()
        self._awake = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; once only."""
        self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

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
                _log.error(
                    "%s: cannot go on: %s",
                    *(self._name, where(error)),
                    extra={"event": "engine-failed"},
                )
                # Whoever wakes it knows nothing of the failure: with a full disk, say, it would
                # claim batch after batch and drop them.
                self._stopping.wait(_AFTER_FAILURE.total_seconds())
                continue
            with self._changed:
                if pause > timedelta():
                    self._changed.wait_for(
                        lambda: self._awake or self._stopping.is_set(), pause.total_seconds()
                    )
