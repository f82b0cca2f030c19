"""Runs senders, nodes and agency, and does to them what the seed says."""

import json
import os
import random
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import sleep
from typing import Protocol

from chaos.agency import Manners
from chaos.check import KILLED, SLACK, Bounds, Evidence
from chaos.journal import Begun, Event, Fault, Handed, Journal, now, read
from chaos.look import asking, look
from chaos.mutants import MUTANTS
from chaos.nodes import CannotRun, Node, Process
from chaos.opening import ANSWERS_WITHIN, open_storage
from chaos.parts import wait_until
from chaos.progress import Progress
from chaos.settings import AGENCY, Front, Run
from chaos.wus_agency import kenmerken_of, untold
from digipoort_wus._crash import POINTS
from digipoort_wus.clock import system_clock
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.pki.testpki import keys_from, make_pki, write_pki
from digipoort_wus.store.ports import FilingId, Transaction
from tests.ebms_parties import pair

CERTS_TEST = Path(__file__).parents[1] / "certs-test"
FAILING = {
    "EIO at sync": "enable_random name=posix/io/sync/*,probability=0.02,failinfo=5",
    "EIO at write": "enable_random name=posix/io/rw/pwrite,probability=0.01,failinfo=5",
    "disk full": "enable_random name=posix/io/rw/pwrite,probability=0.02,failinfo=28",
}
"""What libfiu lets fail, by name."""
RARE = frozenset(point for point in POINTS if point.startswith(("payload", "sweep")))
PASSES: dict[Front, int] = {"lines": 60, "tls": 8, "wus": 8, "ebms": 8}
"""How often the other points are passed in the life of a node, about."""
_ARMED, _UNDER_FIU, _TWO = 0.6, 0.15, 0.5
_HOUR = 3_600
_ASIDE_MAX = 10_000
_TICK = 0.005
_SENDERS_FINISH_WITHIN = 130.0
_LOSE: dict[Front, float] = {"lines": 0.02, "tls": 0.02, "wus": 0.05, "ebms": 0.05}
_AGENCIES: dict[Front, str] = {"wus": "chaos.wus_agency", "ebms": "chaos.ebms_agency"}
_LEASE_FOR_EVER = 10.0


class Database(Protocol):
    """A server that can be ended as if it had crashed."""

    def stop(self, how: signal.Signals) -> None:
        """End it."""

    def start(self) -> None:
        """Start it again over what is on the disk."""


