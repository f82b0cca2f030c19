"""Seals and stamps the evidence of a running gateway, in threads of its own."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from digipoort_wus.clock import Clock
from digipoort_wus.config import Config
from digipoort_wus.delivery.stamping import StampAuthority, StampRow
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.evidence.stamp import Believed, stamp_query
from digipoort_wus.pki.identity import Identity
from digipoort_wus.process.runner import Runner
from digipoort_wus.process.sealing import seal_batch, seal_due
from digipoort_wus.process.stamping import Stamper, StampWatcher, Unwatched
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.store.ports import BatchRow, Store

_LOOK_EVERY = timedelta(seconds=5)
_NOBODY = Unwatched()


class Evidencing:
    """What a gateway does for its evidence by itself.

    Args:
        config: what the operator set.
        store: has the evidence.
        signing: returns the identity in force, which signs batches.
        clock: of sealing, and of judging stamps.
        metrics: is told of both.
        stamps: of :func:`load_stamps`.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        signing: Callable[[], Identity],
        clock: Clock,
        metrics: Metrics,
        stamps: "Stamps | None",
    ) -> None:
        self._store = store
        self._signing = signing
        self._clock = clock
        self._metrics = metrics
        self._within = timedelta(seconds=config.seal_every)
        look_every = min(_LOOK_EVERY, self._within)
        self._sealer = Runner(self._seal, clock, idle=look_every, name="evidence-sealer")
        self._authority = None if stamps is None else stamps.authority
        self._stamper: Stamper | None = None
        self._stamps: Runner | None = None
        if stamps is not None:
            self._stamper = stamps.stamper(store, clock, metrics)
            run = self._stamper.run_due
            self._stamps = Runner(run, clock, idle=_LOOK_EVERY, name="evidence-stamper")

    @property
    def orders(self) -> Mapping[str, Callable[[], str]]:
        """Return what an operator's command can have done at once, by its word."""
        return {"seal": self._seal_all, "stamp": self._stamp_some}

    def start(self) -> None:
        """Start the threads; once only."""
        self._sealer.start()
        if self._stamps is not None:
            self._stamps.start()

    def stop(self) -> None:
        """Let what is under way finish: a question to the authority takes seconds at most."""
        self._sealer.stop()
        if self._stamps is not None:
            self._stamps.stop()
        if self._authority is not None:
            self._authority.close()

    def _seal(self, _interrupted: Callable[[], bool]) -> datetime:
        """Seal what is due, and have it stamped."""
        signing, now = self._signing(), self._clock()
        return seal_due(self._store, signing, now, within=self._within, told=self._sealed)

    def _sealed(self, batch: BatchRow) -> None:
        self._metrics.sealed(batch.leaves)
        if self._stamps is not None:
            self._stamps.wake()

    def _seal_all(self) -> str:
        batches = entries = 0
        while (batch := seal_batch(self._store, self._signing(), self._clock())) is not None:
            batches, entries = batches + 1, entries + batch.leaves
            self._sealed(batch)
        return sealed_in(entries, batches)

    def _stamp_some(self) -> str:
        if self._stamper is None:
            raise ConfigurationError(
                "The running gateway asks no time stamping authority: add [evidence.stamp] to its "
                "configuration, and start it again."
            )
        return str(self._stamper.stamp_some())


@dataclass(frozen=True, slots=True)
class Stamps:
    """What is needed to stamp, loaded before a store is opened.

    Args:
        row: what the operator set.
        authority: is asked.
        believed: which of its stamps are kept.
    """

    row: StampRow
    authority: StampAuthority
    believed: Believed

    def stamper(self, store: Store, clock: Clock, watcher: StampWatcher = _NOBODY) -> Stamper:
        """Return what stamps the batches of a store."""
        return Stamper(
            store,
            self.authority,
            self.believed,
            self.row.stamps,
            clock,
            watcher=watcher,
            chance=random.random,
        )


def load_stamps(config: Config) -> Stamps | None:
    """Return what is needed to stamp; None where no authority is to be asked.

    Raises:
        ConfigurationError: a file cannot be used, or the extra ``timestamp`` is not installed.
    """
    row = config.stamp
    if not row.is_on:
        return None
    stamp_query(b"nothing")  # the package for it is missed now, not at the first batch
    return Stamps(row, StampAuthority(row), row.believed())


def sealed_in(entries: int, batches: int) -> str:
    """Return the sentence that says what was sealed."""
    some = "1 entry was" if entries == 1 else f"{entries} entries were"
    return f"{some} sealed in {batches} {'batch' if batches == 1 else 'batches'}."
