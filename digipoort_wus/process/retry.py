"""How often and how soon something is tried again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

_DOUBLINGS_MAX = 30


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Longest delays that double up to a maximum, until a number of attempts or a time is spent.

    Args:
        first_delay: the longest after the first failure.
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

    def next_at(
        self, attempts: int, since: datetime, now: datetime, chance: float = 1.0
    ) -> datetime:
        """Return when to try again.

        Args:
            attempts: that failed so far.
            since: when the first of them failed.
            now: moment of the decision.
            chance: share of the longest delay, 0 to 1. Drawn at random each time (full jitter),
                it spreads what failed together.
        """
        doublings = min(max(attempts, 1) - 1, _DOUBLINGS_MAX)
        due = now + chance * min(self.first_delay * (1 << doublings), self.max_delay)
        if self.give_up_after is None:
            return due
        return min(due, max(since + self.give_up_after, now))


_FIRST = timedelta(seconds=5)
_LONGEST = timedelta(minutes=15)
AUTHORISATION_RETRY = RetryPolicy(timedelta(seconds=10), timedelta(minutes=5), attempts=8)
"""An authorisation service that fails: some eight minutes on average, then 230 (our figures)."""
VALIDATION_RETRY = RetryPolicy(timedelta(seconds=10), timedelta(minutes=5), attempts=8)
"""Undetermined validation: some eight minutes on average, then 321 (our figures)."""
DELIVERY_RETRY = RetryPolicy(_FIRST, _LONGEST, give_up_after=timedelta(hours=72))
"""Failed delivery: Digipoort is documented to try for 72 hours; the delays are ours."""
CRASH_RETRY = RetryPolicy(_FIRST, _LONGEST)
"""A step that raised: our mistake, never the sender's; after some of them the job is set aside."""
