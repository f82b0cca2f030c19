"""Leases are kept as long as somebody works under them, and no longer."""

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest

from digipoort_wus.process.leases import Leases
from digipoort_wus.store.ports import FilingId, Job, StoreFailed
from tests.unit.process.sandbox import START


def job(number: int, token: int = 1) -> Job:
    return Job(FilingId(number), f"kenmerk-{number}", "deliver", START, START, token=token)


class Beats:
    """Answers extensions, and notes what was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[Job]] = []
        self.lost: set[Job] = set()
        self.fails = False
        self.beaten = threading.Semaphore(0)

    def __call__(self, jobs: Sequence[Job]) -> Sequence[Job]:
        self.asked.append(list(jobs))
        self.beaten.release()
        if self.fails:
            raise StoreFailed("not now")
        return [item for item in jobs if item not in self.lost]

    def wait(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.beaten.acquire(timeout=20)


def test_what_is_held_is_extended_until_it_is_let_go() -> None:
    beats = Beats()
    leases = Leases(beats, timedelta(milliseconds=30))
    leases.hold([job(1), job(2)])
    beats.wait(2)
    leases.let_go(job(1))
    beats.wait(2)
    assert beats.asked[0] == [job(1), job(2)]
    assert beats.asked[-1] == [job(2)]
    assert (leases.holds(job(1)), leases.holds(job(2))) == (False, True)
    leases.let_go(job(2, token=2))
    assert leases.holds(job(2)), "that was another claim of it"
    leases.let_go(job(2))


def test_what_somebody_else_has_is_held_no_longer() -> None:
    beats = Beats()
    leases = Leases(beats, timedelta(milliseconds=30))
    beats.lost.add(job(1))
    leases.hold([job(1), job(2)])
    beats.wait(2)
    assert (leases.holds(job(1)), leases.holds(job(2))) == (False, True)
    leases.let_go(job(2))


def test_a_store_that_fails_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    beats = Beats()
    beats.fails = True
    leases = Leases(beats, timedelta(milliseconds=30))
    leases.hold([job(1)])
    beats.wait(2)
    assert leases.holds(job(1))
    assert "could not be extended: StoreFailed" in caplog.text
    leases.let_go(job(1))


def test_the_thread_ends_with_the_last_job_and_begins_with_the_next() -> None:
    beats = Beats()
    leases = Leases(beats, timedelta(milliseconds=30))
    for number in (1, 2):
        others = set(threading.enumerate())
        leases.hold([job(number)])
        beats.wait()
        (thread,) = set(threading.enumerate()) - others
        leases.let_go(job(number))
        thread.join(20)
        assert not thread.is_alive()


def test_an_end_ends_the_thread_and_a_later_hold_begins_another() -> None:
    beats = Beats()
    leases = Leases(beats, timedelta(milliseconds=30))
    leases.hold([job(1)])
    (thread,) = beating()
    leases.end()
    leases.hold([job(2), job(3)])
    thread.join(20)
    beats.wait(2)
    assert beats.asked[-1] == [job(2), job(3)]
    (thread,) = beating()
    leases.end()
    thread.join(20)
    assert not thread.is_alive()


def beating() -> list[threading.Thread]:
    """Return the threads that beat, but for one that is about to end."""
    found = [thread for thread in threading.enumerate() if thread.name == "process-leases"]
    return found[-1:]
