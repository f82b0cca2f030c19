"""The package's own ebMS as a side of the scenarios: the library, without gateway and store.

What it remembers is gone with it; what is tried here is that messages are read and written.
"""

import hashlib
import http.client
import ssl
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from cryptography import x509
from ebms_endpoint import SECONDS, certificate_of, handler_of
from ebms_peer import Arrived

from digipoort_wus.ebms.composing import (
    Ready,
    acknowledgment,
    business,
    finish,
    message_error,
    ping,
    pong,
    reported,
    status_response,
)
from digipoort_wus.ebms.cpa_reading import read_agreement
from digipoort_wus.ebms.cpa_terms import terms_for_signal, terms_to_send
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import (
    Message,
    MessageStatus,
    PartyId,
    Payload,
    Service,
    StatusRequest,
)
from digipoort_wus.ebms.names import (
    ACKNOWLEDGMENT,
    OIN_TYPE,
    PING,
    SERVICE_TYPE,
    SOAP_ACTION,
    STATUS_REQUEST,
)
from digipoort_wus.ebms.opening import Inbound, Opened, Turned, open_message
from digipoort_wus.ebms.partners import Ours, Partner
from digipoort_wus.ebms.quirks import Quirks
from digipoort_wus.ebms.signals import Kind
from digipoort_wus.ebms.signature import same_references
from digipoort_wus.ebms.terms import SyncReply, Terms
from digipoort_wus.filing.content import read_content
from digipoort_wus.pki.chain import CachingVerifier, VerifiedCertificate, trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem
from digipoort_wus.pki.profiles import TEST, Role

_TOLD = {MessageStatus.RECEIVED: "Received", MessageStatus.NOT_RECOGNIZED: "NotRecognized"}


@dataclass
class _Sent:
    """A message that was sent: SENDING, DELIVERED, FAILED or EXPIRED."""

    ready: Ready
    terms: Terms
    state: str = "SENDING"
    why: str = ""


@dataclass
class _Taken:
    """A message that was taken, with the first answer to it."""

    arrived: Arrived
    answer: Ready | None
    at: datetime


@dataclass(frozen=True)
class _Posted:
    """What came back over HTTP."""

    status: int
    content_type: str
    body: bytes
    peer: bytes


