"""Verify the chain of one kenmerk, and what is kept of its filings against it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.errors import DigipoortError
from digipoort_wus.evidence.blinded import blind, digest_of
from digipoort_wus.evidence.canonical import Json
from digipoort_wus.evidence.entry import NO_HASH, Entry, entry_hash, read_entry, status_octets
from digipoort_wus.evidence.findings import Finding, Problem
from digipoort_wus.evidence.kept import Kept, KeptMessage, KeptRequest, Row
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
    kenmerk: str,
    rows: Iterable[EntryRow],
    kept: Mapping[str, Kept],
    messages: Mapping[str, KeptMessage],
) -> Iterator[Finding]:
    """Yield where what is kept of the filings of a kenmerk is not what its entries say.

    Args:
        kenmerk: whose.
        rows: its entries, in order.
        kept: deliveries, by berichtkenmerk.
        messages: return messages, by berichtkenmerk.
    """
    by_bericht: dict[str, list[Entry]] = {}
    for row in rows:
        if (entry := entry_of(row)) is not None:
            by_bericht.setdefault(entry.bericht, []).append(entry)
    for bericht, entries in by_bericht.items():
        received = next((entry for entry in entries if entry.kind == "received"), None)
        yield from _holds(kenmerk, entries)
        if received is not None:
            yield from _kept(kenmerk, received, entries, kept.get(bericht))
            yield from _row(kenmerk, received, kept.get(bericht))
    # A return message goes with the purge of the delivery that it is about.
    purged = any(entry.kind == "purged" for entries in by_bericht.values() for entry in entries)
    for bericht, entries in by_bericht.items():
        offered = next((entry for entry in entries if entry.kind == "offered"), None)
        if offered is not None:
            yield from _message(kenmerk, offered, messages.get(bericht), purged=purged)
            yield from _row(kenmerk, offered, messages.get(bericht))
    # Of what version 3 stored nobody wrote an entry.
    told = {
        kind: {bericht for bericht, entries in by_bericht.items() if _has(entries, kind)}
        for kind in ("received", "offered")
    }
    for kind, there in (("received", kept), ("offered", messages)):
        for bericht, one in there.items():
            if bericht not in told[kind] and one.row is not Row.UNKNOWN:
                yield Finding(Problem.KEPT_UNTOLD, kenmerk, detail=f"no entry {kind}")


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


def _has(entries: Iterable[Entry], kind: str) -> bool:
    return any(entry.kind == kind for entry in entries)


def _row(kenmerk: str, entry: Entry, kept: Kept | KeptMessage | None) -> Iterator[Finding]:
    """Yield where the row of a filing or return message is not what its entry says."""
    if kept is None or kept.salt is None or "head" not in entry.facts:
        return
    is_told = entry.facts["head"] == _told(kept.salt, "head", kept.head)
    if not is_told or kept.row is not Row.WRITTEN:
        yield Finding(Problem.KEPT_CHANGED, kenmerk, entry.seq, detail="row")


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
        ("certificates", received, "certificates", _digests(_ders(kept.certificates))),
        ("CRLs", received, "crls", _digests(_ders(kept.crls))),
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
    reports = [entry for entry in entries if entry.kind == "reported"]
    for entry, report in zip_longest(reports, kept.reports):
        if entry is not None:
            yield from _signed(kenmerk, entry, salt, report or KeptRequest())


def _message(
    kenmerk: str, offered: Entry, kept: KeptMessage | None, *, purged: bool
) -> Iterator[Finding]:
    if kept is None or kept.salt is None:
        if not purged:
            yield Finding(Problem.KEPT_MISSING, kenmerk, offered.seq)
        return
    found = [_told(kept.salt, "content", content) for content in kept.contents]
    if _listed(offered.facts.get("contents", ())) != list(found):
        yield Finding(Problem.KEPT_CHANGED, kenmerk, offered.seq, detail="contents")
    yield from _signed(kenmerk, offered, kept.salt, kept.offered or KeptRequest())


def _signed(kenmerk: str, entry: Entry, salt: bytes, kept: KeptRequest) -> Iterator[Finding]:
    """Yield where the request of an agency is not what an entry says, if it says something."""
    if "request" not in entry.facts:
        return
    for what, name, found in (
        ("request", "request", _told(salt, "request", kept.request)),
        ("certificates", "certificates", _digests(_ders(kept.certificates))),
        ("CRLs", "crls", _digests(_ders(kept.crls))),
    ):
        if _listed(entry.facts.get(name, ())) != _listed(found):
            yield Finding(Problem.KEPT_CHANGED, kenmerk, entry.seq, detail=what)


def _told(salt: bytes, name: str, value: Content | None) -> str:
    """Return what an entry would say; nothing of what is missing, or damaged in its store."""
    if value is None:
        return ""
    try:
        return str(blind(salt, name, value))
    except DigipoortError:
        return ""


def _ders(
    values: Iterable[x509.Certificate | x509.CertificateRevocationList],
) -> Iterator[bytes]:
    return (value.public_bytes(Encoding.DER) for value in values)


def _digests(ders: Iterable[bytes]) -> list[str]:
    return [str(digest_of(der)) for der in ders]


def _listed(value: Json) -> list[Json]:
    if isinstance(value, list | tuple):
        return list(value)
    return [value]
