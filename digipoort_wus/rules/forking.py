"""Judges one filing in a copy of a worker, so that no filing sees what another left behind."""

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from digipoort_wus.rules import confine, wire

_NO_ANSWER = "its process answered what is no answer"


def in_a_fork(
    work: Callable[[], dict[str, object]], channel: socket.socket, *, seconds: float
) -> dict[str, object]:
    """Return what a copy of this process answers, and leave nothing of it behind.

    Args:
        work: what the copy answers; raises nothing.
        channel: of this process, which the copy does not keep.
        seconds: of CPU time for the copy, and of wall clock for its answer.
    """
    ours, theirs = socket.socketpair()
    # What a rule writes to that socket is no answer, whatever form it has.
    token = secrets.token_hex(16)
    parent = os.getpid()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            _be_the_fork(work, theirs, (ours, channel), parent, seconds, token)
        theirs.close()
        why = "its process ended by itself"
        try:
            frame = wire.receive(ours, time.monotonic() + seconds)
        except wire.TooLate:
            frame, why = None, f"it took longer than {seconds:g} s"
        except wire.WireError:
            frame, why = None, _NO_ANSWER
        finally:
            ended = _ended(pid, wait=frame is None and why.endswith("itself"))
            reaped()
    if frame is None:
        return {"broken": f"{why}{ended}"}
    match frame.values:
        case {"token": str(said), "answer": dict(answer)} if said == token:
            return answer
    return {"broken": _NO_ANSWER}


def _be_the_fork(
    work: Callable[[], dict[str, object]],
    theirs: socket.socket,
    closed: tuple[socket.socket, ...],
    parent: int,
    seconds: float,
    token: str,
) -> NoReturn:
    try:
        confine.end_with(parent)
        confine.adopt()
        pid = os.getpid()
        for each in closed:
            each.close()
        confine.allow_seconds_at_all(seconds)
        answer = work()
        if os.getpid() == pid:
            if reaped():
                answer = {"broken": "a rule left a process behind"}
            wire.send(theirs, {"token": token, "answer": answer})
    finally:
        os._exit(0)


def _ended(pid: int, *, wait: bool) -> str:
    """End a child, and say what has ended it."""
    if not wait:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if wait and os.WIFSIGNALED(status):
        return f" ({confine.signal_name(os.WTERMSIG(status))})"
    return ""


def reaped() -> bool:
    """Kill what rules left behind; whether there was anything."""
    found = False
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        found = True
        if pid == 0:
            confine.kill_children(os.getpid())
            with suppress(ChildProcessError):
                os.waitpid(-1, 0)
