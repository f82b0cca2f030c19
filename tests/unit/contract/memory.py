"""A process that lives in memory: small, but it keeps what it is given and who may see it."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Delivery, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status
from digipoort_wus.process.api import (
    AgencyReport,
    Caller,
    MailboxEntry,
    MailboxQuery,
    Period,
    ProcessEntry,
    ProcessStatus,
    Scope,
)
from digipoort_wus.process.later import Later

T = TypeVar("T")

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, UTC)
TAX_OFFICE = Party("00000002003214394002", "OIN")
CALLER = Caller("00000099000000001000", None, "urn:uuid:1", b"digest")


def done(result: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(result)
    return future


class MemoryProcess:
    def __init__(self) -> None:
        self.filings: list[Filing] = []
        self.statuses: list[ProcessStatus] = []
        self.mailbox: list[ReturnMessage] = []
        self.asked: list[tuple[object, ...]] = []
        self.reports: list[AgencyReport] = []
        self._seen: set[tuple[str, int]] = set()

    def accept(self, caller: Caller, delivery: Delivery) -> Future[Filing]:
        if delivery.berichtsoort == "Omzetbelasting":
            delivery = replace(delivery, ontvanger=TAX_OFFICE, rol_ontvanger="overheid")
        kenmerk = f"kenmerk-{len(self.filings) + 1}"
        filing = Filing(kenmerk, f"bericht-{kenmerk}", caller.oin, NOON, delivery)
        self.filings.append(filing)
        for step, code in enumerate(("105", "100", "110")):
            moment = NOON + timedelta(milliseconds=10 * step)
            self.statuses.append(
                ProcessStatus(kenmerk, delivery.belanghebbende, Status(code, moment))
            )
        return done(filing)

    def answered(self, caller: Caller, octets: bytes, valid_until: datetime) -> Future[bytes]:
        return done(octets)

    def berichtsoorten(
        self, caller: Caller, party: Party, autorisatie_adres: str | None
    ) -> Future[Sequence[str]]:
        self.asked.append((party, autorisatie_adres))
        return done(["Omzetbelasting", "ICP"] if party.type == "Fi" else [])

    def processes(
        self, caller: Caller, berichtsoort: str, party: Party, autorisatie_adres: str | None
    ) -> Future[Sequence[ProcessEntry]]:
        return done(
            [
                ProcessEntry(
                    filing.kenmerk, berichtsoort, party, ontvanger=filing.delivery.ontvanger
                )
                for filing in self._filings_of(caller, berichtsoort, party)
            ]
        )

    def process_statuses(
        self,
        caller: Caller,
        kenmerk: str,
        period: Period,
        scope: Scope,
        autorisatie_adres: str | None,
        later: Later | None = None,
    ) -> Future[Sequence[ProcessStatus]]:
        self.asked.append((kenmerk, period, scope, autorisatie_adres))
        mine = {filing.kenmerk for filing in self.filings if filing.sender == caller.oin}
        if kenmerk not in mine:
            failed: Future[Sequence[ProcessStatus]] = Future()
            failed.set_exception(Refusal(checks.KENMERK_KNOWN))
            return failed
        rows = [row for row in self.statuses if row.kenmerk == kenmerk]
        return done(self._selected(rows, scope))

    def new_statuses(
        self,
        caller: Caller,
        berichtsoort: str,
        party: Party,
        period: Period,
        autorisatie_adres: str | None,
        later: Later | None = None,
    ) -> Future[Sequence[ProcessStatus]]:
        mine = {filing.kenmerk for filing in self._filings_of(caller, berichtsoort, party)}
        rows = [row for row in self.statuses if row.kenmerk in mine]
        return done(self._selected(rows, Scope.NEW))

    def messages(
        self, caller: Caller, query: MailboxQuery, scope: Scope, later: Later | None = None
    ) -> Future[Sequence[ReturnMessage]]:
        self.asked.append((query, scope))
        return done(self._selected(self._mailbox(query), scope))

    def message_list(
        self, caller: Caller, query: MailboxQuery, scope: Scope
    ) -> Future[Sequence[MailboxEntry]]:
        self.asked.append((query, scope))
        return done(
            [
                MailboxEntry(message.kenmerk, message.berichtsoort, message.belanghebbende)
                for message in self._mailbox(query)
                if scope is Scope.ALL or ("ReturnMessage", id(message)) not in self._seen
            ]
        )

    def report(self, caller: Caller, report: AgencyReport) -> Future[None]:
        self.reports.append(report)
        return done(None)

    def offer(self, caller: Caller, message: ReturnMessage) -> Future[None]:
        self.mailbox.append(replace(message, offered_at=NOON))
        return done(None)

    def _filings_of(self, caller: Caller, berichtsoort: str, party: Party) -> list[Filing]:
        return [
            filing
            for filing in self.filings
            if filing.sender == caller.oin
            and filing.delivery.berichtsoort == berichtsoort
            and filing.delivery.belanghebbende == party
        ]

    def _mailbox(self, query: MailboxQuery) -> list[ReturnMessage]:
        return [
            message
            for message in self.mailbox
            if query.berichtsoort in (None, message.berichtsoort)
            and query.belanghebbende in (None, message.belanghebbende)
            and query.kenmerk in (None, message.kenmerk)
        ]

    def _selected(self, rows: Sequence[T], scope: Scope) -> list[T]:
        if scope is Scope.ALL:
            return list(rows)
        fresh = [row for row in rows if (type(row).__name__, id(row)) not in self._seen]
        self._seen.update((type(row).__name__, id(row)) for row in fresh)
        return fresh
