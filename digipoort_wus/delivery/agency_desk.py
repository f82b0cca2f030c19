"""What an example agency does with its messages over ebMS: it takes filings, and confirms each.

The inbox has a filing before the confirmation is kept, and knows it again by its berichtkenmerk;
the confirmation has a MessageId that follows from that of the delivery. Who dies between the two
does both again, and nothing is there twice.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from digipoort_wus.clock import Clock, to_milliseconds
from digipoort_wus.delivery.example import Conduct
from digipoort_wus.delivery.inbox import Arrival, Inbox
from digipoort_wus.delivery.passages import put_away
from digipoort_wus.ebms.digipoort import (
    AANLEVER,
    AANLEVEREN,
    AFLEVER,
    BEVESTIG_AANLEVER,
    BEVESTIG_AFLEVER,
    MEDIA_TYPE,
    AfleverBericht,
    BevestigAfleverBericht,
    Fout,
)
from digipoort_wus.ebms.digipoort_reading import read_afleverbericht, read_bevestig_aanleverbericht
from digipoort_wus.ebms.digipoort_writing import (
    write_aanleverbericht,
    write_bevestig_afleverbericht,
)
from digipoort_wus.ebms.message import PartyId, Payload, Service
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.content import Content, read_content
from digipoort_wus.filing.filing import Delivery
from digipoort_wus.messaging.backend import Backend
from digipoort_wus.messaging.sending import Letter
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.store.ebms_values import EbmsRow, EbmsWanted
from digipoort_wus.store.ports import Transaction

_MESSAGES = uuid5(NAMESPACE_URL, "urn:digipoort-wus:agency:ebms")
_FAULT = "De voorbeeldinstantie antwoordt zo."
_UNREADABLE = "De voorbeeldinstantie kan dit bericht niet lezen."
_TECHNICAL = "AFL400"
_AGAIN = timedelta(seconds=1)
_log = logging.getLogger("digipoort_wus.agency")


@dataclass(frozen=True, slots=True)
class AgencyDesk:
    """Takes deliveries out of the messages that came in; one thread.

    Args:
        service: sends confirmations.
        backend: has what came in.
        inbox: keeps filings.
        us: who the agency is in its agreements.
        gateway_oin: whose agreements they are; the inbox knows filings by it.
        conduct: how the agency misbehaves: ``slow``, ``fault`` and ``lose_answers`` are of its
            confirmations; one that is lost is made again, from what came.
        clock: the time of receipt.
        taken: is called when a filing was taken.
    """

    service: MessageService
    backend: Backend
    inbox: Inbox
    us: PartyId
    gateway_oin: str
    conduct: Conduct
    clock: Clock
    taken: Callable[[], object]

    def run_due(self, interrupted: Callable[[], bool]) -> datetime | None:
        """Take all that waits; return when the next one may be confirmed, None when none waits.

        Raises:
            StoreFailed: what was not done waits.
        """
        later: list[datetime] = []
        for row in self._waiting(AFLEVER):
            due = row.head.at + timedelta(seconds=self.conduct.slow)
            if interrupted():
                break
            if self.clock() < due:
                later.append(due)
            elif not self._take(row):
                later.append(self.clock() + _AGAIN)
        for row in self._waiting(BEVESTIG_AANLEVER):
            self._hear(row)
        # What became of its own messages is in the log of the service; nobody else hears it.
        while not interrupted() and (events := self.backend.events()):
            self.backend.mark_events([event.event_id for event in events])
        return min(later, default=None)

    def file(self, cpa_id: str, delivery: Delivery, service: Service = AANLEVEREN) -> str:
        """File something over ebMS, once for each reference, and return the MessageId.

        Args:
            cpa_id: of the agreement.
            delivery: what; its aanleverkenmerk is the reference.
            service: under which the agreement has aanleveren.

        Raises:
            ConfigurationError: the agreement does not allow that.
            StoreFailed: it may not be kept; a repeat is safe.
        """
        reference = delivery.aanleverkenmerk or ""
        written = write_aanleverbericht(delivery)
        payload = Payload(_id(cpa_id, reference, "inhoud"), MEDIA_TYPE, written)
        message_id = _id(cpa_id, reference, "aanleveren")
        return self.service.send(
            Letter(cpa_id, self.us, service, AANLEVER, (payload,), message_id=message_id)
        )

    def _waiting(self, action: str) -> Sequence[EbmsRow]:
        return self.backend.unprocessed(EbmsWanted(action=action))

    def _take(self, row: EbmsRow) -> bool:
        """Keep and confirm one delivery; False when that has to be tried again."""
        content = self.backend.get(row.ebms_id).content
        octets = content.parts[0].content if content.parts else b""
        try:
            said = self._said(row, octets)
            if said is None:
                return False
        except Refusal as refusal:
            # Nothing in it can be confirmed: who sent it hears nothing, and sends it again.
            _log.warning("a delivery was refused: %s", refusal)
            self.service.write(lambda transaction: self._put_away(transaction, row))
            return True
        letter = Letter(
            row.head.key.cpa_id,
            self.us,
            Service(row.head.service, row.head.service_type),
            BEVESTIG_AFLEVER,
            (_payload(row, said),),
            conversation_id=row.head.conversation_id,
            ref_to_message_id=row.head.key.message_id,
            message_id=_id(row.head.key.message_id, "bevestigAfleveren"),
        )

        def work(transaction: Transaction) -> None:
            if self._put_away(transaction, row):
                composed.keep(transaction)

        try:
            with self.service.compose(letter) as composed:
                self.service.write(work)
        except ConfigurationError as error:
            _log.error("a delivery cannot be confirmed: %s", error)
            return False
        return True

    def _said(self, row: EbmsRow, octets: Content) -> BevestigAfleverBericht | None:
        """Keep a delivery, and return what is said of it; None loses that.

        Raises:
            Refusal: it is no afleverBericht.
        """
        bericht = read_afleverbericht(octets)
        said = BevestigAfleverBericht(
            bericht.kenmerk,
            bericht.berichtkenmerk,
            Fout(self.conduct.fault, _FAULT),
            bericht.berichtsoort,
        )
        if self.conduct.fault:
            _log.info("a delivery was answered with %s, as told", self.conduct.fault)
            return said
        arrival = _arrival(bericht, row, self.gateway_oin)
        try:
            taken = self.inbox.take(arrival, self.clock())
        except Refusal as refusal:
            _log.warning("a delivery was refused: %s", refusal)
            return replace(said, outcome=Fout(_TECHNICAL, _UNREADABLE))
        _log.info(
            "kenmerk %s taken over ebMS, %s, %d bytes, arrival %d",
            *(ascii(arrival.kenmerk), ascii(arrival.berichtsoort)),
            *(len(arrival.content), taken.times),
        )
        self.taken()
        if self.conduct.loses(taken):
            _log.info("kenmerk %s: the confirmation is lost, as told", ascii(arrival.kenmerk))
            return None
        return replace(said, outcome=taken.taken_at)

    def _hear(self, row: EbmsRow) -> None:
        """Log what became of a filing of ours."""
        content = self.backend.get(row.ebms_id).content
        try:
            said = read_bevestig_aanleverbericht(content.parts[0].content if content.parts else b"")
        except Refusal as refusal:
            _log.warning("the confirmation of a filing cannot be read: %s", refusal)
        else:
            if isinstance(said.outcome, Fout):
                _log.warning("a filing was refused: %s", ascii(said.outcome.code))
            else:
                _log.info("a filing was accepted: kenmerk %s", ascii(said.kenmerk))
        self.service.write(lambda transaction: self._put_away(transaction, row))

    def _put_away(self, transaction: Transaction, row: EbmsRow) -> bool:
        return put_away(transaction, row.ebms_id, to_milliseconds(self.clock()))


def _arrival(bericht: AfleverBericht, row: EbmsRow, gateway_oin: str) -> Arrival:
    """Return what the inbox keeps; a delivery that comes again is known by its document."""
    content = read_content(bericht.document.content)
    return Arrival(
        sender=gateway_oin,
        message_id=row.head.key.message_id,
        digest=hashlib.sha256(content).digest(),
        kenmerk=bericht.kenmerk,
        berichtkenmerk=bericht.berichtkenmerk,
        berichtsoort=bericht.berichtsoort,
        aanleverkenmerk=bericht.aanleverkenmerk,
        belanghebbende=bericht.belanghebbende,
        rol_belanghebbende=bericht.rol_belanghebbende,
        # An afleverBericht does not say who filed.
        aanleveraar=None,
        content=content,
    )


def _payload(row: EbmsRow, said: BevestigAfleverBericht) -> Payload:
    content_id = _id(row.head.key.message_id, "bevestiging")
    return Payload(content_id, MEDIA_TYPE, write_bevestig_afleverbericht(said).read())


def _id(*words: str) -> str:
    return f"{uuid5(_MESSAGES, ' '.join(words))}@agency"
