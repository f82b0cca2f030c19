"""The suite itself, for a few deaths: a sound gateway passes, a mistake fails."""

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chaos import progress
from chaos.check import INVARIANTS, Evidence
from chaos.disk import Disk, operations
from chaos.journal import Event, Fault, Journal
from chaos.look import Stored
from chaos.mutants import MUTANTS
from chaos.opening import open_storage
from chaos.power import compiler, cut_power, recorded, recorder
from chaos.progress import Progress
from chaos.run import main
from chaos.session import (
    Outcome,
    directory,
    is_enough,
    needs_power,
    settings_for,
    summary,
    verdict,
)
from chaos.settings import Run
from digipoort_wus.errors import ConfigurationError
from tests.conftest import need
from tests.unit.store.samples import add_with_job

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


OPENED = "open_sqlite(Path(sys.argv[1])).close()"
FORGETFUL = "sqlite.make_directory = lambda path: path.mkdir(parents=True)"


@pytest.mark.parametrize(("before", "there"), [("", True), (FORGETFUL, False)])
def test_a_new_data_directory_outlives_a_cut_of_the_power(
    tmp_path: Path, before: str, *, there: bool
) -> None:
    """As soon as it is open; and the recording shows where a sync is missing."""
    need("a C compiler", found=compiler() is not None, install="apt-get install gcc libc6-dev")
    machine, recording, found = tmp_path / "machine", tmp_path / "writes", tmp_path / "found"
    machine.mkdir()
    found.mkdir()
    program = "\n".join(
        (
            "import sys; from pathlib import Path",
            "from digipoort_wus.store import sqlite",
            "from digipoort_wus.store.sqlite import open_sqlite",
            before,
            OPENED,
        )
    )
    environment = recorded(recorder(tmp_path), machine, recording)
    subprocess.run(
        [sys.executable, "-c", program, str(machine / "srv" / "gateway" / "data")],
        check=True,
        cwd=TREE,
        env={"PYTHONPATH": str(TREE), **environment},
        timeout=60,
    )
    disk = Disk(machine)
    for one in operations(recording):
        disk.apply(one)
    disk.after_loss(found, None)
    left = {path.name for path in (found / "srv" / "gateway" / "data").glob("*")}
    assert ({"digipoort.db", "key-ring", "payloads"} <= left) == there


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


def test_a_run_says_what_happened_in_json(tmp_path: Path) -> None:
    told = json.loads(json.dumps(summary(outcome(acked=6, deaths=2))))
    assert told["figures"]["acknowledged filings"] == 6
    assert (told["held"], told["enough happened"]) == (True, True)
    assert set(told["violations"]) == set(INVARIANTS)
    assert set(told["violations"].values()) == {0}


def test_progress_counts_each_acknowledged_filing_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, clock = replace(settings_for(tmp_path, 1, "sqlite", "lines"), kills=9), iter(range(99))
    monkeypatch.setattr(progress, "now", lambda: 10.0 * next(clock))
    journal = Journal(run.journal("history-sender-0"))
    seen = Progress(run)
    for number in (1, 2, 2):
        event = Event(1.0, "ok", "file", "1", f"urn:uuid:{number}", "content", "kenmerk")
        for kind in ("invoke", "ok"):
            journal.write(replace(event, kind=kind))
        seen.tell(4)
    journal.close()
    assert seen.acked == 2
    assert "4 of 9 deaths, 2 filings acknowledged" in capsys.readouterr().err


def test_more_may_be_asked_than_deaths() -> None:
    short = outcome(acked=6, deaths=2)
    assert not is_enough(replace(short, run=replace(short.run, least=7)))


def test_a_cluster_is_told_by_its_queue_and_guarded_by_its_key_ring(
    tmp_path: Path, postgres_database: str
) -> None:
    run = settings_for(tmp_path, 1, "postgres", "lines")
    run.disk.mkdir()
    run.conninfo_file.write_text(postgres_database)
    with closing(open_storage(run).store) as store:
        add_with_job(store)
    assert open_storage_has_a_queue(run)
    run.ring_file.unlink()
    with pytest.raises(ConfigurationError, match="put the key ring back"):
        open_storage(run)


def open_storage_has_a_queue(run: Run) -> bool:
    storage = open_storage(run)
    storage.store.close()
    return storage.queue is not None


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
