"""What Digipoort does with its messages over ebMS, whenever somebody lets it run.

Everything that waits is in the store, so it is found again by whoever comes next, also in another
process. A :class:`~digipoort_wus.process.runner.Runner` calls :meth:`Desks.run_due`; the message
service wakes it when something has changed.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from digipoort_wus.clock import Clock, to_milliseconds
from digipoort_wus.delivery.agencies import AgencyRow
from digipoort_wus.delivery.filing_desk import FilingDesk
from digipoort_wus.delivery.passages import Confirmations
from digipoort_wus.delivery.postponed import AT_ONCE
from digipoort_wus.ebms.digipoort import AANLEVER, AFLEVER, BEVESTIG_AANLEVER, BEVESTIG_AFLEVER
from digipoort_wus.store.ebms_values import Direction, EbmsEvent, EbmsRow, EventId
from digipoort_wus.store.ports import Reader, Store, Transaction

_SETTLED = timedelta(minutes=2)
"""More than any transaction takes: events of one store are not kept in the order of their
numbers where several write."""


def of_digipoort(
    filed_under: str | None, agencies: Iterable[AgencyRow]
) -> Callable[[EbmsRow], bool]:
    """Return what says of a message that it is one of Digipoort's, and no application's.

    Args:
        filed_under: the Service of filings; None where nobody files over ebMS.
        agencies: of the configuration.
    """
    cpas = frozenset(row.ebms.cpa for row in agencies if row.ebms is not None)
    filing = ((Direction.IN, AANLEVER), (Direction.OUT, BEVESTIG_AANLEVER))
    delivery = ((Direction.OUT, AFLEVER), (Direction.IN, BEVESTIG_AFLEVER))

    def says(row: EbmsRow) -> bool:
        head = row.head
        what = (head.key.direction, head.action)
        if what in filing:
            return filed_under is not None and head.service == filed_under
        return what in delivery and head.key.cpa_id in cpas

    return says


class Desks:
    """Takes filings and confirmations, and hears what became of messages of its own; one thread.

    Args:
        store: of messages and filings.
        filings: takes filings; None where nobody files over ebMS.
        confirmations: takes confirmations.
        clock: of when an event was heard.
    """

    def __init__(
        self,
        store: Store,
        filings: FilingDesk | None,
        confirmations: Confirmations,
        clock: Clock,
    ) -> None:
        self._store = store
        self._filings = filings
        self._confirmations = confirmations
        self._clock = clock
        self._is_ours = of_digipoort(
            None if filings is None else filings.filed_under, confirmations.agencies
        )
        self._heard: EventId | None = None
        self._passed: set[EventId] = set()

    def run_due(self, interrupted: Callable[[], bool]) -> datetime | None:
        """Do what waits, or a part of it when there is much or somebody wants it to stop.

        However fast filings come, confirmations and events have their turn.

        Returns:
            When to come back for more: now, or whenever something has changed.

        Raises:
            StoreFailed: what was not done waits.
        """
        taken = 0
        if self._filings is not None:
            taken = self._filings.take_all(interrupted)
        taken = max(taken, self._confirmations.take_all(interrupted))
        self._hear(interrupted)
        return self._clock() if taken >= AT_ONCE else None

    def _hear(self, interrupted: Callable[[], bool]) -> None:
        """Hear the events that nobody has heard, of its own messages only.

        An event that nobody hears keeps its message from ever being forgotten.
        """
        after, settled = self._heard, self._clock() - _SETTLED
        while not interrupted():
            events = self._store.read(partial(_behind, after))
            for event in events:
                # Those of others stay for whom they concern.
                if event.event_id not in self._passed and self._concerns_us(event):
                    self._confirmations.look(event.ebms_id)
                    self._note(event)
                self._passed.add(event.event_id)
                after = event.event_id
                if event.at < settled:
                    self._heard = event.event_id
            if not events:
                break
        self._passed = {one for one in self._passed if one > (self._heard or 0)}

    def _concerns_us(self, event: EbmsEvent) -> bool:
        row = self._store.read(lambda reader: reader.ebms(event.ebms_id))
        return row.head.key.direction is Direction.OUT and self._is_ours(row)

    def _note(self, event: EbmsEvent) -> None:
        at = to_milliseconds(self._clock())

        def work(transaction: Transaction) -> int:
            return transaction.process_ebms_events([event.event_id], at)

        self._store.write(work).result()


def _behind(after: EventId | None, reader: Reader) -> Sequence[EbmsEvent]:
    return reader.ebms_events(after, 100)
