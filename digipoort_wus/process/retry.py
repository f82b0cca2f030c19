"""How often and how soon something is tried again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from digipoort_wus.store.ports import LONGEST_WAIT

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
        once_more: when a clock says that the time was over before the last attempt was to be
            made, one more follows after so long: the clock may be ahead for a moment only. None
            is the longest delay; nothing believes any clock.

    Raises:
        ValueError: the longest delay is more than the store believes.
    """

    first_delay: timedelta
    max_delay: timedelta
    attempts: int | None = None
    give_up_after: timedelta | None = None
    once_more: timedelta | None = None

    def __post_init__(self) -> None:
        if self.max_delay > LONGEST_WAIT:
            raise ValueError(f"a delay of more than {LONGEST_WAIT} is taken for a clock's mistake")

    def spent(self, attempts: int, since: datetime, now: datetime, due: datetime) -> bool:
        """Return whether the attempt that just failed was the last.

        Args:
            attempts: that failed, this one included.
            since: when the first of them failed.
            now: moment of the decision.
            due: when this attempt was to be made.
        """
        if self.attempts is not None and attempts >= self.attempts:
            return True
        # Two looks, or one where that is enough.
        seen = now if self.once_more == timedelta() else min(now, due)
        return self.give_up_after is not None and seen - since >= self.give_up_after

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
        if now >= since + self.give_up_after:
            return now + (self.max_delay if self.once_more is None else self.once_more)
        return min(due, since + self.give_up_after)


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
