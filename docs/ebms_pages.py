"""The reference of ebMS: checks with their error codes, and what becomes of messages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tables import page, table

from digipoort_wus import checks
from digipoort_wus.ebms.errors import CODE_OF, ErrorCode
from digipoort_wus.ebms.reception import STATUS_OF, Arrived, Manner, Receiving, Then, arrival
from digipoort_wus.ebms.reliability import (
    FINAL,
    TABLES,
    Do,
    Happened,
    Impossible,
    Sending,
    Table,
    Way,
    of_http,
)
from digipoort_wus.errors import Check

TREE = Path(__file__).parents[1]
CHECKS: tuple[Check, ...] = tuple(c for c in checks.CATALOGUE if c.id.startswith("EBMS-"))
"""Those of ebMS; the corpus of attacks speaks WUS, and meets none of them."""
SHOWN_IN = (
    "tests/unit/ebms/test_defects.py",
    "tests/unit/ebms/test_package_defects.py",
    "tests/unit/ebms/signature_defects.py",
    "tests/unit/messaging/test_defects.py",
    "tests/unit/messaging/test_wire.py",
    "tests/unit/ebms/test_encryption.py",
    "tests/unit/server/test_ebms.py",
)
"""Where defects stand with the check that refuses each, tables first."""
UNPROVOKED: Mapping[Check, str] = MappingProxyType(
    {
        checks.EBMS_CHANNEL: "needs an agreement that `cpa check` refuses",
        checks.EBMS_TECHNICAL: "needs a mistake of ours, or a store that fails",
    }
)

_CHECKS = """\
A message over ebMS that is refused gets a MessageError with one of the nine codes of the standard,
where its sender is known for certain; otherwise a SOAP fault, with the same code in its detail. The
check stands in square brackets in front of the Description in the sandbox, and in the log of every
gateway. Severity is Error.

- **ebMS** is the errorCode; which check gets which is ours, where the standard names no case.
- **Shown in** is a file of tests with a message that the check must refuse.
"""
_PAGE = """\
What the message service answers and does, as the tables in the code say it. Why it is so stands in
[Messages of ebMS](../explanation/ebms.md).
"""
_RECEIVER = """\
## What becomes of a message that comes in

`NEW` is a message of which nothing is stored. What has to be done is done in one transaction, in
front of the answer. `AGAIN` is the same content under the same id, from the same party, under the
same agreement; `OTHER` is other content under that id. A message that asks for no
DuplicateElimination is stored each time it comes.
"""
_SENDER = """\
## What becomes of a message that is sent

Three tables: of a message that asks for an acknowledgment, of one that does not, and of a signal
that goes by a connection of its own. A pair that is missing cannot happen.
"""
_HTTP = """\
## What an HTTP answer means

A SOAP fault with the code `Client` and status 500 counts as `rejected` (inferred); any other
500 is tried again. A signal in the body is heard first, whatever the status is.
"""


def ebms_checks() -> str:
    """Return the section of the page of checks."""
    rows = (
        (f"`{c.id}`", c.rule, c.clause, CODE_OF[c.id].value, _shown(c) or UNPROVOKED[c])
        for c in CHECKS
    )
    head = ("id", "what is checked", "clause", "ebMS", "shown in")
    return f"## ebMS\n\n{_CHECKS}\n{table(head, rows)}"


def shown_in(check: Check) -> str | None:
    """Return the file of tests that shows a check, None when there is none."""
    name = "EBMS_" + check.id.removeprefix("EBMS-").replace("-", "_")
    for file in SHOWN_IN:
        text = (TREE / file).read_text(encoding="utf-8")
        if re.search(rf"\b(?:checks\.{name}|{check.id})\b", text):
            return file
    return None


def ebms_page() -> str:
    """Return the page of error codes and tables."""
    codes = table(
        ("errorCode", "checks"),
        (
            (
                code.value,
                ", ".join(f"`{c.id}`" for c in CHECKS if CODE_OF[c.id] is code)
                or "of a message that could not be given to the application",
            )
            for code in ErrorCode
        ),
    )
    parts = [
        f"{_PAGE}\n## Error codes\n\n{codes}",
        f"{_RECEIVER}\n{table(('state', 'what happens', 'next', 'what is done'), _arrivals())}",
        f"A StatusResponse says:\n\n{table(('state', 'messageStatus'), _statuses())}",
        _SENDER,
        *(f"### {way.name.replace('_', ' ').capitalize()}\n\n{_way(TABLES[way])}" for way in Way),
        f"{_HTTP}\n{table(('status', 'counts as'), _http())}",
    ]
    source = "`errors`, `reception` and `reliability` of `digipoort_wus.ebms`"
    return page("ebMS: error codes and states", source, parts)


def _shown(check: Check) -> str:
    file = shown_in(check)
    return "" if file is None else f"[{Path(file).name}](../../{file})"


def _arrivals() -> Iterator[Sequence[str]]:
    """Yield what follows of a reliable message, and where best effort differs."""
    reliable = Manner(acknowledge=True, eliminate=True)
    each_time = Manner(acknowledge=False, eliminate=False)
    for state in Receiving:
        for arrived in Arrived:
            found = _outcome(reliable, state, arrived)
            if found is None:
                continue
            yield (f"`{state.value}`", f"`{arrived.name}`", *_told(*found))
            other = _outcome(each_time, state, arrived)
            if arrived is Arrived.AGAIN and other is not None and other != found:
                what = f"`{arrived.name}`, without DuplicateElimination"
                yield (f"`{state.value}`", what, *_told(*other))


def _outcome(
    manner: Manner, state: Receiving, arrived: Arrived
) -> tuple[Receiving, tuple[Then, ...]] | None:
    try:
        return arrival(manner, state, arrived)
    except Impossible:
        return None


def _told(state: Receiving | Sending, done: tuple[Then | Do, ...]) -> tuple[str, str]:
    return f"`{state.value}`", ", ".join(each.value for each in done) or "nothing"


def _statuses() -> Iterator[Sequence[str]]:
    for state, status in STATUS_OF.items():
        yield f"`{state.value}`", status.value


def _way(rows: Table) -> str:
    order = {state: number for number, state in enumerate(Sending)}
    found = sorted(rows.items(), key=lambda row: (order[row[0][0]], row[0][1].value))
    return table(
        ("state", "what happens", "next", "what is done"),
        (
            (f"`{state.value}`", f"`{happened.value}`", *_told(after, done))
            for (state, happened), (after, done) in found
            # At its end nothing changes but what is noted.
            if state not in FINAL or after is not state or done
        ),
    )


def _http() -> Iterator[Sequence[str]]:
    found: dict[Happened, list[str]] = {}
    for status in (None, *range(100, 600)):
        said = "none" if status is None else str(status)
        found.setdefault(of_http(status), []).append(said)
    for happened, statuses in found.items():
        numbers = [int(each) for each in statuses if each != "none"]
        none = ["no answer"] if "none" in statuses else []
        yield ", ".join([*none, *_ranges(numbers)]), f"`{happened.value}`"


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    start = last = numbers[0]
    for number in (*numbers[1:], 0):
        if number == last + 1:
            last = number
            continue
        yield str(start) if start == last else f"{start}-{last}"
        start = last = number
