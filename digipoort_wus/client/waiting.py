"""Following a process to its end by asking again and again, ever less often."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from digipoort_wus.client.errors import ConnectionFailed, DigipoortFault
from digipoort_wus.client.results import Status, ending_of
from digipoort_wus.errors import DigipoortError

OnStatus = Callable[[Status], None]


@dataclass(frozen=True, slots=True)
class Poll:
    """How often to ask: seconds, growing by a factor up to a longest pause."""

    first: float = 0.5
    factor: float = 1.5
    longest: float = 15.0


class WaitTimeout(DigipoortError):
    """The process had not ended in time; it goes on.

    Args:
        kenmerk: the process.
        statuses: what was known of it by then.
    """

    def __init__(self, kenmerk: str, statuses: tuple[Status, ...]) -> None:
        self.kenmerk = kenmerk
        self.statuses = statuses
        last = statuses[-1].code if statuses else "none"
        super().__init__(
            f"The process had not ended in time (last status: {last}): it goes on, ask for its "
            "statuses later."
        )


def wait_for_end(
    kenmerk: str,
    ask: Callable[[], tuple[Status, ...]],
    *,
    timeout: float,
    poll: Poll,
    on_status: OnStatus,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> tuple[Status, ...]:
    """Ask for statuses until one of them ends the process.

    Args:
        kenmerk: the process.
        ask: returns all its statuses in order of time.
        timeout: seconds until :class:`WaitTimeout`.
        poll: pauses between the questions.
        on_status: told each status once, in order.
        monotonic: seconds that only grow.
        sleep: waits for so many seconds.

    Raises:
        WaitTimeout: the process had not ended in time.
        DigipoortFault, ConnectionFailed: asking failed and will fail again; or it
            failed for a moment, and still did when the time was over.
    """
    deadline = monotonic() + timeout
    told: Counter[tuple[object, ...]] = Counter()
    statuses: tuple[Status, ...] = ()
    pause = poll.first
    while True:
        failure: DigipoortFault | ConnectionFailed | None = None
        try:
            statuses = ask()
        except (DigipoortFault, ConnectionFailed) as error:
            # A gateway that restarts, or is busy, does not end a process.
            if not error.temporary:
                raise
            failure = error
        else:
            _tell(statuses, told, on_status)
            if ending_of(statuses) != "open":
                return statuses
        left = deadline - monotonic()
        if left <= 0:
            raise failure or WaitTimeout(kenmerk, statuses)
        sleep(min(pause, left))
        pause = min(pause * poll.factor, poll.longest)


def _tell(
    statuses: tuple[Status, ...], told: Counter[tuple[object, ...]], on_status: OnStatus
) -> None:
    # The same status may occur twice (301 does), even in the same millisecond.
    now: Counter[tuple[object, ...]] = Counter()
    for status in statuses:
        key = (status.code, status.at)
        now[key] += 1
        if now[key] > told[key]:
            told[key] += 1
            on_status(status)
