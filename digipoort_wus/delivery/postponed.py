"""Messages that came and that cannot be taken now: each is tried again, and ever less often.

Whatever changes has all that waits looked at. What fails at each look would be most of the work,
and of the log, as soon as there are many; so it waits a while, which is only remembered here.
"""

import logging
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from digipoort_wus.process.working import where
from digipoort_wus.store.ebms_values import EbmsId, EbmsRow
from digipoort_wus.store.ports import StoreFailed

T = TypeVar("T")
_log = logging.getLogger(__name__)
_FIRST_SECONDS = 2.0
_LONGEST_SECONDS = 300.0
_DOUBLINGS_MAX = 10
AT_ONCE = 100
"""Messages of one kind that are taken before those of another have their turn."""
_MOST = 100_000
"""Of messages that are remembered; beyond them all are tried at once again."""


class Postponed:
    """When each message that could not be taken is tried again; one thread.

    Args:
        now: seconds of a clock that is never turned.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._known: dict[EbmsId, tuple[int, float]] = {}

    def attempted(self, take: Callable[[EbmsRow], T], row: EbmsRow) -> T | None:
        """Take a message if it is its time, and log what keeps it from being taken; None then.

        Args:
            take: takes one; False says that it still waits.
            row: of the message.

        Raises:
            StoreFailed: others would fare no better.
        """
        times, due = self._known.get(row.ebms_id, (0, 0.0))
        if times and self._now() < due:
            return None
        taken: T | None = None
        try:
            taken = take(row)
        except StoreFailed:
            raise
        except Exception as error:
            _log.error(
                "ebMS message %s cannot be taken, and waits: %s",
                *(ascii(row.head.key.message_id), where(error)),
                extra={"event": "message-not-taken"},
            )
        if taken is None or taken is False:
            if len(self._known) >= _MOST:
                self._known.clear()
            seconds = min(_FIRST_SECONDS * 2 ** min(times, _DOUBLINGS_MAX), _LONGEST_SECONDS)
            self._known[row.ebms_id] = (times + 1, self._now() + seconds)
        else:
            self._known.pop(row.ebms_id, None)
        return taken
