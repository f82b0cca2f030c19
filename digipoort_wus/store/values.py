"""What goes into a store and comes out of it: values, and the errors of a store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Literal, NewType

from digipoort_wus.errors import DigipoortError
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status

FilingId = NewType("FilingId", int)
"""The store's own number of one accepted delivery; grows in order of acceptance.

It is not the kenmerk, because a delivery that names a known kenmerk continues that
process: one kenmerk, several deliveries.
"""
MessageId = NewType("MessageId", int)
"""The store's own number of a return message; grows in order of offering."""


class StoreFailed(DigipoortError):
    """The store did not say that it committed: a repeat is safe.

    Nothing of the work was kept, unless the connection to a database server broke in the
    middle of a commit.
    """


class PayloadsUnreachable(StoreFailed):
    """What keeps large payloads does not answer; what is small goes on."""


class NotStorable(DigipoortError):
    """The database refuses what a work wrote; again it would be refused again."""


class LostLease(DigipoortError):
    """Somebody else claimed the job since: the work under the old token was undone."""


class PayloadDamaged(DigipoortError):
    """A stored payload is missing or is not what was stored."""


class NotPurgeable(DigipoortError):
    """A filing is held for a legal reason, or is still being worked on."""


# --- Filings --------------------------------------------------------------------------


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
class Overview:
    """Which filings an operator wants to see, newest first; None selects everything.

    Args:
        kenmerk: of one process.
        sender: OIN.
        berichtsoort: as it was filed.
        status: code of the last status.
        start: received at this moment or later.
        end: received at this moment or earlier.
        aside: only those whose job was set aside.
        before: only filings older than this one: where the page before ended.
        limit: at most so many.
    """

    kenmerk: str | None = None
    sender: str | None = None
    berichtsoort: str | None = None
    status: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    aside: Literal[True] | None = None
    before: FilingId | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Position:
    """Where a filing stands among those in order of their receipt."""

    received_at: datetime
    filing_id: FilingId


@dataclass(frozen=True, slots=True)
class Aged:
    """Which filings are old enough to be purged.

    Args:
        before: received earlier.
        berichtsoort: of this one only; None: of any.
        but: not of these.
        after: only those behind this one: where the page before ended.
    """

    before: datetime
    berichtsoort: str | None = None
    but: tuple[str, ...] = ()
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """One filing as an operator sees it, without what is in it."""

    filing: FilingRow
    message_id: str
    received_at: datetime
    status: str | None
    job: "Job | None"
    hold: str | None
    purged_at: datetime | None


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One status and where it belongs; ``seq`` counts from 1 within the delivery."""

    filing_id: FilingId
    seq: int
    kenmerk: str
    belanghebbende: Party
    status: Status


@dataclass(frozen=True, slots=True)
class ValidationRow:
    """One time that a delivery was judged.

    Args:
        filing_id: the delivery.
        stage: a word of the process: at which of the two validations.
        attempt: at that stage, from 1.
        at: when the judgement was there.
        outcome: a word of the process.
        report: what was found and what ran, as the process writes it; None: it was purged.
    """

    filing_id: FilingId
    stage: str
    attempt: int
    at: datetime
    outcome: str
    report: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One return message without its documents."""

    message_id: MessageId
    kenmerk: str
    berichtsoort: str
    belanghebbende: Party


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


# --- Contents -------------------------------------------------------------------------

Place = Literal["row", "file", "object", "gone"]
"""Where the octets of a payload are."""
OUTSIDE = frozenset[Place](("file", "object"))
"""Places outside of the database."""


@dataclass(frozen=True, slots=True)
class StoredPayload:
    """A payload as its row says it.

    Args:
        salt: with the secret it gives the key; None for what version 3 stored, unsealed.
        sha256: of what is stored.
        size: octets of the payload, before it was sealed.
        content: what is stored, where that is the row.
        place: where it is.
    """

    salt: bytes | None
    sha256: bytes
    size: int
    content: bytes | None = field(repr=False)
    place: Place


