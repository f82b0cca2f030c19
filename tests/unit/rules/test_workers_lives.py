"""When the workers of a gateway begin and end."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.api import Busy, EngineOptions, Outcome
from digipoort_wus.rules.workers import Workers, make
from tests.unit.rules.working import (
    COSTS,
    MEBIBYTE,
    asked,
    options,
    processes,
    validated,
    wait_for,
)


def test_each_filing_of_forked_rules_has_a_process_of_its_own(own: Workers) -> None:
    pids = {validated(own, "forked", "pid").findings[0].text for _ in range(3)}
    assert len(pids) == 3
    before = own.pids
    for does in ("sleep", "kill", "eat"):
        assert validated(own, "forked", does).outcome is Outcome.UNDETERMINED
    # What is warm stays.
    assert own.pids == before
    assert own.figures()["forked_lost"] == 0


def test_a_worker_that_has_grown_is_replaced_without_a_filing_lost(own: Workers) -> None:
    (first, *_) = own.pids
    for _ in range(2):
        assert validated(own, "cheap", "leak").outcome is Outcome.VALID
    wait_for(lambda: not Path(f"/proc/{first}").exists() and len(own.pids) == len(COSTS))
    assert validated(own, "cheap").outcome is Outcome.VALID
    figures = own.figures()
    assert (figures["cheap_recycled"], figures["cheap_lost"]) == (1, 0)


def test_a_worker_that_ends_while_it_is_free_is_replaced(own: Workers) -> None:
    for pid in own.pids:
        os.kill(pid, signal.SIGKILL)
    # At once, and again when it is known that they are gone.
    for _ in range(2):
        for cost in COSTS:
            assert validated(own, cost).outcome is Outcome.VALID
        time.sleep(0.2)


def test_workers_that_are_lost_again_and_again_are_started_later_and_later(own: Workers) -> None:
    began = time.monotonic()
    for _ in range(5):
        assert validated(own, "cheap", "kill").outcome is Outcome.UNDETERMINED
    # 0, 0.1, 0.2, 0.4 s before the four that were started in between.
    assert time.monotonic() - began > 0.7
    figures = own.figures()
    assert (figures["cheap_lost"], figures["cheap_started"]) == (5, 5)
    assert validated(own, "cheap").outcome is Outcome.VALID
    began = time.monotonic()
    validated(own, "cheap", "kill")
    assert validated(own, "cheap").outcome is Outcome.VALID
    assert time.monotonic() - began < 5


def test_workers_outlive_the_thread_that_asked_for_them(sets: Path) -> None:
    made: list[Workers] = []
    thread = threading.Thread(target=lambda: made.append(make(options(sets))))
    thread.start()
    thread.join()
    (workers,) = made
    try:
        before = workers.pids
        time.sleep(0.2)
        assert validated(workers, "cheap").outcome is Outcome.VALID
        assert workers.pids == before
    finally:
        workers.close()


GATEWAY = """\
import sys, threading
from pathlib import Path
from digipoort_wus.rules.api import EngineOptions, Stage
from digipoort_wus.rules.workers import make
from tests.unit.rules.working import filing
workers = make(EngineOptions(directories=(Path(sys.argv[1]),), workers=2))
for cost in ("cheap", "heavy", "forked"):
    about = filing(cost, "sleep-50")
    threading.Thread(target=workers.validate, args=(about, Stage.CONTENT), daemon=True).start()
print(*workers.pids, flush=True)
sys.stdin.read()
"""


def test_no_worker_outlives_its_gateway(sets: Path) -> None:
    root = Path(__file__).parents[3]
    path = os.pathsep.join([str(root), str(sets.parent / "site")])
    with subprocess.Popen(
        [sys.executable, "-c", GATEWAY, str(sets)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        assert process.stdout is not None
        pids = [int(each) for each in process.stdout.readline().split()]
        assert len(pids) == 4

        def all_pids() -> set[str]:
            return {
                each.parent.name
                for each in Path("/proc").glob("[0-9]*/cmdline")
                if b"worker_main" in _read(each) and str(process.pid).encode() in _read(each)
            }

        wait_for(lambda: len(all_pids()) == 5)  # with the fork that judges
        process.kill()
        process.wait()
        wait_for(lambda: not all_pids())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_closing_ends_what_is_being_judged(others: set[int], sets: Path) -> None:
    workers = make(options(sets, seconds=30, heavy_seconds=30))
    pids = workers.pids
    with ThreadPoolExecutor(4) as pool:
        judging = [pool.submit(asked, workers, "heavy", "sleep")]
        wait_for(lambda: workers.figures()["heavy_busy"] == 1)
        judging.append(pool.submit(asked, workers, "cheap", "sleep"))
        wait_for(lambda: workers.figures()["cheap_busy"] == 1)
        waiting = pool.submit(asked, workers, "cheap")
        time.sleep(0.2)
        began = time.monotonic()
        workers.close()
        assert time.monotonic() - began < 5
        for each in judging:
            # The end of a gateway is no attempt.
            with pytest.raises(Busy):
                each.result()
        with pytest.raises(Busy):
            waiting.result()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert processes() == others
    with pytest.raises(Busy):
        asked(workers, "cheap")
    with pytest.raises(ConfigurationError):
        workers.reload()
    workers.close()
    assert processes() == others


def test_too_little_memory_to_load_is_said(others: set[int], sets: Path) -> None:
    with pytest.raises(ConfigurationError):
        make(options(sets, memory=1 * MEBIBYTE))
    assert processes() == others


def test_only_what_the_sets_need_is_started() -> None:
    workers = make(EngineOptions(workers=1))
    try:
        assert workers.figures()["forked_workers"] == 0
        assert workers.figures()["cheap_workers"] == 1
    finally:
        workers.close()
