"""Forgets messages of ebMS whose time is over, a few at a time.

How long a message has to be known is in its agreement. What the application has not taken stays
however long that takes, and so does what belongs to a filing that is under way: what was sent of
that last is known from its messages.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digipoort_wus.delivery.outbox import about
from digipoort_wus.store.ebms_values import EbmsId
from digipoort_wus.store.ports import Overview, Store, Transaction
from digipoort_wus.store.values import Summary

_log = logging.getLogger(__name__)
AT_ONCE = 20
"""Messages in one transaction: for so long others who write have to wait."""
_WITH_AGENCY = "400"
_DELIVERIES_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of one step.

    Args:
        gone: messages.
        files: that are to be removed by ``Store.remove``.
        after: where the next step begins; None: there is nothing left, or another process is
            at it.
    """

    gone: int = 0
    files: tuple[bytes, ...] = ()
    after: EbmsId | None = None


def forget_some(
    transaction: Transaction, before: datetime, after: EbmsId | None = None
) -> Forgotten:
    """Destroy a few messages that are over, unless another process is purging.

    Args:
        transaction: nothing is destroyed unless it commits.
        before: they had to be known until earlier than this; the same in all steps of a round.
        after: what the step before returned.
    """
    if not transaction.take_turn():
        return Forgotten()
    found = transaction.ebms_forgettable(before, AT_ONCE, after)
    going = [ebms_id for ebms_id in found if not _is_needed(transaction, ebms_id)]
    done = transaction.forget_ebms(going)
    return Forgotten(len(going), tuple(done.files), found[-1] if len(found) == AT_ONCE else None)


def forget_step(store: Store, before: datetime, after: EbmsId | None = None) -> Forgotten:
    """Destroy a few messages, and remove their files after the commit; blocks until then."""
    done = store.write(lambda transaction: forget_some(transaction, before, after)).result()
    store.remove(done.files).result()
    return done


class Forgetting:
    """Forgets step by step, a round a day; one thread.

    Args:
        store: of the messages.
        longer: so much longer messages are kept than they have to be known.
        on_forgotten: is told how many went.
    """

    def __init__(
        self, store: Store, longer: timedelta, on_forgotten: Callable[[int], None]
    ) -> None:
        self._store = store
        self._longer = longer
        self._on_forgotten = on_forgotten
        self._after: EbmsId | None = None
        self._gone = 0

    def step(self, began: datetime) -> bool:
        """Do one step of a round, and tell whether anything is left.

        Args:
            began: when the round did.

        Raises:
            StoreFailed: nothing was done.
        """
        done = forget_step(self._store, began - self._longer, self._after)
        self._after = done.after
        self._gone += done.gone
        if done.gone:
            self._on_forgotten(done.gone)
        if done.after is None and self._gone:
            _log.warning(
                "%d messages of ebMS were purged", self._gone, extra={"event": "ebms-forgotten"}
            )
            self._gone = 0
        return done.after is not None


def _is_needed(transaction: Transaction, ebms_id: EbmsId) -> bool:
    kenmerk, berichtkenmerk = about(transaction.ebms(ebms_id).head.conversation_id)
    if not berichtkenmerk:
        return False
    rows: Sequence[Summary] = transaction.overview(
        Overview(kenmerk=kenmerk, limit=_DELIVERIES_MOST)
    )
    # Of one kenmerk there is one as a rule: which of several it was matters to nobody.
    return any(map(_is_under_way, rows))


def _is_under_way(row: Summary) -> bool:
    return row.job is not None or row.hold is not None or row.status == _WITH_AGENCY
