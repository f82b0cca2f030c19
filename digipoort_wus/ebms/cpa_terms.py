"""What an agreement says of one message: looked up by who sends what to whom.

For a message that came, for one that is to be sent, and for the signals about them. What a
sender did wrong is an :class:`~digipoort_wus.ebms.errors.EbmsRefusal` with its location; what an
operator asks for that the agreement has not is a
:class:`~digipoort_wus.errors.ConfigurationError`.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NoReturn

from digipoort_wus import checks
from digipoort_wus.ebms.cpa import (
    Agreement,
    Channel,
    Exchange,
    NonRepudiation,
    PartyInfo,
    Status,
    exchanges,
)
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import MessageHeader, Party, PartyId, Service
from digipoort_wus.ebms.names import ACKNOWLEDGMENT, ACTOR_TO_PARTY, SIGNALS
from digipoort_wus.ebms.terms import (
    Agreed,
    AgreedParty,
    EncryptionTerms,
    Reliability,
    SignatureTerms,
    SyncReply,
    Terms,
)
from digipoort_wus.errors import ConfigurationError

_HEADER = "//Header/MessageHeader"
_KNOWN_MOST = 256
_ENDPOINT = "nowhere where it takes messages: it needs a TransportReceiver with an Endpoint"


def terms(
    agreement: Agreement, header: MessageHeader, *, own: Collection[PartyId], at: datetime
) -> Terms:
    """Return what was agreed for a message that came, business message or signal.

    Args:
        agreement: the one that it names.
        header: of the message.
        own: ids of the parties that this message handler stands for; To must be one of them.
        at: the moment of receipt.

    Raises:
        EbmsRefusal: EBMS_CPA, EBMS_PARTY, EBMS_ROLE, EBMS_SERVICE or EBMS_ACTION.
        ConfigurationError: the agreement lacks what the message needs; ``cpa check`` says it.
    """
    if header.cpa_id != agreement.cpa_id:
        raise EbmsRefusal(checks.EBMS_CPA, at=f"{_HEADER}/CPAId", expected=agreement.cpa_id)
    why = _why_not_in_force(agreement, at)
    if why:
        raise EbmsRefusal(checks.EBMS_CPA, at=f"{_HEADER}/CPAId", received=f"a CPA that {why}")
    key = (header.sender, header.receiver, header.service, header.action, frozenset(own))
    known = agreement.known.get(key)
    if known is None:
        known = _found(agreement, header, own)
        # Of parties with several ids there are many ways to be named.
        if len(agreement.known) < _KNOWN_MOST:
            agreement.known[key] = known
    return known


def _found(agreement: Agreement, header: MessageHeader, own: Collection[PartyId]) -> Terms:
    sender = _party_of(agreement, header.sender, "From")
    receiver = _party_of(agreement, header.receiver, "To")
    if receiver is sender:
        _refuse_party("To", "the other party")
    if not set(receiver.ids) & set(own):
        _refuse_party("To", "a party that this message handler stands for")
    if header.service.value == SIGNALS:
        return _received_signal(agreement, header, sender)
    return terms_of(agreement, _received(agreement, header, sender))


def terms_to_send(
    agreement: Agreement, sender: PartyId, service: Service, action: str, *, at: datetime
) -> Terms:
    """Return what was agreed for a business message that is to be sent.

    Args:
        agreement: between the two.
        sender: an id of the sending party.
        service: of the message.
        action: of the message.
        at: the moment of sending.

    Raises:
        ConfigurationError: the agreement is not in force, or has no such action.
    """
    party = _sending(agreement, sender, at)
    for exchange in exchanges(agreement):
        named = exchange.service == service and exchange.sent.action == action
        if exchange.sender is party and named:
            return terms_of(agreement, exchange)
    raise ConfigurationError(
        f"CPA {agreement.cpa_id} does not let {party.name} send the action {action!r} of the "
        f"service {service.value!r}: `digipoort-wus cpa show` says what it may send."
    )


def terms_for_signal(agreement: Agreement, sender: PartyId, action: str, *, at: datetime) -> Terms:
    """Return what was agreed for a signal that is to be sent: it goes over a channel of its own.

    ``signature`` says how this party signs signals; whether one has to be signed is told by
    the message that it is about.

    Args:
        agreement: between the two.
        sender: an id of the party that sends the signal.
        action: Acknowledgment, MessageError, Ping, Pong, StatusRequest or StatusResponse.
        at: the moment of sending.

    Raises:
        ConfigurationError: the agreement is not in force, or the other party takes no signals.
    """
    return _signal(agreement, _sending(agreement, sender, at), action)


def _sending(agreement: Agreement, sender: PartyId, at: datetime) -> PartyInfo:
    why = _why_not_in_force(agreement, at)
    if why:
        raise ConfigurationError(
            f"CPA {agreement.cpa_id} {why}: agree on another, and send under that."
        )
    for party in agreement.parties:
        if sender in party.ids:
            return party
    raise ConfigurationError(
        f"{sender.type or ''}:{sender.value} is no party of CPA {agreement.cpa_id}: "
        "`digipoort-wus cpa show` says who they are."
    )


def _why_not_in_force(agreement: Agreement, at: datetime) -> str:
    if agreement.status is Status.PROPOSED:
        return "is only proposed"
    if at < agreement.start:
        return f"starts at {agreement.start:%Y-%m-%dT%H:%M:%SZ}"
    if at >= agreement.end:
        return f"ended at {agreement.end:%Y-%m-%dT%H:%M:%SZ}"
    return ""


def _party_of(agreement: Agreement, named: Party, element: str) -> PartyInfo:
    for party in agreement.parties:
        # Each id of the header is one of this party, or the header claims two parties at once.
        if named.ids and set(named.ids) <= set(party.ids):
            return party
    return _refuse_party(element, "ids of one party of the CPA, with their types")


def _refuse_party(element: str, expected: str) -> NoReturn:
    raise EbmsRefusal(checks.EBMS_PARTY, at=f"{_HEADER}/{element}/PartyId", expected=expected)


def _received(agreement: Agreement, header: MessageHeader, sender: PartyInfo) -> Exchange:
    receiver = agreement.other(sender)
    for element, named, party in (
        ("From", header.sender, sender),
        ("To", header.receiver, receiver),
    ):
        roles = sorted({role.role for role in party.roles})
        if named.role not in roles:
            at = f"{_HEADER}/{element}/Role"
            raise EbmsRefusal(checks.EBMS_ROLE, at=at, expected=", ".join(roles))
    sent = [one for one in exchanges(agreement) if one.sender is sender]
    sent = [one for one in sent if one.role == header.sender.role]
    sent = [one for one in sent if one.service == header.service]
    if not sent:
        raise EbmsRefusal(
            checks.EBMS_SERVICE,
            at=f"{_HEADER}/Service",
            expected="a service, with its type, that From may use in its role",
        )
    sent = [one for one in sent if one.sent.action == header.action and one.received is not None]
    if not sent:
        raise EbmsRefusal(
            checks.EBMS_ACTION,
            at=f"{_HEADER}/Action",
            expected="an action of this service that From may send and To receive",
        )
    for one in sent:
        if one.receiver_role == header.receiver.role:
            return one
    raise EbmsRefusal(
        checks.EBMS_ROLE,
        at=f"{_HEADER}/To/Role",
        expected=", ".join(sorted({one.receiver_role or "" for one in sent})),
    )


def _received_signal(agreement: Agreement, header: MessageHeader, sender: PartyInfo) -> Terms:
    if header.service.type is not None:
        at = f"{_HEADER}/Service/@type"
        raise EbmsRefusal(checks.EBMS_SERVICE, at=at, expected="no type on the service of signals")
    return _signal(agreement, sender, header.action)


def terms_of(agreement: Agreement, exchange: Exchange) -> Terms:
    """Return what was agreed for one action of :func:`~digipoort_wus.ebms.cpa.exchanges`.

    Raises:
        ConfigurationError: the agreement lacks what it needs; ``cpa check`` says it.
    """
    sender, receiver, received = exchange.sender, exchange.receiver, exchange.received
    if received is None:
        raise ConfigurationError(
            f"CPA {agreement.cpa_id} has no CanReceive of {receiver.name} for the action "
            f"{exchange.sent.action!r}: mend it, and check it with `digipoort-wus cpa check`."
        )
    channel, taken = sender.channel_of(exchange.sent), receiver.channel_of(received)
    messaging, binding = channel.messaging, sender.sender_binding(channel)
    reliable = messaging.ack_requested is not Agreed.NEVER
    agreed = reliable and binding.retries is not None and binding.interval is not None
    return Terms(
        cpa_id=agreement.cpa_id,
        sender=AgreedParty(sender.ids, exchange.role, sender.name),
        receiver=AgreedParty(receiver.ids, exchange.receiver_role, receiver.name),
        service=exchange.service,
        action=exchange.sent.action,
        ack_requested=messaging.ack_requested,
        ack_signed=messaging.ack_signed if reliable else Agreed.NEVER,
        ack_actor=messaging.actor,
        duplicate_elimination=messaging.duplicate_elimination,
        sync_reply=messaging.sync_reply,
        reliability=Reliability(binding.retries or 0, binding.interval or timedelta())
        if agreed
        else None,
        persist=_longest(binding.persist, receiver.receiver_binding(taken).persist),
        ordered=binding.ordered,
        signature=message_signature(agreement, exchange, taken),
        encryption=message_encryption(agreement, exchange, taken),
        url=_url(receiver, taken, exchange.sent.action),
        sender_tls=_leaf(agreement, sender.transport_of(channel).client_certificate),
        receiver_tls=_leaf(agreement, receiver.transport_of(taken).server_certificate),
        answer_signature=answer_signature(agreement, exchange, taken),
        answer_url=_url(sender, sender.signal_channel(ACKNOWLEDGMENT), ACKNOWLEDGMENT),
    )


def message_signature(
    agreement: Agreement, exchange: Exchange, taken: Channel
) -> SignatureTerms | None:
    """Return how an action is signed, None where isNonRepudiationRequired is not true.

    Args:
        agreement: between the two.
        exchange: the action, which somebody receives.
        taken: the receiver's channel for it.

    Raises:
        ConfigurationError: it is to be signed, but nothing says how.
    """
    if not exchange.sent.business.non_repudiation:
        return None
    sender = exchange.sender
    how = sender.sender_binding(sender.channel_of(exchange.sent)).non_repudiation
    if how is None:
        raise ConfigurationError(
            f"CPA {agreement.cpa_id} wants {exchange.sent.action!r} signed, but {sender.name} has "
            "no SenderNonRepudiation for it: mend it, and check it with `digipoort-wus cpa check`."
        )
    return _signature(agreement, how, exchange.receiver.receiver_binding(taken).non_repudiation)


def message_encryption(
    agreement: Agreement, exchange: Exchange, taken: Channel
) -> EncryptionTerms | None:
    """Return how payloads of an action are encrypted, None where isConfidential does not ask it.

    Raises:
        ConfigurationError: they are to be encrypted, but nothing says how.
    """
    if not exchange.sent.business.confidential.lasting:
        return None
    receiver = exchange.receiver
    envelope = receiver.receiver_binding(taken).envelope
    if envelope is None or envelope.certificate is None:
        raise ConfigurationError(
            f"CPA {agreement.cpa_id} wants {exchange.sent.action!r} encrypted, but "
            f"{receiver.name} has no ReceiverDigitalEnvelope for it: mend it, and check it with "
            "`digipoort-wus cpa check`."
        )
    return EncryptionTerms(envelope.algorithms[0], agreement.certificate(envelope.certificate).leaf)


def answer_signature(
    agreement: Agreement, exchange: Exchange, taken: Channel
) -> SignatureTerms | None:
    """Return how the receiver of an action signs its acknowledgment; None where it never does.

    Its signals' channel says how; where that says nothing, the channel that takes the action
    does (inferred: agreements are made with either).
    """
    sender, receiver = exchange.sender, exchange.receiver
    messaging = sender.channel_of(exchange.sent).messaging
    if Agreed.NEVER in (messaging.ack_requested, messaging.ack_signed):
        return None
    back = sender.signal_channel(ACKNOWLEDGMENT)
    trusted = sender.receiver_binding(back).non_repudiation
    for channel in (receiver.signal_channel(ACKNOWLEDGMENT), taken):
        how = receiver.sender_binding(channel).non_repudiation
        if how is not None:
            return _signature(agreement, how, trusted)
    return None


def _signal(agreement: Agreement, sender: PartyInfo, action: str) -> Terms:
    receiver = agreement.other(sender)
    channel, taken = sender.signal_channel(action), receiver.signal_channel(action)
    how = sender.sender_binding(channel).non_repudiation or _any_signature(sender)
    trusted = receiver.receiver_binding(taken).non_repudiation
    return Terms(
        cpa_id=agreement.cpa_id,
        sender=AgreedParty(sender.ids, None, sender.name),
        receiver=AgreedParty(receiver.ids, None, receiver.name),
        service=Service(SIGNALS),
        action=action,
        # Whatever its channel says: signals are not acknowledged, and not told apart (§6.3).
        ack_requested=Agreed.NEVER,
        ack_signed=Agreed.NEVER,
        ack_actor=ACTOR_TO_PARTY,
        duplicate_elimination=Agreed.NEVER,
        sync_reply=SyncReply.NONE,
        reliability=None,
        persist=None,
        ordered=False,
        signature=None if how is None else _signature(agreement, how, trusted),
        encryption=None,
        url=_url(receiver, taken, action),
        sender_tls=_leaf(agreement, sender.transport_of(channel).client_certificate),
        receiver_tls=_leaf(agreement, receiver.transport_of(taken).server_certificate),
        answer_url=_url(sender, sender.signal_channel(action), action),
    )


def _any_signature(sender: PartyInfo) -> NonRepudiation | None:
    """Return how a party signs over any of its channels, for a signal channel that is silent."""
    found = (sender.sender_binding(channel).non_repudiation for channel in sender.channels)
    return next((how for how in found if how is not None), None)


def _signature(
    agreement: Agreement, how: NonRepudiation, trusted: NonRepudiation | None
) -> SignatureTerms:
    chain = () if how.certificate is None else agreement.certificate(how.certificate).chain
    anchors = agreement.anchors(None if trusted is None else trusted.trust)
    return SignatureTerms(how.algorithms[0], how.digest, chain, anchors)


def _url(party: PartyInfo, channel: Channel, action: str) -> str:
    endpoint = party.endpoint(channel, action)
    if endpoint is None:
        raise ConfigurationError(f"The channel {channel.id} of {party.name} has {_ENDPOINT}.")
    return endpoint.url


def _leaf(agreement: Agreement, cert_id: str | None) -> tuple[bytes, ...]:
    return () if cert_id is None else (agreement.certificate(cert_id).leaf,)


def _longest(*durations: timedelta | None) -> timedelta | None:
    return max((one for one in durations if one is not None), default=None)
