"""The circuit breaker of one destination: after some failures in a row it is left alone.

A state is a value, and each transition a function of it. While it is open nothing is tried;
then one attempt, the probe, finds out whether the destination answers again. A success closes
it, and a failed probe opens it for up to twice as long.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

_DOUBLINGS_MAX = 30


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how long.

    Args:
        failures: in a row that open it.
        first_open: how long it stays open at most, the first time.
        max_open: it is never open for longer.
        probe_within: a probe that told nothing for so long is taken for lost.
    """

    failures: int = 5
    first_open: timedelta = timedelta(seconds=5)
    max_open: timedelta = timedelta(minutes=5)
    probe_within: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Closed:
    """Everything is tried; so many attempts in a row failed."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """Nothing is tried until then.

    Args:
        until: the next attempt is a probe.
        times: how often in a row it opened.
    """

    until: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Probing:
    """One attempt is under way, and everything else waits for it.

    Args:
        until: if it told nothing by then, another one may try.
        times: how often in a row the breaker opened.
    """

    until: datetime
    times: int


State = Closed | Open | Probing
CLOSED = Closed()


class Permit(Enum):
    """Whether something may be tried."""

    GO = "go"
    PROBE = "go, as the only one"
    WAIT = "wait"


def ask(state: State, now: datetime, policy: BreakerPolicy) -> tuple[State, Permit]:
    """Return whether an attempt may begin, and the state with it under way.

    Args:
        state: so far.
        now: by a clock that may have been set back since: that delays a probe by no more than
            the longest time that a state lasts.
        policy: of the breaker.
    """
    match state:
        case Closed():
            return state, Permit.GO
        case Open(until, times) if until <= now or until > now + policy.max_open:
            return Probing(now + policy.probe_within, times), Permit.PROBE
        case Probing(until, times) if until <= now or until > now + policy.probe_within:
            return Probing(now + policy.probe_within, times), Permit.PROBE
        case _:
            return state, Permit.WAIT


def succeeded(state: State) -> State:
    """Return the state after an attempt that the destination answered, whatever it said."""
    del state
    return CLOSED


def failed(state: State, now: datetime, policy: BreakerPolicy, chance: float) -> State:
    """Return the state after an attempt that failed.

    Args:
        state: so far. An attempt that began before the breaker opened changes nothing.
        now: moment of the failure.
        policy: of the breaker.
        chance: share of the longest time, 0 to 1: at least half of it counts, so that a
            destination is left alone for a while in any case.
    """
    match state:
        case Closed(failures) if failures + 1 < policy.failures:
            return Closed(failures + 1)
        case Closed():
            times = 1
        case Probing(_, times):
            times += 1
        case Open():
            return state
    longest = min(policy.first_open * (1 << min(times - 1, _DOUBLINGS_MAX)), policy.max_open)
    return Open(now + longest * (0.5 + chance / 2), times)


def abandoned(state: State, now: datetime) -> State:
    """Return the state after an attempt that says nothing about the destination."""
    match state:
        case Probing(_, times):
            return Open(now, times)
        case _:
            return state


def next_at(state: State, now: datetime, policy: BreakerPolicy) -> datetime:
    """Return when it is worth asking again."""
    if isinstance(state, Closed):
        return now
    return min(max(state.until, now), now + max(policy.max_open, policy.probe_within))
