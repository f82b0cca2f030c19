"""The process as the services see it: :class:`~digipoort_wus.process.api.ProcessApi` on a store.

Checks that need no store are done when the future is made, but like everything else
they arrive through it. Nothing here blocks the caller: reads run in the executor that
was passed in, writes in the store's writer, slow answers of a scenario in a timer.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from digipoort_wus._crash import crash_point
from digipoort_wus.clock import Clock, format_utc
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Delivery, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.process import answers, intake, queries, reports
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
from digipoort_wus.process.authorisation import (
    EVERYBODY,
    AuthorisationTable,
    may_file,
)
from digipoort_wus.process.giving import give
from digipoort_wus.process.later import Later
from digipoort_wus.process.scenarios import Scenarios, no_scenarios, played, scenario_of
from digipoort_wus.process.writing import Work, begun_future, write_with
from digipoort_wus.store.ports import (
    PayloadDamaged,
    Prepared,
    Reader,
    StatusRow,
    Store,
    Transaction,
)

_log = logging.getLogger(__name__)
S = TypeVar("S")
T = TypeVar("T")

Delay = Callable[[float, Callable[[], None]], None]
"""Calls a function after so many seconds, without blocking."""


def thread_timer(seconds: float, callback: Callable[[], None]) -> None:
    """Call a function after so many seconds from a daemon thread."""
    timer = threading.Timer(seconds, callback)
    timer.daemon = True
    timer.start()


def do_nothing() -> None:
    """Do nothing: nobody has to be woken."""


def everybody() -> AuthorisationTable:
    """Return the table that lets everybody do everything."""
    return EVERYBODY


@dataclass(frozen=True, slots=True)
class ProcessService:
    """Answers for the gateway.

    Args:
        store: where everything is.
        house: what this gateway accepts.
        clock: gives the moment of receipt.
        new_id: makes lower-case UUIDs.
        executor: for reads and for writing large payloads.
        wake: is called when there is new work, from the store's writer.
        scenarios: in a sandbox.
        delay: for slow answers.
        authorisations: returns the table that is in force.
    """

    store: Store
    house: intake.House
    clock: Clock
    new_id: Callable[[], str]
    executor: Executor
    wake: Callable[[], None] = do_nothing
    scenarios: Scenarios = field(default_factory=no_scenarios)
    delay: Delay = thread_timer
    authorisations: Callable[[], AuthorisationTable] = everybody

    def accept(self, caller: Caller, delivery: Delivery) -> Future[Filing]:
        """Store the delivery durably with statuses 105, 100 and 110 and a job; then resolve."""
        crash_point("intake.before_begin")
        scenario = scenario_of(self.scenarios, delivery.aanleverkenmerk)
        now = self.clock()

        try:
            row = self.authorisations().row(caller.oin)
            pause = played(scenario, scenario.accept) if scenario else 0.0
        except Refusal as refusal:
            return _failed(refusal)

        def judge(reader: Reader) -> None:
            intake.foresee(reader, caller, delivery, house=self.house, row=row, now=now)

        def work(prepared: Prepared) -> Callable[[Transaction], Filing]:
            return partial(
                intake.accept,
                caller=caller,
                delivery=delivery,
                prepared=prepared,
                received=intake.evidence_of(prepared.evidence_salt, caller, delivery),
                house=self.house,
                row=row,
                now=now,
                new_id=self.new_id,
            )

        documents = (delivery.document, *delivery.attachments)
        request = None if caller.proof is None else caller.proof.kept
        accepted = write_with(self.store, self.executor, documents, judge, work, request)
        accepted.add_done_callback(self._wake_after)
        return self._after(accepted, lambda _: pause, _same) if pause else accepted

    def answered(self, caller: Caller, octets: bytes, valid_until: datetime) -> Future[bytes]:
        """Keep the signed answer to a delivery durably; then resolve to the one to be sent."""
        now = self.clock()

        def work(transaction: Transaction) -> bytes:
            return answers.keep_answer(transaction, caller, octets, valid_until, now)

        kept = self.store.write(work)
        kept.add_done_callback(_kept)
        return kept

    def berichtsoorten(
        self, caller: Caller, party: Party, autorisatie_adres: str | None
    ) -> Future[Sequence[str]]:
        """Return which berichtsoorten the caller may file for the party, by its register."""
        try:
            self._check(autorisatie_adres, Period())
            row = self.authorisations().row(caller.oin)
        except Refusal as refusal:
            return _failed(refusal)
        routes = [route for route in self.house.routes.values() if route.concerns(party)]
        names = [route.berichtsoort for route in routes]
        future: Future[Sequence[str]] = Future()
        future.set_result([name for name in names if may_file(row, name, party)])
        return future

    def processes(
        self, caller: Caller, berichtsoort: str, party: Party, autorisatie_adres: str | None
    ) -> Future[Sequence[ProcessEntry]]:
        """Return the caller's processes of this berichtsoort and party, oldest first."""
        work = partial(queries.processes, oin=caller.oin, berichtsoort=berichtsoort, party=party)
        return self._read(work, autorisatie_adres, Period())

    def process_statuses(
        self,
        caller: Caller,
        kenmerk: str,
        period: Period,
        scope: Scope,
        autorisatie_adres: str | None,
        later: Later | None = None,
    ) -> Future[Sequence[ProcessStatus]]:
        """Return the statuses of one process of the caller in order of time."""

        def look(reader: Reader) -> tuple[float, Sequence[ProcessStatus]]:
            pause = self._pause(reader, caller, kenmerk)
            return pause, queries.process_statuses(reader, caller.oin, kenmerk, period)

        def fresh(reader: Reader) -> tuple[float, Sequence[StatusRow]]:
            pause = self._pause(reader, caller, kenmerk)
            return pause, queries.new_process_statuses(reader, caller.oin, kenmerk, period)

        if scope is Scope.NEW:
            answer = self._fresh(fresh, caller, autorisatie_adres, period, later)
        else:
            answer = self._read(look, autorisatie_adres, period)
        return self._after(answer, lambda pair: pair[0], lambda pair: pair[1])

    def new_statuses(
        self,
        caller: Caller,
        berichtsoort: str,
        party: Party,
        period: Period,
        autorisatie_adres: str | None,
        later: Later | None = None,
    ) -> Future[Sequence[ProcessStatus]]:
        """Return and mark the new statuses of all processes of this berichtsoort and party."""

        def fresh(reader: Reader) -> tuple[float, Sequence[StatusRow]]:
            found = queries.new_statuses(reader, caller.oin, berichtsoort, party, period)
            return 0.0, found

        answer = self._fresh(fresh, caller, autorisatie_adres, period, later)
        return self._after(answer, lambda pair: pair[0], lambda pair: pair[1])

    def messages(
        self, caller: Caller, query: MailboxQuery, scope: Scope, later: Later | None = None
    ) -> Future[Sequence[ReturnMessage]]:
        """Return the caller's return messages with their content, oldest first.

        What cannot be read is left out and stays new. Fails with PayloadDamaged when nothing
        else is there: a repeat is safe, and helps once it was restored.
        """
        access = self._access(caller)

        def look(reader: Reader) -> tuple[Sequence[ReturnMessage], Work[None] | None]:
            found = queries.messages(reader, access, query, scope)
            for row in found.unreadable:
                _log.error(
                    "kenmerk %s: return message %d cannot be read, and is left out of an answer",
                    *(row.kenmerk, row.message_id),
                    extra={"event": "message-unreadable", "kenmerk": row.kenmerk},
                )
            if found.unreadable and not found.given:
                # An empty answer would say that there is nothing.
                raise PayloadDamaged("nothing of what was asked for can be read: restore it")
            mark: Work[None] | None = None
            if scope is Scope.NEW and found.given:
                oin, given, now = caller.oin, found.given, self.clock()
                mark = partial(queries.mark_messages, oin=oin, given=given, at=now)
            return [message for _, message in found.given], mark

        return self._marked(look, query.autorisatie_adres, query.period, later)

    def message_list(
        self, caller: Caller, query: MailboxQuery, scope: Scope
    ) -> Future[Sequence[MailboxEntry]]:
        """Return the caller's return messages without their content, oldest first."""
        access = self._access(caller)
        look = partial(queries.message_list, access=access, query=query, scope=scope)
        return self._read(look, query.autorisatie_adres, query.period)

    def report(self, caller: Caller, report: AgencyReport) -> Future[None]:
        """Append what the agency of a filing says of it, durably; then resolve."""
        now = self.clock()
        try:
            reports.require_report(report)
        except Refusal as refusal:
            return _failed(refusal)

        def work(transaction: Transaction) -> reports.Effect:
            return reports.take_report(transaction, caller, report, house=self.house, now=now)

        def told(effect: reports.Effect) -> None:
            _log.info(
                "kenmerk %s: OIN %s reports %s, judged at %s: %s",
                *(ascii(report.kenmerk), caller.oin, report.code, format_utc(report.at)),
                effect.value,
                extra={"event": "reported", "kenmerk": report.kenmerk, "oin": caller.oin},
            )
            # A filing that continues the process may have waited for this one.
            self.wake()

        return _concluded(self.store.write(work), told)

    def offer(self, caller: Caller, message: ReturnMessage) -> Future[None]:
        """Put a message of the agency of its kenmerk into the mailbox, durably; then resolve."""
        now = self.clock()

        def judge(reader: Reader) -> object:
            return reports.foresee_offer(reader, caller, message, house=self.house)

        def work(prepared: Prepared) -> Callable[[Transaction], reports.Effect]:
            return lambda transaction: reports.take_offer(
                transaction, caller, message, house=self.house, now=now, prepared=prepared
            )

        def told(effect: reports.Effect) -> None:
            _log.info(
                "kenmerk %s: OIN %s offers a message: %s",
                *(ascii(message.kenmerk), caller.oin, effect.value),
                extra={"event": "offered", "kenmerk": message.kenmerk, "oin": caller.oin},
            )

        documents = (message.document, *message.attachments)
        request = None if caller.proof is None else caller.proof.kept
        offered = write_with(self.store, self.executor, documents, judge, work, request)
        return _concluded(offered, told)

    def _access(self, caller: Caller) -> queries.Access:
        return queries.Access(caller.oin, self.authorisations().mailboxes_of(caller.oin))

    def _check(self, autorisatie_adres: str | None, period: Period) -> None:
        intake.check_authorisation_service(autorisatie_adres, self.house.authorisation_services)
        queries.check_period(period)

    def _read(
        self, work: Callable[[Reader], T], autorisatie_adres: str | None, period: Period
    ) -> Future[T]:
        try:
            self._check(autorisatie_adres, period)
        except Refusal as refusal:
            return _failed(refusal)
        return self.executor.submit(self.store.read, work)

    def _fresh(
        self,
        look: Callable[[Reader], tuple[float, Sequence[StatusRow]]],
        caller: Caller,
        autorisatie_adres: str | None,
        period: Period,
        later: Later | None,
    ) -> Future[tuple[float, Sequence[ProcessStatus]]]:
        """Return new statuses and how long the answer waits, and have them marked."""

        def found(
            reader: Reader,
        ) -> tuple[tuple[float, Sequence[ProcessStatus]], Work[None] | None]:
            pause, rows = look(reader)
            mark = partial(queries.mark_statuses, oin=caller.oin, rows=rows) if rows else None
            return (pause, queries.shown(rows)), mark

        return self._marked(found, autorisatie_adres, period, later)

    def _marked(
        self,
        look: Callable[[Reader], tuple[T, Work[None] | None]],
        autorisatie_adres: str | None,
        period: Period,
        later: Later | None,
    ) -> Future[T]:
        """Return what was found, and have it marked as given: later, or before it is returned."""

        def ask() -> "Future[tuple[T, Work[None] | None]]":
            return self._read(look, autorisatie_adres, period)

        return give(ask, self.store, self.executor, later)

    def _wake_after(self, accepted: Future[Filing]) -> None:
        if not accepted.cancelled() and accepted.exception() is None:
            # In the writer, before anybody who waits for this future is told.
            crash_point("intake.before_answer")
            self.wake()

    def _pause(self, reader: Reader, caller: Caller, kenmerk: str) -> float:
        """Play the scenario of a process towards who asks for its statuses."""
        aanleverkenmerk = queries.own_process(reader, caller.oin, kenmerk)
        scenario = scenario_of(self.scenarios, aanleverkenmerk)
        return played(scenario, scenario.status) if scenario else 0.0

    def _after(
        self, inner: Future[S], pause: Callable[[S], float], value: Callable[[S], T]
    ) -> Future[T]:
        """Return a future that resolves to a part of another, perhaps later."""
        outer: Future[T] = begun_future()

        def done(_: Future[S]) -> None:
            if (error := inner.exception()) is not None:
                outer.set_exception(error)
                return
            result = inner.result()
            seconds = pause(result)
            if seconds:
                self.delay(seconds, lambda: outer.set_result(value(result)))
            else:
                outer.set_result(value(result))

        inner.add_done_callback(done)
        return outer


def _concluded(effect: "Future[S]", told: Callable[[S], None]) -> Future[None]:
    """Return a future that resolves when something has been recorded and somebody told."""
    outer: Future[None] = begun_future()

    def done(recorded: "Future[S]") -> None:
        error = recorded.exception()
        if error is not None:
            outer.set_exception(error)
            return
        told(recorded.result())
        outer.set_result(None)

    effect.add_done_callback(done)
    return outer


def _kept(answer: "Future[bytes]") -> None:
    if not answer.cancelled() and answer.exception() is None:
        crash_point("answer.after_store")


def _failed(refusal: Refusal) -> "Future[T]":
    future: Future[T] = Future()
    future.set_exception(refusal)
    return future


def _same(value: T) -> T:
    return value
