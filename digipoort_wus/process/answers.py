"""The answer to a filing, kept as it was signed before anybody gets it."""

from contextlib import suppress
from datetime import datetime, timedelta

from digipoort_wus.errors import DigipoortError
from digipoort_wus.evidence.blinded import blind
from digipoort_wus.evidence.events import Answered
from digipoort_wus.process.api import Caller
from digipoort_wus.process.recording import Happened, Subject, record_behind
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
    filing = transaction.to_answer(caller.oin, caller.message_id)
    if filing is None:
        raise DigipoortError("an answer without its filing")
    if filing.valid_until is not None and filing.valid_until - _LEFT > now:
        # Where it is damaged: the filing is there all the same, and its sender has to hear of it.
        with suppress(PayloadDamaged):
            kept = transaction.answer(filing.filing_id)
            if kept is not None:
                return kept.octets
    salt = transaction.evidence_salt(filing.filing_id)
    transaction.put_answer(filing.filing_id, octets, valid_until)
    subject = Subject(filing.kenmerk, filing.filing_id, filing.berichtkenmerk, salt)
    answered = Happened(now, Answered(blind(salt, "answer", octets)))
    record_behind(transaction, subject, filing.last, (answered,))
    return octets
