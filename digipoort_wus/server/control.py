"""What the operator's commands ask a running gateway: one line of JSON each way.

A socket in the data directory that nobody else may use. It takes decisions about filings and
nothing else, one at a time; who asks is who the system says has connected.
"""

import json
import logging
import os
import pwd
import socket
import stat
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import TimeoutError as TooLong
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic
from types import MappingProxyType

from digipoort_wus.clock import Clock
from digipoort_wus.errors import DigipoortError
from digipoort_wus.process.operator import DECISIONS, Decision
from digipoort_wus.store.ports import Store, Transaction

_log = logging.getLogger(__name__)
NAME = "control"
LINE_MAX = 1_048_576
_SECONDS = 20.0
_CREDENTIALS = struct.Struct("3i")


class Control:
    """Answers on the socket of a data directory, in a thread of its own.

    Args:
        directory: whose lock this process holds.
        store: what is decided about.
        clock: of decisions.
        wake: is called when there may be new work.
        orders: by their word, what is done at once and is not about one filing; each returns
            what was done.
        tasks: the same, of what is told more in one text, and answers in one.
    """

    def __init__(
        self,
        directory: Path,
        store: Store,
        clock: Clock,
        wake: Callable[[], None],
        orders: Mapping[str, Callable[[], str]] = MappingProxyType({}),
        tasks: Mapping[str, Callable[[str], str]] = MappingProxyType({}),
    ) -> None:
        self._directory = directory
        self._store = store
        self._clock = clock
        self._wake = wake
        self._orders = orders
        self._tasks = tasks
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._listening: socket.socket | None = None

    def start(self) -> None:
        """Listen; where that is impossible the log says so, and changes need a stopped gateway."""
        listening = socket.socket(socket.AF_UNIX)
        try:
            with _within(self._directory) as path:
                # Of a dead process: the lock of the directory is ours.
                path.unlink(missing_ok=True)
                listening.bind(str(path))
                path.chmod(stat.S_IRUSR | stat.S_IWUSR)
                listening.listen(8)
        except OSError as error:
            listening.close()
            _log.warning("no socket for the operator's commands: %s", error.strerror)
            return
        self._listening = listening
        self._thread = threading.Thread(
            target=self._serve, args=(listening,), name="control", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer no more, and remove the socket; may be repeated."""
        self._stopping.set()
        if self._thread is not None and self._listening is not None:
            with suppress(OSError):
                # Wakes who waits for the next connection.
                self._listening.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._thread = None
            with suppress(OSError):
                (self._directory / NAME).unlink(missing_ok=True)

    def _serve(self, listening: socket.socket) -> None:
        with listening:
            while not self._stopping.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    self._answer_one(connection)

    def _answer_one(self, connection: socket.socket) -> None:
        line = _read_line(connection, within=_SECONDS)
        try:
            reply = self._answer(line, _name_of(connection))
        except Exception as error:
            # Whatever one of them sends, the next is heard.
            _log.error("an operator's command failed: %s", type(error).__name__)
            reply = {"error": f"The gateway failed: {type(error).__name__}; see its log."}
        connection.settimeout(_SECONDS)
        connection.sendall(json.dumps(reply).encode() + b"\n")

    def _answer(self, line: bytes, operator: str) -> dict[str, str]:
        try:
            asked = json.loads(line)
            name, kenmerk, reason = asked["do"], asked["kenmerk"], asked["reason"]
            bericht = asked.get("berichtkenmerk")
            if name in self._orders:
                return _obeyed(self._orders[name])
            if name in self._tasks:
                return _obeyed(partial(self._tasks[name], str(reason)))
            work = DECISIONS[name]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {"error": "The gateway does not know this: use its own version of the command."}
        if not all(isinstance(word, str) for word in (kenmerk, reason, bericht or "")):
            return {"error": "The gateway does not know this: use its own version of the command."}
        by = Decision(operator, reason, self._clock(), bericht)

        def write(transaction: Transaction) -> str:
            return work(transaction, kenmerk, by)

        try:
            done = self._store.write(write).result(_SECONDS)
        except TooLong:
            return {"error": "The store did not answer in time: look whether it was done."}
        except DigipoortError as error:
            return {"error": str(error)}
        except Exception as error:
            _log.error("a decision failed: %s", type(error).__name__)
            return {"error": f"The gateway failed: {type(error).__name__}; see its log."}
        _log.warning(
            "kenmerk %s: an operator: %s",
            *(ascii(kenmerk)[1:-1], name),
            extra={"event": "operator", "kenmerk": kenmerk},
        )
        self._wake()
        return {"done": done}


def _obeyed(order: Callable[[], str]) -> dict[str, str]:
    try:
        return {"done": order()}
    except DigipoortError as error:
        return {"error": str(error)}
    except Exception as error:
        _log.error("an order failed: %s", type(error).__name__)
        return {"error": f"The gateway failed: {type(error).__name__}; see its log."}


def ask(
    directory: Path,
    name: str,
    kenmerk: str = "",
    reason: str = "",
    berichtkenmerk: str | None = None,
) -> str | None:
    """Let the gateway that has a data directory carry out a decision, or an order.

    Args:
        directory: of the gateway.
        name: of :data:`~digipoort_wus.process.operator.DECISIONS`, or of an order or task.
        kenmerk: which filing; empty for an order.
        reason: why; empty for an order, the text of a task.
        berichtkenmerk: which delivery of the filing; None where only one can be meant.

    Returns:
        What was done; None when no gateway answers there.

    Raises:
        DigipoortError: it was not done; the gateway says why.
    """
    asked = {"do": name, "kenmerk": kenmerk, "reason": reason}
    if berichtkenmerk is not None:
        asked["berichtkenmerk"] = berichtkenmerk
    line = json.dumps(asked).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2 * _SECONDS)
        try:
            with _within(directory) as path:
                connection.connect(str(path))
        except OSError:
            return None
        try:
            connection.sendall(line)
            reply = json.loads(_read_line(connection, within=2 * _SECONDS))
        except (OSError, ValueError) as error:
            raise DigipoortError(
                "The gateway ended before it answered: look whether it was done."
            ) from error
    if "done" not in reply:
        raise DigipoortError(str(reply.get("error", "The gateway said nothing.")))
    return str(reply["done"])


def _read_line(connection: socket.socket, within: float) -> bytes:
    """Read one line, the whole of it in so many seconds.

    Raises:
        TimeoutError: there was none by then.
    """
    line = b""
    end = monotonic() + within
    while not line.endswith(b"\n") and len(line) < LINE_MAX:
        left = end - monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(65_536)
        if not piece:
            break
        line += piece
    return line


def _name_of(connection: socket.socket) -> str:
    octets = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user = _CREDENTIALS.unpack(octets)[1]
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


@contextmanager
def _within(directory: Path) -> Iterator[Path]:
    """Give the path of the socket, short whatever the directory's is: 107 octets are the most."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{descriptor}") / NAME
    finally:
        os.close(descriptor)
