"""What a caller may ask about filings and return messages: his own, and nobody else's.

The one exception is a mandate: it lets an OIN fetch the return messages for a belanghebbende,
whoever filed. It shows no statuses: those are of the filing, and stay with who filed.

Functions over a reader, or over a transaction where asking marks what was returned.
"Nieuwe" is per OIN: what one certificate of a party has fetched is not new to another
certificate with the same OIN (inferred; nothing public says it).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from digipoort_wus import checks
from digipoort_wus.clock import format_utc
from digipoort_wus.errors import Refusal
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
from digipoort_wus.store.ports import (
    MessageRow,
    Reader,
    Selection,
    StatusRow,
    Transaction,
)


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
    for row in reader.filings(oin, berichtsoort, party):
        entry = ProcessEntry(row.kenmerk, row.berichtsoort, row.belanghebbende, row.ontvanger)
        entries.setdefault(row.kenmerk, entry)
    return list(entries.values())


def process_statuses(
    reader: Reader, oin: str, kenmerk: str, period: Period
) -> Sequence[ProcessStatus]:
    """Return all statuses of one process in a period."""
    own_process(reader, oin, kenmerk)
    return _shown(reader.statuses(_of_process(oin, kenmerk, period)))


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


def messages(reader: Reader, access: Access, query: MailboxQuery) -> Sequence[ReturnMessage]:
    """Return messages with their content; leaves no trace."""
    rows = _mailbox(reader, access, query, Scope.ALL)
    return [reader.message(row.message_id) for row in rows]


def new_messages(
    transaction: Transaction, access: Access, query: MailboxQuery
) -> Sequence[ReturnMessage]:
    """Return new messages with their content, and mark them."""
    rows = _mailbox(transaction, access, query, Scope.NEW)
    transaction.mark_messages(access.oin, rows)
    return [transaction.message(row.message_id) for row in rows]


def message_list(
    reader: Reader, access: Access, query: MailboxQuery, scope: Scope
) -> Sequence[MailboxEntry]:
    """Return messages without their content; never marks: a list is no receipt (inferred)."""
    return [
        MailboxEntry(row.kenmerk, row.berichtsoort, row.belanghebbende)
        for row in _mailbox(reader, access, query, scope)
    ]


def _of_process(oin: str, kenmerk: str, period: Period, unseen_by: str | None = None) -> Selection:
    return Selection(oin, kenmerk=kenmerk, start=period.start, end=period.end, unseen_by=unseen_by)


def _marked(transaction: Transaction, oin: str, selection: Selection) -> Sequence[ProcessStatus]:
    rows = transaction.statuses(selection)
    transaction.mark_statuses(oin, rows)
    return _shown(rows)


def _shown(rows: Sequence[StatusRow]) -> Sequence[ProcessStatus]:
    return [ProcessStatus(row.kenmerk, row.belanghebbende, row.status) for row in rows]


def _mailbox(
    reader: Reader, access: Access, query: MailboxQuery, scope: Scope
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
        )
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
