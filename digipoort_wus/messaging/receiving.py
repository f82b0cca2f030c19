"""Messages and questions that come in: kept before they are answered, and once where asked."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from digipoort_wus import checks
from digipoort_wus.ebms.agreed import require_timely
from digipoort_wus.ebms.composing import (
    Ready,
    acknowledgment,
    finish,
    message_error,
    pong,
    reported,
    status_response,
)
from digipoort_wus.ebms.cpa import exchanges
from digipoort_wus.ebms.cpa_terms import terms_for_signal
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.incoming import bad, good
from digipoort_wus.ebms.message import Message, MessageHeader, PartyId
from digipoort_wus.ebms.names import MESSAGE_ERROR, PONG, STATUS_RESPONSE
from digipoort_wus.ebms.opening import Opened, Turned, as_refusal
from digipoort_wus.ebms.partners import Ours, Partner
from digipoort_wus.ebms.quirks import AcknowledgmentPath, ErrorSignature
from digipoort_wus.ebms.reception import STATUS_OF, Manner, Receiving
from digipoort_wus.ebms.schedule import persist_until
from digipoort_wus.ebms.signals import Kind
from digipoort_wus.ebms.terms import SyncReply, Terms
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import size_of
from digipoort_wus.messaging.house import House, answer_of
from digipoort_wus.messaging.keeping import head_of, key_of, parts_of
from digipoort_wus.messaging.posting import EMPTY, HttpReply, Once
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsAnswer,
    EbmsMessage,
    EbmsRow,
    Incoming,
    Known,
    Received,
)
from digipoort_wus.store.ports import Transaction
from digipoort_wus.store.values import Prepared

_log = logging.getLogger(__name__)
_MAY_PASS = frozenset(
    check.id
    for check in (
        checks.EBMS_TIME,
        checks.EBMS_ENCRYPTION,
        checks.EBMS_CHANNEL,
        checks.EBMS_TECHNICAL,
        checks.EBMS_MIME_FORM,
        checks.EBMS_MIME_LIMIT,
        checks.EBMS_MANIFEST_PART,
        checks.EBMS_XML,
    )
)
"""What may be good later, is our mistake, or was lost on the way: it is not held against a message
that comes again."""
_SOON = timedelta(hours=1)
"""More than clocks differ, and any transaction takes."""
_SIGNALS_BACK = (SyncReply.SIGNALS, SyncReply.ALL_SIGNALS, SyncReply.SIGNALS_AND_RESPONSE)


@dataclass(frozen=True, slots=True)
class _About:
    """What is answered: to whom, and how the answer goes back.

    Args:
        header: of the message.
        partner: who sent it.
        terms: of it; None where they were not found.
        in_answer: whether signals go back in the HTTP answer.
    """

    header: MessageHeader
    partner: Partner
    terms: Terms | None
    in_answer: bool


def take_business(house: House, ours: Ours, opened: Opened) -> HttpReply:
    """Keep a business message that holds, and return what is answered once it is committed.

    Raises:
        EbmsRefusal: it is more than its party may send today; a repeat may be taken.
        ConfigurationError: we cannot sign the acknowledgment that was agreed.
        StoreFailed: it may not be kept.
    """
    header, partner = opened.message.header, opened.partner
    asked = opened.message.ack_requested
    manner = Manner(acknowledge=asked is not None, eliminate=header.duplicate_elimination)
    about = _About(header, partner, opened.terms, _in_answer(partner, opened.terms))
    message, ids = _kept(opened.terms, header, opened), opened.terms.sender.ids
    before = house.store.read(lambda reader: reader.ebms_known(message.head.key))
    repeats = _is_left_out(before, message, manner)
    if not repeats:
        try:
            require_timely(header, opened.at)
        except EbmsRefusal as refusal:
            tell_refused(refusal, header.cpa_id, header.message_id)
            return _refuse(house, ours, about, refusal, message)
        house.charging.foresee(house.store, ids, _size_of(message))
    # Of a repeat the first answer counts, and to sign another takes as long as all the rest.
    told = repeats and before is not None and _stays(before, house)
    answer = _acknowledgment(house, ours, opened) if manner.acknowledge and not told else None
    incoming = good(message, manner, answer, None if about.in_answer else house.clock())
    # Of a repeat nothing will be kept, as far as can be seen.
    received = _written(house, incoming, ids, prepare=not repeats)
    _log.info(
        "ebMS: message %s of CPA %s: %s",
        *(ascii(header.message_id), ascii(header.cpa_id), received.known.value),
        extra={"event": "ebms-received", "known": received.known.value},
    )
    if received.known is Known.OTHER:
        reused = EbmsRefusal(
            checks.EBMS_ID_REUSED,
            at="//Header/MessageHeader/MessageData/MessageId",
            expected="the content that came under this MessageId before",
            received="another",
        )
        tell_refused(reused, header.cpa_id, header.message_id)
        return _unkept_error(house, ours, about, reused)
    house.changed(received.ebms_id)
    return _given(house, about, received.answer)


def turn_away(house: House, ours: Ours, turned: Turned) -> HttpReply:
    """Answer a question that is refused with a MessageError, kept where its sender is certain.

    Raises:
        StoreFailed: it may not be kept.
    """
    partner, terms = turned.partner, turned.terms
    about = _About(turned.header, partner, terms, _in_answer_to_turned(turned))
    kept = None
    if turned.kind is Kind.BUSINESS and turned.certain and terms is not None:
        kept = _kept(terms, turned.header, turned)
    return _refuse(house, ours, about, turned.refusal, kept)


def answer_ping(house: House, ours: Ours, opened: Opened) -> HttpReply:
    """Answer a Ping with a Pong."""
    answer = pong(opened, message_id=house.new_message_id(), at=house.clock())
    return _unkept(house, ours, _about_question(opened), answer, PONG)


def answer_status(house: House, ours: Ours, opened: Opened) -> HttpReply:
    """Answer a StatusRequest: what became of a message of who asks, under the same CPA."""
    asked = opened.message.status_request
    message_id = "" if asked is None else asked.ref_to_message_id
    cpa_id = opened.message.header.cpa_id
    key = key_of(Direction.IN, cpa_id, opened.terms.sender.ids, message_id)
    row = house.store.read(lambda reader: reader.ebms_known(key))
    state = Receiving.NEW if row is None else Receiving(row.state)
    known = row is not None and state is not Receiving.REFUSED
    answer = status_response(
        opened,
        STATUS_OF[state],
        row.head.at if known and row is not None else None,
        message_id=house.new_message_id(),
        at=house.clock(),
    )
    return _unkept(house, ours, _about_question(opened), answer, STATUS_RESPONSE)


def _about_question(opened: Opened) -> _About:
    path = opened.partner.quirks.acknowledgment_path
    # Nobody signed it, and nobody is harmed by it: it only says where the answer goes.
    in_answer = opened.message.sync_reply
    if path is not AcknowledgmentPath.AS_AGREED:
        in_answer = path is AcknowledgmentPath.SYNCHRONOUS
    return _About(opened.message.header, opened.partner, opened.terms, in_answer)


def _in_answer(partner: Partner, terms: Terms) -> bool:
    path = partner.quirks.acknowledgment_path
    if path is AcknowledgmentPath.AS_AGREED:
        return terms.sync_reply in _SIGNALS_BACK
    return path is AcknowledgmentPath.SYNCHRONOUS


def _in_answer_to_turned(turned: Turned) -> bool:
    if turned.terms is not None and turned.kind is Kind.BUSINESS:
        return _in_answer(turned.partner, turned.terms)
    path = turned.partner.quirks.acknowledgment_path
    if path is not AcknowledgmentPath.AS_AGREED:
        return path is AcknowledgmentPath.SYNCHRONOUS
    # Which action it was is not known; where all of the sender's are the same, it is one of them.
    agreement = turned.partner.agreement
    modes = {
        each.sender.channel_of(each.sent).messaging.sync_reply in _SIGNALS_BACK
        for each in exchanges(agreement)
        if set(turned.header.sender.ids) & set(each.sender.ids)
    }
    return modes == {True}


def _is_left_out(before: EbmsRow | None, message: EbmsMessage, manner: Manner) -> bool:
    if before is None or not manner.eliminate:
        return False
    return before.head.digest == message.head.digest


def _stays(before: EbmsRow, house: House) -> bool:
    """Return whether a message has its answer, and is not forgotten before that is read."""
    return before.answered_at is not None and before.head.persist_until > house.clock() + _SOON


def _kept(terms: Terms, header: MessageHeader, found: Opened | Turned) -> EbmsMessage:
    """Return a message as it is kept; of one that is refused, only its head."""
    head = head_of(
        key_of(Direction.IN, header.cpa_id, terms.sender.ids, header.message_id),
        header,
        terms.receiver.ids,
        at=found.at,
        persist_until=persist_until(
            found.at, terms.persist, terms.reliability, header.time_to_live
        ),
        digest=found.digest or b"",
    )
    if isinstance(found, Turned):
        return EbmsMessage(head, None)
    return EbmsMessage(head, found.envelope, parts_of(found.payloads))


def _acknowledgment(house: House, ours: Ours, opened: Opened) -> EbmsAnswer:
    asked, how = opened.message.ack_requested, opened.terms.answer_signature
    said = acknowledgment(opened, message_id=house.new_message_id(), at=house.clock())
    signed = asked is not None and asked.signed
    if signed and how is None:
        raise ConfigurationError(
            f"CPA {opened.terms.cpa_id} lets a signed acknowledgment be asked for, and does not "
            "say how we sign one: mend it, and check it with `digipoort-wus cpa check`."
        )
    ready = finish(
        said,
        opened.partner,
        unique=str(uuid4()),
        signature=how if signed else None,
        signer=ours.signer(how.certificates) if signed and how is not None else None,
        is_answer=True,
    )
    return answer_of(ready, house)


def _size_of(message: EbmsMessage) -> int:
    """Return what counts for the volume of a day: octets of the payloads, in plain."""
    return sum(size_of(part.content) for part in message.parts)


def _written(
    house: House, incoming: Incoming, sender: Sequence[PartyId], *, prepare: bool
) -> Received:
    """Keep a message, and count it when it is new; ``sender`` are the ids that are charged."""
    message = incoming.message

    def work(transaction: Transaction) -> Received:
        received = transaction.receive_ebms(incoming, prepared)
        if received.known is Known.NEW:
            house.charging.charge(transaction, sender, _size_of(message))
        return received

    prepared: Prepared | None = None
    if prepare:
        prepared = house.store.prepare(message.documents, message.envelope)
    error: BaseException | None = None
    try:
        return house.write(work)
    except BaseException as raised:
        error = raised
        raise
    finally:
        house.let_go(prepared, error)


def _refuse(
    house: House, ours: Ours, about: _About, refusal: EbmsRefusal, kept: EbmsMessage | None
) -> HttpReply:
    if kept is None or refusal.check.id in _MAY_PASS:
        return _unkept_error(house, ours, about, refusal)
    manner = Manner(
        acknowledge=False,
        eliminate=about.header.duplicate_elimination,
    )
    answer = answer_of(_error(house, ours, about, refusal), house)
    send_at = None if about.in_answer else house.clock()
    # Of what is refused nothing but the head is kept, and it is not charged.
    received = _written(house, bad(kept, manner, answer, send_at), (), prepare=False)
    if received.known is Known.OTHER:
        return _unkept_error(house, ours, about, refusal)
    house.changed(received.ebms_id)
    return _given(house, about, received.answer)


def _error(house: House, ours: Ours, about: _About, refusal: EbmsRefusal) -> Ready:
    error = message_error(
        about.header,
        about.partner,
        [reported(refusal, explain=house.explain)],
        message_id=house.new_message_id(),
        at=house.clock(),
    )
    how = None if about.terms is None else about.terms.answer_signature
    if how is None or about.partner.quirks.error_signature is not ErrorSignature.REQUIRED:
        return finish(error, about.partner, unique=str(uuid4()), is_answer=True)
    signer = ours.signer(how.certificates)
    return finish(
        *(error, about.partner),
        unique=str(uuid4()),
        signature=how,
        signer=signer,
        is_answer=True,
    )


def _given(house: House, about: _About, answer: EbmsAnswer | None) -> HttpReply:
    """Return what goes back of a kept answer; where it goes by itself, its task is kept too."""
    if answer is None:
        return EMPTY
    if about.in_answer:
        return HttpReply(200, answer.content_type, answer.octets)
    house.wake()
    return EMPTY


def _unkept_error(house: House, ours: Ours, about: _About, refusal: EbmsRefusal) -> HttpReply:
    return _sent(house, ours, about, _error(house, ours, about, refusal), MESSAGE_ERROR)


def _unkept(house: House, ours: Ours, about: _About, answer: Message, action: str) -> HttpReply:
    ready = finish(answer, about.partner, unique=str(uuid4()), is_answer=True)
    return _sent(house, ours, about, ready, action)


def _sent(house: House, ours: Ours, about: _About, ready: Ready, action: str) -> HttpReply:
    answer = answer_of(ready, house)
    if about.in_answer:
        return HttpReply(200, answer.content_type, answer.octets)
    own = next((one for one in about.header.receiver.ids if one in ours.ids), None)
    if own is None:
        own = about.header.receiver.ids[0]
    try:
        terms = terms_for_signal(about.partner.agreement, own, action, at=house.clock())
    except ConfigurationError as error:
        _log.error("ebMS: %s", error, extra={"event": "ebms-misconfigured"})
        raise as_refusal(error) from error
    message_id = ready.message.header.message_id
    house.once(Once(ready.package, about.partner, terms, message_id))
    return EMPTY


def tell_refused(refusal: EbmsRefusal, cpa_id: str = "", message_id: str = "") -> None:
    """Log what was refused, with what only the operator is told."""
    _log.warning(
        "ebMS: message %s of CPA %s is refused: %s at %s",
        *(ascii(message_id), ascii(cpa_id), refusal.explanation(), ascii(refusal.location)),
        extra={"event": "ebms-refused", "check": refusal.check.id, "code": refusal.code.value},
    )
