"""What becomes of a message that is sent: states, and what follows from what happens.

Tables of values: (state, event) gives the next state and what is to be done, all of it in one
transaction. A pair that cannot be is not in them; who asks for it has a mistake. When something
is due is for :mod:`digipoort_wus.ebms.schedule`, what the receiver does for
:mod:`digipoort_wus.ebms.reception`.

The order of events matters: what a signal says comes before how the attempt went that brought it.
"""

from collections.abc import Iterator, Mapping
from enum import Enum, StrEnum
from types import MappingProxyType


class Impossible(Exception):
    """An event was told of a message in a state in which it cannot happen: a mistake of ours."""


class Sending(StrEnum):
    """How far a message that goes out has come."""

    CREATED = "CREATED"
    """It is stored, and nothing was sent."""
    SENDING = "SENDING"
    """An attempt was counted; it may be under way, or its process dead."""
    WAITING = "WAITING_FOR_ACK"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


FINAL = frozenset({Sending.DELIVERED, Sending.FAILED, Sending.EXPIRED})
"""States in which nothing more is sent."""


class Happened(Enum):
    """What can happen to a message that goes out."""

    DUE = "due"
    """An attempt is due."""
    ENDED = "ended"
    """Its time is over, or an interval has gone by after the last attempt."""
    ACCEPTED = "accepted"
    """HTTP took it."""
    UNREACHED = "unreached"
    """HTTP did not take it, and may do so later."""
    REJECTED = "rejected"
    """HTTP will not take it."""
    INTERRUPTED = "interrupted"
    """Whoever made the attempt is gone; nobody knows what became of it."""
    ACKNOWLEDGED = "acknowledged"
    """An acknowledgment came that holds."""
    REFUSED = "refused"
    """A MessageError of severity Error came."""
    WARNED = "warned"
    """A MessageError of severity Warning came."""


class Do(Enum):
    """What is to be done, in this order, with the change of state."""

    SEND = "send"
    """Count an attempt; send once that is committed."""
    WAIT = "wait"
    """Let go of the task until :func:`~digipoort_wus.ebms.schedule.next_at`."""
    STOP = "stop"
    """Remove the task, whoever holds it."""
    NOTE = "note"
    """Keep what came with the message; it changes nothing."""
    TELL_DELIVERED = "tell-delivered"
    TELL_FAILED = "tell-failed"
    TELL_EXPIRED = "tell-expired"


class Way(Enum):
    """How a message is sent."""

    RELIABLE = "reliable"
    """An acknowledgment is asked for."""
    BEST_EFFORT = "best-effort"
    """One attempt; what HTTP took is taken to be delivered."""
    SIGNAL = "signal"
    """An acknowledgment or error: nobody acknowledges it, only its transport is tried again."""


Change = tuple[Sending, tuple[Do, ...]]
Table = Mapping[tuple[Sending, Happened], Change]
_S, _H = Sending, Happened
_DELIVERED: Change = (_S.DELIVERED, (Do.STOP, Do.TELL_DELIVERED))
_FAILED: Change = (_S.FAILED, (Do.STOP, Do.TELL_FAILED))
_EXPIRED: Change = (_S.EXPIRED, (Do.STOP, Do.TELL_EXPIRED))
_WAITING: Change = (_S.WAITING, (Do.WAIT,))
_SENDING: Change = (_S.SENDING, (Do.SEND,))
# An attempt that was under way when the message came to its end says how it went.
_OUTCOMES = (_H.ACCEPTED, _H.UNREACHED, _H.REJECTED, _H.INTERRUPTED)


def _at_its_end(state: Sending) -> Iterator[tuple[tuple[Sending, Happened], Change]]:
    for happened in _OUTCOMES:
        yield (state, happened), (state, ())
    for happened in (_H.REFUSED, _H.WARNED):
        yield (state, happened), (state, (Do.NOTE,))
    # A second acknowledgment answers a second copy. Behind an error or the end of its time it is
    # late: the application was told otherwise, and is not told again.
    late = () if state is _S.DELIVERED else (Do.NOTE,)
    yield (state, _H.ACKNOWLEDGED), (state, late)


_ENDS: Table = dict(pair for state in sorted(FINAL) for pair in _at_its_end(state))

