"""What is needed of a store for ebMS; part of :mod:`digipoort_wus.store.ports`."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from digipoort_wus.store.ebms_values import (
    CpaRow,
    EbmsAnswer,
    EbmsAttempt,
    EbmsContent,
    EbmsEvent,
    EbmsId,
    EbmsKey,
    EbmsMessage,
    EbmsRow,
    EbmsTask,
    EbmsWanted,
    EventId,
    Incoming,
    Received,
)
from digipoort_wus.store.values import Prepared, Purged


class EbmsReader(Protocol):
    """Looks up messages, tasks, events and agreements."""

    # --- Messages ---------------------------------------------------------------------

    def ebms_known(self, key: EbmsKey) -> EbmsRow | None:
        """Return the first message that came or went under a key, None when there is none."""

    def ebms_answered_with(self, message_id: str) -> EbmsRow | None:
        """Return the message that came in and was answered with a signal of this MessageId."""

    def ebms(self, ebms_id: EbmsId) -> EbmsRow:
        """Return a message without its contents.

        Raises:
            KeyError: there is no such message.
        """

    def ebms_messages(self, wanted: EbmsWanted) -> Sequence[EbmsRow]:
        """Return messages without their contents, oldest first."""

    def ebms_content(self, ebms_id: EbmsId) -> EbmsContent:
        """Return what a message held; each part is checked, and its row.

        Raises:
            KeyError: there is no such message.
            PayloadDamaged: something is not what was stored.
        """

    def ebms_answer(self, ebms_id: EbmsId) -> EbmsAnswer | None:
        """Return the signal that is kept with a message, None when there is none.

        Raises:
            KeyError: there is no such message.
            PayloadDamaged: it is not what was stored.
        """

    def ebms_events(self, after: EventId | None, limit: int) -> Sequence[EbmsEvent]:
        """Return events that the application has not taken, oldest first.

        Args:
            after: only those behind this one: where the page before ended.
            limit: at most so many.
        """

    def ebms_events_of(self, ebms_id: EbmsId) -> Sequence[EbmsEvent]:
        """Return all events of a message, oldest first."""

    def ebms_forgettable(
        self, before: datetime, limit: int, after: EbmsId | None = None
    ) -> Sequence[EbmsId]:
        """Return messages at rest whose ids need not be known any more, in order.

        At rest is what came in and was refused or taken by the application, and what went out
        and has come to its end; each without a task, and without an event that waits.

        Args:
            before: they had to be known until earlier than this.
            limit: at most so many.
            after: only those behind this one.
        """

    # --- Tasks ------------------------------------------------------------------------

    def ebms_task(self, ebms_id: EbmsId) -> EbmsTask | None:
        """Return the task of a message, None when nothing has to be sent."""

    def next_ebms_task_at(self, now: datetime) -> datetime | None:
        """Return when the next task can be claimed, None when there is none.

        Args:
            now: moment of the clock in which the answer is wanted; leases are counted by the
                store's own.
        """

    def ebms_attempts(self, ebms_id: EbmsId) -> Sequence[EbmsAttempt]:
        """Return how often sending was tried for a message, in order."""

    # --- Agreements -------------------------------------------------------------------

    def cpa(self, cpa_id: str) -> CpaRow | None:
        """Return the current agreement of a CPAId, None when there is none.

        Raises:
            PayloadDamaged: it is not what was kept.
        """

    def cpas(self) -> Sequence[CpaRow]:
        """Return every current agreement, by CPAId.

        Raises:
            PayloadDamaged: one is not what was kept.
        """

    def cpas_of(self, cpa_id: str) -> Sequence[CpaRow]:
        """Return the agreements that a CPAId has had, oldest first.

        Raises:
            PayloadDamaged: one is not what was kept.
        """

    def cpa_edition(self) -> tuple[int, int]:
        """Return what is another as soon as an agreement was added, replaced or removed."""


class EbmsStore(Protocol):
    """What else a store is to who works with ebMS."""

    @property
    def is_shared(self) -> bool:
        """Return whether other processes may use it at the same time."""

    def hear(self, told: Callable[[str], object]) -> None:
        """Have this called with what is told about ebMS, from a thread of the store's own.

        That is the number of a message of which something changed, or what
        :meth:`EbmsTransaction.tell_others` was given, here as well as in other processes; and an
        empty text whenever something may have been missed. It must be quick, and raises
        nothing. Returns when they are heard, or a few seconds later.
        """


class EbmsTransaction(EbmsReader, Protocol):
    """Keeps messages, tasks, events and agreements."""

    # --- Messages ---------------------------------------------------------------------

    def receive_ebms(self, incoming: Incoming, prepared: Prepared | None = None) -> Received:
        """Keep a message that came in, its answer, event and task, unless it is known.

        The answer may go out once this is committed, and not before. A message that came before
        with the same content gets the answer that was given first; where that is sent by itself,
        it is sent again. Of one that came before with other content nothing is kept.

        Args:
            incoming: what to do should it be new.
            prepared: its parts, and its envelope as the request, sealed ahead; to be discarded
                by the caller whatever comes out. None seals them while everybody waits.
        """

    def send_ebms(
        self, message: EbmsMessage, state: str, run_at: datetime, prepared: Prepared | None = None
    ) -> EbmsId:
        """Keep a message that goes out, and the task to send it.

        Args:
            message: of which the key is taken once.
            state: in which it begins.
            run_at: when it is to be sent.
            prepared: as for :meth:`receive_ebms`.
        """

    def change_ebms(
        self,
        ebms_id: EbmsId,
        before: str,
        after: str,
        *,
        settled_at: datetime | None = None,
        processed_at: datetime | None = None,
    ) -> None:
        """Bring a message from one state into another.

        Args:
            ebms_id: which.
            before: in which it has to be.
            after: in which it is then.
            settled_at: it has come to its end with this.
            processed_at: the application has taken it.

        Raises:
            StateChanged: it is not, or no longer, in that state.
        """

    def answer_ebms(self, ebms_id: EbmsId, answer: EbmsAnswer, *, replace: bool = False) -> bool:
        """Keep a signal with a message, unless it has one; tells whether it is kept.

        Args:
            ebms_id: of the message.
            answer: to be kept.
            replace: in place of an earlier one, as what settles a message is kept in place of a
                warning. What a message that came in was answered first is never replaced.

        Raises:
            KeyError: there is no such message.
        """

    def add_ebms_event(self, ebms_id: EbmsId, kind: str, at: datetime) -> EventId:
        """Keep an event for the application."""

    def tell_others(self, said: str) -> None:
        """Have everybody told who hears (:meth:`EbmsStore.hear`), once this is committed.

        Args:
            said: ASCII, at most 7,000 characters; where the store is not shared it is lost.
        """

    def process_ebms_events(self, events: Iterable[EventId], at: datetime) -> int:
        """Remember that the application has taken events; return how many it had not."""

    def forget_ebms(self, ids: Iterable[EbmsId]) -> Purged:
        """Destroy messages that :meth:`EbmsReader.ebms_forgettable` named in this transaction.

        Nothing stays of them. The files are removed by :meth:`Store.remove` after the commit.

        Args:
            ids: of the messages; one that is gone already changes nothing.
        """

    # --- Tasks ------------------------------------------------------------------------

    def put_ebms_task(self, ebms_id: EbmsId, run_at: datetime) -> None:
        """Have something sent; of one that has a task already, not later than this.

        Raises:
            KeyError: there is no such message.
        """

    def claim_ebms_tasks(
        self, now: datetime, lease: timedelta, limit: int, passing_over: Collection[str] = ()
    ) -> Sequence[EbmsTask]:
        """Lease tasks that are due and not leased: first those whose lease has ended by itself.

        Args:
            now: decides what is due.
            lease: counted by the store's own clock.
            limit: at most so many.
            passing_over: CPAIds of which nothing is claimed.
        """

    def extend_ebms_tasks(self, tasks: Iterable[EbmsTask], lease: timedelta) -> Sequence[EbmsTask]:
        """Lease tasks anew for so long from now, and return those that are still held."""

    def release_ebms_tasks(self, tasks: Iterable[EbmsTask]) -> None:
        """End the leases of those that are still held, as if they had not been claimed."""

    def begin_ebms_attempt(self, task: EbmsTask, at: datetime, url: str) -> EbmsAttempt:
        """Count an attempt of a task that is held; it may be made once this is committed.

        Raises:
            LostLease: the token is no longer the newest, or the task was let go.
        """

    def end_ebms_attempt(
        self,
        ebms_id: EbmsId,
        seq: int,
        ended_at: datetime,
        outcome: str,
        status: int | None = None,
    ) -> None:
        """Note how an attempt went, whoever holds the task by now."""

    def move_ebms_task(self, task: EbmsTask, run_at: datetime) -> None:
        """Let go of a task that is held, until it is due again.

        Raises:
            LostLease: the token is no longer the newest, or the task was let go.
        """

    def finish_ebms_task(self, task: EbmsTask) -> None:
        """Remove a task that is held.

        Raises:
            LostLease: the token is no longer the newest, or the task was let go.
        """

    def drop_ebms_task(self, ebms_id: EbmsId) -> bool:
        """Remove the task of a message, whoever holds it; False when it has none."""

    # --- Agreements -------------------------------------------------------------------

    def put_cpa(self, row: CpaRow) -> None:
        """Keep an agreement, in place of the current one of its CPAId."""

    def remove_cpa(self, cpa_id: str, at: datetime) -> None:
        """End the current agreement of a CPAId; it stays for who looks back.

        Raises:
            KeyError: there is none.
        """
