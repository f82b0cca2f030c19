"""The thread that lets an engine run."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from time import monotonic

import pytest

from digipoort_wus.clock import system_clock
from digipoort_wus.process.runner import Runner
from digipoort_wus.store.ports import StoreFailed


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


def test_the_same_failure_is_told_once_and_that_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    times, over = 0, threading.Event()

    def run_due(interrupted: Callable[[], bool]) -> datetime | None:
        nonlocal times
        times += 1
        if times < 3:
            try:
                raise OSError("a secret")
            except OSError as error:
                raise StoreFailed("another secret") from error
        over.set()
        return None

    with caplog.at_level(logging.INFO):
        runner = Runner(run_due, system_clock, name="sealer")
        runner.start()
        assert over.wait(20)
        runner.stop()
    told = [(vars(record)["event"], record.getMessage()) for record in caplog.records]
    assert [event for event, _ in told] == ["engine-failed", "engine-again"]
    assert "StoreFailed at test_runner.py" in told[0][1]
    assert "because of OSError at test_runner.py" in told[0][1]
    assert "tries again every second" in told[0][1]
    assert "after 2 failures" in told[1][1]
    assert "secret" not in caplog.text
