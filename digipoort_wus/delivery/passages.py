"""What became of deliveries over ebMS, as the store of the message service knows it.

Nothing is kept besides what the message service keeps: our message with its state, what
acknowledged it, and the message in which the agency speaks of it.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import MappingProxyType

from digipoort_wus import checks
from digipoort_wus.clock import Clock, to_milliseconds
from digipoort_wus.delivery.agencies import AgencyRow
from digipoort_wus.delivery.outbox import Letter, NotAgreed, Passage, Sent, about
from digipoort_wus.delivery.postponed import AT_ONCE, Postponed
from digipoort_wus.delivery.wus import FINAL_FAULTS
from digipoort_wus.ebms.digipoort import AFLEVER, BEVESTIG_AFLEVER, BevestigAfleverBericht, Fout
from digipoort_wus.ebms.digipoort_mapping import confirmation
from digipoort_wus.ebms.digipoort_reading import read_bevestig_afleverbericht
from digipoort_wus.ebms.incoming import taken
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.reception import Receiving
from digipoort_wus.ebms.reliability import Sending
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.messaging.sending import Letter as Sendable
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.process.agency import Delivered
from digipoort_wus.process.claims import never
from digipoort_wus.process.confirming import Confirmation, look_at, take_confirmation
from digipoort_wus.process.intake import House
from digipoort_wus.process.reports import Effect
from digipoort_wus.process.service import do_nothing
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsContent,
    EbmsId,
    EbmsRow,
    EbmsWanted,
)
from digipoort_wus.store.ports import Reader, Store, Transaction

_log = logging.getLogger(__name__)
_PASSAGES: Mapping[str, Passage] = MappingProxyType(
    {
        Sending.CREATED.value: Passage.SENDING,
        Sending.SENDING.value: Passage.SENDING,
        Sending.WAITING.value: Passage.SENDING,
        Sending.DELIVERED.value: Passage.ACKNOWLEDGED,
        Sending.FAILED.value: Passage.LOST,
        Sending.EXPIRED.value: Passage.LOST,
    }
)


@dataclass(frozen=True, slots=True)
class ServiceOutbox:
    """The message service as an :class:`~digipoort_wus.delivery.outbox.Outbox`.

    Args:
        service: sends.
        store: of it.
        sender: our id in the agreements.
    """

    service: MessageService
    store: Store
    sender: PartyId

    def last(self, cpa_id: str, action: str, conversation_id: str) -> Sent | None:
        """Return what was sent last with this action in a conversation."""
        return self.store.read(lambda reader: last_sent(reader, cpa_id, action, conversation_id))

    def put(self, letter: Letter) -> None:
        """Keep a message that is sent from now on.

        Raises:
            NotAgreed: nothing is kept.
            StoreFailed: it may not be kept; a repeat is safe.
        """
        try:
            self.service.send(
                Sendable(
                    letter.cpa_id,
                    self.sender,
                    letter.service,
                    letter.action,
                    (letter.payload,),
                    conversation_id=letter.conversation_id,
                    message_id=letter.message_id,
                )
            )
        except ConfigurationError as error:
            raise NotAgreed(str(error)) from error


def last_sent(reader: Reader, cpa_id: str, action: str, conversation_id: str) -> Sent | None:
    """Return what was sent last with an action in a conversation; None: nothing is known.

    What the agency said counts once it was taken: until then it is for who takes it.
    """
    wanted = EbmsWanted(
        Direction.OUT, cpa_id=cpa_id, action=action, conversation_id=conversation_id
    )
    rows = reader.ebms_messages(wanted)
    if not rows:
        return None
    row = rows[-1]
    head = row.head
    passage = _PASSAGES[row.state]
    answer = reader.ebms_answer(row.ebms_id)
    sent = Sent(
        head.key.message_id,
        passage,
        row.settled_at or head.at,
        reason=row.state.lower() if passage is Passage.LOST else "",
        acknowledgment=None
        if answer is None or passage is not Passage.ACKNOWLEDGED
        else receipt_of(answer.octets),
    )
    found = _said(reader, row)
    if found is None:
        return sent
    said, envelope = found
    if isinstance(said.outcome, Fout):
        return Sent(sent.message_id, Passage.REFUSED, sent.at, "refused by the agency")
    return Sent(
        sent.message_id,
        Passage.CONFIRMED,
        sent.at,
        receipt=receipt_of(envelope),
        agency_at=said.outcome,
        acknowledgment=sent.acknowledgment,
    )


def receipt_of(octets: bytes) -> bytes:
    """Return what the evidence keeps of the octets of a confirmation or acknowledgment."""
    return hashlib.sha256(octets).digest()


def _said(reader: Reader, sent: EbmsRow) -> tuple[BevestigAfleverBericht, bytes] | None:
    """Return what the agency said of a message, and its envelope, once that was taken."""
    key = sent.head.key
    wanted = EbmsWanted(
        Direction.IN,
        cpa_id=key.cpa_id,
        action=BEVESTIG_AFLEVER,
        ref_to_message_id=key.message_id,
        state=Receiving.PROCESSED.value,
    )
    for row in reversed(reader.ebms_messages(wanted)):
        content = reader.ebms_content(row.ebms_id)
        try:
            said = _read(content)
        except Refusal:
            continue
        if (said.kenmerk, said.berichtkenmerk) == about(sent.head.conversation_id):
            return said, content.envelope or b""
    return None


def _waiting(reader: Reader, cpa_id: str, after: EbmsId | None) -> Sequence[EbmsRow]:
    wanted = EbmsWanted(
        Direction.IN,
        cpa_id=cpa_id,
        action=BEVESTIG_AFLEVER,
        state=Receiving.RECEIVED.value,
        unprocessed=True,
        after=after,
    )
    return reader.ebms_messages(wanted)


def _read(content: EbmsContent) -> BevestigAfleverBericht:
    # What else stands in a package is nobody's; the first part is the document.
    octets = content.parts[0].content if content.parts else b""
    return read_bevestig_afleverbericht(octets)


@dataclass(frozen=True, slots=True)
class Confirmations:
    """Takes what agencies say of deliveries, out of the messages that came in; for any thread.

    Args:
        store: of messages and filings.
        house: knows the agencies.
        agencies: those that are reached over ebMS.
        clock: the time of receipt.
        wake: is called when somebody else's work may have become due.
        final_faults: codes of a ``fout`` after which a filing is not offered again.
        postponed: what could not be taken.
    """

    store: Store
    house: House
    agencies: Sequence[AgencyRow]
    clock: Clock
    wake: Callable[[], None] = do_nothing
    final_faults: frozenset[str] = field(default=FINAL_FAULTS)
    postponed: Postponed = field(default_factory=Postponed)

    def take_all(self, interrupted: Callable[[], bool] = never) -> int:
        """Take the confirmations that wait, oldest first and at most so many of one agreement.

        Those of an agreement with no agency are not ours: an application takes them. What cannot
        be taken is logged and waits; it holds up nothing else.

        Args:
            interrupted: asked before each one: whether to leave the rest.

        Returns:
            How many were taken; from :data:`~digipoort_wus.delivery.postponed.AT_ONCE` on more
            may wait.

        Raises:
            StoreFailed: what was not taken waits.
        """
        cpas = dict.fromkeys(row.ebms.cpa for row in self.agencies if row.ebms is not None)
        return sum(self._take_of(cpa_id, interrupted) for cpa_id in cpas)

    def _take_of(self, cpa_id: str, interrupted: Callable[[], bool]) -> int:
        number, after = 0, None
        while rows := self.store.read(partial(_waiting, cpa_id=cpa_id, after=after)):
            for row in rows:
                if number == AT_ONCE or interrupted():
                    return number
                number += self.postponed.attempted(self.take, row) is not None
            after = rows[-1].ebms_id
        return number

    def take(self, row: EbmsRow) -> Effect:
        """Take one message, in one transaction with what it leads to.

        What cannot be read, or is about nothing of the agency's, is logged and taken as well:
        nobody is answered to a confirmation.

        Args:
            row: that came in, with bevestigAfleveren as its action.

        Raises:
            StoreFailed: it may not be taken; a repeat is safe.
        """
        try:
            agency = self._agency_of(row)
            said = self._read(row, agency)
            effect = self._write(row, agency, said)
        except Refusal as refusal:
            at = to_milliseconds(self.clock())
            self.store.write(lambda transaction: put_away(transaction, row.ebms_id, at)).result()
            _log.warning(
                "ebMS message %s under CPA %s confirms nothing: %s",
                *(ascii(row.head.key.message_id), ascii(row.head.key.cpa_id), refusal),
                extra={"event": "confirmation-refused"},
            )
            return Effect.NONE
        _log.info(
            "kenmerk %s: agency %s says %s: %s",
            *(ascii(said.kenmerk), agency.name, type(said.outcome).__name__.lower(), effect.value),
            extra={"event": "confirmed", "kenmerk": said.kenmerk, "oin": agency.oin},
        )
        self.wake()
        return effect

    def look(self, ebms_id: EbmsId) -> Effect:
        """Have it asked now how a delivery went, when its message was given up.

        Raises:
            KeyError: there is no such message.
            StoreFailed: it is asked later, by itself.
        """

        def work(transaction: Transaction) -> Effect:
            head, state = (row := transaction.ebms(ebms_id)).head, row.state
            ours = head.key.direction is Direction.OUT and head.action == AFLEVER
            if not ours or _PASSAGES.get(state) is not Passage.LOST:
                return Effect.NONE
            return look_at(transaction, *about(head.conversation_id), self.clock())

        effect = self.store.write(work).result()
        if effect is Effect.RECORDED:
            self.wake()
        return effect

    def _agency_of(self, row: EbmsRow) -> AgencyRow:
        cpa_id = row.head.key.cpa_id
        for agency in self.agencies:
            if agency.ebms is not None and agency.ebms.cpa == cpa_id:
                return agency
        raise Refusal(checks.PARTY_AUTHORISED, received="an agreement with no agency of ours")

    def _read(self, row: EbmsRow, agency: AgencyRow) -> Confirmation:
        """Return what a message says, and what shows it."""

        def look(reader: Reader) -> tuple[EbmsContent, bytes | None]:
            return reader.ebms_content(row.ebms_id), _acknowledgment(reader, row)

        content, acknowledgment = self.store.read(look)
        delivered = Delivered(
            agency.oin,
            row.head.ref_to_message_id or "",
            receipt_of(content.envelope or b""),
            acknowledgment=acknowledgment,
        )
        return confirmation(_read(content), delivered, self.final_faults)

    def _write(self, row: EbmsRow, agency: AgencyRow, said: Confirmation) -> Effect:
        at = to_milliseconds(self.clock())

        def work(transaction: Transaction) -> Effect:
            effect = Effect.NONE
            if put_away(transaction, row.ebms_id, at):
                effect = take_confirmation(
                    transaction, agency.reporter, said, house=self.house, now=at
                )
            return effect

        return self.store.write(work).result()


def put_away(transaction: Transaction, ebms_id: EbmsId, at: datetime) -> bool:
    """Note that a message that came in is done with; False when it was before."""
    events = transaction.ebms_events_of(ebms_id)
    transaction.process_ebms_events([event.event_id for event in events], at)
    return taken(transaction, (ebms_id,), at) == 1


def _acknowledgment(reader: Reader, row: EbmsRow) -> bytes | None:
    """Return the digest of what acknowledged the message that another refers to."""
    wanted = EbmsWanted(
        Direction.OUT,
        cpa_id=row.head.key.cpa_id,
        action=AFLEVER,
        message_id=row.head.ref_to_message_id or "",
    )
    for sent in reader.ebms_messages(wanted):
        answer = reader.ebms_answer(sent.ebms_id)
        if answer is not None:
            return receipt_of(answer.octets)
    return None
