"""The example agency in a process of its own, over mutual TLS, with manners that change.

Usage: python -m chaos.wus_agency RUN.json agency

It is the package's agency, unchanged: AfleverService in front, an inbox that keeps each filing
before it is acknowledged, and a messenger that tells the gateway by aanbieden and zetStatus.
It may be killed at any moment, and goes on where it was.
"""

import hashlib
import json
import random
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from chaos.agency import Manners
from chaos.journal import Handed, Journal, now
from chaos.parts import JumpingClock
from chaos.settings import AGENCY, Run
from chaos.wire import end_with_parent
from digipoort_wus.clock import Clock
from digipoort_wus.delivery.example import Conduct
from digipoort_wus.delivery.inbox import Arrival, Inbox, Taken
from digipoort_wus.delivery.messages import Verdict
from digipoort_wus.filing.filing import ReturnMessage

if TYPE_CHECKING:
    from digipoort_wus.delivery.reporting import Reporting
    from digipoort_wus.server.trust import Materials

TWICE = 0.05
"""Of its filings it says everything to the gateway a second time, under another MessageID."""
_LATE_FOR = 1.0
_NEVER = float("inf")


def kenmerken_of(run: Run) -> frozenset[str]:
    """Return the kenmerken of what the agency keeps."""
    return frozenset(row[0] for row in _ask(run, "SELECT kenmerk FROM taken"))


def untold(run: Run) -> int:
    """Return of how many filings the gateway has yet to hear."""
    rows = _ask(run, "SELECT count(*) FROM taken WHERE NOT reported OR NOT offered")
    return int(rows[0][0])


def _ask(run: Run, statement: str) -> list[tuple[str, ...]]:
    address = f"{(run.inbox / 'agency.db').absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return connection.execute(statement).fetchall()


class Changing:
    """A conduct that is read anew each time; in the place of a ``Conduct``.

    Args:
        run: says where it stands.
    """

    refuse = False
    fault = ""

    def __init__(self, run: Run) -> None:
        self._path = run.agency_file
        self._random = random.Random(f"agency {run.seed} {now()}")
        self._gate = threading.Lock()
        self._late_until = 0.0
        self._lost: set[str] = set()

    @property
    def slow(self) -> float:
        """Return for how long an answer waits: longer than the gateway does."""
        manners = self._manners()
        if not manners.late:
            return 0
        self._late_until = now() + manners.late_seconds + _LATE_FOR
        return manners.late_seconds

    @property
    def down_for(self) -> float:
        """Return for how long it answers 503."""
        return _NEVER if self._manners().down else 0

    @property
    def double_report(self) -> bool:
        """Return whether something is said twice."""
        return self._chance() < TWICE

    def fate(self, message_id: str) -> Literal["sent", "lost", "late"]:
        """Decide what becomes of an acknowledgement."""
        if self._chance() < self._manners().lose:
            with self._gate:
                self._lost.add(message_id)
            return "lost"
        return "late" if now() < self._late_until else "sent"

    def loses(self, taken: Taken) -> bool:
        """Return what was decided."""
        with self._gate:
            lost = taken.arrival.message_id in self._lost
            self._lost.discard(taken.arrival.message_id)
        return lost

    def _manners(self) -> Manners:
        return Manners(**json.loads(self._path.read_text()))

    def _chance(self) -> float:
        with self._gate:
            return self._random.random()


class WatchedInbox(Inbox):
    """Notes what comes, before it is kept: also what comes again.

    Args:
        directory: of the inbox.
        conduct: decides on the answers.
        journal: of the agency.
    """

    def __init__(self, directory: Path, conduct: Changing, journal: Journal) -> None:
        super().__init__(directory)
        self._conduct = conduct
        self._journal = journal

    def take(self, arrival: Arrival, at: datetime) -> Taken:
        """Note a filing, and keep it."""
        content = hashlib.sha256(arrival.content).hexdigest()
        fate = self._conduct.fate(arrival.message_id)
        names = arrival.message_id, arrival.kenmerk, content
        self._journal.write(Handed(now(), *names, fate))
        return super().take(arrival, at)


class Anywhere:
    """Tells any of the gateways; in the place of a ``Reporting``."""

    def __init__(self, ways: "Sequence[Reporting]", chance: random.Random) -> None:
        self._ways = ways
        self._chance = chance

    def report(self, verdict: Verdict, message_id: str) -> None:
        """Report a verdict."""
        self._chance.choice(self._ways).report(verdict, message_id)

    def offer(self, message: ReturnMessage, message_id: str) -> None:
        """Offer a message."""
        self._chance.choice(self._ways).offer(message, message_id)

    def close(self) -> None:
        """Close all connections."""
        for way in self._ways:
            way.close()


def materials_of(run: Run) -> "Materials":
    """Return the agency's identity, and whom it believes."""
    from digipoort_wus.pki import profiles
    from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem
    from digipoort_wus.server.trust import Materials

    identity = load_pem(run.pki / "agency.pem", run.pki / "agency.key")
    return Materials(
        tls=identity,
        signing=identity,
        authorities=load_certificates(run.pki / "ca.pem"),
        crls=load_crls(run.pki / "crl"),
        acceptance=profiles.TEST,
    )


def reportings(run: Run, clock: Clock) -> "tuple[str, list[Reporting]]":
    """Return the OIN of the gateways, and the way back to each."""
    from digipoort_wus.delivery.connection import Timeouts
    from digipoort_wus.delivery.exchange import Credentials
    from digipoort_wus.delivery.reporting import Reporting
    from digipoort_wus.pki.identity import load_certificates
    from digipoort_wus.pki.oin import oin_of

    materials = materials_of(run)
    oin = oin_of(load_certificates(run.pki / "gateway-signing.pem")[0])
    own = Credentials(materials.tls, materials.signing, materials.store())
    return oin, [
        Reporting(
            f"https://localhost:{run.port(name)}",
            oin,
            lambda: own,
            clock=clock,
            timeouts=Timeouts(3, 10, 10),
        )
        for name in run.names
    ]


def main() -> None:
    """Serve until SIGTERM."""
    end_with_parent()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run = Run.load(Path(sys.argv[1]))

    from digipoort_wus.server.agency import ExampleAgency
    from digipoort_wus.testing.reactor_thread import ReactorThread

    materials = materials_of(run)
    clock, conduct = JumpingClock(run.clock_file), Changing(run)
    oin, ways = reportings(run, clock)
    inbox = WatchedInbox(run.inbox, conduct, Journal(run.journal(AGENCY)))
    with ReactorThread() as thread:

        def begin() -> ExampleAgency:
            agency = ExampleAgency(
                inbox,
                materials,
                oin,
                reporting=cast("Reporting", Anywhere(ways, random.Random(run.seed))),
                conduct=cast(Conduct, conduct),
                reactor=thread.reactor,
                clock=clock,
            )
            agency.listen("127.0.0.1", run.port(AGENCY))
            return agency

        agency = thread.call(begin)
        print("ready", flush=True)
        signal.sigwait({signal.SIGTERM})
        thread.call(cast("Callable[[], None]", agency.stop))


if __name__ == "__main__":
    main()
