"""A collaboration protocol agreement (CPPA 2.0) as values: who may send what to whom, and how.

References between its parts stay identifiers, as in the document; reading it has made sure that
each of them leads somewhere. Times are aware and UTC.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from digipoort_wus.ebms.message import Party, PartyId, Service
from digipoort_wus.ebms.names import ACKNOWLEDGMENT, ACTOR_TO_PARTY, MESSAGE_ERROR
from digipoort_wus.ebms.terms import Agreed, SyncReply, Terms
from digipoort_wus.errors import ConfigurationError

_T = TypeVar("_T", "Certificate", "SecurityDetails", "Transport", "DocExchange", "Channel")
TermsKey = tuple[Party, Party, Service, str, frozenset[PartyId]]
"""From, To, Service and Action of a message, and the ids that a message handler stands for."""


class Status(StrEnum):
    """How far the parties are."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    SIGNED = "signed"


class Persistence(StrEnum):
    """Whether a property holds on the way (transient), where a message lies, or both."""

    NONE = "none"
    TRANSIENT = "transient"
    PERSISTENT = "persistent"
    BOTH = "transient-and-persistent"

    @property
    def lasting(self) -> bool:
        """Return whether the message itself has it, beyond the connection."""
        return self in (Persistence.PERSISTENT, Persistence.BOTH)


class EndpointType(StrEnum):
    """What an endpoint takes."""

    ALL = "allPurpose"
    REQUEST = "request"
    RESPONSE = "response"
    ERROR = "error"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one ds:KeyInfo holds.

    Args:
        id: certId.
        chain: DER, leaf first; never empty.
    """

    id: str
    chain: tuple[bytes, ...] = field(repr=False)

    @property
    def leaf(self) -> bytes:
        """Return the certificate itself, without those of its issuers."""
        return self.chain[0]


@dataclass(frozen=True, slots=True)
class SecurityDetails:
    """Whom a party trusts: certIds of anchors."""

    id: str
    anchors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where messages are taken."""

    url: str
    type: EndpointType = EndpointType.ALL


@dataclass(frozen=True, slots=True)
class Transport:
    """How a party connects, and is connected to.

    Args:
        id: transportId.
        client_certificate: certId of what it connects with.
        server_trust: securityId of the servers that it trusts.
        endpoints: where it listens.
        server_certificate: certId of what it listens with.
        client_trust: securityId of the clients that it trusts.
        protocols: names and versions of its security protocols, such as ``TLS 1.2``.
    """

    id: str
    client_certificate: str | None = None
    server_trust: str | None = None
    endpoints: tuple[Endpoint, ...] = ()
    server_certificate: str | None = None
    client_trust: str | None = None
    protocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NonRepudiation:
    """How messages are signed: by a sender with a certificate, for a receiver who trusts some.

    Args:
        digest: HashFunction, a URI.
        algorithms: SignatureAlgorithms, URIs; the attribute w3c goes before the text.
        certificate: certId, of a sender.
        trust: securityId, of a receiver.
    """

    digest: str
    algorithms: tuple[str, ...]
    certificate: str | None = None
    trust: str | None = None


@dataclass(frozen=True, slots=True)
class DigitalEnvelope:
    """How payloads are encrypted: for a receiver's certificate.

    Args:
        protocol: such as ``XMLENC``.
        algorithms: EncryptionAlgorithms, URIs; the attribute w3c goes before the text.
        certificate: certId, of a receiver.
        trust: securityId, of a sender.
    """

    protocol: str
    algorithms: tuple[str, ...]
    certificate: str | None = None
    trust: str | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """What a party does as sender, or as receiver, over ebMS.

    Args:
        reliable: whether there is a ReliableMessaging at all.
        retries: after the first attempt; None: not agreed.
        interval: between attempts; None: not agreed.
        ordered: MessageOrderSemantics is Guaranteed.
        persist: PersistDuration; None: not agreed.
        non_repudiation: how it signs, or what signatures it takes.
        envelope: how it encrypts, or what it decrypts.
    """

    reliable: bool = False
    retries: int | None = None
    interval: timedelta | None = None
    ordered: bool = False
    persist: timedelta | None = None
    non_repudiation: NonRepudiation | None = None
    envelope: DigitalEnvelope | None = None


@dataclass(frozen=True, slots=True)
class DocExchange:
    """Both bindings of a party."""

    id: str
    sender: Binding | None = None
    receiver: Binding | None = None


@dataclass(frozen=True, slots=True)
class Messaging:
    """MessagingCharacteristics of a channel, with the defaults of CPPA 2.0."""

    sync_reply: SyncReply = SyncReply.NONE
    ack_requested: Agreed = Agreed.PER_MESSAGE
    ack_signed: Agreed = Agreed.PER_MESSAGE
    duplicate_elimination: Agreed = Agreed.PER_MESSAGE
    actor: str = ACTOR_TO_PARTY


@dataclass(frozen=True, slots=True)
class Channel:
    """A DeliveryChannel: a transport and a document exchange of one party, and their use."""

    id: str
    transport: str
    doc_exchange: str
    messaging: Messaging


@dataclass(frozen=True, slots=True)
class Business:
    """BusinessTransactionCharacteristics: what one action asks for.

    What is left out counts as not asked for; that is inferred.
    """

    non_repudiation: bool = False
    receipt: bool = False
    confidential: Persistence = Persistence.NONE
    authenticated: Persistence = Persistence.NONE
    tamper_proof: Persistence = Persistence.NONE
    authorization: bool = False


