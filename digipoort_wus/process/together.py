"""What was done of filings that were claimed together: one commit for all, where that can be."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Lock
from time import monotonic

from digipoort_wus._crash import crash_point
from digipoort_wus.clock import Clock
from digipoort_wus.process.claims import Begun, Known, carried
from digipoort_wus.process.keeping import Keeper, Ready
from digipoort_wus.process.telling import Teller
from digipoort_wus.process.transitions import FAILURES
from digipoort_wus.process.watching import Stepped
from digipoort_wus.store.ports import FilingId, Job, Prepared, Store, StoreFailed, Transaction

_WAITS = 0.05
"""Seconds: what was done does not wait longer for others, where somebody who is asked is slow."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """Hands what was done to the store.

    Args:
        store: keeps it.
        keeper: how.
        teller: is told of steps that raised.
        clock: of how long a filing has been here.
    """

    store: Store
    keeper: Keeper
    teller: Teller
    clock: Clock

    def one(self, ready: Ready) -> Begun:
        """Hand over what was done of one filing, without waiting for the commit."""
        self._tell(ready)
        return self._begun(ready, self._written(ready))

    def together(self, ready: Sequence[Ready]) -> Sequence[Begun]:
        """Have what was done of many filings kept with one commit, and wait for it.

        Where one of them cannot be kept, each is handed over by itself.

        Raises:
            StoreFailed: the store takes no writes.
        """
        for one in ready:
            self._tell(one)
        kept: Sequence[Future[Job | None] | Known]
        if len(ready) == 1:
            kept = [self._written(ready[0])]
        else:
            try:
                commit = self.store.write(partial(self.keeper.keep_all, ready=ready))
                kept = [Known(following) for following in commit.result()]
            except StoreFailed:
                for one in ready:
                    for item in _prepared(one):
                        self.store.let_go(item)
                raise
            except Exception:
                kept = [self._written(one) for one in ready]
            else:
                for one in ready:
                    for item in _prepared(one):
                        self.store.discard(item)
        return [self._begun(one, commit) for one, commit in zip(ready, kept, strict=True)]

    def _tell(self, ready: Ready) -> None:
        crash_point("engine.before_commit")
        if ready.taken.crash is not None:
            self.teller.crashed(ready.taken.follow or ready.job, ready.taken.crash)

    def _written(self, ready: Ready) -> "Future[Job | None]":
        commit = self.store.write(partial(self.keeper.keep, ready=ready))
        for item in _prepared(ready):
            commit.add_done_callback(partial(self._discard, item))
        return commit

    def _discard(self, prepared: Prepared, commit: "Future[Job | None]") -> None:
        if isinstance(commit.exception(), StoreFailed):
            self.store.let_go(prepared)
        else:
            self.store.discard(prepared)

    def _begun(self, ready: Ready, commit: "Future[Job | None] | Known") -> Begun:
        job, loaded, taken = ready.job, ready.loaded, ready.taken
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


class Gathering:
    """What was done and waits to be kept together with others, for a moment.

    Args:
        recorder: keeps it.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._ready: list[Ready] = []
        self._begun: list[Begun] = []
        self._since = 0.0

    def add(self, ready: Ready) -> None:
        """Have this kept, at once when others have waited for it.

        Raises:
            StoreFailed: the store takes no writes.
        """
        if not self._ready:
            self._since = monotonic()
        self._ready.append(ready)
        if monotonic() - self._since > _WAITS:
            self._keep()

    def all(self) -> Sequence[Begun]:
        """Have the rest kept, and return everything that was added.

        Raises:
            StoreFailed: the store takes no writes.
        """
        if self._ready:
            self._keep()
        return self._begun

    def _keep(self) -> None:
        ready, self._ready = self._ready, []
        self._begun += self._recorder.together(ready)


class Owed:
    """Jobs that were left when the store failed, and are given back once it does not.

    Their leases would end by themselves, and that would count as if somebody had died of them.

    Args:
        store: takes them back.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gate = Lock()
        self._jobs: dict[FilingId, Job] = {}

    def add(self, jobs: Sequence[Job]) -> None:
        """Remember to give these back."""
        with self._gate:
            self._jobs.update((job.filing_id, job) for job in jobs)

    def give_back(self) -> None:
        """End the leases of what was left, where nobody else has claimed it since.

        Raises:
            StoreFailed: the store takes no writes yet.
        """
        with self._gate:
            jobs = list(self._jobs.values())
        if not jobs:
            return

        def work(transaction: Transaction) -> None:
            transaction.release(jobs)

        self._store.write(work).result()
        with self._gate:
            for job in jobs:
                if self._jobs.get(job.filing_id) is job:
                    del self._jobs[job.filing_id]


def _prepared(ready: Ready) -> Iterator[Prepared]:
    """Yield what holds something outside of the database until it is kept."""
    return (item for done in ready.taken.done for item in done.prepared if item.files)