class Controller:
    """One run.

    Args:
        run: what is asked.
        database: the server of the store; None without one.
        failing: whether libfiu is here.
    """

    def __init__(self, run: Run, database: Database | None, *, failing: bool) -> None:
        self._run = run
        self._database = database
        self._failing = failing and run.store == "sqlite"
        self._chance = random.Random(f"controller {run.seed}")
        self._faults = Journal(run.journal("faults"))
        self._nodes = [Node(run, name, self._faults) for name in run.names]
        self._agency = Process(run, _AGENCIES.get(run.front, "chaos.agency"), AGENCY)
        self._senders = [
            Process(run, "chaos.sender", f"sender-{number}") for number in range(run.senders)
        ]
        self._kills = 0

    def play(self) -> None:
        """Do everything.

        Raises:
            CannotRun: a process of the run itself failed.
        """
        with self._everybody():
            end = now() + self._run.most
            progress = Progress(self._run)
            while now() < end:
                progress.tell(self._kills)
                if self._kills >= self._run.kills and progress.acked >= self._run.least:
                    break
                self._round()
            self._be_quiet()

    @contextmanager
    def _everybody(self) -> Iterator[None]:
        """Begin everything, and leave no process behind."""
        with ExitStack() as stack:
            stack.callback(self._faults.close)
            for process in (self._agency, *self._nodes, *self._senders):
                stack.callback(process.kill)
            self._behave(self._usual)
            self._turn_clock(0)
            self._start_agency()
            for node in self._nodes:
                node.begin()
            for node in self._nodes:
                if not node.begun():
                    raise CannotRun(f"{node.name} does not start: {node.log_end()}")
            for sender in self._senders:
                sender.start()
            for sender in self._senders:
                if not sender.wait_ready():
                    raise CannotRun(f"{sender.name} does not start: {sender.log_end()}")
            yield

    def _start_agency(self) -> None:
        self._agency.start()
        if not self._agency.wait_ready():
            raise CannotRun(f"no agency: {self._agency.log_end()}")

    def _round(self) -> None:
        """Let everybody work for a moment, disturb it, and let at least one node die."""
        before, life = self._kills, self._chance.uniform(0.2, 0.8)
        self._watch(life / 2)
        self._chance.choice(self._disturbances())()
        self._watch(life / 2)
        # Of three, two at once: the third has it all.
        at_once = 2 if len(self._nodes) > 2 and self._chance.random() < _TWO else 1
        for node in self._chance.sample(self._nodes, at_once):
            if self._kills - before < at_once and node.serves:
                node.end()
                self._kills += 1
        self._revive(armed=True)

    def _watch(self, seconds: float) -> None:
        """Wait, and note at once who ends by itself."""
        end = now() + seconds
        while now() < end:
            for node in self._nodes:
                if node.has_crashed:
                    node.note_crash()
                    self._kills += 1
            sleep(_TICK)

    def _revive(self, *, armed: bool) -> None:
        """Start the nodes that are down, until all serve."""
        while down := [node for node in self._nodes if not node.serves]:
            for node in down:
                chance = self._chance.random()
                if armed and chance < _ARMED:
                    node.begin(self._point())
                elif armed and self._failing and chance < _ARMED + _UNDER_FIU:
                    node.begin(failing=self._chance.choice(sorted(FAILING.values())))
                else:
                    node.begin()
            self._kills += sum(not node.begun() and node.is_dead_by_point for node in down)

    def _point(self) -> str:
        point = self._chance.choice(sorted(POINTS))
        most = 2 if point in RARE else PASSES[self._run.front] // self._run.nodes
        return f"{point}:{self._chance.randint(1, most)}"

    @property
    def _usual(self) -> Manners:
        """Return how the agency behaves when nothing is done to it."""
        return Manners(lose=_LOSE[self._run.front])

    @property
    def _too_long(self) -> float:
        """Return seconds after which a lease is over, where it is not longer than the run."""
        return 1.5 * (self._run.lease if self._run.lease < _LEASE_FOR_EVER else 1.0)

    def _disturbances(self) -> list[Callable[[], None]]:
        """Return what may be done in the middle of a round, the usual ones more than once."""
        some = [*([self._nothing] * 4), self._restart_in_order]
        some += [self._jump, self._jump, self._agency_down, self._agency_late, self._agency_late]
        some += [self._stop_a_node] * (2 if self._run.nodes > 1 else 1)
        if self._database is not None:
            some += [self._crash_database] * 3
        if self._run.has_real_agency:
            some += [self._kill_agency] * 4
        # What a mutant shows under is done more often, so that few deaths are enough.
        shows = MUTANTS[self._run.mutant].shows if self._run.mutant else ""
        if shows == "zombie":
            some += [self._agency_late, self._stop_a_node] * len(some)
        elif shows == "power":
            some += [self._crash_database] * len(some)
        return some

    def _nothing(self) -> None:
        """Do nothing."""

    def _jump(self) -> None:
        """Turn the clock of everybody by an hour, and back."""
        offset = self._chance.choice((-_HOUR, _HOUR))
        self._faults.write(Fault(now(), "clock", detail=str(offset)))
        self._turn_clock(offset)
        self._watch(self._chance.uniform(0.1, 0.5))
        self._turn_clock(0)

    def _agency_down(self) -> None:
        """Let the agency take nothing for a moment."""
        self._faults.write(Fault(now(), "agency", detail="down"))
        self._behave(Manners(down=True))
        self._watch(self._chance.uniform(0.2, 0.8))
        self._behave(self._usual)

    def _kill_agency(self) -> None:
        """End the agency at once, and start it again after a moment."""
        self._faults.write(Fault(now(), "agency", detail=KILLED))
        self._agency.kill()
        self._watch(self._chance.uniform(0.1, 0.5))
        self._start_agency()

    def _agency_late(self) -> None:
        """Let the agency acknowledge late, and keep leases from being extended meanwhile."""
        self._faults.write(Fault(now(), "agency", detail="late"))
        if self._run.has_real_agency:
            # The leases are extended, and the gateway does not wait for so long.
            self._behave(Manners(late=1.0, late_seconds=ANSWERS_WITHIN + 1.0))
            self._watch(0.5)
            self._behave(self._usual)
            return
        self._run.deaf_file.touch()
        self._behave(Manners(late=0.1, late_seconds=self._too_long))
        self._watch(0.5)
        self._behave(self._usual)
        self._watch(self._too_long)
        self._run.deaf_file.unlink()

    def _stop_a_node(self) -> None:
        """Stop a node until its leases are over, and let it go on."""
        node = self._chance.choice(self._nodes)
        if not node.serves or node.ended is not None:
            return
        self._faults.write(Fault(now(), "stop", node.name))
        node.send(signal.SIGSTOP)
        self._watch(self._too_long)
        node.send(signal.SIGCONT)
        self._faults.write(Fault(now(), "continue", node.name))
        self._watch(0.2)

    def _restart_in_order(self) -> None:
        """Let a node finish what it is doing, and start it again."""
        node = self._chance.choice(self._nodes)
        if node.serves and node.ended is None:
            node.end_in_order()
            self._kills += node.is_dead_by_point
            self._revive(armed=True)

    def _crash_database(self) -> None:
        """End the server without letting it write anything, and start it again."""
        if self._database is not None:
            self._faults.write(Fault(now(), "database"))
            self._database.stop(signal.SIGQUIT)
            self._database.start()
            self._faults.write(Fault(now(), "database back"))

    def _be_quiet(self) -> None:
        """Let everything come to its end, and end everybody in order.

        Raises:
            CannotRun: somebody does not end in order.
        """
        self._behave(Manners(lose=0.0))
        # Also what was put off while the clock was ahead is due then.
        self._turn_clock(2 * _HOUR)
        for node in self._nodes:
            if node.serves:
                node.end()
        self._faults.write(Fault(now(), "quiet"))
        self._revive(armed=False)
        for sender in self._senders:
            sender.finish(_SENDERS_FINISH_WITHIN)
        if self._run.has_real_agency:
            # What it was to say again in a minute it says now.
            self._agency.kill()
            self._start_agency()
        end = now() + self._run.quiet
        self._wait_for_jobs(end)
        while aside := self._end_and_offer():
            self._faults.write(Fault(now(), "offered", detail=str(aside)))
            self._revive(armed=False)
            self._wait_for_jobs(end)
        self._agency.kill()

    def _wait_for_jobs(self, end: float) -> None:
        """Wait until nothing is left to do but what was set aside, or it is too late."""
        with asking(self._run) as ask:
            left = "SELECT count(*) FROM job WHERE state = 'ready'"
            wait_until(lambda: ask(left)[0][0] == 0, end - now())
            if self._run.has_real_agency:
                # A verdict may still be on its way.
                wait_until(lambda: untold(self._run) == 0, end - now())

    def _end_and_offer(self) -> int:
        """End everybody in order, and do what an operator does with what was set aside.

        Returns:
            how many filings were set aside: their node died again and again.
        """
        for node in self._nodes:
            node.end_in_order()
        return offer_again(self._run)

    def _behave(self, manners: Manners) -> None:
        manners.save(self._run.agency_file)

    def _turn_clock(self, seconds: int) -> None:
        draft = self._run.clock_file.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.rename(self._run.clock_file)


