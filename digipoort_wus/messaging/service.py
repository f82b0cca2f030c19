"""The message service: takes what comes in, sends what is to go out, and remembers both."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from digipoort_wus import checks
from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import PartyId, Service, StatusResponse
from digipoort_wus.ebms.opening import Inbound, Opened, Turned, open_message
from digipoort_wus.ebms.partners import Ours
from digipoort_wus.ebms.signals import Kind
from digipoort_wus.ebms.terms import Terms
from digipoort_wus.errors import ConfigurationError, DigipoortError, Refusal
from digipoort_wus.messaging.book import Book
from digipoort_wus.messaging.charging import Charging
from digipoort_wus.messaging.faults import client_fault, is_fault, server_fault
from digipoort_wus.messaging.hearing import hear
from digipoort_wus.messaging.house import Changed, House
from digipoort_wus.messaging.keeping import party_spelled, payloads_of, posted
from digipoort_wus.messaging.posting import EMPTY, HttpReply, Mailroom
from digipoort_wus.messaging.receiving import (
    answer_ping,
    answer_status,
    take_business,
    tell_refused,
    turn_away,
)
from digipoort_wus.messaging.sending import Composed, Letter, compose, question
from digipoort_wus.process.authorisation import AuthorisationTable
from digipoort_wus.store.ebms_values import Direction, EbmsId
from digipoort_wus.store.ports import Store, StoreFailed, Transaction

_log = logging.getLogger(__name__)
T = TypeVar("T")
AdmitSender = Callable[[Sequence[PartyId]], None]
"""Judges a From party by its ids; raises a Refusal."""


class MessageService:
    """One message service handler; any thread may ask, and each call blocks.

    Args:
        store: remembers.
        book: with whom, and as whom.
        host: behind the ``@`` of our MessageIds.
        clock: of everything.
        explain: whether others are told what was expected and received (sandbox).
    """

    def __init__(
        self,
        store: Store,
        book: Book,
        *,
        host: str,
        clock: Clock = system_clock,
        explain: bool = False,
    ) -> None:
        self.house = House(store, book, clock, host, explain)
        self._admit_sender: AdmitSender = lambda _: None

    def attach(self, mailroom: Mailroom) -> None:
        """Have this post what is sent."""
        self.house.mailroom = mailroom

    def admit_senders(self, admit: AdmitSender) -> None:
        """Have this judge the From party of every message that comes, whoever connected for it."""
        self._admit_sender = admit

    def on_change(self, told: Changed) -> None:
        """Have this called after every commit that may have changed something of a message.

        It is called in the thread that wrote. Once :meth:`hear_others` was called, it is also
        called for what other processes on the same store keep, from a thread of the store's own,
        and may then be called twice for one thing. What it raises is logged.
        """
        self.house.listeners.append(told)

    def hear_others(self) -> None:
        """Hear from now on what other processes on the same store do; may be called again."""
        self.house.hear_others()

    def charge(self, table: Callable[[], AuthorisationTable]) -> None:
        """Have what a party sends in a day limited by its row in this table."""
        self.house.charging = Charging(self.house.clock, table)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do a work in a transaction of the store, and return when it is committed.

        Raises:
            StoreFailed: it may not be.
        """
        return self.house.write(work)

    # --- What comes in ----------------------------------------------------------------

    def receive(self, inbound: Inbound) -> HttpReply:
        """Take a message that was posted here, and return what is answered.

        What is to be kept of it is committed when this returns. 200 brings a signal, 204 nothing;
        500 and 503 a SOAP Fault.

        Args:
            inbound: the request.
        """
        try:
            ours = self.house.book.current()
            found = open_message(inbound, ours)
            self._require_admitted(found)
            if isinstance(found, Turned):
                return self._turned(ours, found)
            return self._opened(ours, found, inbound)
        except EbmsRefusal as refusal:
            tell_refused(refusal)
            return client_fault(refusal, explain=self.house.explain)
        except ConfigurationError as error:
            _log.error("ebMS: %s", error, extra={"event": "ebms-misconfigured"})
            return server_fault()
        except StoreFailed as error:
            _log.error("ebMS: nothing can be kept: %s", error, extra={"event": "ebms-not-kept"})
            return server_fault(status=503)
        except DigipoortError as error:
            _log.error(
                "ebMS: a message cannot be handled: %s: %s",
                *(type(error).__name__, error),
                extra={"event": "ebms-not-kept"},
            )
            return server_fault()

    def answered(self, reply: HttpReply, terms: Terms) -> None:
        """Take the signal that came in an HTTP answer, if one did; anything else is logged.

        Args:
            reply: to something that was posted.
            terms: under which that was; they name the certificates of the server.

        Raises:
            StoreFailed: what it says may not be kept.
        """
        if not reply.body or is_fault(reply):
            return
        inbound = Inbound(
            reply.content_type,
            reply.body,
            reply.peer,
            self.house.clock(),
            terms.receiver_tls,
            terms.cpa_id,
        )
        try:
            ours = self.house.book.current()
            found = open_message(inbound, ours)
            if isinstance(found, Turned):
                raise found.refusal
            if found.kind.asks:
                _log.warning(
                    "ebMS: an answer holds %s, which is no signal: it is not read",
                    found.kind.value,
                    extra={"event": "ebms-answer-unreadable"},
                )
                return
            hear(self.house, found, inbound)
        except EbmsRefusal as refusal:
            _log.warning(
                "ebMS: the answer with status %d is not believed: %s",
                *(reply.status, refusal.explanation()),
                extra={"event": "ebms-answer-unreadable"},
            )

    # --- What goes out ----------------------------------------------------------------

    def compose(self, letter: Letter) -> Composed:
        """Write a message that is then kept in a transaction of the caller.

        Raises:
            ConfigurationError: the agreement is not here or allows no such message, the sender
                is not one of ours, or a value cannot be written.
        """
        return compose(self.house, letter)

    def send(self, letter: Letter) -> str:
        """Keep a message that is sent from now on, and return its MessageId.

        It is committed when this returns. One of a MessageId that is known changes nothing.

        Raises:
            ConfigurationError: as :meth:`compose`; nothing is kept.
            StoreFailed: it may not be kept; with a MessageId of the caller's a repeat is safe.
        """
        with self.compose(letter) as composed:
            self.write(composed.keep)
            return composed.message_id

    def resend(self, ebms_id: EbmsId, message_id: str | None = None) -> str:
        """Send the content of a message that went out again, as a new one; return its MessageId.

        Args:
            ebms_id: of the message.
            message_id: of the new one; None makes one.

        Raises:
            KeyError: there is no such message that went out.
            ConfigurationError: the agreement does not allow it any more, or its payloads are
                encrypted for their receiver.
        """
        row = self.house.store.read(lambda reader: reader.ebms(ebms_id))
        head = row.head
        if head.key.direction is not Direction.OUT:
            raise KeyError(ebms_id)
        ours = self.house.book.current()
        partner = ours.partners.get(head.key.cpa_id)
        party = None if partner is None else party_spelled(partner.agreement, head.key.sender)
        if party is None:
            raise ConfigurationError(
                f"CPA {head.key.cpa_id} or its party {head.key.sender} is not here any more: "
                "nothing can be sent under it."
            )
        if posted(head).encrypted:
            raise ConfigurationError(
                "The payloads of this message are encrypted for their receiver, so that they "
                "cannot be signed anew: send them again from where they came."
            )
        content = self.house.store.read(lambda reader: reader.ebms_content(ebms_id))
        letter = Letter(
            head.key.cpa_id,
            next(one for one in party.ids if one in ours.ids),
            Service(head.service, head.service_type),
            head.action,
            payloads_of(content.parts),
            head.conversation_id,
            head.ref_to_message_id,
            message_id,
        )
        return self.send(letter)

    def ping(self, cpa_id: str, sender: PartyId) -> "Future[StatusResponse | None]":
        """Ask whether the other side of an agreement is there; the future resolves with a Pong.

        It fails where nothing took the question; who waits chooses how long. An answer by a
        connection of its own is noticed whichever process on the store gets it, but one does.

        Raises:
            ConfigurationError: the agreement is not here, or not in force.
        """
        return self._ask(cpa_id, sender, None)

    def ask_status(self, ebms_id: EbmsId) -> "Future[StatusResponse | None]":
        """Ask what became of a message that went out: a StatusResponse, as :meth:`ping`.

        Raises:
            KeyError: there is no such message that went out.
            ConfigurationError: the agreement is not here, or not in force.
        """
        key = self.house.store.read(lambda reader: reader.ebms(ebms_id)).head.key
        if key.direction is not Direction.OUT:
            raise KeyError(ebms_id)
        partner = self.house.book.current().partners.get(key.cpa_id)
        party = None if partner is None else party_spelled(partner.agreement, key.sender)
        if party is None:
            raise ConfigurationError(f"CPA {key.cpa_id} is not here any more.")
        ids = self.house.book.current().ids
        return self._ask(key.cpa_id, next(one for one in party.ids if one in ids), key.message_id)

    def _ask(
        self, cpa_id: str, sender: PartyId, about: str | None
    ) -> "Future[StatusResponse | None]":
        message_id, signal = question(self.house, cpa_id, sender, about=about)
        # The answer may come to another process, and at once.
        self.house.hear_others()
        future = self.house.waiting.begin(cpa_id, message_id)
        self.house.once(signal)
        return future

    def _require_admitted(self, found: Opened | Turned) -> None:
        header = found.header if isinstance(found, Turned) else found.message.header
        try:
            self._admit_sender(header.sender.ids)
        except Refusal as refusal:
            raise EbmsRefusal(
                checks.EBMS_PEER,
                at="//Header/MessageHeader/From/PartyId",
                received=refusal.check.id,
            ) from refusal

    def _turned(self, ours: Ours, turned: Turned) -> HttpReply:
        tell_refused(turned.refusal, turned.header.cpa_id, turned.header.message_id)
        if turned.kind is None or not turned.kind.asks:
            # A signal is never answered with a signal.
            return client_fault(turned.refusal, explain=self.house.explain)
        return turn_away(self.house, ours, turned)

    def _opened(self, ours: Ours, opened: Opened, inbound: Inbound) -> HttpReply:
        match opened.kind:
            case Kind.BUSINESS:
                return take_business(self.house, ours, opened)
            case Kind.PING:
                return answer_ping(self.house, ours, opened)
            case Kind.STATUS_REQUEST:
                return answer_status(self.house, ours, opened)
            case _:
                hear(self.house, opened, inbound)
                return EMPTY
