"""What can be looked up in a store; part of :mod:`digipoort_wus.store.ports`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.store.binding import Bound
from digipoort_wus.store.ebms_ports import EbmsReader
from digipoort_wus.store.values import (
    Aged,
    Answer,
    BatchRow,
    EvidenceRow,
    FilingId,
    FilingRow,
    InboxRow,
    Job,
    Material,
    MessageId,
    MessageRow,
    Overview,
    Position,
    QueueCounts,
    Receipt,
    Selection,
    StatusRow,
    StoredPayload,
    Summary,
    ValidationRow,
)


@dataclass(frozen=True, slots=True)
class ToAnswer:
    """A delivery that is about to be answered.

    Args:
        filing_id: the delivery.
        kenmerk: of its process.
        berichtkenmerk: of the delivery.
        valid_until: of the answer that is kept; None while there is none.
        last: the end of the chain of the process.
    """

    filing_id: FilingId
    kenmerk: str
    berichtkenmerk: str
    valid_until: datetime | None
    last: EvidenceRow | None


class Reader(EbmsReader, Protocol):
    """Looks at one consistent state of the store.

    Contents below 128 kB are octets, larger ones a handle. What was purged raises
    :class:`~digipoort_wus.store.secrets.SecretDestroyed` where its content is asked for.
    """

    # --- Filings ----------------------------------------------------------------------

    def receipt(self, sender: str, message_id: str) -> Receipt | None:
        """Return what is remembered of this sender's message, None when it is new."""

    def to_answer(self, sender: str, message_id: str) -> ToAnswer | None:
        """Return what is needed to answer this sender's message, None when it is new."""

    def filing(self, filing_id: FilingId, documents: Sequence[Document] | None = None) -> Filing:
        """Return a delivery with its documents; each is checked.

        Args:
            filing_id: which.
            documents: the same as were stored, of who has them at hand: none is read.

        Raises:
            KeyError: there is no such filing.
            PayloadDamaged: a document is not what was stored; or, where documents are read, the
                row of the delivery is not.
        """

    def filing_bound(self, filing_id: FilingId) -> Bound:
        """Return what the row of a delivery says, and whether it was written so.

        Raises:
            KeyError: there is no such filing.
            SecretUnreadable: the ring lacks the key.
            SecretDestroyed: its secret is gone, and no purge was noted in its row.
        """

    def message_bound(self, message_id: MessageId) -> Bound:
        """Return what the row of a return message says, and whether it was written so.

        Raises:
            KeyError: there is no such message.
            SecretUnreadable: the ring lacks the key.
            SecretDestroyed: its secret is gone, and no purge was noted.
        """

    def messages_about(self, kenmerk: str) -> Sequence[tuple[MessageId, str]]:
        """Return number and berichtkenmerk of the return messages of a process, oldest first."""

    def loaded(self, filing_ids: Sequence[FilingId]) -> Mapping[FilingId, tuple[Filing, bytes]]:
        """Return deliveries with their documents, and the salts of their evidence.

        Left out is what cannot be read, or was stored without a secret.
        """

    def filing_row(self, filing_id: FilingId) -> FilingRow:
        """Return a delivery without its documents.

        Raises:
            KeyError: there is no such filing.
        """

    def filings_of(self, kenmerk: str) -> Sequence[FilingRow]:
        """Return the deliveries of one process, oldest first; empty when it is unknown."""

    def filings(
        self,
        sender: str,
        berichtsoort: str,
        belanghebbende: Party,
        limit: int | None = None,
    ) -> Sequence[FilingRow]:
        """Return a sender's deliveries for one party, oldest first; at most so many."""

    def request(self, filing_id: FilingId) -> bytes | None:
        """Return what shows the signed request again, None when it was not kept.

        Raises:
            KeyError: there is no such filing.
            PayloadDamaged: it is not what was stored.
        """

    def answer(self, filing_id: FilingId) -> Answer | None:
        """Return the answer that was kept, None when there is none.

        Raises:
            PayloadDamaged: it is not what was stored.
        """

    def materials(self, filing_id: FilingId) -> Sequence[Material]:
        """Return what the signature was judged by, in the order in which it was kept."""

    def named_materials(self, digests: Sequence[bytes]) -> Sequence[Material]:
        """Return what is kept of these SHA-256, in any order; what is not there is left out."""

    # --- Statuses and messages ----------------------------------------------------------

    def last_status_at(self, kenmerk: str) -> datetime | None:
        """Return the time of the newest status of a process."""

    def statuses(self, selection: Selection, limit: int | None = None) -> Sequence[StatusRow]:
        """Return statuses ordered by time, then in order of insertion; at most so many."""

    def validations(
        self, kenmerk: str, berichtkenmerk: str | None = None
    ) -> Sequence[ValidationRow]:
        """Return how the deliveries of a process were judged, in order of delivery and time.

        Args:
            kenmerk: of the process.
            berichtkenmerk: of one delivery only.
        """

    def message_rows(self, selection: Selection, limit: int | None = None) -> Sequence[MessageRow]:
        """Return return messages without content, oldest first; at most so many."""

    def message(self, message_id: MessageId) -> ReturnMessage:
        """Return a return message with its documents; each is checked.

        Raises:
            KeyError: there is no such message.
            PayloadDamaged: a document is not what was stored.
        """

    def offered(self, berichtkenmerk: str) -> MessageId | None:
        """Return the return message with this identifier, None when it was not offered."""

    def is_purged(self, message_id: MessageId, kenmerk: str) -> bool:
        """Return whether a return message is of this process, and was purged with its filing."""

    def inbox(self, peer: str, message_id: str) -> InboxRow | None:
        """Return what is remembered of an agency's message, None when it is new."""

    def inbox_of(self, filing_id: FilingId) -> Sequence[InboxRow]:
        """Return the messages of agencies about a delivery, each with its request, oldest first.

        The answers are left out.

        Raises:
            PayloadDamaged: a request is not what was stored.
        """

    def message_request(self, message_id: MessageId) -> bytes | None:
        """Return what shows the signed request that brought a return message; None: not kept.

        Raises:
            KeyError: there is no such message.
            PayloadDamaged: it is not what was stored.
        """

    # --- Jobs -------------------------------------------------------------------------

    def next_run_at(self, now: datetime) -> datetime | None:
        """Return when the next job can be claimed, None when there is no job.

        Args:
            now: moment of the clock in which the answer is wanted; leases are counted by the
                store's own.
        """

    def job(self, filing_id: FilingId) -> Job | None:
        """Return the job of a delivery, None when it has none."""

    def jobs_aside(self, limit: int) -> Sequence[Job]:
        """Return jobs that were set aside, oldest filing first."""

    def due_kenmerken(self, now: datetime, limit: int) -> Sequence[str]:
        """Return the kenmerken of jobs that could be claimed now, in the order of a claim."""

    def counts(self, now: datetime) -> QueueCounts:
        """Return how many jobs there are; looks at each."""

    # --- Senders ----------------------------------------------------------------------

    def volume(self, oin: str, day: date) -> int:
        """Return how many octets were counted for an OIN on a day."""

    # --- Evidence and keys ------------------------------------------------------------

    def last_evidence(self, kenmerk: str) -> EvidenceRow | None:
        """Return the end of a chain, None when it has no entry yet."""

    def ends(
        self, kenmerken: Sequence[str]
    ) -> Mapping[str, tuple[datetime | None, EvidenceRow | None]]:
        """Return the time of the newest status, and the end of the chain, of each process."""

    def evidence(self, kenmerk: str) -> Sequence[EvidenceRow]:
        """Return the whole chain of a kenmerk, in order."""

    def unsealed(self, limit: int) -> Sequence[EvidenceRow]:
        """Return entries that are in no batch yet, oldest first."""

    def evidence_of_batch(self, number: int) -> Sequence[EvidenceRow]:
        """Return the entries of a batch in the order of its leaves."""

    def last_batch(self) -> BatchRow | None:
        """Return the newest batch, None when there is none."""

    def batches(self, after: int, limit: int) -> Sequence[BatchRow]:
        """Return batches with a number above this one, in order."""

    def unstamped(self, limit: int) -> Sequence[BatchRow]:
        """Return batches without a time stamp, oldest first."""

    def evidence_salt(self, filing_id: FilingId) -> bytes | None:
        """Return the key under which personal data of a delivery stands in the evidence.

        Returns:
            32 octets; None for a delivery that was stored without a secret.

        Raises:
            KeyError: there is no such filing.
            SecretDestroyed: it was purged.
        """

    def secret(self, filing_id: FilingId) -> tuple[str, bytes | None] | None:
        """Return ring and wrapped secret of a delivery; None: it was stored without one."""

    def secrets_outside(
        self, ring: str, after: int, limit: int
    ) -> Sequence[tuple[int, str, bytes]]:
        """Return number, ring and wrapping of secrets that another key than this wrapped.

        Args:
            ring: name of the key that should wrap all.
            after: only those with a higher number.
            limit: at most so many, lowest number first.
        """

    # --- For who runs the gateway -----------------------------------------------------

    def schema(self) -> int:
        """Return the schema of the tables, which another process may have changed since."""

    def keys_lacking(self) -> Sequence[str]:
        """Return the names of keys that the ring lacks, and that wrapped what was kept last.

        Looks at the newest hundred secrets alone.
        """

    def overview(self, wanted: Overview) -> Sequence[Summary]:
        """Return filings, newest first."""

    def expired(self, aged: Aged, limit: int) -> Sequence[Position]:
        """Return filings that may be purged, oldest first.

        Left out is what was purged, is held, has a job, or is with its agency (400).
        """

    def payloads(self, after: int, limit: int) -> Sequence[tuple[int, StoredPayload]]:
        """Return payloads with a number above this one, as their rows say them, in order.

        Args:
            after: the number of the last one seen, 0 for the first page.
            limit: at most so many; each may hold 128 kB.
        """
