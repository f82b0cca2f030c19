"""The thread that lets an engine run."""

import threading
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from digipoort_wus.clock import system_clock
from digipoort_wus.process.runner import Runner


def test_a_wake_does_not_shorten_the_pause_after_a_failure() -> None:
    """With a full disk each filing that comes in would wake it, only to fail again."""
    runs: list[float] = []
    twice = threading.Event()

    def run_due(interrupted: Callable[[], bool]) -> datetime | None:
        runs.append(monotonic())
        if len(runs) == 2:
            twice.set()
            return None
        runner.wake()
        raise OSError

    runner = Runner(run_due, system_clock)
    runner.start()
    assert not twice.wait(0.5)
    runner.wake()
    assert twice.wait(20)
    runner.stop()
    assert runs[1] - runs[0] >= 0.99


def test_a_stop_does_shorten_it() -> None:
    failed = threading.Event()

    def run_due(interrupted: Callable[[], bool]) -> datetime | None:
        failed.set()
        raise OSError

    runner = Runner(run_due, system_clock)
    runner.start()
    assert failed.wait(20)
    started = monotonic()
    runner.stop()
    assert not runner.is_alive
    assert monotonic() - started < 0.9
