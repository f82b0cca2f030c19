"""The log: one line for each event, as text for people or as JSON for machines.

Everything goes through the standard library's logging, what Twisted says as well. What a
line is about travels with it, as fields: no variable of the context does, because those do
not cross threads, and a filing crosses several. Of an exception the kind and the places
are written, never the text or a value: that may be of a message.
"""

import json
import logging
import socket
import sys
import traceback
from datetime import UTC, datetime
from hashlib import sha256
from types import TracebackType
from typing import TextIO, cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

FIELDS = ("kenmerk", "oin", "operation", "check", "step", "agency", "duration")
"""What a line may be about; ``duration`` is in seconds. Nothing else becomes a field."""
_LEVELS = {
    LogLevel.debug: logging.DEBUG,
    LogLevel.info: logging.INFO,
    LogLevel.warn: logging.WARNING,
    LogLevel.error: logging.ERROR,
    LogLevel.critical: logging.CRITICAL,
}
_OURS = "digipoort_wus"
_CAUSES_MAX = 5

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def begin_logging(form: str, level: str, stream: TextIO | None = None) -> None:
    """Write the log of this process to a stream, from now on.

    Of libraries only warnings and worse are written: some tell much of what they do.

    Args:
        form: ``text`` or ``json``.
        level: the least that is written of ours, such as ``info``.
        stream: stderr when None.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(socket.gethostname()) if form == "json" else TextLines())
    root = logging.getLogger()
    root.addHandler(handler)
    ours = logging.getLogger(_OURS)
    ours.setLevel(level.upper())
    root.setLevel(max(ours.level, logging.WARNING))


def take_over_twisted() -> None:
    """Let Twisted's log go where ours goes; once in a process that runs the reactor itself."""
    globalLogBeginner.beginLoggingTo([cast(ILogObserver, Bridge())], redirectStandardIO=False)


def trace_id_of(kenmerk: str) -> str:
    """Return the trace of a process, in the form of W3C Trace Context: 32 hexadecimal digits.

    The same on every machine and at any time, so that all lines of a filing are found together.
    """
    return sha256(kenmerk.encode()).hexdigest()[:32]


@implementer(ILogObserver)
class Bridge:
    """Hands what Twisted's loggers say to the standard library's, fields included."""

    def __call__(self, event: LogEvent) -> None:
        """Log an event under its namespace."""
        level = _LEVELS.get(event.get("log_level"), logging.INFO)
        logger = logging.getLogger(str(event.get("log_namespace") or "twisted"))
        if not logger.isEnabledFor(level):
            return
        failure = event.get("log_failure") or event.get("failure")
        exc_info: ExcInfo | None = None
        if isinstance(failure, Failure) and failure.value is not None:
            exc_info = (type(failure.value), failure.value, failure.getTracebackObject())
        fields = {name: event[name] for name in ("event", *FIELDS) if event.get(name) is not None}
        # Of its older kind Twisted's text of an error is the whole traceback, values included.
        text = event.get("why") or "an error" if event.get("isError") else formatEvent(event)
        logger.log(level, "%s", text, exc_info=exc_info, extra=fields)


class _Lines(logging.Formatter):
    """What both forms have in common: an exception without its text."""

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802
        """Return kinds and places of an exception."""
        kinds, places = _kinds(ei[1]), _places(ei[2])
        return "\n".join((kinds, *(f"  {place}" for place in places)))


class TextLines(_Lines):
    """A line for people; what it is about stands behind it, unless the sentence says so."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the places of an exception."""
        # Another handler may have left its own text of the exception there.
        record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line."""
        line = super().formatMessage(record)
        kenmerk = getattr(record, "kenmerk", None)
        if kenmerk is None:
            return line
        told = "" if str(kenmerk) in record.message else f"kenmerk {kenmerk} "
        return f"{line} [{told}trace {trace_id_of(str(kenmerk))}]"


class JsonLines(_Lines):
    """A line for machines: one JSON object in ASCII.

    Args:
        node: name of this machine.
    """

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:
        """Return the object."""
        event = getattr(record, "event", None) or record.name.removeprefix(f"{_OURS}.")
        line: dict[str, object] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "event": event,
            "text": record.getMessage(),
            "node": self._node,
            "logger": record.name,
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = round(value, 6) if isinstance(value, float) else str(value)
        if "kenmerk" in line:
            line["trace_id"] = trace_id_of(str(line["kenmerk"]))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _kinds(record.exc_info[1])
            line["places"] = _places(record.exc_info[2])
        return json.dumps(line)


def _time(created: float) -> str:
    moment = datetime.fromtimestamp(created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kinds(error: BaseException | None) -> str:
    """Return what kind of error it was, and what kinds led to it."""
    kinds: list[str] = []
    while error is not None and len(kinds) < _CAUSES_MAX:
        kinds.append(type(error).__name__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return ", because of ".join(kinds)


def _places(trace: TracebackType | None) -> list[str]:
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)
    ]
