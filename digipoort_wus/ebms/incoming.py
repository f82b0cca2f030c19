"""The table of who receives, as what a store is asked to do; see :mod:`.reception`."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from digipoort_wus.ebms.outgoing import Event
from digipoort_wus.ebms.reception import Arrived, Manner, Receiving, Then, arrival
from digipoort_wus.store.ebms_ports import EbmsTransaction
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsAnswer,
    EbmsId,
    EbmsMessage,
    Incoming,
    Repeats,
)


def good(
    message: EbmsMessage,
    manner: Manner,
    answer: EbmsAnswer | None = None,
    send_at: datetime | None = None,
) -> Incoming:
    """Return what to do with a message in which nothing is wrong.

    Args:
        message: as it is delivered: what was encrypted is not any more.
        manner: what it asks for.
        answer: an acknowledgment, where it asks for one.
        send_at: when that is sent by itself; None: it goes back at once.
    """
    state, done = arrival(manner, Receiving.NEW, Arrived.CAME)
    return Incoming(
        message,
        state.value,
        answer if Then.ACKNOWLEDGE in done else None,
        Repeats.LEFT_OUT if manner.eliminate else Repeats.KEPT,
        Event.RECEIVED.value,
        send_at,
    )


def bad(
    message: EbmsMessage, manner: Manner, answer: EbmsAnswer, send_at: datetime | None = None
) -> Incoming:
    """Return what to do with a message in which something is wrong that stays wrong.

    Only what certainly is of its sender is remembered, or anybody could take the id of a message
    that is yet to come; and nothing is of which this gateway is to blame. Nothing is kept of what
    it held. Should the same content have come before and been good, as when only its time is
    over by now, it gets the answer of then.

    Args:
        message: as it came.
        manner: what it asks for.
        answer: a MessageError.
        send_at: when that is sent by itself; None: it goes back at once.
    """
    state, _ = arrival(manner, Receiving.NEW, Arrived.BAD)
    head = replace(message.head, content_type="", packaging="")
    return Incoming(EbmsMessage(head, None), state.value, answer, send_at=send_at, settled=True)


def taken(transaction: EbmsTransaction, ids: Iterable[EbmsId], at: datetime) -> int:
    """Note that the application has taken messages that came in; return how many it had not.

    Raises:
        KeyError: there is no such message, or it went out.
        Impossible: it was refused, or given up.
    """
    number = 0
    for ebms_id in ids:
        row = transaction.ebms(ebms_id)
        if row.head.key.direction is not Direction.IN:
            raise KeyError(ebms_id)
        state = Receiving(row.state)
        after, _ = arrival(Manner(acknowledge=False, eliminate=True), state, Arrived.TAKEN)
        if after is not state:
            transaction.change_ebms(ebms_id, state.value, after.value, processed_at=at)
            number += 1
    return number
