"""A failure that comes again and again is told once, then once a minute."""

from digipoort_wus.repeats import TOLD_EVERY, Repeats


class Clock:
    def __init__(self) -> None:
        self.now = 1.0

    def __call__(self) -> float:
        return self.now


def test_the_same_failure_is_told_once_a_minute() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    told = []
    for second in range(int(2 * TOLD_EVERY) + 1):
        clock.now = 1.0 + second
        if repeats.failed("no memory"):
            told.append(second)
    assert told == [0, TOLD_EVERY, 2 * TOLD_EVERY]
    assert repeats.times == 2 * TOLD_EVERY + 1


def test_another_reason_is_told_at_once() -> None:
    repeats = Repeats(Clock())
    assert [repeats.failed(each) for each in "aabba"] == [True, False, True, False, True]


def test_that_it_is_over_is_told_once() -> None:
    repeats = Repeats(Clock())
    assert repeats.succeeded() == 0
    repeats.failed("a")
    repeats.failed("a")
    assert [repeats.succeeded(), repeats.succeeded()] == [2, 0]
    assert repeats.failed("a"), "it went well in between"
