"""What everybody in a run saw, as values and as lines of JSON.

All moments are seconds of the machine's monotonic clock, which is the same for every process.
Each process writes a file of its own, a line at a time, before it goes on: what was written
survives the end of the process.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

Kind = Literal["invoke", "ok", "fail", "info"]
"""As in Jepsen: asked; answered; refused for certain; nobody knows."""
Op = Literal["file", "read"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """A sender asked something, or learned what became of it.

    Args:
        at: when.
        kind: of what happened.
        op: filing, or reading the statuses of a process.
        sender: OIN.
        message_id: wsa:MessageID of a filing.
        content: SHA-256 of the document of a filing, hexadecimal.
        kenmerk: of the answer to a filing, or of the process that is read.
        received_at: of the answer to a filing.
        statuses: (code, moment) in the order of the answer to a read.
        reason: why not.
    """

    at: float
    kind: Kind
    op: Op
    sender: str
    message_id: str = ""
    content: str = ""
    kenmerk: str = ""
    received_at: str = ""
    statuses: tuple[tuple[str, str], ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Handed:
    """The agency took a filing.

    Args:
        at: when.
        message_id: under which it was delivered.
        kenmerk: of the filing.
        content: SHA-256 of the document, hexadecimal.
        fate: what became of the acknowledgement.
    """

    at: float
    message_id: str
    kenmerk: str
    content: str
    fate: Literal["sent", "lost", "late"]


@dataclass(frozen=True, slots=True)
class Begun:
    """A node began to work on a filing, or put it off until a moment.

    Args:
        at: when.
        node: which.
        kenmerk: of the filing.
        what: of the two: from the second until somebody begins again it is nobody's orphan.
    """

    at: float
    node: str
    kenmerk: str
    what: Literal["begun", "put off"] = "begun"


@dataclass(frozen=True, slots=True)
class Fault:
    """The controller, or a node at its own point, did something to a node or to all.

    Args:
        at: when.
        kind: ``ready``, ``kill``, ``crash``, ``stop``, ``continue``, ``database``, ``clock``...
        node: which; empty for what concerns all.
        detail: such as the name of the point.
    """

    at: float
    kind: str
    node: str = ""
    detail: str = ""


class Journal:
    """A file to which one process appends; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._gate = threading.Lock()

    def write(self, value: Event | Handed | Begun | Fault) -> None:
        """Append a line."""
        line = json.dumps({k: v for k, v in asdict(value).items() if v != ""}).encode() + b"\n"
        with self._gate:
            self._file.write(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def now() -> float:
    """Return the moment."""
    return time.monotonic()


def read(kind: type[T], *paths: Path) -> list[T]:
    """Return the values of these files in the order of their moments; missing files are empty."""
    values = [kind(**_tuples(record)) for path in paths for record in _records(path)]
    return sorted(values, key=lambda value: float(value.at))  # type: ignore[attr-defined]


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            # Who was killed while it wrote left half a line, and never acted upon it.
            if line.endswith(b"}\n"):
                yield json.loads(line)


def _tuples(record: dict[str, Any]) -> dict[str, Any]:
    for name, value in record.items():
        # A long run says each identifier several times; once in memory is enough.
        if isinstance(value, str):
            record[name] = sys.intern(value)
    if "statuses" in record:
        record["statuses"] = tuple(
            (sys.intern(code), sys.intern(at)) for code, at in record["statuses"]
        )
    return record
