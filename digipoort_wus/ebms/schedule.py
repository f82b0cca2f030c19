"""When a message is offered, and for how long: moments that follow from what was agreed.

Nothing here reads a clock. Where the standard's text was not at hand a rule is called inferred.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from digipoort_wus.ebms.terms import Reliability

USUAL = Reliability(retries=8, interval=timedelta(hours=3))
"""What Digikoppeling's best practices give where an agreement leaves it open."""
USUAL_PERSIST = timedelta(days=5)
"""How long an id is remembered where nothing was agreed (Digikoppeling ebMS2 3.3.2)."""
MARGIN = timedelta(minutes=1)
"""How far TimeToLive lies behind the last interval: attempts begin a little late."""
_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


class Contradiction(Enum):
    """What an agreement says that its own numbers do not allow."""

    FORGOTTEN_WHILE_RETRIED = "PersistDuration is not longer than all attempts take"
    RETRIED_TOO_LATE = "TimeToLive is not longer than all attempts take"
    LIVES_TOO_LONG = "PersistDuration ends before TimeToLive"
    NO_INTERVAL = "there are retries without time between them"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When attempts are made to send one message.

    Args:
        retries: after the first attempt.
        interval: between the beginnings of two attempts, and behind the last one.
        ends: nothing is sent from then on; None: only the last interval ends it.
    """

    retries: int
    interval: timedelta
    ends: datetime | None


class Due(Enum):
    """What is due of a message that waits."""

    NOTHING = "nothing"
    ATTEMPT = "attempt"
    END = "end"


def duration(reliability: Reliability) -> timedelta:
    """Return how long all attempts take, with the interval behind the last (ebMS 2.0 §6.4)."""
    return _times(reliability.interval, reliability.retries + 1)


def time_to_live(
    timestamp: datetime, reliability: Reliability, persist: timedelta | None
) -> datetime:
    """Return the TimeToLive of a message that is sent reliably.

    It lies behind the last interval, and before the receiver may forget the id: where the two
    contradict each other, as the usual numbers do, a message is rather given up early than
    delivered twice.

    Args:
        timestamp: of the message.
        reliability: of its sender.
        persist: PersistDuration of the agreement.
    """
    ends = _later(_later(timestamp, duration(reliability)), MARGIN)
    if persist is None:
        return ends
    return min(ends, _later(timestamp, persist - timedelta(milliseconds=1)))


def schedule(
    timestamp: datetime,
    reliability: Reliability | None,
    *,
    time_to_live: datetime | None = None,
    persist: timedelta | None = None,
) -> Schedule:
    """Return when attempts are made.

    Args:
        timestamp: of the message.
        reliability: of its sender; None: best effort, which is one attempt.
        time_to_live: of the message.
        persist: PersistDuration: from then on the receiver may have forgotten the id, and what
            is sent again would be delivered again.
    """
    if reliability is None:
        return Schedule(0, timedelta(0), time_to_live)
    forgotten = None if persist is None else _later(timestamp, persist)
    ends = min((end for end in (time_to_live, forgotten) if end is not None), default=None)
    return Schedule(reliability.retries, reliability.interval, ends)


def persist_until(
    at: datetime,
    persist: timedelta | None,
    reliability: Reliability | None,
    time_to_live: datetime | None,
) -> datetime:
    """Return until when the id of a message has to be remembered.

    Args:
        at: when it came, or was made.
        persist: PersistDuration of the agreement; None takes the usual.
        reliability: of its sender.
        time_to_live: of the message; a repeat may come until then.
    """
    spans = [USUAL_PERSIST if persist is None else persist]
    if reliability is not None:
        spans.append(duration(reliability))
    moments = [_later(at, max(spans))]
    if time_to_live is not None:
        moments.append(time_to_live)
    return max(moments)


def next_at(plan: Schedule, attempts: int, last: datetime) -> datetime:
    """Return when something is due next of a message that waits.

    Args:
        plan: of the message.
        attempts: how many were made.
        last: when the last one began; of none, when the message was made.
    """
    due = _later(last, plan.interval) if attempts else last
    return due if plan.ends is None else min(due, plan.ends)


def due(plan: Schedule, attempts: int, last: datetime, now: datetime) -> Due:
    """Return what is due now of a message that waits: see :func:`next_at`.

    An attempt is never due at or behind the end of the plan, and after the last one an interval
    is left for the answer.
    """
    if plan.ends is not None and now >= plan.ends:
        return Due.END
    if now < next_at(plan, attempts, last):
        return Due.NOTHING
    return Due.ATTEMPT if attempts <= plan.retries else Due.END


def contradictions(
    reliability: Reliability | None,
    persist: timedelta | None,
    *,
    lives: timedelta | None = None,
) -> Iterator[Contradiction]:
    """Yield in what the numbers of an agreement contradict each other.

    That TimeToLive lies behind all attempts and before the end of PersistDuration is inferred
    from how both are described (ebMS 2.0 §6.4).

    Args:
        reliability: of the sender.
        persist: PersistDuration.
        lives: TimeToLive after the timestamp, where it is given apart.
    """
    if reliability is not None:
        whole = duration(reliability)
        if reliability.retries and reliability.interval <= timedelta(0):
            yield Contradiction.NO_INTERVAL
        if persist is not None and persist <= whole:
            yield Contradiction.FORGOTTEN_WHILE_RETRIED
        if lives is not None and lives <= whole:
            yield Contradiction.RETRIED_TOO_LATE
    if lives is not None and persist is not None and persist <= lives:
        yield Contradiction.LIVES_TOO_LONG


def _times(span: timedelta, number: int) -> timedelta:
    try:
        return span * number
    except OverflowError:
        return timedelta.max


def _later(moment: datetime, span: timedelta) -> datetime:
    """Return a moment and a span, which an agreement may make longer than there is time."""
    try:
        return moment + span
    except OverflowError:
        return _LAST_MOMENT
