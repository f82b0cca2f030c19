"""A clock that a test can freeze and turn."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from digipoort_wus.clock import system_clock


class TurnableClock:
    """Tells the real time until it is frozen or moved; a drop-in for the gateway's clock.

    Args:
        on_turn: called after every turn, so that whoever sleeps by it wakes up.
    """

    def __init__(self, on_turn: Callable[[], object] = lambda: None) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta()
        self._frozen: datetime | None = None
        self.on_turn = on_turn

    def __call__(self) -> datetime:
        """Return the time of this clock, aware, in UTC."""
        with self._lock:
            return self._frozen if self._frozen is not None else system_clock() + self._offset

    def freeze(self, at: datetime | None = None) -> None:
        """Stand still, now or at another (aware) moment, until :meth:`run` or a move."""
        with self._lock:
            self._frozen = at if at is not None else self._frozen or system_clock() + self._offset
        self.on_turn()

    def run(self) -> None:
        """Run on from where the clock stands."""
        with self._lock:
            if self._frozen is not None:
                self._offset, self._frozen = self._frozen - system_clock(), None
        self.on_turn()

    def move(self, by: timedelta) -> None:
        """Turn the clock on (or back); a frozen clock stays frozen."""
        with self._lock:
            if self._frozen is not None:
                self._frozen += by
            else:
                self._offset += by
        self.on_turn()
