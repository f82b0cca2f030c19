"""The processes of a run: started, watched and ended by their own pids."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from chaos.gateway import CANNOT_START
from chaos.journal import Fault, Journal, now
from chaos.settings import Run
from digipoort_wus._crash import VARIABLE

TREE = Path(__file__).parents[1]
_ENDS_WITHIN = 30.0
_STARTS_WITHIN = 60.0
_REFUSALS_MAX = 20


class CannotRun(Exception):
    """The run itself does not work; it proves nothing."""


class Process:
    """A Python module in a process of its own.

    Args:
        run: what it reads.
        module: such as ``chaos.agency``.
        name: of its log, and its argument.
    """

    def __init__(self, run: Run, module: str, name: str) -> None:
        self.name = name
        self._arguments = [sys.executable, "-m", module, str(run.directory / "run.json"), name]
        self._log = run.directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ended(self) -> int | None:
        """Return the exit code, None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def alive(self) -> bool:
        """Return whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, environment: Mapping[str, str] | None = None, *before: str) -> None:
        """Start it, without waiting.

        Args:
            environment: more of it.
            before: a command that starts ours.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*before, *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=TREE,
                # Where PYTHONSAFEPATH is set, as tox does, the folder alone would not do.
                env={**os.environ, "PYTHONPATH": str(TREE), **(environment or {})},
            )

    def wait_ready(self) -> bool:
        """Wait until it says that it is ready; False when it ended instead.

        Raises:
            CannotRun: neither happens.
        """
        process = self._running()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
            if not selector.select(_STARTS_WITHIN):
                raise CannotRun(f"{self.name} does not start: {self.log_end()}")
        if process.stdout and process.stdout.readline():
            return True
        process.wait(_ENDS_WITHIN)
        return False

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self._running().send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_ENDS_WITHIN)
            self._close()

    def finish(self, seconds: float) -> None:
        """End its input, and wait until it has ended by itself.

        Raises:
            CannotRun: it does not, or not in order.
        """
        process = self._running()
        if process.stdin:
            process.stdin.close()
        self._wait(seconds)
        self._require_order()

    def log_end(self) -> str:
        """Return the end of what it said."""
        return self._log.read_text(errors="replace")[-2_000:]

    def _wait(self, seconds: float) -> int:
        """Return the exit code, once there is one."""
        try:
            code = self._running().wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise CannotRun(f"{self.name} does not end: {self.log_end()}") from error
        self._close()
        return code

    def _require_order(self) -> None:
        if self.ended:
            raise CannotRun(f"{self.name} ended with {self.ended}: {self.log_end()}")

    def _close(self) -> None:
        for pipe in (self._running().stdin, self._running().stdout):
            if pipe:
                pipe.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise CannotRun(f"{self.name} was not started")
        return self._process


class Node(Process):
    """A gateway of a run, and what it is told to die of.

    Args:
        run: what it reads.
        name: of the node.
        faults: where its end is noted.
    """

    def __init__(self, run: Run, name: str, faults: Journal) -> None:
        super().__init__(run, "chaos.gateway", name)
        self.serves = False
        self._faults = faults
        self._point = ""
        self._failing = ""
        self._refusals = 0

    @property
    def has_crashed(self) -> bool:
        """Return whether it served, and has ended by itself since."""
        return self.serves and self.ended is not None

    @property
    def is_dead_by_point(self) -> bool:
        """Return whether it ended at its crash point."""
        return self.ended == -signal.SIGKILL

    def begin(self, point: str = "", failing: str = "") -> None:
        """Start it, without waiting.

        Args:
            point: and pass at which it ends by itself, such as ``engine.after_claim:3``.
            failing: what libfiu is to let fail; empty: nothing.
        """
        self._point, self._failing = point, failing
        before = ("fiu-run", "-x", "-c", failing) if failing else ()
        self.start({VARIABLE: point} if point else None, *before)

    def begun(self) -> bool:
        """Wait until it serves; False when it ended before, which is noted.

        Raises:
            CannotRun: it does not start, again and again, although nothing is in its way.
        """
        if self.wait_ready():
            self._refusals, self.serves = 0, True
            return True
        if self.ended == -signal.SIGKILL:
            self.note_crash()
            return False
        self._close()
        self._faults.write(Fault(now(), "refusal", self.name, self._failing))
        self._refusals += 1
        if self._refusals > _REFUSALS_MAX or not (self._failing or self.ended == CANNOT_START):
            raise CannotRun(f"{self.name} does not start: {self.log_end()}")
        return False

    def note_crash(self) -> None:
        """Note that it ended by its point.

        Raises:
            CannotRun: it ended otherwise.
        """
        self.serves = False
        if self.ended != -signal.SIGKILL:
            raise CannotRun(f"{self.name} ended with {self.ended}: {self.log_end()}")
        self._close()
        self._faults.write(Fault(now(), "crash", self.name, self._point.partition(":")[0]))

    def end_in_order(self) -> None:
        """Ask it to end, and wait until it has; it may come to its point on the way.

        Raises:
            CannotRun: it does not end, or not in order.
        """
        self.serves = False
        self._running().terminate()
        if self._wait(_ENDS_WITHIN) == -signal.SIGKILL:
            self.note_crash()
        else:
            self._faults.write(Fault(now(), "end", self.name))
            self._require_order()

    def end(self) -> None:
        """Kill it."""
        self.serves = False
        self.kill()
        self._faults.write(Fault(now(), "kill", self.name, self._failing))
