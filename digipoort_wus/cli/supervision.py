"""How a gateway's process lives and ends: signals, systemd, and a store that has failed."""

import logging
import os
import signal
from typing import TYPE_CHECKING

from digipoort_wus.cli import systemd

if TYPE_CHECKING:
    from digipoort_wus.gateway import Gateway
    from digipoort_wus.server.reactor import RunnableReactor

_log = logging.getLogger("digipoort_wus")
_LOOK_SECONDS = 1.0


class Supervision:
    """Ends the process when it should end, and tells systemd that it lives.

    Args:
        gateway: the one of this process; its store is looked at every second.
        reactor: of this process.

    Attributes:
        failed: set when the process ends because of a failure.
    """

    def __init__(self, gateway: "Gateway", reactor: "RunnableReactor") -> None:
        self.failed = False
        self._gateway = gateway
        self._reactor = reactor
        self._told_to_end = False
        asked = systemd.watchdog_seconds()
        self._every = _LOOK_SECONDS if asked is None else min(_LOOK_SECONDS, asked / 2)
        self._watched = asked is not None
        reactor.addSystemEventTrigger("before", "shutdown", self._ending)
        # Behind the reactor's own, which has no second time.
        reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            # A shell that starts it in the background lets it ignore Ctrl-C.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._told)
        systemd.notify(systemd.READY)
        self._look()

    def _told(self, number: int, _frame: object) -> None:
        """End in good order; told once more, end at once: what was answered is on the disk."""
        if self._told_to_end:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._told_to_end = True
        self._reactor.callFromThread(self._stop)

    def _stop(self) -> None:
        self._told_to_end = True
        if self._reactor.running:
            self._reactor.stop()

    def _ending(self) -> None:
        systemd.notify(systemd.STOPPING)

    def _look(self) -> None:
        if self._watched:
            systemd.notify(systemd.WATCHDOG)
        failure = self._gateway.failure
        if failure is not None and not self.failed:
            self.failed = True
            _log.critical(
                "the store has failed and the gateway ends, to be started again by whoever "
                "supervises it; nothing that was answered is lost: %s",
                failure,
                extra={"event": "store-failed"},
            )
            self._stop()
        # Also while it stops: systemd watches until the end.
        self._reactor.callLater(self._every, self._look)
