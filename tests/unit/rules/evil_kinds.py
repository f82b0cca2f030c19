"""Kinds of rules that do what a document tells them, and what no rule should; for workers."""

import _thread
import array
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from digipoort_wus.rules.api import Outcome, Report
from digipoort_wus.rules.model import Compiled, Cost, Hit, Ingredients, Look, TechnicalError
from digipoort_wus.rules.report import to_values
from digipoort_wus.rules.subject import Subject

SET = """\
id = "test.evil.{cost}"
version = "1"
title.nl = "Kwaad"
title.en = "Evil"
berichtsoorten = ["{cost}"]
valid_from = 2020-01-01
requires = ["nl.base@1"]
{rules}
"""
RULE = """\
[[layer]]
id = "{cost}"
[[layer.rule]]
code = "EVIL-{code}"
use = "evil-{cost}"
severity = "error"
message.nl = "{text} {{found}}"
message.en = "Found {{found}}"
"""
_kept: list[object] = []


@dataclass(frozen=True)
class Evil:
    """Does what the root element of a document is called."""

    cost: Cost

    @property
    def name(self) -> str:
        return f"evil-{self.cost.value}"

    def compile(self, ingredients: Ingredients) -> Compiled:
        if ingredients.declared is None:
            raise TechnicalError("no text")
        return Compiled(Look(do), {ingredients.code: ingredients.declared})


CHEAP, HEAVY, FORKED = (Evil(cost) for cost in Cost)


def do(subject: Subject) -> Iterable[Hit]:
    about = subject.envelope.document.file_name.removesuffix(".xml").split("-", 1)
    return _ACTS[about[0]](*about[1:]) or ()


def found(value: object) -> Iterable[Hit]:
    return (Hit(values={"found": str(value)}),)


def sleep(seconds: str = "60") -> None:
    time.sleep(float(seconds))


def spin() -> None:
    while True:
        pass


def busy(seconds: str) -> None:
    until = time.process_time() + float(seconds)
    while time.process_time() < until:
        pass


def stubborn() -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    spin()


def eat() -> None:
    while True:
        _kept.append(bytearray(8 * 1024 * 1024))


def leak() -> None:
    _kept.append(bytearray(40 * 1024 * 1024))


def write(path: str) -> None:
    Path(path.replace("+", "/")).write_text("evil")


def null() -> None:
    Path("/dev/null").write_text("evil")


def touch(path: str) -> None:
    Path(path.replace("+", "/")).touch(exist_ok=False)


def unlink(path: str) -> None:
    Path(path.replace("+", "/")).unlink()


def truncate(path: str) -> None:
    os.truncate(path.replace("+", "/"), 0)


def connect(port: str) -> None:
    socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()


def run(path: str) -> None:
    subprocess.run(["/bin/sh", "-c", f"echo > {path.replace('+', '/')}"], check=True)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def real_time() -> None:
    os.kill(os.getpid(), signal.SIGRTMIN + 2)


def signal_gateway() -> None:
    # It would arrive, and do nothing: that is asked where a kernel may allow it.
    os.kill(os.getppid(), 0)


def leave() -> None:
    os._exit(0)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def noise() -> None:
    print("evil")
    print("evil", file=sys.stderr, flush=True)
    os.write(1, b"evil")


def fork() -> None:
    if os.fork() == 0:
        time.sleep(60)


def answering_fork() -> Iterable[Hit]:
    # Both go on, and would answer.
    return found("fork") if os.fork() == 0 else ()


def daemon() -> None:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        time.sleep(60)
        os._exit(0)
    os.waitpid(pid, 0)


def hanging_daemon() -> None:
    daemon()
    time.sleep(60)


def dying_daemon() -> None:
    daemon()
    kill()


def thread() -> None:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def bare_thread() -> None:
    # The module `threading` does not know it.
    _thread.start_new_thread(time.sleep, (60,))


