"""Any order of filing, repeating, working, asking and restarting keeps the invariants."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
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
from digipoort_wus.evidence.chains import chain_findings, kept_findings
from digipoort_wus.filing.filing import Delivery, Filing
from digipoort_wus.process.api import AgencyReport, Caller, Period, Scope
from digipoort_wus.process.breaker import BreakerPolicy
from digipoort_wus.process.destinations import Destinations
from digipoort_wus.process.proving import chain_of
from digipoort_wus.store.ports import (
    FilingId,
    Job,
    LostLease,
    Reader,
    Selection,
    StatusRow,
    Transaction,
)
from tests.postgres import Cluster
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
LATE = [*BEFORE, "420", "405", *HAPPY[7:]]
"""Where the agency was left alone for so long that the sender was told."""
PATHS = {
    None: HAPPY,
    "Afleverfout": [*BEFORE, "410"],
    "Foutuitvragendepartij": [*BEFORE, "400", "510"],
    "TechnischProbleemAfleveren": [*BEFORE, "420", "405", "400", "500"],
    "MaximaalAantalAfleverpogingen": [*BEFORE, "420", "420"],
    "WachtOpUitvragendePartij": HAPPY,
}
REPORTED = (None, "WachtOpUitvragendePartij")
AGENCY = "00000099000000004000"
Sent = tuple[Caller, Delivery, Filing]
QUICK = BreakerPolicy(failures=2)


def again(transaction: Transaction, job: Job, now: datetime) -> None:
    transaction.offer_again(job.filing_id, now)


def finish(transaction: Transaction, job: Job) -> None:
    transaction.finish(job)


def filing_of(reader: Reader, filing_id: FilingId) -> Filing:
    return reader.filing(filing_id)


class Process(RuleBasedStateMachine):
    cluster: Cluster | None = None
    sent = Bundle("sent")

    @initialize(outside=st.booleans())
    def start(self, outside: bool) -> None:
        self.around = ExitStack()
        self.directory = Path(tempfile.mkdtemp())
        self.around.callback(shutil.rmtree, self.directory)
        self.database = None
        if self.cluster is not None:
            self.database = self.around.enter_context(self.cluster.database())
        self.clock = TurnableClock()
        self.outside = outside
        self.filed: list[Sent] = []
        self.given: dict[str, list[tuple[str, object]]] = {SENDER: [], OTHER: []}
        self.open()

    def open(self) -> None:
        self.stack = ExitStack()
        self.house: Sandbox = self.stack.enter_context(
            opened(self.directory, clock=self.clock, database=self.database)
        )
        engine = replace(self.house.engine, aside_after=3)
        if self.outside:
            # An agency for each berichtsoort, and its breaker opens soon.
            destinations = Destinations(lambda: 1.0, each=2, policy=QUICK)
            engine = replace(engine, destination=str, destinations=destinations)
        self.house.engine = engine

    def paths(self, delivery: Delivery) -> list[list[str]]:
        """Return the ways that a filing may go."""
        path = PATHS[delivery.aanleverkenmerk]
        late = [*LATE[:9], *path[7:]] if self.outside and "420" not in path else path
        return [path, late]

    def teardown(self) -> None:
        self.stack.close()
        self.around.close()

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

    @rule(item=sent, code=st.sampled_from(["500", "510"]))
    def report(self, item: Sent, code: str) -> None:
        who, delivery, filing = item
        if delivery.aanleverkenmerk not in REPORTED:
            return
        codes = self.codes_of(who)
        # What is delivered may be reported on, and what is being delivered; 510 ends no path.
        early, final = "405" not in codes, codes[-1] == "500"
        late = "420" in codes
        report = AgencyReport(filing.kenmerk, code, self.clock(), filing.berichtkenmerk)
        if early or (final and code == "510"):
            with pytest.raises(Refusal) as caught:
                done(self.house.service.report(caller(AGENCY), report))
            assert caught.value.check is (checks.REPORT_EXPECTED if early else checks.REPORT_FINAL)
        elif code == "500":
            done(self.house.service.report(caller(AGENCY), report))
            assert self.codes_of(who) == (LATE if late else HAPPY)

    def codes_of(self, who: Caller) -> list[str]:
        def own(reader: Reader) -> list[str]:
            receipt = reader.receipt(who.oin, who.message_id)
            assert receipt is not None
            rows = reader.statuses(Selection(who.oin))
            return [row.status.code for row in rows if row.filing_id == receipt.filing_id]

        return self.house.store.read(own)

    @rule()
    def work(self) -> None:
        self.house.run()

    @rule(steps=st.integers(0, 5))
    def work_a_little(self, steps: int) -> None:
        answers = iter([False] * steps)
        self.house.engine.run_due(lambda: next(answers, True))
        self.house.engine.finish()

    @rule(limit=st.integers(1, 3))
    def die_over_some(self, limit: int) -> None:
        """Somebody claims jobs and is never heard of again."""
        now, lease = self.clock(), timedelta(seconds=60)
        done(self.house.store.write(lambda t: t.claim(now, lease, limit)))
        self.expire()

    @rule()
    def be_overtaken(self) -> None:
        """Somebody claims jobs, stops for too long, and then writes."""
        now, lease = self.clock(), timedelta(seconds=60)
        jobs = done(self.house.store.write(lambda t: t.claim(now, lease, 3)))
        self.expire()
        self.house.run()
        for job in jobs:
            with pytest.raises(LostLease):
                done(self.house.store.write(partial(finish, job=job)))

    def expire(self) -> None:
        self.clock.turn(seconds=61)
        if self.database is not None:
            with psycopg.connect(self.database) as connection:
                connection.execute("UPDATE job SET lease_until = 0 WHERE lease_until IS NOT NULL")

    @rule()
    def offer_again(self) -> None:
        now = self.clock()
        for job in self.house.store.read(lambda reader: reader.jobs_aside(100)):
            done(self.house.store.write(partial(again, job=job, now=now)))
            assert job.reason

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
        self.offer_again()
        self.house.run_until_quiet()
        for who, delivery, filing in self.filed:
            if delivery.aanleverkenmerk == REPORTED[1]:
                self.report((who, delivery, filing), "500")
        for who, delivery, _ in self.filed:
            assert self.codes_of(who) in self.paths(delivery)

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
                codes = [row.status.code for row in own]
                paths = self.paths(filing.delivery)
                assert any(codes == path[: len(own)] for path in paths)

    @invariant()
    def the_evidence_says_what_happened(self) -> None:
        for oin in (SENDER, OTHER):
            rows = self.statuses(oin)
            for kenmerk in {row.kenmerk for row in rows}:
                chain = self.house.store.read(partial(chain_of, kenmerk=kenmerk))
                assert list(chain_findings(kenmerk, chain.rows, 0)) == []
                found = kept_findings(kenmerk, chain.rows, chain.kept or {}, chain.messages)
                assert list(found) == []

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


class OnServer(Process):
    """The same over a PostgreSQL database for each example."""


@pytest.fixture(scope="class")
def cluster(postgres: Cluster) -> None:
    OnServer.cluster = postgres


TestProcessOnServer = pytest.mark.usefixtures("cluster")(OnServer.TestCase)
TestProcessOnServer.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
