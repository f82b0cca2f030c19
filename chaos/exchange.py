"""Judges an exchange of messages over ebMS: what was sent, against what the other side keeps."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chaos.check import Violation

EXCHANGE_INVARIANTS: Mapping[str, str] = {
    "unknown": "kept, and never sent",
    "lost": "acknowledged, or to be delivered once, and not kept",
    "doubled": "kept more than once",
    "changed": "kept with another content than was sent",
    "unfinished": "sent, and the sender does not know in the end that it arrived",
}
"""What must never be, by its name."""
DELIVERED = "DELIVERED"
FINAL = frozenset({DELIVERED, "FAILED", "EXPIRED"})


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, as its sender knows it in the end.

    Args:
        way: who sent it to whom: a MessageId means nothing without.
        message_id: of it.
        payloads: in their order.
        state: at the sender.
        once: it was to be delivered exactly once; else at most once, for it is never repeated.
    """

    way: str
    message_id: str
    payloads: tuple[bytes, ...]
    state: str
    once: bool


@dataclass(frozen=True, slots=True)
class Came:
    """A message, as its receiver keeps it for the application."""

    way: str
    message_id: str
    payloads: tuple[bytes, ...]


def check_exchange(sent: Sequence[Sent], came: Sequence[Came]) -> tuple[Violation, ...]:
    """Return everything that must not be; nothing when both sides kept their promises."""
    return tuple(Violation(name, what) for name, what in _judged(sent, came))


def _judged(sent: Sequence[Sent], came: Sequence[Came]) -> Iterator[tuple[str, str]]:
    kept: dict[tuple[str, str], list[Came]] = defaultdict(list)
    for each in came:
        kept[each.way, each.message_id].append(each)
    known = {(each.way, each.message_id) for each in sent}
    yield from (("unknown", f"{way}: {name}") for way, name in kept if (way, name) not in known)
    for one in sent:
        which = f"{one.way}: {one.message_id}"
        found = kept[one.way, one.message_id]
        if not found and (one.once or one.state == DELIVERED):
            yield "lost", which
        if len(found) > 1:
            yield "doubled", f"{which}: {len(found)}"
        if any(each.payloads != one.payloads for each in found):
            yield "changed", which
        if one.state not in ({DELIVERED} if one.once else FINAL):
            yield "unfinished", f"{which}: {one.state}"
