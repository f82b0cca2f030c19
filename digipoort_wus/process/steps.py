"""What each step of a filing does: ask somebody, look up the transition, say what follows.

Asking is :func:`observe`; everything else is a function of values.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from digipoort_wus.filing.filing import Filing, ReturnMessage
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.filing.texts import CODE_MAX, LONG_MAX, require_sendable, require_text
from digipoort_wus.process.agency import (
    Accepted,
    Agency,
    Confirming,
    Delivered,
    Refused,
    Rejected,
    Underway,
    Unreachable,
)
from digipoort_wus.process.agency import Outcome as Delivery
from digipoort_wus.process.details import validation_error, validation_results
from digipoort_wus.process.judging import judged
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.transitions import FAILURES, TRANSITIONS, Event, Step
from digipoort_wus.rules.api import Outcome, Report, RuleEngine, Stage
from digipoort_wus.store.ports import AT_ONCE, LONGEST_WAIT, Job

_TICK = timedelta(milliseconds=1)
_LOOK_AGAIN = timedelta(minutes=30)
"""The least time until it is asked how a delivery goes that is underway; at most LONGEST_WAIT.
Who hears that it has ended does not wait for that."""


class Authoriser(Protocol):
    """Says whether the sender may file this for the belanghebbende (AuSP)."""

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        """Return 200 for yes, 210 for no, 230 when the service itself failed.

        It may block; after a quarter of an hour it is taken for one that does not come back. What
        it raises is a failure as 230 is. After a failure it is asked again, a while later, and
        again, until the policy for that is spent.
        """


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
    """What a step found; error and details belong to the last status it leads to.

    ``delivered`` is what the agency answered when it took delivery, for the evidence; ``report``
    what a validation came to, for the store.
    """

    event: Event
    error: StatusError | None = None
    details: str | None = None
    messages: tuple[ReturnMessage, ...] = ()
    delivered: Delivered | None = None
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """The next job; ``run_at`` is AT_ONCE unless the same is tried again."""

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

    Raises:
        LookupError: the step has no job.
        NotSendable: somebody wrote a text that no answer can hold: a mistake of that program.
    """
    return _sendable(_asked(step, filing, attempt, participants))


def _sendable(observed: Observed) -> Observed:
    error = observed.error
    if error is not None:
        require_text("foutcode", error.code, LONG_MAX)
        require_text("foutbeschrijving", error.text, LONG_MAX)
        if len(error.code) > CODE_MAX:
            # Of an agency: its filing is not held up by that.
            observed = replace(observed, error=replace(error, code=error.code[:CODE_MAX]))
    if observed.details is not None:
        require_text("statusdetails", observed.details, LONG_MAX)
    for message in observed.messages:
        require_sendable(message)
    return observed


def _asked(step: Step, filing: Filing, attempt: int, participants: Participants) -> Observed:
    match step:
        case Step.AUTHORISE:
            return Observed(_AUTHORISATION[participants.authoriser.ask(filing)])
        case Step.ENVELOPE:
            return _validated(judged(participants.rules, filing, Stage.ENVELOPE))
        case Step.CONTENT:
            return _validated(judged(participants.rules, filing, Stage.CONTENT))
        case Step.DELIVER:
            # Also after a crash: to the agency it is the first delivery until 420 is written.
            return _delivered(participants.agency.deliver(filing, 1))
        case Step.REDELIVER:
            return _delivered(participants.agency.deliver(filing, 1 + attempt))
        case Step.SENT | Step.RESENT:
            return _delivered(_outcome(participants.agency, filing))
        case Step.ANSWER:
            return _answered(participants.agency.answer(filing))
        case Step.AWAIT:
            raise LookupError("nobody works on a filing while the agency judges it")


def decide(
    job: Job, observed: Observed, now: datetime, retry: RetryPolicy, chance: float = 1.0
) -> Result:
    """Return what an event leads to.

    Args:
        job: as it was claimed.
        observed: what the step found.
        now: moment of the decision.
        retry: policy for this step's failures.
        chance: share of the longest delay before the next attempt, 0 to 1.

    Raises:
        LookupError: the event does not belong to the step.
    """
    step = Step(job.step)
    failed = observed.event in FAILURES
    # The first delivery and the attempts of REDELIVER are one series.
    failures = attempt_of(step, job.attempts)
    ends = (step, Event.EXHAUSTED) in TRANSITIONS
    if failed and ends and retry.spent(failures, job.since, now, job.run_at):
        observed = Observed(Event.EXHAUSTED)
    transition = TRANSITIONS[step, observed.event]
    error = observed.error or transition.error
    follow = None
    if transition.then not in (None, Step.AWAIT):
        run_at = retry.next_at(failures, job.since, now, chance) if failed else AT_ONCE
        if observed.event is Event.UNDERWAY:
            run_at = now + _LOOK_AGAIN + chance * (LONGEST_WAIT - _LOOK_AGAIN)
        follow = Follow(transition.then, run_at)
    return Result(transition.codes, follow, error, observed.details, observed.messages)


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


def attempt_of(step: Step, attempts: int) -> int:
    """Return how often something was tried, this time included.

    Args:
        step: of a delivery, or another.
        attempts: how often the step was claimed, this time included.
    """
    match step:
        case Step.DELIVER | Step.SENT:
            return 1
        case Step.REDELIVER:
            return 1 + attempts
        case _:
            return attempts


def _validated(report: Report) -> Observed:
    match report.outcome:
        case Outcome.VALID:
            return Observed(Event.VALID, report=report)
        case Outcome.INVALID:
            return Observed(
                Event.INVALID,
                validation_error(report.findings),
                validation_results(report.findings),
                report=report,
            )
        case Outcome.UNDETERMINED:
            return Observed(Event.UNDETERMINED, report=report)


def _outcome(agency: Agency, filing: Filing) -> Delivery | Underway:
    if isinstance(agency, Confirming):
        return agency.outcome(filing)
    return Unreachable("its agency is another now, which takes delivery at once")


def _delivered(outcome: Delivery | Underway) -> Observed:
    match outcome:
        case Delivered():
            return Observed(Event.DELIVERED, delivered=outcome)
        case Rejected(error, details):
            return Observed(Event.REJECTED, error, details)
        case Unreachable():
            return Observed(Event.UNREACHABLE)
        case Underway():
            return Observed(Event.UNDERWAY)


def _answered(answer: Accepted | Refused | None) -> Observed:
    match answer:
        case Accepted(details, messages):
            return Observed(Event.ACCEPTED, None, details, messages)
        case Refused(details, messages):
            return Observed(Event.REFUSED, None, details, messages)
        case None:
            return Observed(Event.AWAITED)
