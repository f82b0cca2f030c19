"""The whole process of a filing as a table: (step, event) -> statuses and next step.

What leads to another attempt of the same step writes nothing: 230 and 321 are written once,
after the last attempt, and 420 at the first failed delivery (a second time, with AFS600, at
the end). A delivery that is confirmed later waits in between (SENT, RESENT), and waiting writes
nothing either. A status that ends a process in failure has a ``statusFoutcode``, for there are
clients that go on asking until they see one or a 500; no other status has one. Where no
code is known it is ours: the letters of who judged, then 500 for a refusal and 400 for a
technical failure, as VAS500 and VAS400 are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from digipoort_wus.filing.status import StatusError

INTAKE_STATUSES = ("105", "100", "110")
"""Written together with the filing, in the order that was seen (105 before 100)."""


class Step(Enum):
    """Where a filing is; the word stands in the store, but for ``await``, which has no job."""

    AUTHORISE = "authorise"
    ENVELOPE = "envelope"
    CONTENT = "content"
    DELIVER = "deliver"
    REDELIVER = "redeliver"
    SENT = "sent"
    """Delivered, as far as that is ours to do; the agency has yet to confirm that it has it."""
    RESENT = "resent"
    """The same after a delivery that failed."""
    ANSWER = "answer"
    AWAIT = "await"
    """Delivered; the agency reports by itself (``zetStatus``), and until then nothing is due."""

    # There is one of each, and they are looked up many times for each filing: an Enum's own
    # hash is that of its name, in Python.
    __hash__ = object.__hash__


FIRST_STEP = Step.AUTHORISE


class Event(Enum):
    """What a step found, what the agency reported meanwhile, or what the operator decided."""

    ALLOWED = "allowed"
    DENIED = "denied"
    AUSP_DOWN = "authorisation service down"
    VALID = "valid"
    INVALID = "invalid"
    UNDETERMINED = "undetermined"
    DELIVERED = "delivered"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    UNDERWAY = "underway"
    EXHAUSTED = "exhausted"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    AWAITED = "awaited"
    CANCELLED = "cancelled"

    __hash__ = object.__hash__


FAILURES = frozenset((Event.AUSP_DOWN, Event.UNDETERMINED, Event.UNREACHABLE))
"""After these the same is tried again, until it has been tried often or long enough."""

DELIVERS = frozenset((Step.DELIVER, Step.REDELIVER))
"""The steps in which a filing is handed to its agency."""
CONFIRMS = frozenset((Step.SENT, Step.RESENT))
"""Those in which the agency has yet to confirm it."""

_VALIDATED = frozenset((Event.VALID, Event.INVALID, Event.UNDETERMINED))
DELIVERY = frozenset((Event.DELIVERED, Event.REJECTED, Event.UNREACHABLE))
"""How a delivery ends."""
_DELIVERS = DELIVERY | {Event.UNDERWAY}
VERDICTS = frozenset((Event.ACCEPTED, Event.REFUSED))
"""What an agency that has a filing may say of it, at any time."""
FOUND: Mapping[Step, frozenset[Event]] = MappingProxyType(
    {
        Step.AUTHORISE: frozenset((Event.ALLOWED, Event.DENIED, Event.AUSP_DOWN)),
        Step.ENVELOPE: _VALIDATED,
        Step.CONTENT: _VALIDATED,
        Step.DELIVER: _DELIVERS,
        Step.REDELIVER: _DELIVERS,
        Step.SENT: _DELIVERS,
        Step.RESENT: _DELIVERS,
        Step.ANSWER: VERDICTS | {Event.AWAITED},
        Step.AWAIT: frozenset(),
    }
)
"""What each step can find by itself."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What an event leads to.

    Args:
        codes: statuses to append.
        then: the step that follows; None: the process has ended.
        error: ``statusFoutcode`` of the last status, when whoever failed tells no other.
    """

    codes: tuple[str, ...]
    then: Step | None
    error: StatusError | None = None


_AUT500 = StatusError("AUT500", "De aanleveraar is niet gemachtigd voor deze aanlevering.")
_AUT400 = StatusError("AUT400", "De autorisatieservice heeft niet geantwoord.")
_VAS500 = StatusError("VAS500", "Het bericht is afgekeurd.")
_VAS400 = StatusError("VAS400", "De validatie kon door een technisch probleem niet worden gedaan.")
_AFS400 = StatusError("AFS400", "De uitvragende partij heeft het bericht niet aangenomen.")
_AFS600 = StatusError(
    "AFS600",
    "De uitvragende partij was niet bereikbaar; er wordt niet opnieuw geprobeerd af te leveren.",
)
_UVP500 = StatusError("UVP500", "De uitvragende partij heeft het bericht afgekeurd.")
_BEH900 = StatusError("BEH900", "De beheerder heeft de verwerking van het bericht beëindigd.")

TRANSITIONS: Mapping[tuple[Step, Event], Transition] = MappingProxyType(
    {
        (Step.AUTHORISE, Event.ALLOWED): Transition(("200",), Step.ENVELOPE),
        (Step.AUTHORISE, Event.DENIED): Transition(("210",), None, _AUT500),
        (Step.AUTHORISE, Event.AUSP_DOWN): Transition((), Step.AUTHORISE),
        (Step.AUTHORISE, Event.EXHAUSTED): Transition(("230",), None, _AUT400),
        (Step.AUTHORISE, Event.CANCELLED): Transition(("230",), None, _BEH900),
        (Step.ENVELOPE, Event.VALID): Transition(("301",), Step.CONTENT),
        (Step.ENVELOPE, Event.INVALID): Transition(("311",), None, _VAS500),
        (Step.ENVELOPE, Event.UNDETERMINED): Transition((), Step.ENVELOPE),
        (Step.ENVELOPE, Event.EXHAUSTED): Transition(("321",), None, _VAS400),
        (Step.ENVELOPE, Event.CANCELLED): Transition(("321",), None, _BEH900),
        # 405 says that delivery is under way, so it is there before the first attempt.
        (Step.CONTENT, Event.VALID): Transition(("301", "405"), Step.DELIVER),
        (Step.CONTENT, Event.INVALID): Transition(("311",), None, _VAS500),
        (Step.CONTENT, Event.UNDETERMINED): Transition((), Step.CONTENT),
        (Step.CONTENT, Event.EXHAUSTED): Transition(("321",), None, _VAS400),
        (Step.CONTENT, Event.CANCELLED): Transition(("321",), None, _BEH900),
        (Step.DELIVER, Event.DELIVERED): Transition(("400",), Step.ANSWER),
        (Step.DELIVER, Event.REJECTED): Transition(("410",), None, _AFS400),
        (Step.DELIVER, Event.UNREACHABLE): Transition(("420",), Step.REDELIVER),
        (Step.DELIVER, Event.UNDERWAY): Transition((), Step.SENT),
        # Who reports on a filing has it, whatever became of the answer to its delivery.
        (Step.DELIVER, Event.ACCEPTED): Transition(("400", "500"), None),
        (Step.DELIVER, Event.REFUSED): Transition(("400", "510"), None, _UVP500),
        (Step.DELIVER, Event.CANCELLED): Transition(("420",), None, _BEH900),
        (Step.REDELIVER, Event.DELIVERED): Transition(("405", "400"), Step.ANSWER),
        (Step.REDELIVER, Event.REJECTED): Transition(("405", "410"), None, _AFS400),
        (Step.REDELIVER, Event.UNREACHABLE): Transition((), Step.REDELIVER),
        (Step.REDELIVER, Event.UNDERWAY): Transition((), Step.RESENT),
        (Step.REDELIVER, Event.EXHAUSTED): Transition(("420",), None, _AFS600),
        (Step.REDELIVER, Event.ACCEPTED): Transition(("405", "400", "500"), None),
        (Step.REDELIVER, Event.REFUSED): Transition(("405", "400", "510"), None, _UVP500),
        (Step.REDELIVER, Event.CANCELLED): Transition(("420",), None, _BEH900),
        # As of the delivery that it waits for. Who confirms later also judges later.
        (Step.SENT, Event.DELIVERED): Transition(("400",), Step.AWAIT),
        (Step.SENT, Event.REJECTED): Transition(("410",), None, _AFS400),
        (Step.SENT, Event.UNREACHABLE): Transition(("420",), Step.REDELIVER),
        (Step.SENT, Event.UNDERWAY): Transition((), Step.SENT),
        (Step.SENT, Event.ACCEPTED): Transition(("400", "500"), None),
        (Step.SENT, Event.REFUSED): Transition(("400", "510"), None, _UVP500),
        (Step.SENT, Event.CANCELLED): Transition(("420",), None, _BEH900),
        (Step.RESENT, Event.DELIVERED): Transition(("405", "400"), Step.AWAIT),
        (Step.RESENT, Event.REJECTED): Transition(("405", "410"), None, _AFS400),
        (Step.RESENT, Event.UNREACHABLE): Transition((), Step.REDELIVER),
        (Step.RESENT, Event.UNDERWAY): Transition((), Step.RESENT),
        (Step.RESENT, Event.EXHAUSTED): Transition(("420",), None, _AFS600),
        (Step.RESENT, Event.ACCEPTED): Transition(("405", "400", "500"), None),
        (Step.RESENT, Event.REFUSED): Transition(("405", "400", "510"), None, _UVP500),
        (Step.RESENT, Event.CANCELLED): Transition(("420",), None, _BEH900),
        (Step.ANSWER, Event.ACCEPTED): Transition(("500",), None),
        (Step.ANSWER, Event.REFUSED): Transition(("510",), None, _UVP500),
        (Step.ANSWER, Event.AWAITED): Transition((), Step.AWAIT),
        (Step.AWAIT, Event.ACCEPTED): Transition(("500",), None),
        (Step.AWAIT, Event.REFUSED): Transition(("510",), None, _UVP500),
    }
)
"""The process of a filing, from its first job to its end. What stands not here cannot be: a
filing that the agency has is not cancelled, and one that it has not is not reported on."""