def ended_thread() -> None:
    each = threading.Thread(target=time.sleep, args=(0.01,))
    each.start()
    each.join()


def system_exit() -> None:
    raise SystemExit(0)


def interrupt() -> None:
    raise KeyboardInterrupt


def hits() -> Iterable[Hit]:
    return (Hit(values={"found": str(number)}) for number in range(1_000_000))


def garbage() -> None:
    for each in _sockets():
        os.write(each, b"garbage" * 100)
    time.sleep(60)


def forged() -> None:
    # A frame of the right form, which says what no frame says.
    for each in _sockets():
        os.write(each, b"dwr1" + (2).to_bytes(4, "big") + bytes(5) + b"{}")


def forged_answer() -> None:
    # What a worker would say that found nothing.
    values = json.dumps({"report": to_values(Report(Outcome.VALID)), "number": 0}).encode()
    for each in _sockets():
        os.write(each, b"dwr1" + len(values).to_bytes(4, "big") + bytes(5) + values)


def files() -> None:
    # Descriptors that nobody asked for.
    for each in _sockets():
        with socket.socket(fileno=os.dup(each)) as channel:
            many = array.array("i", [0, 1, 2])
            channel.sendmsg([b"dwr1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, many)])
    time.sleep(60)


def close() -> None:
    os.closerange(3, 256)


def half() -> None:
    for each in _sockets():
        os.write(each, b"dwr1" + (1000).to_bytes(4, "big") + bytes(5) + b'{"report":')
    kill()


def recursion() -> None:
    recursion()


def environment() -> Iterable[Hit]:
    ours = {"LC_CTYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    return found(sorted(set(os.environ) - ours))


def descriptors() -> Iterable[Hit]:
    # Saxon keeps the library open that it is in.
    names = [name for name in _descriptors().values() if name != "/dev/null" and ".so" not in name]
    return found(sorted(name[:6] for name in names))


def pid() -> Iterable[Hit]:
    return found(os.getpid())


def nothing() -> None:
    return None


def _descriptors() -> Mapping[int, str]:
    seen = {}
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            # The one with which they are listed is gone by now.
            seen[int(each.name)] = str(each.readlink())
    return seen


def _sockets() -> list[int]:
    return [number for number, name in _descriptors().items() if name.startswith("socket:")]


_ACTS: Mapping[str, Callable[..., Iterable[Hit] | None]] = {
    each.__name__: each
    for each in (
        *(sleep, spin, busy, stubborn, eat, leak, write, null, touch, unlink, truncate),
        *(connect, run, kill, signal_gateway, leave),
        *(
            crash,
            real_time,
            noise,
            fork,
            answering_fork,
            daemon,
            hanging_daemon,
            dying_daemon,
            thread,
            bare_thread,
            ended_thread,
            system_exit,
        ),
        *(
            interrupt,
            hits,
            garbage,
            forged,
            forged_answer,
            files,
            close,
            half,
            recursion,
            environment,
        ),
        *(descriptors, pid, nothing),
    )
}


def install(directory: Path) -> Path:
    """Write the metadata of a package with these kinds, for a path of Python."""
    metadata = directory / "evil_kinds-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: evil-kinds\nVersion: 1\n")
    lines = "".join(
        f"{each.name} = {__name__}:{each.cost.name}\n" for each in (CHEAP, HEAVY, FORKED)
    )
    (metadata / "entry_points.txt").write_text(f"[digipoort_wus.rule_kinds]\n{lines}")
    return directory


def write_sets(directory: Path, *, text: str = "Gevonden:") -> Path:
    """Write a set for each cost, and one that has all of them."""
    directory.mkdir(exist_ok=True)
    for name, costs in {**{each.value: (each,) for each in Cost}, "all": tuple(Cost)}.items():
        rules = "".join(
            RULE.format(code=each.value.upper(), cost=each.value, text=text) for each in costs
        )
        (directory / f"{name}.toml").write_text(SET.format(cost=name, rules=rules))
    return directory
