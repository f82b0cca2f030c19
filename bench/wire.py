"""What a filing costs a gateway process over keep-alive mutual TLS.

The gateway has the first core for itself, the load generator the last. The floor is
measured on the gateway's core, before and after.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.local import CONTENT, FLOOR, floor_row, request
from bench.measure import in_turn, progress, settled, use_of
from digipoort_wus.pki.testpki import TestPki, write_pki

ROOT = Path(__file__).resolve().parent.parent
_CONNECTIONS = 4
HEADER = (
    "over keep-alive mutual TLS",
    "filings/s",
    "median ms",
    "p99 ms",
    "CPU ms until answered, workers included",
    "in floors",
    "CPU ms until status 500, workers included",
    "in floors",
    "peak MB above idle",
)


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one filing: seconds of CPU, bytes of peak memory above idle, and what a client saw."""

    answered: float
    done: float
    peak: int
    per_second: float
    median_ms: float
    p99_ms: float


def over_the_wire(pki: TestPki, scratch: Path, *, filings: int) -> list[tuple[str, ...]]:
    """Return a row for each size, measured on one gateway.

    Args:
        filings: how many of the small ones; of the larger ones a few.
    """
    directory = scratch / "data"
    write_pki(pki, directory)
    before = _floor(pki)
    with _served(directory) as (pid, url):
        load = _Load(pki, scratch, pid, url)
        progress("10 kB: warming up")
        load.send([CONTENT] * 200, _CONNECTIONS)
        settled(pid)
        progress(f"10 kB: {filings} filings over {_CONNECTIONS} connections")
        costs = {"10 kB": load.send([CONTENT] * filings, _CONNECTIONS)}
        for name, size, number in (("1 MB", 1_000_000, 15), ("20 MiB", 20_971_520, 7)):
            content = b"<x>" + b"a" * (size - 7) + b"</x>"
            # One by one: the next does not come while the engine has the last.
            each = []
            for turn in range(number):
                progress(f"{name}: {turn + 1} of {number}")
                each.append(load.send([content], 1))
            costs[name] = _together(each)
    progress("")
    floor = statistics.mean((before, _floor(pki)))
    return [_row(name, cost, floor) for name, cost in costs.items()]


def _row(name: str, cost: _Cost, floor: float) -> tuple[str, ...]:
    return (
        name,
        f"{cost.per_second:.0f}" if cost.per_second > 10 else f"{cost.per_second:.1f}",
        f"{cost.median_ms:.1f}",
        f"{cost.p99_ms:.1f}",
        f"{cost.answered * 1000:.2f}",
        f"{cost.answered / floor:.1f}",
        f"{cost.done * 1000:.2f}",
        f"{cost.done / floor:.1f}",
        f"{cost.peak / 1e6:.0f}",
    )


def _together(costs: list[_Cost]) -> _Cost:
    # Means of CPU times, which the kernel counts in steps of 10 ms; the worst of peaks.
    return _Cost(
        answered=statistics.fmean(cost.answered for cost in costs),
        done=statistics.fmean(cost.done for cost in costs),
        peak=max(cost.peak for cost in costs),
        per_second=statistics.median(cost.per_second for cost in costs),
        median_ms=statistics.median(cost.median_ms for cost in costs),
        p99_ms=max(cost.p99_ms for cost in costs),
    )


def _floor(pki: TestPki) -> float:
    """Return the floor on the core that the gateway has, which is idle now."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        return in_turn([floor_row(pki)], rounds=9)[FLOOR]
    finally:
        os.sched_setaffinity(0, allowed)


class _Load:
    """Sends filings to one gateway, and measures its process meanwhile."""

    def __init__(self, pki: TestPki, scratch: Path, pid: int, url: str) -> None:
        self._pki = pki
        self._scratch = scratch
        self._pid = pid
        self._url = url
        self._idle = settled(pid).resident
        """Before the first filing: what later ones leave behind counts as theirs."""
        self._folders = 0

    def send(self, contents: list[bytes], connections: int) -> _Cost:
        folder = self._scratch / f"load-{self._folders}"
        self._folders += 1
        folder.mkdir()
        for number, content in enumerate(contents):
            (folder / f"{number:06d}.xml").write_bytes(request(self._pki, content))
        settled(self._pid)
        with _generator(self._url, self._scratch / "data", folder, connections) as process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the load generator has no pipes")
            process.stdout.readline()  # connections stand
            before = use_of(self._pid)
            process.stdin.write("go\n")
            process.stdin.flush()
            outcome: dict[str, float] = json.loads(process.stdout.readline())
            answered = use_of(self._pid)
        if outcome["ok"] != outcome["requests"]:
            raise RuntimeError(f"{outcome['requests'] - outcome['ok']:.0f} were not accepted")
        for file in folder.iterdir():
            file.unlink()
        return self._cost(len(contents), before.cpu, answered.cpu, outcome)

    def _cost(
        self, filings: int, before: float, answered: float, outcome: dict[str, float]
    ) -> _Cost:
        peak = use_of(self._pid).peak
        done = settled(self._pid).cpu
        return _Cost(
            answered=(answered - before) / filings,
            done=(done - before) / filings,
            peak=peak - self._idle,
            per_second=outcome["per_second"],
            median_ms=outcome["median_ms"],
            p99_ms=outcome["p99_ms"],
        )


@contextmanager
def _served(directory: Path) -> Iterator[tuple[int, str]]:
    """Run a gateway on the first core."""
    command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    ) as process:
        try:
            if process.stdout is None or not (line := process.stdout.readline().split()):
                raise RuntimeError("the gateway did not start")
            yield process.pid, line[1]
        finally:
            process.terminate()


@contextmanager
def _generator(
    url: str, pki: Path, folder: Path, connections: int
) -> Iterator["subprocess.Popen[str]"]:
    """Run the load generator on the last core."""
    host, _, port = url.split("/")[2].partition(":")
    path = "/" + url.split("/", 3)[3]
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "bench.load", host, port, path, str(pki)),
            *(str(connections), str(folder)),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}),
    ) as process:
        yield process
