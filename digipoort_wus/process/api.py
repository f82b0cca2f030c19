"""What the services may ask of the process: one protocol and its values.

Everything is scoped to a :class:`Caller`; nobody sees another party's processes
or messages, and an agency is told of none but those that are delivered to it.
Answers come as futures, because a write is only answered after its commit. A future
fails with :class:`~digipoort_wus.errors.Refusal` when the caller asked something that
is not his to ask, and with anything else when the gateway itself failed.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from digipoort_wus.filing.filing import Delivery, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.process.later import Later
from digipoort_wus.process.recording import Proof


class Scope(Enum):
    """Which results a query returns."""

    ALL = "all"
    """Everything; leaves no trace."""
    NEW = "new"
    """What no earlier NEW query of this caller returned; marked as returned.

    Who gives a :class:`Later` with the question has it marked when the answer is signed.
    """


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the gate established it.

    Args:
        oin: OIN of the signer.
        tls_oin: OIN of the TLS peer, None where there was no TLS (embedding).
        message_id: wsa:MessageID of the request, signed.
        body_digest: SHA-256 of the canonical element in the signed Body.
        proof: of a filing, a report or an offer; None of every other request, and where no gate
            was passed.
        counted: whether its octets were counted for the volume of the day already, when the
            message came that it was in.
    """

    oin: str
    tls_oin: str | None
    message_id: str
    body_digest: bytes
    proof: Proof | None = field(default=None, repr=False, compare=False)
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """``tijdstempelVanaf`` and ``tijdstempelTot``, both inclusive (inferred); None is open."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """A status together with the process it belongs to."""

    kenmerk: str
    belanghebbende: Party
    status: Status


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One row of getProcessen."""

    kenmerk: str
    berichtsoort: str
    belanghebbende: Party
    ontvanger: Party | None


@dataclass(frozen=True, slots=True)
class MailboxEntry:
    """One row of the two Lijst operations: a message without its content."""

    kenmerk: str
    berichtsoort: str
    belanghebbende: Party


@dataclass(frozen=True, slots=True)
class MailboxQuery:
    """What getBerichten and its variants select; None selects everything.

    ``kenmerk`` alone (the Kenmerk operations) must belong to the caller.
    """

    berichtsoort: str | None = None
    belanghebbende: Party | None = None
    kenmerk: str | None = None
    autorisatie_adres: str | None = None
    period: Period = Period()


@dataclass(frozen=True, slots=True)
class AgencyReport:
    """What an agency made of a filing that it was given (``zetStatus``).

    Args:
        kenmerk: the process.
        code: ``500`` or ``510``; anything else is refused.
        at: when, as the agency says.
        berichtkenmerk: which filing of the process; None where there is only one.
        error: ``statusFoutcode``.
        details: ``statusdetails``.
    """

    kenmerk: str
    code: str
    at: datetime
    berichtkenmerk: str | None = None
    error: StatusError | None = None
    details: str | None = None


class ProcessApi(Protocol):
    """The process as the services see it."""

    def accept(self, caller: Caller, delivery: Delivery) -> Future[Filing]:
        """Store the delivery durably with statuses 105, 100 and 110 and a job; then resolve.

        A repeat of (caller.oin, message_id) with the same body_digest resolves to
        the first filing; with another digest it fails with MESSAGE-ID-REUSED.
        """

    def answered(self, caller: Caller, octets: bytes, valid_until: datetime) -> Future[bytes]:
        """Keep the signed answer to a delivery durably; then resolve to the one to be sent.

        For a repeat that is the first one, octet by octet, while it is valid.

        Args:
            caller: who filed, and in which message.
            octets: the answer as it was signed.
            valid_until: the Expires of it.
        """

    def berichtsoorten(
        self, caller: Caller, party: Party, autorisatie_adres: str | None
    ) -> Future[Sequence[str]]:
        """Return which berichtsoorten the caller may file for the party."""

    def processes(
        self, caller: Caller, berichtsoort: str, party: Party, autorisatie_adres: str | None
    ) -> Future[Sequence[ProcessEntry]]:
        """Return the caller's processes of this berichtsoort and party, oldest first."""

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

    def messages(
        self, caller: Caller, query: MailboxQuery, scope: Scope, later: Later | None = None
    ) -> Future[Sequence[ReturnMessage]]:
        """Return the caller's return messages with their content, oldest first.

        A message that cannot be read, or that no answer can hold, is left out and not marked.
        """

    def message_list(
        self, caller: Caller, query: MailboxQuery, scope: Scope
    ) -> Future[Sequence[MailboxEntry]]:
        """Return the caller's return messages without their content, oldest first.

        With Scope.NEW it lists what is new, and marks nothing: a list is no receipt
        (inferred); fetching the message marks it.
        """

    def report(self, caller: Caller, report: AgencyReport) -> Future[None]:
        """Append what the agency of a filing says of it, durably; then resolve.

        A repeat of (caller.oin, message_id) with the same body_digest resolves as the first
        time; with another digest it fails with MESSAGE-ID-REUSED. The same verdict again in
        another message resolves and changes nothing; another verdict fails with REPORT-FINAL.
        """

    def offer(self, caller: Caller, message: ReturnMessage) -> Future[None]:
        """Put a message of the agency of its kenmerk into the mailbox, durably; then resolve.

        Repeats are as for :meth:`report`; the same message again, known by its berichtkenmerk,
        resolves and changes nothing.

        Args:
            caller: the agency.
            message: its ``offered_at`` is replaced by the moment of receipt.
        """
