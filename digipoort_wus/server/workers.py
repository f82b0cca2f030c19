"""A few threads for large requests, which leave nothing behind when there is no work."""

import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

INLINE_BELOW = 256 * 1024
"""Octets of a body: below, handing a request to a thread costs more than it gains; above,
the reactor would stand still for everybody else."""
MOST_WORKERS = 2
"""What they do releases the interpreter's lock only in part: more would only add memory."""

_TURN_SECONDS = 0.001


def take_short_turns() -> None:
    """Let threads hand over the interpreter after a millisecond; it holds for the whole process.

    The reactor gives the interpreter up at each call of the system, several times for one
    answer, and would wait for a working thread each time: five milliseconds by default.
    """
    sys.setswitchinterval(_TURN_SECONDS)


class Workers:
    """Runs functions in at most so many threads; a thread ends when nothing waits.

    An executor of the standard library keeps its threads until somebody shuts it down.
    Here a large request comes seldom and takes long, so a thread of its own costs nothing,
    and whoever has waited for the results has no thread left to end.

    Args:
        most: threads at a time.
    """

    def __init__(self, most: int = MOST_WORKERS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Run a function when a thread is free; its outcome is the future's.

        A future that is cancelled before its turn is never run.
        """
        future: Future[T] = Future()
        with self._lock:
            self._waiting.append(lambda: _run(work, future))
            if self._running == self._most:
                return future
            self._running += 1
        threading.Thread(target=self._work, name="gate-worker", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                run = self._waiting.popleft()
            run()
            # It holds the request, and may be the last to do so.
            del run


def _run(work: Callable[[], T], future: "Future[Any]") -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
