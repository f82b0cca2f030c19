"""Filings that come over ebMS: each is accepted as over WUS, and confirmed by a message.

Accepting and confirming are two transactions. Who dies between them finds the filing again by its
MessageId, and confirms it then; the confirmation has a MessageId that follows from the filing's,
so it is kept once. Over ebMS a body files under the OIN of its party in the agreement, and follows
the filing with StatusinformatieService under the same one (inferred).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import NAMESPACE_URL, uuid5

from digipoort_wus import checks
from digipoort_wus.clock import Clock, to_milliseconds
from digipoort_wus.delivery.filing_proof import proof_of
from digipoort_wus.delivery.passages import put_away
from digipoort_wus.delivery.postponed import AT_ONCE, Postponed
from digipoort_wus.ebms.digipoort import (
    AANLEVER,
    AANLEVEREN,
    BEVESTIG_AANLEVER,
    MEDIA_TYPE,
    BevestigAanleverBericht,
)
from digipoort_wus.ebms.digipoort_mapping import accepted, refused, said_of
from digipoort_wus.ebms.digipoort_reading import PayloadRefused, Said, read_aanleverbericht
from digipoort_wus.ebms.digipoort_writing import write_bevestig_aanleverbericht
from digipoort_wus.ebms.message import PartyId, Payload, Service
from digipoort_wus.ebms.names import OIN_TYPE
from digipoort_wus.ebms.reception import Receiving
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.party import Party
from digipoort_wus.messaging.sending import Letter
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.pki.oin import parse_oin
from digipoort_wus.process.api import Caller, ProcessApi
from digipoort_wus.process.claims import never
from digipoort_wus.store.ebms_values import Direction, EbmsId, EbmsRow, EbmsWanted
from digipoort_wus.store.ports import Reader, Store, Transaction

_log = logging.getLogger(__name__)
_MESSAGES = uuid5(NAMESPACE_URL, "urn:digipoort-wus:bevestigAanleveren")
_OIN = f"{OIN_TYPE}:"


@dataclass(frozen=True, slots=True)
class FilingDesk:
    """Takes filings out of the messages that came in; for any thread.

    Args:
        store: of the messages.
        service: sends confirmations.
        process: accepts.
        us: our id in the agreements, an OIN; named as the receiver where a filing has none.
        clock: of when a message was taken.
        explain: tell in a confirmation what is wrong (sandbox).
        filed_under: the Service of filings; messages of others are not looked at.
        postponed: what could not be taken.
    """

    store: Store
    service: MessageService
    process: ProcessApi
    us: PartyId
    clock: Clock
    explain: bool = False
    filed_under: str = AANLEVEREN.value
    postponed: Postponed = field(default_factory=Postponed)

    def take_all(self, interrupted: Callable[[], bool] = never) -> int:
        """Take the filings that wait, oldest first and at most so many at once.

        What cannot be taken is logged and waits; it holds up nothing else.

        Args:
            interrupted: asked before each one: whether to leave the rest.

        Returns:
            How many were taken; of :data:`~digipoort_wus.delivery.postponed.AT_ONCE` more wait.

        Raises:
            StoreFailed: what was not taken waits.
        """
        number, after = 0, None
        while rows := self.store.read(partial(_waiting, service=self.filed_under, after=after)):
            for row in rows:
                if number == AT_ONCE or interrupted():
                    return number
                number += self.postponed.attempted(self.take, row) is True
            after = rows[-1].ebms_id
        return number

    def take(self, row: EbmsRow) -> bool:
        """Accept or refuse one filing, and confirm that; False when it still waits.

        It waits as long as the agreement allows no confirmation: that is for the operator to mend.

        Args:
            row: that came in, with aanleveren as its action.

        Raises:
            StoreFailed: nothing is certain; a repeat is safe.
        """
        said = self._judged(row)
        head = row.head
        letter = Letter(
            head.key.cpa_id,
            self.us,
            Service(head.service, head.service_type),
            BEVESTIG_AANLEVER,
            (_payload(row, said),),
            conversation_id=head.conversation_id,
            ref_to_message_id=head.key.message_id,
            message_id=f"{_id_of(row, 'message')}@digipoort",
        )
        at = to_milliseconds(self.clock())

        def work(transaction: Transaction) -> None:
            if put_away(transaction, row.ebms_id, at):
                composed.keep(transaction)

        try:
            with self.service.compose(letter) as composed:
                self.service.write(work)
        except ConfigurationError as error:
            _log.error(
                "ebMS message %s: what was filed cannot be confirmed: %s",
                *(ascii(head.key.message_id), error),
                extra={"event": "confirmation-not-sent"},
            )
            return False
        return True

    def _judged(self, row: EbmsRow) -> BevestigAanleverBericht:
        """Return what a body is told of what it filed."""
        said, sender = Said(), self._us
        try:
            oin = _oin_of(row.head.key.sender)
            sender = Party(oin, "OIN")
            content = self.store.read(lambda reader: reader.ebms_content(row.ebms_id))
            # What else stands in a package is nobody's; the first part is the document.
            delivery = read_aanleverbericht(content.parts[0].content if content.parts else b"")
            said = said_of(delivery)
            proof = proof_of(row, content, self.service.house.book.current())
            caller = Caller(
                *(oin, None, row.head.key.message_id, row.head.digest, proof), counted=True
            )
            return accepted(self.process.accept(caller, delivery).result(), self._us)
        except Refusal as refusal:
            if isinstance(refusal, PayloadRefused):
                said = refusal.said
            _log.warning(
                "ebMS message %s: a filing of %s is refused: %s",
                *(ascii(row.head.key.message_id), ascii(row.head.key.sender), refusal),
                extra={"event": "refused"},
            )
            return refused(said, refusal, sender=sender, digipoort=self._us, explain=self.explain)

    @property
    def _us(self) -> Party:
        return Party(self.us.value, "OIN")


def _waiting(reader: Reader, service: str, after: EbmsId | None) -> Sequence[EbmsRow]:
    wanted = EbmsWanted(
        Direction.IN,
        service=service,
        action=AANLEVER,
        state=Receiving.RECEIVED.value,
        unprocessed=True,
        after=after,
    )
    return reader.ebms_messages(wanted)


def _payload(row: EbmsRow, said: BevestigAanleverBericht) -> Payload:
    content_id = f"{_id_of(row, 'payload')}@digipoort"
    return Payload(content_id, MEDIA_TYPE, write_bevestig_aanleverbericht(said).read())


def _id_of(row: EbmsRow, what: str) -> str:
    key = row.head.key
    return str(uuid5(_MESSAGES, f"{what} {row.copy} {key.cpa_id} {key.sender} {key.message_id}"))


def _oin_of(sender: str) -> str:
    """Return the OIN of a party as a store spells it, without a suffix for tests.

    Raises:
        Refusal: PARTY-IDENTIFIED: it is known by something else.
    """
    oin = sender.removeprefix(_OIN).partition("_")[0]
    try:
        if not sender.startswith(_OIN):
            raise ValueError("no OIN")
        parse_oin(oin)
    except ValueError as error:
        raise Refusal(checks.PARTY_IDENTIFIED, expected=f"a PartyId of type {OIN_TYPE}") from error
    return oin
