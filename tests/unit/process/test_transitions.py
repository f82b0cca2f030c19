"""The table of the process: whole, closed, and every status of the interface in it."""

import itertools

import pytest

from digipoort_wus.filing.status import STATUS_CODES
from digipoort_wus.process.transitions import (
    CONFIRMS,
    DELIVERS,
    FAILURES,
    FIRST_STEP,
    FOUND,
    INTAKE_STATUSES,
    TRANSITIONS,
    VERDICTS,
    Event,
    Step,
)

HAS_IT = {Step.ANSWER, Step.AWAIT}
"""The agency has the filing, and is known to."""
MAY_HAVE_IT = {*DELIVERS, *CONFIRMS, *HAS_IT}
TRIED_UNTIL_SPENT = {Step.AUTHORISE, Step.ENVELOPE, Step.CONTENT, Step.REDELIVER, Step.RESENT}
"""The first delivery that fails is told at once; whatever else fails is tried for a while."""


def possible(step: Step) -> set[Event]:
    events = set(FOUND[step])
    if step in TRIED_UNTIL_SPENT:
        events.add(Event.EXHAUSTED)
    if step in MAY_HAVE_IT:
        events |= VERDICTS
    if step not in HAS_IT:
        events.add(Event.CANCELLED)
    return events


def test_it_has_a_row_for_everything_that_can_happen_and_none_for_what_cannot() -> None:
    assert set(FOUND) == set(Step)
    assert {(step, event) for step in Step for event in possible(step)} == set(TRANSITIONS)


def test_every_event_can_happen() -> None:
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_every_step_is_reached() -> None:
    reached, waiting = set(), [FIRST_STEP]
    while waiting:
        step = waiting.pop()
        if step not in reached:
            reached.add(step)
            waiting += [row.then for (at, _), row in TRANSITIONS.items() if at is step and row.then]
    assert reached == set(Step)


def test_every_status_of_the_interface_is_written_somewhere_and_no_other() -> None:
    written = {*INTAKE_STATUSES, *itertools.chain(*(row.codes for row in TRANSITIONS.values()))}
    assert written == set(STATUS_CODES)


@pytest.mark.parametrize("key", TRANSITIONS, ids=lambda key: f"{key[0].value}-{key[1].value}")
def test_a_row_ends_the_process_exactly_when_its_last_status_says_so(
    key: tuple[Step, Event],
) -> None:
    row = TRANSITIONS[key]
    codes = [STATUS_CODES[code] for code in row.codes]
    # A client may stop asking at the first of these, and at a statusFoutcode.
    assert all(code.ending == "open" for code in codes[:-1])
    if row.then is not None:
        assert all(code.ending == "open" for code in codes)
        assert row.error is None
    elif codes[-1].ending == "success":
        assert row.error is None
    else:
        assert row.error is not None
        assert codes[-1].ending == "failure" or codes[-1].code == "420"
        assert len(row.error.code) <= 20


def test_every_end_of_the_interface_is_reached() -> None:
    ends = {row.codes[-1] for row in TRANSITIONS.values() if row.then is None}
    assert ends == {"210", "230", "311", "321", "410", "420", "500", "510"}


def test_a_failure_that_is_tried_again_writes_nothing_but_the_first_420() -> None:
    for (step, event), row in TRANSITIONS.items():
        if event in FAILURES:
            first = step in (Step.DELIVER, Step.SENT)
            assert row.codes == (("420",) if first else ())
            assert row.then is (Step.REDELIVER if step in MAY_HAVE_IT else step)


def test_waiting_for_a_confirmation_writes_nothing_and_changes_no_outcome() -> None:
    for before, waits in ((Step.DELIVER, Step.SENT), (Step.REDELIVER, Step.RESENT)):
        for step in (before, waits):
            row = TRANSITIONS[step, Event.UNDERWAY]
            assert (row.codes, row.then) == ((), waits)
        ends = possible(before) - {Event.UNDERWAY}
        assert ends == possible(waits) - {Event.UNDERWAY}
        for event in ends:
            one, other = TRANSITIONS[before, event], TRANSITIONS[waits, event]
            assert (one.codes, one.error) == (other.codes, other.error)
            # Who confirms by a message of his own judges by one, too.
            assert one.then is (Step.ANSWER if other.then is Step.AWAIT else other.then)
