"""What a rule worker gives up before it sees a stranger's document (Linux).

None of this is the first line of defence: rules are handed parsed documents, engines are told to
open nothing. It is what holds when one of them does it all the same. What a platform does not
have is told to the gateway, which logs it; the limits of memory, time and files are everywhere.

It keeps a worker from others, not the processes of one worker from each other: what is forked for
a filing may signal the process that it was forked from. That filing is then undetermined, and the
worker is replaced. Nor does it hold what a rule starts in a session of its own: the gateway ends
it, with its worker or, when that ended by itself, by a word in its arguments. When the gateway
itself is killed (SIGKILL) its workers end, and nobody is left who would look for such a child: it
lives on. Only a kind can do that, never a document, and kinds are trusted.
"""

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
_VERSION_OF_RULESETS = 1
# Of files all but reading, by the version that first knows them: run, write, remove a directory or
# a file, make anything; link, cut short, control a device.
_WRITING = 0b1_1111_1111_0011
_WRITE, _TRUNCATE = 1 << 1, 1 << 14
_PATH_BENEATH = 1
_WRITING_SINCE = ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_NET_SINCE = 4
_TCP = 0b11
_SCOPED_SINCE = 6
_SIGNALS_AND_SOCKETS = 0b11
_LEFT_OPEN = (
    (3, "files from being cut short"),
    (_SCOPED_SINCE, "signals from other processes"),
)
_OPEN_FILES = 256
_HARD_SECONDS = 5


def end_with(parent: int) -> None:
    """End this process when the thread that started it ends.

    Args:
        parent: pid of the process that started it; when that is gone already, this ends now.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt() -> None:
    """Become the parent of what children leave behind, however they do so."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def give_up_network() -> str:
    """Leave the network and new privileges.

    Call it while this process has one thread.

    Returns:
        Why the network is still there; empty: it is not.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    libc = _libc()
    # Without privileges a network namespace can only be had with a user namespace around it.
    if libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        return ""
    return f"no network namespace: {os.strerror(ctypes.get_errno())}"


def hold_at_most(memory: int) -> None:
    """Get no more memory than so many octets of data, those that this process has included."""
    _limit(resource.RLIMIT_DATA, memory)


def give_up_files() -> tuple[str, ...]:
    """Write, make and run no file from now on, but for ``/dev/null``; send nobody a signal.

    Call it while this process has one thread: others that it has keep some of what they could.

    Returns:
        What of it is still possible, each with the reason. No file can be written to in any case.
    """
    _limit(resource.RLIMIT_FSIZE, 0)
    libc = _libc()
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_OF_RULESETS)
    if version < 1:
        return _no_landlock()
    handled = _WRITING
    for since, access in _WRITING_SINCE:
        handled |= access if version >= since else 0
    words = [handled]
    if version >= _NET_SINCE:
        words.append(_TCP)
    if version >= _SCOPED_SINCE:
        words.append(_SIGNALS_AND_SOCKETS)
    attributes = struct.pack(f"={len(words)}Q", *words)
    ruleset = libc.syscall(
        _CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)
    )
    if ruleset < 0:
        return _no_landlock()
    try:
        # Engines open it, to have somewhere to say nothing.
        with Path(os.devnull).open("wb") as null:
            allowed = (_WRITE | _TRUNCATE) & handled
            rule = struct.pack("=Qi", allowed, null.fileno())
            libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, ctypes.c_uint32(0))
        if libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)) != 0:
            return _no_landlock()
    finally:
        os.close(ruleset)
    return left_open(version)


def left_open(version: int) -> tuple[str, ...]:
    """Return what a Landlock of a version leaves possible, each as a sentence without a stop."""
    return tuple(
        f"Landlock of version {version}: of {since} on it keeps {what}"
        for since, what in _LEFT_OPEN
        if version < since
    )


def _no_landlock() -> tuple[str, ...]:
    why = os.strerror(ctypes.get_errno())
    return (f"no Landlock: {why}; files can be made, though empty, and signals sent",)


def allow_seconds(seconds: float) -> None:
    """Let this process use so much CPU time from now on; then SIGXCPU ends it.

    It may be told again and again: only the soft limit moves.
    """
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (_at_most(_used(seconds), hard), hard))


def allow_seconds_at_all(seconds: float) -> None:
    """The same, for the rest of this process's life: what ignores SIGXCPU is killed soon after."""
    soft = _used(seconds)
    # Were both the same, only the hard one would be noticed.
    _limit(resource.RLIMIT_CPU, soft + _HARD_SECONDS, soft)


def signal_name(number: int) -> str:
    """Return what a signal is called; those of real time have a number alone."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def resident() -> int:
    """Return how many octets of memory this process has in use."""
    pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    return pages * resource.getpagesize()


def threads() -> int:
    """Return how many threads this process has, also those that Python does not know."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - for each filing, and ten times as fast


def kill_children(pid: int) -> None:
    """Kill all children of a process and theirs, until there are none.

    Args:
        pid: of a process that is this one, or is stopped: it must not make new ones meanwhile.
    """
    seen: set[int] = set()
    while new := {each for each in _below(pid) if each not in seen}:
        for each in new:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        seen |= new


def kill_marked(mark: str) -> None:
    """Kill all processes whose arguments have a word, until there are none.

    Args:
        mark: that nobody else has. Who forks keeps it, also behind a parent that has ended; who
            runs another program does not, which Landlock forbids.
    """
    seen: set[int] = set()
    while new := {each for each in _marked(mark.encode()) if each not in seen}:
        for each in new:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(each, signal.SIGKILL)
        seen |= new


def _marked(mark: bytes) -> Iterator[int]:
    for each in Path("/proc").glob("[0-9]*"):
        try:
            words = (each / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in words:
            yield int(each.name)


def _below(pid: int) -> Iterator[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for thread in threads:
        try:
            children = (thread / "children").read_bytes().split()
        except OSError:
            continue
        for each in children:
            yield int(each)
            yield from _below(int(each))


def _used(more: float) -> int:
    """Return how many seconds of CPU time this process has used, and so many more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(used.ru_utime + used.ru_stime + more) + 1


def _limit(which: int, hard: int, soft: int | None = None) -> None:
    """Lower a limit; one that is lower already stays."""
    hard = _at_most(hard, resource.getrlimit(which)[1])
    resource.setrlimit(which, (hard if soft is None else min(soft, hard), hard))


def _at_most(value: int, limit: int) -> int:
    return value if limit == resource.RLIM_INFINITY else min(value, limit)


def _prctl(option: int, value: int) -> None:
    _libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