@dataclass(frozen=True, slots=True)
class ActionBinding:
    """One action that a party can send, or receive.

    Args:
        id: of the binding.
        action: its name on the wire.
        business: what it asks for.
        channels: channelIds; the first is used.
        other: id of the other party's binding, where it is named.
        nested: it stands in a binding of the other direction, as a synchronous response.
    """

    id: str
    action: str
    business: Business
    channels: tuple[str, ...]
    other: str | None = None
    nested: bool = False


@dataclass(frozen=True, slots=True)
class CollaborationRole:
    """What a party does in one role, for one service."""

    process: str
    role: str
    service: Service
    can_send: tuple[ActionBinding, ...] = ()
    can_receive: tuple[ActionBinding, ...] = ()


@dataclass(frozen=True, slots=True)
class PartyInfo:
    """One of the two parties."""

    name: str
    ids: tuple[PartyId, ...]
    default_channel: str
    """channelId for the signals of the message handler."""
    roles: tuple[CollaborationRole, ...]
    certificates: tuple[Certificate, ...]
    security: tuple[SecurityDetails, ...]
    channels: tuple[Channel, ...]
    transports: tuple[Transport, ...]
    doc_exchanges: tuple[DocExchange, ...]
    overrides: tuple[tuple[str, str], ...] = ()
    """Of OverrideMshActionBinding: a signal's action, and the channelId for it."""

    def channel(self, channel_id: str) -> Channel:
        """Return a channel of this party by its id, which is there."""
        return _by_id(self.channels, channel_id)

    def channel_of(self, binding: ActionBinding) -> Channel:
        """Return the channel of an action: the first that it names."""
        return self.channel(binding.channels[0])

    def signal_channel(self, action: str) -> Channel:
        """Return the channel of a signal: what overrides it for its action, or the default."""
        return self.channel(dict(self.overrides).get(action, self.default_channel))

    def transport_of(self, channel: Channel) -> Transport:
        """Return the transport of a channel of this party."""
        return _by_id(self.transports, channel.transport)

    def sender_binding(self, channel: Channel) -> Binding:
        """Return what this party does as sender over a channel; an empty one if none is named."""
        return _by_id(self.doc_exchanges, channel.doc_exchange).sender or Binding()

    def receiver_binding(self, channel: Channel) -> Binding:
        """Return what this party does as receiver over a channel; an empty one if none."""
        return _by_id(self.doc_exchanges, channel.doc_exchange).receiver or Binding()

    def endpoint(self, channel: Channel, action: str) -> Endpoint | None:
        """Return where this party takes an action over a channel; None where it does not listen.

        One for all purposes goes before one for a single purpose, except that errors have
        their own; this order is inferred.
        """
        endpoints = self.transport_of(channel).endpoints
        wanted: tuple[EndpointType, ...]
        wanted = (EndpointType.ALL, EndpointType.REQUEST, EndpointType.RESPONSE)
        if action == MESSAGE_ERROR:
            wanted = (EndpointType.ERROR, *wanted)
        elif action == ACKNOWLEDGMENT:
            wanted = (EndpointType.ALL, EndpointType.RESPONSE, EndpointType.REQUEST)
        found = (one for kind in wanted for one in endpoints if one.type is kind)
        return next(found, None)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A whole CPA."""

    cpa_id: str
    version: str
    status: Status
    start: datetime
    end: datetime
    parties: tuple[PartyInfo, PartyInfo]
    signed: bool = False
    """Whether it holds a Signature; nobody here verified it."""
    known: dict[TermsKey, Terms] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    """Terms that :func:`~digipoort_wus.ebms.cpa_terms.terms` found in it before: they follow from
    it, and each message asks for them."""

    def other(self, party: PartyInfo) -> PartyInfo:
        """Return the party that is not this one."""
        first, second = self.parties
        return second if party is first else first

    def certificate(self, cert_id: str) -> Certificate:
        """Return a certificate of either party by its id, which is there."""
        return _by_id((one for party in self.parties for one in party.certificates), cert_id)

    def anchors(self, security_id: str | None) -> tuple[bytes, ...]:
        """Return DER of the anchors that a SecurityDetails of either party names."""
        if security_id is None:
            return ()
        details = _by_id((one for party in self.parties for one in party.security), security_id)
        return tuple(self.certificate(anchor).leaf for anchor in details.anchors)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One action from one party to the other, with what both say of it.

    Args:
        sender: who sends it.
        role: of the sender.
        service: whose action it is.
        sent: its CanSend.
        receiver: the other party.
        receiver_role: of the receiver; None when no CanReceive answers to ``sent``.
        received: the receiver's CanReceive; None when there is none.
    """

    sender: PartyInfo
    role: str
    service: Service
    sent: ActionBinding
    receiver: PartyInfo
    receiver_role: str | None
    received: ActionBinding | None


def exchanges(agreement: Agreement) -> Iterator[Exchange]:
    """Yield every action that a party can send, in the order of the document.

    The receiver's side is the binding that OtherPartyActionBinding names. Where none is named,
    it is the other party's first CanReceive of that service and action; this is inferred.
    """
    for sender in agreement.parties:
        receiver = agreement.other(sender)
        for role in sender.roles:
            for sent in role.can_send:
                name, received = _counterpart(receiver, role.service, sent)
                yield Exchange(sender, role.role, role.service, sent, receiver, name, received)


def _counterpart(
    receiver: PartyInfo, service: Service, sent: ActionBinding
) -> tuple[str | None, ActionBinding | None]:
    for role in receiver.roles:
        for received in role.can_receive:
            fits = role.service == service and received.action == sent.action
            if fits and sent.other in (None, received.id):
                return role.role, received
    return None, None


def _by_id(values: Iterable[_T], wanted: str) -> _T:
    for value in values:
        if value.id == wanted:
            return value
    # Not of an agreement that was read: only of one that was put together by hand.
    raise ConfigurationError(f"The agreement holds nothing with the id {wanted!r}: add it.")
