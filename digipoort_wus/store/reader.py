"""What can be looked up in a store; part of :mod:`digipoort_wus.store.ports`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.store.values import (
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
    QueueCounts,
    Receipt,
    Selection,
    StatusRow,
    StoredPayload,
    Summary,
)


class Reader(Protocol):
    """Looks at one consistent state of the store.

    Contents below 128 kB are octets, larger ones a handle. What was purged raises
    :class:`~digipoort_wus.store.secrets.SecretDestroyed` where its content is asked for.
    """

    # --- Filings ----------------------------------------------------------------------

    def receipt(self, sender: str, message_id: str) -> Receipt | None:
        """Return what is remembered of this sender's message, None when it is new."""

    def filing(self, filing_id: FilingId, documents: Sequence[Document] | None = None) -> Filing:
        """Return a delivery with its documents; each is checked.

        Args:
            filing_id: which.
            documents: the same as were stored, of who has them at hand: none is read.

        Raises:
            KeyError: there is no such filing.
            PayloadDamaged: a document is not what was stored.
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

    # --- Statuses and messages ----------------------------------------------------------

    def last_status_at(self, kenmerk: str) -> datetime | None:
        """Return the time of the newest status of a process."""

    def statuses(self, selection: Selection, limit: int | None = None) -> Sequence[StatusRow]:
        """Return statuses ordered by time, then in order of insertion; at most so many."""

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

    def inbox(self, peer: str, message_id: str) -> InboxRow | None:
        """Return what is remembered of an agency's message, None when it is new."""

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
        """Return the kenmerken of jobs that could be claimed now, the longest due first."""

    def counts(self, now: datetime) -> QueueCounts:
        """Return how many jobs there are; looks at each."""

    # --- Senders ----------------------------------------------------------------------

    def volume(self, oin: str, day: date) -> int:
        """Return how many octets were counted for an OIN on a day."""

    # --- Evidence and keys ------------------------------------------------------------

    def last_evidence(self, kenmerk: str) -> EvidenceRow | None:
        """Return the end of a chain, None when it has no entry yet."""

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

    def overview(self, wanted: Overview) -> Sequence[Summary]:
        """Return filings, newest first."""

    def expired(self, before: datetime, berichtsoort: str, limit: int) -> Sequence[FilingId]:
        """Return filings that may be purged: received earlier, at rest, and not held."""

    def payloads(self, after: int, limit: int) -> Sequence[tuple[int, StoredPayload]]:
        """Return payloads with a number above this one, as their rows say them, in order.

        Args:
            after: the number of the last one seen, 0 for the first page.
            limit: at most so many; each may hold 128 kB.
        """
