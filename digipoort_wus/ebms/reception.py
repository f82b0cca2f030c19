"""What becomes of a message that comes in: states, and what follows from what happens.

Tables of values, like those of :mod:`digipoort_wus.ebms.reliability`; whether a message is known
is found out by the store, in the transaction that keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType

from digipoort_wus.ebms.message import MessageStatus
from digipoort_wus.ebms.reliability import Impossible


class Receiving(StrEnum):
    """How far a message that came in has come."""

    NEW = "NEW"
    """Nothing is stored under its id."""
    RECEIVED = "RECEIVED"
    """It is stored, and waits for the application."""
    PROCESSED = "PROCESSED"
    """The application has taken it."""
    REFUSED = "REFUSED"
    """Only its id is stored, and the error that it got."""
    FAILED = "FAILED"
    """It was stored, and could not be given to the application."""


class Arrived(Enum):
    """What can happen to a message that comes in."""

    CAME = "came"
    """It is good, and nothing is stored under its id."""
    AGAIN = "again"
    """The same content came before; also when its time is over by now."""
    OTHER = "other"
    """Other content came before under its id."""
    BAD = "bad"
    """Something is wrong with it that stays wrong, and who sent it is certain."""
    TAKEN = "taken"
    """The application has taken it."""
    GIVEN_UP = "given-up"
    """It cannot be given to the application."""


class Then(Enum):
    """What is to be done, all of it with the change of state and before anybody is answered."""

    STORE = "store"
    """Keep id and content."""
    REMEMBER = "remember"
    """Keep the id."""
    ACKNOWLEDGE = "acknowledge"
    """Make an acknowledgment, keep it, and answer with it."""
    TELL = "tell"
    """Let the application know."""
    ANSWER_AGAIN = "answer-again"
    """Answer as the first time, whatever that was; where there was no answer, with none."""
    ANSWER_ERROR = "answer-error"
    """Answer with a MessageError; with :attr:`REMEMBER` it is kept, else the first one stays."""
    REPORT_FAILURE = "report-failure"
    """Send a MessageError DeliveryFailure of severity Error to the From party."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What a message asks for.

    Args:
        acknowledge: an acknowledgment.
        eliminate: that repeats are left out. Digikoppeling's best effort does not ask for it,
            and then every copy is a message.
    """

    acknowledge: bool
    eliminate: bool


Outcome = tuple[Receiving, tuple[Then, ...]]
_R, _A = Receiving, Arrived
_WRONG: tuple[Then, ...] = (Then.ANSWER_ERROR,)
_AS_BEFORE: tuple[Then, ...] = (Then.ANSWER_AGAIN,)

_KNOWN: Mapping[tuple[Receiving, Arrived], Outcome] = MappingProxyType(
    {
        (_R.NEW, _A.BAD): (_R.REFUSED, (Then.REMEMBER, Then.ANSWER_ERROR)),
        # What is wrong under a known id never changes what was kept under it.
        (_R.RECEIVED, _A.OTHER): (_R.RECEIVED, _WRONG),
        (_R.RECEIVED, _A.BAD): (_R.RECEIVED, _WRONG),
        (_R.RECEIVED, _A.TAKEN): (_R.PROCESSED, ()),
        (_R.RECEIVED, _A.GIVEN_UP): (_R.FAILED, (Then.REPORT_FAILURE,)),
        (_R.PROCESSED, _A.OTHER): (_R.PROCESSED, _WRONG),
        (_R.PROCESSED, _A.BAD): (_R.PROCESSED, _WRONG),
        (_R.PROCESSED, _A.TAKEN): (_R.PROCESSED, ()),
        (_R.REFUSED, _A.AGAIN): (_R.REFUSED, _AS_BEFORE),
        (_R.REFUSED, _A.OTHER): (_R.REFUSED, _WRONG),
        (_R.REFUSED, _A.BAD): (_R.REFUSED, _WRONG),
        # The acknowledgment was true: it was received and stored. The failure went by itself.
        (_R.FAILED, _A.AGAIN): (_R.FAILED, _AS_BEFORE),
        (_R.FAILED, _A.OTHER): (_R.FAILED, _WRONG),
        (_R.FAILED, _A.BAD): (_R.FAILED, _WRONG),
        (_R.FAILED, _A.GIVEN_UP): (_R.FAILED, ()),
    }
)
"""What is the same whatever a message asks for."""
_REPEATED = frozenset({_R.RECEIVED, _R.PROCESSED})


def arrival(manner: Manner, state: Receiving, arrived: Arrived) -> Outcome:
    """Return the state that follows, and what is to be done.

    Of a repeat that is not to be left out the state is that of the new copy.

    Args:
        manner: what the message asks for.
        state: in which it is.
        arrived: what happened.

    Raises:
        Impossible: that cannot happen in this state.
    """
    stored = (Then.STORE, *((Then.ACKNOWLEDGE,) if manner.acknowledge else ()), Then.TELL)
    if (state, arrived) == (_R.NEW, _A.CAME):
        return _R.RECEIVED, stored
    if state in _REPEATED and arrived is _A.AGAIN:
        return (state, _AS_BEFORE) if manner.eliminate else (_R.RECEIVED, stored)
    found = _KNOWN.get((state, arrived))
    if found is None:
        raise Impossible(f"{arrived.name} of a message that is {state.name}")
    return found


STATUS_OF: Mapping[Receiving, MessageStatus] = MappingProxyType(
    {
        _R.NEW: MessageStatus.NOT_RECOGNIZED,
        _R.RECEIVED: MessageStatus.RECEIVED,
        _R.PROCESSED: MessageStatus.PROCESSED,
        _R.REFUSED: MessageStatus.NOT_RECOGNIZED,
        _R.FAILED: MessageStatus.RECEIVED,
    }
)
"""What a StatusResponse says; that what was refused is not recognised is inferred."""
