"""The tables of who sends: every pair of state and event is in them, or said to be impossible."""

from itertools import product

import pytest

from digipoort_wus.ebms.reliability import (
    FINAL,
    TABLES,
    Do,
    Happened,
    Impossible,
    Sending,
    Way,
    change,
    of_http,
    signal_state,
)

S, H = Sending, Happened
OUTCOMES = {H.ACCEPTED, H.UNREACHED, H.REJECTED, H.INTERRUPTED}
CLOCK = {H.DUE, H.ENDED}
SIGNALS = {H.ACKNOWLEDGED, H.REFUSED, H.WARNED}
EVERY = set(Happened)

# By state, what cannot happen in it.
IMPOSSIBLE: dict[Way, dict[Sending, set[Happened]]] = {
    Way.RELIABLE: {
        S.CREATED: OUTCOMES,
        # A lease is held; what ends it is INTERRUPTED.
        S.SENDING: CLOCK,
        S.WAITING: OUTCOMES,
        # The task went with the change of state.
        S.DELIVERED: CLOCK,
        S.FAILED: CLOCK,
        S.EXPIRED: CLOCK,
    },
    Way.BEST_EFFORT: {
        S.CREATED: OUTCOMES,
        S.SENDING: CLOCK,
        S.WAITING: EVERY,
        S.DELIVERED: CLOCK,
        S.FAILED: CLOCK,
        S.EXPIRED: CLOCK,
    },
    Way.SIGNAL: {
        S.CREATED: OUTCOMES | SIGNALS,
        S.SENDING: CLOCK | SIGNALS,
        S.WAITING: OUTCOMES | SIGNALS,
        S.DELIVERED: EVERY,
        S.FAILED: EVERY,
        S.EXPIRED: EVERY,
    },
}


@pytest.mark.parametrize("way", Way)
def test_every_pair_is_listed_or_impossible(way: Way) -> None:
    for state, happened in product(Sending, Happened):
        if happened in IMPOSSIBLE[way][state]:
            assert (state, happened) not in TABLES[way]
            with pytest.raises(Impossible, match=f"{happened.name} of a message"):
                change(way, state, happened)
        else:
            assert change(way, state, happened) == TABLES[way][state, happened]


@pytest.mark.parametrize("way", Way)
def test_what_is_done_fits_the_state_that_follows(way: Way) -> None:
    tells = {Do.TELL_DELIVERED, Do.TELL_FAILED, Do.TELL_EXPIRED}
    for (state, _), (after, done) in TABLES[way].items():
        assert (Do.SEND in done) == (after is S.SENDING and state is not S.SENDING)
        assert (Do.WAIT in done) == (after is S.WAITING and state is not S.WAITING)
        ended = after in FINAL and state not in FINAL
        assert (Do.STOP in done) == ended, "a task is left, or taken from nobody"
        told = tells & set(done)
        assert len(told) <= 1
        if way is Way.SIGNAL:
            assert not told
        else:
            assert bool(told) == (after in FINAL and after is not state)
            assert told <= {Do[f"TELL_{after.name}"]} if after in FINAL else not told


def test_a_reliable_message_leaves_its_end_never() -> None:
    for (state, _), (after, _) in TABLES[Way.RELIABLE].items():
        if state in FINAL:
            assert after is state


@pytest.mark.parametrize("happened", [H.UNREACHED, H.INTERRUPTED, H.ACCEPTED])
def test_no_failure_of_the_transport_ends_a_reliable_message(happened: Happened) -> None:
    assert change(Way.RELIABLE, S.SENDING, happened) == (S.WAITING, (Do.WAIT,))


def test_a_warning_leaves_it_waiting() -> None:
    for state in set(Sending):
        after, done = change(Way.RELIABLE, state, H.WARNED)
        assert (after, done) == (state, (Do.NOTE,))


def test_a_late_acknowledgment_is_noted_and_changes_nothing() -> None:
    for state in (S.EXPIRED, S.FAILED):
        assert change(Way.RELIABLE, state, H.ACKNOWLEDGED) == (state, (Do.NOTE,))
    assert change(Way.RELIABLE, S.DELIVERED, H.ACKNOWLEDGED) == (S.DELIVERED, ())
    assert change(Way.RELIABLE, S.DELIVERED, H.REFUSED) == (S.DELIVERED, (Do.NOTE,))


def test_an_acknowledgment_overtakes_the_answer_of_its_attempt() -> None:
    after, done = change(Way.RELIABLE, S.SENDING, H.ACKNOWLEDGED)
    assert (after, done) == (S.DELIVERED, (Do.STOP, Do.TELL_DELIVERED))
    for outcome in OUTCOMES:
        assert change(Way.RELIABLE, after, outcome) == (S.DELIVERED, ())


def test_best_effort_has_one_attempt() -> None:
    sent = [pair for pair, (_, done) in TABLES[Way.BEST_EFFORT].items() if Do.SEND in done]
    assert sent == [(S.CREATED, H.DUE)]
    assert change(Way.BEST_EFFORT, S.SENDING, H.ACCEPTED)[0] is S.DELIVERED
    assert change(Way.BEST_EFFORT, S.SENDING, H.UNREACHED)[0] is S.FAILED
    # Who receives it says so later.
    assert change(Way.BEST_EFFORT, S.DELIVERED, H.REFUSED) == (S.FAILED, (Do.TELL_FAILED,))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, H.UNREACHED),
        (100, H.REJECTED),
        (200, H.ACCEPTED),
        (202, H.ACCEPTED),
        (204, H.ACCEPTED),
        (299, H.ACCEPTED),
        (301, H.REJECTED),
        (307, H.REJECTED),
        (400, H.REJECTED),
        (403, H.REJECTED),
        (404, H.REJECTED),
        (408, H.UNREACHED),
        (429, H.UNREACHED),
        (500, H.UNREACHED),
        (501, H.REJECTED),
        (502, H.UNREACHED),
        (503, H.UNREACHED),
        (504, H.UNREACHED),
        (505, H.REJECTED),
        (510, H.REJECTED),
    ],
)
def test_what_http_says(status: int | None, expected: Happened) -> None:
    assert of_http(status) is expected


def test_a_fault_that_blames_us_ends_it_and_a_503_never_does() -> None:
    assert of_http(500, blames_client=True) is H.REJECTED
    assert of_http(503, blames_client=True) is H.UNREACHED
    assert of_http(200, blames_client=True) is H.ACCEPTED


def test_how_far_a_signal_has_come_follows_from_its_task() -> None:
    assert signal_state(0, interrupted=False) is S.CREATED
    # Claimed and lost before an attempt was counted.
    assert signal_state(0, interrupted=True) is S.CREATED
    assert signal_state(1, interrupted=True) is S.SENDING
    assert signal_state(2, interrupted=False) is S.WAITING
