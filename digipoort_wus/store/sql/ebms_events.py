"""Statements about what the application behind the gateway is told of messages of ebMS."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from digipoort_wus.store.ebms_values import EbmsEvent, EbmsId, EventId
from digipoort_wus.store.sql.base import Rows
from digipoort_wus.store.sql.convert import floor_ms, moment_of, optional_moment
from digipoort_wus.store.sql.session import Row

_EVENT = "id, message_id, kind, at, processed_at"
"""Columns of :func:`_event`."""
SAID_MAX = 7_000
"""Of PostgreSQL's 8,000 octets."""


class EbmsEventReads(Rows):
    """Looks up events."""

    def ebms_events(self, after: EventId | None, limit: int) -> Sequence[EbmsEvent]:
        """Return events that the application has not taken, oldest first."""
        rows = self._all(
            f"""SELECT {_EVENT} FROM ebms_event
            WHERE processed_at IS NULL AND id > ? ORDER BY id LIMIT ?""",  # noqa: S608
            (after or 0, limit),
        )
        return [_event(row) for row in rows]

    def ebms_events_of(self, ebms_id: EbmsId) -> Sequence[EbmsEvent]:
        """Return all events of a message, oldest first."""
        rows = self._all(
            f"SELECT {_EVENT} FROM ebms_event WHERE message_id = ? ORDER BY id",  # noqa: S608
            (ebms_id,),
        )
        return [_event(row) for row in rows]


class EbmsEventWrites(EbmsEventReads):
    """Keeps events."""

    def add_ebms_event(self, ebms_id: EbmsId, kind: str, at: datetime) -> EventId:
        """Keep an event for the application."""
        self._tell(str(ebms_id))
        return EventId(
            self._insert(
                "INSERT INTO ebms_event (message_id, kind, at) VALUES (?,?,?) RETURNING id",
                *(ebms_id, kind, floor_ms(at)),
            )
        )

    def tell_others(self, said: str) -> None:
        """Have other processes on this store told something, once this is committed."""
        if len(said) > SAID_MAX or not said.isascii():
            raise ValueError("it is too long to be told, or no ASCII")
        self._tell(said)

    def process_ebms_events(self, events: Iterable[EventId], at: datetime) -> int:
        """Remember that the application has taken events; return how many it had not."""
        return sum(
            self._execute(
                "UPDATE ebms_event SET processed_at = ? WHERE id = ? AND processed_at IS NULL",
                (floor_ms(at), event),
            ).rowcount
            for event in events
        )


def _event(row: Row) -> EbmsEvent:
    return EbmsEvent(
        EventId(row[0]), EbmsId(row[1]), row[2], moment_of(row[3]), optional_moment(row[4])
    )
