"""What the process needs of a store: domain values in, domain values out, no SQL.

A store keeps filings, their statuses, the jobs that move them on, and the messages
that go back. Everything that belongs together is one piece of *work*: a function
over a :class:`Transaction` that is committed as a whole or not at all. The same
protocols hold for every store, so nothing here names a database.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, datetime
from typing import NewType, Protocol, TypeVar

from digipoort_wus.errors import DigipoortError
from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status

T = TypeVar("T")

FilingId = NewType("FilingId", int)
"""The store's own number of one accepted delivery; grows in order of acceptance.

It is not the kenmerk, because a delivery that names a known kenmerk continues that
process: one kenmerk, several deliveries.
"""
MessageId = NewType("MessageId", int)
"""The store's own number of a return message; grows in order of offering."""


class StoreFailed(DigipoortError):
    """The store could not commit; nothing of the work was kept, a repeat is safe."""


class LostLease(DigipoortError):
    """Somebody else claimed the job since: the work under the old token was undone."""


class PayloadDamaged(DigipoortError):
    """A stored payload is missing or is not what was stored."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the store remembers of a message that it accepted, to recognise a repeat."""

    filing_id: FilingId
    body_digest: bytes


@dataclass(frozen=True, slots=True)
class FilingRow:
    """One accepted delivery without its documents."""

    filing_id: FilingId
    kenmerk: str
    sender: str
    berichtsoort: str
    aanleverkenmerk: str | None
    belanghebbende: Party
    ontvanger: Party | None


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One status and where it belongs; ``seq`` counts from 1 within the delivery."""

    filing_id: FilingId
    seq: int
    kenmerk: str
    belanghebbende: Party
    status: Status


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One return message without its documents."""

    message_id: MessageId
    kenmerk: str
    berichtsoort: str
    belanghebbende: Party


@dataclass(frozen=True, slots=True)
class Job:
    """What has to be done next for one delivery, as claimed under ``token``.

    Args:
        filing_id: the delivery; it has at most one job.
        kenmerk: for logs, and because deliveries of one process wait for each other.
        step: name of the step, a word of the process.
        run_at: not earlier than this.
        since: when this step was entered.
        attempts: how often it was claimed in this step, this time included.
        token: fencing token; grows with every claim, checked by every write.
    """

    filing_id: FilingId
    kenmerk: str
    step: str
    run_at: datetime
    since: datetime
    attempts: int = 0
    token: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which statuses or messages of a sender's filings; None selects everything.

    ``start`` and ``end`` are inclusive. ``unseen_by`` leaves out what was marked as
    seen by that OIN. ``mailboxes`` adds return messages (never statuses) for these
    parties, whoever filed.
    """

    sender: str
    kenmerk: str | None = None
    berichtsoort: str | None = None
    belanghebbende: Party | None = None
    start: datetime | None = None
    end: datetime | None = None
    unseen_by: str | None = None
    mailboxes: frozenset[Party] = frozenset()


class Reader(Protocol):
    """Looks at one consistent state of the store."""

    def receipt(self, sender: str, message_id: str) -> Receipt | None:
        """Return what is remembered of this sender's message, None when it is new."""

    def filing(self, filing_id: FilingId) -> Filing:
        """Return a delivery with its documents; the hash of each is checked.

        Raises:
            KeyError: there is no such filing.
            PayloadDamaged: a document is not what was stored.
        """

    def filings_of(self, kenmerk: str) -> Sequence[FilingRow]:
        """Return the deliveries of one process, oldest first; empty when it is unknown."""

    def filings(self, sender: str, berichtsoort: str, belanghebbende: Party) -> Sequence[FilingRow]:
        """Return a sender's deliveries for one party, oldest first."""

    def last_status_at(self, kenmerk: str) -> datetime | None:
        """Return the time of the newest status of a process."""

    def statuses(self, selection: Selection) -> Sequence[StatusRow]:
        """Return statuses ordered by time, then in order of insertion."""

    def message_rows(self, selection: Selection) -> Sequence[MessageRow]:
        """Return return messages without content, oldest first."""

    def message(self, message_id: MessageId) -> ReturnMessage:
        """Return a return message with its documents; the hash of each is checked.

        Raises:
            KeyError: there is no such message.
            PayloadDamaged: a document is not what was stored.
        """

    def next_run_at(self) -> datetime | None:
        """Return when the next job can be claimed, None when there is no job."""

    def volume(self, oin: str, day: date) -> int:
        """Return how many octets were counted for an OIN on a day."""


class Transaction(Reader, Protocol):
    """Reads and changes the store; sees its own changes."""

    def add_filing(self, filing: Filing, message_id: str, body_digest: bytes) -> FilingId:
        """Keep a delivery and its documents."""

    def add_statuses(self, filing_id: FilingId, statuses: Iterable[Status]) -> None:
        """Append statuses to a delivery, in this order."""

    def add_job(self, job: Job) -> None:
        """Keep the first job of a delivery; attempts and token start at nought."""

    def claim(self, now: datetime, lease_until: datetime, limit: int) -> Sequence[Job]:
        """Lease jobs that are due and not leased, the longest due first.

        A delivery that continues a process is not claimed while an older delivery of
        the same process still has a job.
        """

    def move(self, job: Job, to: Job, lease_until: datetime | None) -> None:
        """Replace the job held under ``job.token`` by ``to``, keeping or ending the lease.

        Raises:
            LostLease: the token is no longer the newest.
        """

    def finish(self, job: Job) -> None:
        """Remove the job held under ``job.token``.

        Raises:
            LostLease: the token is no longer the newest.
        """

    def offer(self, message: ReturnMessage) -> MessageId:
        """Put a return message into the mailbox of who filed its kenmerk.

        Raises:
            KeyError: no filing has that kenmerk.
        """

    def mark_statuses(self, caller: str, rows: Iterable[StatusRow]) -> None:
        """Remember that this OIN has been given these statuses."""

    def mark_messages(self, caller: str, rows: Iterable[MessageRow]) -> None:
        """Remember that this OIN has been given these messages."""

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


class Store(Protocol):
    """Durable memory of the gateway."""

    def write(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Run the work in the writer; the future resolves only after the commit.

        An exception out of the work undoes this work alone and becomes the future's.
        Callbacks of the future run in the writer: they must be short and must not
        wait for another write.
        """

    def read(self, work: Callable[[Reader], T]) -> T:
        """Run the work over a consistent state, in the calling thread."""

    def keep(self, documents: Iterable[Document]) -> Callable[[], Future[None]]:
        """Make large documents durable ahead of the write that refers to them; may block.

        Optional: ``add_filing`` does it itself where it was not done, at the price of
        everybody's waiting for the disk.

        Returns:
            What to call once, when that write has its outcome. It blocks nobody, and removes
            in the writer what no row refers to and nobody else has kept ahead.
        """

    def close(self) -> None:
        """Finish the waiting works and let go of everything."""
