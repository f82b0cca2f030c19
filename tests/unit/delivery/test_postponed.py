"""What cannot be taken waits ever longer, and what can be taken does not."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from digipoort_wus.delivery.postponed import Postponed
from digipoort_wus.store.ebms_values import EbmsHead, EbmsId, EbmsKey, EbmsRow
from digipoort_wus.store.ports import StoreFailed


@dataclass
class Desk:
    """Takes what it is told to take, at a time that is turned by hand."""

    outcome: object = None
    asked: list[int] = field(default_factory=list)
    seconds: float = 1_000.0

    def take(self, row: EbmsRow) -> object:
        self.asked.append(row.ebms_id)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def row(number: int) -> EbmsRow:
    head = cast(
        EbmsHead, type("Head", (), {"key": cast(EbmsKey, type("K", (), {"message_id": "m"}))})
    )
    return EbmsRow(EbmsId(number), 0, head, "RECEIVED", None, None, None)


@pytest.mark.parametrize("outcome", [False, RuntimeError("een aangifte")], ids=str)
def test_what_fails_is_tried_ever_less_often(
    outcome: object, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(outcome)
    postponed = Postponed(lambda: desk.seconds)
    for _ in range(3_600):
        postponed.attempted(desk.take, row(1))
        desk.seconds += 1
    assert 12 <= len(desk.asked) <= 24, "at most every five minutes in the end"
    assert "een aangifte" not in caplog.text
    desk.outcome = "taken"
    desk.seconds += 301
    assert postponed.attempted(desk.take, row(1)) == "taken"
    assert postponed.attempted(desk.take, row(1)) == "taken", "nothing is held against it"


def test_one_holds_up_no_other() -> None:
    desk = Desk(RuntimeError())
    postponed = Postponed(lambda: desk.seconds)
    assert postponed.attempted(desk.take, row(1)) is None
    desk.outcome = True
    assert postponed.attempted(desk.take, row(2)) is True
    assert postponed.attempted(desk.take, row(1)) is None
    assert desk.asked == [1, 2]


def test_a_store_that_fails_is_not_held_against_a_message() -> None:
    desk = Desk(StoreFailed("full"))
    postponed = Postponed(lambda: desk.seconds)
    with pytest.raises(StoreFailed):
        postponed.attempted(desk.take, row(1))
    desk.outcome = True
    assert postponed.attempted(desk.take, row(1)) is True
