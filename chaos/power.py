"""Cuts the power of an embedded gateway: of what it acknowledged before, nothing may be missing.

A gateway runs under a recorder of its writes and syncs. Afterwards the disk of a machine that
lost its power at one moment or another is made from the recording, and the store is opened there.
"""

import random
import shutil
import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import sleep

from chaos.agency import Manners
from chaos.check import Evidence, Violation, acknowledged, check
from chaos.controller import prepare
from chaos.disk import Disk, operations
from chaos.journal import Event, Journal, read
from chaos.look import look
from chaos.nodes import CannotRun, Node, Process
from chaos.settings import Run

SOURCE = Path(__file__).with_name("recorder.c")
JUDGED = frozenset({"lost", "doubled", "shared", "receipt", "statuses", "payload", "database"})
"""Invariants that hold at every moment, and not in the end only."""
CUTS = 30
_WORKS = 4.0


def compiler() -> str | None:
    """Return the C compiler, None when there is none."""
    return shutil.which("cc") or shutil.which("gcc")


def cut_power(run: Run, cuts: int = CUTS) -> tuple[tuple[Violation, ...], int, int]:
    """Return what was wrong after any cut, how many filings were acknowledged, and the cuts.

    Raises:
        CannotRun: there is no compiler, or a process of the run failed.
    """
    recording = run.directory / "writes"
    _record(run, recording)
    history = read(Event, *run.directory.glob("history*.jsonl"))
    acks = acknowledged(history)
    if not acks:
        raise CannotRun("nothing was acknowledged")
    chance = random.Random(f"power {run.seed}")
    moments = sorted(chance.uniform(acks[0].at, acks[-1].at) for _ in range(cuts))
    violations: list[Violation] = []
    disk = Disk(run.disk)
    everything = sorted(operations(recording), key=lambda one: one.after)
    done = 0
    for number, moment in enumerate(moments):
        upto = bisect_right(everything, moment, key=lambda one: one.after)
        for one in everything[done:upto]:
            disk.apply(one)
        done = upto
        known = [event for event in history if event.at <= moment or event.kind == "invoke"]
        # Every other time the disk kept some of what it need not have.
        kept = chance if number % 2 else None
        violations += _judge(run, disk, known, kept)
    return tuple(violations), len({event.message_id for event in acks}), len(moments)


def recorder(directory: Path) -> Path:
    """Compile the recorder into a directory, and return where it is.

    Raises:
        CannotRun: there is no compiler.
    """
    found, library = compiler(), directory / "recorder.so"
    if found is None:
        raise CannotRun("there is no C compiler for the recorder: apt-get install gcc libc6-dev")
    subprocess.run(
        [found, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl", "-lpthread"],
        check=True,
    )
    return library


def recorded(library: Path, below: Path, to: Path) -> dict[str, str]:
    """Return the environment in which a process is recorded.

    Args:
        library: the recorder.
        below: directory of which the writes are.
        to: file of the recording.
    """
    return {"LD_PRELOAD": str(library), "RECORD_BELOW": str(below), "RECORD_TO": str(to)}


def _record(run: Run, recording: Path) -> None:
    """Let everybody work for a while under the recorder, and end it at once."""
    library = recorder(run.directory)
    prepare(run)
    run.clock_file.write_text("0")
    Manners().save(run.agency_file)
    faults = Journal(run.journal("faults"))
    agency = Process(run, "chaos.agency", "agency")
    node = Node(run, run.names[0], faults)
    senders = [Process(run, "chaos.sender", f"sender-{number}") for number in range(run.senders)]
    with ExitStack() as stack:
        stack.callback(faults.close)
        for process in (agency, node, *senders):
            stack.callback(process.kill)
        agency.start()
        node.start(recorded(library, run.disk, recording))
        if not (agency.wait_ready() and node.wait_ready()):
            raise CannotRun(f"{node.name} does not start: {node.log_end()}")
        for sender in senders:
            sender.start()
        sleep(_WORKS)


def _judge(
    run: Run, disk: Disk, history: Sequence[Event], chance: random.Random | None
) -> Iterator[Violation]:
    """Open the store as a machine would find it, and compare it with what senders knew."""
    with tempfile.TemporaryDirectory(prefix="chaos-power-", dir=run.directory) as scratch:
        there = replace(run, directory=Path(scratch), mutant="")
        there.disk.mkdir()
        disk.after_loss(there.disk, chance)
        evidence = Evidence(history, look(there))
        yield from (one for one in check(evidence) if one.invariant in JUDGED)
