"""Whether a gateway can do its work at this moment, and if not, why."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from time import monotonic
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from digipoort_wus.clock import Clock
from digipoort_wus.evidence.stamp import Stamping, StampPolicy, StampState
from digipoort_wus.pki.distribution import latest_of
from digipoort_wus.pki.revocation import format_second
from digipoort_wus.process.intake import day_of
from digipoort_wus.server.disk import Disk
from digipoort_wus.server.expiry import name_of
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.server.trust import Materials
from digipoort_wus.server.workers import Workers
from digipoort_wus.store.migrate import VERSION
from digipoort_wus.store.ports import Reader, Store, Transaction

PROBE_SECONDS = 1.0
"""Within this the store must have committed something."""
FRESH_SECONDS = 1.0
"""So long what was found of the store is told again: each look at it is a write."""
_PROBE = "probe"
"""In the place of an OIN, which it is none of: a row of its own, written again each time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``text`` is for the operator."""

    check: str
    ok: bool
    text: str


Findings = tuple[Finding, ...]


class Readiness:
    """Looks whether a gateway can take filings; in the reactor's thread.

    Args:
        store: must commit.
        materials: returns the CRLs in force.
        clock: of the CRLs.
        disk: must have room.
        reactor: gives a look an end.
        workers: threads in which the store is waited for.
        stamps: how much depends on the time stamps of the evidence.

    Attributes:
        draining: set when the gateway was told to stop.
        figures: what the rule engine counts; none where nothing is judged, or another engine
            tells other things.
    """

    def __init__(
        self,
        store: Store,
        materials: Callable[[], Materials],
        clock: Clock,
        disk: Disk,
        *,
        reactor: Reactor,
        workers: Workers,
        stamps: StampPolicy,
    ) -> None:
        self.draining = False
        self.figures: Callable[[], Mapping[str, int]] = dict
        self._stamps = stamps
        self._store = store
        self._materials = materials
        self._clock = clock
        self._disk = disk
        self._reactor = reactor
        self._workers = workers
        self._under_way: Future[Findings] | None = None
        self._begun = 0.0

    def look(self) -> "Deferred[Findings]":
        """Return what every check finds; it takes a second at most, and never fails."""
        # Whoever asks while a probe is under way, or just after it, shares it: a store that hangs
        # is asked once, and who asks without a pause writes no more than others.
        is_old = monotonic() - self._begun > FRESH_SECONDS
        if self._under_way is None or (self._under_way.done() and is_old):
            self._begun = monotonic()
            self._under_way = self._workers.submit(self._look_at_store)
        waiting = to_deferred(self._under_way, self._reactor)
        # The thread needs a moment more than the probe that it gives up.
        waiting.addTimeout(PROBE_SECONDS + 0.25, cast(IReactorTime, self._reactor))
        waiting.addErrback(_no_outcome)
        return waiting.addCallback(lambda found: (*found, *self._rest()))

    def _look_at_store(self) -> Findings:
        began = monotonic()
        probe = partial(_write_something, day=day_of(self._clock()))
        try:
            self._store.write(probe).result(PROBE_SECONDS)
            milliseconds = round((monotonic() - began) * 1000)
            schema, oldest, lacking = self._store.read(
                lambda reader: (reader.schema(), _unstamped(reader), reader.keys_lacking())
            )
        except TimeoutError:
            return (_too_slow(),)
        except Exception as error:
            # Its text may name tables and files; the log has it.
            return (Finding("store", False, f"cannot be written: {type(error).__name__}"),)
        known = f"{schema}" if schema == VERSION else f"{schema}, this version needs {VERSION}"
        return (
            Finding("store", True, f"committed within {milliseconds} ms"),
            Finding("schema", schema == VERSION, known),
            Finding("keys", not lacking, _told_of_keys(lacking)),
            *self._stamped(oldest),
        )

    def _stamped(self, oldest: datetime | None) -> Findings:
        if self._stamps.stamping is not Stamping.REQUIRED:
            return ()
        fine = self._stamps.state(oldest, self._clock()) is not StampState.NOT_READY
        told = "every batch has one" if oldest is None else f"none since {format_second(oldest)}"
        return (Finding("stamps", fine, told),)

    def _rest(self) -> Findings:
        shortage = self._disk.shortage()
        told = "the gateway is stopping" if self.draining else "the gateway is not stopping"
        return (
            Finding("disk", not shortage, shortage or f"{self._disk.free()} bytes are free"),
            *self._objects(),
            *self._rules(),
            self._crls(),
            Finding("draining", not self.draining, told),
        )

    def _objects(self) -> Findings:
        """Tell of the object store: without it small filings go on, so the gateway is ready."""
        failed = self._store.objects_failure
        if failed is None:
            return ()
        return (Finding("objects", True, failed or "the object store answers"),)

    def _rules(self) -> Findings:
        """Tell of the processes that judge: without one of them every filing waits."""
        try:
            number = self.figures().get("cheap_workers")
        except Exception as error:
            # Of somebody else's engine; its text may tell anything.
            return (Finding("rules", False, f"the engine raised {type(error).__name__}"),)
        if number is None:
            return ()
        told = f"{number} processes for cheap rules" if number else "no process judges filings"
        return (Finding("rules", number > 0, told),)

    def _crls(self) -> Finding:
        materials, now = self._materials(), self._clock()
        stale, ends = [], []
        for authority in materials.authorities:
            crl = latest_of(authority, materials.index, now)
            if crl is None or crl.next_update_utc is None or crl.next_update_utc < now:
                stale.append(name_of(authority))
            else:
                ends.append(crl.next_update_utc)
        if stale:
            return Finding("crls", False, f"none that is valid now of {', '.join(sorted(stale))}")
        first = f", the first until {format_second(min(ends))}" if ends else ""
        return Finding("crls", True, f"{len(ends)} are valid{first}")


def _unstamped(reader: Reader) -> datetime | None:
    """Return when the oldest batch without a time stamp was sealed."""
    found = reader.unstamped(1)
    return found[0].sealed_at if found else None


def _told_of_keys(lacking: Sequence[str]) -> str:
    if not lacking:
        return "the key ring has what is needed"
    return f"the key ring lacks {', '.join(lacking)}, which wraps what is stored: put it back"


def _write_something(transaction: Transaction, day: date) -> None:
    transaction.add_volume(_PROBE, day, 0)


def _no_outcome(_: Failure) -> Findings:
    return (_too_slow(),)


def _too_slow() -> Finding:
    return Finding("store", False, f"no commit within {PROBE_SECONDS:g} s")
