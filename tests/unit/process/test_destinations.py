"""How many deliveries run to whom, and for how long one that fails is left alone."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from digipoort_wus.process.breaker import BreakerPolicy
from digipoort_wus.process.destinations import Destinations, Told
from tests.unit.process.sandbox import START

SECOND = timedelta(seconds=1)


class Gate:
    """Work that begins, and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.end = threading.Event()

    def __call__(self) -> None:
        self.begun.release()
        assert self.end.wait(20)


@contextmanager
def held(gate: Gate) -> Iterator[Gate]:
    try:
        yield gate
    finally:
        gate.end.set()


def begun(gate: Gate, times: int) -> None:
    for _ in range(times):
        assert gate.begun.acquire(timeout=20)


def test_a_slow_destination_has_only_its_own_threads() -> None:
    destinations = Destinations(lambda: 1.0, each=2)
    with held(Gate()) as slow, held(Gate()) as quick:
        # Two run, two wait for them, and the fifth has to come again.
        assert [destinations.submit("slow", slow) for _ in range(5)] == [True] * 4 + [False]
        begun(slow, 2)
        assert destinations.submit("quick", quick)
        begun(quick, 1)
        assert not slow.begun.acquire(timeout=0.05)
        slow.end.set()
        begun(slow, 2)
        quick.end.set()
        assert destinations.wait(20 * SECOND)


def test_a_destination_may_have_more_or_fewer_threads_than_others() -> None:
    destinations = Destinations(lambda: 1.0, each=2, own={"narrow": 1})
    with held(Gate()) as gate:
        # One that runs and one that waits.
        assert [destinations.submit("narrow", gate) for _ in range(3)] == [True, True, False]
        begun(gate, 1)


def test_all_together_have_no_more_threads_than_that() -> None:
    destinations = Destinations(lambda: 1.0, each=2, at_most=2)
    with held(Gate()) as gate:
        assert destinations.submit("a", gate)
        assert destinations.submit("b", gate)
        assert not destinations.submit("c", gate)
        assert not destinations.wait(timedelta(milliseconds=1))
        begun(gate, 2)


def test_who_finds_no_room_is_spread_over_the_next_minute() -> None:
    destinations = Destinations(lambda: 1.0, each=2)
    turns = [destinations.turn("a", START) - START for _ in range(300)]
    assert turns[0] == turns[1] == SECOND
    assert turns[9] == 5 * SECOND
    assert turns[:119] == sorted(turns[:119])
    # Beyond that they share the minute with those before.
    assert all(SECOND <= turn <= 60 * SECOND for turn in turns)
    assert destinations.turn("a", START - timedelta(days=1)) <= START - timedelta(days=1) + SECOND


def test_who_fails_is_left_alone_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    policy = BreakerPolicy(failures=2, first_open=10 * SECOND)
    destinations = Destinations(lambda: 1.0, policy=policy)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            assert destinations.ask("a", START) is None
            destinations.told("a", Told.FAILED, START)
        assert destinations.ask("a", START) == START + 11 * SECOND
        assert destinations.ask("b", START) is None
        now = START + 10 * SECOND
        assert destinations.ask("a", now) is None
        destinations.told("a", Told.NOTHING, now)
        assert destinations.ask("a", now) is None, "a fault of ours is no answer of theirs"
        due = destinations.ask("a", now)
        assert due is not None, "one probe at a time"
        assert due - now <= SECOND, "it is not waited for as long as one that was lost"
        destinations.told("a", Told.ANSWERED, now)
        assert destinations.ask("a", now) is None
    events = [vars(record)["event"] for record in caplog.records]
    assert events == ["breaker-opened", "breaker-closed"]


def test_who_waits_for_a_probe_asks_again_soon_and_not_when_it_is_given_up() -> None:
    policy = BreakerPolicy(failures=1, first_open=10 * SECOND)
    destinations = Destinations(lambda: 1.0, policy=policy)
    assert destinations.ask("a", START) is None
    destinations.told("a", Told.FAILED, START)
    now = START + 10 * SECOND
    assert destinations.ask("a", now) is None, "the probe"
    dues = [destinations.ask("a", now) for _ in range(40)]
    destinations.told("a", Told.ANSWERED, now + 2 * SECOND)
    assert all(due is not None and due <= now + 60 * SECOND for due in dues)
    assert destinations.ask("a", now + 2 * SECOND) is None
