"""The circuit breaker: any order of attempts and answers keeps what it promises."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.process.breaker import (
    CLOSED,
    BreakerPolicy,
    Closed,
    Open,
    Permit,
    Probing,
    State,
    abandoned,
    ask,
    failed,
    next_at,
    succeeded,
)
from tests.unit.process.sandbox import START

SECOND = timedelta(seconds=1)
POLICY = BreakerPolicy(
    failures=3, first_open=4 * SECOND, max_open=20 * SECOND, probe_within=30 * SECOND
)
moments = st.integers(-100, 100).map(lambda seconds: START + seconds * SECOND)
states = st.one_of(
    st.integers(0, 2).map(Closed),
    st.builds(Open, moments, st.integers(1, 50)),
    st.builds(Probing, moments, st.integers(1, 50)),
)


def opened_at(chance: float = 1.0) -> State:
    state: State = CLOSED
    for _ in range(3):
        assert ask(state, START, POLICY) == (state, Permit.GO)
        state = failed(state, START, POLICY, chance)
    return state


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    assert failed(failed(CLOSED, START, POLICY, 1), START, POLICY, 1) == Closed(2)
    assert succeeded(Closed(2)) == CLOSED
    assert opened_at() == Open(START + 4 * SECOND, 1)
    assert opened_at(0.0) == Open(START + 2 * SECOND, 1)


def test_one_probe_at_a_time_decides() -> None:
    state = opened_at()
    assert ask(state, START + 3 * SECOND, POLICY) == (state, Permit.WAIT)
    at = START + 4 * SECOND
    probing, permit = ask(state, at, POLICY)
    assert permit is Permit.PROBE
    assert ask(probing, at, POLICY) == (probing, Permit.WAIT)
    assert succeeded(probing) == CLOSED
    assert failed(probing, at, POLICY, 1) == Open(at + 8 * SECOND, 2)
    assert ask(abandoned(probing, at), at, POLICY)[1] is Permit.PROBE
    # Whoever had it may be dead.
    assert ask(probing, at + POLICY.probe_within, POLICY)[1] is Permit.PROBE


def test_what_was_under_way_when_it_opened_changes_nothing() -> None:
    state = opened_at()
    assert failed(state, START, POLICY, 1) == state
    assert abandoned(state, START) == state
    assert abandoned(Closed(1), START) == Closed(1)


@given(states, moments, st.floats(0, 1))
def test_it_is_never_open_for_longer_than_that(state: State, now: datetime, chance: float) -> None:
    after = failed(state, now, POLICY, chance)
    if isinstance(after, Open) and after != state:
        assert POLICY.first_open / 2 <= after.until - now <= POLICY.max_open


@given(states, moments)
def test_somebody_may_always_try_again_in_the_end(state: State, now: datetime) -> None:
    """Whatever was done to the clock since."""
    due = next_at(state, now, POLICY)
    assert now <= due <= now + POLICY.probe_within
    after, permit = ask(state, now, POLICY)
    assert (permit is Permit.GO) == isinstance(state, Closed)
    if permit is Permit.WAIT:
        assert after == state
        assert ask(after, due, POLICY)[1] is Permit.PROBE


@given(st.lists(st.tuples(st.sampled_from(["ask", "yes", "no", "nothing"]), st.integers(0, 40))))
def test_no_two_probes_run_and_nothing_runs_while_it_is_open(
    events: list[tuple[str, int]],
) -> None:
    state: State = CLOSED
    now, running, probes = START, 0, 0
    for event, seconds in events:
        now += seconds * SECOND
        if event == "ask":
            before = state
            state, permit = ask(state, now, POLICY)
            running += permit is not Permit.WAIT
            if permit is Permit.PROBE:
                lost = isinstance(before, Probing)
                assert probes == 0 or lost, "the one before has been given up"
                probes = 1
            if isinstance(before, Open) and permit is not Permit.WAIT:
                assert permit is Permit.PROBE
                assert before.until <= now
        elif running:
            running -= 1
            was_probe = isinstance(state, Probing)
            match event:
                case "yes":
                    state = succeeded(state)
                    assert state == CLOSED
                case "no":
                    state = failed(state, now, POLICY, 1)
                case _:
                    state = abandoned(state, now)
            if was_probe:
                probes = 0
            if state == CLOSED:
                probes = 0
