"""Threads for large requests: bounded, and none when there is no work."""

import sys
import threading
import time

import pytest

from digipoort_wus.server.workers import Workers, take_short_turns


def gate_workers() -> int:
    return sum(thread.name == "gate-worker" for thread in threading.enumerate())


def test_at_most_so_many_at_a_time_and_none_afterwards() -> None:
    workers, lock, open_ = Workers(2), threading.Lock(), threading.Event()
    running: list[int] = [0, 0]

    def work() -> int:
        with lock:
            running[0] += 1
            running[1] = max(running)
        open_.wait(10)
        with lock:
            running[0] -= 1
        return 1

    futures = [workers.submit(work) for _ in range(7)]
    time.sleep(0.05)
    assert gate_workers() == 2
    open_.set()
    assert sum(future.result(10) for future in futures) == 7
    assert running == [0, 2]
    end = time.monotonic() + 5
    while gate_workers() and time.monotonic() < end:
        time.sleep(0.005)
    assert gate_workers() == 0
    # And it works again.
    assert workers.submit(lambda: "more").result(10) == "more"


def test_an_exception_is_the_futures_and_ends_nothing() -> None:
    workers = Workers(1)

    def fail() -> None:
        raise MemoryError

    first, second = workers.submit(fail), workers.submit(lambda: 2)
    assert isinstance(first.exception(10), MemoryError)
    assert second.result(10) == 2


def test_what_was_cancelled_is_not_run() -> None:
    workers, open_ = Workers(1), threading.Event()
    first = workers.submit(lambda: open_.wait(10))
    ran: list[int] = []
    second, third = workers.submit(lambda: ran.append(2)), workers.submit(lambda: ran.append(3))
    assert second.cancel()
    open_.set()
    third.result(10)
    assert first.result() is True
    assert ran == [3]


@pytest.mark.parametrize("most", [1, 2])
def test_a_result_is_held_by_its_future_only(most: int) -> None:
    class Held:
        alive = 0

        def __init__(self) -> None:
            Held.alive += 1

        def __del__(self) -> None:
            Held.alive -= 1

    workers = Workers(most)
    future = workers.submit(Held)
    assert future.result(10) is not None
    del future
    end = time.monotonic() + 5
    while Held.alive and time.monotonic() < end:
        time.sleep(0.005)
    assert Held.alive == 0


def test_turns_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds: list[float] = []
    monkeypatch.setattr("sys.setswitchinterval", seconds.append)
    take_short_turns()
    assert len(seconds) == 1
    assert seconds[0] < sys.getswitchinterval()
