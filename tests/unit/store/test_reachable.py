"""Whether a service answers: who asks one that did not a moment ago is told so at once."""

import pytest

from digipoort_wus.store import reachable
from digipoort_wus.store.reachable import Reachable
from digipoort_wus.store.values import PayloadsUnreachable


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_everybody_asks_while_it_answers() -> None:
    known = Reachable(Clock())
    for _ in range(3):
        known.begin()
    known.answered()
    assert known.failed == ""


def test_after_a_failure_one_tries_again_after_a_while() -> None:
    clock = Clock()
    known = Reachable(clock)
    assert str(known.silent("it did not answer")) == "it did not answer"
    assert known.failed == "it did not answer"
    with pytest.raises(PayloadsUnreachable, match="it did not answer a moment ago"):
        known.begin()
    clock.seconds += reachable.AGAIN_AFTER
    known.begin()
    # While this one waits for an answer, nobody else does.
    for _ in range(2):
        clock.seconds += 10
        with pytest.raises(PayloadsUnreachable):
            known.begin()
    known.answered()
    known.begin()
    known.begin()


def test_who_tries_and_is_never_heard_of_is_not_the_last() -> None:
    clock = Clock()
    known = Reachable(clock)
    known.silent("it did not answer")
    clock.seconds += reachable.AGAIN_AFTER
    known.begin()
    clock.seconds += 60
    known.begin()


def test_it_is_told_once_that_it_went_and_once_that_it_came_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = Reachable(Clock())
    for _ in range(3):
        known.silent("it did not answer")
    for _ in range(3):
        known.answered()
    told = [record.__dict__["event"] for record in caplog.records]
    assert told == ["objects-down", "objects-up"]
