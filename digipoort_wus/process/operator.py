"""What an operator decides about a filing: each a work on the store, with evidence of it.

A work is done only where the state of the filing allows it; otherwise it raises a sentence that
says why. Evidence keeps who decided and why as HMACs, since both may name a person.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from digipoort_wus.clock import to_milliseconds
from digipoort_wus.errors import DigipoortError
from digipoort_wus.evidence.blinded import Blinded, blind
from digipoort_wus.evidence.events import (
    Cancelled,
    Event,
    Held,
    Purged,
    Released,
    Resent,
    Shown,
)
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.proving import NO_DOCUMENTS
from digipoort_wus.process.recording import (
    Happened,
    Subject,
    record,
    statuses_reached,
    subject_of,
)
from digipoort_wus.process.steps import timed
from digipoort_wus.process.transitions import TRANSITIONS, Step, Transition
from digipoort_wus.process.transitions import Event as ProcessEvent
from digipoort_wus.store.ports import (
    AT_ONCE,
    FilingId,
    FilingRow,
    Job,
    JobState,
    NotPurgeable,
    Overview,
    Reader,
    Selection,
    Transaction,
)

_AGAIN: Mapping[Step, Step] = MappingProxyType(
    {
        Step.DELIVER: Step.DELIVER,
        Step.REDELIVER: Step.REDELIVER,
        Step.SENT: Step.DELIVER,
        Step.RESENT: Step.REDELIVER,
    }
)
"""The step in which a filing is delivered again, by that in which it is."""
_RESENDABLE = frozenset(("400", "410", "420"))
"""Last statuses after which a filing that has no job may be delivered again: the agency has not
judged it."""


class NotPossible(DigipoortError):
    """The state of a filing does not allow what an operator wants."""


class _Decided(Protocol):
    def __call__(self, operator: Blinded, reason: Blinded) -> Event: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided, why and when.

    Args:
        operator: a name, such as that of the account.
        reason: in his words.
        at: aware moment.
        berichtkenmerk: which delivery of a process; None where only one can be meant.
    """

    operator: str
    reason: str
    at: datetime
    berichtkenmerk: str | None = None


def filing_to_change(reader: Reader, kenmerk: str, berichtkenmerk: str | None = None) -> FilingRow:
    """Return the delivery of a kenmerk that is named, the newest where none is.

    Raises:
        NotPossible: there is none.
    """
    return _named(reader, kenmerk, berichtkenmerk)[-1]


def _named(reader: Reader, kenmerk: str, berichtkenmerk: str | None) -> Sequence[FilingRow]:
    """Return the deliveries of a kenmerk, or the one that is named, oldest first."""
    rows = reader.filings_of(kenmerk)
    if not rows:
        raise NotPossible(f"There is no filing with kenmerk {kenmerk}.")
    if berichtkenmerk is None:
        return rows
    named = [row for row in rows if _bericht_of(reader, row) == berichtkenmerk]
    if not named:
        have = ", ".join(_bericht_of(reader, row) for row in rows)
        raise NotPossible(
            f"Filing {kenmerk} has no delivery with that berichtkenmerk; it has {have}."
        )
    return named


def _bericht_of(reader: Reader, row: FilingRow) -> str:
    return reader.filing(row.filing_id, NO_DOCUMENTS).berichtkenmerk


def _only(
    reader: Reader, rows: Sequence[FilingRow], why_not: Callable[[FilingRow], str | None]
) -> FilingRow:
    """Return the one delivery for which nothing stands in the way.

    Raises:
        NotPossible: there is none, or there are several.
    """
    reasons = [why_not(row) for row in rows]
    possible = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]
    if not possible:
        raise NotPossible(reasons[-1] or "")
    if len(possible) > 1:
        names = ", ".join(_bericht_of(reader, row) for row in possible)
        raise NotPossible(
            f"Filing {rows[0].kenmerk} has {len(possible)} deliveries for which this is possible: "
            f"name one of them, its berichtkenmerk is {names}."
        )
    return possible[0]


def cancel(transaction: Transaction, kenmerk: str, decision: Decision) -> str:
    """End a filing that no agency has yet, and return its last status.

    Which status says so is inferred: no public code does. It is the one of a technical failure
    of the step, with our statusFoutcode. A delivery that is under way at this moment may still
    arrive; what it leads to is not recorded.

    Raises:
        NotPossible: it has ended, or its agency has it; or several deliveries can be meant.
    """
    transaction.hold_process(kenmerk)

    def leads_to(row: FilingRow) -> Transition | None:
        job = transaction.job(row.filing_id)
        return TRANSITIONS.get((Step(job.step), ProcessEvent.CANCELLED)) if job else None

    def why_not(row: FilingRow) -> str | None:
        if leads_to(row) is not None:
            return None
        return f"Filing {kenmerk} cannot be cancelled: it has ended, or the agency has it."

    row = _only(transaction, _named(transaction, kenmerk, decision.berichtkenmerk), why_not)
    transition = leads_to(row)
    if transition is None:
        raise NotPossible(f"Filing {kenmerk} cannot be cancelled.")
    filing = transaction.filing(row.filing_id, NO_DOCUMENTS)
    _record(transaction, row, filing, decision, Cancelled)
    statuses = timed(
        transition.codes,
        max(to_milliseconds(decision.at), filing.received_at),
        transaction.last_status_at(kenmerk),
        transition.error,
    )
    transaction.add_statuses(row.filing_id, statuses)
    subject = subject_of(transaction, row.filing_id, filing.berichtkenmerk)
    record(transaction, subject, statuses_reached(subject.salt, statuses))
    transaction.drop_job(row.filing_id)
    return statuses[-1].code


