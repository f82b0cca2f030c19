"""Whether a service answers: who asks one that did not a moment ago is told so at once.

Else each thread that serves others would wait for the same silence.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from digipoort_wus.store.values import PayloadDamaged, PayloadsUnreachable, StoreFailed

AGAIN_AFTER = 2.0
"""Seconds after a failure until one caller tries again."""
_ONE_TRIES = 45.0
"""Seconds after which who tries is thought to be gone; longer than any one request takes."""
_log = logging.getLogger(__name__)


class Reachable:
    """What is known of the object store; for several threads.

    Args:
        clock: seconds that go on evenly.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._gate = threading.Lock()
        self._failed = ""
        self._next_try = 0.0

    @property
    def failed(self) -> str:
        """Return what it did not do when it was last asked; empty when it did."""
        return self._failed

    def begin(self) -> None:
        """Let a caller ask, or only one of them where the last did not get an answer.

        Raises:
            PayloadsUnreachable: somebody else is trying, or did a moment ago.
        """
        with self._gate:
            if not self._failed:
                return
            now = self._clock()
            if now < self._next_try:
                raise PayloadsUnreachable(f"{self._failed} a moment ago")
            self._next_try = now + _ONE_TRIES

    def answered(self) -> None:
        """Remember that it does what it is asked."""
        with self._gate:
            was, self._failed = self._failed, ""
        if was:
            _log.warning(
                "the object store answers again: large payloads are taken",
                extra={"event": "objects-up"},
            )

    def silent(self, sentence: str) -> PayloadsUnreachable:
        """Remember that it did not, and return what to raise."""
        with self._gate:
            was, self._failed = self._failed, sentence
            self._next_try = self._clock() + AGAIN_AFTER
        if not was:
            _log.error(
                "%s: large payloads are refused until it answers",
                sentence,
                extra={"event": "objects-down"},
            )
        return PayloadsUnreachable(sentence)


@contextmanager
def asking(reachable: Reachable, what: str, spool: Path) -> Iterator[None]:
    """Turn what the client raises into one failure, and remember it; its text may hold addresses.

    Args:
        reachable: of the object store that is asked.
        what: it is asked to do.
        spool: where files on their way are, whose failures are none of the service.

    Raises:
        PayloadsUnreachable: the object store did not do it.
        StoreFailed: the disk of this machine did not.
    """
    from obstore.exceptions import AlreadyExistsError, BaseError

    reachable.begin()
    try:
        yield
    except (AlreadyExistsError, PayloadDamaged):
        reachable.answered()
        raise
    except (BaseError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            # Of the spool, and none of the service.
            reachable.answered()
            raise StoreFailed(f"{spool}: {error}") from error
        raise reachable.silent(
            f"the object store did not {what}: {type(error).__name__}"
        ) from error
    else:
        reachable.answered()
