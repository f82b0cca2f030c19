"""Takes a filing through the steps that follow at once, as far as nothing needs to be stored.

Steps that only judge are taken together, and so are a delivery and what comes after it; what
they led to is one commit. A delivery begins a claim of its own: that it is under way (405) is
stored before the agency is asked.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from types import MappingProxyType

from digipoort_wus._crash import crash_point
from digipoort_wus.clock import Clock, to_milliseconds
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process import recording
from digipoort_wus.process.destinations import Told
from digipoort_wus.process.recording import Happened
from digipoort_wus.process.retry import (
    AUTHORISATION_RETRY,
    CRASH_RETRY,
    DELIVERY_RETRY,
    VALIDATION_RETRY,
    RetryPolicy,
)
from digipoort_wus.process.scenarios import Scenario, Scenarios, scenario_of
from digipoort_wus.process.steps import (
    Observed,
    Participants,
    Result,
    attempt_of,
    decide,
    observe,
)
from digipoort_wus.process.transitions import CONFIRMS, DELIVERS, FAILURES, Event, Step
from digipoort_wus.process.validations import row_of
from digipoort_wus.rules.api import Busy, Report, Stage
from digipoort_wus.store.ports import (
    Job,
    PayloadsUnreachable,
    Prepared,
    Store,
    StoreFailed,
    ValidationRow,
)

_log = logging.getLogger(__name__)
_CAUSES_MAX = 3
CONTENT_AGAIN = timedelta(seconds=15)
"""The least time until a content is asked for again that could not be had."""
BUSY_AGAIN = timedelta(seconds=5)
"""The least time until a rule engine is asked again that was full."""
STAGES: Mapping[Step, Stage] = MappingProxyType(
    {Step.ENVELOPE: Stage.ENVELOPE, Step.CONTENT: Stage.CONTENT}
)
"""The steps that ask the rule engine, and at which stage."""
_ONE_SERIES = {Step.REDELIVER.value, Step.RESENT.value}
"""Steps that share their attempts, and the time until it is given up."""


@dataclass(frozen=True, slots=True)
class Policies:
    """How failures of the steps are retried."""

    validation: RetryPolicy = VALIDATION_RETRY
    delivery: RetryPolicy = DELIVERY_RETRY
    crash: RetryPolicy = CRASH_RETRY
    authorisation: RetryPolicy = AUTHORISATION_RETRY


@dataclass(frozen=True, slots=True)
class Done:
    """One step that was done.

    Args:
        step: which.
        event: what it found.
        result: what that leads to.
        prepared: the messages of the result, sealed.
        entries: of the evidence: a delivery, then the messages.
        seconds: that it took.
        judged: what a validation came to, for the store; None for another step.
    """

    step: Step
    event: Event
    result: Result
    prepared: tuple[Prepared, ...]
    entries: tuple[Happened, ...]
    seconds: float
    judged: ValidationRow | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """How far one claim got without a commit.

    Args:
        done: the steps, in order.
        follow: the job that follows, still under the token of the claim; None: the end.
        crash: type and place of what the step of ``follow`` raised.
    """

    done: tuple[Done, ...]
    follow: Job | None
    crash: str | None = None

    @property
    def told(self) -> Told:
        """Return how a delivery among the steps went."""
        for done in self.done:
            if done.step in DELIVERS:
                failed = done.event in (Event.UNREACHABLE, Event.EXHAUSTED)
                return Told.FAILED if failed else Told.ANSWERED
        return Told.NOTHING


@dataclass(frozen=True, slots=True)
class Worker:
    """Does steps.

    Args:
        store: seals messages.
        participants: whom the steps ask.
        clock: of decisions.
        policies: for retries.
        scenarios: in a sandbox; the content of such filings is not validated.
        chance: gives a share between 0 and 1 of the longest delay.
        outside: names the threads that a step of a filing is done in, None where it is quick.
    """

    store: Store
    participants: Participants
    clock: Clock
    policies: Policies
    scenarios: Scenarios
    chance: Callable[[], float] = field(repr=False)
    outside: Callable[[Step, Filing], str | None] = field(repr=False)

    def take(self, job: Job, filing: Filing, salt: bytes) -> Taken:
        """Do the step of a job, and those that follow at once.

        Args:
            job: as it was claimed.
            filing: with its documents.
            salt: of its evidence.

        Raises:
            StoreFailed: the store cannot keep a message.
        """
        done: list[Done] = []
        while True:
            try:
                one = self._done(job, filing, salt)
            except PayloadsUnreachable as error:
                return Taken(tuple(done), self._later(job, error, CONTENT_AGAIN))
            except Busy as error:
                return Taken(tuple(done), self._later(job, error, BUSY_AGAIN, logging.INFO))
            except StoreFailed:
                raise
            except Exception as error:
                return Taken(tuple(done), job, where(error))
            following = self._following(job, one.result)
            if one.event is Event.UNDERWAY and step_of(job) in CONFIRMS:
                # It was only looked at: there is nothing to tell.
                return Taken(tuple(done), following)
            done.append(one)
            if following is None or not self._goes_on(job, following, filing):
                return Taken(tuple(done), following)
            job = following

    def leave_out(self, job: Job, filing: Filing) -> Taken:
        """Return what a delivery leads to that is known to fail, so that nobody is asked."""
        step = Step(job.step)
        one = self._decided(job, filing, step, Observed(Event.UNREACHABLE))
        return Taken((one,), self._following(job, one.result))

    def waits_until(self, job: Job) -> datetime:
        """Return how long a delivery waits for a destination that is left alone.

        The first one is then as good as tried, and the sender is told (420); the others fail
        for good when their time is over.
        """
        policy = self.policies.delivery
        if Step(job.step) is Step.REDELIVER and policy.give_up_after is not None:
            return job.since + policy.give_up_after
        return job.since + policy.max_delay

    def _done(self, job: Job, filing: Filing, salt: bytes) -> Done:
        began = monotonic()
        step = Step(job.step)
        scenario = scenario_of(self.scenarios, filing.delivery.aanleverkenmerk)
        if scenario is not None and step in STAGES:
            observed = Observed(Event.VALID)
        elif step in DELIVERS:
            crash_point("delivery.before_send")
            observed = observe(step, filing, job.attempts, self.participants)
            crash_point("delivery.after_send")
        else:
            observed = self._observed(step, filing, job)
        if observed.event is Event.UNDETERMINED and observed.report is not None:
            _log.warning(
                "kenmerk %s: could not be validated: %s",
                *(job.kenmerk, observed.report.technical),
                extra={"event": "undetermined", "kenmerk": job.kenmerk},
            )
        done = self._decided(job, filing, step, observed)
        judged = None if observed.report is None else self._judged(job, step, observed.report)
        delivered, messages = observed.delivered, done.result.messages
        if delivered is None and not messages:
            # Nothing for the evidence but the statuses: most steps.
            return Done(step, done.event, done.result, (), (), monotonic() - began, judged)
        now = to_milliseconds(self.clock())
        attempt = attempt_of(step, job.attempts)
        entries = [] if delivered is None else [recording.delivered(delivered, attempt, now)]
        entries += [recording.offered(salt, message, "", now) for message in messages]
        prepared = [self.store.prepare((item.document, *item.attachments)) for item in messages]
        return Done(
            step,
            done.event,
            done.result,
            tuple(prepared),
            tuple(entries),
            monotonic() - began,
            judged,
        )

    def _judged(self, job: Job, step: Step, report: Report) -> ValidationRow:
        at = to_milliseconds(self.clock())
        return row_of(job.filing_id, STAGES[step], job.attempts, at, report)

    def _decided(self, job: Job, filing: Filing, step: Step, observed: Observed) -> Done:
        scenario = scenario_of(self.scenarios, filing.delivery.aanleverkenmerk)
        policy = self._policy(step, scenario)
        # A tester wants to see the pauses of a scenario as they were written down.
        chance = 1.0 if scenario and policy is scenario.delivery_retry else self.chance()
        result = decide(job, observed, to_milliseconds(self.clock()), policy, chance)
        spent = observed.event in FAILURES and result.follow is None
        return Done(step, Event.EXHAUSTED if spent else observed.event, result, (), (), 0.0)

    def _observed(self, step: Step, filing: Filing, job: Job) -> Observed:
        """Ask; an authorisation service that raises has failed as one that says so."""
        try:
            return observe(step, filing, job.attempts, self.participants)
        except StoreFailed:
            raise
        except Exception as error:
            if step is not Step.AUTHORISE:
                raise
            _log.warning(
                "kenmerk %s: the authorisation service failed: %s",
                *(job.kenmerk, where(error)),
                extra={"event": "authorisation-failed", "kenmerk": job.kenmerk},
            )
            return Observed(Event.AUSP_DOWN)

    def _policy(self, step: Step, scenario: Scenario | None) -> RetryPolicy:
        if step is Step.AUTHORISE:
            return self.policies.authorisation
        if step not in DELIVERS | CONFIRMS:
            return self.policies.validation
        return (scenario and scenario.delivery_retry) or self.policies.delivery

    def _following(self, job: Job, result: Result) -> Job | None:
        """Return the job that a result leads to."""
        if result.follow is None:
            return None
        step, run_at = result.follow.step.value, result.follow.run_at
        if step == job.step or {step, job.step} == _ONE_SERIES:
            # Entered by a clock that was ahead: its time begins when that is found out.
            since = min(job.since, to_milliseconds(self.clock()))
            # To look whether a delivery was confirmed is no attempt.
            attempts = job.attempts - (step_of(job) in CONFIRMS)
            return replace(
                job,
                step=step,
                run_at=run_at,
                since=since,
                attempts=attempts,
                crashes=0,
                reason=None,
            )
        now = to_milliseconds(self.clock())
        attempts = int(run_at <= now)
        return Job(job.filing_id, job.kenmerk, step, run_at, now, attempts, job.token)

    def _later(
        self, job: Job, error: Exception, pause: timedelta, level: int = logging.WARNING
    ) -> Job:
        """Return a job for which something cannot be had now: it is as if it was not claimed.

        Args:
            job: as it was claimed.
            error: of our own making: its text holds nothing of the filing.
            pause: at least so long, and at most twice.
            level: of the line in the log.
        """
        _log.log(
            level,
            "kenmerk %s: put off: %s",
            *(job.kenmerk, error),
            extra={"event": "put-off", "kenmerk": job.kenmerk},
        )
        run_at = to_milliseconds(self.clock() + pause * (1 + self.chance()))
        return replace(job, attempts=job.attempts - 1, run_at=run_at)

    def _goes_on(self, job: Job, following: Job, filing: Filing) -> bool:
        """Return whether the next step is done before anything is stored.

        What is slow is done in its own threads, and not by whoever did the step before.
        """
        step, before = Step(following.step), Step(job.step)
        if step is before or following.attempts == 0 or step in DELIVERS | CONFIRMS:
            return False
        where_next = self.outside(step, filing)
        return where_next is None or where_next == self.outside(before, filing)


def step_of(job: Job) -> Step:
    """Return the step of a job."""
    return Step(job.step)


def where(error: BaseException) -> str:
    """Return type and place of an exception and its causes; their texts may hold payload."""
    found = [_place(error)]
    while (cause := error.__cause__) is not None and len(found) < _CAUSES_MAX:
        error = cause
        found.append(_place(error))
    return ", because of ".join(found)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}"
    line = "" if trace is None else f":{trace.tb_lineno}"
    return f"{type(error).__name__}{place}{line}"
