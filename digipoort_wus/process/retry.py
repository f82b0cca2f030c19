"""How often and how soon something is tried again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_DOUBLINGS_MAX = 30


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays that double up to a maximum, until a number of attempts or a time is spent.

    Args:
        first_delay: after the first failure.
        max_delay: no delay is longer.
        attempts: the last one; None is no limit.
        give_up_after: counted from the first failure; None is no limit. The last
            attempt falls exactly at this time.
    """

    first_delay: timedelta
    max_delay: timedelta
    attempts: int | None = None
    give_up_after: timedelta | None = None

    def spent(self, attempts: int, since: datetime, now: datetime) -> bool:
        """Return whether the attempt that just failed was the last."""
        return (self.attempts is not None and attempts >= self.attempts) or (
            self.give_up_after is not None and now - since >= self.give_up_after
        )

    def next_at(self, attempts: int, since: datetime, now: datetime) -> datetime:
        """Return when to try again after this many failed attempts."""
        doublings = min(max(attempts, 1) - 1, _DOUBLINGS_MAX)
        due = now + min(self.first_delay * (1 << doublings), self.max_delay)
        if self.give_up_after is None:
            return due
        return min(due, max(since + self.give_up_after, now))


VALIDATION_RETRY = RetryPolicy(timedelta(seconds=2), timedelta(minutes=5), attempts=8)
"""Undetermined validation: about ten minutes, then 321 (our figures)."""
DELIVERY_RETRY = RetryPolicy(
    timedelta(seconds=30), timedelta(hours=1), give_up_after=timedelta(hours=72)
)
"""Failed delivery: Digipoort is documented to try for 72 hours; the delays are ours."""
CRASH_RETRY = RetryPolicy(timedelta(seconds=1), timedelta(minutes=5))
"""A step that raised: our mistake, never the sender's, so it is tried for ever."""
