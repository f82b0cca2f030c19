"""Runs what is due: claims jobs, has their steps done, and commits what they lead to.

A claim carries a lease, which is extended as long as its steps are done, and a fencing
token. The statuses, messages, evidence and next job of a claim are one transaction that
fails when the token is no longer the newest, so a step that was done twice is recorded
once. Filings that were claimed together share commits. Deliveries to an agency outside
have threads of their own, a few for each, so that one that is slow stalls nobody else.
"""

import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from digipoort_wus._crash import crash_point
from digipoort_wus.clock import Clock
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.claims import (
    Begun,
    Placed,
    Where,
    Work,
    carried,
    claim,
    claim_one,
    next_run_at,
    oldest_job,
)
from digipoort_wus.process.destinations import Destinations, Told
from digipoort_wus.process.keeping import Keeper, Loaded
from digipoort_wus.process.leases import Leases
from digipoort_wus.process.scenarios import Scenarios, no_scenarios
from digipoort_wus.process.steps import Participants
from digipoort_wus.process.telling import Teller
from digipoort_wus.process.transitions import FAILURES, Step
from digipoort_wus.process.watching import Nobody, Stepped, Watcher
from digipoort_wus.process.working import DELIVERS, Policies, Taken, Worker, where
from digipoort_wus.store.ports import (
    Job,
    JobState,
    LostLease,
    Prepared,
    Reader,
    Store,
    StoreFailed,
)
from digipoort_wus.xmlsafe.apart import apart

__all__ = ["Engine", "Policies", "never", "nowhere", "where"]

_log = logging.getLogger(__name__)
_FINISH_WITHIN = timedelta(seconds=10)


def never() -> bool:
    """Return False: nobody wants the engine to stop."""
    return False


def nowhere(berichtsoort: str) -> str | None:
    """Return None: the agency of every berichtsoort is in this process, and quick."""
    del berichtsoort
    return None


