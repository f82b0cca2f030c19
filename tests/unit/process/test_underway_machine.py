"""Any order of filing, sending, losing, confirming and dying keeps the invariants over ebMS."""

import re
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
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
    precondition,
    rule,
)

from digipoort_wus import checks
from digipoort_wus.delivery.ebms import EbmsAgency, conversation_of
from digipoort_wus.delivery.outbox import Letter, Passage, Sent
from digipoort_wus.errors import Refusal
from digipoort_wus.evidence.chains import chain_findings, kept_findings
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.status import StatusError
from digipoort_wus.process.agency import Delivered, Outcome, Rejected, Unreachable
from digipoort_wus.process.api import AgencyReport
from digipoort_wus.process.confirming import Confirmation, look_at, take_confirmation
from digipoort_wus.process.destinations import Destinations
from digipoort_wus.process.proving import chain_of
from digipoort_wus.process.reports import Effect
from digipoort_wus.store.ports import Job, Transaction
from tests.postgres import Cluster
from tests.unit.delivery.outboxes import ACKNOWLEDGMENT, RECEIPT, MemoryOutbox
from tests.unit.process.sandbox import (
    DELIVERY,
    SENDER,
    START,
    Sandbox,
    TurnableClock,
    caller,
    done,
    opened,
)

AGENCY = "00000099000000004000"
PATH = re.compile(
    "105 100 110( 200( 301( 301 405( 400( 500)?| 410| 420( 420| 405( 400( 500)?| 410))?)?)?)?)?"
)
UNDERWAY = (Passage.SENDING, Passage.ACKNOWLEDGED)
SILENT = timedelta(hours=24)


def again(transaction: Transaction, job: Job, sandbox: Sandbox) -> None:
    transaction.offer_again(job.filing_id, sandbox.clock())


