"""When to tell of a failure that comes again and again."""

from collections.abc import Callable
from time import monotonic

TOLD_EVERY = 60.0
"""Seconds in which the same failure is told once."""


class Repeats:
    """Failures of one thing, one after the other; not for several threads at once.

    Args:
        clock: seconds of a clock that nobody turns.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._reason = ""
        self._told_at = 0.0
        self.times = 0
        """Failures since it went well."""

    def failed(self, reason: str) -> bool:
        """Count a failure, and return whether to tell of it: a new reason at once."""
        self.times += 1
        now = self._clock()
        if self.times > 1 and reason == self._reason and now < self._told_at + TOLD_EVERY:
            return False
        self._reason, self._told_at = reason, now
        return True

    def succeeded(self) -> int:
        """Forget the failures, and return how many there were: from 1, tell that it is over."""
        times, self.times = self.times, 0
        return times
