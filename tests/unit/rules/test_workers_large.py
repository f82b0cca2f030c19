"""Large documents, in the workers of a gateway."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import EngineOptions, Outcome, Stage
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.subject import LARGE_TREE_MAX, TREE_MAX
from digipoort_wus.rules.workers import Workers, make
from tests.unit.rules.told import assert_told
from tests.unit.rules.working import MEBIBYTE, filing, validated

ABOVE_IDLE = 200 * MEBIBYTE
"""What a worker may need for 20 MiB; hardly more than a third of what it may hold."""

TREES = """\
id = "test.trees"
version = "1"
title.nl = "Bomen"
title.en = "Trees"
berichtsoorten = ["Bomen"]
valid_from = 2020-01-01
[[layer]]
id = "tree"
[[layer.rule]]
code = "TREE"
use = "xpath"
severity = "error"
message.nl = "Geen x."
message.en = "No x."
options.test = "/x/y"
"""


@pytest.mark.parametrize(
    ("content", "outcome"), [(b"<x><y/>%b</x>", Outcome.VALID), (b"<x>%b</x>", Outcome.INVALID)]
)
def test_a_tree_of_a_large_document_is_for_who_has_memory_for_it(
    tmp_path: Path, content: bytes, outcome: Outcome
) -> None:
    (tmp_path / "trees.toml").write_text(TREES)
    workers = make(EngineOptions(directories=(tmp_path,), workers=1))
    try:
        about = filing("Bomen", content=content % (b"\n" * TREE_MAX))
        assert workers.validate(about, Stage.CONTENT).outcome is outcome
        figures = workers.figures()
        assert (figures["cheap_judged"], figures["heavy_judged"]) == (1, 1)
    finally:
        workers.close()


def vat_return(filler: Callable[[int], bytes]) -> Filing:
    """Return one of 20 MiB, good but for what it is filled with."""
    content = (SHIPPED / "cases" / "omzetbelasting" / "quarter.xbrl").read_bytes()
    start, end, after = content.rpartition(b"</xbrli:xbrl>")
    room = LARGE_TREE_MAX - len(content)
    many: list[bytes] = []
    while room >= len(one := filler(len(many))):
        many.append(one)
        room -= len(one)
    about = filing("Omzetbelasting", content=b"".join((start, *many, b" " * room, end + after)))
    return replace(
        about,
        received_at=datetime(2026, 10, 5, 9, tzinfo=UTC),
        delivery=replace(about.delivery, belanghebbende=Party("001000044B37", "Fi")),
    )


def peak(pid: int) -> int:
    (line,) = (
        each
        for each in Path(f"/proc/{pid}/status").read_text().splitlines()
        if each.startswith("VmHWM:")
    )
    return int(line.split()[1]) * 1024


def settled(workers: Workers) -> tuple[int, int]:
    """Return the pid of the cheap worker, and what it has used when it has judged a little."""
    assert validated(workers, "Anything").outcome is Outcome.VALID
    pid = workers.pids[0]
    return pid, peak(pid)


@pytest.mark.parametrize(
    ("filler", "code"),
    [
        (lambda number: b'<bd-i:F contextRef="Msg">%x</bd-i:F>' % number, "FR-NL-5.01"),
        (lambda number: b'<bd-i:F%x contextRef="Msg"/>' % number, "FR-NL-5.03"),
        (lambda number: b'<bd-i:F contextRef="%x"/>' % number, "FR-NL-5.03"),
        (lambda number: b'<xbrli:context id="c%x"/>' % number, "FR-NL-3.03"),
    ],
    ids=["values", "names", "contexts that are not there", "contexts"],
)
def test_as_many_facts_as_fit_are_judged_as_they_stream(
    filler: Callable[[int], bytes], code: str
) -> None:
    workers = make(EngineOptions(workers=1, seconds=120))
    try:
        pid, idle = settled(workers)
        found = workers.validate(vat_return(filler), Stage.CONTENT)
        # Read at once: one that has grown is replaced as soon as another has loaded.
        assert peak(pid) - idle < ABOVE_IDLE
        assert found.outcome is Outcome.INVALID
        assert code in {each.code for each in found.findings}
        assert_told(found)
        figures = workers.figures()
        assert (figures["cheap_judged"], figures["heavy_judged"]) == (2, 0)
        assert validated(workers, "Anything").outcome is Outcome.VALID
        assert workers.figures()["cheap_lost"] == 0
    finally:
        workers.close()


@pytest.mark.parametrize(
    ("memory", "outcome"), [(200, Outcome.UNDETERMINED), (2048, Outcome.VALID)]
)
def test_a_tree_that_is_too_large_for_a_heavy_worker_is_nobodys_mistake(
    memory: int, outcome: Outcome
) -> None:
    workers = make(EngineOptions(workers=1, seconds=120, heavy_memory=memory * MEBIBYTE))
    try:
        settled(workers)
        # Nothing that streams has anything to say of comments; each is a node of the tree.
        about = vat_return(lambda _: b"<!---->")
        found = workers.validate(about, Stage.CONTENT)
        assert (found.outcome, found.findings) == (outcome, ())
        assert ("memory" in found.technical) is (outcome is Outcome.UNDETERMINED)
        assert_told(found)
        figures = workers.figures()
        assert (figures["heavy_judged"], figures["cheap_lost"]) == (1, 0)
        assert validated(workers, "Anything").outcome is Outcome.VALID
    finally:
        workers.close()
