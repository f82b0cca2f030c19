"""Runs what is due: claims jobs, has their steps done, and commits what they lead to.

A claim carries a lease, which is extended as long as its steps are done, and a fencing
token. The statuses, messages, evidence and next job of a claim are one transaction that
fails when the token is no longer the newest, so a step that was done twice is recorded
once. Filings that were claimed together share commits. Deliveries to an agency outside
have threads of their own, a few for each, so that one that is slow stalls nobody else.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from digipoort_wus._crash import crash_point
from digipoort_wus.clock import Clock
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.alone import Alone
from digipoort_wus.process.claims import (
    Begun,
    Placed,
    Work,
    carried,
    claim,
    claim_one,
    load,
    load_all,
    never,
    next_run_at,
    nobody,
    nowhere,
    oldest_job,
    release,
)
from digipoort_wus.process.destinations import Destinations, Told
from digipoort_wus.process.keeping import Keeper, Loaded, Ready, keep_receipts
from digipoort_wus.process.leases import LONGEST_STEP, Leases
from digipoort_wus.process.scenarios import Scenarios, no_scenarios, scenario_of
from digipoort_wus.process.steps import Participants
from digipoort_wus.process.telling import Teller
from digipoort_wus.process.together import Gathering, Owed, Recorder
from digipoort_wus.process.transitions import DELIVERS, Step
from digipoort_wus.process.validators import at_once
from digipoort_wus.process.watching import Nobody, Watcher
from digipoort_wus.process.working import STAGES, Policies, Taken, Worker, where
from digipoort_wus.rules.api import Stage
from digipoort_wus.store.ports import (
    Job,
    JobState,
    LostLease,
    PayloadsUnreachable,
    Store,
    StoreFailed,
)
from digipoort_wus.xmlsafe.apart import apart

__all__ = ["Engine", "Policies", "never", "nowhere", "where"]

_FINISH_WITHIN = timedelta(seconds=10)
_SUSPECT = 2
"""A job is done alone when so many died of it, or beside it."""
_ALONE_WITHIN = timedelta(seconds=60)
_UNREACHABLE = timedelta(seconds=10)
"""So long a filing waits for what keeps large documents; others go on."""


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
        longest_step: a step that takes longer is taken for one that does not come back.
        authority: returns the name of the authorisation service that is asked for a filing, or
            None where it is quick; others have threads as a destination has.
        judges: returns the name of the threads that a filing is validated in at a stage, None
            where that is quick.
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
    longest_step: timedelta = LONGEST_STEP
    authority: Callable[[Filing], str | None] = nobody
    judges: Callable[[Filing, Stage], str | None] = at_once
    _worker: Worker = field(init=False)
    _leases: Leases = field(init=False)
    _alone: Alone = field(init=False)
    _keeper: Keeper = field(init=False)
    _teller: Teller = field(init=False)
    _recorder: Recorder = field(init=False)
    _owed: Owed = field(init=False)

    def __post_init__(self) -> None:
        asked = self.store, self.participants, self.clock, self.policies, self.scenarios
        worker = Worker(*asked, self.chance, self._slow_step)
        object.__setattr__(self, "_worker", worker)
        keeper = Keeper(self.clock, self.policies.crash, self.chance, self.lease, self.aside_after)
        object.__setattr__(self, "_keeper", keeper)
        leases = Leases(self._extend, self.lease, self._release, self.longest_step)
        object.__setattr__(self, "_leases", leases)
        object.__setattr__(self, "_alone", Alone())
        teller = Teller(self.watcher)
        object.__setattr__(self, "_teller", teller)
        object.__setattr__(self, "_recorder", Recorder(self.store, keeper, teller, self.clock))
        object.__setattr__(self, "_owed", Owed(self.store))

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
            self._owed.give_back()
            now = self.clock()
            due = partial(claim, now=now, lease=self.lease, limit=self.batch)
            jobs = self.store.write(due).result()
            if not jobs:
                return self.store.read(partial(next_run_at, now=now))
            # What the rules look into has anybody's names: one thread for all that was claimed.
            apart(partial(self._run, jobs, interrupted))
        return self.clock()

    def run_one(self, kenmerk: str, interrupted: Callable[[], bool] = never) -> datetime | None:
        """Do what is due of one process in the calling thread, but for what is asked outside.

        Args:
            kenmerk: which.
            interrupted: as for :meth:`run_due`.

        Returns:
            When the next job of the process is due; a lease later where somebody else works on
            it; None when nothing is left to do, it waits for an operator, or another thread
            of this engine has it.

        Raises:
            StoreFailed: the store takes no writes; leases make sure nothing is lost.
        """
        while not interrupted():
            self._owed.give_back()
            now = self.clock()
            its = partial(claim_one, kenmerk=kenmerk, now=now, lease=self.lease)
            job = self.store.write(its).result()
            if job is not None:
                self._run([job], interrupted)
            left = self.store.read(partial(oldest_job, kenmerk=kenmerk))
            if left is None or left.state is JobState.ASIDE or self._leases.holds(left):
                return None
            if left.run_at > self.clock():
                return left.run_at
            if job is None:
                return now + self.lease
        return self.clock()

    def finish(self, within: timedelta = _FINISH_WITHIN) -> None:
        """Wait for the deliveries under way, or leave them to their leases after this time."""
        self.destinations.wait(within)
        self._leases.end()

    # --- What was claimed ------------------------------------------------------------------

    def _run(self, jobs: Sequence[Job], interrupted: Callable[[], bool]) -> None:
        crash_point("engine.after_claim")
        self._leases.hold(jobs)
        if any(job.expired and job.crashes >= _SUSPECT for job in jobs):
            # Whoever had it died, twice: this time nobody else's work dies with it.
            with self._alone.only(_ALONE_WITHIN) as is_alone:
                self._teller.alone(jobs[0])
                self._run_held(jobs, interrupted, here=is_alone)
        else:
            with self._alone.among():
                self._run_held(jobs, interrupted)

    def _run_held(
        self, jobs: Sequence[Job], interrupted: Callable[[], bool], *, here: bool = False
    ) -> None:
        held = {job.filing_id: job for job in jobs}
        try:
            self._teller.expired(jobs)
            works = [Work(job) for job in jobs if not self._died_too_often(job)]
            works = load_all(self.store, works)
            while works:
                gathering = Gathering(self._recorder)
                for work in works:
                    if interrupted():
                        self._give_back(work.job)
                        continue
                    if not self._leases.holds(work.job):
                        # What was done before it did not come back in time.
                        self._teller.lost(work.job)
                        continue
                    with self._leases.doing(work.job, held):
                        item = self._begin(work, interrupted, here=here)
                    if isinstance(item, Ready):
                        gathering.add(item)
                    elif item is Placed.ELSEWHERE:
                        del held[work.job.filing_id]
                begun = gathering.all()
                works = [left for item in begun if (left := self._outcome(item)) is not None]
        except (StoreFailed, OSError):
            self._owed.add([job for job in held.values() if self._leases.holds(job)])
            raise
        finally:
            for job in held.values():
                self._leases.let_go(job)

    def _begin(
        self, work: Work, interrupted: Callable[[], bool], *, here: bool = False
    ) -> Ready | Placed:
        """Do steps of a filing, as far as nothing needs to be stored, or have others do them.

        What cannot be done for now is put off: there is no room, or a large document cannot be
        had or kept.
        """
        job = work.job
        try:
            loaded = work.loaded or load(self.store, job)
            outside = self._outside(job, loaded[0])
            if outside is None:
                return Ready(job, loaded, self._worker.take(job, *loaded))
            if here:
                return self._attempt(job, loaded, outside)
            attempt = partial(self._run_outside, Work(job, carried(loaded)), outside)
            if self.destinations.submit(outside, partial(attempt, interrupted)):
                return Placed.ELSEWHERE
            return self._put_off(job, self.destinations.turn(outside, self.clock()))
        except PayloadsUnreachable:
            return self._put_off(job, self.clock() + _UNREACHABLE)
        except StoreFailed:
            raise
        except Exception as error:
            return Ready(job, None, Taken((), job, where(error)))

    def _outside(self, job: Job, filing: Filing) -> str | None:
        """Return who is asked in this step and may be slow, None when nobody is."""
        step = Step(job.step)
        if step in DELIVERS:
            return self.destination(filing.delivery.berichtsoort)
        return self._slow_step(step, filing)

    def _slow_step(self, step: Step, filing: Filing) -> str | None:
        """Return who does a step other than a delivery in threads of his own."""
        if step is Step.AUTHORISE:
            return self.authority(filing)
        played = scenario_of(self.scenarios, filing.delivery.aanleverkenmerk)
        stage = STAGES.get(step)
        return None if stage is None or played else self.judges(filing, stage)

    def _run_outside(self, work: Work, outside: str, interrupted: Callable[[], bool]) -> None:
        """Ask in a thread for whom is asked, and do what follows; raises nothing."""
        with self._alone.among():
            self._run_asking(work, outside, interrupted)

    def _run_asking(self, work: Work, outside: str, interrupted: Callable[[], bool]) -> None:
        job = work.job
        done: Ready | Placed = Placed.LOST
        try:
            if interrupted():
                self._give_back(job)
                return
            with self._leases.doing(job):
                done = self._attempt(job, work.loaded or load(self.store, job), outside)
            while isinstance(done, Ready):
                following = self._outcome(self._recorder.one(done))
                if following is None:
                    return
                with self._leases.doing(job):
                    done = self._begin(following, interrupted)
        except PayloadsUnreachable:
            self._put_off(job, self.clock() + _UNREACHABLE)
        except Exception as error:
            # The store, most likely: it is given back once that works, or its lease ends by
            # itself, and somebody begins again.
            if isinstance(error, StoreFailed | OSError) and self._leases.holds(job):
                self._owed.add([job])
            self._teller.left(job, where(error))
        finally:
            if done is not Placed.ELSEWHERE:
                self._leases.let_go(job)

    def _attempt(self, job: Job, loaded: Loaded, destination: str) -> Ready | Placed:
        """Ask unless the destination is to be left alone."""
        filing, salt = loaded
        if not self._leases.holds(job):
            # Somebody else may be delivering it now; and nothing would be recorded.
            self._teller.lost(job)
            return Placed.LOST
        now = self.clock()
        due = self.destinations.ask(destination, now)
        if due is not None:
            last = self._worker.waits_until(job)
            if now >= last:
                return Ready(job, loaded, self._worker.leave_out(job, filing))
            return self._put_off(job, min(due, last))
        told = Told.NOTHING
        try:
            taken = self._worker.take(job, filing, salt)
            told = taken.told
        finally:
            self.destinations.told(destination, told, self.clock())
        return Ready(job, loaded, taken)

    def _put_off(self, job: Job, run_at: datetime) -> "Placed":
        """Let a job be claimed again later, as if it had not been claimed now."""
        later = replace(job, attempts=job.attempts - 1, run_at=run_at)
        self._leases.let_go(job)
        moved = self.store.write(lambda transaction: transaction.move(job, later, None))
        moved.add_done_callback(partial(self._owe, job))
        return Placed.LATER

    def _owe(self, job: Job, moved: "Future[None]") -> None:
        """Remember to give a job back that the store did not take."""
        if isinstance(moved.exception(), StoreFailed):
            self._owed.add([job])

    def _give_back(self, job: Job) -> None:
        self._put_off(job, job.run_at)

    def overdue(self) -> str:
        """Say which step does not come back, for the operator; empty when all do."""
        return self._leases.overdue()

    def _release(self, jobs: Sequence[Job]) -> None:
        self.store.write(partial(release, jobs=jobs)).result()

    def _extend(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return self.store.write_beat(lambda t: t.extend(jobs, self.lease)).result()

    # --- What is recorded --------------------------------------------------------------------

    def _outcome(self, begun: Begun) -> Work | None:
        """Wait for a commit, tell what was recorded, and return what is still held."""
        job = begun.job
        try:
            following = begun.commit.result()
        except LostLease:
            self._teller.lost(job)
            keep_receipts(self.store, job, begun.loaded, begun.taken)
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
