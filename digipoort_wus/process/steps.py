"""What each step of a filing does: ask somebody, look up the transition, say what follows.

``TRANSITIONS`` is the whole process: (step, event) -> statuses and next step. Asking is
:func:`observe`; everything else is a function of values. What leads to another attempt
of the same step writes nothing: 321 is written once, after the last attempt, and 420 at
the first failed delivery (a second time, with AFS600, at the end).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Literal, Protocol

from digipoort_wus.filing.filing import Filing, ReturnMessage
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.process.agency import (
    Accepted,
    Agency,
    Delivered,
    Refused,
    Rejected,
    Unreachable,
)
from digipoort_wus.process.details import validation_error, validation_results
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.rules.api import Outcome, Report, RuleEngine, Stage
from digipoort_wus.store.ports import Job

_TICK = timedelta(milliseconds=1)
INTAKE_STATUSES = ("105", "100", "110")
"""Written together with the filing, in the order that was seen (105 before 100)."""


class Step(Enum):
    """Where a filing is; the word stands in the store."""

    AUTHORISE = "authorise"
    ENVELOPE = "envelope"
    CONTENT = "content"
    DELIVER = "deliver"
    REDELIVER = "redeliver"
    ANSWER = "answer"


FIRST_STEP = Step.AUTHORISE


class Event(Enum):
    """What a step found."""

    ALLOWED = "allowed"
    DENIED = "denied"
    AUSP_DOWN = "authorisation service down"
    VALID = "valid"
    INVALID = "invalid"
    UNDETERMINED = "undetermined"
    DELIVERED = "delivered"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    EXHAUSTED = "exhausted"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    AWAITED = "awaited"


@dataclass(frozen=True, slots=True)
class Transition:
    """Statuses to append, and the step that follows; None: nothing is left to do."""

    codes: tuple[str, ...]
    then: Step | None


TRANSITIONS: Mapping[tuple[Step, Event], Transition] = MappingProxyType(
    {
        (Step.AUTHORISE, Event.ALLOWED): Transition(("200",), Step.ENVELOPE),
        (Step.AUTHORISE, Event.DENIED): Transition(("210",), None),
        (Step.AUTHORISE, Event.AUSP_DOWN): Transition(("230",), None),
        (Step.ENVELOPE, Event.VALID): Transition(("301",), Step.CONTENT),
        (Step.ENVELOPE, Event.INVALID): Transition(("311",), None),
        (Step.ENVELOPE, Event.UNDETERMINED): Transition((), Step.ENVELOPE),
        (Step.ENVELOPE, Event.EXHAUSTED): Transition(("321",), None),
        # 405 says that delivery is under way, so it is there before the first attempt.
        (Step.CONTENT, Event.VALID): Transition(("301", "405"), Step.DELIVER),
        (Step.CONTENT, Event.INVALID): Transition(("311",), None),
        (Step.CONTENT, Event.UNDETERMINED): Transition((), Step.CONTENT),
        (Step.CONTENT, Event.EXHAUSTED): Transition(("321",), None),
        (Step.DELIVER, Event.DELIVERED): Transition(("400",), Step.ANSWER),
        (Step.DELIVER, Event.REJECTED): Transition(("410",), None),
        (Step.DELIVER, Event.UNREACHABLE): Transition(("420",), Step.REDELIVER),
        (Step.REDELIVER, Event.DELIVERED): Transition(("405", "400"), Step.ANSWER),
        (Step.REDELIVER, Event.REJECTED): Transition(("405", "410"), None),
        (Step.REDELIVER, Event.UNREACHABLE): Transition((), Step.REDELIVER),
        (Step.REDELIVER, Event.EXHAUSTED): Transition(("420",), None),
        (Step.ANSWER, Event.ACCEPTED): Transition(("500",), None),
        (Step.ANSWER, Event.REFUSED): Transition(("510",), None),
        # The agency reports later by itself; until then there is no job.
        (Step.ANSWER, Event.AWAITED): Transition((), None),
    }
)
"""The process of a filing, from its first job to its end."""

_FAILED = frozenset((Event.UNDETERMINED, Event.UNREACHABLE))
_VAS400 = StatusError("VAS400", "De validatie kon door een technisch probleem niet worden gedaan.")
_AFS600 = StatusError(
    "AFS600",
    "De uitvragende partij was niet bereikbaar; er wordt niet opnieuw geprobeerd af te leveren.",
)
_EXHAUSTED = {Step.ENVELOPE: _VAS400, Step.CONTENT: _VAS400, Step.REDELIVER: _AFS600}


class Authoriser(Protocol):
    """Says whether the sender may file this for the belanghebbende (AuSP)."""

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        """Return 200 for yes, 210 for no, 230 when the service itself failed."""


class AllowAll:
    """The sandbox's authoriser: everybody may file everything."""

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        """Return 200."""
        del filing
        return "200"


