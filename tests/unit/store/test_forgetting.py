"""Messages that are over go once a day, on SQLite and PostgreSQL: rows, keys and files."""

import logging
from datetime import timedelta

import pytest

from digipoort_wus.delivery.forgetting import AT_ONCE, Forgetting
from digipoort_wus.process.purging import Purger
from digipoort_wus.process.retention import Retention
from digipoort_wus.store.ports import Store
from tests.unit.messaging.parties import Time
from tests.unit.store.conftest import House
from tests.unit.store.ebms_samples import DAY, incoming, receive
from tests.unit.store.samples import LARGE, NOW, write


def a_day(store: Store, clock: Time, told: list[int], *, longer: int = 0) -> None:
    """Let one round of a day go by."""
    forgetting = Forgetting(store, timedelta(days=longer), told.append)
    purger = Purger(store, Retention(), clock, lambda *_: None, forgetting.step)
    purger.run_due(lambda: False)
    clock.pass_by(DAY)
    while (due := purger.run_due(lambda: False)) <= clock() + timedelta(seconds=1):
        clock.now = max(due, clock())


def test_a_round_forgets_what_was_taken_and_is_over(
    large_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    told = list[int]()
    with large_house.open() as store:
        many = [
            receive(store, incoming(f"{number}@them", LARGE, event=None)).ebms_id
            for number in range(AT_ONCE + 1)
        ]
        waiting = receive(store, incoming("waiting@them", LARGE, event=None)).ebms_id
        for each in many:
            change = lambda t, it=each: t.change_ebms(it, "RECEIVED", "P", processed_at=NOW)  # noqa: E731
            write(store, change)
        clock = Time(NOW)
        a_day(store, clock, told, longer=7)
        assert told == [], "the operator keeps them longer"
        clock.pass_by(2 * DAY)
        with caplog.at_level(logging.WARNING):
            a_day(store, clock, told)
        assert told == [AT_ONCE, 1]
        assert f"{AT_ONCE + 1} messages of ebMS were purged" in caplog.text
        assert store.read(lambda reader: reader.ebms(waiting)).state == "RECEIVED"
        for each in many:
            with pytest.raises(KeyError):
                store.read(lambda reader, it=each: reader.ebms(it))  # type: ignore[misc]
        clock.pass_by(DAY)
        a_day(store, clock, told)
        assert told == [AT_ONCE, 1], "nothing is left but what nobody has taken"
