"""Places where the chaos suite ends this process, as ``kill -9`` would at exactly that moment.

Nothing happens unless ``DIGIPOORT_WUS_CRASH_AT`` was set when the process began, to a name of
``POINTS`` and which time it is passed, such as ``store.before_commit:17``. Whoever can set the
environment of a process can end it anyway.
"""

import os
import signal
import threading
from types import MappingProxyType

from digipoort_wus.errors import ConfigurationError

VARIABLE = "DIGIPOORT_WUS_CRASH_AT"
POINTS = MappingProxyType(
    {
        "intake.before_begin": "a delivery was received, nothing was done for it",
        "intake.in_work": "its rows are written in part",
        "intake.before_answer": "it is committed, and nobody was told",
        "answer.after_store": "the signed answer is durable, and was not sent",
        "store.before_commit": "a transaction has all its rows",
        "store.after_commit": "a transaction is durable, and nobody was told",
        "payload.before_rename": "a large payload is written, and has no name yet",
        "payload.after_rename": "a large payload is durable, and no row refers to it",
        "payload.before_remove": "a file is about to be removed to which no row refers",
        "sweep.before_remove": "the same, by a sweep",
        "engine.after_claim": "jobs are leased, and none was begun",
        "engine.before_commit": "a step was done, and nothing of it was stored",
        "engine.after_commit": "a step was stored, and the next was not begun",
        "delivery.before_send": "an agency is about to be asked",
        "delivery.after_send": "an agency has answered, and nothing of it was stored",
        "evidence.before_seal": "a batch has all its rows, and is not committed",
        "evidence.after_seal": "a batch is durable, and nobody was told",
    }
)
"""Every point, and what is true there. Each stands at exactly one kind of place."""


class _Armed:
    """The point at which this process ends, and how often it must be passed until then."""

    def __init__(self, point: str, passes: int) -> None:
        self.point = point
        self._left = passes
        self._gate = threading.Lock()

    def is_last(self) -> bool:
        with self._gate:
            self._left -= 1
            return self._left == 0


def _read(value: str | None) -> _Armed | None:
    if not value:
        return None
    point, _, passes = value.partition(":")
    if point not in POINTS or not passes.isdigit() or int(passes) < 1:
        raise ConfigurationError(
            f"{VARIABLE} is {value!r}: leave it unset; in a chaos run it is POINT:PASSES, "
            f"where POINT is one of {', '.join(POINTS)}"
        )
    return _Armed(point, int(passes))


_armed = _read(os.environ.get(VARIABLE))


def crash_point(name: str) -> None:
    """End this process by SIGKILL if this is the point and the pass that it was armed for.

    Args:
        name: one of ``POINTS``.
    """
    if _armed is not None and _armed.point == name and _armed.is_last():
        os.kill(os.getpid(), signal.SIGKILL)
