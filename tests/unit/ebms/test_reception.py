"""The table of who receives: every pair of state and event is in it, or said to be impossible."""

from itertools import product

import pytest

from digipoort_wus.ebms.message import MessageStatus
from digipoort_wus.ebms.reception import STATUS_OF, Arrived, Manner, Receiving, Then, arrival
from digipoort_wus.ebms.reliability import Impossible

R, A = Receiving, Arrived
ONCE = Manner(acknowledge=True, eliminate=True)
EACH = Manner(acknowledge=False, eliminate=False)
MANNERS = [Manner(acknowledge=a, eliminate=e) for a, e in product((True, False), repeat=2)]

IMPOSSIBLE = {
    R.NEW: {A.AGAIN, A.OTHER, A.TAKEN, A.GIVEN_UP},
    R.RECEIVED: {A.CAME},
    R.PROCESSED: {A.CAME, A.GIVEN_UP},
    # The application never heard of it.
    R.REFUSED: {A.CAME, A.TAKEN, A.GIVEN_UP},
    R.FAILED: {A.CAME, A.TAKEN},
}


@pytest.mark.parametrize("manner", MANNERS)
def test_every_pair_is_listed_or_impossible(manner: Manner) -> None:
    for state, arrived in product(Receiving, Arrived):
        if arrived in IMPOSSIBLE[state]:
            with pytest.raises(Impossible, match=arrived.name):
                arrival(manner, state, arrived)
        else:
            after, done = arrival(manner, state, arrived)
            assert after is not R.NEW
            assert (Then.TELL in done) == (Then.STORE in done)
            # Nobody hears of what is not stored before.
            if Then.ACKNOWLEDGE in done:
                assert done.index(Then.STORE) < done.index(Then.ACKNOWLEDGE)
            assert manner.acknowledge or Then.ACKNOWLEDGE not in done


def test_once_only_stores_tells_and_acknowledges_once() -> None:
    state, done = arrival(ONCE, R.NEW, A.CAME)
    assert done == (Then.STORE, Then.ACKNOWLEDGE, Then.TELL)
    for known in (state, R.PROCESSED, R.REFUSED, R.FAILED):
        assert arrival(ONCE, known, A.AGAIN) == (known, (Then.ANSWER_AGAIN,))


def test_best_effort_keeps_each_copy() -> None:
    for state in (R.RECEIVED, R.PROCESSED):
        assert arrival(EACH, state, A.AGAIN) == (R.RECEIVED, (Then.STORE, Then.TELL))


def test_only_the_first_error_is_remembered() -> None:
    assert arrival(ONCE, R.NEW, A.BAD) == (R.REFUSED, (Then.REMEMBER, Then.ANSWER_ERROR))
    for state in (R.RECEIVED, R.PROCESSED, R.REFUSED, R.FAILED):
        for arrived in (A.BAD, A.OTHER):
            assert arrival(ONCE, state, arrived) == (state, (Then.ANSWER_ERROR,))


def test_who_was_told_that_it_was_stored_is_told_when_it_is_given_up() -> None:
    assert arrival(ONCE, R.RECEIVED, A.GIVEN_UP) == (R.FAILED, (Then.REPORT_FAILURE,))
    assert arrival(ONCE, R.FAILED, A.GIVEN_UP) == (R.FAILED, ())
    assert arrival(ONCE, R.RECEIVED, A.TAKEN) == (R.PROCESSED, ())
    assert arrival(ONCE, R.PROCESSED, A.TAKEN) == (R.PROCESSED, ())


def test_every_state_has_a_status() -> None:
    assert set(STATUS_OF) == set(Receiving)
    assert STATUS_OF[R.NEW] is STATUS_OF[R.REFUSED] is MessageStatus.NOT_RECOGNIZED
