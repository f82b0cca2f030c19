"""Lets one thing be done while nothing else is: what may end the process takes nobody along."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta


class Alone:
    """Who works in one process; any thread may ask."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._among = 0
        self._waiting = 0
        self._is_taken = False

    @contextmanager
    def among(self) -> Iterator[None]:
        """Work beside others; waits while somebody wants to be alone, or is."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._is_taken)
            self._among += 1
        try:
            yield
        finally:
            with self._changed:
                self._among -= 1
                self._changed.notify_all()

    @contextmanager
    def only(self, within: timedelta) -> Iterator[bool]:
        """Work alone, once the others have ended; nobody begins meanwhile.

        Args:
            within: who waited for so long works beside those that are left.

        Returns:
            Whether nobody else works.
        """
        with self._changed:
            self._waiting += 1
            is_alone = self._changed.wait_for(
                lambda: not self._among and not self._is_taken, within.total_seconds()
            )
            self._waiting -= 1
            if is_alone:
                self._is_taken = True
            else:
                self._among += 1
            self._changed.notify_all()
        try:
            yield is_alone
        finally:
            with self._changed:
                if is_alone:
                    self._is_taken = False
                else:
                    self._among -= 1
                self._changed.notify_all()
