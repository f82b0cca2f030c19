"""What one reliable message of ebMS costs in this process, from octets to its acknowledgment.

The floor is that of its receiver: a verification of the message, a signature of the
acknowledgment, and a digest of the payload. The service keeps it before it answers: envelope,
payload, acknowledgment and event, sealed and in one commit.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from bench.ebms_signature import CONTENT, ebms_signatures
from bench.measure import Row
from digipoort_wus.clock import system_clock
from digipoort_wus.ebms.composing import business, finish
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_to_send
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.opening import Inbound, Opened, open_message
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.filing.content import read_content
from digipoort_wus.messaging.book import Book
from digipoort_wus.messaging.service import MessageService
from digipoort_wus.pki.chain import CachingVerifier
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.sqlite import open_sqlite
from tests.ebms_parties import AANLEVEREN, Pair, pair

TOGETHER = 16


@contextmanager
def ebms_rows(pki: TestPki, scratch: Path) -> Iterator[list[Row]]:
    """Give the parts of a message, and whole messages on one store."""
    two = pair(pki, Profile.RM_S, sync_reply=SyncReply.SIGNALS, at=datetime.now(UTC))
    chains = CachingVerifier(pki.trust_store())
    side = two.digipoort
    ours = replace(side.ours, trust=lambda leaf, sent, at: chains(leaf, sent, Role.SIGNER, at))
    with (
        open_sqlite(scratch / "ebms") as store,
        ThreadPoolExecutor(TOGETHER) as callers,
    ):
        book = Book(store, ours.ids, ours.identities, ours.trust)
        book.put(two.octets)
        messages = _Messages(two, MessageService(store, book, host="bench.example"), callers)
        one = messages.written()

        def opened() -> None:
            if not isinstance(open_message(one, ours), Opened):
                raise TypeError("the message is refused")

        whole = "ebMS: whole message of 10 kB, signed, once only"
        yield [
            *ebms_signatures(pki),
            Row("ebMS: open (package, headers, agreement, signature)", opened),
            Row(f"{whole}, 1 in flight", messages.run, 1, messages.prepare),
            Row(
                f"{whole}, {TOGETHER} in flight",
                messages.run_together,
                TOGETHER,
                lambda calls: messages.prepare(calls * TOGETHER),
            ),
            Row("ebMS: the same message again", messages.again(one)),
        ]


class _Messages:
    """Whole messages: opened, kept, and acknowledged with a signature; each is a new one."""

    def __init__(self, two: Pair, service: MessageService, callers: ThreadPoolExecutor) -> None:
        self._two = two
        self._service = service
        self._callers = callers
        self._prepared: list[Inbound] = []

    def prepare(self, messages: int) -> None:
        """Write and sign so many messages."""
        self._prepared = [self.written() for _ in range(messages)]

    def run(self) -> None:
        """Receive one of them."""
        self._receive(self._prepared.pop())

    def run_together(self) -> None:
        """Receive many of them at a time."""
        some = [self._prepared.pop() for _ in range(TOGETHER)]
        list(self._callers.map(self._receive, some))

    def again(self, message: Inbound) -> Callable[[], None]:
        """Return what receives a message that is known."""
        self._receive(message)
        return lambda: self._receive(message)

    def written(self) -> Inbound:
        """Return a new message of the agency, as it comes over HTTP."""
        agency, now = self._two.agency, system_clock()
        terms = terms_to_send(self._two.agreement, agency.id, AANLEVEREN, "aanleveren", at=now)
        payload = Payload(f"{uuid4()}@bench.example", "application/xml", CONTENT)
        message = business(
            terms,
            message_id=f"{uuid4()}@bench.example",
            conversation_id=str(uuid4()),
            at=now,
            payloads=[payload],
        )
        package = finish(
            message,
            agency.ours.partners[self._two.agreement.cpa_id],
            unique=str(uuid4()),
            payloads=[payload],
            terms=terms,
            signature=terms.signature,
            signer=agency.identity,
        ).package
        octets = read_content(package.content)
        return Inbound(package.content_type, octets, agency.certificate, now)

    def _receive(self, message: Inbound) -> None:
        reply = self._service.receive(message)
        if reply.status != 200 or b"Acknowledgment" not in reply.body:
            raise RuntimeError(f"HTTP {reply.status}")
