"""Evidence as a store holds it: what verification and export are given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from digipoort_wus.evidence.batch import Batch


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One stored entry.

    Args:
        kenmerk: column.
        seq: column.
        at: column.
        kind: column.
        octets: canonical JSON, which says the four above as well.
        hash: 32 octets.
        batch: number of the batch that seals it; None while none does.
        leaf: its place there, from 0.
    """

    kenmerk: str
    seq: int
    at: datetime
    kind: str
    octets: bytes
    hash: bytes
    batch: int | None = None
    leaf: int | None = None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One stored batch.

    Args:
        batch: what was signed.
        signature: over it.
        stamp: the whole answer of the time stamping authority, DER; None while there is none.
        stamped_at: the time in it.
    """

    batch: Batch
    signature: bytes
    stamp: bytes | None = None
    stamped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SealingBatch:
    """A batch that seals entries of a kenmerk, and the hashes of all its entries, in order."""

    row: BatchRow
    leaves: Sequence[bytes]
