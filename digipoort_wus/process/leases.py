"""Keeps the leases of jobs that are being worked on, from one thread."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from digipoort_wus.store.ports import FilingId, Job

_log = logging.getLogger(__name__)
_BEATS = 3
"""In the time of one lease."""

Extend = Callable[[Sequence[Job]], Sequence[Job]]
"""Leases jobs anew, and returns those that are still held; may raise."""


Release = Callable[[Sequence[Job]], None]
"""Lets jobs be claimed again, as if they had not been claimed; may raise."""
LONGEST_STEP = timedelta(minutes=15)
_TOLD = 5


@dataclass(eq=False, slots=True)
class _Doing:
    """A step that is under way, and the jobs that its thread has in hand besides."""

    job: Job
    beside: Mapping[FilingId, Job]
    since: float = field(default_factory=monotonic)
    told: bool = False


class Leases:
    """The jobs that this process holds; any thread may ask.

    The thread begins with the first job and ends when none has been held for a while, or by
    :meth:`end`.

    Args:
        extend: writes to the store, and waits for it.
        lease: what each job is leased for.
        release: what waits behind a step that does not come back goes to others.
        longest: a step that takes longer is taken for one that does not come back: its lease
            is not extended any more, and ends as if the process had died of it.
    """

    def __init__(
        self,
        extend: Extend,
        lease: timedelta,
        release: Release | None = None,
        longest: timedelta = LONGEST_STEP,
    ) -> None:
        self._extend = extend
        self._release = release
        self._longest = longest.total_seconds()
        self._doing: set[_Doing] = set()
        self._pause = lease.total_seconds() / _BEATS
        self._gate = threading.Lock()
        self._held: dict[FilingId, Job] = {}
        self._beating = False
        self._ended = threading.Event()

    def hold(self, jobs: Iterable[Job]) -> None:
        """Extend the leases of these from now on."""
        with self._gate:
            self._held.update((job.filing_id, job) for job in jobs)
            if self._beating or not self._held:
                return
            self._beating = True
            ended = self._ended = threading.Event()
        threading.Thread(
            target=self._beat, args=(ended,), name="process-leases", daemon=True
        ).start()

    def let_go(self, job: Job) -> None:
        """Extend the lease of this one no longer."""
        with self._gate:
            held = self._held.get(job.filing_id)
            if held is not None and held.token == job.token:
                del self._held[job.filing_id]

    def holds(self, job: Job) -> bool:
        """Return whether the lease is still ours, as far as is known."""
        with self._gate:
            held = self._held.get(job.filing_id)
            return held is not None and held.token == job.token

    @contextmanager
    def doing(self, job: Job, beside: Mapping[FilingId, Job] | None = None) -> Iterator[None]:
        """Watch over a step for as long as it lasts.

        Args:
            job: whose step.
            beside: jobs that wait for its end, in whoever changes it.
        """
        doing = _Doing(job, {} if beside is None else beside)
        with self._gate:
            self._doing.add(doing)
        try:
            yield
        finally:
            with self._gate:
                self._doing.discard(doing)

    def overdue(self) -> str:
        """Say which steps do not come back, for the operator; empty when all do."""
        now = monotonic()
        with self._gate:
            lasted = [(doing.job, now - doing.since) for doing in self._doing]
        late = [
            f"{job.step} of kenmerk {job.kenmerk} has not come back for {seconds:.0f} s"
            for job, seconds in lasted
            if seconds > self._longest
        ]
        return "; ".join(late[:_TOLD])

    def _give_up(self) -> None:
        """Let go of what does not come back, and of what waits for it."""
        now = monotonic()
        with self._gate:
            late = [one for one in self._doing if now - one.since > self._longest and not one.told]
            for one in late:
                one.told = True
        for one in late:
            waiting = [
                job
                for job in list(one.beside.values())
                if job.filing_id != one.job.filing_id and self.holds(job)
            ]
            for job in (one.job, *waiting):
                self.let_go(job)
            _log.error(
                "kenmerk %s: %s has not come back for %.0f s: its lease is not extended any more",
                *(one.job.kenmerk, one.job.step, now - one.since),
                extra={
                    "event": "step-overdue",
                    "kenmerk": one.job.kenmerk,
                    "step": one.job.step,
                },
            )
            if self._release is not None and waiting:
                self._release(waiting)

    def end(self) -> None:
        """Extend no lease any longer, and let the thread end; what is held runs out by itself."""
        with self._gate:
            self._held.clear()
            self._beating = False
            self._ended.set()

    def _beat(self, ended: threading.Event) -> None:
        while True:
            over = ended.wait(self._pause)
            try:
                self._give_up()
            except Exception as error:
                # Their leases end by themselves.
                _log.warning(
                    "jobs behind a step could not be given back: %s",
                    type(error).__name__,
                    extra={"event": "lease-not-extended"},
                )
            with self._gate:
                jobs = list(self._held.values())
                if over or not jobs:
                    # After an end, who held something since then began another thread.
                    if self._ended is ended:
                        self._beating = False
                    return
            try:
                kept = {(job.filing_id, job.token) for job in self._extend(jobs)}
            except Exception as error:
                # The next beat may come in time; if not, somebody else takes over.
                _log.warning(
                    "the leases of %d jobs could not be extended: %s",
                    *(len(jobs), type(error).__name__),
                    extra={"event": "lease-not-extended"},
                )
                continue
            for job in jobs:
                if (job.filing_id, job.token) not in kept:
                    self.let_go(job)