def resend(transaction: Transaction, kenmerk: str, decision: Decision) -> None:
    """Deliver a filing again, now, with the MessageID that it had.

    Over ebMS nothing else is sent while a message with it is still underway; else a new one is.

    Raises:
        NotPossible: it was not delivered yet for another reason, or has been judged; or several
            deliveries can be meant.
    """
    transaction.hold_process(kenmerk)
    rows = _named(transaction, kenmerk, decision.berichtkenmerk)

    def why_not(row: FilingRow) -> str | None:
        job = transaction.job(row.filing_id)
        if job is None and row is not rows[-1]:
            return f"Filing {kenmerk} has a later delivery: name this one by its berichtkenmerk."
        if job is None:
            return _why_not_resent(transaction, row)
        if Step(job.step) not in _AGAIN:
            return f"Filing {kenmerk} is not ready for delivery: it is at {job.step}."
        return None

    row = _only(transaction, rows, why_not)
    filing = transaction.filing(row.filing_id, NO_DOCUMENTS)
    job = transaction.job(row.filing_id)
    _record(transaction, row, filing, decision, Resent)
    now = to_milliseconds(decision.at)
    step = Step.REDELIVER if job is None else _AGAIN[Step(job.step)]
    transaction.replace_job(Job(row.filing_id, kenmerk, step.value, AT_ONCE, now))


def again(transaction: Transaction, kenmerk: str, decision: Decision) -> Sequence[str]:
    """Offer the jobs of a kenmerk that were set aside, and return their steps.

    Raises:
        NotPossible: none is aside.
    """
    steps = []
    for row in transaction.filings_of(kenmerk):
        job = transaction.job(row.filing_id)
        if job is not None and job.state is JobState.ASIDE:
            filing = transaction.filing(row.filing_id, NO_DOCUMENTS)
            _record(transaction, row, filing, decision, Resent)
            steps.append(transaction.offer_again(row.filing_id, decision.at).step)
    if not steps:
        raise NotPossible(f"No job of {kenmerk} was set aside.")
    return steps


def hold(transaction: Transaction, kenmerk: str, decision: Decision) -> int:
    """Keep every delivery of a kenmerk from being purged, and return how many there are.

    Raises:
        NotPossible: there is none, or all were purged or are held.
    """

    def why_not(holds: Sequence[str | None]) -> str:
        if any(one is not None for one in holds):
            return f"Filing {kenmerk} is held already."
        return f"Filing {kenmerk} was purged: nothing is left to hold."

    def wanted(filing_id: FilingId) -> bool:
        summary = _summary_of(transaction, kenmerk, filing_id)
        return summary == (None, False)

    def change(filing_id: FilingId) -> None:
        transaction.set_hold(filing_id, decision.reason)

    return _each(transaction, kenmerk, decision, Held, wanted, change, why_not)


def release(transaction: Transaction, kenmerk: str, decision: Decision) -> int:
    """Let every delivery of a kenmerk that is held be purged again, and return how many.

    Raises:
        NotPossible: none is held.
    """

    def wanted(filing_id: FilingId) -> bool:
        return _summary_of(transaction, kenmerk, filing_id)[0] is not None

    def change(filing_id: FilingId) -> None:
        transaction.set_hold(filing_id, None)

    def why_not(_: Sequence[str | None]) -> str:
        return f"Filing {kenmerk} is not held."

    return _each(transaction, kenmerk, decision, Released, wanted, change, why_not)


def show(transaction: Transaction, filing_id: FilingId, decision: Decision) -> None:
    """Record that an operator takes out the contents of a delivery."""
    row = transaction.filing_row(filing_id)
    filing = transaction.filing(filing_id, NO_DOCUMENTS)
    _record(transaction, row, filing, decision, Shown)


