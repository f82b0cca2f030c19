"""The tables of who sends, done in a store: what a claim, an attempt and a signal change.

Each function is work of one transaction, so that state, task, attempt and event never differ.
What has to be sent is sent by the caller, and only once the transaction is committed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from digipoort_wus.ebms.reliability import (
    FINAL,
    Do,
    Happened,
    Sending,
    Way,
    change,
    signal_state,
)
from digipoort_wus.ebms.schedule import Due, Schedule, due, next_at
from digipoort_wus.store.ebms_ports import EbmsTransaction
from digipoort_wus.store.ebms_values import EbmsAnswer, EbmsAttempt, EbmsId, EbmsTask


class Event(StrEnum):
    """What the application behind the gateway is told."""

    RECEIVED = "RECEIVED"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


_TOLD: Mapping[Do, Event] = MappingProxyType(
    {
        Do.TELL_DELIVERED: Event.DELIVERED,
        Do.TELL_FAILED: Event.FAILED,
        Do.TELL_EXPIRED: Event.EXPIRED,
    }
)


@dataclass(frozen=True, slots=True)
class Offer:
    """How one message or signal is offered to its receiver.

    Args:
        way: by what it is known to have arrived.
        plan: when.
        made_at: when it was stored: the first attempt is due from then on.
        url: where to.
    """

    way: Way
    plan: Schedule
    made_at: datetime
    url: str


def take(
    transaction: EbmsTransaction, task: EbmsTask, offer: Offer, at: datetime
) -> EbmsAttempt | None:
    """Begin what is due of a task that was claimed: an attempt, or the end.

    Args:
        transaction: of the store.
        task: held.
        offer: of its message, by the agreement as it is now.
        at: now.

    Returns:
        What is to be sent once this is committed; None: nothing, and the task is let go.

    Raises:
        LostLease: somebody else has the task since.
    """
    state = _state(transaction, task, offer.way)
    if state is Sending.SENDING:
        # Whoever made the attempt is gone, and its outcome with it.
        state = _changed(transaction, task.ebms_id, offer.way, state, Happened.INTERRUPTED, at)[0]
    if state in FINAL:
        transaction.finish_ebms_task(task)
        return None
    last = offer.made_at if task.last_at is None else task.last_at
    found = due(offer.plan, task.attempts, last, at)
    if found is Due.NOTHING:
        transaction.move_ebms_task(task, next_at(offer.plan, task.attempts, last))
        return None
    if found is Due.END:
        _changed(transaction, task.ebms_id, offer.way, state, Happened.ENDED, at)
        transaction.finish_ebms_task(task)
        return None
    attempt = transaction.begin_ebms_attempt(task, at, offer.url)
    _changed(transaction, task.ebms_id, offer.way, state, Happened.DUE, at)
    return attempt


def attempted(
    transaction: EbmsTransaction,
    task: EbmsTask,
    attempt: EbmsAttempt,
    offer: Offer,
    happened: Happened,
    at: datetime,
    status: int | None = None,
) -> None:
    """Note how an attempt went, behind what a signal said that came with it.

    Who lost the task meanwhile leaves the note and nothing else.

    Args:
        transaction: of the store.
        task: as it was taken.
        attempt: that was made.
        offer: of its message.
        happened: one of those that :func:`~digipoort_wus.ebms.reliability.of_http` returns.
        at: now.
        status: of HTTP.
    """
    transaction.end_ebms_attempt(task.ebms_id, attempt.seq, at, happened.value, status)
    found = transaction.ebms_task(task.ebms_id)
    if found is None or found.token != task.token:
        return
    state = Sending.SENDING
    if offer.way is not Way.SIGNAL:
        state = Sending(transaction.ebms(task.ebms_id).state)
    _, done = _changed(transaction, task.ebms_id, offer.way, state, happened, at)
    if Do.WAIT in done:
        moment = next_at(offer.plan, found.attempts, found.last_at or at)
        transaction.move_ebms_task(task, moment)
    elif Do.STOP in done:
        transaction.finish_ebms_task(task)


def signalled(
    transaction: EbmsTransaction,
    ebms_id: EbmsId,
    way: Way,
    happened: Happened,
    signal: EbmsAnswer,
    at: datetime,
) -> Sending:
    """Note a signal about a message that went out, and return the state that follows.

    Args:
        transaction: of the store.
        ebms_id: of the message that the signal refers to.
        way: how that is sent.
        happened: ACKNOWLEDGED, REFUSED or WARNED.
        signal: as it came, and was found to hold.
        at: now.
    """
    state = Sending(transaction.ebms(ebms_id).state)
    after, done = _changed(transaction, ebms_id, way, state, happened, at)
    if done:
        # What decided stays; what is only noted does not take its place.
        transaction.answer_ebms(ebms_id, signal, replace=Do.NOTE not in done)
    if Do.STOP in done:
        transaction.drop_ebms_task(ebms_id)
    return after


def _state(transaction: EbmsTransaction, task: EbmsTask, way: Way) -> Sending:
    if way is Way.SIGNAL:
        return signal_state(task.attempts, interrupted=task.expired)
    return Sending(transaction.ebms(task.ebms_id).state)


def _changed(
    transaction: EbmsTransaction,
    ebms_id: EbmsId,
    way: Way,
    state: Sending,
    happened: Happened,
    at: datetime,
) -> tuple[Sending, tuple[Do, ...]]:
    after, done = change(way, state, happened)
    # How far a signal has come stands in no row: its message came in.
    if way is not Way.SIGNAL and after is not state:
        settled = at if after in FINAL else None
        transaction.change_ebms(ebms_id, state.value, after.value, settled_at=settled)
    for each in done:
        if each in _TOLD:
            transaction.add_ebms_event(ebms_id, _TOLD[each].value, at)
    return after, done