@dataclass(frozen=True, slots=True)
class Participants:
    """Whom the steps ask; each may block, and each may be asked the same thing twice."""

    authoriser: Authoriser
    rules: RuleEngine
    agency: Agency


@dataclass(frozen=True, slots=True)
class Observed:
    """What a step found; error and details belong to the last status it leads to."""

    event: Event
    error: StatusError | None = None
    details: str | None = None
    messages: tuple[ReturnMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Follow:
    """The next job."""

    step: Step
    run_at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What a step leads to; committed together.

    Args:
        codes: statuses to append.
        error: of the last of them.
        details: of the last of them.
        messages: for the mailbox.
        follow: None when nothing is left to do.
    """

    codes: tuple[str, ...]
    follow: Follow | None
    error: StatusError | None = None
    details: str | None = None
    messages: tuple[ReturnMessage, ...] = field(default=())


def observe(step: Step, filing: Filing, attempt: int, participants: Participants) -> Observed:
    """Ask whoever knows, and name the event.

    Args:
        step: which one.
        filing: with its documents.
        attempt: at this step, from 1.
        participants: whom to ask.
    """
    match step:
        case Step.AUTHORISE:
            return Observed(_AUTHORISATION[participants.authoriser.ask(filing)])
        case Step.ENVELOPE:
            return _validated(participants.rules.validate(filing, Stage.ENVELOPE))
        case Step.CONTENT:
            return _validated(participants.rules.validate(filing, Stage.CONTENT))
        case Step.DELIVER:
            # Also after a crash: to the agency it is the first delivery until 420 is written.
            return _delivered(participants.agency.deliver(filing, 1))
        case Step.REDELIVER:
            return _delivered(participants.agency.deliver(filing, 1 + attempt))
        case Step.ANSWER:
            return _answered(participants.agency.answer(filing))


def decide(job: Job, observed: Observed, now: datetime, retry: RetryPolicy) -> Result:
    """Return what an event leads to.

    Args:
        job: as it was claimed.
        observed: what the step found.
        now: moment of the decision.
        retry: policy for this step's failures.

    Raises:
        LookupError: the event does not belong to the step.
    """
    step = Step(job.step)
    failed = observed.event in _FAILED
    # The first delivery and the attempts of REDELIVER are one series.
    failures = _failures(step, job.attempts)
    if failed and step in _EXHAUSTED and retry.spent(failures, job.since, now):
        observed = Observed(Event.EXHAUSTED, _EXHAUSTED[step])
    transition = TRANSITIONS[step, observed.event]
    follow = None
    if transition.then is not None:
        run_at = retry.next_at(failures, job.since, now) if failed else now
        follow = Follow(transition.then, run_at)
    return Result(transition.codes, follow, observed.error, observed.details, observed.messages)


def timed(
    codes: Iterable[str],
    earliest: datetime,
    last: datetime | None,
    error: StatusError | None = None,
    details: str | None = None,
) -> tuple[Status, ...]:
    """Give statuses their times, one millisecond apart and behind the last one.

    A clock that stands still or goes back must not put a status before an earlier one.

    Args:
        codes: in order.
        earliest: the first is not before this moment; whole milliseconds.
        last: time of the newest status of the process.
        error: of the last status.
        details: of the last status.
    """
    at = earliest if last is None else max(earliest, last + _TICK)
    ordered = tuple(codes)
    return tuple(
        Status(code, at + index * _TICK)
        if index < len(ordered) - 1
        else Status(code, at + index * _TICK, error, details)
        for index, code in enumerate(ordered)
    )


_AUTHORISATION = {"200": Event.ALLOWED, "210": Event.DENIED, "230": Event.AUSP_DOWN}


def _failures(step: Step, attempts: int) -> int:
    """Return how often it was tried when this attempt fails."""
    match step:
        case Step.DELIVER:
            return 1
        case Step.REDELIVER:
            return 1 + attempts
        case _:
            return attempts


def _validated(report: Report) -> Observed:
    match report.outcome:
        case Outcome.VALID:
            return Observed(Event.VALID)
        case Outcome.INVALID:
            return Observed(
                Event.INVALID,
                validation_error(report.findings),
                validation_results(report.findings),
            )
        case Outcome.UNDETERMINED:
            return Observed(Event.UNDETERMINED)


def _delivered(outcome: Delivered | Rejected | Unreachable) -> Observed:
    match outcome:
        case Delivered():
            return Observed(Event.DELIVERED)
        case Rejected(error, details):
            return Observed(Event.REJECTED, error, details)
        case Unreachable():
            return Observed(Event.UNREACHABLE)


def _answered(answer: Accepted | Refused | None) -> Observed:
    match answer:
        case Accepted(details, messages):
            return Observed(Event.ACCEPTED, None, details, messages)
        case Refused(details, messages):
            return Observed(Event.REFUSED, None, details, messages)
        case None:
            return Observed(Event.AWAITED)
