"""Kinds of rules that do all they should not, in the workers of a gateway."""

import re
import time
from pathlib import Path

import pytest

from digipoort_wus.rules.api import Came, Outcome, Stage
from digipoort_wus.rules.workers import Workers, make
from tests.unit.rules.told import assert_told
from tests.unit.rules.working import (
    COSTS,
    MEBIBYTE,
    SECONDS,
    filing,
    options,
    processes,
    validated,
    wait_for,
)

EVIL = {
    "sleep": f"longer than {SECONDS:g} s",
    "spin": "",
    "stubborn": "",
    "eat": "MemoryError",
    "kill": "(SIGKILL)",
    "real_time": "(signal ",
    "leave": "ended",
    "crash": "(SIGSEGV)",
    "fork": "process behind",
    "answering_fork": "process behind",
    "daemon": "process behind",
    "hanging_daemon": f"longer than {SECONDS:g} s",
    "dying_daemon": f"longer than {SECONDS:g} s",
    "system_exit": "SystemExit",
    "interrupt": "KeyboardInterrupt",
    "hits": "100000 hits",
    "garbage": "",
    "forged": "",
    "forged_answer": "",
    "files": "",
    "close": "",
    "half": "",
    "recursion": "RecursionError",
}


# A heavy worker is a cheap one with more room.
@pytest.mark.parametrize("cost", ["cheap", "forked"])
@pytest.mark.parametrize("does", EVIL)
def test_evil_is_undetermined_and_leaves_nothing(shared: Workers, cost: str, does: str) -> None:
    began = time.monotonic()
    found = validated(shared, cost, does)
    if does == "hits":
        # What was found before counts.
        assert found.outcome is Outcome.INVALID
    else:
        assert found.outcome is Outcome.UNDETERMINED
        assert EVIL[does] in found.technical
        assert found.findings == ()
        assert [(ran.set_id, ran.came) for ran in found.trace] == [
            (f"test.evil.{cost}@1", Came.TECHNICAL)
        ]
    assert_told(found)
    assert time.monotonic() - began < SECONDS + 15
    # The next one is judged, and nothing of this one is left.
    assert validated(shared, cost).outcome is Outcome.VALID
    wait_for(lambda: processes() == set(shared.pids) and len(shared.pids) == len(COSTS))


@pytest.mark.parametrize("cost", COSTS)
def test_no_file_is_made(shared: Workers, cost: str, tmp_path: Path) -> None:
    path = tmp_path / "evil"
    for does in ("write", "run"):
        found = validated(shared, cost, f"{does}-{str(path).replace('/', '+')}")
        assert found.outcome is Outcome.UNDETERMINED
        assert re.search("raised (PermissionError|OSError|CalledProcessError)", found.technical)
        assert_told(found)
        # Without Landlock an empty one could be.
        assert not path.exists() or path.stat().st_size == 0
    assert validated(shared, cost, "null").outcome is Outcome.VALID


@pytest.mark.parametrize("cost", COSTS)
def test_what_a_rule_prints_goes_nowhere(
    shared: Workers, cost: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert validated(shared, cost, "noise").outcome is Outcome.VALID
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("cost", COSTS)
def test_a_rule_sees_no_environment_and_no_descriptor_of_the_gateway(
    shared: Workers, cost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the gateway")
    assert validated(shared, cost, "environment").findings[0].text == "Gevonden: []"
    text = validated(shared, cost, "descriptors").findings[0].text
    assert text == "Gevonden: ['socket']"


@pytest.mark.parametrize("does", ["thread", "bare_thread"])
def test_a_thread_that_is_left_behind_ends_with_its_worker(own: Workers, does: str) -> None:
    (first, *_) = own.pids
    assert validated(own, "cheap", "ended_thread").outcome is Outcome.VALID
    assert own.pids[0] == first
    assert validated(own, "cheap", does).outcome is Outcome.VALID
    wait_for(lambda: not Path(f"/proc/{first}").exists() and len(own.pids) == len(COSTS))
    assert validated(own, "cheap").outcome is Outcome.VALID


def test_no_memory_for_a_tree_is_not_the_filers_mistake(sets: Path) -> None:
    content = b"<x>" + b"<y/>" * 900_000 + b"</x>"
    tight = make(options(sets, memory=100 * MEBIBYTE, seconds=30))
    roomy = make(options(sets, memory=800 * MEBIBYTE, seconds=30))
    try:
        about = filing("Omzetbelasting", content=content)
        found = tight.validate(about, Stage.CONTENT)
        assert found.outcome is Outcome.UNDETERMINED
        assert "memory" in found.technical.lower()
        assert roomy.validate(about, Stage.CONTENT).outcome is Outcome.INVALID
    finally:
        tight.close()
        roomy.close()
