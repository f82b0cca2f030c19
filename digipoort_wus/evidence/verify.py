"""Verify stored evidence: batches and their stamps, chains, and what is kept beside them.

Nothing is raised for evidence that is wrong: each problem is a :class:`Finding` that says
where. Batches and chains are read one at a time, so that a large store can be verified.

What this cannot see: entries at the end of a chain that no batch has sealed yet, and the
newest batches, when they are removed with all their entries. Against the second helps a
hash that was noted elsewhere (``Trust.known``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cryptography import x509

from digipoort_wus.evidence.batch import Batch, batch_hash, stamped_octets, verify_batch
from digipoort_wus.evidence.chains import chain_findings, entry_of, kept_findings
from digipoort_wus.evidence.entry import NO_HASH
from digipoort_wus.evidence.findings import MAY_DIFFER, Disproved, Finding, Problem
from digipoort_wus.evidence.kept import Kept, KeptMessage, Row
from digipoort_wus.evidence.merkle import root_of
from digipoort_wus.evidence.rows import BatchRow, EntryRow
from digipoort_wus.evidence.stamp import StampPolicy, StampState, require_plausible, verify_stamp


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verifier believes.

    Args:
        signers: certificates of the gateway, by the SHA-256 of their DER.
        stamp_roots: of time stamping authorities; with none, stamps are counted, not judged.
        stamps: whether a batch must have one.
        known: hashes of batches that were noted elsewhere, by number.
    """

    signers: Mapping[bytes, x509.Certificate]
    stamp_roots: tuple[x509.Certificate, ...] = ()
    stamps: StampPolicy = field(default_factory=StampPolicy)
    known: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Chain:
    """The entries of one kenmerk, in order of their number.

    ``kept`` is what is kept of its filings, by berichtkenmerk, and ``messages`` of its return
    messages; None leaves both out.
    """

    kenmerk: str
    rows: Sequence[EntryRow]
    kept: Mapping[str, Kept] | None = None
    messages: Mapping[str, KeptMessage] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch and the entries that name it, in order of their leaves."""

    row: BatchRow
    entries: Sequence[EntryRow]


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found; without findings everything holds.

    Args:
        findings: batches first, in order.
        kenmerken: chains that were verified.
        entries: entries in them.
        unsealed: of those, in no batch yet.
        batches: batches that were verified.
        stamps: stamps that were judged.
        unjudged_stamps: stamps for which no authority is believed.
        unbound: filings and return messages that version 3 stored, without an entry.
    """

    findings: tuple[Finding, ...]
    kenmerken: int
    entries: int
    unsealed: int
    batches: int
    stamps: int
    unjudged_stamps: int
    unbound: int = 0


def verify_history(
    batches: Iterable[Sealed], chains: Iterable[Chain], trust: Trust, now: datetime
) -> Report:
    """Verify batches and chains, each read once.

    Args:
        batches: all of them, in order of their number.
        chains: all of them, or those that are in question.
        trust: whom to believe.
        now: moment by which a stamp may be overdue.

    Raises:
        ConfigurationError: there are stamps to judge and the extra ``timestamp`` is missing.
    """
    findings: list[Finding] = []
    before: Batch | None = None
    seen: set[int] = set()
    stamps = entries = unsealed = kenmerken = unbound = 0
    for sealed in batches:
        findings += batch_findings(before, sealed, trust, now)
        seen.add(sealed.row.batch.number)
        stamps += sealed.row.stamp is not None
        if before is None or sealed.row.batch.number > before.number:
            before = sealed.row.batch
    findings += [
        Finding(Problem.BATCH_MISSING, batch=number, detail="noted elsewhere")
        for number in trust.known
        if number not in seen
    ]
    newest = 0 if before is None else before.number
    for chain in chains:
        kenmerken += 1
        entries += len(chain.rows)
        unsealed += sum(row.batch is None for row in chain.rows)
        findings += chain_findings(chain.kenmerk, chain.rows, newest)
        if chain.kept is not None:
            findings += kept_findings(chain.kenmerk, chain.rows, chain.kept, chain.messages)
            rows = [(one.salt, one.row) for one in chain.kept.values()]
            rows += [(one.salt, one.row) for one in chain.messages.values()]
            unbound += sum(salt is not None and row is Row.UNKNOWN for salt, row in rows)
    judged = stamps if trust.stamp_roots else 0
    return Report(
        tuple(findings),
        kenmerken,
        entries,
        unsealed,
        len(seen),
        judged,
        stamps - judged,
        unbound,
    )


