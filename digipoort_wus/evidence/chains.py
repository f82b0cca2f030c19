"""Verify the chain of one kenmerk, and what is kept of its filings against it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.errors import DigipoortError
from digipoort_wus.evidence.blinded import blind, digest_of
from digipoort_wus.evidence.canonical import Json
from digipoort_wus.evidence.entry import NO_HASH, Entry, entry_hash, read_entry, status_octets
from digipoort_wus.evidence.findings import Finding, Problem
from digipoort_wus.evidence.kept import Kept
from digipoort_wus.evidence.rows import EntryRow
from digipoort_wus.filing.content import Content


def chain_findings(kenmerk: str, rows: Iterable[EntryRow], newest: int) -> Iterator[Finding]:
    """Yield what is wrong with a chain.

    A wrong hash is named where it stands; what follows is judged as if it were right, so that
    one change is not told many times.

    Args:
        kenmerk: whose.
        rows: in order of their number.
        newest: number of the last batch; 0 when there is none.
    """
    seen: set[int] = set()
    expected, hash_before = 1, NO_HASH
    at_before: datetime | None = None
    sealed = (0, -1)
    for row in rows:
        if row.seq < expected:
            problem = Problem.ENTRY_TWICE if row.seq in seen else Problem.ENTRY_ORDER
            yield Finding(problem, kenmerk, row.seq)
            continue
        gap = row.seq > expected
        if gap:
            yield Finding(
                Problem.ENTRY_MISSING, kenmerk, expected, detail=f"none up to {row.seq - 1}"
            )
        # Behind a gap nobody knows the hash before.
        elif entry_hash(hash_before, row.octets) != row.hash:
            yield Finding(Problem.ENTRY_HASH, kenmerk, row.seq)
        entry = entry_of(row)
        if entry is None:
            yield Finding(Problem.ENTRY_FORM, kenmerk, row.seq)
        else:
            yield from _place(kenmerk, row, entry, at_before)
            at_before = entry.at
        place = (newest + 1, row.seq) if row.batch is None else (row.batch, row.leaf or 0)
        lost = row.batch is not None and not 1 <= row.batch <= newest
        if place <= sealed or lost or (row.batch is None) != (row.leaf is None):
            yield Finding(Problem.ENTRY_BATCH, kenmerk, row.seq, row.batch)
        seen.add(row.seq)
        expected, hash_before, sealed = row.seq + 1, row.hash, place


def kept_findings(
    kenmerk: str, rows: Iterable[EntryRow], kept: Mapping[str, Kept]
) -> Iterator[Finding]:
    """Yield where what is kept of the filings of a kenmerk is not what its entries say.

    Args:
        kenmerk: whose.
        rows: its entries, in order.
        kept: by berichtkenmerk.
    """
    by_bericht: dict[str, list[Entry]] = {}
    for row in rows:
        if (entry := entry_of(row)) is not None:
            by_bericht.setdefault(entry.bericht, []).append(entry)
    for bericht, entries in by_bericht.items():
        received = next((entry for entry in entries if entry.kind == "received"), None)
        yield from _holds(kenmerk, entries)
        # What is kept of return messages is not asked for here.
        if received is not None:
            yield from _kept(kenmerk, received, entries, kept.get(bericht))


def entry_of(row: EntryRow) -> Entry | None:
    """Return what a row says; None when that is no entry."""
    try:
        return read_entry(row.octets)
    except ValueError:
        return None


def _place(
    kenmerk: str, row: EntryRow, entry: Entry, at_before: datetime | None
) -> Iterator[Finding]:
    columns = (row.kenmerk, row.seq, row.at, row.kind)
    if columns != (entry.kenmerk, entry.seq, entry.at, entry.kind) or row.kenmerk != kenmerk:
        yield Finding(Problem.ENTRY_PLACE, kenmerk, row.seq)
    if at_before is not None and entry.at < at_before:
        yield Finding(Problem.ENTRY_TIME, kenmerk, row.seq)


def _holds(kenmerk: str, entries: Sequence[Entry]) -> Iterator[Finding]:
    held = False
    for entry in entries:
        match entry.kind:
            case "held":
                held = True
            case "released":
                held = False
            case "purged" if held:
                yield Finding(Problem.PURGE_HELD, kenmerk, entry.seq)


def _kept(
    kenmerk: str, received: Entry, entries: Sequence[Entry], kept: Kept | None
) -> Iterator[Finding]:
    purged = next((entry for entry in entries if entry.kind == "purged"), None)
    salt = None if kept is None else kept.salt
    if purged is not None:
        if salt is not None:
            yield Finding(Problem.PURGE_UNDONE, kenmerk, purged.seq)
        return
    if kept is None or salt is None:
        yield Finding(Problem.KEPT_MISSING, kenmerk, received.seq)
        return
    answered = next((entry for entry in reversed(entries) if entry.kind == "answered"), None)
    reached = [entry for entry in entries if entry.kind == "status"]
    for what, entry, name, found in (
        ("request", received, "request", _told(salt, "request", kept.request)),
        ("contents", received, "contents", [_told(salt, "content", c) for c in kept.contents]),
        ("certificates", received, "certificates", _digests(_certificates(kept))),
        ("CRLs", received, "crls", _digests(_crls(kept))),
        ("answer", answered, "answer", _told(salt, "answer", kept.answer)),
    ):
        if entry is not None and _listed(entry.facts.get(name, ())) != _listed(found):
            yield Finding(Problem.KEPT_CHANGED, kenmerk, entry.seq, detail=what)
    if len(reached) != len(kept.statuses):
        detail = f"{len(kept.statuses)} statuses, not {len(reached)}"
        yield Finding(Problem.KEPT_CHANGED, kenmerk, received.seq, detail=detail)
        return
    for entry, status in zip(reached, kept.statuses, strict=True):
        if entry.facts.get("status") != _told(salt, "status", status_octets(status)):
            yield Finding(Problem.KEPT_CHANGED, kenmerk, entry.seq, detail="status")


def _told(salt: bytes, name: str, value: Content | None) -> str:
    """Return what an entry would say; nothing of what is missing, or damaged in its store."""
    if value is None:
        return ""
    try:
        return str(blind(salt, name, value))
    except DigipoortError:
        return ""


def _certificates(kept: Kept) -> Iterator[bytes]:
    return (certificate.public_bytes(Encoding.DER) for certificate in kept.certificates)


def _crls(kept: Kept) -> Iterator[bytes]:
    return (crl.public_bytes(Encoding.DER) for crl in kept.crls)


def _digests(ders: Iterable[bytes]) -> list[str]:
    return [str(digest_of(der)) for der in ders]


def _listed(value: Json) -> list[Json]:
    if isinstance(value, list | tuple):
        return list(value)
    return [value]