RELIABLE: Table = MappingProxyType(
    {
        **_ENDS,
        (_S.CREATED, _H.DUE): _SENDING,
        (_S.CREATED, _H.ENDED): _EXPIRED,
        # Nothing was sent, says a store that was restored; who signs for it knows better.
        (_S.CREATED, _H.ACKNOWLEDGED): _DELIVERED,
        (_S.CREATED, _H.REFUSED): _FAILED,
        (_S.CREATED, _H.WARNED): (_S.CREATED, (Do.NOTE,)),
        (_S.SENDING, _H.ACCEPTED): _WAITING,
        (_S.SENDING, _H.UNREACHED): _WAITING,
        (_S.SENDING, _H.INTERRUPTED): _WAITING,
        (_S.SENDING, _H.REJECTED): _FAILED,
        # By a connection of its own, while the attempt is still under way.
        (_S.SENDING, _H.ACKNOWLEDGED): _DELIVERED,
        (_S.SENDING, _H.REFUSED): _FAILED,
        (_S.SENDING, _H.WARNED): (_S.SENDING, (Do.NOTE,)),
        (_S.WAITING, _H.DUE): _SENDING,
        (_S.WAITING, _H.ENDED): _EXPIRED,
        (_S.WAITING, _H.ACKNOWLEDGED): _DELIVERED,
        (_S.WAITING, _H.REFUSED): _FAILED,
        (_S.WAITING, _H.WARNED): (_S.WAITING, (Do.NOTE,)),
    }
)
"""Of a message that asks for an acknowledgment."""

BEST_EFFORT: Table = MappingProxyType(
    {
        **_ENDS,
        # What HTTP took is told as delivered; who receives it may still say otherwise.
        (_S.DELIVERED, _H.REFUSED): (_S.FAILED, (Do.TELL_FAILED,)),
        (_S.CREATED, _H.DUE): _SENDING,
        (_S.CREATED, _H.ENDED): _EXPIRED,
        (_S.CREATED, _H.ACKNOWLEDGED): (_S.CREATED, (Do.NOTE,)),
        (_S.CREATED, _H.REFUSED): _FAILED,
        (_S.CREATED, _H.WARNED): (_S.CREATED, (Do.NOTE,)),
        (_S.SENDING, _H.ACCEPTED): _DELIVERED,
        (_S.SENDING, _H.UNREACHED): _FAILED,
        (_S.SENDING, _H.REJECTED): _FAILED,
        # It may have arrived. A second attempt might deliver it twice, so there is none.
        (_S.SENDING, _H.INTERRUPTED): _FAILED,
        (_S.SENDING, _H.ACKNOWLEDGED): (_S.SENDING, (Do.NOTE,)),
        (_S.SENDING, _H.REFUSED): _FAILED,
        (_S.SENDING, _H.WARNED): (_S.SENDING, (Do.NOTE,)),
    }
)
"""Of a message that asks for none; it never waits."""

SIGNAL: Table = MappingProxyType(
    {
        (_S.CREATED, _H.DUE): _SENDING,
        (_S.CREATED, _H.ENDED): (_S.EXPIRED, (Do.STOP,)),
        (_S.SENDING, _H.ACCEPTED): (_S.DELIVERED, (Do.STOP,)),
        (_S.SENDING, _H.UNREACHED): _WAITING,
        (_S.SENDING, _H.INTERRUPTED): _WAITING,
        (_S.SENDING, _H.REJECTED): (_S.FAILED, (Do.STOP,)),
        (_S.WAITING, _H.DUE): _SENDING,
        (_S.WAITING, _H.ENDED): (_S.EXPIRED, (Do.STOP,)),
    }
)
"""Of a signal that is sent by itself; no signal comes back for it, and nobody is told."""

TABLES: Mapping[Way, Table] = MappingProxyType(
    {Way.RELIABLE: RELIABLE, Way.BEST_EFFORT: BEST_EFFORT, Way.SIGNAL: SIGNAL}
)


def change(way: Way, state: Sending, happened: Happened) -> Change:
    """Return the state that follows, and what is to be done with it.

    Args:
        way: how the message is sent.
        state: in which it is.
        happened: to it.

    Raises:
        Impossible: that cannot happen in this state.
    """
    found = TABLES[way].get((state, happened))
    if found is None:
        raise Impossible(f"{happened.name} of a message that is {state.name} ({way.name})")
    return found


def signal_state(attempts: int, *, interrupted: bool) -> Sending:
    """Return how far a signal has come of which a task is claimed; no row says so.

    Args:
        attempts: that were counted.
        interrupted: the lease of an earlier claim had ended by itself.
    """
    if not attempts:
        return Sending.CREATED
    return Sending.SENDING if interrupted else Sending.WAITING


_AGAIN_LATER = frozenset({408, 425, 429})
_NEVER = frozenset({501, 505, 510})


def of_http(status: int | None, *, blames_client: bool = False) -> Happened:
    """Return what an attempt came to, as far as HTTP says it (Digikoppeling ebMS2 3.3.2).

    Args:
        status: of the answer; None where there was none.
        blames_client: the answer is a SOAP Fault with the code Client: as it is the message will
            not be taken (SOAP 1.1 §4.4.1). That this ends it is inferred; 503 never does.
    """
    if status is None or status == 503 or status in _AGAIN_LATER:
        return Happened.UNREACHED
    if 200 <= status < 300:
        return Happened.ACCEPTED
    if status >= 500 and status not in _NEVER and not blames_client:
        return Happened.UNREACHED
    return Happened.REJECTED
