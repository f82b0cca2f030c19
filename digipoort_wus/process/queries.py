"""What a caller may ask about filings and return messages: his own, and nobody else's.

The one exception is a mandate: it lets an OIN fetch the return messages for a belanghebbende,
whoever filed. It shows no statuses: those are of the filing, and stay with who filed.

Functions over a reader, or over a transaction where asking marks what was returned.
"Nieuwe" is per OIN: what one certificate of a party has fetched is not new to another
certificate with the same OIN (inferred; nothing public says it).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from digipoort_wus import checks
from digipoort_wus.clock import format_utc
from digipoort_wus.errors import Refusal
from digipoort_wus.evidence.events import Fetched
from digipoort_wus.filing.content import read_content, size_of
from digipoort_wus.filing.filing import ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.process.api import (
    MailboxEntry,
    MailboxQuery,
    Period,
    ProcessEntry,
    ProcessStatus,
    Scope,
)
from digipoort_wus.process.recording import Happened, Subject, record
from digipoort_wus.store.ports import (
    MessageId,
    MessageRow,
    Reader,
    Selection,
    StatusRow,
    Transaction,
)

STATUSES_AT_ONCE = 10_000
"""Statuses, processes, and entries of a list of messages, in one answer, the oldest first (ours).

The rest of what is new comes with the next question, the rest of what is not with a later period.
"""
MESSAGES_AT_ONCE = 100
"""Messages with their contents in one answer."""
OCTETS_AT_ONCE = 64 * 1024 * 1024
"""Octets of contents in one answer; a first message is given whatever its size."""


@dataclass(frozen=True, slots=True)
class Access:
    """Whose messages a caller may fetch.

    Args:
        oin: of the caller: what it filed itself.
        mailboxes: belanghebbenden whose messages a mandate opens to it, whoever filed.
    """

    oin: str
    mailboxes: frozenset[Party] = frozenset()


def check_period(period: Period) -> None:
    """Accept a period that does not end before it starts.

    Raises:
        Refusal: PERIOD-ORDER.
    """
    if period.start is not None and period.end is not None and period.start > period.end:
        raise Refusal(
            checks.PERIOD_ORDER,
            received=f"{format_utc(period.start)} - {format_utc(period.end)}",
        )


def own_process(reader: Reader, oin: str, kenmerk: str) -> str | None:
    """Return the newest aanleverkenmerk of a process of this OIN.

    Raises:
        Refusal: KENMERK-KNOWN, equally when it is unknown and when it is another's.
    """
    filings = [row for row in reader.filings_of(kenmerk) if row.sender == oin]
    if not filings:
        raise Refusal(checks.KENMERK_KNOWN)
    return filings[-1].aanleverkenmerk


def processes(reader: Reader, oin: str, berichtsoort: str, party: Party) -> Sequence[ProcessEntry]:
    """Return the processes of this OIN for one party, oldest first, each once."""
    entries: dict[str, ProcessEntry] = {}
    for row in reader.filings(oin, berichtsoort, party, STATUSES_AT_ONCE):
        entry = ProcessEntry(row.kenmerk, row.berichtsoort, row.belanghebbende, row.ontvanger)
        entries.setdefault(row.kenmerk, entry)
    return list(entries.values())


def process_statuses(
    reader: Reader, oin: str, kenmerk: str, period: Period
) -> Sequence[ProcessStatus]:
    """Return all statuses of one process in a period."""
    own_process(reader, oin, kenmerk)
    return _shown(reader.statuses(_of_process(oin, kenmerk, period), STATUSES_AT_ONCE))


def new_process_statuses(
    transaction: Transaction, oin: str, kenmerk: str, period: Period
) -> Sequence[ProcessStatus]:
    """Return what is new of one process in a period, and mark it."""
    own_process(transaction, oin, kenmerk)
    return _marked(transaction, oin, _of_process(oin, kenmerk, period, unseen_by=oin))


def new_statuses(
    transaction: Transaction, oin: str, berichtsoort: str, party: Party, period: Period
) -> Sequence[ProcessStatus]:
    """Return what is new of all processes of one party in a period, and mark it."""
    selection = Selection(
        oin,
        berichtsoort=berichtsoort,
        belanghebbende=party,
        start=period.start,
        end=period.end,
        unseen_by=oin,
    )
    return _marked(transaction, oin, selection)


def messages(
    reader: Reader, access: Access, query: MailboxQuery, scope: Scope
) -> Mapping[MessageId, ReturnMessage]:
    """Return messages with their contents in memory, oldest first; leaves no trace.

    Raises:
        PayloadDamaged: a content is not what was stored.
    """
    found: dict[MessageId, ReturnMessage] = {}
    octets = 0
    for row in _mailbox(reader, access, query, scope, MESSAGES_AT_ONCE):
        message = reader.message(row.message_id)
        documents = (message.document, *message.attachments)
        octets += sum(size_of(document.content) for document in documents)
        if found and octets > OCTETS_AT_ONCE:
            break
        found[row.message_id] = _in_memory(message)
    return found


def take_messages(
    transaction: Transaction,
    access: Access,
    query: MailboxQuery,
    read: Mapping[MessageId, ReturnMessage],
    at: datetime,
) -> Sequence[ReturnMessage]:
    """Mark those messages that are still new, with evidence that they were handed out.

    They were read before: the one writer does not wait for contents, and what cannot be
    read is not marked as fetched.

    Args:
        transaction: marks.
        access: of the caller.
        query: by which they were read.
        read: what :func:`messages` returned.
        at: moment of the question.
    """
    rows = _mailbox(transaction, access, query, Scope.NEW, MESSAGES_AT_ONCE)
    taken = [row for row in rows if row.message_id in read]
    transaction.mark_messages(access.oin, taken)
    for row in taken:
        filing_id = transaction.filings_of(row.kenmerk)[-1].filing_id
        # Nothing of it is an HMAC, so no salt is asked for.
        subject = Subject(row.kenmerk, filing_id, read[row.message_id].berichtkenmerk, b"")
        record(transaction, subject, (Happened(at, Fetched(access.oin)),))
    return [read[row.message_id] for row in taken]


def _in_memory(message: ReturnMessage) -> ReturnMessage:
    """Read the contents: all of them go into one answer, which is signed as a whole."""
    documents = (message.document, *message.attachments)
    if all(isinstance(document.content, bytes) for document in documents):
        return message
    document, *attachments = (
        replace(document, content=read_content(document.content)) for document in documents
    )
    return replace(message, document=document, attachments=tuple(attachments))


def message_list(
    reader: Reader, access: Access, query: MailboxQuery, scope: Scope
) -> Sequence[MailboxEntry]:
    """Return messages without their content; never marks: a list is no receipt (inferred)."""
    return [
        MailboxEntry(row.kenmerk, row.berichtsoort, row.belanghebbende)
        for row in _mailbox(reader, access, query, scope, STATUSES_AT_ONCE)
    ]


def _of_process(oin: str, kenmerk: str, period: Period, unseen_by: str | None = None) -> Selection:
    return Selection(oin, kenmerk=kenmerk, start=period.start, end=period.end, unseen_by=unseen_by)


def _marked(transaction: Transaction, oin: str, selection: Selection) -> Sequence[ProcessStatus]:
    rows = transaction.statuses(selection, STATUSES_AT_ONCE)
    transaction.mark_statuses(oin, rows)
    return _shown(rows)


def _shown(rows: Sequence[StatusRow]) -> Sequence[ProcessStatus]:
    return [ProcessStatus(row.kenmerk, row.belanghebbende, row.status) for row in rows]


def _mailbox(
    reader: Reader, access: Access, query: MailboxQuery, scope: Scope, limit: int
) -> Sequence[MessageRow]:
    if query.kenmerk is not None:
        _open_process(reader, access, query.kenmerk)
    return reader.message_rows(
        Selection(
            access.oin,
            kenmerk=query.kenmerk,
            berichtsoort=query.berichtsoort,
            belanghebbende=query.belanghebbende,
            start=query.period.start,
            end=query.period.end,
            unseen_by=access.oin if scope is Scope.NEW else None,
            mailboxes=_asked(access.mailboxes, query.belanghebbende),
        ),
        limit,
    )


def _asked(mailboxes: frozenset[Party], party: Party | None) -> frozenset[Party]:
    """Leave out the mandates that the question cannot be about: there may be thousands."""
    if party is None:
        return mailboxes
    return frozenset(mailbox for mailbox in mailboxes if mailbox.number == party.number)


def _open_process(reader: Reader, access: Access, kenmerk: str) -> None:
    """Require a process of this OIN's own, or one for whose belanghebbende it has a mandate."""
    opened = {(mailbox.register, mailbox.number) for mailbox in access.mailboxes}
    for row in reader.filings_of(kenmerk) if opened else ():
        if (row.belanghebbende.register, row.belanghebbende.number) in opened:
            return
    own_process(reader, access.oin, kenmerk)