def offer_again(run: Run) -> int:
    """Offer everything again that was set aside, and return how many that were; no node may run."""
    with closing(open_storage(run).store) as store:
        jobs = store.read(lambda reader: reader.jobs_aside(_ASIDE_MAX))
        for job in jobs:
            again = partial(_offer, filing_id=job.filing_id)
            store.write(again).result()
    return len(jobs)


def _offer(transaction: Transaction, filing_id: FilingId) -> None:
    transaction.offer_again(filing_id, system_clock())


def prepare(run: Run) -> None:
    """Make what a run needs before its first process."""
    run.save()
    run.disk.mkdir()
    if run.front != "lines":
        # Older than any jump of the clock.
        began = system_clock() - timedelta(days=1)
        pki = make_pki("g1", now=began, key_source=keys_from(CERTS_TEST / "g1"))
        write_pki(pki, run.pki)
        run.ports_file.write_text(json.dumps(_free_ports(*run.names, AGENCY)))
        if run.front == "ebms":
            # Nothing is given up within hours: the clock jumps.
            agreed = pair(
                pki,
                Profile(run.profile),
                urls=(_ebms_url(run, AGENCY), _ebms_url(run, run.names[0])),
                retries=20_000,
                interval=timedelta(seconds=1),
                at=began,
            )
            run.cpa_file.write_bytes(agreed.octets)


def _ebms_url(run: Run, name: str) -> str:
    return f"https://localhost:{run.port(name)}/ebms"


def _free_ports(*names: str) -> dict[str, int]:
    """Return a port for each; nobody else is likely to take it in the meantime."""
    with ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in names}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}


def gather(run: Run) -> Evidence:
    """Return what a run left, once nothing of it runs any more."""
    everything = sorted(run.directory.glob("*.jsonl"))
    # On a busy machine everything takes so much longer, a first claim as well.
    waiting = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))

    def of(name: str) -> list[Path]:
        return [path for path in everything if path.name.startswith(name)]

    return Evidence(
        history=read(Event, *of("history")),
        stored=look(run),
        agency=read(Handed, *of("agency")),
        begun=read(Begun, *of("steps")),
        faults=read(Fault, *of("faults")),
        kept=kenmerken_of(run) if run.has_real_agency else None,
        # Who opens a data directory knows that nobody else has it, and ends all leases.
        bounds=Bounds(
            run.batch * run.engines,
            0.0 if run.store == "sqlite" else run.lease,
            run.nodes,
            SLACK * waiting,
        ),
    )
