"""The checker of chaos runs: a good history passes, and each thing that must not be is found."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chaos.check import (
    DETOUR,
    DIRECT,
    INVARIANTS,
    KILLED,
    Bounds,
    Evidence,
    check,
    recoveries,
    redeliveries,
)
from chaos.journal import Begun, Event, Fault, Handed
from chaos.look import Stored, StoredFiling, StoredStatus

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
OIN = "00000099000000002000"
NUMBERS = range(3)


def asked(number: int) -> Event:
    return Event(float(number), "invoke", "file", OIN, f"urn:uuid:{number}", f"content-{number}")


def answered(number: int) -> Event:
    received_at = (START + timedelta(seconds=number)).isoformat()
    kenmerk = f"kenmerk-{number}"
    return replace(
        asked(number), kind="ok", at=number + 0.1, kenmerk=kenmerk, received_at=received_at
    )


def statuses(number: int, codes: tuple[str, ...] = DIRECT) -> tuple[StoredStatus, ...]:
    began = START + timedelta(seconds=number)
    return tuple(
        StoredStatus(index + 1, code, began + timedelta(milliseconds=index))
        for index, code in enumerate(codes)
    )


def stored(number: int) -> StoredFiling:
    return StoredFiling(
        number,
        f"kenmerk-{number}",
        OIN,
        f"urn:uuid:{number}",
        START + timedelta(seconds=number),
        statuses(number),
        jobs=0,
        messages=1,
        content=f"content-{number}",
    )


def handed(number: int) -> Handed:
    return Handed(
        number + 0.5, f"urn:uuid:out-{number}", f"kenmerk-{number}", f"content-{number}", "sent"
    )


def read_of(number: int, codes: tuple[str, ...] = DIRECT[:4]) -> Event:
    seen = tuple((one.code, one.at.isoformat()) for one in statuses(number, codes))
    return Event(50.0, "ok", "read", OIN, kenmerk=f"kenmerk-{number}", statuses=seen)


def good() -> Evidence:
    """A node dies while it works on filing 1, and goes on with it when it is there again."""
    return Evidence(
        history=[event for number in NUMBERS for event in (asked(number), answered(number))]
        + [read_of(1)],
        stored=Stored(tuple(stored(number) for number in NUMBERS), entries=5),
        agency=[handed(number) for number in NUMBERS],
        begun=[
            Begun(0.2, "a", "kenmerk-0"),
            Begun(1.2, "a", "kenmerk-1"),
            Begun(12.5, "a", "kenmerk-1"),
            Begun(13.0, "a", "kenmerk-2"),
        ],
        faults=[Fault(0.0, "ready", "a"), Fault(2.0, "kill", "a"), Fault(12.0, "ready", "a")],
        bounds=Bounds(in_flight=2, lease=1.0),
    )


def changed(number: int, **what: object) -> Evidence:
    """The good run with one stored filing otherwise."""
    run = good()
    filings = list(run.stored.filings)
    filings[number] = replace(filings[number], **what)  # type: ignore[arg-type]
    return replace(run, stored=replace(run.stored, filings=tuple(filings)))


def without(number: int) -> Evidence:
    run = good()
    filings = tuple(one for one in run.stored.filings if one.number != number)
    return replace(run, stored=replace(run.stored, filings=filings))


def more(**what: list[object]) -> Evidence:
    """The good run with more of something."""
    run = good()
    longer: dict[str, Any] = {n: [*getattr(run, n), *values] for n, values in what.items()}
    return replace(run, **longer)


def in_store(**what: object) -> Evidence:
    run = good()
    return replace(run, stored=replace(run.stored, **what))  # type: ignore[arg-type]


def late(run: Evidence, seconds: float) -> Evidence:
    """The good run, in which the orphan is taken up so long after the node is there again."""
    begun = [replace(one, at=12.0 + seconds) if one.at == 12.5 else one for one in run.begun]
    return replace(run, begun=sorted(begun, key=lambda one: one.at))


CASES: dict[str, tuple[str, Callable[[], Evidence]]] = {
    "an acknowledged filing is not there": ("lost", lambda: without(2)),
    "it is there under another kenmerk": ("lost", lambda: changed(2, kenmerk="another")),
    "it never got on": ("unfinished", lambda: changed(1, statuses=statuses(1, DIRECT[:3]))),
    "it has no status at all": ("unfinished", lambda: changed(1, statuses=())),
    "its job is still there": ("unfinished", lambda: changed(1, jobs=1)),
    "a repeat got another kenmerk": (
        "doubled",
        lambda: more(history=[replace(answered(1), kenmerk="kenmerk-9")]),
    ),
    "the store has it twice": (
        "doubled",
        lambda: in_store(filings=(*good().stored.filings, replace(stored(1), kenmerk="other"))),
    ),
    "two contents got one kenmerk": (
        "shared",
        lambda: more(history=[replace(answered(1), content="content-9")]),
    ),
    "two messages got one kenmerk": (
        "shared",
        lambda: more(history=[replace(answered(1), message_id="urn:uuid:9")]),
    ),
    "a kenmerk is stored for two": (
        "shared",
        lambda: in_store(filings=(*good().stored.filings, replace(stored(1), message_id="9"))),
    ),
    "a repeat got another moment of receipt": (
        "receipt",
        lambda: more(history=[replace(answered(1), received_at=START.isoformat())]),
    ),
    "a status is missing": (
        "statuses",
        lambda: changed(1, statuses=statuses(1, (*DIRECT[:5], *DIRECT[6:]))),
    ),
    "a status is doubled": ("statuses", lambda: changed(1, statuses=statuses(1, (*DIRECT, "500")))),
    "a number of a status is missing": (
        "statuses",
        lambda: changed(
            1, statuses=(*statuses(1)[:-1], replace(statuses(1)[-1], seq=len(DIRECT) + 1))
        ),
    ),
    "a status is not later than the one before": (
        "statuses",
        lambda: changed(1, statuses=(*statuses(1)[:-1], replace(statuses(1)[-1], at=START))),
    ),
    "a status that was read is gone": (
        "unread",
        lambda: more(history=[read_of(1, (*DIRECT[:7], "420"))]),
    ),
    "an acknowledged kenmerk is unknown to a query": (
        "unread",
        lambda: more(history=[Event(51.0, "fail", "read", OIN, kenmerk="kenmerk-1")]),
    ),
    "the agency has what nobody stored": (
        "stranger",
        lambda: more(agency=[replace(handed(1), kenmerk="kenmerk-9", message_id="urn:uuid:9")]),
    ),
    "it was redelivered under another MessageID": (
        "identity",
        lambda: more(agency=[replace(handed(1), message_id="urn:uuid:new")]),
    ),
    "two filings were delivered under one MessageID": (
        "identity",
        lambda: more(agency=[replace(handed(1), kenmerk="kenmerk-2", content="content-2")]),
    ),
    "400 says that it was delivered, and it was not": (
        "undelivered",
        lambda: replace(good(), agency=[handed(0), handed(2)]),
    ),
    "a document cannot be read": ("payload", lambda: changed(1, content="", problem="missing")),
    "a document is not what was sent": ("payload", lambda: changed(1, content="content-0")),
    "the agency got another document": (
        "payload",
        lambda: replace(
            good(), agency=[replace(handed(0), content="content-1"), *good().agency[1:]]
        ),
    ),
    "two return messages came of one answer": ("mailbox", lambda: changed(1, messages=2)),
    "no return message came": ("mailbox", lambda: changed(1, messages=0)),
    "the chain of evidence is broken": ("evidence", lambda: in_store(evidence=("entry 3",))),
    "the database is not sound": ("database", lambda: in_store(problems=("row missing",))),
    "it is delivered again and again": ("redelivered", lambda: more(agency=[handed(1)] * 3)),
    "nobody takes up what a dead node left": ("recovery", lambda: late(good(), 6.5)),
}


def test_a_good_run_has_no_violations() -> None:
    assert check(good()) == ()


def test_each_invariant_is_violated_by_a_case() -> None:
    assert {name for name, _ in CASES.values()} == set(INVARIANTS)


@pytest.mark.parametrize("case", CASES)
def test_it_is_found(case: str) -> None:
    invariant, run = CASES[case]
    assert invariant in {violation.invariant for violation in check(run())}


def test_other_runs_that_are_good() -> None:
    """A detour, a resend, a lost reply, and redeliveries that are explained, are no violations."""
    again = replace(answered(1), at=60.0)
    unknown = [replace(asked(7), kind="info"), replace(asked(8), at=8.0)]
    lost = replace(handed(2), fate="lost")
    for run in (
        changed(1, statuses=statuses(1, DETOUR)),
        more(history=[again, *unknown]),
        more(agency=[handed(1), handed(1)]),
        replace(good(), agency=[handed(0), handed(1), lost, handed(2), handed(1), handed(1)]),
        late(good(), 5.5),
    ):
        assert check(run) == ()


def test_what_was_put_off_is_nobodys_orphan() -> None:
    """It waits for its moment, which may be far away."""
    run = late(good(), 60.0)
    off = replace(run.begun[1], at=1.5, what="put off")
    assert recoveries(replace(run, begun=sorted([*run.begun, off], key=lambda one: one.at))) == []


def test_what_an_agency_was_handed_when_it_was_killed_it_does_not_have() -> None:
    kept = frozenset(f"kenmerk-{number}" for number in NUMBERS)
    assert check(replace(good(), kept=kept)) == ()
    found = check(replace(good(), kept=kept - {"kenmerk-1"}))
    assert [violation.invariant for violation in found] == ["undelivered"]


def test_a_killed_agency_explains_redeliveries() -> None:
    run = more(agency=[handed(1), handed(1), handed(2)])
    assert {violation.invariant for violation in check(run)} == {"redelivered"}
    killed = Fault(3.0, "agency", detail=KILLED)
    assert check(replace(run, faults=[*run.faults, killed])) == ()


def test_redeliveries_beyond_what_the_deaths_explain_are_counted() -> None:
    run = more(agency=[handed(1), handed(1), handed(2)])
    assert redeliveries(run.agency) == 3
    assert [violation.what for violation in check(run)] == ["3, at most 2"]


def test_an_orphan_waits_from_when_somebody_can_take_it_up() -> None:
    (found,) = recoveries(good())
    assert (found.orphans, found.first) == (1, 0.5)
    # Another node was there all the time.
    other = replace(good(), faults=[Fault(0.0, "ready", "b"), *good().faults])
    assert [one.first for one in recoveries(other)] == [10.5]
    # That node was stopped, and the database was away, for a part of it.
    faults = [
        *other.faults[:3],
        Fault(3.0, "stop", "b"),
        Fault(5.0, "continue", "b"),
        Fault(6.0, "database"),
        Fault(8.0, "database back"),
        *other.faults[3:],
    ]
    assert [one.first for one in recoveries(replace(other, faults=faults))] == [4.5]