@dataclass(frozen=True, slots=True)
class Prepared:
    """Contents that were sealed, and large ones made durable, ahead of the write.

    Args:
        ring: names the key that wrapped the secret.
        wrapped: the secret of the filing or return message, as its row keeps it.
        documents: in the order of the documents.
        request: what shows the signed request again.
        evidence_salt: under it personal data stands in the evidence, 32 octets; not stored.
        head_key: of the MAC over the row, 32 octets; not stored.
    """

    ring: str
    wrapped: bytes = field(repr=False)
    documents: tuple[StoredPayload, ...]
    request: StoredPayload | None = None
    evidence_salt: bytes = field(default=b"", repr=False)
    head_key: bytes = field(default=b"", repr=False)

    @property
    def files(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of each file or object that was written."""
        payloads = (*self.documents, self.request)
        return tuple(item.sha256 for item in payloads if item and item.place in OUTSIDE)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was signed, and until when it may be given again."""

    octets: bytes = field(repr=False)
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Material:
    """A certificate or CRL that a signature was judged by.

    Args:
        sha256: of ``content``; whoever makes it many times computes it once.
        kind: a word of who keeps it, such as ``certificate``.
        content: DER.
    """

    sha256: bytes
    kind: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A message of an agency, to recognise a repeat; ``answer`` is None until there is one.

    ``request`` shows the signed request again, where it is kept here.
    """

    peer: str
    message_id: str
    digest: bytes
    received_at: datetime
    answer: bytes | None = field(default=None, repr=False)
    request: bytes | None = field(default=None, repr=False)


# --- Jobs -----------------------------------------------------------------------------


class JobState(Enum):
    """Whether a job waits to be claimed, or for an operator."""

    READY = "ready"
    ASIDE = "aside"


AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""As ``run_at``: it is due whatever any clock says, and in turn since it was entered."""
LONGEST_WAIT = timedelta(hours=1)
"""What says that it is due later than this was written by a clock that ran ahead: it is due."""


@dataclass(frozen=True, slots=True)
class Job:
    """What has to be done next for one delivery, as claimed under ``token``.

    Args:
        filing_id: the delivery; it has at most one job.
        kenmerk: for logs, and because deliveries of one process wait for each other.
        step: name of the step, a word of the process.
        run_at: not earlier than this; AT_ONCE for what never has to wait.
        since: when this step was entered.
        attempts: how often it was claimed in this step, this time included.
        token: fencing token; grows with every claim, checked by every write. No delivery gets
            the same twice, whatever becomes of its jobs.
        crashes: how often in a row its lease ended by itself, or its step raised.
        state: what is aside is not claimed.
        reason: why it is aside; of one that is not, what its step raised the last time.
        expired: it was claimed now because the lease of an earlier claim had ended by itself.
    """

    filing_id: FilingId
    kenmerk: str
    step: str
    run_at: datetime
    since: datetime
    attempts: int = 0
    token: int = 0
    crashes: int = 0
    state: JobState = JobState.READY
    reason: str | None = None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many jobs there are, and since when the oldest that is due waits."""

    due: int
    later: int
    leased: int
    aside: int
    oldest_due_at: datetime | None


# --- Evidence -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One entry of the chain of a kenmerk.

    Args:
        kenmerk: whose chain.
        seq: place in it, from 1; nobody else can take the same.
        filing_id: the delivery that it is about.
        at: when it happened.
        kind: a word of the evidence.
        entry: canonical JSON, UTF-8.
        hash: of the chain up to and with this entry.
        row_id: the store's number of it; 0 before it is kept.
        batch_id: in which it was sealed, None while it waits.
        leaf: place in the batch, from 0.
    """

    kenmerk: str
    seq: int
    filing_id: FilingId
    at: datetime
    kind: str
    entry: bytes
    hash: bytes
    row_id: int = 0
    batch_id: int | None = None
    leaf: int | None = None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A sealed batch of evidence.

    Args:
        number: from 1; nobody else can take the same.
        sealed_at: when.
        leaves: how many entries.
        root: of the Merkle tree over them.
        previous: hash of the batch before; nobody else can follow that one.
        signature: by the gateway.
        signer_sha256: fingerprint of the certificate that verifies it.
        token: the whole answer (TimeStampResp) of the time stamping authority, DER, with the
            token in it; None while there is none.
        stamped_at: the time in the token.
    """

    number: int
    sealed_at: datetime
    leaves: int
    root: bytes
    previous: bytes
    signature: bytes
    signer_sha256: bytes
    token: bytes | None = None
    stamped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did, and left to do after its commit.

    Args:
        files: those of these SHA-256 are to go.
        payloads: how many are gone for good.
    """

    files: Sequence[bytes]
    payloads: int = 0
