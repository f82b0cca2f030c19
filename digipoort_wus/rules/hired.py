"""One rule worker, as the process that has started it sees it."""

import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules import confine, wire
from digipoort_wus.rules.api import Stage
from digipoort_wus.rules.lost import Known, known_of
from digipoort_wus.rules.ruleset import EVERYTHING
from digipoort_wus.rules.worker_main import Task

# The path of this process, for a worker sees no environment and no directory of its own.
_BEGIN = """\
import sys, json
sys.path[:] = json.loads(sys.argv.pop())
from digipoort_wus.rules.worker_main import main
main()
"""
_DYING_SECONDS = 0.5
_DEAD_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Hello:
    """What a worker says when it is ready.

    Args:
        digest: of its rule sets.
        costs: of the rules in them.
        named: berichtsoorten that sets name.
        slow: those of which some set has rules that are not cheap, by stage.
        unready: rules that it should judge and cannot, each with the reason.
        open: what it could not give up, each a reason.
        sets: that a berichtsoort can choose.
    """

    digest: str
    costs: frozenset[str]
    named: frozenset[str]
    slow: Mapping[str, frozenset[str]]
    unready: tuple[str, ...]
    open: tuple[str, ...]
    sets: tuple[Known, ...] = ()

    def is_slow(self, berichtsoort: str, stage: Stage) -> bool:
        """Return whether rules that are not cheap may judge such a filing, on some day."""
        slow = self.slow.get(stage.value, frozenset())
        return berichtsoort in slow or (EVERYTHING in slow and berichtsoort not in self.named)


class Hired:
    """A worker; for one thread at a time.

    It ends when the thread that has made this ends.

    Args:
        task: what it is there for.

    Raises:
        OSError: no process could be started.
    """

    def __init__(self, task: Task) -> None:
        self._channel, theirs = socket.socketpair()
        self.task = task
        self.tired = False
        """Whether it would like to be replaced."""
        self._asked = 0
        self._mark = secrets.token_hex(16)
        with theirs:
            try:
                self._process = _started(theirs, self._mark)
            except BaseException:
                self._channel.close()
                raise
        # What has ended is not reaped before its group is: until then its number is its own.
        self._handle = os.pidfd_open(self._process.pid)
        self._ending = threading.Lock()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def is_there(self) -> bool:
        """Whether its process has not ended."""
        return not self._has_ended(0)

    def load(self, seconds: float) -> Hello:
        """Let it load the rule sets.

        Raises:
            ConfigurationError: they cannot be used, or it did not come so far.
        """
        deadline = time.monotonic() + seconds
        try:
            wire.send(self._channel, self.task.values(), deadline=deadline)
            frame = wire.receive(self._channel, deadline)
        except wire.TooLate:
            raise ConfigurationError(
                f"A rule worker did not load the rule sets within {seconds:g} s: let it have "
                "more time or smaller sets."
            ) from None
        except wire.WireError:
            frame = None
        match {} if frame is None else frame.values:
            case {"failed": str(why)}:
                raise ConfigurationError(why)
            case {
                "digest": str(digest),
                "costs": list(costs),
                "named": list(named),
                "slow": dict(slow),
                "unready": list(unready),
                "open": list(reasons),
                "sets": list(sets),
            }:
                return Hello(
                    digest,
                    frozenset(costs),
                    frozenset(named),
                    {stage: frozenset(each) for stage, each in slow.items()},
                    tuple(map(str, unready)),
                    tuple(map(str, reasons)),
                    known_of(sets),
                )
        raise ConfigurationError(
            f"A rule worker ended while it loaded the rule sets{self.how_it_ended()}: does it "
            "have enough memory?"
        )

    def ask(
        self, values: Mapping[str, object], parcel: wire.Parcel | None, seconds: float
    ) -> Mapping[str, object]:
        """Ask one question, and return the answer.

        Args:
            values: the question.
            parcel: the document.
            seconds: that it may take.

        Raises:
            WireError: there is no answer to this question; nothing more can be asked.
        """
        deadline = time.monotonic() + seconds
        self._asked += 1
        wire.send(self._channel, {**values, "number": self._asked}, parcel, deadline)
        frame = wire.receive(self._channel, deadline)
        if frame is None:
            raise wire.WireError("the worker has ended")
        if frame.descriptor is not None:
            os.close(frame.descriptor)
            raise wire.WireError("the worker sent a file")
        if frame.values.get("number") != self._asked:
            raise wire.WireError("the worker answered another question")
        self.tired = frame.values.get("tired") is True
        return frame.values

    def how_it_ended(self) -> str:
        """Say by what it was ended, if it has or does so now."""
        if not self._has_ended(_DYING_SECONDS):
            return ""
        with self._ending:
            if self._process.returncode is not None:
                return ""
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if found is None or found.si_code == os.CLD_EXITED:
            return ""
        return f" ({confine.signal_name(found.si_status)})"

    def end(self) -> None:
        """End its process and all that it has started; may be called again, from any thread."""
        with self._ending:
            if self._process.returncode is not None:
                return
            by_itself = self._has_ended(0)
            if not by_itself:
                # It does not make new ones while they are looked for.
                self._process.send_signal(signal.SIGSTOP)
                confine.kill_children(self.pid)
                # It may have done so just before it was stopped.
                by_itself = self._has_ended(0)
                self._process.kill()
                self._has_ended(_DEAD_SECONDS)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            if by_itself:
                # What its rules left in sessions of their own is nobody's child any more.
                confine.kill_marked(self._mark)
            self._process.wait()
            # Whoever waits for an answer is told, which a mere close does not do.
            with suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Let go of its socket, when it has ended and nobody asks it any more."""
        self._channel.close()
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def _has_ended(self, seconds: float) -> bool:
        ended = select.poll()
        ended.register(self._handle, select.POLLIN)
        return bool(ended.poll(seconds * 1000))


def _started(channel: socket.socket, mark: str) -> "subprocess.Popen[bytes]":
    # By a new program: a copy of a process with threads could stand still at any lock.
    return subprocess.Popen(  # noqa: S603 - this program itself
        [
            *(sys.executable, "-I", "-B", "-c", _BEGIN),
            *(str(channel.fileno()), str(os.getpid()), mark),
            json.dumps([str(Path(each).absolute()) for each in sys.path]),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(channel.fileno(),),
        env={},
        cwd="/",
        start_new_session=True,
    )
