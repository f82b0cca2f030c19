"""Messages that go out: written, signed and kept with the task to send them, in one transaction."""

from dataclasses import dataclass, field, replace
from types import TracebackType
from uuid import uuid4

from digipoort_wus.clock import to_milliseconds
from digipoort_wus.ebms import names
from digipoort_wus.ebms.composing import Ready, business, finish, ping
from digipoort_wus.ebms.cpa_terms import terms_for_signal, terms_to_send
from digipoort_wus.ebms.message import Message, PartyId, Payload, Service, StatusRequest
from digipoort_wus.ebms.partners import Ours, Partner
from digipoort_wus.ebms.reliability import Sending, Way
from digipoort_wus.ebms.schedule import USUAL, persist_until, schedule
from digipoort_wus.ebms.terms import Terms
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.messaging.house import House
from digipoort_wus.messaging.keeping import Posted, head_of, key_of, parts_of
from digipoort_wus.messaging.posting import Once
from digipoort_wus.store.ebms_values import Direction, EbmsId, EbmsMessage
from digipoort_wus.store.ports import Transaction
from digipoort_wus.store.values import Prepared


@dataclass(frozen=True, slots=True)
class Letter:
    """A business message that is to be sent.

    Args:
        cpa_id: of the agreement; it says to whom, signed or not, and how often.
        sender: an id of ours in it.
        service: of the header.
        action: of the header.
        payloads: in plain; their contents are read before it is kept.
        conversation_id: the same in all messages about one thing; None: a new one.
        ref_to_message_id: of the message that it answers.
        message_id: of the header; a message of one that is known is not kept again. None: a
            new one.
    """

    cpa_id: str
    sender: PartyId
    service: Service
    action: str
    payloads: tuple[Payload, ...] = ()
    conversation_id: str | None = None
    ref_to_message_id: str | None = None
    message_id: str | None = None


@dataclass(eq=False, slots=True)
class Composed:
    """A message that is ready to be kept, in a transaction of whoever has it.

    Used as a context around that write: what was sealed ahead is forgotten behind it, and what
    is due is sent::

        with service.compose(letter) as composed:
            service.write(lambda transaction: composed.keep(transaction))

    Args:
        house: of the service.
        message: to be kept.
        prepared: its contents, sealed.
    """

    house: House
    message: EbmsMessage
    prepared: Prepared | None
    kept: EbmsId | None = field(default=None, init=False)

    @property
    def message_id(self) -> str:
        """Return the MessageId of its header."""
        return self.message.head.key.message_id

    def keep(self, transaction: Transaction) -> EbmsId:
        """Keep it with its task, unless one of its MessageId is kept already.

        May be called again for a transaction that is tried again.
        """
        known = transaction.ebms_known(self.message.head.key)
        if known is not None:
            self.kept = known.ebms_id
            return known.ebms_id
        head = self.message.head
        state = Sending.CREATED.value
        self.kept = transaction.send_ebms(self.message, state, head.at, self.prepared)
        return self.kept

    def __enter__(self) -> "Composed":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.house.let_go(self.prepared, error)
        self.prepared = None
        if error is None and self.kept is not None:
            self.house.wake()
            self.house.changed(self.kept)


def compose(house: House, letter: Letter) -> Composed:
    """Write a message as it was agreed: signed and encrypted, the same octets at every attempt.

    Raises:
        ConfigurationError: the agreement is not here or allows no such message, the sender is not
            one of ours, or a value cannot be written.
    """
    ours = house.book.current()
    partner = partner_for(ours, letter.cpa_id, letter.sender)
    at = to_milliseconds(house.clock())
    terms = terms_to_send(partner.agreement, letter.sender, letter.service, letter.action, at=at)
    message = business(
        terms,
        message_id=letter.message_id or house.new_message_id(),
        conversation_id=letter.conversation_id or str(uuid4()),
        at=at,
        payloads=letter.payloads,
        ref_to_message_id=letter.ref_to_message_id,
    )
    signer = None if terms.signature is None else ours.signer(terms.signature.certificates)
    unique = str(uuid4())
    ready = finish(
        message,
        partner,
        unique=unique,
        payloads=letter.payloads,
        terms=terms,
        signature=terms.signature,
        signer=signer,
    )
    return composed(house, ready, partner, terms, unique)


def composed(house: House, ready: Ready, partner: Partner, terms: Terms, unique: str) -> Composed:
    """Return a message that was written as it is kept, its contents sealed.

    Args:
        house: of the service.
        ready: the message.
        partner: for whom.
        terms: of it.
        unique: of its package.
    """
    header, asked = ready.message.header, ready.message.ack_requested
    at = to_milliseconds(house.clock())
    # Where an acknowledgment is asked for, and nothing says how often it is sent: as is usual.
    reliability = None if asked is None else terms.reliability or USUAL
    how = Posted(
        Way.BEST_EFFORT if asked is None else Way.RELIABLE,
        schedule(
            header.timestamp,
            reliability,
            time_to_live=header.time_to_live,
            persist=terms.persist,
        ),
        unique,
        partner.quirks.transfer_encoding,
        partner.quirks.signal_package,
        ready.references if asked is not None and asked.signed else None,
        encrypted=terms.encryption is not None,
    )
    head = head_of(
        key_of(Direction.OUT, header.cpa_id, terms.sender.ids, header.message_id),
        header,
        terms.receiver.ids,
        at=at,
        persist_until=persist_until(at, terms.persist, reliability, header.time_to_live),
        digest=ready.digest,
        content_type=ready.package.content_type,
        packaging=how.written(),
    )
    message = EbmsMessage(head, ready.envelope, parts_of(ready.payloads))
    return Composed(house, message, house.store.prepare(message.documents, message.envelope))


def partner_for(ours: Ours, cpa_id: str, sender: PartyId) -> Partner:
    """Return the partner of an agreement under which a party of ours sends.

    Raises:
        ConfigurationError: there is no such agreement here, or the party is not one of ours.
    """
    partner = ours.partners.get(cpa_id)
    if partner is None:
        raise ConfigurationError(f"There is no usable CPA {cpa_id!r} here: add it first.")
    if sender not in ours.ids:
        raise ConfigurationError(
            f"{sender.type or ''}:{sender.value} is no party of this gateway: it cannot send."
        )
    return partner


def question(
    house: House, cpa_id: str, sender: PartyId, *, about: str | None = None
) -> tuple[str, Once]:
    """Return a Ping, or a StatusRequest about a message that was sent, and its MessageId.

    Args:
        house: of the service.
        cpa_id: of the agreement.
        sender: an id of ours in it.
        about: MessageId of what is asked after; None: a Ping.

    Raises:
        ConfigurationError: the agreement is not here, or not in force.
    """
    partner = partner_for(house.book.current(), cpa_id, sender)
    action = names.PING if about is None else names.STATUS_REQUEST
    at = house.clock()
    terms = terms_for_signal(partner.agreement, sender, action, at=at)
    message_id, conversation_id = house.new_message_id(), str(uuid4())
    said = ping(terms, message_id=message_id, conversation_id=conversation_id, at=at)
    if about is not None:
        said = Message(replace(said.header, action=action), status_request=StatusRequest(about))
    ready = finish(said, partner, unique=str(uuid4()))
    return message_id, Once(ready.package, partner, terms, message_id)
