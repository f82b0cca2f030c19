"""What is kept how long: rules, and the purge that goes by them, on SQLite and PostgreSQL."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.evidence.batch import believed
from digipoort_wus.evidence.verify import Trust
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.process import operator
from digipoort_wus.process.api import MailboxQuery, Scope
from digipoort_wus.process.checking import verify_store
from digipoort_wus.process.operator import Decision
from digipoort_wus.process.purging import AT_ONCE, Purger, count, purge_some, step
from digipoort_wus.process.retention import Retention, Rule, retention
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.sealing import seal_batch
from digipoort_wus.process.transitions import Step
from digipoort_wus.store.ports import Job, Overview, Transaction
from tests.unit.process.sandbox import DELIVERY, START, Sandbox, caller, done, opened, scenario

AWAITED = "WachtOpUitvragendePartij"
DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    database = None
    if request.param == "postgres":
        database = request.getfixturevalue("postgres_database")
    with opened(tmp_path / "data", database=database) as made:
        yield made


def filed(house: Sandbox, berichtsoort: str = "Omzetbelasting") -> str:
    kenmerk = house.accept(replace(DELIVERY, berichtsoort=berichtsoort)).kenmerk
    house.run()
    return kenmerk


def gone(house: Sandbox) -> set[str]:
    found = house.store.read(lambda reader: reader.overview(Overview(limit=1_000)))
    return {one.filing.kenmerk for one in found if one.purged_at is not None}


def rule_of(house: Sandbox, kenmerk: str) -> str:
    rows = house.store.read(lambda reader: reader.evidence(kenmerk))
    (entry,) = (json.loads(row.entry) for row in rows if row.kind == "purged")
    rule = entry["facts"]["rule"]
    assert isinstance(rule, str)
    return rule


def a_round(house: Sandbox, kept: Retention, hours: int = 24) -> dict[str, int]:
    """Turn the clock over a purge of a day, and return what was purged by which rule."""
    told: dict[str, int] = {}

    def tell(rule: str, number: int) -> None:
        told[rule] = told.get(rule, 0) + number

    purger = Purger(house.store, kept, house.clock, tell)
    due = purger.run_due(lambda: False)
    house.clock.turn(hours=hours)
    while (due := purger.run_due(lambda: False)) <= house.clock() + timedelta(seconds=1):
        house.clock.now = max(due, house.clock())
    assert (due.hour, due.minute) == (kept.hour, 0)
    return told


# --- Rules ----------------------------------------------------------------------------


def test_without_rules_everything_is_kept(house: Sandbox) -> None:
    kenmerk = filed(house)
    house.clock.turn(days=36_000)
    assert a_round(house, retention([], None)) == {}
    assert gone(house) == set()
    assert house.codes(kenmerk)[-1] == "500"


def test_each_berichtsoort_goes_by_its_own_rule(house: Sandbox, g1: TestPki) -> None:
    own, other, third = filed(house), filed(house, "ICP"), filed(house, "OBSUP")
    kept = retention([("Omzetbelasting", 10), ("ICP", 20)], 30)
    house.clock.turn(days=8, hours=12)
    assert a_round(house, kept, 12) == {}
    assert a_round(house, kept) == {"retention: Omzetbelasting, 10 days": 1}
    assert gone(house) == {own}
    house.clock.turn(days=10)
    assert a_round(house, kept) == {"retention: ICP, 20 days": 1}
    house.clock.turn(days=10)
    assert a_round(house, kept) == {"retention: default, 30 days": 1}
    assert gone(house) == {own, other, third}
    assert rule_of(house, own) == "retention: Omzetbelasting, 10 days"
    assert rule_of(house, third) == "retention: default, 30 days"
    signing = g1.identities["gateway-signing"]
    while seal_batch(house.store, signing, house.clock()) is not None:
        pass
    trust = Trust(believed(signing.certificate))
    assert not house.store.read(lambda r: verify_store(r, trust, house.clock())).findings


def test_what_is_held_at_work_or_not_judged_is_left(house: Sandbox) -> None:
    held, plain = filed(house), filed(house)
    decision = Decision("jansen", "a dispute", house.clock())
    done(house.store.write(lambda tx: operator.hold(tx, held, decision)))
    awaited = house.accept(scenario(AWAITED)).kenmerk
    house.run()
    at_work = house.accept().kenmerk
    kept = retention([], 1)
    house.clock.turn(days=100)
    number = house.store.read(lambda reader: count(reader, kept.rules[0], house.clock()))
    assert number == 1
    assert a_round(house, kept) == {"retention: default, 1 days": 1}
    assert gone(house) == {plain}
    done(house.store.write(lambda tx: operator.release(tx, held, decision)))
    house.run_until_quiet()
    assert a_round(house, kept) == {"retention: default, 1 days": 2}
    assert gone(house) == {plain, held, at_work}
    assert house.codes(awaited)[-1] == "400"


def test_many_go_a_few_at_a_time(house: Sandbox) -> None:
    kenmerken = {house.accept().kenmerk for _ in range(2 * AT_ONCE + 3)}
    house.run_until_quiet()
    house.clock.turn(days=3)
    rule, now = Rule("x", 1), house.clock()
    steps = [step(house.store, rule, now)]
    while steps[-1].position is not None:
        steps.append(step(house.store, rule, now, steps[-1].position))
    assert [one.gone for one in steps] == [AT_ONCE, AT_ONCE, 3]
    assert gone(house) == kenmerken
    assert step(house.store, rule, now).gone == 0


def test_the_first_round_is_at_the_next_hour_and_then_once_a_day(house: Sandbox) -> None:
    filed(house)
    kept = retention([], 1, hour=13)
    purger = Purger(house.store, kept, house.clock, lambda *_: None)
    # It is 12:00.
    assert purger.run_due(lambda: False) == START + timedelta(hours=1)
    house.clock.turn(minutes=59)
    assert purger.run_due(lambda: False) == START + timedelta(hours=1)
    house.clock.turn(minutes=1)
    while (due := purger.run_due(lambda: False)) < house.clock() + timedelta(minutes=1):
        house.clock.now = due
    assert due == START + timedelta(hours=25)
    assert gone(house) == set()


def test_in_a_thread_it_goes_on_to_the_end(house: Sandbox) -> None:
    for _ in range(AT_ONCE + 1):
        house.accept()
    house.run_until_quiet()
    told: list[int] = []
    purger = Purger(house.store, retention([], 1), house.clock, lambda _, n: told.append(n))
    house.clock.turn(days=3)
    runner = Runner(purger.run_due, house.clock, idle=timedelta(seconds=0.05))
    with ExitStack() as stack:
        runner.start()
        stack.callback(runner.stop)
        for _ in range(200):
            if sum(told) == AT_ONCE + 1:
                break
            runner._stopping.wait(0.05)
    assert told == [AT_ONCE, 1]


# --- One at a time ----------------------------------------------------------------------


def test_of_several_nodes_one_purges(tmp_path: Path, postgres_database: str) -> None:
    with opened(tmp_path / "data", database=postgres_database) as house:
        kenmerk = filed(house)
        house.clock.turn(days=3)
        rule, now = Rule("x", 1), house.clock()

        def both(transaction: Transaction) -> bool:
            assert purge_some(transaction, rule, now).gone == 1
            # While this one has not ended.
            other = step(house.store, rule, now)
            return other.elsewhere and other.gone == 0

        assert done(house.store.write(both))
        assert gone(house) == {kenmerk}
        assert not step(house.store, rule, now).elsewhere


def test_a_filing_that_is_delivered_again_meanwhile_is_not_purged(house: Sandbox) -> None:
    kenmerk = filed(house)
    (row,) = house.store.read(lambda reader: reader.filings_of(kenmerk))
    now = house.clock()
    job = Job(row.filing_id, kenmerk, Step.REDELIVER.value, now, now)
    done(house.store.write(lambda tx: tx.add_job(job)))
    house.clock.turn(days=3)
    assert step(house.store, Rule("x", 1), house.clock()).gone == 0


# --- What a sender sees, and what has no filing ---------------------------------------------


def test_what_was_purged_is_new_to_nobody_and_in_no_mailbox(house: Sandbox) -> None:
    seen, unseen = filed(house), filed(house)
    query = MailboxQuery()
    assert house.codes(seen, scope=Scope.NEW)[-1] == "500"
    there = done(house.service.messages(caller(), query, Scope.ALL))
    house.clock.turn(days=3)
    assert step(house.store, Rule("x", 1), house.clock()).gone == 2
    assert len(there) >= 2
    assert done(house.service.messages(caller(), query, Scope.ALL)) == []
    assert done(house.service.messages(caller(), query, Scope.NEW)) == []
    for kenmerk in (seen, unseen):
        assert house.codes(kenmerk, scope=Scope.NEW) == []
        assert house.codes(kenmerk)[-1] == "500"


def test_questions_and_counts_without_a_filing_are_forgotten(house: Sandbox) -> None:
    now = house.clock()

    def some(transaction: Transaction) -> None:
        for number in range(1_203):
            transaction.remember(number.to_bytes(32, "big"), now)
        transaction.add_volume("00000099000000001000", now.date(), 5)
        transaction.add_volume("00000099000000002000", (now + 2 * DAY).date(), 7)

    done(house.store.write(some))
    house.clock.turn(days=1)
    assert a_round(house, Retention()) == {}
    again = done(house.store.write(lambda tx: tx.forget(house.clock() + DAY, 10_000)))
    assert again == 0
    volumes = house.store.read(
        lambda reader: (
            reader.volume("00000099000000001000", now.date()),
            reader.volume("00000099000000002000", (now + 2 * DAY).date()),
        )
    )
    assert volumes == (0, 7)


# --- Mistakes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "default", "hour", "said"),
    [
        ([("A", 1), ("A", 2)], None, 3, "'A' has two rules"),
        ([("A", 0)], None, 3, "days are 1 to"),
        ([("A", 40_000)], None, 3, "days are 1 to"),
        ([(" ", 1)], None, 3, "berichtsoort is needed"),
        ([], 0, 3, "default_days"),
        ([], 1, 24, "0 to 23"),
        ([], 1, -1, "0 to 23"),
    ],
)
def test_a_rule_that_cannot_be_is_a_sentence(
    days: list[tuple[str, int]], default: int | None, hour: int, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        retention(days, default, hour)
