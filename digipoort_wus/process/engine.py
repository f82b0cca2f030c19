"""Runs what is due: claims jobs, asks, and commits what each step leads to.

A claim carries a lease and a fencing token. A step's statuses, messages and next job
are one transaction that fails when the token is no longer the newest, so a step that
was done twice is recorded once. A filing goes through its steps under one claim;
filings that were claimed together share commits.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from digipoort_wus.clock import Clock, to_milliseconds
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.retry import (
    CRASH_RETRY,
    DELIVERY_RETRY,
    VALIDATION_RETRY,
    RetryPolicy,
)
from digipoort_wus.process.scenarios import Scenario, Scenarios, no_scenarios, scenario_of
from digipoort_wus.process.steps import (
    Event,
    Observed,
    Participants,
    Result,
    Step,
    decide,
    observe,
    timed,
)
from digipoort_wus.store.ports import Job, LostLease, Reader, Store, StoreFailed, Transaction

_log = logging.getLogger(__name__)
_CARRY_BELOW = 128 * 1024


@dataclass(frozen=True, slots=True)
class Policies:
    """How failures of the steps are retried."""

    validation: RetryPolicy = VALIDATION_RETRY
    delivery: RetryPolicy = DELIVERY_RETRY
    crash: RetryPolicy = CRASH_RETRY


def never() -> bool:
    """Return False: nobody wants the engine to stop."""
    return False


@dataclass(frozen=True, slots=True)
class Engine:
    """Moves filings on; used by one thread at a time, any number may share a store.

    Args:
        store: where the jobs are.
        participants: whom the steps ask.
        clock: decides what is due, and gives statuses their times.
        policies: for retries.
        scenarios: in a sandbox; the content of such filings is not validated.
        lease: a step that takes longer may be done by somebody else as well.
        batch: filings that are claimed together.
    """

    store: Store
    participants: Participants
    clock: Clock
    policies: Policies = Policies()
    scenarios: Scenarios = field(default_factory=no_scenarios)
    lease: timedelta = timedelta(seconds=60)
    batch: int = 64

    def run_due(self, interrupted: Callable[[], bool] = never) -> datetime | None:
        """Do everything that is due now and return when the next job is due.

        Args:
            interrupted: is asked before every step; when it says yes, what was claimed
                and not begun is given back.

        Raises:
            StoreFailed: the store takes no writes; leases make sure nothing is lost.
        """
        while not interrupted():
            now = self.clock()
            claim = partial(_claim, now=now, until=now + self.lease, limit=self.batch)
            jobs = self.store.write(claim).result()
            if not jobs:
                return self.store.read(_next_run_at)
            self._run(jobs, interrupted)
        return self.clock()

    def _run(self, jobs: Sequence[Job], interrupted: Callable[[], bool]) -> None:
        """Take claimed jobs through all steps that follow at once."""
        works: list[tuple[Job, Filing | None]] = [(job, None) for job in jobs]
        while works:
            begun: list[tuple[Job, Filing | None, Future[Job | None]]] = []
            for job, carried in works:
                if interrupted():
                    self._give_back(job)
                else:
                    begun.append((job, *self._begin(job, carried)))
            works = []
            for job, filing, future in begun:
                following = self._outcome(job, future)
                if following is not None:
                    works.append((following, filing))

    def _begin(
        self, job: Job, carried: Filing | None
    ) -> tuple[Filing | None, "Future[Job | None]"]:
        """Do one step and hand its result to the store, without waiting for the commit."""
        try:
            filing = carried or self.store.read(lambda reader: reader.filing(job.filing_id))
            result = self._step(job, filing)
        except StoreFailed:
            raise
        except Exception as error:
            return None, self._crashed(job, error)
        small = sum(map(len, _contents(filing))) < _CARRY_BELOW
        commit = self.store.write(
            lambda transaction: self._commit(transaction, job, filing, result)
        )
        return filing if small else None, commit

    def _step(self, job: Job, filing: Filing) -> Result:
        scenario = scenario_of(self.scenarios, filing.delivery.aanleverkenmerk)
        step = Step(job.step)
        if scenario is not None and step in (Step.ENVELOPE, Step.CONTENT):
            observed = Observed(Event.VALID)
        else:
            observed = observe(step, filing, job.attempts, self.participants)
        return decide(job, observed, to_milliseconds(self.clock()), self._policy(step, scenario))

    def _policy(self, step: Step, scenario: Scenario | None) -> RetryPolicy:
        if step not in (Step.DELIVER, Step.REDELIVER):
            return self.policies.validation
        return (scenario and scenario.delivery_retry) or self.policies.delivery

    def _commit(
        self, transaction: Transaction, job: Job, filing: Filing, result: Result
    ) -> Job | None:
        """Record a result; return the job to go on with under the same claim."""
        now = to_milliseconds(self.clock())
        following, held = None, None
        if result.follow is None:
            transaction.finish(job)
        else:
            step, run_at = result.follow.step.value, result.follow.run_at
            at_once = run_at <= now
            following = (
                replace(job, run_at=run_at)
                if step == job.step
                else replace(job, step=step, run_at=run_at, since=now, attempts=int(at_once))
            )
            held = following if at_once and step != job.step else None
            transaction.move(job, following, now + self.lease if held else None)
        if result.codes:
            last = transaction.last_status_at(job.kenmerk)
            earliest = max(now, filing.received_at)
            statuses = timed(result.codes, earliest, last, result.error, result.details)
            transaction.add_statuses(job.filing_id, statuses)
        for message in result.messages:
            transaction.offer(message)
        return held

    def _outcome(self, job: Job, future: "Future[Job | None]") -> Job | None:
        try:
            return future.result()
        except LostLease:
            _log.warning("kenmerk %s: %s was taken over by somebody else", job.kenmerk, job.step)
        except StoreFailed:
            raise
        except Exception as error:
            with suppress(LostLease):
                self._crashed(job, error).result()
        return None

    def _crashed(self, job: Job, error: Exception) -> "Future[Job | None]":
        """Log a step that raised, and try it again later; the message may hold payload."""
        _log.error("kenmerk %s: %s failed: %s", job.kenmerk, job.step, where(error))
        now = to_milliseconds(self.clock())
        later = replace(job, run_at=self.policies.crash.next_at(job.attempts, job.since, now))

        def reschedule(transaction: Transaction) -> None:
            transaction.move(job, later, None)

        return self.store.write(reschedule)

    def _give_back(self, job: Job) -> None:
        unbegun = replace(job, attempts=job.attempts - 1)
        self.store.write(lambda transaction: transaction.move(job, unbegun, None))


def where(error: BaseException) -> str:
    """Return type and place of an exception, without its text: that may hold payload."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}"
    line = "" if trace is None else f":{trace.tb_lineno}"
    return f"{type(error).__name__}{place}{line}"


def _contents(filing: Filing) -> list[bytes]:
    delivery = filing.delivery
    return [delivery.document.content, *(item.content for item in delivery.attachments)]


def _claim(transaction: Transaction, now: datetime, until: datetime, limit: int) -> Sequence[Job]:
    return transaction.claim(now, until, limit)


def _next_run_at(reader: Reader) -> datetime | None:
    return reader.next_run_at()
