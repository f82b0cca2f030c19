"""Any one change of sealed evidence is found, whatever it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from digipoort_wus.evidence.rows import BatchRow, EntryRow
from digipoort_wus.filing.status import Status
from tests.unit.evidence.history import A, C, History
from tests.unit.evidence.tampering import batch, keep

MOMENT = timedelta(milliseconds=1)


def flipped(octets: bytes, bit: int) -> bytes:
    at = bit % (len(octets) * 8)
    changed = bytearray(octets)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


ENTRY_CHANGES = ("kenmerk", "seq", "at", "kind", "octets", "hash", "batch", "leaf")
BATCH_CHANGES = ("number", "sealed_at", "leaves", "root", "previous", "signer", "signature")
KEPT_CHANGES = ("request", "answer", "contents", "statuses", "salt")
NUMBERS = st.integers(-2, 40) | st.integers(-(2**63), 2**63 - 1)


@st.composite
def changes(draw: st.DrawFn) -> Callable[[History], None]:
    """Draw a change of one value, one row, or the places of two."""
    kind = draw(st.sampled_from(["entry", "batch", "kept", "drop", "twice", "swap", "contents"]))
    first, second, bit = (draw(st.integers(0, 10**6)) for _ in range(3))
    name = draw(
        st.sampled_from({"entry": ENTRY_CHANGES, "batch": BATCH_CHANGES}.get(kind, KEPT_CHANGES))
    )
    number = draw(NUMBERS)

    def other(value: object) -> object:
        match value:
            case bytes():
                return flipped(value, bit)
            case str():
                return value + "x"
            case datetime():
                return value + (1 + bit) * MOMENT * (1 if number % 2 else -1)
            case _:
                return number if number != value else number + 1

    def change(history: History) -> None:
        entries, batches = history.entries, history.batches
        i, j = first % len(entries), second % len(entries)
        n = first % len(batches)
        match kind:
            case "entry":
                value = other(getattr(entries[i], name))
                entries[i] = replace(entries[i], **{name: value})  # type: ignore[arg-type]
            case "batch" if name == "signature":
                batches[n] = replace(batches[n], signature=flipped(batches[n].signature, bit))
            case "batch":
                value = other(getattr(batches[n].batch, name))
                batch(history, n + 1, **{name: value})
            case "drop":
                rows: list[EntryRow] | list[BatchRow] = entries if bit % 5 else batches
                rows.pop(first % len(rows))
            case "twice" if bit % 5:
                entries.append(entries[i])
            case "twice":
                batches.append(batches[n])
            case "swap" if i != j:
                one, two = entries[i].octets, entries[j].octets
                entries[i] = replace(entries[i], octets=two)
                entries[j] = replace(entries[j], octets=one)
            case _:
                _change_kept(history, name, first, bit)

    return change


def _change_kept(history: History, name: str, first: int, bit: int) -> None:
    kenmerk, bericht = ((A, "bericht-a1"), (C, "bericht-c1"), (C, "bericht-c2"))[first % 3]
    kept = history.kept[kenmerk][bericht]
    value = getattr(kept, name)
    match value:
        case bytes():
            changed: object = flipped(value, bit)
        case (bytes() as content,):
            changed = (flipped(content, bit),)
        case (Status(), *_):
            at = bit % len(value)
            later = replace(value[at], at=value[at].at + MOMENT)
            changed = (*value[:at], later, *value[at + 1 :])
        case _:
            raise AssertionError(name)
    keep(history, kenmerk, bericht, **{name: changed})


def test_any_single_change_is_found(unstamped: History) -> None:
    # No argument of the property: an example that fails would be printed with all of it.
    @settings(max_examples=300)
    @given(change=changes())
    def is_found(change: Callable[[History], None]) -> None:
        history = unstamped.copy()
        change(history)
        assert history.verify().findings

    is_found()
