"""One worker, as a process: what it loads, what it answers, what it cannot do."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules import confine, wire
from digipoort_wus.rules.api import Stage
from digipoort_wus.rules.compiling import ELSEWHERE
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.hired import Hello, Hired
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.model import Compiled, Cost, Ingredients, Kind
from digipoort_wus.rules.stacking import stacks_of
from digipoort_wus.rules.subject import Enclosure, Envelope
from digipoort_wus.rules.worker_main import Task
from tests.unit.rules.evil_kinds import CHEAP, FORKED, HEAVY

ENVELOPE = Envelope(
    "cheap", datetime(2026, 6, 1, tzinfo=UTC), Enclosure("nothing.xml", "text/xml", 4)
)
TASK = Task(Cost.CHEAP, (SHIPPED,), None, 2.0, 300 * 1024 * 1024)


@pytest.fixture
def hired(sets: Path) -> Iterator[Hired]:
    worker = Hired(replace(TASK, directories=(SHIPPED, sets)))
    yield worker
    worker.end()
    worker.forget()


def question(envelope: Envelope = ENVELOPE) -> Mapping[str, object]:
    return {"envelope": wire.envelope_values(envelope), "stage": "content"}


@pytest.mark.parametrize("added", [None, Path("/a/b")])
def test_a_task_comes_over(added: Path | None) -> None:
    task = replace(TASK, added=added, cost=Cost.FORKED)
    assert Task.of(task.values()) == task


@pytest.mark.parametrize("key", TASK.values())
def test_what_is_no_task_is_refused(key: str) -> None:
    with pytest.raises((wire.WireError, ValueError)):
        Task.of({**TASK.values(), key: {"a": 1}})


def test_it_loads_and_answers(hired: Hired) -> None:
    hello = hired.load(30)
    assert len(hello.digest) == 64
    assert hello.costs == {each.value for each in Cost}
    answer = hired.ask(question(), wire.Parcel(b"<x/>"), 5)
    assert answer["report"]["outcome"] == "valid"  # type: ignore[index]
    assert (answer["tired"], answer["last"]) == (False, False)
    heavy = replace(ENVELOPE, berichtsoort="all")
    assert hired.ask(question(heavy), wire.Parcel(b"<x/>"), 5)["pass_to"] == "forked"


def test_a_question_that_it_does_not_know_ends_nothing(hired: Hired) -> None:
    hired.load(30)
    asked: list[dict[str, object]] = [{}, {"envelope": 7, "stage": "content"}, {"cases": 7}]
    asked += [{**question(), "stage": "none"}]
    for each in asked:
        assert "broken" in hired.ask(each, None, 5)
    assert "failed" in hired.ask({"cases": "none@1"}, None, 5)
    assert "report" in hired.ask(question(), None, 5)


def test_it_ends_when_nobody_is_there_any_more(hired: Hired) -> None:
    hired.load(30)
    hired._channel.shutdown(socket.SHUT_RDWR)
    until = time.monotonic() + 5
    while hired.is_there:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_ends_when_its_parent_is_not_who_it_was_told() -> None:
    code = "import sys; from digipoort_wus.rules import confine; confine.end_with(1); print('on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_what_it_could_not_give_up_is_said(hired: Hired) -> None:
    hello = hired.load(30)
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{hired.pid}/status").read_text().splitlines()
    )
    assert status["NoNewPrivs"].strip() == "1"
    limits = Path(f"/proc/{hired.pid}/limits").read_text()
    found = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    assert found["Max file size"] == ["0", "0"]
    assert found["Max core file size"] == ["0", "0"]
    assert found["Max data size"] == [str(TASK.memory)] * 2
    assert found["Max open files"] == ["256", "256"]
    ours, theirs = (Path(f"/proc/{each}/ns/net").readlink() for each in ("self", hired.pid))
    assert (ours == theirs) is any("network" in each for each in hello.open)
    assert Path(f"/proc/{hired.pid}/environ").read_bytes() in (b"", b"LC_CTYPE=C.UTF-8\0")


def test_time_of_a_process_that_lives_on_is_counted_anew(hired: Hired) -> None:
    hired.load(30)
    spent = replace(ENVELOPE, document=Enclosure("busy-1.2.xml", "text/xml", 4))
    # Together more than the limit of one.
    for _ in range(3):
        assert "report" in hired.ask(question(spent), wire.Parcel(b"<x/>"), 10)
    limits = Path(f"/proc/{hired.pid}/limits").read_text()
    (line,) = (each for each in limits.splitlines() if each.startswith("Max cpu time"))
    assert 4 <= int(line.split()[3]) <= 8
    spin = replace(ENVELOPE, document=Enclosure("spin.xml", "text/xml", 4))
    with pytest.raises(wire.WireError):
        hired.ask(question(spin), wire.Parcel(b"<x/>"), 30)
    assert hired.how_it_ended() == " (SIGXCPU)"


def test_a_broken_set_is_said_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("id = 7")
    worker = Hired(replace(TASK, directories=(tmp_path,)))
    try:
        with pytest.raises(ConfigurationError, match=r"a\.toml: id"):
            worker.load(30)
    finally:
        worker.end()
        worker.forget()
    assert not Path(f"/proc/{worker.pid}").exists()


def test_a_hello_says_which_berichtsoorten_are_slow() -> None:
    hello = Hello(
        "d", frozenset(), frozenset({"A", "B"}), {"content": frozenset({"A", "*"})}, (), ()
    )
    assert [hello.is_slow(each, Stage.CONTENT) for each in ("A", "B", "C")] == [True, False, True]
    assert not hello.is_slow("A", Stage.ENVELOPE)


class Refusing:
    """A kind that cannot be compiled in this process, and must not be."""

    def __init__(self, kind: Kind) -> None:
        self.name, self.cost = kind.name, kind.cost

    def compile(self, ingredients: Ingredients) -> Compiled:
        raise AssertionError(f"{ingredients.code} was compiled")


def test_dear_rules_are_not_compiled_where_they_are_not_judged(sets: Path) -> None:
    kinds: dict[str, Kind] = {CHEAP.name: CHEAP}
    kinds |= {each.name: Refusing(each) for each in (HEAVY, FORKED)}
    base = load_sets((SHIPPED,), installed_kinds(), costs=frozenset({Cost.CHEAP}))
    found = load_sets((sets,), kinds, costs=frozenset({Cost.CHEAP}))
    stack = stacks_of([*found, *(each for each in base if each.name == "nl.base@1")])
    rules = [rule for layer in stack["test.evil.all@1"].plan.layers for rule in layer.rules]
    dear = [rule for rule in rules if rule.cost is not Cost.CHEAP]
    assert {rule.code for rule in dear} == {"EVIL-HEAVY", "EVIL-FORKED"}
    assert all(ELSEWHERE in rule.compiled.codes for rule in dear)


@pytest.mark.parametrize("said", ['[disable]\n"EVIL-HEAVY" = "off"\n', ""])
def test_a_rule_that_is_judged_elsewhere_cannot_be_lost_here(
    sets: Path, tmp_path: Path, said: str
) -> None:
    # Which codes it really has is known there alone.
    text = (sets / "heavy.toml").read_text().replace('requires = ["nl.base@1"]\n', "")
    (tmp_path / "heavy.toml").write_text(text + said)
    kinds: dict[str, Kind] = {HEAVY.name: Refusing(HEAVY)}
    stacks = stacks_of(load_sets((tmp_path,), kinds, costs=frozenset({Cost.CHEAP})))
    (layer,) = stacks["test.evil.heavy@1"].plan.layers
    assert [rule.code for rule in layer.rules] == ["EVIL-HEAVY"]


def test_children_are_found_wherever_they_hide() -> None:
    code = "import os, time\nif os.fork() == 0: os.setsid()\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until = time.monotonic() + 10
        while not (found := children.read_text().split()):
            assert time.monotonic() < until
            time.sleep(0.01)
        confine.kill_children(process.pid)
        stat = Path(f"/proc/{found[0]}/stat")
        while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()


def test_memory_in_use_is_known() -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert 0 < confine.resident() <= peak + 1024 * 1024
