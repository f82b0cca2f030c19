"""What works on filings in one gateway: the engine, who lets it run, and who is told."""

import random
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta

from digipoort_wus.clock import Clock
from digipoort_wus.config import Config
from digipoort_wus.filing.filing import Delivery, Filing
from digipoort_wus.process.api import Caller
from digipoort_wus.process.cluster import ClusterRunner, Elsewhere, Works
from digipoort_wus.process.destinations import Destinations
from digipoort_wus.process.engine import Engine, Policies
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.scenarios import Scenarios
from digipoort_wus.process.service import ProcessService
from digipoort_wus.process.steps import Participants
from digipoort_wus.process.watching import Watcher
from digipoort_wus.stores import Storage


def works_of(
    config: Config,
    storage: Storage,
    clock: Clock,
    *,
    participants: Participants,
    policies: Policies,
    scenarios: Scenarios,
    watcher: Watcher,
    destination: Callable[[str], str | None],
) -> Works:
    """Return what works on the filings of a store, as far as this process does.

    Args:
        config: what the operator set.
        storage: where the filings are.
        clock: decides what is due.
        participants: whom the steps ask.
        policies: for retries.
        scenarios: in a sandbox.
        watcher: is told of every step.
        destination: returns the name of the agency outside that gets a berichtsoort.
    """
    if config.role == "front":
        return Elsewhere()
    own = {row.name: row.concurrency for row in config.agencies}
    engine = Engine(
        store=storage.store,
        participants=participants,
        clock=clock,
        policies=policies,
        scenarios=scenarios,
        lease=timedelta(seconds=config.lease_seconds),
        watcher=watcher,
        destination=destination,
        destinations=Destinations(random.random, own=own),
    )
    if storage.queue is not None:
        return ClusterRunner(storage.queue, engine.run_one, storage.store, clock)
    runner = Runner(engine.run_due, clock, finish=engine.finish)
    engine.destinations.on_free(runner.wake)
    return runner


def one_agency(_berichtsoort: str) -> str:
    """Return the name of the agency that an embedder gave, which may be slow as any other."""
    return "agency"


def tell_nobody(_filing: Filing) -> None:
    """Do nothing: nobody asked."""


@dataclass(frozen=True, slots=True)
class WatchedService(ProcessService):
    """The process, and somebody who is told of what it accepted."""

    on_accepted: Callable[[Filing], None] = tell_nobody

    def accept(self, caller: Caller, delivery: Delivery) -> Future[Filing]:
        """Accept as the process does, and tell of it after the commit, in another thread."""
        accepted = ProcessService.accept(self, caller, delivery)
        accepted.add_done_callback(self._tell)
        return accepted

    def _tell(self, accepted: Future[Filing]) -> None:
        if not accepted.cancelled() and accepted.exception() is None:
            self.on_accepted(accepted.result())
