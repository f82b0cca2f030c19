"""Stamps batches of evidence: behind their seal, never in a transaction, again when it fails."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from digipoort_wus.clock import Clock
from digipoort_wus.errors import DigipoortError
from digipoort_wus.evidence.batch import stamped_octets
from digipoort_wus.evidence.findings import Disproved
from digipoort_wus.evidence.stamp import (
    Believed,
    NoStamp,
    Stamp,
    StampPolicy,
    StampState,
    require_fresh,
    stamp_query,
    verify_stamp,
)
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.sealing import batch_of
from digipoort_wus.store.ports import BatchRow, Store

_log = logging.getLogger(__name__)
STAMP_RETRY = RetryPolicy(timedelta(seconds=5), timedelta(minutes=15))
"""An authority that does not answer: our figures; full jitter spreads several gateways."""
LISTED_AT_MOST = 1_000
"""Batches without a stamp that are counted; of more it is only known that there are so many."""

Ask = Callable[[bytes], bytes]
"""Brings a question to the authority, and its answer back; raises NoStamp."""


STAMPED_WITHIN = timedelta(seconds=5)
"""Who wants many batches stamped at once is told after about so long how far it is."""


@dataclass(frozen=True, slots=True)
class Some:
    """How far it is.

    Args:
        stamped: batches, just now.
        left: of at most LISTED_AT_MOST.
    """

    stamped: int
    left: int

    @classmethod
    def of(cls, words: str) -> "Some":
        """Return what :meth:`__str__` wrote, for another process."""
        stamped, left = words.split()
        return cls(int(stamped), int(left))

    def __str__(self) -> str:
        return f"{self.stamped} {self.left}"


class StampWatcher(Protocol):
    """Is told of every question to the authority; in the thread that asked."""

    def stamp_kept(self) -> None:
        """Note a stamp that was verified and kept."""

    def stamp_failed(self) -> None:
        """Note a question without an answer that could be kept."""


class Unwatched:
    """Looks away."""

    def stamp_kept(self) -> None:
        """Do nothing."""

    def stamp_failed(self) -> None:
        """Do nothing."""


class Stamper:
    """Stamps what is sealed and not stamped yet, oldest first; for any thread, one at a time.

    Args:
        store: has the batches.
        ask: asks the authority; it gives up by itself.
        believed: which stamps are kept.
        policy: when a missing stamp is an alarm.
        clock: the gateway's.
        watcher: is told how it goes.
        chance: gives a share between 0 and 1 of the longest pause after a failure.
        retry: how long to leave an authority alone that failed.
    """

    def __init__(
        self,
        store: Store,
        ask: Ask,
        believed: Believed,
        policy: StampPolicy,
        clock: Clock,
        *,
        watcher: StampWatcher,
        chance: Callable[[], float],
        retry: RetryPolicy = STAMP_RETRY,
    ) -> None:
        self._store = store
        self._ask = ask
        self._believed = believed
        self._policy = policy
        self._clock = clock
        self._watcher = watcher
        self._chance = chance
        self._retry = retry
        self._lock = threading.Lock()
        self._failures = 0
        self._since = self._not_before = clock()

    def run_due(self, interrupted: Callable[[], bool]) -> datetime | None:
        """Stamp what is due, and return when to look again; None when that is not known.

        After a failure the authority is left alone for a while, whoever asks for a run.
        """
        while not interrupted():
            now = self._clock()
            if self._failures and now < self._not_before:
                return self._not_before
            batch = self._next()
            if batch is None:
                return None
            try:
                self.stamp(batch)
            except (NoStamp, Disproved) as error:
                return self._failed(batch, str(error))
        return None

    def stamp(self, batch: BatchRow) -> datetime | None:
        """Stamp one batch now, and return the time in its stamp; None: somebody else did.

        Raises:
            NoStamp: the authority gave none.
            Disproved: what it gave is none, or is not believed.
            ConfigurationError: the extra ``timestamp`` is not installed.
            StoreFailed: the store takes no writes.
        """
        with self._lock:
            try:
                stamp = obtain(batch, self._ask, self._believed, self._clock())
            except DigipoortError:
                self._watcher.stamp_failed()
                raise
            kept = _keep(self._store, batch, stamp)
            self._failures = 0
        if kept:
            self._watcher.stamp_kept()
            _log.info(
                "batch %d is stamped, at %s", batch.number, stamp.at, extra={"event": "stamped"}
            )
        return stamp.at if kept else None

    def stamp_some(self, within: timedelta = STAMPED_WITHIN) -> Some:
        """Stamp for about so long, whether or not it failed before, and tell how far it is.

        Raises:
            DigipoortError: as of :meth:`stamp`; what was stamped before stays so.
        """
        end = monotonic() + within.total_seconds()
        waiting = self._store.read(lambda reader: reader.unstamped(LISTED_AT_MOST))
        done = 0
        for batch in waiting:
            self.stamp(batch)
            done += 1
            if monotonic() >= end:
                break
        return Some(done, len(waiting) - done)

    def _next(self) -> BatchRow | None:
        found = self._store.read(lambda reader: reader.unstamped(1))
        return found[0] if found else None

    def _failed(self, oldest: BatchRow, why: str) -> datetime:
        now = self._clock()
        self._since = self._since if self._failures else now
        self._failures += 1
        self._not_before = self._retry.next_at(self._failures, self._since, now, self._chance())
        overdue = self._policy.state(oldest.sealed_at, now) is not StampState.FINE
        _log.log(
            logging.ERROR if overdue else logging.WARNING,
            "batch %d is not stamped, attempt %d: %s",
            *(oldest.number, self._failures, why),
            extra={"event": "stamp-overdue" if overdue else "stamp-failed"},
        )
        return self._not_before


def obtain(batch: BatchRow, ask: Ask, believed: Believed, now: datetime) -> Stamp:
    """Ask for a stamp over a batch and its signature, and return it verified.

    Args:
        batch: sealed.
        ask: asks the authority.
        believed: which stamps are.
        now: moment of the question.

    Raises:
        NoStamp: the authority gave none.
        Disproved: it gave something else.
        ConfigurationError: the extra ``timestamp`` is not installed.
    """
    stamped = stamped_octets(batch_of(batch), batch.signature)
    query = stamp_query(stamped)
    stamp = verify_stamp(
        ask(query.octets),
        stamped,
        believed.roots,
        nonce=query.nonce,
        policy=believed.policy,
    )
    # Of a batch that was dated ahead of its time a stamp is kept, too: it is what shows that, and
    # those behind it would wait until then. A verifier says that it is older than its batch.
    require_fresh(stamp, now)
    return stamp


def _keep(store: Store, batch: BatchRow, stamp: Stamp) -> bool:
    """Keep a stamp; False where another process was faster."""
    try:
        store.write(lambda t: t.stamp(batch.number, stamp.octets, stamp.at)).result()
    except KeyError:
        return False
    return True