class Library:
    """A running side.

    Args:
        pki: a directory of ``digipoort-wus pki init``.
        identity: whose certificate it shows and signs with.
        oin: which party it is.
        quirks: how it writes for the other one.
    """

    def __init__(self, pki: Path, identity: str, oin: str, quirks: Quirks) -> None:
        self.identity = identity
        self.oin = oin
        self._id = PartyId(oin, OIN_TYPE)
        self._quirks = quirks
        store = trust_store(load_certificates(pki / "ca.pem"), load_crls(pki / "crl"), TEST)
        verifier = CachingVerifier(store)

        def trust(
            leaf: x509.Certificate, sent: Sequence[x509.Certificate], at: datetime
        ) -> VerifiedCertificate:
            return verifier(leaf, sent, Role.SIGNER, at)

        self._partners: dict[str, Partner] = {}
        self._ours = Ours(
            frozenset({self._id}),
            (load_pem(pki / f"{identity}.pem", pki / f"{identity}.key"),),
            self._partners,
            trust,
        )
        self._sent: dict[str, _Sent] = {}
        self._taken: dict[str, _Taken] = {}
        self._replies: dict[str, str] = {}
        self._lock = threading.RLock()
        self._client = ssl.create_default_context(cafile=str(pki / "ca.pem"))
        self._client.load_cert_chain(pki / f"{identity}.pem", pki / f"{identity}.key")
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.pem"))
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_cert_chain(pki / f"{identity}.pem", pki / f"{identity}.key")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self.take))
        self._server.daemon_threads = True
        self._server.socket = server.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    @property
    def url(self) -> str:
        """Return where it takes messages."""
        return f"https://localhost:{self._server.server_address[1]}/ebms"

    def __enter__(self) -> Self:
        """Listen."""
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- What a side can do -----------------------------------------------------------

    @property
    def posts_again(self) -> bool:
        """Return whether it posts a signal once more by itself when that fails."""
        return False

    def agree(self, cpa: Path) -> None:
        """Take a CPA."""
        agreement = read_agreement(cpa.read_bytes())
        self._partners[agreement.cpa_id] = Partner(agreement, self._quirks)

    def send(self, cpa_id: str, service: str, action: str, payloads: Sequence[Path]) -> str:
        """Send a message, and return its id."""
        partner, at = self._partners[cpa_id], datetime.now(UTC)
        named = Service(service, SERVICE_TYPE)
        terms = terms_to_send(partner.agreement, self._id, named, action, at=at)
        parts = [
            Payload(
                f"{uuid.uuid4()}@localhost",
                "application/xml" if path.suffix == ".xml" else "application/octet-stream",
                path.read_bytes(),
                path.name,
            )
            for path in payloads
        ]
        message_id = _new_id()
        message = business(
            terms, message_id=message_id, conversation_id=message_id, at=at, payloads=parts
        )
        signature = terms.signature
        signer = None if signature is None else self._ours.signer(signature.certificates)
        ready = finish(
            message,
            partner,
            unique=str(uuid.uuid4()),
            payloads=parts,
            terms=terms,
            signature=signature,
            signer=signer,
        )
        self._sent[message_id] = _Sent(ready, terms)
        threading.Thread(target=self._offer, args=(message_id,), daemon=True).start()
        return message_id

    def state(self, message_id: str) -> str:
        """Return SENDING, DELIVERED, FAILED or EXPIRED."""
        return self._sent[message_id].state

    def why(self, message_id: str) -> str:
        """Return what was last heard of a message that was sent."""
        return self._sent[message_id].why

    def arrived(self) -> list[Arrived]:
        """Return what it took."""
        with self._lock:
            return [taken.arrived for taken in self._taken.values()]

    def ping(self, cpa_id: str) -> str:
        """Send a Ping, and return its id."""
        return self._ask(cpa_id, None)

    def ask(self, cpa_id: str, message_id: str) -> str:
        """Send a StatusRequest, and return its id."""
        return self._ask(cpa_id, message_id)

    def asks_about(self, message_id: str) -> bool:
        """Return whether it can ask about a message: about any."""
        del message_id
        return True

    def reply(self, message_id: str) -> str:
        """Return what came back; empty as long as nothing did."""
        return self._replies.get(message_id, "")

    # --- Sending ----------------------------------------------------------------------

    def _ask(self, cpa_id: str, about: str | None) -> str:
        partner, at, asked = self._partners[cpa_id], datetime.now(UTC), _new_id()
        terms = terms_for_signal(partner.agreement, self._id, PING, at=at)
        message = ping(terms, message_id=asked, conversation_id=asked, at=at)
        if about is not None:
            header = replace(message.header, action=STATUS_REQUEST)
            message = Message(header, status_request=StatusRequest(about))
        ready = finish(message, partner, unique=str(uuid.uuid4()))
        threading.Thread(target=self._posted, args=(terms.url, ready), daemon=True).start()
        return asked

    def _offer(self, message_id: str) -> None:
        sent = self._sent[message_id]
        reliability = sent.terms.reliability
        times = 1 if reliability is None else 1 + reliability.retries
        for _ in range(times):
            status = self._posted(sent.terms.url, sent.ready)
            if reliability is None:
                if sent.state == "SENDING":
                    sent.state = "DELIVERED" if status // 100 == 2 else "FAILED"
                return
            time.sleep(reliability.interval.total_seconds())
            if sent.state != "SENDING":
                return
        sent.state = "EXPIRED"

    def _posted(self, url: str, ready: Ready) -> int:
        try:
            answer = self._post(url, ready)
            if answer.body and answer.status == 200:
                self.take(answer.content_type, answer.body, answer.peer)
        except (OSError, http.client.HTTPException, EbmsRefusal) as error:
            about = ready.message.header.message_id
            if about in self._sent:
                self._sent[about].why = str(error)
            return 0
        return answer.status

    def _post(self, url: str, ready: Ready) -> _Posted:
        where = urlsplit(url)
        connection = http.client.HTTPSConnection(
            where.hostname or "", where.port, context=self._client, timeout=SECONDS
        )
        try:
            connection.connect()
            peer = certificate_of(connection.sock)
            body = read_content(ready.package.content)
            headers = {"Content-Type": ready.package.content_type, "SOAPAction": SOAP_ACTION}
            connection.request("POST", where.path, body, headers)
            answer = connection.getresponse()
            kind = answer.headers.get("Content-Type", "")
            return _Posted(answer.status, kind, answer.read(), peer)
        finally:
            connection.close()

    # --- Receiving --------------------------------------------------------------------

    def take(self, content_type: str, body: bytes, peer: bytes) -> Ready | None:
        """Take what came, and return what goes back in the HTTP answer, if anything does.

        Raises:
            EbmsRefusal: nobody is known whom it could be told.
        """
        certificate = x509.load_der_x509_certificate(peer)
        at = datetime.now(UTC)
        found = open_message(Inbound(content_type, body, certificate, at), self._ours)
        if isinstance(found, Turned):
            return self._turned(found)
        about = found.message.header.ref_to_message_id or ""
        if found.kind is Kind.BUSINESS:
            return self._business(found)
        if found.kind is Kind.ACKNOWLEDGMENT:
            self._acknowledged(found, about)
        elif found.kind is Kind.MESSAGE_ERROR:
            if about in self._sent:
                self._sent[about].state = "FAILED"
        elif found.kind is Kind.PING:
            return self._signal(found, pong(found, message_id=_new_id(), at=at), signed=False)
        elif found.kind is Kind.PONG:
            self._replies[about] = "Pong"
        elif found.kind is Kind.STATUS_REQUEST and found.message.status_request is not None:
            known = self._taken.get(found.message.status_request.ref_to_message_id)
            status = MessageStatus.NOT_RECOGNIZED if known is None else MessageStatus.RECEIVED
            message = status_response(
                found,
                status,
                None if known is None else known.at,
                message_id=_new_id(),
                at=at,
            )
            return self._signal(found, message, signed=False)
        elif found.message.status_response is not None:
            self._replies[about] = _TOLD.get(found.message.status_response.status, "another")
        return None

    def _business(self, found: Opened) -> Ready | None:
        header = found.message.header
        with self._lock:
            taken = self._taken.get(header.message_id)
            if taken is None:
                digests = tuple(
                    hashlib.sha256(read_content(payload.content)).hexdigest()
                    for payload in found.payloads
                )
                sender = header.sender.ids[0].value
                asked = found.message.ack_requested
                answer = None
                if asked is not None:
                    message = acknowledgment(found, message_id=_new_id(), at=found.at)
                    answer = self._finished(found, message, signed=asked.signed)
                taken = _Taken(
                    Arrived(header.message_id, header.action, sender, 0, digests), answer, found.at
                )
                self._taken[header.message_id] = taken
            taken.arrived = replace(taken.arrived, copies=taken.arrived.copies + 1)
        return self._back(found, taken.answer)

    def _acknowledged(self, found: Opened, about: str) -> None:
        sent, told = self._sent.get(about), found.message.acknowledgment
        if sent is None or told is None:
            return
        if sent.ready.message.ack_requested and sent.ready.message.ack_requested.signed:
            if found.signer is None:
                sent.why = "an acknowledgment that is not signed"
                return
            try:
                same_references(sent.ready.references, told.references)
            except EbmsRefusal as refusal:
                sent.why = str(refusal)
                return
        if sent.state == "SENDING":
            sent.state = "DELIVERED"

    def _turned(self, found: Turned) -> Ready | None:
        if found.kind is not Kind.BUSINESS or found.terms is None:
            raise found.refusal
        message = message_error(
            found.header,
            found.partner,
            [reported(found.refusal, explain=True)],
            message_id=_new_id(),
            at=found.at,
        )
        ready = finish(message, found.partner, unique=str(uuid.uuid4()))
        if found.terms.sync_reply is SyncReply.NONE:
            self._later(found.terms.answer_url, ready)
            return None
        return ready

    def _signal(self, found: Opened, message: Message, *, signed: bool) -> Ready | None:
        return self._back(found, self._finished(found, message, signed=signed))

    def _finished(self, found: Opened, message: Message, *, signed: bool) -> Ready:
        signature = found.terms.answer_signature if signed else None
        signer = None if signature is None else self._ours.signer(signature.certificates)
        return finish(
            message, found.partner, unique=str(uuid.uuid4()), signature=signature, signer=signer
        )

    def _back(self, found: Opened, answer: Ready | None) -> Ready | None:
        if answer is None or found.message.sync_reply:
            return answer
        agreement = found.partner.agreement
        terms = terms_for_signal(agreement, self._id, ACKNOWLEDGMENT, at=found.at)
        self._later(terms.url, answer)
        return None

    def _later(self, url: str, answer: Ready) -> None:
        threading.Thread(target=self._posted, args=(url, answer), daemon=True).start()


def _new_id() -> str:
    return f"{uuid.uuid4()}@localhost"
