"""Changes to a history, as somebody makes them who can write to the database."""

from dataclasses import replace

from digipoort_wus.evidence.rows import BatchRow, EntryRow
from tests.unit.evidence.history import History


def entry(history: History, chain: str, number: int, **changes: object) -> None:
    """Change the columns of an entry."""
    at = next(i for i, r in enumerate(history.entries) if (r.kenmerk, r.seq) == (chain, number))
    history.entries[at] = replace(history.entries[at], **changes)  # type: ignore[arg-type]


def drop(history: History, kenmerk: str, *numbers: int) -> None:
    history.entries = [r for r in history.entries if r.kenmerk != kenmerk or r.seq not in numbers]


def octets(history: History, kenmerk: str, seq: int, old: bytes, new: bytes) -> EntryRow:
    row = history.rows_of(kenmerk)[seq - 1]
    assert old in row.octets
    entry(history, kenmerk, seq, octets=row.octets.replace(old, new))
    return row


def batch(history: History, which: int, **changes: object) -> None:
    """Change what a batch says, or its row, without signing it again."""
    row = history.batches[which - 1]
    names = set(BatchRow.__dataclass_fields__) & set(changes)
    outer = {name: changes.pop(name) for name in names}
    inner = replace(row.batch, **changes)  # type: ignore[arg-type]
    history.batches[which - 1] = replace(row, **({"batch": inner} | outer))  # type: ignore[arg-type]


def keep(history: History, kenmerk: str, bericht: str, **changes: object) -> None:
    kept = history.kept[kenmerk][bericht]
    history.kept[kenmerk][bericht] = replace(kept, **changes)  # type: ignore[arg-type]
