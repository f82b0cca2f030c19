"""Measuring on a noisy machine: slices of work, taken in turn, medians of CPU time."""

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Work = Callable[[], object]
_SLICE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Measured:
    """Median and best CPU seconds of one call."""

    median: float
    best: float


def in_turn(works: Mapping[str, Work], *, rounds: int) -> dict[str, Measured]:
    """Measure several works in one run, slice by slice in turn, so that noise hits all alike.

    Args:
        works: name and function; a slice repeats it for about 50 ms of CPU time.
        rounds: slices of each.
    """
    repeats = {name: _repeats(work) for name, work in works.items()}
    samples: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    for _ in range(rounds):
        for name, work in works.items():
            started = time.process_time()
            for _ in range(repeats[name]):
                work()
            samples[name].append((time.process_time() - started) / repeats[name])
    return {
        name: Measured(statistics.median(values), min(values)) for name, values in samples.items()
    }


def _repeats(work: Work) -> int:
    work()
    started = time.process_time()
    work()
    once = max(time.process_time() - started, 1e-7)
    return max(1, int(_SLICE_SECONDS / once))


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What a process has used: CPU seconds so far, and its memory in bytes."""

    cpu: float
    resident: int
    peak: int


def use_of(pid: int) -> ProcessUse:
    """Read CPU time and memory of a process from /proc (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return ProcessUse(
        ticks / os.sysconf("SC_CLK_TCK"),
        int(status["VmRSS"].split()[0]) * 1024,
        int(status["VmHWM"].split()[0]) * 1024,
    )


def reset_peak(pid: int) -> None:
    """Let the kernel forget the peak memory of a process so far."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in lines
    )
