"""A whole sandbox over one data directory, with a clock that is turned by hand."""

import hashlib
import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.process.admission import Admission
from digipoort_wus.process.agency import Agency, SandboxAgency
from digipoort_wus.process.api import Caller, Period, Scope
from digipoort_wus.process.authorisation import EVERYBODY, AuthorisationTable
from digipoort_wus.process.engine import Engine, Policies, nowhere
from digipoort_wus.process.intake import House
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.scenarios import Scenarios, sandbox_scenarios
from digipoort_wus.process.service import ProcessService
from digipoort_wus.process.steps import AllowAll, Authoriser, Participants
from digipoort_wus.rules.api import RuleEngine
from digipoort_wus.store.objects import PayloadObjects
from digipoort_wus.store.ports import Store
from digipoort_wus.store.postgres import open_postgres
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sqlite import open_sqlite
from digipoort_wus.store.sqlite_file import LeaseClock
from tests.rules import base_rules

T = TypeVar("T")

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENDER = "00000099123456780000"
OTHER = "00000099876543210000"
NUMBER = "001000044B37"
HAPPY = ["105", "100", "110", "200", "301", "301", "405", "400", "500"]
XBRL = (
    '<xbrl xmlns="http://www.xbrl.org/2003/instance"><context id="c"><entity>'
    '<identifier scheme="www.belastingdienst.nl/omzetbelastingnummer">{}</identifier>'
    "</entity></context></xbrl>"
)
DELIVERY = Delivery(
    berichtsoort="Omzetbelasting",
    belanghebbende=Party(NUMBER, "Fi"),
    rol_belanghebbende="Bedrijf",
    document=Document("text/xml", "Omzetbelasting.xbrl", XBRL.format(NUMBER).encode()),
)


@dataclass
class TurnableClock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class HeldDelay:
    """Keeps what was to be called later, until it is released; then delays nothing."""

    calls: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    released: bool = False

    def __call__(self, seconds: float, callback: Callable[[], None]) -> None:
        self.calls.append((seconds, callback))
        if self.released:
            callback()

    def release(self) -> None:
        self.released = True
        for _, callback in self.calls:
            callback()


def new_id() -> str:
    return str(uuid.uuid4())


def caller(oin: str = SENDER, message_id: str | None = None, body: bytes = b"body") -> Caller:
    return Caller(oin, oin, message_id or f"urn:uuid:{new_id()}", hashlib.sha256(body).digest())


def scenario(name: str) -> Delivery:
    return replace(DELIVERY, aanleverkenmerk=name)


@dataclass
class Sandbox:
    store: Store
    clock: TurnableClock
    service: ProcessService
    engine: Engine
    delay: HeldDelay
    admission: Admission

    @property
    def table(self) -> AuthorisationTable:
        return self.admission.table

    @table.setter
    def table(self, table: AuthorisationTable) -> None:
        self.admission.table = table

    def accept(
        self, delivery: Delivery = DELIVERY, who: Caller | None = None, oin: str = SENDER
    ) -> Filing:
        return done(self.service.accept(who or caller(oin), delivery))

    def run(self) -> datetime | None:
        due = self.engine.run_due()
        while self.engine.destination is not nowhere:
            self.engine.finish()
            again = self.engine.run_due()
            if again == due:
                self.engine.finish()
                break
            due = again
        return due

    def codes(self, kenmerk: str, oin: str = SENDER, scope: Scope = Scope.ALL) -> list[str]:
        found = self.service.process_statuses(caller(oin), kenmerk, Period(), scope, None)
        return [row.status.code for row in done(found)]

    def run_until_quiet(self, within: timedelta = timedelta(days=10)) -> None:
        end = self.clock.now + within
        while (due := self.run()) is not None and due < end:
            self.clock.now = max(due, self.clock.now)


def done(future: "Future[T]") -> T:
    return future.result(timeout=20)


@contextmanager
def opened(
    directory: Path,
    *,
    clock: TurnableClock | None = None,
    agency: Agency | None = None,
    rules: RuleEngine | None = None,
    authoriser: Authoriser | None = None,
    scenarios: Scenarios | None = None,
    policies: Policies | None = None,
    table: AuthorisationTable = EVERYBODY,
    database: str | None = None,
    lease_clock: LeaseClock | None = None,
    objects: PayloadObjects | None = None,
) -> Iterator[Sandbox]:
    """Open a sandbox in a data directory, or over a PostgreSQL database with payloads there."""
    clock = clock or TurnableClock()
    played = sandbox_scenarios() if scenarios is None else scenarios
    delay = HeldDelay()
    with (
        ThreadPoolExecutor(2) as executor,
        _opened(directory, clock, database, lease_clock, objects) as store,
    ):
        participants = Participants(
            authoriser or AllowAll(),
            rules or base_rules(),
            agency or SandboxAgency(clock, new_id, played),
        )
        admission = Admission(table, store, clock)
        yield Sandbox(
            store,
            clock,
            ProcessService(
                store,
                House(sandbox_routes(), frozenset({"https://ausp.example/"})),
                clock,
                new_id,
                executor,
                scenarios=played,
                delay=delay,
                authorisations=lambda: admission.table,
            ),
            Engine(store, participants, clock, policies or Policies(), played, chance=lambda: 1.0),
            delay,
            admission,
        )


def _opened(
    directory: Path,
    clock: TurnableClock,
    database: str | None,
    lease_clock: LeaseClock | None,
    objects: PayloadObjects | None,
) -> AbstractContextManager[Store]:
    if database is None:
        turned = lease_clock or (lambda: int(clock.now.timestamp() * 1000))
        return open_sqlite(directory, lease_clock=turned, objects=objects)
    return open_postgres(database, directory, key_ring(bytes(32)), writers=2, objects=objects)


def in_memory(filing: Filing) -> Filing:
    """Return a filing whose large documents are octets again."""
    document, *attachments = (
        replace(item, content=read_content(item.content))
        for item in (filing.delivery.document, *filing.delivery.attachments)
    )
    delivery = replace(filing.delivery, document=document, attachments=tuple(attachments))
    return replace(filing, delivery=delivery)


def times(found: Sequence[datetime]) -> bool:
    """Return whether moments strictly increase."""
    return all(first < second for first, second in itertools.pairwise(found))
