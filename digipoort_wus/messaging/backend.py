"""What an application behind the message service does: take messages, and see what became."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from digipoort_wus.clock import to_milliseconds
from digipoort_wus.ebms.composing import delivery_failure, finish, message_error
from digipoort_wus.ebms.cpa_terms import terms_for_signal
from digipoort_wus.ebms.incoming import taken
from digipoort_wus.ebms.names import MESSAGE_ERROR
from digipoort_wus.ebms.reading import read_envelope, read_header
from digipoort_wus.ebms.reception import Arrived, Manner, Receiving, Then, arrival
from digipoort_wus.ebms.reliability import Impossible
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.messaging.keeping import party_spelled
from digipoort_wus.messaging.sending import Composed, composed
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsAnswer,
    EbmsAttempt,
    EbmsContent,
    EbmsEvent,
    EbmsId,
    EbmsRow,
    EbmsWanted,
    EventId,
)
from digipoort_wus.store.ports import Reader, Transaction

ATTEMPTS_MOST = 1_000
"""Of one message that are told."""


@dataclass(frozen=True, slots=True)
class Got:
    """A message with what it held; large payloads are handles."""

    row: EbmsRow
    content: EbmsContent = field(repr=False)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a message is, and how it came there.

    Args:
        row: with its state.
        attempts: to send it, or the signal about it.
        events: that the application was told.
        answer: the signal that is kept with it.
    """

    row: EbmsRow
    attempts: Sequence[EbmsAttempt]
    events: Sequence[EbmsEvent]
    answer: EbmsAnswer | None = field(repr=False)


def nobody_else(_: EbmsRow) -> bool:
    """Say that every message is for the application."""
    return False


