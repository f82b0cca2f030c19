"""What the engine says of its work: to the log, and to who looks on."""

import logging
from collections.abc import Sequence

from digipoort_wus.process.watching import Stepped, Watcher
from digipoort_wus.store.ports import Job

# The engine's, so that one name in a configuration of logging has all of its work.
_log = logging.getLogger("digipoort_wus.process.engine")


class Teller:
    """Tells the log and a watcher.

    Args:
        watcher: is told as well.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def stepped(self, stepped: Stepped) -> None:
        """Log a step that was recorded, and tell who looks on."""
        self._watcher.stepped(stepped)
        if _log.isEnabledFor(logging.INFO):
            found = f"{stepped.event.value}{', to be tried again' if stepped.again else ''}"
            fields = {
                "event": "step",
                "kenmerk": stepped.kenmerk,
                "oin": stepped.sender,
                "step": stepped.step.value,
                "duration": stepped.seconds,
            }
            _log.info(
                "kenmerk %s: %s: %s", stepped.kenmerk, stepped.step.value, found, extra=fields
            )

    def expired(self, jobs: Sequence[Job]) -> None:
        """Say of which jobs the lease ended by itself."""
        for job in jobs:
            if job.expired:
                self._watcher.lease_expired()
                _log.warning(
                    "kenmerk %s: %s is taken up again, whoever had it did not finish",
                    *(job.kenmerk, job.step),
                    extra={"event": "lease-expired", "kenmerk": job.kenmerk, "step": job.step},
                )

    def alone(self, job: Job) -> None:
        """Say that a job is done while nothing else is, since its process may end again."""
        _log.warning(
            "kenmerk %s: %s is done alone: %d times whoever had it did not finish",
            *(job.kenmerk, job.step, job.crashes),
            extra={"event": "done-alone", "kenmerk": job.kenmerk, "step": job.step},
        )

    def lost(self, job: Job) -> None:
        """Say that somebody else has a job that was worked on."""
        _log.warning(
            "kenmerk %s: %s was taken over by somebody else",
            *(job.kenmerk, job.step),
            extra={"event": "lease-lost", "kenmerk": job.kenmerk, "step": job.step},
        )
        self._watcher.lease_lost()

    def crashed(self, job: Job, crash: str) -> None:
        """Say that a step raised, and where."""
        _log.error(
            "kenmerk %s: %s failed: %s",
            *(job.kenmerk, job.step, crash),
            extra={"event": "step-failed", "kenmerk": job.kenmerk, "step": job.step},
        )
        self._watcher.step_failed(job.step)

    def aside(self, job: Job, reason: str) -> None:
        """Say that a job waits for an operator, and why."""
        _log.error(
            "kenmerk %s: %s is set aside until an operator offers it again: %s",
            *(job.kenmerk, job.step, reason),
            extra={"event": "set-aside", "kenmerk": job.kenmerk, "step": job.step},
        )
        self._watcher.set_aside(job.step)

    def left(self, job: Job, crash: str) -> None:
        """Say that a step was left to its lease, most likely since the store failed."""
        _log.error(
            "kenmerk %s: %s was left: %s",
            *(job.kenmerk, job.step, crash),
            extra={"event": "step-left", "kenmerk": job.kenmerk, "step": job.step},
        )