@dataclass(frozen=True)
class Engine:
    """Moves filings on; any number of threads may run it, and any number may share a store.

    Args:
        store: where the jobs are.
        participants: whom the steps ask.
        clock: decides what is due, and gives statuses their times.
        policies: for retries.
        scenarios: in a sandbox; the content of such filings is not validated.
        lease: of a claim; a third of it is the time between its extensions.
        batch: filings that are claimed together.
        watcher: is told of every step.
        destination: returns the name of the agency that gets a berichtsoort, or None where
            delivery is quick: then it is done at once, without limit and breaker.
        destinations: what this process knows of these agencies.
        chance: gives a share between 0 and 1, to spread what failed together.
        aside_after: a job whose step raised, or ended its process, so often in a row waits for
            an operator.
    """

    store: Store
    participants: Participants
    clock: Clock
    policies: Policies = field(default_factory=Policies)
    scenarios: Scenarios = field(default_factory=no_scenarios)
    lease: timedelta = timedelta(seconds=60)
    batch: int = 64
    watcher: Watcher = field(default_factory=Nobody)
    destination: Callable[[str], str | None] = nowhere
    destinations: Destinations = field(default_factory=Destinations)
    chance: Callable[[], float] = random.random
    aside_after: int = 5
    _worker: Worker = field(init=False)
    _leases: Leases = field(init=False)
    _keeper: Keeper = field(init=False)
    _teller: Teller = field(init=False)

    def __post_init__(self) -> None:
        worker = Worker(
            self.store,
            self.participants,
            self.clock,
            self.policies,
            self.scenarios,
            self.chance,
        )
        object.__setattr__(self, "_worker", worker)
        keeper = Keeper(self.clock, self.policies.crash, self.chance, self.lease, self.aside_after)
        object.__setattr__(self, "_keeper", keeper)
        object.__setattr__(self, "_leases", Leases(self._extend, self.lease))
        object.__setattr__(self, "_teller", Teller(self.watcher))

    def run_due(self, interrupted: Callable[[], bool] = never) -> datetime | None:
        """Do everything that is due now and return when the next job is due.

        Deliveries to agencies outside are begun, and not waited for.

        Args:
            interrupted: is asked before every piece of work; when it says yes, what was
                claimed and not begun is given back.

        Raises:
            StoreFailed: the store takes no writes; leases make sure nothing is lost.
        """
        while not interrupted():
            now = self.clock()
            due = partial(claim, now=now, lease=self.lease, limit=self.batch)
            jobs = self.store.write(due).result()
            if not jobs:
                return self.store.read(partial(next_run_at, now=now))
            # What the rules look into has anybody's names: one thread for all that was claimed.
            apart(partial(self._run, jobs, interrupted, Where.OF_THE_DESTINATION))
        return self.clock()

    def run_one(self, kenmerk: str, interrupted: Callable[[], bool] = never) -> datetime | None:
        """Do what is due of one process, in the calling thread.

        Args:
            kenmerk: which.
            interrupted: as for :meth:`run_due`.

        Returns:
            When the next job of the process is due; a lease later where somebody else works on
            it; None when nothing is left to do or it waits for an operator.

        Raises:
            StoreFailed: the store takes no writes; leases make sure nothing is lost.
        """
        while not interrupted():
            now = self.clock()
            its = partial(claim_one, kenmerk=kenmerk, now=now, lease=self.lease)
            job = self.store.write(its).result()
            if job is None:
                left = self.store.read(partial(oldest_job, kenmerk=kenmerk))
                if left is None or left.state is JobState.ASIDE:
                    return None
                return left.run_at if left.run_at > now else now + self.lease
            self._run([job], interrupted, Where.OF_THE_CALLER)
        return self.clock()

    def finish(self, within: timedelta = _FINISH_WITHIN) -> None:
        """Wait for the deliveries under way, or leave them to their leases after this time."""
        self.destinations.wait(within)
        self._leases.end()

    # --- What was claimed ------------------------------------------------------------------

    def _run(self, jobs: Sequence[Job], interrupted: Callable[[], bool], place: Where) -> None:
        crash_point("engine.after_claim")
        self._leases.hold(jobs)
        held = {job.filing_id: job for job in jobs}
        try:
            self._teller.expired(jobs)
            works = [Work(job) for job in jobs if not self._died_too_often(job)]
            while works:
                begun: list[Begun] = []
                for work in works:
                    if interrupted():
                        self._give_back(work.job)
                        continue
                    if Step(work.job.step) not in DELIVERS:
                        begun.append(self._do(work))
                        continue
                    item = self._deliver(work, interrupted, place)
                    if isinstance(item, Begun):
                        begun.append(item)
                    elif item is Placed.ELSEWHERE:
                        del held[work.job.filing_id]
                works = [left for item in begun if (left := self._outcome(item)) is not None]
        finally:
            for job in held.values():
                self._leases.let_go(job)

    def _do(self, work: Work) -> Begun:
        """Do steps and hand their results to the store, without waiting for the commit."""
        job = work.job
        try:
            filing, salt = work.loaded or self._load(job)
        except StoreFailed:
            raise
        except Exception as error:
            return self._recorded(job, None, Taken((), job, where(error)))
        return self._recorded(job, (filing, salt), self._worker.take(job, filing, salt))

    def _load(self, job: Job) -> Loaded:
        """Return a filing and the salt of its evidence; one that has no secret gets it now."""

        def look(reader: Reader) -> tuple[Filing, bytes | None]:
            return reader.filing(job.filing_id), reader.evidence_salt(job.filing_id)

        filing, salt = self.store.read(look)
        if salt is None:
            salt = self.store.write(lambda t: t.evidence_salt(job.filing_id)).result()
        return filing, salt

    def _deliver(
        self, work: Work, interrupted: Callable[[], bool], place: Where
    ) -> "Begun | Placed":
        """Deliver, or see to it that somebody does it later."""
        job = work.job
        try:
            filing, salt = work.loaded or self._load(job)
        except StoreFailed:
            raise
        except Exception as error:
            return self._recorded(job, None, Taken((), job, where(error)))
        loaded = filing, salt
        destination = self.destination(filing.delivery.berichtsoort)
        if destination is None:
            return self._recorded(job, loaded, self._worker.take(job, filing, salt))
        if place is Where.OF_THE_CALLER:
            if not self.destinations.enter(destination):
                return self._put_off(job, self.destinations.turn(destination, self.clock()))
            began = monotonic()
            try:
                return self._attempt(job, loaded, destination)
            finally:
                self.destinations.leave(destination, monotonic() - began)
        attempt = partial(self._run_delivery, Work(job, carried(loaded)), destination)
        if self.destinations.submit(destination, partial(attempt, interrupted)):
            return Placed.ELSEWHERE
        return self._put_off(job, self.destinations.turn(destination, self.clock()))

    def _run_delivery(self, work: Work, destination: str, interrupted: Callable[[], bool]) -> None:
        """Deliver in a thread of the destination, and do what follows; raises nothing."""
        job = work.job
        try:
            if interrupted():
                self._give_back(job)
                return
            begun = self._attempt(job, work.loaded or self._load(job), destination)
            while isinstance(begun, Begun):
                following = self._outcome(begun)
                if following is None:
                    return
                begun = self._do(following)
        except Exception as error:
            # The store, most likely: the lease ends by itself, and somebody begins again.
            self._teller.left(job, where(error))
        finally:
            self._leases.let_go(job)

    def _attempt(self, job: Job, loaded: Loaded, destination: str) -> "Begun | Placed":
        """Deliver unless the destination is to be left alone."""
        filing, salt = loaded
        if not self._leases.holds(job):
            # Somebody else may be delivering it now; and nothing would be recorded.
            self._teller.lost(job)
            return Placed.LOST
        now = self.clock()
        due = self.destinations.ask(destination, now)
        if due is not None:
            last = self._waits_until(job)
            if now >= last:
                return self._recorded(job, loaded, self._worker.leave_out(job, filing))
            return self._put_off(job, min(due, last))
        told = Told.NOTHING
        try:
            taken = self._worker.take(job, filing, salt)
            told = taken.told
        finally:
            self.destinations.told(destination, told, self.clock())
        return self._recorded(job, loaded, taken)

    def _waits_until(self, job: Job) -> datetime:
        """Return how long a delivery waits for a destination that is left alone.

        The first one is then as good as tried, and the sender is told (420); the others fail
        for good when their time is over.
        """
        policy = self.policies.delivery
        if Step(job.step) is Step.REDELIVER and policy.give_up_after is not None:
            return job.since + policy.give_up_after
        return job.since + policy.max_delay

    def _put_off(self, job: Job, run_at: datetime) -> "Placed":
        """Let a job be claimed again later, as if it had not been claimed now."""
        later = replace(job, attempts=job.attempts - 1, run_at=run_at)
        self._leases.let_go(job)
        self.store.write(lambda transaction: transaction.move(job, later, None))
        return Placed.LATER

    def _give_back(self, job: Job) -> None:
        self._put_off(job, job.run_at)

    def _extend(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return self.store.write(lambda t: t.extend(jobs, self.lease)).result()

    # --- What is recorded --------------------------------------------------------------------

    def _recorded(self, job: Job, loaded: Loaded | None, taken: Taken) -> Begun:
        """Hand what was done to the store."""
        crash_point("engine.before_commit")
        if taken.crash is not None:
            self._teller.crashed(taken.follow or job, taken.crash)
        commit = self.store.write(partial(self._keeper.keep, job=job, loaded=loaded, taken=taken))
        for done in taken.done:
            for item in done.prepared:
                commit.add_done_callback(partial(self._discard, item))
        if loaded is None:
            return Begun(job, taken, commit)
        filing = loaded[0]
        after = self.clock() - filing.received_at
        stepped = tuple(
            Stepped(
                job.kenmerk,
                done.step,
                done.event,
                filing.delivery.berichtsoort,
                filing.sender,
                done.seconds,
                after,
                again=done.event in FAILURES,
            )
            for done in taken.done
        )
        return Begun(job, taken, commit, carried(loaded), stepped)

    def _outcome(self, begun: Begun) -> Work | None:
        """Wait for a commit, tell what was recorded, and return what is still held."""
        job = begun.job
        try:
            following = begun.commit.result()
        except LostLease:
            self._teller.lost(job)
        except StoreFailed:
            raise
        except Exception as error:
            # What was found cannot be recorded: the same as a step that raised.
            with suppress(LostLease):
                self._record_crash(job, where(error))
        else:
            crash_point("engine.after_commit")
            for stepped in begun.stepped:
                self._teller.stepped(stepped)
            if begun.taken.crash is not None:
                self._tell_if_aside(begun.taken.follow or job, begun.taken.crash)
            if following is not None:
                return Work(following, begun.loaded)
        self._leases.let_go(job)
        return None

    def _record_crash(self, job: Job, crash: str) -> None:
        taken = Taken((), job, crash)
        self._teller.crashed(job, crash)
        self.store.write(partial(self._keeper.move, job=job, taken=taken)).result()
        self._tell_if_aside(job, crash)

    def _tell_if_aside(self, job: Job, crash: str) -> None:
        if self._keeper.is_too_much(job.crashes + 1):
            self._teller.aside(job, crash)

    def _died_too_often(self, job: Job) -> bool:
        """Set a job aside whose lease ended by itself again and again."""
        if not self._keeper.is_too_much(job.crashes):
            return False
        reason = f"whoever worked on it did not finish, {job.crashes} times"
        try:
            self.store.write(lambda t: t.set_aside(job, reason)).result()
        except LostLease:
            self._teller.lost(job)
        else:
            self._teller.aside(job, reason)
        self._leases.let_go(job)
        return True

    def _discard(self, prepared: Prepared, commit: "Future[Job | None]") -> None:
        if not isinstance(commit.exception(), StoreFailed):
            self.store.discard(prepared)
