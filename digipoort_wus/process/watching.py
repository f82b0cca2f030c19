"""Who looks on while filings are worked on: told of each step once it is recorded."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from digipoort_wus.process.transitions import Event, Step


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step of one filing that was done and recorded.

    Args:
        kenmerk: of the process.
        step: which.
        event: what it found.
        berichtsoort: of the filing.
        sender: OIN of who filed.
        seconds: that the step took, its commit not included.
        after: since the filing was received.
        again: the same is to be tried once more.
    """

    kenmerk: str
    step: Step
    event: Event
    berichtsoort: str
    sender: str
    seconds: float
    after: timedelta
    again: bool


class Watcher(Protocol):
    """Is told what the engine does; in a thread of the engine's, so it must be quick."""

    def lease_expired(self) -> None:
        """Note that a job was claimed whose lease had ended by itself: somebody died over it."""

    def lease_lost(self) -> None:
        """Note that a step was done, and not recorded since somebody else had claimed its job."""

    def stepped(self, stepped: Stepped) -> None:
        """Note a step that was recorded."""

    def set_aside(self, step: str) -> None:
        """Note a job that waits for an operator: its step crashed too often."""

    def step_failed(self, step: str) -> None:
        """Note a step that raised: a mistake of ours, which is tried again."""


class Nobody:
    """Looks away."""

    def lease_expired(self) -> None:
        """Do nothing."""

    def lease_lost(self) -> None:
        """Do nothing."""

    def stepped(self, stepped: Stepped) -> None:
        """Do nothing."""

    def set_aside(self, step: str) -> None:
        """Do nothing."""

    def step_failed(self, step: str) -> None:
        """Do nothing."""
