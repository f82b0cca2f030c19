"""Any order of filing, repeating, working, asking and restarting keeps the invariants."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Delivery, Filing
from digipoort_wus.process.api import Caller, Period, Scope
from digipoort_wus.store.ports import FilingId, Reader, Selection, StatusRow
from tests.unit.process.sandbox import (
    DELIVERY,
    HAPPY,
    OTHER,
    SENDER,
    Sandbox,
    TurnableClock,
    caller,
    done,
    opened,
    scenario,
    times,
)

BEFORE = HAPPY[:7]
PATHS = {
    None: HAPPY,
    "Afleverfout": [*BEFORE, "410"],
    "Foutuitvragendepartij": [*BEFORE, "400", "510"],
    "TechnischProbleemAfleveren": [*BEFORE, "420", "405", "400", "500"],
    "MaximaalAantalAfleverpogingen": [*BEFORE, "420", "420"],
}
Sent = tuple[Caller, Delivery, Filing]


def filing_of(reader: Reader, filing_id: FilingId) -> Filing:
    return reader.filing(filing_id)


class Process(RuleBasedStateMachine):
    sent = Bundle("sent")

    @initialize()
    def start(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.clock = TurnableClock()
        self.filed: list[Sent] = []
        self.given: dict[str, list[tuple[str, object]]] = {SENDER: [], OTHER: []}
        self.open()

    def open(self) -> None:
        self.stack = ExitStack()
        self.house: Sandbox = self.stack.enter_context(opened(self.directory, clock=self.clock))

    def teardown(self) -> None:
        self.stack.close()
        shutil.rmtree(self.directory)

    @rule(
        target=sent,
        oin=st.sampled_from([SENDER, OTHER]),
        name=st.sampled_from(list(PATHS)),
        berichtsoort=st.sampled_from(["Omzetbelasting", "ICP"]),
    )
    def file(self, oin: str, name: str | None, berichtsoort: str) -> Sent:
        delivery = replace(DELIVERY if name is None else scenario(name), berichtsoort=berichtsoort)
        who = caller(oin)
        item = (who, delivery, self.house.accept(delivery, who))
        self.filed.append(item)
        return item

    @rule(target=sent, item=sent, oin=st.sampled_from([SENDER, OTHER]))
    def go_on(self, item: Sent, oin: str) -> Sent:
        _, delivery, filing = item
        again, who = replace(delivery, kenmerk=filing.kenmerk), caller(oin)
        if oin != filing.sender:
            with pytest.raises(Refusal) as caught:
                self.house.accept(again, who)
            assert caught.value.check is checks.KENMERK_CONTINUE
            return multiple()  # type: ignore[return-value]
        continued = (who, again, self.house.accept(again, who))
        assert continued[2].kenmerk == filing.kenmerk
        self.filed.append(continued)
        return continued

    @rule(item=sent)
    def repeat(self, item: Sent) -> None:
        who, delivery, filing = item
        assert self.house.accept(delivery, who) == filing

    @rule(item=sent)
    def reuse_the_message_id(self, item: Sent) -> None:
        who, delivery, _ = item
        with pytest.raises(Refusal) as caught:
            self.house.accept(delivery, replace(who, body_digest=b"other"))
        assert caught.value.check is checks.MESSAGE_ID_REUSED

    @rule()
    def work(self) -> None:
        self.house.run()

    @rule(steps=st.integers(0, 5))
    def work_a_little(self, steps: int) -> None:
        answers = iter([False] * steps)
        self.house.engine.run_due(lambda: next(answers, True))

    @rule(seconds=st.sampled_from([-3600.0, -0.001, 0.001, 0.5, 61.0, 86400.0]))
    def turn_the_clock(self, seconds: float) -> None:
        self.clock.turn(seconds=seconds)

    @rule()
    def restart(self) -> None:
        self.stack.close()
        self.open()

    @rule(item=sent)
    def ask_what_is_new(self, item: Sent) -> None:
        _, _, filing = item
        oin, kenmerk = filing.sender, filing.kenmerk
        rows = done(
            self.house.service.process_statuses(caller(oin), kenmerk, Period(), Scope.NEW, None)
        )
        self.given[oin] += [(row.kenmerk, row.status.at) for row in rows]

    @rule(oin=st.sampled_from([SENDER, OTHER]), berichtsoort=st.sampled_from(["ICP", "TEST"]))
    def ask_what_is_new_of_all(self, oin: str, berichtsoort: str) -> None:
        party = DELIVERY.belanghebbende
        rows = done(
            self.house.service.new_statuses(caller(oin), berichtsoort, party, Period(), None)
        )
        self.given[oin] += [(row.kenmerk, row.status.at) for row in rows]

    @precondition(lambda self: self.filed)
    @rule()
    def let_everything_end(self) -> None:
        self.house.run_until_quiet()
        assert sorted(self.lengths()) == sorted(
            len(PATHS[delivery.aanleverkenmerk]) for _, delivery, _ in self.filed
        )

    def lengths(self) -> list[int]:
        rows = [*self.statuses(SENDER), *self.statuses(OTHER)]
        ids = [row.filing_id for row in rows]
        return [ids.count(filing_id) for filing_id in set(ids)]

    def statuses(self, oin: str) -> Sequence[StatusRow]:
        return self.house.store.read(lambda reader: reader.statuses(Selection(oin)))

    @invariant()
    def statuses_are_a_beginning_of_a_path_in_order_of_time(self) -> None:
        for oin in (SENDER, OTHER):
            rows = self.statuses(oin)
            for kenmerk in {row.kenmerk for row in rows}:
                assert times([row.status.at for row in rows if row.kenmerk == kenmerk])
            for filing_id in {row.filing_id for row in rows}:
                own = [row for row in rows if row.filing_id == filing_id]
                filing = self.house.store.read(partial(filing_of, filing_id=filing_id))
                assert filing.received_at <= own[0].status.at
                path = PATHS[filing.delivery.aanleverkenmerk]
                assert [row.status.code for row in own] == path[: len(own)]

    @invariant()
    def there_is_one_filing_for_each_message(self) -> None:
        assert len(self.lengths()) == len(self.filed)
        assert len({who.message_id for who, _, _ in self.filed}) == len(self.filed)

    @invariant()
    def nothing_is_new_twice(self) -> None:
        for given in self.given.values():
            assert len(set(given)) == len(given)


TestProcess = Process.TestCase
TestProcess.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
