"""The thread that lets an engine run whenever something is due."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from digipoort_wus.clock import Clock
from digipoort_wus.process.engine import where

_log = logging.getLogger(__name__)
_STOP_WITHIN = timedelta(seconds=10)
_AFTER_FAILURE = timedelta(seconds=1)

RunDue = Callable[[Callable[[], bool]], datetime | None]
"""``Engine.run_due``."""


class Runner:
    """Runs what is due, sleeps until more is, and can be woken.

    Args:
        run_due: does the work, asks whether to stop, says when the next work is due.
        clock: the one that decides what is due.
        idle: at most this long it sleeps, because the clock may be turned.
    """

    def __init__(
        self, run_due: RunDue, clock: Clock, *, idle: timedelta = timedelta(seconds=5)
    ) -> None:
        self._run_due = run_due
        self._clock = clock
        self._idle = idle
        self._changed = threading.Condition()
        self._awake = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; once only."""
        self._thread = threading.Thread(target=self._loop, name="process-runner", daemon=True)
        self._thread.start()

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
        if self._thread is not None:
            self._thread.join(within.total_seconds())

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
                _log.error("cannot work on filings: %s", where(error))
                pause = _AFTER_FAILURE
            with self._changed:
                if pause > timedelta():
                    self._changed.wait_for(
                        lambda: self._awake or self._stopping.is_set(), pause.total_seconds()
                    )
