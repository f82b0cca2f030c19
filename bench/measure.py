"""Measuring on a noisy machine: slices of work, taken in turn, medians of CPU time."""

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SLICE_SECONDS = 0.05


def nothing_to_prepare(calls: int) -> None:
    """Prepare nothing: the work uses nothing up."""
    del calls


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to measure.

    Args:
        name: first column of its row.
        work: what one call does.
        times: how often a call does it; the row says what one costs.
        prepare: makes what so many calls use up; its time is not counted.
    """

    name: str
    work: Callable[[], object]
    times: int = 1
    prepare: Callable[[int], None] = nothing_to_prepare


def in_turn(rows: Sequence[Row], *, rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each row, all threads of this process included.

    Rows are measured slice by slice in turn, so that noise hits all alike. A slice
    repeats a work for about 50 ms.

    Args:
        rounds: slices of each row.
    """
    calls = {row.name: _calls(row) for row in rows}
    samples: dict[str, list[float]] = {row.name: [] for row in rows}
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        for row in rows:
            row.prepare(calls[row.name])
            gc.collect()
            started = time.process_time()
            for _ in range(calls[row.name]):
                row.work()
            spent = time.process_time() - started
            samples[row.name].append(spent / calls[row.name] / row.times)
    progress("")
    return {name: statistics.median(values) for name, values in samples.items()}


def _calls(row: Row) -> int:
    progress(row.name)
    row.prepare(4)
    for _ in range(3):
        row.work()
    started = time.process_time()
    row.work()
    return max(1, int(_SLICE_SECONDS / max(time.process_time() - started, 1e-7)))


def progress(text: str) -> None:
    """Show on stderr what is going on; an empty text ends the line."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    elif text and not text.startswith("round"):
        print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What a process has used: CPU seconds so far, and its own memory in bytes.

    The CPU time is also that of the processes that it started, such as rule workers.
    """

    cpu: float
    resident: int
    peak: int


def use_of(pid: int) -> ProcessUse:
    """Read CPU time (in steps of 10 ms) and memory of a process from /proc (Linux)."""
    ticks = _family_ticks(pid)
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return ProcessUse(
        ticks / os.sysconf("SC_CLK_TCK"),
        int(status["VmRSS"].split()[0]) * 1024,
        int(status["VmHWM"].split()[0]) * 1024,
    )


def _family_ticks(pid: int) -> int:
    """Return the CPU time of a process, of all that it started, and of those of them that ended."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        # One that has ended meanwhile is counted by its parent.
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = path.read_text().rpartition(")")[2].split()
            one = int(path.parent.name)
            parents[one], ticks[one] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {pid}
    while new := {one for one, parent in parents.items() if parent in family} - family:
        family |= new
    return sum(ticks[one] for one in family)


def settled(pid: int) -> ProcessUse:
    """Wait until a process does nothing, forget its peak memory, and return what it used."""
    last, end = -1.0, time.monotonic() + 120
    while (use := use_of(pid)).cpu > last and time.monotonic() < end:
        last = use.cpu
        time.sleep(0.3)
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return use


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *table[1:]]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in lines
    )
