"""Moments that follow from what was agreed, with numbers that are worked out by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.ebms.schedule import (
    USUAL,
    Contradiction,
    Due,
    Schedule,
    contradictions,
    due,
    duration,
    next_at,
    persist_until,
    schedule,
    time_to_live,
)
from digipoort_wus.ebms.terms import Reliability

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
TWICE = Reliability(retries=2, interval=HOUR)


def test_attempts_come_at_the_interval_and_one_interval_is_left_behind_the_last() -> None:
    plan = schedule(NOW, TWICE, time_to_live=NOW + DAY)
    last, attempts, moments = NOW, 0, []
    now = NOW
    while (found := due(plan, attempts, last, now)) is not Due.END:
        if found is Due.ATTEMPT:
            moments.append(now - NOW)
            attempts, last = attempts + 1, now
        now += MINUTE
    assert moments == [timedelta(0), HOUR, 2 * HOUR]
    assert now == NOW + 3 * HOUR


def test_without_retries_there_is_one_attempt_and_one_interval() -> None:
    plan = schedule(NOW, Reliability(0, HOUR))
    assert due(plan, 0, NOW, NOW) is Due.ATTEMPT
    assert next_at(plan, 1, NOW) == NOW + HOUR
    assert due(plan, 1, NOW, NOW + HOUR - MILLISECOND) is Due.NOTHING
    assert due(plan, 1, NOW, NOW + HOUR) is Due.END


def test_best_effort_is_one_attempt() -> None:
    assert schedule(NOW, None) == Schedule(0, timedelta(0), None)
    plan = schedule(NOW, None, time_to_live=NOW + HOUR, persist=MINUTE)
    assert plan.ends == NOW + HOUR
    assert due(plan, 0, NOW, NOW + MINUTE) is Due.ATTEMPT
    assert due(plan, 0, NOW, NOW + HOUR) is Due.END
    assert due(plan, 1, NOW, NOW) is Due.END


@pytest.mark.parametrize(
    ("lives", "persist", "ends"),
    [
        (None, None, None),
        (DAY, None, DAY),
        (None, DAY, DAY),
        (DAY, HOUR, HOUR),
        (HOUR, DAY, HOUR),
    ],
)
def test_what_ends_first_ends_it(
    lives: timedelta | None, persist: timedelta | None, ends: timedelta | None
) -> None:
    live = None if lives is None else NOW + lives
    plan = schedule(NOW, TWICE, time_to_live=live, persist=persist)
    assert plan.ends == (None if ends is None else NOW + ends)


def test_nothing_is_sent_at_the_end_or_behind_it() -> None:
    plan = schedule(NOW, TWICE, time_to_live=NOW + HOUR)
    assert next_at(plan, 1, NOW + MINUTE) == NOW + HOUR
    assert due(plan, 1, NOW, NOW + HOUR - MILLISECOND) is Due.NOTHING
    # An attempt would be due as well.
    assert due(plan, 1, NOW, NOW + HOUR) is Due.END
    assert due(plan, 0, NOW, NOW + HOUR) is Due.END


def test_a_clock_that_was_set_back_waits_an_interval_and_no_longer() -> None:
    plan = schedule(NOW, TWICE)
    assert due(plan, 1, NOW + 5 * HOUR, NOW) is Due.NOTHING
    assert next_at(plan, 1, NOW + 5 * HOUR) == NOW + 6 * HOUR


def test_time_to_live_lies_behind_all_attempts_and_before_the_id_is_forgotten() -> None:
    assert duration(TWICE) == 3 * HOUR
    assert time_to_live(NOW, TWICE, None) == NOW + 3 * HOUR + MINUTE
    assert time_to_live(NOW, TWICE, 4 * HOUR) == NOW + 3 * HOUR + MINUTE
    # The numbers of the best practices contradict each other; here the receiver's memory counts.
    assert duration(USUAL) == 27 * HOUR
    assert time_to_live(NOW, USUAL, DAY) == NOW + DAY - MILLISECOND


def test_an_id_is_remembered_as_long_as_anything_asks_for_it() -> None:
    assert persist_until(NOW, None, None, None) == NOW + 5 * DAY
    assert persist_until(NOW, HOUR, None, None) == NOW + HOUR
    assert persist_until(NOW, HOUR, TWICE, None) == NOW + 3 * HOUR
    assert persist_until(NOW, 4 * HOUR, TWICE, None) == NOW + 4 * HOUR
    assert persist_until(NOW, HOUR, TWICE, NOW + DAY) == NOW + DAY


@pytest.mark.parametrize(
    ("reliability", "persist", "lives", "found"),
    [
        (TWICE, DAY, 4 * HOUR, []),
        (TWICE, None, None, []),
        (None, None, None, []),
        (USUAL, DAY, None, [Contradiction.FORGOTTEN_WHILE_RETRIED]),
        (TWICE, 3 * HOUR, None, [Contradiction.FORGOTTEN_WHILE_RETRIED]),
        (TWICE, 3 * HOUR + MILLISECOND, None, []),
        (TWICE, DAY, 3 * HOUR, [Contradiction.RETRIED_TOO_LATE]),
        (None, HOUR, HOUR, [Contradiction.LIVES_TOO_LONG]),
        (Reliability(1, timedelta(0)), None, None, [Contradiction.NO_INTERVAL]),
        (Reliability(0, timedelta(0)), None, None, []),
    ],
)
def test_contradictions_of_an_agreement(
    reliability: Reliability | None,
    persist: timedelta | None,
    lives: timedelta | None,
    found: list[Contradiction],
) -> None:
    assert list(contradictions(reliability, persist, lives=lives)) == found


def test_an_agreement_may_name_more_time_than_there_is() -> None:
    most = Reliability(1_000_000, timedelta.max)
    end = datetime.max.replace(tzinfo=UTC)
    assert time_to_live(NOW, most, None) == end
    assert persist_until(NOW, timedelta.max, most, None) == end
    assert next_at(schedule(NOW, most, persist=timedelta.max), 1, NOW) == end


SPANS = st.integers(1, 10_000).map(lambda number: timedelta(seconds=number))


@given(st.integers(0, 20), SPANS, st.none() | SPANS, st.lists(SPANS, max_size=60))
def test_there_are_never_more_attempts_and_none_too_late(
    retries: int, interval: timedelta, persist: timedelta | None, steps: list[timedelta]
) -> None:
    reliability = Reliability(retries, interval)
    lives = time_to_live(NOW, reliability, persist)
    plan = schedule(NOW, reliability, time_to_live=lives, persist=persist)
    now, last, moments = NOW, NOW, list[datetime]()
    for step in (timedelta(0), *steps):
        now += step
        found = due(plan, len(moments), last, now)
        assert (found is Due.NOTHING) == (now < next_at(plan, len(moments), last))
        if found is Due.ATTEMPT:
            assert plan.ends is not None
            assert now < plan.ends
            assert not moments or now - last >= interval
            last = now
            moments.append(now)
    assert len(moments) <= retries + 1
