"""Judges a run: what senders, agency, nodes and controller saw, against what is in the store."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from math import inf

from chaos.journal import Begun, Event, Fault, Handed
from chaos.look import Stored, StoredFiling

INVARIANTS: Mapping[str, str] = {
    "lost": "acknowledged, and not in the store",
    "unfinished": "stored, and not in a final state after the quiet period",
    "doubled": "two kenmerken for one sender and MessageID",
    "shared": "one kenmerk for two contents",
    "receipt": "a repeat was answered with another moment of receipt",
    "statuses": "a status is missing, doubled or out of order",
    "unread": "a status that was read is gone",
    "stranger": "delivered, and never stored",
    "identity": "redelivered under another MessageID",
    "undelivered": "has status 400, and the agency never took it",
    "payload": "a document is missing, or is not what was sent",
    "mailbox": "not one return message for a filing that was accepted",
    "evidence": "the chain of evidence does not hold",
    "database": "the database is not sound",
    "redelivered": "more redeliveries than the kills explain",
    "recovery": "the first orphan of a dead node waited longer than its lease and five seconds",
}
"""What must never be; the last two within bounds."""
SLACK = 5.0
DIRECT = ("105", "100", "110", "200", "301", "301", "405", "400", "500")
DETOUR = ("105", "100", "110", "200", "301", "301", "405", "420", "405", "400", "500")
PATHS = (DIRECT, DETOUR)
"""The statuses of a filing to which nobody objects, delivered at once or later."""
FINAL = "500"
DEATHS = frozenset({"kill", "crash"})
KILLED = "kill"
"""Detail of a fault of the agency: whatever it was acknowledging is delivered again."""
_DISTURBANCES = DEATHS | {"stop", "database"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the two bounds depend on.

    Args:
        in_flight: filings that a node may have claimed at one moment.
        lease: seconds until others may claim them.
        nodes: how many share the store.
        slack: seconds behind the lease; more where processes wait for a core.
    """

    in_flight: int = 16
    lease: float = 1.0
    nodes: int = 1
    slack: float = SLACK


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a run left.

    Args:
        history: of all senders.
        stored: in the end.
        agency: what it took.
        begun: by all nodes.
        faults: by controller and nodes.
        kept: kenmerken of what the agency has in the end; None: all that it took.
        bounds: of this run.
    """

    history: Sequence[Event]
    stored: Stored
    agency: Sequence[Handed] = ()
    begun: Sequence[Begun] = ()
    faults: Sequence[Fault] = ()
    kept: frozenset[str] | None = None
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    invariant: str
    what: str


def check(evidence: Evidence) -> tuple[Violation, ...]:
    """Return everything that must not be; nothing when the gateway kept its promises."""
    return tuple(
        Violation(name, what)
        for name, judge in (
            ("lost", _lost),
            ("unfinished", _unfinished),
            ("doubled", _doubled),
            ("shared", _shared),
            ("receipt", _receipt),
            ("statuses", _statuses),
            ("unread", _unread),
            ("stranger", _stranger),
            ("identity", _identity),
            ("undelivered", _undelivered),
            ("payload", _payload),
            ("mailbox", _mailbox),
            ("evidence", lambda one: iter(one.stored.evidence)),
            ("database", lambda one: iter(one.stored.problems)),
            ("redelivered", _redelivered),
            ("recovery", _recovery),
        )
        for what in judge(evidence)
    )


def acknowledged(history: Sequence[Event]) -> list[Event]:
    """Return the answers that a sender got to a filing."""
    return [event for event in history if event.kind == "ok" and event.op == "file"]


def redeliveries(agency: Sequence[Handed]) -> int:
    """Return how often the agency took what it had."""
    return len(agency) - len({handed.kenmerk for handed in agency})


@dataclass(frozen=True, slots=True)
class Recovery:
    """How what a dead node was working on went on.

    Args:
        death: of which node, and when.
        orphans: filings of which it had begun the newest step, and that somebody went on with.
        first: seconds until the first of them, while there was a node and a database.
        last: seconds until the last of them.
    """

    death: Fault
    orphans: int
    first: float
    last: float


def recoveries(evidence: Evidence) -> list[Recovery]:
    """Return what became of what each dead node was working on, for those that left something.

    What a node had put off when it died is nobody's orphan: that waits for its moment.
    """
    begun: dict[str, list[Begun]] = defaultdict(list)
    for one in evidence.begun:
        begun[one.kenmerk].append(one)
    deaths = [fault for fault in evidence.faults if fault.kind in DEATHS]
    ats = [death.at for death in deaths]
    edges = _edges(evidence.faults)
    waits: dict[int, list[float]] = defaultdict(list)
    for steps in begun.values():
        moments = [step.at for step in steps]
        for number in range(bisect_left(ats, moments[0]), bisect_left(ats, moments[-1])):
            death = deaths[number]
            after = bisect_right(moments, death.at)
            last = steps[after - 1]
            if last.node == death.node and last.what == "begun":
                could = edges[bisect_right(edges, moments[after]) - 1]
                waits[number].append(moments[after] - max(death.at, could))
    return [
        Recovery(deaths[number], len(found), min(found), max(found))
        for number, found in sorted(waits.items())
    ]


def _edges(faults: Sequence[Fault]) -> list[float]:
    """Return from when on, each time, somebody could work: there was a node and a database."""
    serving: set[str] = set()
    database, found = True, [-inf]
    for fault in faults:
        could = database and bool(serving)
        match fault.kind:
            case "ready" | "continue":
                serving.add(fault.node)
            case "kill" | "crash" | "stop" | "end":
                serving.discard(fault.node)
            case "database":
                database = False
            case "database back":
                database = True
        if database and serving and not could:
            found.append(fault.at)
    return found


def _lost(evidence: Evidence) -> Iterator[str]:
    stored = {(one.sender, one.message_id): one.kenmerk for one in evidence.stored.filings}
    for ack in acknowledged(evidence.history):
        if stored.get((ack.sender, ack.message_id)) != ack.kenmerk:
            yield ack.kenmerk


def _unfinished(evidence: Evidence) -> Iterator[str]:
    for one in evidence.stored.filings:
        last = one.statuses[-1].code if one.statuses else "no status"
        if last != FINAL or one.jobs:
            yield f"{one.kenmerk}: {last}, {one.jobs} jobs"


def _doubled(evidence: Evidence) -> Iterator[str]:
    kenmerken = defaultdict(set)
    for ack in acknowledged(evidence.history):
        kenmerken[ack.sender, ack.message_id].add(ack.kenmerk)
    for one in evidence.stored.filings:
        kenmerken[one.sender, one.message_id].add(one.kenmerk)
    yield from (f"{key[1]}: {len(found)}" for key, found in kenmerken.items() if len(found) > 1)


def _shared(evidence: Evidence) -> Iterator[str]:
    contents = defaultdict(set)
    for ack in acknowledged(evidence.history):
        contents[ack.kenmerk].add((ack.message_id, ack.content))
    yield from (kenmerk for kenmerk, found in contents.items() if len(found) > 1)
    stored = Counter(one.kenmerk for one in evidence.stored.filings)
    yield from (kenmerk for kenmerk, number in stored.items() if number > 1)


def _receipt(evidence: Evidence) -> Iterator[str]:
    stored = {one.kenmerk: one.received_at for one in evidence.stored.filings}
    for ack in acknowledged(evidence.history):
        received_at = datetime.fromisoformat(ack.received_at)
        if stored.get(ack.kenmerk, received_at) != received_at:
            yield ack.kenmerk


def _statuses(evidence: Evidence) -> Iterator[str]:
    for one in evidence.stored.filings:
        codes = tuple(status.code for status in one.statuses)
        if not any(codes == path[: len(codes)] for path in PATHS) or len(codes) < len("100"):
            yield f"{one.kenmerk}: {' '.join(codes)}"
        elif [status.seq for status in one.statuses] != list(range(1, len(codes) + 1)):
            yield f"{one.kenmerk}: numbers"
        elif any(later.at <= earlier.at for earlier, later in pairwise(one.statuses)):
            yield f"{one.kenmerk}: moments"


def _unread(evidence: Evidence) -> Iterator[str]:
    stored = {
        one.kenmerk: [(status.code, status.at) for status in one.statuses]
        for one in evidence.stored.filings
    }
    for event in evidence.history:
        if event.kind == "ok" and event.op == "read":
            seen = [(code, datetime.fromisoformat(at)) for code, at in event.statuses]
            if stored.get(event.kenmerk, [])[: len(seen)] != seen:
                yield event.kenmerk
        elif event.kind == "fail" and event.op == "read":
            yield f"{event.kenmerk}: unknown to the gateway"


def _stranger(evidence: Evidence) -> Iterator[str]:
    known = {one.kenmerk for one in evidence.stored.filings}
    yield from (handed.kenmerk for handed in evidence.agency if handed.kenmerk not in known)


def _identity(evidence: Evidence) -> Iterator[str]:
    names, kenmerken = defaultdict(set), defaultdict(set)
    for handed in evidence.agency:
        names[handed.kenmerk].add(handed.message_id)
        kenmerken[handed.message_id].add(handed.kenmerk)
    yield from (kenmerk for kenmerk, found in names.items() if len(found) > 1)
    yield from (name for name, found in kenmerken.items() if len(found) > 1)


def _undelivered(evidence: Evidence) -> Iterator[str]:
    taken = {handed.kenmerk for handed in evidence.agency}
    if evidence.kept is not None:
        # What it was handed when it was killed it does not have.
        taken &= evidence.kept
    for one in evidence.stored.filings:
        if one.kenmerk not in taken and any(status.code == "400" for status in one.statuses):
            yield one.kenmerk


def _payload(evidence: Evidence) -> Iterator[str]:
    sent: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in evidence.history:
        if event.op == "file" and event.kind == "invoke":
            sent[event.sender, event.message_id].add(event.content)
    of_kenmerk: dict[str, StoredFiling] = {}
    for one in evidence.stored.filings:
        of_kenmerk[one.kenmerk] = one
        if one.problem:
            yield f"{one.kenmerk}: {one.problem}"
        elif one.content not in sent[one.sender, one.message_id]:
            yield f"{one.kenmerk}: nobody sent that"
    for ack in acknowledged(evidence.history):
        found = of_kenmerk.get(ack.kenmerk)
        if found is not None and not found.problem and found.content != ack.content:
            yield f"{ack.kenmerk}: not what was acknowledged"
    for handed in evidence.agency:
        found = of_kenmerk.get(handed.kenmerk)
        if found is not None and not found.problem and found.content != handed.content:
            yield f"{handed.kenmerk}: not what was delivered"


def _mailbox(evidence: Evidence) -> Iterator[str]:
    for one in evidence.stored.filings:
        accepted = any(status.code == FINAL for status in one.statuses)
        if one.messages != int(accepted):
            yield f"{one.kenmerk}: {one.messages}"


def _redelivered(evidence: Evidence) -> Iterator[str]:
    disturbances = sum(
        fault.kind in _DISTURBANCES or (fault.kind, fault.detail) == ("agency", KILLED)
        for fault in evidence.faults
    )
    disturbances += sum(handed.fate == "late" for handed in evidence.agency)
    lost = sum(handed.fate != "sent" for handed in evidence.agency)
    most = disturbances * evidence.bounds.in_flight * evidence.bounds.nodes + lost
    if (found := redeliveries(evidence.agency)) > most:
        yield f"{found}, at most {most}"


def _recovery(evidence: Evidence) -> Iterator[str]:
    for one in recoveries(evidence):
        if one.first > evidence.bounds.lease + evidence.bounds.slack:
            yield f"{one.first:.1f} s after {one.death.kind} of {one.death.node}"
