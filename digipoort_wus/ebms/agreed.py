"""Whether a message asks for what was agreed: its header against the terms of the CPA."""

from datetime import datetime, timedelta

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Message, MessageHeader
from digipoort_wus.ebms.names import ACTOR_TO_PARTY
from digipoort_wus.ebms.terms import Agreed, SyncReply, Terms

SKEW = timedelta(minutes=5)
"""How far a Timestamp may lie in the future: as for WUS (ours)."""

_HEADER = "//Header/MessageHeader"
_ACK = "//Header/AckRequested"


def require_agreed(message: Message, terms: Terms) -> None:
    """Refuse a business message that asks for something else than was agreed.

    Args:
        message: with what survives its signature.
        terms: of it.

    Raises:
        EbmsRefusal: EBMS-ORDER, EBMS-DUPLICATE-ELIMINATION, EBMS-ACTOR, EBMS-ACK-REQUESTED or
            EBMS-SYNC-REPLY.

    ebMS 2.0 §3.1.7, §4.3, §6.3.1, §9; CPPA 2.0 §8.4.22 (inferred).
    """
    if message.order is not None:
        raise EbmsRefusal(checks.EBMS_ORDER, at="//Header/MessageOrder", received="a MessageOrder")
    once = message.header.duplicate_elimination
    if not terms.duplicate_elimination.allows(asked=once):
        raise EbmsRefusal(
            checks.EBMS_DUPLICATE_ELIMINATION,
            at=f"{_HEADER}/DuplicateElimination",
            expected=terms.duplicate_elimination.value,
            received=_there(there=once),
        )
    _require_ack(message, terms)
    # It is not signed, so it decides nothing: it may only contradict.
    sync_agreed = terms.sync_reply is not SyncReply.NONE
    if message.sync_reply != sync_agreed:
        raise EbmsRefusal(
            checks.EBMS_SYNC_REPLY,
            at="//Header/SyncReply",
            expected=f"syncReplyMode {terms.sync_reply.value}",
            received=_there(there=message.sync_reply),
        )


def _require_ack(message: Message, terms: Terms) -> None:
    asked = message.ack_requested
    # One for nextMSH does not survive, and is refused where it stands.
    if asked is not None and asked.actor not in (None, ACTOR_TO_PARTY):
        raise EbmsRefusal(checks.EBMS_ACTOR, at=f"{_ACK}/@actor", expected="toPartyMSH")
    if not terms.ack_requested.allows(asked=asked is not None):
        raise EbmsRefusal(
            checks.EBMS_ACK_REQUESTED,
            at=_ACK,
            expected=terms.ack_requested.value,
            received=_there(there=asked is not None),
        )
    if asked is not None and not terms.ack_signed.allows(asked=asked.signed):
        raise EbmsRefusal(
            checks.EBMS_ACK_REQUESTED,
            at=f"{_ACK}/@signed",
            expected=f"ackSignatureRequested {terms.ack_signed.value}",
            received=str(asked.signed).lower(),
        )


def _there(*, there: bool) -> str:
    return "one" if there else "none"


def require_timely(header: MessageHeader, at: datetime) -> None:
    """Refuse a message from the future, or one of which the time is over.

    One that is known already is not asked: its sender only wants the answer that it missed.

    Args:
        header: of the message.
        at: the moment of receipt.

    Raises:
        EbmsRefusal: EBMS-TIME or EBMS-TIME-TO-LIVE.

    ebMS 2.0 §3.1.6.2, §3.1.6.4.
    """
    if header.timestamp > at + SKEW:
        raise EbmsRefusal(
            checks.EBMS_TIME,
            at=f"{_HEADER}/MessageData/Timestamp",
            expected=f"at most {SKEW.seconds} seconds in the future",
        )
    if header.time_to_live is not None and header.time_to_live <= at:
        raise EbmsRefusal(
            checks.EBMS_TIME_TO_LIVE,
            at=f"{_HEADER}/MessageData/TimeToLive",
            received="one that has passed",
        )


def asks_for(agreed: Agreed, *, when_free: bool) -> bool:
    """Return whether a message that we write asks for something.

    Args:
        agreed: in the CPA.
        when_free: what we choose where each message may say it.
    """
    return when_free if agreed is Agreed.PER_MESSAGE else agreed is Agreed.ALWAYS
