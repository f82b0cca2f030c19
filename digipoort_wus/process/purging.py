"""What is done when the time of filings is over, a few at a time.

A purge destroys what is personal of a filing and how to read it; see :func:`operator.purge`.
What is held, still has a job, or is with its agency (400) is left, whatever a rule says.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from digipoort_wus.clock import Clock
from digipoort_wus.process import operator
from digipoort_wus.process.admission import KEPT_LONGER
from digipoort_wus.process.retention import Retention, Rule
from digipoort_wus.store.ports import Position, Reader, Store, Transaction

_log = logging.getLogger(__name__)
AT_ONCE = 20
"""Filings in one transaction: for so long others who write have to wait."""
_PAUSE = timedelta(milliseconds=200)
_ELSEWHERE = timedelta(minutes=5)
"""When another process purges, so much later it is looked whether there is anything left."""
_FORGOTTEN_AT_ONCE = 500
_COUNTED_AT_ONCE = 1_000
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Purging:
    """What became of one step of a purge.

    Args:
        gone: filings.
        files: of them, which are to be removed by ``Store.remove``.
        position: where the next step begins; None: there is nothing left.
        elsewhere: another process purges, and nothing was done.
    """

    gone: int = 0
    files: tuple[bytes, ...] = ()
    position: Position | None = None
    elsewhere: bool = False


def count(reader: Reader, rule: Rule, now: datetime) -> int:
    """Return how many filings a rule would purge."""
    number, position = 0, None
    while True:
        found = reader.expired(rule.aged(now, position), _COUNTED_AT_ONCE)
        number += len(found)
        if len(found) < _COUNTED_AT_ONCE:
            return number
        position = found[-1]


def purge_some(
    transaction: Transaction, rule: Rule, now: datetime, after: Position | None = None
) -> Purging:
    """Purge a few filings whose time is over by a rule, unless another process is purging.

    Args:
        transaction: nothing is destroyed unless it commits.
        rule: which filings, and why.
        now: aware moment; the same in all steps of one purge.
        after: the position that the step before returned.
    """
    if not transaction.take_turn():
        return Purging(position=after, elsewhere=True)
    found = transaction.expired(rule.aged(now, after), AT_ONCE)
    files: list[bytes] = []
    for one in found:
        files += operator.purge(transaction, one.filing_id, rule.name, now)
    return Purging(len(found), tuple(files), found[-1] if len(found) == AT_ONCE else None)


def step(store: Store, rule: Rule, now: datetime, after: Position | None = None) -> Purging:
    """Purge a few filings, and remove their files after the commit; blocks until then."""
    done = store.write(lambda transaction: purge_some(transaction, rule, now, after)).result()
    store.remove(done.files).result()
    return done


class Purger:
    """Purges once a day by rules, a few filings at a time; for a :class:`Runner`.

    The same round forgets what belongs to no filing: questions that cannot be repeated any
    more, and what was counted of parties that have filed nothing since.

    Args:
        store: of the filings.
        kept: by which rules, and when.
        clock: of the days.
        on_purged: is told the name of the rule and how many filings went.
        forget_more: does a step of what else is forgotten each day, of a round that began at
            this moment; tells whether anything is left.
    """

    def __init__(
        self,
        store: Store,
        kept: Retention,
        clock: Clock,
        on_purged: Callable[[str, int], None],
        forget_more: Callable[[datetime], bool] = lambda _: False,
    ) -> None:
        self._forget_more = forget_more
        self._more = False
        self._store = store
        self._kept = kept
        self._clock = clock
        self._on_purged = on_purged
        self._next = self._following(clock())
        self._began: datetime | None = None
        self._forgetting = False
        self._left: deque[Rule] = deque()
        self._position: Position | None = None
        self._gone = 0

    def run_due(self, _interrupted: Callable[[], bool]) -> datetime:
        """Do one step of what is due, and return when the next one is."""
        now = self._clock()
        if self._began is None:
            if now < self._next:
                return self._next
            self._began, self._forgetting, self._more = now, True, True
            self._left.extend(self._kept.rules)
        if self._forgetting:
            self._forget(now)
        elif self._more:
            self._more = self._forget_more(self._began)
        elif self._left:
            done = step(self._store, self._left[0], self._began, self._position)
            if done.elsewhere:
                return now + _ELSEWHERE
            self._tell(self._left[0], done)
            if done.position is None:
                self._left.popleft()
        if self._forgetting or self._more or self._left:
            # Whoever files must not notice.
            return now + _PAUSE
        self._began, self._next = None, self._following(now)
        return self._next

    def _tell(self, rule: Rule, done: Purging) -> None:
        self._position = done.position
        self._gone += done.gone
        if done.gone:
            self._on_purged(rule.name, done.gone)
        if done.position is None and self._gone:
            _log.warning(
                "%d filings were purged by the rule %s",
                *(self._gone, rule.name),
                extra={"event": "purged"},
            )
            self._gone = 0

    def _forget(self, now: datetime) -> None:
        before = now - KEPT_LONGER
        # Of two days none: clocks of several machines differ, and a day begins for one first.
        yesterday = (now.astimezone(UTC) - _DAY).date()

        def work(transaction: Transaction) -> bool:
            transaction.forget_volumes(yesterday)
            return transaction.forget(before, _FORGOTTEN_AT_ONCE) == _FORGOTTEN_AT_ONCE

        self._forgetting = self._store.write(work).result()

    def _following(self, now: datetime) -> datetime:
        """Return the next moment at which a round is due, later than this one."""
        at = now.astimezone(UTC).replace(hour=self._kept.hour, minute=0, second=0, microsecond=0)
        return at if at > now else at + _DAY
