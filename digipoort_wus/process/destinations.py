"""What this process knows of the agencies: how many deliveries run, and whether they answer.

Each destination has a few threads of its own and a breaker, so that one that is slow or gone
stalls no other. All of it is forgotten when the process ends; jobs and statuses are not.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from time import monotonic

from digipoort_wus.process import breaker
from digipoort_wus.process.breaker import CLOSED, BreakerPolicy, Permit, State

_log = logging.getLogger(__name__)
_SHORTEST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=1)
_NEWEST = 0.2
"""Weight of the newest delivery in the average of how long one takes."""


class Told(Enum):
    """How an attempt at delivery went, as far as its destination is concerned."""

    ANSWERED = "answered"
    FAILED = "failed"
    NOTHING = "it was not asked, or the fault was ours"


def do_nothing() -> None:
    """Do nothing: nobody waits for room."""


@dataclass(slots=True)
class _Destination:
    state: State = CLOSED
    running: int = 0
    waiting: "deque[Callable[[], None]]" = field(default_factory=deque)
    seconds: float = 1.0
    next_turn: datetime | None = None


class Destinations:
    """The destinations of one process; any thread may ask.

    Args:
        each: deliveries to one destination at the same time.
        own: the same, of the destinations that take another number.
        at_most: deliveries at the same time, whatever the destination; a destination that finds
            no room waits. No destination has more than half of it.
        policy: of the breakers.
        chance: gives a share between 0 and 1, to spread what failed together.
    """

    def __init__(
        self,
        chance: Callable[[], float] = random.random,
        *,
        each: int = 4,
        own: Mapping[str, int] | None = None,
        at_most: int = 128,
        policy: BreakerPolicy | None = None,
    ) -> None:
        self._chance = chance
        self._each = each
        self._own = own or {}
        self._at_most = at_most
        self._policy = policy or BreakerPolicy()
        self._changed = threading.Condition()
        self._known: dict[str, _Destination] = {}
        self._running = 0
        self._on_free: Callable[[], None] = do_nothing

    def on_free(self, wake: Callable[[], None]) -> None:
        """Call this whenever a delivery has ended, from its thread."""
        self._on_free = wake

    def ask(self, destination: str, now: datetime) -> datetime | None:
        """Return None when a delivery may begin, or when it is worth asking again.

        Who may begin says :meth:`told` afterwards, whatever happened.
        """
        with self._changed:
            known = self._known.setdefault(destination, _Destination())
            known.state, permit = breaker.ask(known.state, now, self._policy)
            if permit is Permit.WAIT:
                due = breaker.next_at(known.state, now, self._policy)
                if isinstance(known.state, breaker.Probing):
                    # It may be lost, and then it is given up late; most tell in a moment.
                    return min(due, self.turn(destination, now))
                return due + self._chance() * _SHORTEST_WAIT
            return None

    def told(self, destination: str, told: Told, now: datetime) -> None:
        """Take note of how an attempt went."""
        with self._changed:
            known = self._known[destination]
            before = known.state
            match told:
                case Told.ANSWERED:
                    known.state = breaker.succeeded(before)
                case Told.FAILED:
                    known.state = breaker.failed(before, now, self._policy, self._chance())
                case Told.NOTHING:
                    known.state = breaker.abandoned(before, now)
            after = known.state
        if isinstance(after, breaker.Open) and not isinstance(before, breaker.Open):
            if told is Told.FAILED:
                _log.warning(
                    "deliveries to %s fail: it is left alone for %.0f s",
                    *(destination, (after.until - now).total_seconds()),
                    extra={"event": "breaker-opened", "agency": destination},
                )
        elif isinstance(before, breaker.Probing) and after == CLOSED:
            _log.info(
                "deliveries to %s succeed again",
                destination,
                extra={"event": "breaker-closed", "agency": destination},
            )

    def submit(self, destination: str, work: Callable[[], None]) -> bool:
        """Run a work in a thread of the destination, soon; False when too many wait already.

        The work may raise nothing.
        """
        with self._changed:
            known = self._known.setdefault(destination, _Destination())
            most = self._most(destination)
            if known.running < most and self._running < self._at_most:
                known.running += 1
                self._running += 1
            elif known.running and len(known.waiting) < most:
                known.waiting.append(work)
                return True
            else:
                return False
        name = f"delivery-{destination}"
        threading.Thread(target=self._run, args=(known, work), name=name, daemon=True).start()
        return True

    def turn(self, destination: str, now: datetime) -> datetime:
        """Return when one more delivery, for which there is no room now, might find some.

        Each is told a later moment than the one before, by how long a delivery takes; so a long
        queue is not looked through again and again, and what is due elsewhere comes first.
        """
        with self._changed:
            known = self._known.setdefault(destination, _Destination())
            earliest = now + _SHORTEST_WAIT
            if known.next_turn is None or not now <= known.next_turn <= now + _LONGEST_WAIT:
                known.next_turn = now
            most = self._most(destination)
            known.next_turn += timedelta(seconds=known.seconds / most)
            return min(max(known.next_turn, earliest), now + _LONGEST_WAIT)

    def _most(self, destination: str) -> int:
        return min(self._own.get(destination, self._each), max(self._at_most // 2, 1))

    def wait(self, within: timedelta) -> bool:
        """Wait until no delivery is under way, or this time is over; tells whether none is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, within.total_seconds())

    def _run(self, known: _Destination, work: Callable[[], None]) -> None:
        following: Callable[[], None] | None = work
        while following is not None:
            began = monotonic()
            try:
                following()
            finally:
                with self._changed:
                    known.seconds += _NEWEST * (monotonic() - began - known.seconds)
                    following = known.waiting.popleft() if known.waiting else None
                    if following is None:
                        known.running -= 1
                        self._running -= 1
                        self._changed.notify_all()
            self._on_free()