class Ebms(RuleBasedStateMachine):
    """The messaging service is a part of the world: it survives whatever dies here."""

    cluster: Cluster | None = None
    filed = Bundle("filed")

    @initialize(outside=st.booleans())
    def start(self, outside: bool) -> None:
        self.around = ExitStack()
        self.directory = Path(tempfile.mkdtemp())
        self.around.callback(shutil.rmtree, self.directory)
        self.database = None
        if self.cluster is not None:
            self.database = self.around.enter_context(self.cluster.database())
        self.clock = TurnableClock()
        self.outbox = MemoryOutbox(self.clock)
        self.outside = outside
        self.filings: list[Filing] = []
        self.has_it: set[str] = set()
        """What the agency has said that it has."""
        self.open()

    def open(self) -> None:
        self.stack = ExitStack()
        agency = EbmsAgency(AGENCY, "cpa", self.outbox, clock=self.clock)
        self.house = self.stack.enter_context(
            opened(self.directory, clock=self.clock, agency=agency, database=self.database)
        )
        if self.outside:
            self.house.engine = replace(
                self.house.engine,
                destination=str,
                destinations=Destinations(lambda: 1.0, each=2),
            )

    def teardown(self) -> None:
        self.stack.close()
        self.around.close()

    # --- The filer and the gateway ---

    @rule(target=filed)
    def file(self) -> Filing:
        filing = self.house.accept(DELIVERY)
        self.filings.append(filing)
        return filing

    @rule()
    def work(self) -> None:
        self.house.run()

    @rule(steps=st.integers(0, 4))
    def work_a_little(self, steps: int) -> None:
        answers = iter([False] * steps)
        self.house.engine.run_due(lambda: next(answers, True))
        self.house.engine.finish()

    @rule()
    def die_behind_handing_over(self) -> None:
        def die(_: Letter) -> None:
            self.outbox.meanwhile = lambda _: None
            raise RuntimeError("here it ends")

        self.outbox.meanwhile = die
        self.house.run()
        self.outbox.meanwhile = lambda _: None

    @rule(limit=st.integers(1, 3))
    def die_over_some(self, limit: int) -> None:
        """Somebody claims jobs and is never heard of again."""
        now, lease = self.clock(), timedelta(seconds=60)
        done(self.house.store.write(lambda t: t.claim(now, lease, limit)))
        self.clock.turn(seconds=61)
        if self.database is not None:
            with psycopg.connect(self.database) as connection:
                connection.execute("UPDATE job SET lease_until = 0 WHERE lease_until IS NOT NULL")

    @rule()
    def restart(self) -> None:
        self.stack.close()
        self.open()

    @rule(hours=st.sampled_from([-1.0, 0.01, 1.0, 30.0, 80.0]))
    def turn_the_clock(self, hours: float) -> None:
        self.clock.turn(hours=hours)

    # --- The messaging service and the agency ---

    def last(self, filing: Filing) -> Sent | None:
        sent = self.outbox.of(conversation_of(filing))
        return sent[-1] if sent else None

    def says(self, filing: Filing, outcome: Outcome) -> Effect | None:
        work = partial(
            take_confirmation,
            agency=AGENCY,
            confirmation=Confirmation(filing.kenmerk, filing.berichtkenmerk, outcome),
            house=self.house.service.house,
            now=self.clock(),
        )
        return done(self.house.store.write(work))

    @rule(filing=filed)
    def acknowledge(self, filing: Filing) -> None:
        sent = self.last(filing)
        if sent is not None and sent.passage is Passage.SENDING:
            self.outbox.note(sent.message_id, Passage.ACKNOWLEDGED)

    @rule(filing=filed, number=st.integers(0, 2), taken=st.booleans())
    def confirm(self, filing: Filing, number: int, taken: bool) -> None:
        """The agency confirms a message, old or new; here it may be kept and not taken yet."""
        sent = self.outbox.of(conversation_of(filing))
        if not sent:
            return
        one = sent[-1 - number % len(sent)]
        self.outbox.note(one.message_id, Passage.CONFIRMED)
        self.has_it.add(filing.kenmerk)
        if taken:
            ended = self.codes(filing)
            outcome = Delivered(AGENCY, one.message_id, RECEIPT, START, ACKNOWLEDGMENT)
            effect = self.says(filing, outcome)
            if effect is Effect.NONE:
                assert self.codes(filing) == ended
            else:
                assert self.codes(filing)[-1] == "400"

    @rule(filing=filed, final=st.booleans())
    def refuse(self, filing: Filing, final: bool) -> None:
        sent = self.last(filing)
        if sent is None:
            return
        self.outbox.note(sent.message_id, Passage.REFUSED, reason="fout")
        error = StatusError("AFS400", "Niet aangenomen.")
        before = self.codes(filing)
        effect = self.says(filing, Rejected(error) if final else Unreachable("fout"))
        if effect is Effect.RECORDED and final:
            assert self.codes(filing)[-1] == "410"
        else:
            assert self.codes(filing) == before, "whoever delivers finds that out"

    @rule(filing=filed, tell=st.booleans())
    def lose(self, filing: Filing, tell: bool) -> None:
        sent = self.last(filing)
        if sent is None or sent.passage not in UNDERWAY:
            return
        self.outbox.note(sent.message_id, Passage.LOST, reason="expired")
        if tell:
            now = self.clock()
            done(
                self.house.store.write(
                    lambda t: look_at(t, filing.kenmerk, filing.berichtkenmerk, now)
                )
            )

    @rule(filing=filed)
    def report(self, filing: Filing) -> None:
        report = AgencyReport(filing.kenmerk, "500", START, filing.berichtkenmerk)
        codes = self.codes(filing)
        begun = "405" in codes
        over = codes[-1] == "410" or codes[-2:] == ["420", "420"]
        if begun and not over:
            done(self.house.service.report(caller(AGENCY), report))
            self.has_it.add(filing.kenmerk)
            assert self.codes(filing)[-1] == "500"
            return
        with pytest.raises(Refusal) as caught:
            done(self.house.service.report(caller(AGENCY), report))
        assert caught.value.check is checks.REPORT_EXPECTED

    @precondition(lambda self: self.filings)
    @rule()
    def let_everything_end(self) -> None:
        for _ in range(40):
            self.house.run_until_quiet(timedelta(hours=2))
            for job in self.house.store.read(lambda reader: reader.jobs_aside(100)):
                done(self.house.store.write(partial(again, job=job, sandbox=self.house)))
            for filing in self.filings:
                sent = self.last(filing)
                if sent is not None and sent.passage in UNDERWAY:
                    self.confirm(filing, 0, taken=True)
            self.clock.turn(hours=1)
            if all(self.is_over(filing) for filing in self.filings):
                return
        raise AssertionError([self.codes(filing) for filing in self.filings])

    def is_over(self, filing: Filing) -> bool:
        codes = self.codes(filing)
        return codes[-1] in ("400", "410", "500") or codes[-2:] == ["420", "420"]

    # --- What always holds ---

    def codes(self, filing: Filing) -> list[str]:
        return self.house.codes(filing.kenmerk, SENDER)

    @invariant()
    def statuses_are_a_beginning_of_a_path(self) -> None:
        for filing in self.filings:
            assert PATH.fullmatch(" ".join(self.codes(filing)))

    @invariant()
    def four_hundred_is_what_the_agency_said(self) -> None:
        for filing in self.filings:
            if "400" in self.codes(filing):
                assert filing.kenmerk in self.has_it

    @invariant()
    def one_message_of_a_filing_is_underway(self) -> None:
        for filing in self.filings:
            sent = self.outbox.of(conversation_of(filing))
            # Those before the last one were given up, said something, or were silent.
            for one in sent[:-1]:
                assert one.passage is not Passage.SENDING
            assert len({one.message_id for one in sent}) == len(sent)

    @invariant()
    def the_evidence_says_what_happened(self) -> None:
        for filing in self.filings:
            chain = self.house.store.read(partial(chain_of, kenmerk=filing.kenmerk))
            assert list(chain_findings(filing.kenmerk, chain.rows, 0)) == []
            found = kept_findings(filing.kenmerk, chain.rows, chain.kept or {}, chain.messages)
            assert list(found) == []
            assert [row.kind for row in chain.rows].count("delivered") <= 1


TestEbms = Ebms.TestCase
TestEbms.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


class OnServer(Ebms):
    """The same over a PostgreSQL database for each example."""


@pytest.fixture(scope="class")
def cluster(postgres: Cluster) -> None:
    OnServer.cluster = postgres


TestEbmsOnServer = pytest.mark.usefixtures("cluster")(OnServer.TestCase)
TestEbmsOnServer.settings = settings(max_examples=8, stateful_step_count=25, deadline=None)
