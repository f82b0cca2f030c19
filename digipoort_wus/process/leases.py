"""Keeps the leases of jobs that are being worked on, from one thread."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from digipoort_wus.store.ports import FilingId, Job

_log = logging.getLogger(__name__)
_BEATS = 3
"""In the time of one lease."""

Extend = Callable[[Sequence[Job]], Sequence[Job]]
"""Leases jobs anew, and returns those that are still held; may raise."""


class Leases:
    """The jobs that this process holds; any thread may ask.

    The thread begins with the first job and ends when none has been held for a while, or by
    :meth:`end`.

    Args:
        extend: writes to the store, and waits for it.
        lease: what each job is leased for.
    """

    def __init__(self, extend: Extend, lease: timedelta) -> None:
        self._extend = extend
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

    def end(self) -> None:
        """Extend no lease any longer, and let the thread end; what is held runs out by itself."""
        with self._gate:
            self._held.clear()
            self._beating = False
            self._ended.set()

    def _beat(self, ended: threading.Event) -> None:
        while True:
            over = ended.wait(self._pause)
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
