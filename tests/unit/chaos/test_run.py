"""The suite itself, for a few deaths: a sound gateway passes, a mistake fails."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chaos.check import Evidence
from chaos.journal import Event, Fault
from chaos.look import Stored
from chaos.mutants import MUTANTS
from chaos.power import compiler, cut_power
from chaos.run import main
from chaos.session import Outcome, directory, needs_power, settings_for, verdict
from chaos.settings import Run
from tests.conftest import need

TREE = Path(__file__).parents[3]


def test_a_sound_gateway_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "1", "--kills", "2"]) == 0
    assert "PASS: 16 invariants held; seed 1" in capsys.readouterr().out


def test_a_mutant_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "1", "--kills", "2", "--mutant", "no-deduplication"]) == 1
    assert "VIOLATED doubled" in capsys.readouterr().out


def test_a_cut_of_the_power_loses_nothing() -> None:
    need("a C compiler", found=compiler() is not None, install="apt-get install gcc libc6-dev")
    with directory(None) as scratch:
        violations, acked, cuts = cut_power(settings_for(scratch, 1, "sqlite", "lines"), cuts=6)
    assert (violations, cuts) == ((), 6)
    assert acked


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_can_be_built_in(name: str) -> None:
    """What it replaces is still there."""
    build = f"from chaos.mutants import MUTANTS; MUTANTS[{name!r}].build_in()"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=TREE, env={"PYTHONPATH": str(TREE)}, timeout=60
    )
    assert done.returncode == 0


def outcome(*, acked: int, deaths: int) -> Outcome:
    run = Run(Path(), 1, kills=2)
    history = [
        Event(float(number), "ok", "file", "1", f"urn:uuid:{number}", kenmerk=f"k-{number}")
        for number in range(acked)
    ]
    faults = [Fault(float(number), "kill", "a") for number in range(deaths)]
    return Outcome(run, Evidence(history, Stored(()), faults=faults), (), 1.0)


def test_a_run_in_which_too_little_happened_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(outcome(acked=6, deaths=2))
    assert not verdict(outcome(acked=5, deaths=2))
    assert not verdict(outcome(acked=6, deaths=1))
    assert capsys.readouterr().out.count("too little happened") == 2


def test_only_sqlite_needs_a_cut_of_the_power(tmp_path: Path) -> None:
    embedded = settings_for(tmp_path, 1, "sqlite", "lines")
    cluster = settings_for(tmp_path, 1, "postgres", "lines")
    assert cluster.nodes > 1
    assert needs_power(replace(embedded, mutant="no-fsync"))
    assert not needs_power(replace(cluster, mutant="no-fsync"))
    assert not needs_power(embedded)


def test_settings_come_back_as_they_were_saved(tmp_path: Path) -> None:
    run = settings_for(tmp_path, 7, "postgres", "lines")
    assert Run.load(run.save()) == run
