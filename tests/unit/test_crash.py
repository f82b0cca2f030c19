"""Crash points: each is somewhere in the package, and ends the process at its pass only."""

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import digipoort_wus
from digipoort_wus import _crash
from digipoort_wus._crash import POINTS, VARIABLE, crash_point

PACKAGE = Path(digipoort_wus.__file__).parent
PASSES = """
from digipoort_wus._crash import crash_point
for number in range(5):
    crash_point("engine.after_claim")
    crash_point("delivery.before_send")
    print(number, flush=True)
"""


def calls() -> list[ast.Call]:
    return [
        node
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "crash_point"
    ]


def passes(value: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PASSES],
        env={VARIABLE: value} if value else {},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_every_point_is_in_the_package_and_has_its_meaning_written_down() -> None:
    named = [call.args[0] for call in calls()]
    assert all(isinstance(name, ast.Constant) for name in named)
    assert {name.value for name in named if isinstance(name, ast.Constant)} == set(POINTS)


@pytest.mark.parametrize(
    ("called", "points"),
    [
        ("put_answer", {"answer.after_store"}),
        ("add_batch", {"evidence.before_seal", "evidence.after_seal"}),
    ],
)
def test_who_stores_an_answer_or_seals_evidence_has_points_for_it(
    called: str, points: set[str]
) -> None:
    """Outside of the store; until somebody does there is nothing to end the process in."""
    callers = [
        path
        for path in PACKAGE.rglob("*.py")
        if "store" not in path.relative_to(PACKAGE).parts and f".{called}(" in path.read_text()
    ]
    assert points <= set(POINTS) if callers else not points & set(POINTS)


@pytest.mark.parametrize("at", [1, 3, 5])
def test_the_process_ends_at_its_pass(at: int) -> None:
    done = passes(f"engine.after_claim:{at}")
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [str(number) for number in range(at - 1)]


@pytest.mark.parametrize("value", ["", "engine.after_claim:6", "store.after_commit:1"])
def test_nothing_happens_otherwise(value: str) -> None:
    done = passes(value)
    assert (done.returncode, done.stdout.split()) == (0, list("01234"))


@pytest.mark.parametrize(
    "value", ["nowhere:1", "engine.after_claim", "engine.after_claim:0", "engine.after_claim:-1"]
)
def test_what_names_no_point_and_pass_is_refused_with_a_sentence(value: str) -> None:
    done = passes(value)
    assert done.returncode == 1
    assert f"{VARIABLE} is {value!r}: leave it unset" in done.stderr


def test_in_this_process_nothing_is_armed() -> None:
    assert _crash._armed is None
    for name in POINTS:
        crash_point(name)