class Backend:
    """Operations of the application; any thread may ask, and each call blocks.

    Args:
        service: whose messages.
        is_taken_here: says of a message that the gateway itself takes it. Such a message and
            its events are not offered; were the application to take it first, the gateway would
            never do with it what its sender was promised by an acknowledgment.
    """

    def __init__(
        self, service: MessageService, is_taken_here: Callable[[EbmsRow], bool] = nobody_else
    ) -> None:
        self._service = service
        self._house = service.house
        self._is_taken_here = is_taken_here

    def unprocessed(self, wanted: EbmsWanted | None = None) -> Sequence[EbmsRow]:
        """Return messages that came in and that the application has not taken, oldest first.

        Those that were refused or given up are not among them.

        Args:
            wanted: which of them.
        """
        asked = replace(
            wanted or EbmsWanted(),
            direction=Direction.IN,
            state=Receiving.RECEIVED.value,
            unprocessed=True,
        )
        found: list[EbmsRow] = []
        while True:
            rows = self.messages(asked)
            found += [row for row in rows if not self._is_taken_here(row)]
            if len(rows) < asked.limit or len(found) >= asked.limit:
                return found[: asked.limit]
            asked = replace(asked, after=rows[-1].ebms_id)

    def messages(self, wanted: EbmsWanted) -> Sequence[EbmsRow]:
        """Return messages, oldest first."""
        return self._house.store.read(lambda reader: reader.ebms_messages(wanted))

    def get(self, ebms_id: EbmsId) -> Got:
        """Return a message with what it held.

        Raises:
            KeyError: there is no such message.
            PayloadDamaged: something is not what was kept.
        """
        return self._house.store.read(
            lambda reader: Got(reader.ebms(ebms_id), reader.ebms_content(ebms_id))
        )

    def mark_processed(self, ids: Iterable[EbmsId]) -> int:
        """Note that the application has taken messages; return how many it had not.

        Raises:
            KeyError: there is no such message that came in.
            Impossible: it was refused, or given up, or the gateway takes it.
        """
        listed, at = tuple(ids), self._house.clock()

        def work(transaction: Transaction) -> int:
            for ebms_id in listed:
                self._require_offered(transaction.ebms(ebms_id))
            return taken(transaction, listed, at)

        number = self._house.write(work)
        for ebms_id in listed:
            self._house.changed(ebms_id)
        return number

    def give_up(self, ebms_id: EbmsId) -> bool:
        """Note that a message cannot be given to the application, and tell its From party so.

        That is a MessageError with DeliveryFailure, kept in the same transaction and sent once;
        an event tells whether it was taken. False: it was given up before.

        Raises:
            KeyError: there is no such message that came in.
            Impossible: the application has it, or it was refused, or the gateway takes it.
            ConfigurationError: the agreement does not allow the notification any more; nothing
                is changed.

        ebMS 2.0 §6.5.7.
        """
        row = self._house.store.read(lambda reader: reader.ebms(ebms_id))
        if row.head.key.direction is not Direction.IN:
            raise KeyError(ebms_id)
        self._require_offered(row)
        manner = Manner(acknowledge=False, eliminate=True)
        with self._failure_of(row) as notification:

            def work(transaction: Transaction) -> bool:
                state = Receiving(transaction.ebms(ebms_id).state)
                after, then = arrival(manner, state, Arrived.GIVEN_UP)
                if after is not state:
                    at = self._house.clock()
                    transaction.change_ebms(ebms_id, state.value, after.value, settled_at=at)
                if Then.REPORT_FAILURE in then:
                    notification.keep(transaction)
                return after is not state

            given_up = self._house.write(work)
        self._house.changed(ebms_id)
        return given_up

    def progress(self, ebms_id: EbmsId) -> Progress:
        """Return how far a message is, with the last of many attempts.

        Raises:
            KeyError: there is no such message.
        """
        return self._house.store.read(
            lambda reader: Progress(
                reader.ebms(ebms_id),
                # Who sends the same message again and again has it answered each time.
                reader.ebms_attempts(ebms_id)[-ATTEMPTS_MOST:],
                reader.ebms_events_of(ebms_id),
                reader.ebms_answer(ebms_id),
            )
        )

    def events(self, after: EventId | None = None, limit: int = 100) -> Sequence[EbmsEvent]:
        """Return events that the application has not taken, oldest first."""

        def look(reader: Reader) -> Sequence[EbmsEvent]:
            found: list[EbmsEvent] = []
            last = after
            while True:
                events = reader.ebms_events(last, limit)
                found += [
                    event for event in events if not self._is_taken_here(reader.ebms(event.ebms_id))
                ]
                if len(events) < limit or len(found) >= limit:
                    return found[:limit]
                last = events[-1].event_id

        return self._house.store.read(look)

    def mark_events(self, events: Iterable[EventId]) -> int:
        """Note that the application has taken events; return how many it had not.

        Raises:
            Impossible: the gateway takes the message of one, and has yet to hear of it.
        """
        listed, at = tuple(events), self._house.clock()

        def work(transaction: Transaction) -> int:
            # Only what was looked at: another may come to be in between.
            offered = [each for each in listed if self._is_offered(transaction, each)]
            return transaction.process_ebms_events(offered, at)

        return self._house.write(work)

    def _is_offered(self, reader: Reader, event_id: EventId) -> bool:
        """Return whether an event waits for the application; False where none waits.

        Raises:
            Impossible: it waits for the gateway itself.
        """
        found = reader.ebms_events(EventId(event_id - 1), 1)
        if not found or found[0].event_id != event_id:
            return False
        if self._is_taken_here(reader.ebms(found[0].ebms_id)):
            raise Impossible("the gateway hears this event itself")
        return True

    def _require_offered(self, row: EbmsRow) -> None:
        if row.state == Receiving.RECEIVED.value and self._is_taken_here(row):
            raise Impossible("the gateway takes this message itself")

    def _failure_of(self, row: EbmsRow) -> Composed:
        """Return the notification that a message was not delivered."""
        house, head = self._house, row.head
        ours = house.book.current()
        partner = ours.partners.get(head.key.cpa_id)
        party = None if partner is None else party_spelled(partner.agreement, head.receiver)
        if partner is None or party is None:
            raise ConfigurationError(
                f"CPA {head.key.cpa_id} is not here any more: its other party cannot be told."
            )
        content = house.store.read(lambda reader: reader.ebms_content(row.ebms_id))
        if content.envelope is None:
            raise KeyError(row.ebms_id)
        header = read_header(read_envelope(content.envelope))
        at = to_milliseconds(house.clock())
        terms = terms_for_signal(partner.agreement, party.ids[0], MESSAGE_ERROR, at=at)
        error = message_error(
            header,
            partner,
            [delivery_failure(certain=True)],
            message_id=house.new_message_id(),
            at=at,
        )
        unique = str(uuid4())
        ready = finish(error, partner, unique=unique)
        return composed(house, ready, partner, terms, unique)
