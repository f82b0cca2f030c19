"""What a gateway of a run is made with: whom its steps ask, and its clock."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar
from uuid import NAMESPACE_URL, uuid4, uuid5

from chaos.journal import Begun, Journal, now
from chaos.settings import Run
from chaos.wire import Line, Lost
from digipoort_wus.filing.content import Content, open_content
from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.process.agency import (
    Accepted,
    Delivered,
    Refused,
    Rejected,
    Underway,
    Unreachable,
)
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.rules.api import Report, RuleEngine, Stage
from digipoort_wus.rules.catalogue import catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED, Engine
from digipoort_wus.rules.loading import load_sets

QUICK_RETRY = RetryPolicy(
    timedelta(seconds=0.2), timedelta(seconds=1), give_up_after=timedelta(hours=24)
)
"""Of deliveries: what takes hours elsewhere takes seconds here."""
PARTY = Party("001000044B37", "Fi")
Outcome = Delivered | Rejected | Unreachable | Underway
W = TypeVar("W")
_AGENCY_SECONDS = 10.0
_PIECE = 65_536
_CLOCK_KEPT = 0.02


def base_rules() -> RuleEngine:
    """Return the rules for a berichtsoort that no set is for, whatever the berichtsoort."""
    sets = load_sets((SHIPPED,), installed_kinds())
    return Engine(catalogue_of([one for one in sets if one.id == "nl.base"]))


def digest_of(content: Content) -> str:
    """Return the SHA-256 of a content, which is read from where it is."""
    running = hashlib.sha256()
    with open_content(content) as file:
        while piece := file.read(_PIECE):
            running.update(piece)
    return running.hexdigest()


class JumpingClock:
    """The time of the day, wrong by what a file says.

    Args:
        path: holds seconds; is read anew many times a second.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = timedelta()
        self._read_at = -1.0

    def __call__(self) -> datetime:
        """Return the moment."""
        if now() - self._read_at > _CLOCK_KEPT:
            self._offset = timedelta(seconds=float(self._path.read_text()))
            self._read_at = now()
        return datetime.now(UTC) + self._offset


@dataclass(frozen=True, slots=True)
class Witness:
    """Notes that a node began a step, and asks whoever knows.

    It stands for authoriser, rules and agency, so that no step goes unseen.

    Args:
        run: where the agency is.
        node: who asks.
        journal: the node's own.
        clock: of return messages.
    """

    run: Run
    node: str
    journal: Journal
    clock: Callable[[], datetime]
    rules: RuleEngine = field(default_factory=base_rules)
    _local: threading.local = field(default_factory=threading.local)

    def ask(self, filing: Filing) -> Literal["200", "210", "230"]:
        """Allow everything."""
        self._begun(filing)
        return "200"

    def validate(self, filing: Filing, stage: Stage) -> Report:
        """Judge by the base rules."""
        self._begun(filing)
        return self.rules.validate(filing, stage)

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        """Read the whole document and tell the agency of it, under an identifier that stays."""
        del attempt
        self._begun(filing)
        message = {
            "message_id": f"urn:uuid:{uuid5(NAMESPACE_URL, filing.berichtkenmerk)}",
            "kenmerk": filing.kenmerk,
            "content": digest_of(filing.delivery.document.content),
        }
        try:
            self._line().ask(message)
        except Lost as lost:
            self._put_off(filing)
            return Unreachable(str(lost))
        return Delivered()

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        """Accept, with a message for the mailbox that takes a new identifier every time."""
        self._begun(filing)
        berichtkenmerk = str(uuid4())
        message = ReturnMessage(
            kenmerk=filing.kenmerk,
            berichtkenmerk=berichtkenmerk,
            berichtsoort=filing.delivery.berichtsoort,
            offered_at=self.clock().replace(microsecond=0),
            belanghebbende=filing.delivery.belanghebbende,
            rol_belanghebbende=filing.delivery.rol_belanghebbende,
            document=Document("text/plain", "antwoord.txt", berichtkenmerk.encode()),
        )
        return Accepted(None, (message,))

    def watching(
        self, deliver: Callable[[W, Filing, int], Outcome]
    ) -> Callable[[W, Filing, int], Outcome]:
        """Return a way to deliver that notes when it began, and when it will be tried again."""

        def watched(way: W, filing: Filing, attempt: int) -> Outcome:
            self._begun(filing)
            outcome = deliver(way, filing, attempt)
            if isinstance(outcome, Unreachable | Underway):
                self._put_off(filing)
            return outcome

        return watched

    def _begun(self, filing: Filing) -> None:
        self.journal.write(Begun(now(), self.node, filing.kenmerk))

    def _put_off(self, filing: Filing) -> None:
        self.journal.write(Begun(now(), self.node, filing.kenmerk, "put off"))

    def _line(self) -> Line:
        """Return the connection of this thread."""
        found: Line | None = getattr(self._local, "line", None)
        if found is None:
            found = self._local.line = Line(self.run.agency_socket, _AGENCY_SECONDS)
        return found


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether something became true in time."""
    end = now() + seconds
    while not condition():
        if now() > end:
            return False
        time.sleep(0.02)
    return True
