"""What an agency tells of the filings that it was given: a verdict, or a message for the mailbox.

Only the agency of a berichtsoort may do so, as the routes name it; to everybody else a kenmerk
is as unknown as one that does not exist. Each message that changed something is remembered by
who sent it and its wsa:MessageID, so that a repeat is answered as the first time. One that says
what is known already leads to the same however often it comes, and is not remembered: there
would be no end of them, and a purge would not be one.

A report may come before the answer to our delivery has: who reports on a filing has it. Then
the statuses of the delivery are written with those of the report, in their order, and whoever
is still delivering finds that there is nothing left to do. When an agency judged is its own
affair: a status has the time at which it was written here, so that the order of a process is
never changed by the clock of another (inferred).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum

from digipoort_wus import checks
from digipoort_wus.clock import to_milliseconds
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.content import read_content, size_of
from digipoort_wus.filing.filing import Filing, ReturnMessage
from digipoort_wus.filing.status import Status
from digipoort_wus.process.api import AgencyReport, Caller
from digipoort_wus.process.intake import House
from digipoort_wus.process.proving import NO_DOCUMENTS
from digipoort_wus.process.recording import (
    Subject,
    offered,
    record,
    reported,
    statuses_reached,
    subject_of,
)
from digipoort_wus.process.steps import timed
from digipoort_wus.process.transitions import TRANSITIONS, Event, Step
from digipoort_wus.store.ports import (
    FilingId,
    FilingRow,
    InboxRow,
    MessageId,
    Prepared,
    Reader,
    Selection,
    Transaction,
)
from digipoort_wus.store.secrets import SecretDestroyed

_EVENTS = {"500": Event.ACCEPTED, "510": Event.REFUSED}
_DELIVERED = "400"
"""In place of those of a filing of which only the head is wanted."""


class Effect(Enum):
    """What a message of an agency led to."""

    RECORDED = "recorded"
    NONE = "known already"


def require_report(report: AgencyReport) -> None:
    """Refuse what no agency may report, of whatever filing.

    Raises:
        Refusal: REPORT-CODE.
    """
    # Clients take a statusFoutcode for the end of a process in failure, whatever the status.
    if report.code not in _EVENTS or (report.code == "500" and report.error is not None):
        known = report.code if report.code.isdecimal() else "no code"
        raise Refusal(checks.REPORT_CODE, expected="500 or 510", received=known[:3])


def take_report(
    transaction: Transaction, caller: Caller, report: AgencyReport, *, house: House, now: datetime
) -> Effect:
    """Append what an agency reports to the statuses of a filing; then nothing is left to do.

    Args:
        transaction: nothing is kept unless it commits.
        caller: who signed, and which message.
        report: by :func:`require_report`.
        house: knows the agencies.
        now: moment of receipt.

    Raises:
        Refusal: MESSAGE-ID-REUSED, KENMERK-KNOWN, BERICHTKENMERK-KNOWN, REPORT-EXPECTED or
            REPORT-FINAL.
    """
    if _is_repeat(transaction, caller):
        return Effect.NONE
    rows = delivered_to(transaction, caller.oin, report.kenmerk, house)
    # Whoever else writes to the process meanwhile begins again behind this, or this behind him.
    transaction.hold_process(report.kenmerk)
    row, filing = reported_on(transaction, rows, report.berichtkenmerk)
    step, last = _state(transaction, row)
    if step is None and _is_known(last, report):
        # Not remembered: it leads to the same however often it comes, and there may be no end.
        return Effect.NONE
    transition = None if step is None else TRANSITIONS.get((step, _EVENTS[report.code]))
    if transition is None:
        final = last.code in _EVENTS
        check = checks.REPORT_FINAL if final else checks.REPORT_EXPECTED
        raise Refusal(check, received=f"{report.code} after {last.code}")
    statuses = timed(
        transition.codes,
        max(to_milliseconds(now), filing.received_at),
        transaction.last_status_at(row.kenmerk),
        report.error or transition.error,
        report.details,
    )
    subject = subject_to_report(transaction, row.filing_id, filing.berichtkenmerk)
    told = reported(
        subject.salt,
        caller.oin,
        caller.message_id,
        report.code,
        caller.body_digest,
        judged_at=report.at,
        at=now,
        proof=caller.proof,
    )
    record(transaction, subject, (told, *statuses_reached(subject.salt, statuses)))
    transaction.add_statuses(row.filing_id, statuses)
    transaction.drop_job(row.filing_id)
    kept = None if caller.proof is None else caller.proof.kept
    _remember(transaction, caller, row.filing_id, now, kept)
    return Effect.RECORDED


def take_offer(
    transaction: Transaction,
    caller: Caller,
    message: ReturnMessage,
    *,
    house: House,
    now: datetime,
    prepared: Prepared | None = None,
) -> Effect:
    """Put a message of an agency into the mailbox of its belanghebbende.

    Args:
        transaction: nothing is kept unless it commits.
        caller: who signed, and which message.
        message: its ``offered_at`` is replaced.
        house: knows the agencies.
        now: moment of receipt.
        prepared: the documents of the message, sealed ahead.

    Raises:
        Refusal: MESSAGE-ID-REUSED, KENMERK-KNOWN, OFFER-PARTY or BERICHTKENMERK-REUSED.
    """
    filing_id = foresee_offer(transaction, caller, message, house=house)
    if filing_id is None:
        return Effect.NONE
    filing = transaction.filing(filing_id, NO_DOCUMENTS)
    subject = subject_to_report(transaction, filing_id, filing.berichtkenmerk)
    told = offered(
        *(subject.salt, message, caller.oin, now),
        message_id=caller.message_id,
        proof=caller.proof,
    )
    record(transaction, subject, (told,))
    transaction.offer(replace(message, offered_at=to_milliseconds(now)), prepared)
    if caller.proof is not None:
        transaction.keep_materials(caller.proof.materials)
    _remember(transaction, caller, filing_id, now)
    return Effect.RECORDED


def offer_locally(
    transaction: Transaction, message: ReturnMessage, prepared: Prepared, now: datetime
) -> Effect:
    """Put a message of the program that embeds the gateway into a mailbox; nobody signed it.

    Args:
        transaction: nothing is kept unless it commits.
        message: which an answer can hold.
        prepared: its documents, sealed ahead.
        now: moment of its evidence.

    Raises:
        Refusal: KENMERK-KNOWN, OFFER-PARTY, BERICHTKENMERK-REUSED; REPORT-EXPECTED for a
            filing that was purged.
    """
    filing_id = foresee_local_offer(transaction, message)
    if filing_id is None:
        return Effect.NONE
    filing = transaction.filing(filing_id, NO_DOCUMENTS)
    subject = subject_to_report(transaction, filing_id, filing.berichtkenmerk)
    record(transaction, subject, (offered(subject.salt, message, "", now),))
    transaction.offer(message, prepared)
    return Effect.RECORDED


def foresee_local_offer(reader: Reader, message: ReturnMessage) -> FilingId | None:
    """Refuse what :func:`offer_locally` is certain to refuse.

    Returns:
        The newest filing of the process; None when this very message is there already.

    Raises:
        Refusal: KENMERK-KNOWN, OFFER-PARTY or BERICHTKENMERK-REUSED.
    """
    rows = reader.filings_of(message.kenmerk)
    if not rows:
        raise Refusal(checks.KENMERK_KNOWN)
    return _judged(reader, rows, message)


def foresee_offer(
    reader: Reader, caller: Caller, message: ReturnMessage, *, house: House
) -> FilingId | None:
    """Refuse what :func:`take_offer` is certain to refuse, before anything of it is written.

    Returns:
        The newest filing of the process; None when this very message was taken before, or one
        of its berichtkenmerk that was purged since.

    Raises:
        Refusal: as :func:`take_offer`.
    """
    if _is_repeat(reader, caller):
        return None
    return _judged(reader, delivered_to(reader, caller.oin, message.kenmerk, house), message)


def _judged(reader: Reader, rows: Sequence[FilingRow], message: ReturnMessage) -> FilingId | None:
    """Return for which filing of a process a message is; None when it is in the mailbox."""
    known = reader.offered(message.berichtkenmerk)
    if known is not None and reader.is_purged(known, message.kenmerk):
        # Nothing is left that it could be compared with, and nothing of it is to come back.
        return None
    about = (message.belanghebbende.register, message.belanghebbende.number)
    if all((row.belanghebbende.register, row.belanghebbende.number) != about for row in rows):
        raise Refusal(checks.OFFER_PARTY, received="another belanghebbende")
    if known is None:
        return rows[-1].filing_id
    if not _is_stored(reader, known, message):
        raise Refusal(checks.BERICHTKENMERK_REUSED)
    return None


def _is_repeat(reader: Reader, caller: Caller) -> bool:
    """Return whether the same message was taken before."""
    known = reader.inbox(caller.oin, caller.message_id)
    if known is not None and known.digest != caller.body_digest:
        raise Refusal(checks.MESSAGE_ID_REUSED)
    return known is not None


def _remember(
    transaction: Transaction,
    caller: Caller,
    filing_id: FilingId,
    now: datetime,
    request: bytes | None = None,
) -> None:
    """Remember a message of an agency, and keep its request where that led to something."""
    row = InboxRow(caller.oin, caller.message_id, caller.body_digest, now, request=request)
    transaction.add_inbox(row, filing_id)
    if request is not None and caller.proof is not None:
        transaction.keep_materials(caller.proof.materials)


def delivered_to(reader: Reader, oin: str, kenmerk: str, house: House) -> Sequence[FilingRow]:
    """Return the filings of a process of which this OIN is the agency, oldest first.

    Who is told of a kenmerk that it is not his knows that it exists, so nobody is.
    """
    rows = [row for row in reader.filings_of(kenmerk) if house.agency_of(row.berichtsoort) == oin]
    if not rows:
        raise Refusal(checks.KENMERK_KNOWN)
    return rows


def reported_on(
    reader: Reader, rows: Sequence[FilingRow], berichtkenmerk: str | None
) -> tuple[FilingRow, Filing]:
    """Return the filing that a berichtkenmerk names, without its documents."""
    if berichtkenmerk is None and len(rows) > 1:
        raise Refusal(checks.BERICHTKENMERK_KNOWN, received=f"none, for {len(rows)} filings")
    for row in rows:
        filing = reader.filing(row.filing_id, NO_DOCUMENTS)
        if berichtkenmerk in (None, filing.berichtkenmerk):
            return row, filing
    raise Refusal(checks.BERICHTKENMERK_KNOWN)


def subject_to_report(
    transaction: Transaction, filing_id: FilingId, berichtkenmerk: str
) -> Subject:
    """Return what evidence about a filing needs; of a purged one nothing more is kept."""
    try:
        return subject_of(transaction, filing_id, berichtkenmerk)
    except SecretDestroyed:
        raise Refusal(checks.REPORT_EXPECTED, received="what was purged") from None


def _state(reader: Reader, row: FilingRow) -> tuple[Step | None, Status]:
    """Return where a filing is, None where it has ended, and its last status."""
    selection = Selection(row.sender, kenmerk=row.kenmerk)
    own = [found for found in reader.statuses(selection) if found.filing_id == row.filing_id]
    last = own[-1].status
    job = reader.job(row.filing_id)
    if job is not None:
        return Step(job.step), last
    return (Step.AWAIT if last.code == _DELIVERED else None), last


def _is_known(last: Status, report: AgencyReport) -> bool:
    """Return whether a filing ended with this verdict; its words may have been others."""
    if last.code != report.code:
        return False
    return report.error is None or (last.error is not None and report.error.code == last.error.code)


def _is_stored(reader: Reader, known: MessageId, message: ReturnMessage) -> bool:
    try:
        return _is_same(reader.message(known), message)
    except SecretDestroyed:
        # Of another process, and purged with it.
        return False


def _is_same(stored: ReturnMessage, message: ReturnMessage) -> bool:
    """Return whether a message is the stored one, octet for octet, but for when it was offered."""
    pairs = list(
        zip(
            (stored.document, *stored.attachments),
            (message.document, *message.attachments),
            strict=False,
        )
    )
    if len(stored.attachments) != len(message.attachments) or any(
        size_of(one.content) != size_of(other.content) for one, other in pairs
    ):
        return False
    bare = [
        replace(
            each,
            document=replace(each.document, content=b""),
            attachments=tuple(replace(item, content=b"") for item in each.attachments),
            offered_at=stored.offered_at,
        )
        for each in (stored, message)
    ]
    return bare[0] == bare[1] and all(
        read_content(one.content) == read_content(other.content) for one, other in pairs
    )
