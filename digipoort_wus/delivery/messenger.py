"""How an example agency tells the gateway what became of its filings: until it knows."""

import logging
import threading
from time import monotonic

from digipoort_wus.client.errors import AnswerRefused, DigipoortFault
from digipoort_wus.clock import Clock, to_milliseconds
from digipoort_wus.delivery.connection import NoAnswer
from digipoort_wus.delivery.example import (
    Conduct,
    judged,
    offer_id,
    report_id,
    return_message,
    verdict_of,
)
from digipoort_wus.delivery.inbox import Inbox, Taken
from digipoort_wus.delivery.reporting import Reporting
from digipoort_wus.errors import Refusal

_STOP_SECONDS = 10
_PAUSE_MAX = 60.0
_log = logging.getLogger("digipoort_wus.agency")


class Messenger:
    """The thread that judges what was taken and tells the gateway, until it knows.

    Args:
        inbox: where the filings are.
        reporting: the way to the gateway.
        conduct: how the agency misbehaves.
        clock: the time of verdicts.
        pause: seconds before something that failed is tried again, at first.
    """

    def __init__(
        self,
        inbox: Inbox,
        reporting: Reporting,
        conduct: Conduct,
        clock: Clock,
        *,
        pause: float = 1.0,
    ) -> None:
        self._inbox = inbox
        self._reporting = reporting
        self._conduct = conduct
        self._clock = clock
        self._pause = pause
        self._due: dict[int, tuple[float, float]] = {}
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="agency-messenger", daemon=True)

    def start(self) -> None:
        """Start the thread, with what an earlier run has left."""
        self._thread.start()

    def wake(self) -> None:
        """Look for work now."""
        self._awake.set()

    def stop(self) -> None:
        """Finish what is being said, and say no more."""
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)
        self._reporting.close()

    def _loop(self) -> None:
        while True:
            self._awake.clear()
            if self._stopping.is_set():
                return
            for id_ in self._inbox.unfinished():
                if self._stopping.is_set():
                    return
                due, pause = self._due.get(id_, (0.0, self._pause))
                if monotonic() < due:
                    continue
                if self._tell(self._inbox.get(id_)):
                    self._due.pop(id_, None)
                else:
                    self._due[id_] = (monotonic() + pause, min(2 * pause, _PAUSE_MAX))
            next_due = min((due for due, _ in self._due.values()), default=None)
            self._awake.wait(None if next_due is None else max(next_due - monotonic(), 0.01))

    def _tell(self, taken: Taken) -> bool:
        """Judge a filing once, and tell the gateway; False when that has to be tried again."""
        kenmerk = taken.arrival.kenmerk
        try:
            verdict, at = taken.verdict, taken.judged_at
            if verdict is None or at is None:
                # As it is kept, so that who says it again says the same.
                verdict, at = judged(taken, self._conduct), to_milliseconds(self._clock())
                self._inbox.judge(taken, verdict, at)
            times = (1, 2) if self._conduct.double_report else (1,)
            # First, so that it is there for whoever sees the verdict.
            if not taken.offered:
                for time in times:
                    message = return_message(taken, verdict, at)
                    self._reporting.offer(message, offer_id(taken, time))
                self._inbox.note_offered(taken)
                _log.info("kenmerk %s: a message was offered", kenmerk)
            if not taken.reported:
                for time in times:
                    self._reporting.report(verdict_of(taken, verdict, at), report_id(taken, time))
                self._inbox.note_reported(taken)
                _log.info("kenmerk %s: %s was reported", kenmerk, verdict)
        except (DigipoortFault, AnswerRefused, NoAnswer, Refusal) as error:
            _log.warning("kenmerk %s: the gateway was not told: %s", kenmerk, _one_line(error))
            return False
        except Exception as error:
            # Of ours: the thread goes on with the others.
            _log.error("kenmerk %s: %s", kenmerk, type(error).__name__)
            return False
        return True


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