def purge(
    transaction: Transaction, filing_id: FilingId, rule: str, at: datetime
) -> Sequence[bytes]:
    """Destroy what is personal of a delivery, and return the files that are to go.

    A backup of the database still has the key, wrapped; it is destroyed there once the key of
    the ring is that wraps it.

    Args:
        transaction: nothing is destroyed unless it commits; the files go afterwards, by
            ``Store.remove``.
        filing_id: which.
        rule: name of the retention rule, never personal data.
        at: aware moment.

    Raises:
        NotPossible: it is held, or still being worked on.
    """
    row = transaction.filing_row(filing_id)
    transaction.hold_process(row.kenmerk)
    filing = transaction.filing(filing_id, NO_DOCUMENTS)
    _, purged = _summary_of(transaction, row.kenmerk, filing_id)
    try:
        done = transaction.purge(filing_id, at)
    except NotPurgeable as error:
        raise NotPossible(f"Filing {row.kenmerk} is not purged: {error}.") from error
    if not purged:
        # There is no salt any more, and nothing of a purge needs one.
        subject = Subject(row.kenmerk, filing_id, filing.berichtkenmerk, b"")
        record(transaction, subject, (Happened(at, Purged(rule, done.payloads)),))
    return done.files


def _each(
    transaction: Transaction,
    kenmerk: str,
    decision: Decision,
    event: _Decided,
    wanted: Callable[[FilingId], bool],
    change: Callable[[FilingId], None],
    why_not: Callable[[Sequence[str | None]], str],
) -> int:
    transaction.hold_process(kenmerk)
    filing_to_change(transaction, kenmerk)
    every = transaction.filings_of(kenmerk)
    rows = [row for row in every if wanted(row.filing_id)]
    if not rows:
        holds = [_summary_of(transaction, kenmerk, row.filing_id)[0] for row in every]
        raise NotPossible(why_not(holds))
    for row in rows:
        change(row.filing_id)
        filing = transaction.filing(row.filing_id, NO_DOCUMENTS)
        _record(transaction, row, filing, decision, event)
    return len(rows)


def _why_not_resent(reader: Reader, row: FilingRow) -> str | None:
    """Return why a filing that has no job is not delivered again, None when it can be."""
    found = reader.statuses(Selection(row.sender, kenmerk=row.kenmerk))
    last = [one.status for one in found if one.filing_id == row.filing_id][-1]
    if _summary_of(reader, row.kenmerk, row.filing_id)[1]:
        return f"Filing {row.kenmerk} is not delivered again: it was purged."
    if last.code not in _RESENDABLE:
        return (
            f"Filing {row.kenmerk} is not delivered again: its last status is {last.code}, and "
            f"only after {', '.join(sorted(_RESENDABLE))} its agency has not judged it."
        )
    return None


def _summary_of(reader: Reader, kenmerk: str, filing_id: FilingId) -> tuple[str | None, bool]:
    """Return why a filing is held, None when it is not, and whether it was purged."""
    for summary in reader.overview(Overview(kenmerk=kenmerk)):
        if summary.filing.filing_id == filing_id:
            return summary.hold, summary.purged_at is not None
    raise NotPossible(f"There is no filing with kenmerk {kenmerk}.")


def _record(
    transaction: Transaction, row: FilingRow, filing: Filing, decision: Decision, event: _Decided
) -> None:
    """Append who decided and why, as HMACs."""
    subject = subject_of(transaction, row.filing_id, filing.berichtkenmerk)
    told = event(
        operator=blind(subject.salt, "operator", decision.operator.encode()),
        reason=blind(subject.salt, "reason", decision.reason.encode()),
    )
    record(transaction, subject, (Happened(decision.at, told),))


def _cancelled(transaction: Transaction, kenmerk: str, decision: Decision) -> str:
    return f"cancelled, with status {cancel(transaction, kenmerk, decision)}"


def _resent(transaction: Transaction, kenmerk: str, decision: Decision) -> str:
    resend(transaction, kenmerk, decision)
    return "will be delivered again"


def _tried_again(transaction: Transaction, kenmerk: str, decision: Decision) -> str:
    return f"is tried again: {', '.join(again(transaction, kenmerk, decision))}"


def _held(transaction: Transaction, kenmerk: str, decision: Decision) -> str:
    return f"is held, deliveries: {hold(transaction, kenmerk, decision)}"


def _released(transaction: Transaction, kenmerk: str, decision: Decision) -> str:
    return f"is released, deliveries: {release(transaction, kenmerk, decision)}"


def _taken_out(transaction: Transaction, kenmerk: str, decision: Decision) -> str:
    row = filing_to_change(transaction, kenmerk, decision.berichtkenmerk)
    show(transaction, row.filing_id, decision)
    return "is taken out"


DECISIONS: Mapping[str, Callable[[Transaction, str, Decision], str]] = MappingProxyType(
    {
        "cancel": _cancelled,
        "resend": _resent,
        "again": _tried_again,
        "hold": _held,
        "release": _released,
        "show": _taken_out,
    }
)
"""By the word of the command: works that say what they did, in words behind the kenmerk."""
