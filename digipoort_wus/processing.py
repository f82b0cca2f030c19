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
from digipoort_wus.process.leases import LONGEST_STEP
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.scenarios import Scenarios
from digipoort_wus.process.service import ProcessService
from digipoort_wus.process.steps import Authoriser, Participants
from digipoort_wus.process.watching import Watcher
from digipoort_wus.rules.api import Stage
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
    authority: Callable[[Filing], str | None],
    judges: Callable[[Filing, Stage], str | None],
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
        authority: returns the name of the authorisation service that is asked for a filing, and
            may be slow.
        judges: returns the name of the threads that a filing is validated in.
    """
    if config.role == "front":
        return Elsewhere()
    own = {row.name: row.concurrency for row in config.agencies} | config.rules.threads
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
        longest_step=longest_step(config),
        authority=authority,
        judges=judges,
    )
    if storage.queue is not None:
        return ClusterRunner(
            storage.queue,
            engine.run_one,
            storage.store,
            clock,
            finish=engine.finish,
            overdue=engine.overdue,
        )
    runner = Runner(engine.run_due, clock, finish=engine.finish, overdue=engine.overdue)
    engine.destinations.on_free(runner.wake)
    return runner


def longest_step(config: Config) -> timedelta:
    """Return how long a step may last: longer than all do that give up by themselves."""
    own = [timedelta(seconds=row.timeouts.total) for row in config.agencies]
    # By cheap rules, heavy ones and forked ones; each may wait as long for a worker.
    rules = config.rules
    own.append(2 * timedelta(seconds=rules.seconds + 2 * rules.heavy_seconds))
    return max(LONGEST_STEP, *own) + timedelta(seconds=config.lease_seconds)


def authority_of(config: Config, given: Authoriser | None) -> Callable[[Filing], str | None]:
    """Return what names the authorisation service that is asked for a filing and may be slow.

    Args:
        config: of the gateway.
        given: asked for every filing, by an embedder; None: those of the configuration.
    """
    if given is not None:
        return _one_authority
    programs = {row.address for row in config.authorisers if row.kind == "program"}

    def authority(filing: Filing) -> str | None:
        address = filing.delivery.autorisatie_adres
        return f"authoriser {address}" if address in programs else None

    return authority


def _one_authority(_filing: Filing) -> str:
    return "authoriser"


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
