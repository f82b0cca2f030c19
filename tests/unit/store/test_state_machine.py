"""Any order of keeping, claiming, crashing, setting aside and purging keeps the invariants.

The same machine runs over SQLite and over PostgreSQL, and compares with a model of values.
"""

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
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
    precondition,
    rule,
)

from digipoort_wus.filing.status import Status
from digipoort_wus.store.ports import (
    AT_ONCE,
    EvidenceRow,
    FilingId,
    Job,
    JobState,
    LostLease,
    NotPurgeable,
    Overview,
    Store,
    Transaction,
)
from digipoort_wus.store.secrets import SecretDestroyed
from tests.postgres import Cluster
from tests.unit.store.conftest import House, postgres_house, sqlite_house
from tests.unit.store.samples import LARGE, MINUTE, NOW, contents, filing, write

KENMERKEN = ("one", "two", "three")


@dataclass
class Kept:
    """What the model knows of a filing.

    Args:
        steps: statuses it has.
        token: of the newest claim; None without a job.
    """

    number: int
    kenmerk: str
    content: bytes
    steps: int = 0
    token: int | None = 0
    leased: bool = False
    suspect: bool = False
    aside: bool = False
    purged: bool = False
    held: list[Job] = field(default_factory=list)


class Stored(RuleBasedStateMachine):
    filings: Bundle[FilingId] = Bundle("filings")
    cluster: Cluster | None = None

    @initialize()
    def start(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.around = ExitStack()
        self.around.callback(shutil.rmtree, self.directory)
        self.house: House
        if self.cluster is None:
            self.house = sqlite_house(self.directory / "data")
        else:
            conninfo = self.around.enter_context(self.cluster.database())
            self.house = postgres_house(self.directory / "payloads", conninfo)
        self.model: dict[FilingId, Kept] = {}
        self.evidence: dict[str, int] = {}
        self.claims: set[tuple[FilingId, int]] = set()
        self.now = NOW
        self.open()
        # Without a job under a lease most rules have nothing to do.
        for kenmerk in KENMERKEN:
            self.ingest_one(kenmerk, 0)
        self.claim_some(2)

    def open(self) -> None:
        self.stack = ExitStack()
        self.store: Store = self.stack.enter_context(self.house.open())

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()
            self.around.close()

    @rule(target=filings, kenmerk=st.sampled_from(KENMERKEN), large=st.integers(0, 5))
    def ingest(self, kenmerk: str, large: int) -> FilingId:
        return self.ingest_one(kenmerk, large)

    def ingest_one(self, kenmerk: str, large: int) -> FilingId:
        number = len(self.model)
        new = filing(number, LARGE if large == 5 else b"<x/>" * number, kenmerk)
        prepared = self.store.prepare([new.delivery.document])

        def work(transaction: Transaction) -> FilingId:
            transaction.hold_process(kenmerk)
            filing_id = transaction.add_filing(new, f"message-{number}", b"digest", prepared)
            transaction.add_statuses(filing_id, [Status("105", NOW)])
            transaction.add_job(Job(filing_id, kenmerk, "begin", self.now, self.now))
            return filing_id

        filing_id = write(self.store, work)
        self.store.discard(prepared).result(20)
        content = new.delivery.document.content
        assert isinstance(content, bytes)
        self.model[filing_id] = Kept(number, kenmerk, content, steps=1)
        return filing_id

    @rule(filing_id=filings)
    def duplicate(self, filing_id: FilingId) -> None:
        number = self.model[filing_id].number
        receipt = self.store.read(lambda reader: reader.receipt("sender", f"message-{number}"))
        assert receipt is not None
        assert receipt.filing_id == filing_id
        assert receipt.body_digest == (b"" if self.model[filing_id].purged else b"digest")

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        self.claim_some(limit)

    def claim_some(self, limit: int) -> None:
        jobs = write(self.store, lambda t: t.claim(self.now, MINUTE, limit))
        claimable = self.claimable()
        assert len(jobs) <= limit
        assert bool(jobs) == bool(claimable)
        for job in jobs:
            kept = self.model[job.filing_id]
            assert job.filing_id in claimable
            assert kept.token is not None
            assert job.token == kept.token + 1
            assert (job.filing_id, job.token) not in self.claims, "a token comes once"
            self.claims.add((job.filing_id, job.token))
            assert not kept.suspect or len(jobs) == 1
            kept.token, kept.leased = job.token, True
            kept.held.append(job)

    def claimable(self) -> list[FilingId]:
        """Return the filings that have a free job, and no older one of their process has any."""
        found, seen = [], set()
        for filing_id in sorted(self.model):
            kept = self.model[filing_id]
            if kept.token is None:
                continue
            if kept.kenmerk not in seen and not kept.leased and not kept.aside:
                found.append(filing_id)
            seen.add(kept.kenmerk)
        return found

    @precondition(lambda self: any(kept.held for kept in self.model.values()))
    @rule(data=st.data(), end=st.sampled_from(["step", "finish", "give back", "aside", "extend"]))
    def go_on(self, data: st.DataObject, end: str) -> None:
        """Whoever holds or held a claim does something under its token."""
        held = [job for kept in self.model.values() for job in kept.held]
        job = data.draw(st.sampled_from(held))
        kept = self.model[job.filing_id]
        good = kept.token == job.token and not kept.aside
        if end == "extend":
            extended = write(self.store, lambda t: t.extend([job], MINUTE))
            assert bool(extended) == (good and (kept.leased or kept.suspect))
            if extended:
                kept.leased, kept.suspect = True, job.crashes > 0
            return
        if not good:
            with pytest.raises(LostLease):
                write(self.store, partial(self.ending, job=job, end=end))
            return
        write(self.store, partial(self.ending, job=job, end=end))
        kept.steps += 1
        kept.leased = kept.suspect = False
        if end == "finish":
            kept.token = None
        kept.aside = end == "aside"

    @staticmethod
    def ending(transaction: Transaction, job: Job, end: str) -> None:
        """Append a status, and move the job on, all or nothing."""
        transaction.add_statuses(job.filing_id, [Status("200", NOW)])
        match end:
            case "finish":
                transaction.finish(job)
            case "aside":
                transaction.set_aside(job, "why")
            case _:
                transaction.move(job, replace(job, step=end, crashes=0), None)

    @rule()
    def leases_end(self) -> None:
        self.house.expire(self.store)
        for kept in self.model.values():
            if kept.leased:
                kept.leased, kept.suspect = False, True

    @rule()
    def crash(self) -> None:
        """Without any goodbye to the jobs; what the next process finds are ended leases."""
        self.stack.close()
        self.open()
        self.leases_end()
        if self.cluster is None:
            for kept in self.model.values():
                # Given back when it was opened, so nobody can extend them.
                kept.held = [job for job in kept.held if job.token != kept.token or kept.aside]

    @precondition(lambda self: any(kept.aside for kept in self.model.values()))
    @rule()
    def offer_again(self) -> None:
        for filing_id, kept in self.model.items():
            if kept.aside and kept.token is not None:
                job = write(self.store, partial(_offer, filing_id=filing_id, store=self))
                assert job.token == kept.token + 1
                kept.token, kept.aside, kept.suspect = job.token, False, False

    @rule(data=st.data(), drop=st.booleans())
    def an_operator_decides(self, data: st.DataObject, drop: bool) -> None:
        """The job goes, whoever holds it, or there is another one."""
        filing_id = data.draw(st.sampled_from(sorted(self.model)))
        kept = self.model[filing_id]
        if drop:
            write(self.store, lambda t: t.drop_job(filing_id))
            kept.token = None
        elif not kept.purged:
            job = Job(filing_id, kept.kenmerk, "anew", AT_ONCE, self.now)
            write(self.store, lambda t: t.replace_job(job))
            found = self.store.read(lambda reader: reader.job(filing_id))
            assert found is not None
            kept.token = found.token
        kept.leased = kept.suspect = kept.aside = False

    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        filing_id = data.draw(st.sampled_from(sorted(self.model)))
        kept = self.model[filing_id]
        if kept.token is not None:
            with pytest.raises(NotPurgeable):
                write(self.store, lambda t: t.purge(filing_id, NOW))
            return
        purged = write(self.store, lambda t: t.purge(filing_id, NOW))
        self.store.remove(purged.files).result(20)
        kept.purged = True

    @rule(filing_id=filings)
    def testify(self, filing_id: FilingId) -> None:
        kenmerk = self.model[filing_id].kenmerk

        def work(transaction: Transaction) -> int:
            last = transaction.last_evidence(kenmerk)
            seq = 1 if last is None else last.seq + 1
            entry = EvidenceRow(kenmerk, seq, filing_id, NOW, "x", b"{}", bytes(32))
            transaction.add_evidence(entry)
            return seq

        self.evidence[kenmerk] = self.evidence.get(kenmerk, 0) + 1
        assert write(self.store, work) == self.evidence[kenmerk]

    @rule(seconds=st.integers(-3600, 3600))
    def turn_the_clock(self, seconds: int) -> None:
        """Leases do not care: they are counted by another."""
        self.now = max(self.now, NOW + timedelta(seconds=abs(seconds)))

    @invariant()
    def contents_are_there_or_were_purged(self) -> None:
        for filing_id, kept in getattr(self, "model", {}).items():
            if kept.purged:
                with pytest.raises(SecretDestroyed):
                    contents(self.store, filing_id)
            else:
                assert contents(self.store, filing_id) == [kept.content]

    @invariant()
    def files_are_those_of_large_filings(self) -> None:
        if hasattr(self, "model"):
            large = [kept for kept in self.model.values() if kept.content == LARGE]
            assert len(self.house.files()) == sum(not kept.purged for kept in large)

    @invariant()
    def statuses_and_jobs_are_those_of_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        rows = self.store.read(lambda reader: reader.overview(Overview(limit=10_000)))
        assert {row.filing.filing_id for row in rows} == set(self.model)
        for row in rows:
            kept = self.model[row.filing.filing_id]
            assert (None if row.job is None else row.job.token) == kept.token
            if row.job is not None:
                assert (row.job.state is JobState.ASIDE) == kept.aside
        for filing_id, kept in self.model.items():
            assert self.steps(filing_id) == list(range(1, kept.steps + 1))

    def steps(self, filing_id: FilingId) -> list[int]:
        found = self.store.read(
            lambda reader: reader._all(  # type: ignore[attr-defined]
                "SELECT seq FROM status WHERE filing_id = ? ORDER BY seq", (filing_id,)
            )
        )
        return [row[0] for row in found]


def _offer(transaction: Transaction, filing_id: FilingId, store: Stored) -> Job:
    return transaction.offer_again(filing_id, store.now)


TestStoredInSqlite = Stored.TestCase
TestStoredInSqlite.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class OnServer(Stored):
    """The same over a PostgreSQL database for each example."""


@pytest.fixture(scope="class")
def cluster(postgres: Cluster) -> None:
    OnServer.cluster = postgres


TestStoredInPostgres = pytest.mark.usefixtures("cluster")(OnServer.TestCase)
TestStoredInPostgres.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
