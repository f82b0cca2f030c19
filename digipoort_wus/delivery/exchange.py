"""One signed request and its verified answer, between a gateway and an agency, either way."""

import hashlib
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain

from cryptography import x509
from lxml import etree

import digipoort_wus
from digipoort_wus import limits
from digipoort_wus.client.address import require_url
from digipoort_wus.client.checks import ANSWER_SIGNER
from digipoort_wus.client.tls import tls_context
from digipoort_wus.client.wsse import SentRequest, answer_policy, verify_answer
from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.contract.schema import validate
from digipoort_wus.delivery.connection import Connections, NoAnswer, Reply, Timeouts
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.writing import Piece, length_of, octets_of
from digipoort_wus.names import Operation, Service
from digipoort_wus.pki.chain import CachingVerifier, TrustStore, VerifiedCertificate
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.profiles import Role
from digipoort_wus.wss.policy import SUITE_SHA256, Suite
from digipoort_wus.wss.sign import signed_frame
from digipoort_wus.xmlsafe.apart import apart
from digipoort_wus.xmlsafe.lookover import look_over
from digipoort_wus.xmlsafe.parse import parse_unparsed


@dataclass(frozen=True, slots=True, eq=False)
class Credentials:
    """What a party is and whom it believes; a new one replaces it as a whole.

    Args:
        tls: shown in handshakes.
        signing: signs requests.
        trust: judges servers and signers.
    """

    tls: Identity
    signing: Identity
    trust: TrustStore


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is asked.

    Args:
        url: of the service, https.
        oin: of whoever answers there, in its TLS certificate.
        signer_oin: of whoever signs the answers; empty: the same.
    """

    url: str
    oin: str
    signer_oin: str = ""

    def __post_init__(self) -> None:
        require_url(self.url)

    @property
    def signer(self) -> str:
        """Return the OIN that signs the answers."""
        return self.signer_oin or self.oin


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Args:
        body: the element for the Body.
        message_id: wsa:MessageID; the same for every repeat.
    """

    operation: Operation
    body: Sequence[Piece] = field(repr=False)
    message_id: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A verified answer.

    Args:
        body_child: the signed element, valid by the schema.
        sha256: of the whole answer as it came.
    """

    body_child: etree._Element
    sha256: bytes


@dataclass(frozen=True, slots=True)
class _Trusted:
    """What was made of credentials once, for many requests."""

    credentials: Credentials
    context: ssl.SSLContext
    verifier: CachingVerifier

    @classmethod
    def of(cls, credentials: Credentials) -> "_Trusted":
        context = tls_context(credentials.tls, credentials.trust)
        return cls(credentials, context, CachingVerifier(credentials.trust))


class Exchange:
    """Asks one service of one peer; for any thread.

    Args:
        service: which one.
        peer: who serves it.
        credentials: returns those in force; asked at each request.
        clock: the time of signing, and of judging certificates.
        suite: algorithms of requests; answers are signed alike.
        timeouts: how long to wait.
    """

    def __init__(
        self,
        service: Service,
        peer: Peer,
        credentials: Callable[[], Credentials],
        *,
        clock: Clock = system_clock,
        suite: Suite = SUITE_SHA256,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._service = service
        self._peer = peer
        self._credentials = credentials
        self._clock = clock
        self._suite = suite
        self._connections = Connections(
            peer.url, timeouts or Timeouts(), answer_max=limits.DELIVERY_ANSWER_MAX_BYTES
        )
        self._trusted: _Trusted | None = None

    def ask(self, request: Request) -> Answered:
        """Send a request and return its verified answer.

        The contents of the request are read twice, for its digest and for the wire, and never
        stand in memory as a whole.

        Raises:
            NoAnswer: there is none, or nothing that is SOAP.
            Refusal: the server or its answer cannot be believed.
            AnswerRefused: as Refusal, of the answer's signature.
            DigipoortFault: the peer refused the request, signed or not; it is the peer that
                says so, since the TLS connection leads to its OIN.
            ContentChanged: contents are not what they say; whatever else a store raises.
        """
        trusted = self._in_force()
        action = self._service.request_action(request.operation)
        headers = (
            ("To", self._peer.url),
            ("Action", action),
            ("MessageID", request.message_id),
        )
        before, behind = signed_frame(
            headers,
            octets_of(request.body),
            identity=trusted.credentials.signing,
            suite=self._suite,
            created=self._clock(),
        )

        def octets() -> Iterator[bytes]:
            return chain((before,), octets_of(request.body), (behind,))

        length = len(before) + length_of(request.body) + len(behind)
        reply = self._connections.post(
            trusted.context,
            partial(self._require_peer, trusted),
            {
                "User-Agent": f"digipoort-wus/{digipoort_wus.__version__}",
                "Content-Type": "text/xml; charset=utf-8",
                "SOAPAction": f'"{action}"',
                "Accept-Encoding": "identity",
                "Content-Length": str(length),
            },
            octets,
        )
        sent = SentRequest(
            request.message_id, action, f"{{{self._service.types}}}{request.operation.request}"
        )
        return self._answered(reply, sent, trusted)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._connections.close()

    def _in_force(self) -> _Trusted:
        credentials = self._credentials()
        trusted = self._trusted
        if trusted is None or trusted.credentials is not credentials:
            trusted = self._trusted = _Trusted.of(credentials)
        return trusted

    def _require_peer(self, trusted: _Trusted, certificate: x509.Certificate) -> None:
        """Judge who is at the other end, before it is told anything."""
        shown = trusted.verifier(certificate, (), Role.TLS_SERVER, self._clock()).oin
        if shown != self._peer.oin:
            raise NoAnswer(f"the server is OIN {shown}, and not OIN {self._peer.oin}")

    def _signer(
        self, trusted: _Trusted, certificate: x509.Certificate, at: datetime
    ) -> VerifiedCertificate:
        signer = trusted.verifier(certificate, (), Role.SIGNER, at)
        if signer.oin != self._peer.signer:
            raise Refusal(
                ANSWER_SIGNER,
                expected=f"OIN {self._peer.signer}",
                received=f"OIN {signer.oin}",
            )
        return signer

    def _answered(self, reply: Reply, sent: SentRequest, trusted: _Trusted) -> Answered:
        media_type = reply.content_type.partition(";")[0].strip().lower()
        # A fault may come with 200; an answer may not come with 500, but is signed.
        if media_type != "text/xml" or reply.status not in (200, 500):
            raise NoAnswer(f"HTTP {reply.status} and no SOAP")
        unparsed = look_over(reply.body)

        def read() -> etree._Element:
            verified = verify_answer(
                parse_unparsed(unparsed),
                sent,
                policy=answer_policy(self._suite),
                trust=partial(self._signer, trusted),
                now=self._clock(),
            )
            validate(verified.body_child)
            return verified.body_child

        # Else this thread would keep the new names for ever.
        body_child = read() if unparsed.familiar else apart(read)
        unparsed.make_familiar()
        return Answered(body_child, hashlib.sha256(reply.body).digest())
