"""Signals that come in, about what was sent: acknowledgments, errors, and answers to questions."""

import logging

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal, Severity
from digipoort_wus.ebms.message import Message
from digipoort_wus.ebms.opening import Inbound, Opened
from digipoort_wus.ebms.outgoing import signalled
from digipoort_wus.ebms.quirks import ErrorSignature
from digipoort_wus.ebms.reliability import Happened, Sending
from digipoort_wus.ebms.signals import Kind
from digipoort_wus.ebms.signature import same_references
from digipoort_wus.messaging.elsewhere import Answered
from digipoort_wus.messaging.house import House
from digipoort_wus.messaging.keeping import Posted, key_of, posted
from digipoort_wus.store.ebms_values import Direction, EbmsAnswer, EbmsRow
from digipoort_wus.store.ports import Transaction

_log = logging.getLogger(__name__)


def hear(house: House, opened: Opened, inbound: Inbound) -> None:
    """Note what a signal says, in one transaction with what follows from it.

    One that says nothing new, or is about nothing that is known here, changes nothing.

    Args:
        house: of the service.
        opened: an Acknowledgment, MessageError, Pong or StatusResponse.
        inbound: what it was opened from.

    Raises:
        EbmsRefusal: an acknowledgment that has to be signed is not, or is of something else.
        StoreFailed: it may not be kept.
    """
    if opened.kind in (Kind.PONG, Kind.STATUS_RESPONSE):
        _answered(house, opened)
        return
    row = _about(house, opened)
    if row is None and _is_refused_question(house, opened):
        _tell(opened, "the question is refused", "ebms-signal")
        return
    if row is None:
        _tell(opened, "about nothing that was sent from here", "ebms-signal-unknown")
        return
    how = posted(row.head)
    happened = _happened(opened, how)
    message_id = opened.message.header.message_id
    signal = EbmsAnswer(bytes(inbound.body), inbound.content_type, message_id, opened.at)

    def work(transaction: Transaction) -> tuple[Sending, Sending]:
        before = Sending(transaction.ebms(row.ebms_id).state)
        after = signalled(transaction, row.ebms_id, how.way, happened, signal, house.clock())
        return before, after

    before, after = house.write(work)
    if before is not after:
        _tell(opened, f"{before.value} becomes {after.value}", "ebms-signal")
    elif happened is Happened.ACKNOWLEDGED and after is Sending.DELIVERED:
        _tell(opened, "known already", "ebms-signal")
    else:
        _tell(opened, f"{after.value} stays", "ebms-signal-noted")
    house.changed(row.ebms_id)


def _about(house: House, opened: Opened) -> EbmsRow | None:
    """Return the message of ours that a signal is about: under this CPA, of the party it is to."""
    header = opened.message.header
    referred = header.ref_to_message_id
    if referred is None:
        return None
    key = key_of(Direction.OUT, header.cpa_id, opened.terms.receiver.ids, referred)
    return house.store.read(lambda reader: reader.ebms_known(key))


def _is_refused_question(house: House, opened: Opened) -> bool:
    """Tell who waits for a Pong or StatusResponse that the other side refuses to give one."""
    if opened.kind is not Kind.MESSAGE_ERROR:
        return False
    header = opened.message.header
    codes = ", ".join(ascii(str(error.code)) for error in opened.message.errors)
    answer = Answered(header.cpa_id, header.ref_to_message_id or "", refused=codes or "no code")
    # Elsewhere somebody may have asked.
    if house.answered(answer):
        return True
    house.pass_on(answer)
    return False


def _happened(opened: Opened, how: Posted) -> Happened:
    message = opened.message
    if opened.kind is Kind.MESSAGE_ERROR:
        wrong = any(error.severity is Severity.ERROR for error in message.errors)
        signed = opened.partner.quirks.error_signature is ErrorSignature.REQUIRED
        if signed and how.references is not None and opened.signer is None:
            # Whoever may speak for the party in TLS is not who signs for it: it goes on waiting.
            return Happened.WARNED
        return Happened.REFUSED if wrong else Happened.WARNED
    if how.references is not None:
        _require_signed(opened, message, how)
    return Happened.ACKNOWLEDGED


def _require_signed(opened: Opened, message: Message, how: Posted) -> None:
    if opened.signer is None:
        raise EbmsRefusal(
            checks.EBMS_SIGNATURE_PRESENT,
            at="//Header/Signature",
            expected="a signed acknowledgment, as AckRequested asked",
            received="none",
        )
    said = () if message.acknowledgment is None else message.acknowledgment.references
    same_references(how.references or (), said)


def _answered(house: House, opened: Opened) -> None:
    header, response = opened.message.header, opened.message.status_response
    answer = Answered(header.cpa_id, header.ref_to_message_id or "", response)
    if house.answered(answer):
        return
    if house.pass_on(answer):
        _tell(opened, "asked elsewhere, if at all: others are told", "ebms-signal")
    else:
        _tell(opened, "nobody waits for it", "ebms-signal-unknown")


def _tell(opened: Opened, what: str, event: str) -> None:
    header = opened.message.header
    codes = ", ".join(str(error.code) for error in opened.message.errors)
    _log.log(
        logging.WARNING if event != "ebms-signal" or codes else logging.INFO,
        "ebMS: %s about %s of CPA %s: %s%s",
        *(header.action, ascii(header.ref_to_message_id), ascii(header.cpa_id), what),
        f" ({codes!a})" if codes else "",
        extra={"event": event},
    )
