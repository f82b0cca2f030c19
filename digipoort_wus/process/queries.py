"""What a caller may ask about filings and return messages: his own, and nobody else's.

The one exception is a mandate: it lets an OIN fetch the return messages for a belanghebbende,
whoever filed. It shows no statuses: those are of the filing, and stay with who filed.

Functions over a reader; what was returned is marked by others, over a transaction, when the
answer has been made.
"Nieuwe" is per OIN: what one certificate of a party has fetched is not new to another
certificate with the same OIN (inferred; nothing public says it).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from digipoort_wus import checks
from digipoort_wus.clock import format_utc
from digipoort_wus.errors import Refusal
from digipoort_wus.evidence.events import Fetched
from digipoort_wus.filing.content import read_content, size_of
from digipoort_wus.filing.filing import ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status
from digipoort_wus.filing.texts import NotSendable, require_sendable
from digipoort_wus.process.api import (
    MailboxEntry,
    MailboxQuery,
    Period,
    ProcessEntry,
    ProcessStatus,
    Scope,
)
from digipoort_wus.process.later import Overtaken
from digipoort_wus.process.recording import Happened, Subject, record
from digipoort_wus.store.ports import (
    MessageId,
    MessageRow,
    PayloadDamaged,
    Reader,
    Selection,
    StatusRow,
    Transaction,
)
from digipoort_wus.store.secrets import SecretDestroyed

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


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Messages that were asked for.

    Args:
        given: with their contents.
        unreadable: those that were left out: damaged, purged in the meantime, or made of what
            no answer can hold.
    """

    given: Sequence[tuple[MessageRow, ReturnMessage]]
    unreadable: Sequence[MessageRow] = ()


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
    return shown(reader.statuses(_of_process(oin, kenmerk, period), STATUSES_AT_ONCE))


def all_statuses(reader: Reader, kenmerk: str) -> tuple[Status, ...]:
    """Return the statuses of a process, in order, whoever filed it; none for an unknown kenmerk."""
    filings = reader.filings_of(kenmerk)
    if not filings:
        return ()
    rows = reader.statuses(Selection(filings[0].sender, kenmerk=kenmerk))
    return tuple(row.status for row in rows)


def new_process_statuses(
    reader: Reader, oin: str, kenmerk: str, period: Period
) -> Sequence[StatusRow]:
    """Return what is new of one process in a period; marks nothing."""
    own_process(reader, oin, kenmerk)
    selection = _of_process(oin, kenmerk, period, unseen_by=oin)
    return reader.statuses(selection, STATUSES_AT_ONCE)


def new_statuses(
    reader: Reader, oin: str, berichtsoort: str, party: Party, period: Period
) -> Sequence[StatusRow]:
    """Return what is new of all processes of one party in a period; marks nothing."""
    selection = Selection(
        oin,
        berichtsoort=berichtsoort,
        belanghebbende=party,
        start=period.start,
        end=period.end,
        unseen_by=oin,
    )
    return reader.statuses(selection, STATUSES_AT_ONCE)


def mark_statuses(transaction: Transaction, oin: str, rows: Sequence[StatusRow]) -> None:
    """Mark statuses as returned, all or none.

    Raises:
        Overtaken: one was returned since it was read.
    """
    if transaction.mark_statuses(oin, rows) != len(rows):
        raise Overtaken("some of these statuses were given to the same OIN since")


def messages(reader: Reader, access: Access, query: MailboxQuery, scope: Scope) -> Mailbox:
    """Return messages with their contents in memory, oldest first; leaves no trace.

    One that cannot be read, or that no answer can hold, closes nobody's mailbox: it is left
    out, and those behind it come in its place.

    Raises:
        PayloadsUnreachable: what keeps large contents does not answer.
    """
    found: list[tuple[MessageRow, ReturnMessage]] = []
    unreadable: list[MessageRow] = []
    octets = 0
    looked_at: set[MessageId] = set()
    more = True
    while more:
        limit = MESSAGES_AT_ONCE + len(unreadable)
        rows = _mailbox(reader, access, query, scope, limit)
        more = False
        for row in rows:
            if row.message_id in looked_at:
                continue
            looked_at.add(row.message_id)
            try:
                message = reader.message(row.message_id)
                require_sendable(message)
                documents = (message.document, *message.attachments)
                octets += sum(size_of(document.content) for document in documents)
                if found and octets > OCTETS_AT_ONCE:
                    return Mailbox(found, unreadable)
                found.append((row, _in_memory(message)))
            except (PayloadDamaged, SecretDestroyed, NotSendable):
                unreadable.append(row)
                more = len(rows) == limit
    return Mailbox(found, unreadable)


def mark_messages(
    transaction: Transaction,
    oin: str,
    given: Sequence[tuple[MessageRow, ReturnMessage]],
    at: datetime,
) -> None:
    """Mark messages as fetched, all or none, with evidence that they were handed out.

    They were read before: the one writer does not wait for contents, and what cannot be
    read is not marked as fetched.

    Args:
        transaction: marks.
        oin: of the caller.
        given: of what :func:`messages` returned.
        at: moment of the answer.

    Raises:
        Overtaken: one was fetched since it was read.
    """
    if transaction.mark_messages(oin, [row for row, _ in given]) != len(given):
        raise Overtaken("some of these messages were given to the same OIN since")
    for row, message in given:
        filing_id = transaction.filings_of(row.kenmerk)[-1].filing_id
        # Nothing of it is an HMAC, so no salt is asked for.
        subject = Subject(row.kenmerk, filing_id, message.berichtkenmerk, b"")
        record(transaction, subject, (Happened(at, Fetched(oin)),))


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


def shown(rows: Sequence[StatusRow]) -> Sequence[ProcessStatus]:
    """Return statuses as a caller sees them."""
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
