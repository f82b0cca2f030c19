"""A few threads that post: no process waits for them when it ends."""

import threading
from collections import deque
from collections.abc import Callable


class Threads:
    """Runs works in at most so many threads; a thread ends when nothing waits.

    An executor of the standard library has the interpreter wait for its threads, and one that
    posts to a partner who does not answer may take minutes.

    Args:
        most: threads at a time.
        name: of each.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._gate = threading.Lock()
        self._running = 0
        self._closed = False
        self._waiting: deque[Callable[[], None]] = deque()

    def submit(self, work: Callable[[], None]) -> None:
        """Run a work when a thread is free; it may raise nothing.

        Raises:
            RuntimeError: it is closed.
        """
        with self._gate:
            if self._closed:
                raise RuntimeError(f"{self._name} takes nothing any more")
            self._waiting.append(work)
            if self._running == self._most:
                return
            self._running += 1
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def close(self) -> None:
        """Take nothing any more, and forget what has not begun."""
        with self._gate:
            self._closed = True
            self._waiting.clear()

    def _work(self) -> None:
        while True:
            with self._gate:
                if not self._waiting:
                    self._running -= 1
                    return
                work = self._waiting.popleft()
            work()
            del work