def batch_findings(
    before: Batch | None, sealed: Sealed, trust: Trust, now: datetime
) -> Iterator[Finding]:
    """Yield what is wrong with a batch.

    Args:
        before: the one before it; None for the first.
        sealed: the batch and its entries.
        trust: whom to believe.
        now: moment by which a stamp may be overdue.
    """
    batch = sealed.row.batch
    expected = 1 if before is None else before.number + 1
    if batch.number < expected:
        yield Finding(Problem.BATCH_TWICE, batch=batch.number)
        return
    if batch.number > expected:
        detail = f"none up to {batch.number - 1}"
        yield Finding(Problem.BATCH_MISSING, batch=expected, detail=detail)
    elif batch.previous != (NO_HASH if before is None else _hash(before)):
        yield Finding(Problem.BATCH_LINK, batch=batch.number)
    if batch.number in trust.known and trust.known[batch.number] != _hash(batch):
        yield Finding(Problem.BATCH_KNOWN, batch=batch.number)
    if before is not None and batch.sealed_at + MAY_DIFFER < before.sealed_at:
        yield Finding(Problem.BATCH_TIME, batch=batch.number, detail="before the batch before")
    yield from _leaves(batch, sealed.entries)
    if _hash(batch) is None:
        yield Finding(Problem.BATCH_SIGNATURE, batch=batch.number, detail="nobody can sign that")
        return
    try:
        verify_batch(batch, sealed.row.signature, trust.signers)
    except Disproved as error:
        yield Finding(error.problem, batch=batch.number, detail=error.detail)
    yield from _stamp(sealed.row, trust, now)


def _hash(batch: Batch) -> bytes | None:
    """Return the hash of a batch; None of numbers that no batch can have."""
    try:
        return batch_hash(batch)
    except ValueError:
        return None


def _leaves(batch: Batch, rows: Sequence[EntryRow]) -> Iterator[Finding]:
    places = [row.leaf for row in rows]
    if len(rows) != batch.leaves or places != list(range(len(rows))):
        # Among so many places one is empty, unless there is an entry too many.
        there = set(places)
        first = next(place for place in range(len(rows) + 1) if place not in there)
        empty = f", none at {first}" if first < batch.leaves else ""
        detail = f"{len(rows)} entries for {batch.leaves} places{empty}"
        yield Finding(Problem.BATCH_LEAVES, batch=batch.number, detail=detail)
    elif root_of([row.hash for row in rows]) != batch.root:
        yield Finding(Problem.BATCH_ROOT, batch=batch.number)
    for row in rows:
        entry = entry_of(row)
        if entry is not None and entry.at > batch.sealed_at + MAY_DIFFER:
            yield Finding(Problem.BATCH_TIME, row.kenmerk, row.seq, batch.number, "before an entry")


def _stamp(row: BatchRow, trust: Trust, now: datetime) -> Iterator[Finding]:
    batch, policy = row.batch, trust.stamps
    if row.stamp is None:
        if row.stamped_at is not None:
            yield Finding(Problem.STAMP_MISSING, batch=batch.number, detail="it was there")
        elif policy.state(batch.sealed_at, now) is StampState.NOT_READY:
            yield Finding(Problem.STAMP_MISSING, batch=batch.number)
        return
    if not trust.stamp_roots:
        return
    try:
        stamp = verify_stamp(row.stamp, stamped_octets(batch, row.signature), trust.stamp_roots)
        require_plausible(stamp, batch.sealed_at)
    except Disproved as error:
        yield Finding(error.problem, batch=batch.number, detail=error.detail)
        return
    if stamp.at != row.stamped_at:
        detail = "recorded with another time"
        yield Finding(Problem.STAMP_TIME, batch=batch.number, detail=detail)
