"""A purge that a command asks of a running gateway, step by step over its socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digipoort_wus.delivery.forgetting import AT_ONCE as MESSAGES
from digipoort_wus.errors import DigipoortError
from digipoort_wus.process.purging import AT_ONCE
from digipoort_wus.process.retention import Retention, Rule
from digipoort_wus.purging import FORGET, NAME, Purges, forget_by_gateway, step_by_gateway
from digipoort_wus.server.control import Control, ask
from digipoort_wus.store.ebms_values import EbmsId
from digipoort_wus.store.ports import Overview, Position
from tests.unit.process.sandbox import Sandbox, opened
from tests.unit.store.ebms_samples import DAY, incoming, receive
from tests.unit.store.samples import NOW

House = tuple[Sandbox, Path, list[tuple[str, int]]]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    directory, told = tmp_path / "data", list[tuple[str, int]]()
    with opened(directory) as made:
        purges = Purges(made.store, Retention(), made.clock, lambda *one: told.append(one))
        control = Control(directory, made.store, made.clock, lambda: None, tasks=purges.tasks)
        control.start()
        try:
            yield made, directory, told
        finally:
            control.stop()


def test_a_gateway_does_it_step_by_step(house: House) -> None:
    made, directory, told = house
    for _ in range(AT_ONCE + 2):
        made.accept()
    made.run_until_quiet()
    made.clock.turn(days=3)
    rule, numbers = Rule("older-than-1-days", 1), list[int]()
    position: Position | None = None
    while not numbers or position is not None:
        done = step_by_gateway(directory, rule, made.clock(), position)
        assert done is not None
        numbers.append(done.gone)
        position = done.position
    assert numbers == [AT_ONCE, 2]
    assert told == [(rule.name, AT_ONCE), (rule.name, 2)]
    found = made.store.read(lambda reader: reader.overview(Overview()))
    assert all(one.purged_at == made.clock() for one in found)


def test_a_rule_arrives_as_it_was(house: House) -> None:
    made, directory, _ = house
    kenmerk = made.accept().kenmerk
    made.run_until_quiet()
    made.clock.turn(days=3)
    (row,) = made.store.read(lambda reader: reader.filings_of(kenmerk))
    here = Position(made.store.read(lambda r: r.overview(Overview()))[0].received_at, row.filing_id)
    for rule, after, gone in (
        (Rule("x", 4), None, 0),
        (Rule("x", 1, "ICP"), None, 0),
        (Rule("x", 1, but=("ICP", "Omzetbelasting")), None, 0),
        (Rule("x", 1), here, 0),
        (Rule("x", 1, "Omzetbelasting"), None, 1),
    ):
        done = step_by_gateway(directory, rule, made.clock(), after)
        assert done is not None
        assert done.gone == gone, rule


@pytest.mark.parametrize("text", ["", "x", "{}", "[]", '{"name": "x", "days": "y"}'])
def test_what_is_no_step_is_refused(house: House, text: str) -> None:
    _, directory, told = house
    with pytest.raises(DigipoortError, match="another version"):
        ask(directory, NAME, reason=text)
    assert told == []


def test_without_a_gateway_nobody_answers(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as made:
        assert step_by_gateway(tmp_path, Rule("x", 1), made.clock(), None) is None


def test_a_gateway_forgets_messages_step_by_step(tmp_path: Path) -> None:
    directory, told = tmp_path / "data", list[int]()
    with opened(directory) as made:
        for number in range(MESSAGES + 2):
            receive(made.store, incoming(f"{number}@them", event=None, settled=True))
        purges = Purges(made.store, Retention(), made.clock, lambda *_: None, told.append)
        control = Control(directory, made.store, made.clock, lambda: None, tasks=purges.tasks)
        control.start()
        try:
            after: EbmsId | None = None
            numbers = list[int]()
            while not numbers or after is not None:
                done = forget_by_gateway(directory, NOW + 2 * DAY, after)
                assert done is not None
                numbers.append(done.gone)
                after = done.after
            with pytest.raises(DigipoortError, match="another version"):
                ask(directory, FORGET, reason="{}")
        finally:
            control.stop()
        assert numbers == told == [MESSAGES, 2]
        assert forget_by_gateway(directory, NOW, None) is None
