"""Waiting for the end of a process, with a clock and a gateway that are functions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from digipoort_wus.client.errors import ConnectionFailed, DigipoortFault
from digipoort_wus.client.results import Status, ending_of
from digipoort_wus.client.waiting import Poll, WaitTimeout, wait_for_end
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import StatusError

PARTY = Party("001000044B37", "Fi")
START = datetime(2026, 6, 1, tzinfo=UTC)
Step = tuple[Status, ...] | Exception


def statuses(*codes: str, error: str | None = None) -> tuple[Status, ...]:
    made = [
        Status("k", code, "", START + timedelta(seconds=index), PARTY)
        for index, code in enumerate(codes)
    ]
    if error:
        last = made[-1]
        made[-1] = Status("k", last.code, "", last.at, PARTY, StatusError(error, "x"))
    return tuple(made)


class World:
    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps, self.now, self.slept = list(steps), 0.0, list[float]()

    def ask(self) -> tuple[Status, ...]:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def wait(self, timeout: float = 100, poll: Poll | None = None) -> tuple[list[str], str]:
        told: list[str] = []
        found = wait_for_end(
            "k",
            self.ask,
            timeout=timeout,
            poll=poll or Poll(),
            on_status=lambda status: told.append(status.code),
            monotonic=lambda: self.now,
            sleep=self.sleep,
        )
        return told, ending_of(found)


HAPPY = ("105", "100", "110", "200", "301", "301", "405", "400", "500")


def test_it_tells_each_status_once_and_ends_at_the_last() -> None:
    world = World([(), statuses(*HAPPY[:3]), statuses(*HAPPY[:5]), statuses(*HAPPY)])
    assert world.wait() == (list(HAPPY), "success")
    assert len(world.slept) == 3


@pytest.mark.parametrize("code", ["210", "230", "311", "321", "410", "510"])
def test_failures_end_it(code: str) -> None:
    assert World([statuses("105", code)]).wait()[1] == "failure"


def test_a_foutcode_ends_it_whatever_the_code_is() -> None:
    world = World([statuses("405", "420"), statuses("405", "420", "420", error="AFS600")])
    assert world.wait() == (["405", "420", "420"], "failure")
    assert World([statuses("987", error="X")]).wait()[1] == "failure"


def test_an_unknown_code_does_not_end_it() -> None:
    with pytest.raises(WaitTimeout):
        World([statuses("105", "710")]).wait(timeout=5)


def test_the_pauses_grow_up_to_the_longest_and_end_at_the_timeout() -> None:
    world = World([statuses("105")])
    with pytest.raises(WaitTimeout) as caught:
        world.wait(timeout=10, poll=Poll(first=1, factor=2, longest=3))
    assert world.slept == [1, 2, 3, 3, 1]
    assert [status.code for status in caught.value.statuses] == ["105"]
    assert "105" in str(caught.value)


def test_a_gateway_that_restarts_is_asked_again() -> None:
    world = World([ConnectionFailed("down", temporary=True), statuses(*HAPPY)])
    assert world.wait()[1] == "success"
    world = World([DigipoortFault("STS400", "busy", signed=False), statuses(*HAPPY)])
    assert world.wait()[1] == "success"


@pytest.mark.parametrize(
    "error",
    [DigipoortFault("STS150", "unknown", signed=False), ConnectionFailed("no", temporary=False)],
)
def test_what_will_not_go_away_is_raised_at_once(error: Exception) -> None:
    world = World([error])
    with pytest.raises(type(error)):
        world.wait()
    assert world.slept == []


def test_a_gateway_that_stays_away_is_raised_in_the_end() -> None:
    world = World([ConnectionFailed("down", temporary=True)])
    with pytest.raises(ConnectionFailed):
        world.wait(timeout=5)
    assert world.now == 5
