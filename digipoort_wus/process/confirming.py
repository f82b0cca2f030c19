"""What an agency says of a delivery that was underway: it has the filing, or refuses it.

Over WUS that is the answer to the delivery. Over ebMS it is a message of the agency's own,
bevestigAfleveren, which may come hours later; so it comes from outside, and not to whoever
delivered. Taking it writes the statuses of the delivery and lets nothing be left to do, in one
transaction; whoever is delivering at that moment, or looks how it went, finds that he has lost
his job. As with a report, only the agency that the route names now may do so.

That a delivery was lost is for who delivers to find out: it is only woken.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from digipoort_wus import checks
from digipoort_wus.clock import to_milliseconds
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.status import StatusError
from digipoort_wus.process.agency import Delivered, Outcome, Rejected, Unreachable
from digipoort_wus.process.intake import House
from digipoort_wus.process.recording import Happened, delivered, record, statuses_reached
from digipoort_wus.process.reports import Effect, delivered_to, reported_on, subject_to_report
from digipoort_wus.process.steps import attempt_of, timed
from digipoort_wus.process.transitions import (
    CONFIRMS,
    DELIVERS,
    TRANSITIONS,
    Event,
    Step,
    Transition,
)
from digipoort_wus.store.ports import AT_ONCE, FilingRow, Job, JobState, Transaction

_BEFORE = frozenset((Step.AUTHORISE, Step.ENVELOPE, Step.CONTENT))
_FIRST = frozenset((Step.DELIVER, Step.SENT))


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What became of a delivery.

    Args:
        kenmerk: of the process.
        berichtkenmerk: of the delivery.
        outcome: Delivered with what shows it; Unreachable when the agency does not have the
            filing, or may not, and it is to be delivered again.
    """

    kenmerk: str
    berichtkenmerk: str
    outcome: Outcome


def take_confirmation(
    transaction: Transaction,
    agency: str,
    confirmation: Confirmation,
    *,
    house: House,
    now: datetime,
) -> Effect:
    """Write what a delivery came to, unless that is known; may be repeated.

    Args:
        transaction: nothing is kept unless it commits.
        agency: OIN of who says so, as it was verified.
        confirmation: what it says.
        house: knows the agencies.
        now: moment of receipt.

    Returns:
        NONE for a filing that has ended, or that the agency is known to have: a late word
        changes nothing that clients were told.

    Raises:
        Refusal: KENMERK-KNOWN, BERICHTKENMERK-KNOWN, or REPORT-EXPECTED for what nobody has
            begun to deliver.
    """
    rows = delivered_to(transaction, agency, confirmation.kenmerk, house)
    # Whoever else writes to the process meanwhile begins again behind this, or this behind him.
    transaction.hold_process(confirmation.kenmerk)
    row, filing = reported_on(transaction, rows, confirmation.berichtkenmerk)
    job = transaction.job(row.filing_id)
    if job is None:
        return Effect.NONE
    step = Step(job.step)
    if step in _BEFORE:
        raise Refusal(checks.REPORT_EXPECTED, received="what was not delivered yet")
    if step not in DELIVERS | CONFIRMS:
        return Effect.NONE
    match confirmation.outcome:
        case Delivered() as outcome:
            _write(transaction, row, filing, (job, Event.DELIVERED), now, outcome)
        case Rejected() as outcome:
            _write(transaction, row, filing, (job, Event.REJECTED), now, outcome)
        case Unreachable():
            return look_now(transaction, job, now)
    return Effect.RECORDED


def look_now(transaction: Transaction, job: Job, now: datetime) -> Effect:
    """Let it be asked now how a delivery went, unless it is set aside or no more underway.

    Args:
        transaction: nothing is kept unless it commits.
        job: of the delivery, as it stands in the store.
        now: aware.
    """
    if job.state is JobState.ASIDE or Step(job.step) not in CONFIRMS:
        return Effect.NONE
    # Not at once: of what has its own moment, the policy believes that one too.
    transaction.replace_job(replace(job, run_at=to_milliseconds(now)))
    return Effect.RECORDED


def look_at(transaction: Transaction, kenmerk: str, berichtkenmerk: str, now: datetime) -> Effect:
    """Let it be asked now how the delivery of a filing went: its message was lost, for one.

    Args:
        transaction: nothing is kept unless it commits.
        kenmerk: of the process; unknown ones change nothing.
        berichtkenmerk: of the delivery.
        now: aware.
    """
    rows = transaction.filings_of(kenmerk)
    if not rows:
        return Effect.NONE
    transaction.hold_process(kenmerk)
    row, _ = reported_on(transaction, rows, berichtkenmerk)
    job = transaction.job(row.filing_id)
    return Effect.NONE if job is None else look_now(transaction, job, now)


def _write(
    transaction: Transaction,
    row: FilingRow,
    filing: Filing,
    found: tuple[Job, Event],
    now: datetime,
    outcome: Delivered | Rejected,
) -> None:
    job, event = found
    transition = TRANSITIONS[Step(job.step), event]
    at = to_milliseconds(now)
    error, details = _said(outcome, transition)
    statuses = timed(
        transition.codes,
        max(at, filing.received_at),
        transaction.last_status_at(row.kenmerk),
        error,
        details,
    )
    subject = subject_to_report(transaction, row.filing_id, filing.berichtkenmerk)
    entries: list[Happened] = []
    if isinstance(outcome, Delivered):
        entries.append(delivered(outcome, _attempt(job), at))
    record(transaction, subject, (*entries, *statuses_reached(subject.salt, statuses)))
    transaction.add_statuses(row.filing_id, statuses)
    if transition.then in (None, Step.AWAIT):
        transaction.drop_job(row.filing_id)
    else:
        transaction.replace_job(Job(row.filing_id, row.kenmerk, transition.then.value, AT_ONCE, at))


def _said(
    outcome: Delivered | Rejected, transition: Transition
) -> tuple[StatusError | None, str | None]:
    if isinstance(outcome, Rejected):
        return outcome.error, outcome.details
    return transition.error, None


def _attempt(job: Job) -> int:
    """Return which attempt a word of the agency is taken to be about: the last one."""
    step = Step(job.step)
    # Nobody has claimed it for this: of what waits, the last one was an attempt before.
    return max(attempt_of(step, job.attempts), 1 if step in _FIRST else 2)
