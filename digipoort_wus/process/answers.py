"""The answer to a filing, kept as it was signed before anybody gets it."""

from datetime import datetime, timedelta

from digipoort_wus.errors import DigipoortError
from digipoort_wus.evidence.blinded import blind
from digipoort_wus.evidence.events import Answered
from digipoort_wus.process.api import Caller
from digipoort_wus.process.proving import NO_DOCUMENTS
from digipoort_wus.process.recording import Happened, record, subject_of
from digipoort_wus.store.ports import PayloadDamaged, Transaction

_LEFT = timedelta(minutes=1)
"""Less than this before it ends, an answer is no answer to give."""


def keep_answer(
    transaction: Transaction, caller: Caller, octets: bytes, valid_until: datetime, now: datetime
) -> bytes:
    """Keep the answer to a filing, and return the one that is to be sent.

    That is the one that was signed the first time, octet by octet, while it is valid; afterwards
    one of the same content that was signed anew.

    Args:
        transaction: what it returns must not be sent before it is committed.
        caller: who filed, and in which message.
        octets: the answer that was signed now.
        valid_until: the Expires of it.
        now: aware moment.

    Raises:
        DigipoortError: the filing is not there.
    """
    receipt = transaction.receipt(caller.oin, caller.message_id)
    if receipt is None:
        raise DigipoortError("an answer without its filing")
    try:
        kept = transaction.answer(receipt.filing_id)
    except PayloadDamaged:
        # The filing is there all the same, and its sender has to hear of it.
        kept = None
    if kept is not None and kept.valid_until - _LEFT > now:
        return kept.octets
    transaction.put_answer(receipt.filing_id, octets, valid_until)
    filing = transaction.filing(receipt.filing_id, NO_DOCUMENTS)
    subject = subject_of(transaction, receipt.filing_id, filing.berichtkenmerk)
    record(transaction, subject, (Happened(now, Answered(blind(subject.salt, "answer", octets))),))
    return octets
