"""What the process needs of a store: domain values in, domain values out, no SQL.

A store keeps filings, their statuses, the jobs that move them on, the messages that go
back, and the evidence of all that. Everything that belongs together is one piece of
*work*: a function over a :class:`Transaction` that is committed as a whole or not at all.
A work may run more than once before it is committed, so it must have no other effect. The
same protocols hold for every store, so nothing here names a database.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import date, datetime, timedelta
from typing import Protocol, TypeVar

from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.status import Status
from digipoort_wus.store.ebms_ports import EbmsStore, EbmsTransaction
from digipoort_wus.store.reader import Reader
from digipoort_wus.store.values import (
    AT_ONCE,
    LONGEST_WAIT,
    Aged,
    Answer,
    BatchRow,
    EvidenceRow,
    FilingId,
    FilingRow,
    InboxRow,
    Job,
    JobState,
    LostLease,
    Material,
    MessageId,
    MessageRow,
    NotPurgeable,
    NotStorable,
    Overview,
    PayloadDamaged,
    PayloadsUnreachable,
    Place,
    Position,
    Prepared,
    Purged,
    QueueCounts,
    Receipt,
    Selection,
    StatusRow,
    StoredPayload,
    StoreFailed,
    Summary,
    ValidationRow,
)

__all__ = [
    "AT_ONCE",
    "LONGEST_WAIT",
    "Aged",
    "Answer",
    "BatchRow",
    "EvidenceRow",
    "FilingId",
    "FilingRow",
    "InboxRow",
    "Job",
    "JobState",
    "LostLease",
    "Material",
    "MessageId",
    "MessageRow",
    "NotPurgeable",
    "NotStorable",
    "Overview",
    "PayloadDamaged",
    "PayloadsUnreachable",
    "Place",
    "Position",
    "Prepared",
    "Purged",
    "QueueCounts",
    "Reader",
    "Receipt",
    "Selection",
    "StatusRow",
    "Store",
    "StoreFailed",
    "StoredPayload",
    "Summary",
    "Transaction",
    "ValidationRow",
]

T = TypeVar("T")


class Transaction(EbmsTransaction, Reader, Protocol):
    """Reads and changes the store; sees its own changes."""

    # --- Filings ----------------------------------------------------------------------

    def add_filing(
        self,
        filing: Filing,
        message_id: str,
        body_digest: bytes,
        prepared: Prepared | None = None,
        *,
        head: bytes | None = None,
    ) -> FilingId:
        """Keep a delivery and its documents.

        Args:
            filing: with its documents.
            message_id: wsa:MessageID; with the sender it is taken once.
            body_digest: SHA-256 of the signed body's content.
            prepared: its documents, sealed ahead; None seals them while everybody waits.
            head: what :func:`~digipoort_wus.store.binding.filing_head` returned of it, by who
                needed that already.
        """

    def hold_process(self, kenmerk: str) -> None:
        """Let nobody else write to the process before this transaction ends.

        Needed by who writes to a process without its job: a delivery that continues it, a
        report of the agency.
        """

    def mend(self, filing_id: FilingId, prepared: Prepared) -> None:
        """Keep the documents of a delivery that came again, where files of it are missing.

        Args:
            filing_id: the first delivery.
            prepared: the same documents, sealed anew.
        """

    def put_answer(self, filing_id: FilingId, octets: bytes, valid_until: datetime) -> None:
        """Keep the answer to a delivery as it was signed, instead of an earlier one.

        Raises:
            KeyError: there is no such filing.
        """

    def keep_materials(self, materials: Iterable[Material]) -> None:
        """Keep what a signature of an agency was judged by, each once; evidence names them."""

    def add_materials(self, filing_id: FilingId, materials: Iterable[Material]) -> None:
        """Keep what the signature of a delivery was judged by, each once; call it once."""

    # --- Statuses and messages ----------------------------------------------------------

    def add_statuses(self, filing_id: FilingId, statuses: Iterable[Status]) -> None:
        """Append statuses to a delivery, in this order."""

    def add_validations(self, rows: Iterable[ValidationRow]) -> None:
        """Append how deliveries were judged, those of one in this order."""

    def offer(self, message: ReturnMessage, prepared: Prepared | None = None) -> MessageId:
        """Put a return message into the mailbox of who filed its kenmerk.

        Args:
            message: with its documents.
            prepared: they, sealed ahead; None seals them while everybody waits.

        Raises:
            KeyError: no filing has that kenmerk.
        """

    def mark_statuses(self, caller: str, rows: Iterable[StatusRow]) -> int:
        """Remember that this OIN has been given these statuses; return how many it had not."""

    def mark_messages(self, caller: str, rows: Iterable[MessageRow]) -> int:
        """Remember that this OIN has been given these messages; return how many it had not."""

    def add_inbox(self, row: InboxRow, filing_id: FilingId) -> None:
        """Remember an agency's message, and its answer when it has one.

        Args:
            row: of which peer and message_id are taken once.
            filing_id: which it is about; its secret seals the answer, and the row goes when it
                is purged.
        """

    def answer_inbox(self, peer: str, message_id: str, octets: bytes, filing_id: FilingId) -> None:
        """Keep the answer to an agency's message.

        Raises:
            KeyError: there is no such message or filing.
        """

    # --- Jobs -------------------------------------------------------------------------

    def add_job(self, job: Job) -> None:
        """Keep the first job of a delivery; attempts and token start at nought."""

    def claim(self, now: datetime, lease: timedelta, limit: int) -> Sequence[Job]:
        """Lease jobs that are due and not leased, the longest due first.

        Due is what is due at once, what is due by ``now``, and what says that it is due later
        than LONGEST_WAIT from then.

        A delivery that continues a process is not claimed while an older delivery of
        the same process still has a job. A job whose lease ended by itself comes before
        all others, however many are due, and alone; it was due when it was claimed.

        Args:
            now: decides what is due.
            lease: counted by the store's own clock.
            limit: at most so many.
        """

    def claim_one(self, kenmerk: str, now: datetime, lease: timedelta) -> Job | None:
        """Lease the job of one process like :meth:`claim`; None when none can be claimed."""

    def extend(self, jobs: Iterable[Job], lease: timedelta) -> Sequence[Job]:
        """Lease jobs anew for so long from now, and return those that are still held."""

    def release(self, jobs: Iterable[Job]) -> None:
        """End the leases of those that are still held, as if they had not been claimed."""

    def move(self, job: Job, to: Job, lease: timedelta | None) -> None:
        """Replace the job held under ``job.token`` by ``to``, keeping or ending the lease.

        Raises:
            LostLease: the token is no longer the newest.
        """

    def finish(self, job: Job) -> None:
        """Remove the job held under ``job.token``.

        Raises:
            LostLease: the token is no longer the newest.
        """

    def set_aside(self, job: Job, reason: str) -> None:
        """Take the job held under ``job.token`` out of the queue until it is offered again.

        Args:
            job: of which a later delivery of the same process still waits.
            reason: for the operator; technical, never payload.

        Raises:
            LostLease: the token is no longer the newest.
        """

    def offer_again(self, filing_id: FilingId, now: datetime) -> Job:
        """Put a job that was set aside back into the queue, due at once, its attempts at nought.

        Raises:
            KeyError: no job of that filing is aside.
        """

    def replace_job(self, job: Job) -> None:
        """Give a delivery this job instead of the one it has; who holds that, or held it, loses it.

        Raises:
            KeyError: there is no such filing.
        """

    def drop_job(self, filing_id: FilingId) -> bool:
        """Remove the job of a delivery, whoever holds it; False when it has none."""

    # --- Senders ----------------------------------------------------------------------

    def add_volume(self, oin: str, day: date, size: int) -> int:
        """Count octets for an OIN, and return what the day has so far; other days are forgotten."""

    def remember(self, signature: bytes, valid_until: datetime) -> bool:
        """Remember a signature, and return whether it is new.

        Args:
            signature: SHA-256 of the SignatureValue, 32 octets.
            valid_until: until then it must not be forgotten.
        """

    def forget(self, before: datetime, most: int) -> int:
        """Forget at most so many signatures that were valid until earlier than this."""

    def forget_volumes(self, before: date) -> int:
        """Forget what was counted on earlier days of who has filed nothing since."""

    # --- Evidence and keys ------------------------------------------------------------

    def add_evidence(self, *rows: EvidenceRow) -> None:
        """Append entries to the chains of their kenmerken; nobody else can take their places.

        Args:
            rows: few; those of one chain in their order.
        """

    def evidence_salt(self, filing_id: FilingId) -> bytes:
        """Like that of a reader, but a delivery that was stored without a secret gets one."""

    def add_batch(self, batch: BatchRow, entries: Sequence[EvidenceRow]) -> None:
        """Keep a batch over these entries, in the order of its leaves.

        Raises:
            KeyError: one of them is in another batch.
        """

    def stamp(self, number: int, token: bytes, at: datetime) -> None:
        """Keep the time stamp of a batch.

        Args:
            number: of the batch.
            token: the whole answer (TimeStampResp) of the authority, DER.
            at: the time in it.

        Raises:
            KeyError: there is no such batch without one.
        """

    def rewrap(self, secret_id: int, before: bytes, ring: str, wrapped: bytes) -> bool:
        """Replace the wrapping of a secret, unless it changed since; tells whether it did."""

    # --- For who runs the gateway -----------------------------------------------------

    def take_turn(self) -> bool:
        """Return whether nobody else purges; then nobody does before this transaction ends."""

    def set_hold(self, filing_id: FilingId, reason: str | None) -> None:
        """Keep a filing from being purged for this reason, or let it go with None.

        Raises:
            KeyError: there is no such filing.
        """

    def purge(self, filing_id: FilingId, at: datetime) -> Purged:
        """Destroy what is personal of a filing and its return messages, and how to read it.

        What stays: identifiers, codes and moments of statuses, the chain of evidence. The
        files are removed by :meth:`Store.remove` after the commit. May be repeated.

        Raises:
            KeyError: there is no such filing.
            NotPurgeable: it is held, or still has a job.
        """


class Store(EbmsStore, Protocol):
    """Durable memory of the gateway."""

    @property
    def failure(self) -> StoreFailed | None:
        """Return why the store takes no more writes, None while it does."""

    @property
    def objects_failure(self) -> str | None:
        """Return what the object store did not do, empty while it answers; None without one."""

    def write(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Run the work in a writer; the future resolves only after the commit.

        An exception out of the work undoes this work alone and becomes the future's.
        Callbacks of the future run in the writer: they must be short and must not
        wait for another write.
        """

    def write_beat(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Like :meth:`write`, but for signs of life: never behind the works of others.

        Where there is one writer, all works go together and it makes no difference.
        """

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run the work over a consistent state, in the calling thread."""

    def prepare(self, documents: Iterable[Document], request: bytes | None = None) -> Prepared:
        """Seal documents ahead of the write that keeps them, large ones durably; may block.

        Whoever does this calls :meth:`discard` or :meth:`let_go` once that write has its outcome.

        Args:
            documents: of one filing or return message.
            request: what shows the signed request again, for a filing.

        Raises:
            PayloadsUnreachable: the object store did not take a large one; nothing is left.
        """

    def discard(self, prepared: Prepared) -> Future[None]:
        """Forget what was prepared: its files and objects are removed where no row needs them.

        It blocks nobody. After a StoreFailed :meth:`let_go` is to be called in its place.
        """

    def let_go(self, prepared: Prepared) -> None:
        """Leave what was prepared to the sweeps, which look for rows that refer to it.

        For who does not know what was committed, which is after a StoreFailed.
        """

    def remove(self, files: Sequence[bytes]) -> Future[None]:
        """Remove the files and objects of a purge, where no row refers to them any more.

        The future fails with PayloadsUnreachable where a sweep has to remove objects.
        """

    def look_after(self) -> None:
        """Look after the store until it is closed, in a thread; for who serves, and once only.

        What is left over of large payloads is removed, and what went wrong is noticed. A command
        of the operator leaves that alone.
        """

    def close(self) -> None:
        """Finish the waiting works and let go of everything."""
