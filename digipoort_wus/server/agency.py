"""An example agency as a server: AfleverService behind the gate and the site of the gateway.

What it decides is in :mod:`~digipoort_wus.delivery.example`, what it keeps in
:mod:`~digipoort_wus.delivery.inbox`, and how it tells the gateway what became of a filing in
:mod:`~digipoort_wus.delivery.messenger`; here is how it is reached.
"""

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast
from uuid import uuid4

from twisted.internet.defer import Deferred, inlineCallbacks, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from digipoort_wus import checks
from digipoort_wus.clock import Clock
from digipoort_wus.contract.schema import wsdl_text, xsd_text
from digipoort_wus.delivery.example import Conduct, aflever_response, read_arrival
from digipoort_wus.delivery.inbox import Inbox, Taken
from digipoort_wus.delivery.messenger import Messenger
from digipoort_wus.delivery.reporting import Reporting
from digipoort_wus.errors import Refusal
from digipoort_wus.names import AFLEVER
from digipoort_wus.server.accept import BoundedTls
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.gate import Gate, Opened, Rejected, answer, fault, open_request, reject
from digipoort_wus.server.http import (
    Head,
    HttpAnswer,
    HttpRequest,
    check_head,
    http_refusal,
    public_address,
    wants_xsd,
)
from digipoort_wus.server.incoming import head_of, peer_certificate
from digipoort_wus.server.listening import cannot_listen
from digipoort_wus.server.outgoing import write_answer
from digipoort_wus.server.reactor import Port, Reactor
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.tls import ConnectionCreator
from digipoort_wus.server.trust import CurrentTrust, Materials
from digipoort_wus.server.workers import Workers
from digipoort_wus.soap.fault import Fault, fault_envelope
from digipoort_wus.wss.policy import POLICIES, without_sha1

_SERVED = dict.fromkeys(AFLEVER.paths, AFLEVER)
_TECHNICAL = f"{AFLEVER.fault_prefix}400"
_log = logging.getLogger("digipoort_wus.agency")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes deliveries from one gateway.

    Args:
        gate: judges them.
        inbox: keeps them.
        gateway_oin: who may deliver.
        conduct: how the agency misbehaves.
        clock: the time of receipt.
    """

    gate: Gate
    inbox: Inbox
    gateway_oin: str
    conduct: Conduct
    clock: Clock

    def open(self, request: HttpRequest) -> Opened | Rejected:
        """Judge a request, and who it is from."""
        opened = open_request(self.gate, AFLEVER, request)
        if isinstance(opened, Opened) and opened.caller.oin != self.gateway_oin:
            return reject(
                opened,
                Refusal(
                    checks.PARTY_ENABLED,
                    expected=f"OIN {self.gateway_oin}",
                    received=f"OIN {opened.caller.oin}",
                ),
            )
        return opened

    def take(self, opened: Opened) -> Taken:
        """Keep a delivery.

        Raises:
            Refusal: MESSAGE-ID-REUSED.
        """
        caller = opened.caller
        arrival = read_arrival(
            opened.body_child,
            opened.parts[0],
            sender=caller.oin,
            message_id=caller.message_id,
            digest=caller.body_digest,
        )
        return self.inbox.take(arrival, self.clock())

    def fault(self, opened: Opened) -> HttpAnswer:
        """Return the fault that the agency answers on command."""
        code = self.conduct.fault
        side = "Server" if code == _TECHNICAL else "Client"
        said = Fault(code, "De voorbeeldinstantie antwoordt zo.", side)
        octets = fault_envelope(
            said,
            AFLEVER,
            opened.operation,
            message_id=self.gate.new_message_id(),
            relates_to=opened.caller.message_id,
        )
        return HttpAnswer(self.gate.policy.fault_status, octets)


class AgencyResource(Resource):
    """AfleverService at its paths; a leaf."""

    isLeaf = True  # noqa: N815 - Twisted's interface

    def __init__(self, desk: Desk, reactor: Reactor, taken: Callable[[], object]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._desk = desk
        self._reactor = reactor
        self._taken = taken
        self._workers = Workers()
        self._began = reactor.seconds()

    def judge(self, head: Head) -> None:
        """Judge a request by its head.

        Raises:
            Refusal: an HTTP check.
        """
        check_head(head, _SERVED)

    def render(self, request: Request) -> int:
        """Answer one request."""
        head = head_of(request)
        try:
            self.judge(head)
            if self._reactor.seconds() - self._began < self._desk.conduct.down_for:
                raise Refusal(checks.HTTP_BUSY, expected="an agency that works")
        except Refusal as refusal:
            write_answer(request, http_refusal(refusal))
            return NOT_DONE_YET
        if head.method != "POST":
            write_answer(request, _description(head, request))
            return NOT_DONE_YET
        answered = Deferred.fromCoroutine(self._serve(head, request))
        answered.addCallback(partial(_write, request))
        answered.addErrback(partial(_failed, request))
        return NOT_DONE_YET

    async def _serve(self, head: Head, request: Request) -> HttpAnswer | None:
        """Return the answer; None loses it."""
        desk = self._desk
        body = request.content.read() if request.content is not None else b""
        whole = HttpRequest(head, body, peer_certificate(request))
        del body
        opened = await self._apart(lambda: desk.open(whole))
        if isinstance(opened, Rejected):
            _log.warning("a delivery was refused: %s", opened.refusal)
            return fault(desk.gate, opened)
        if desk.conduct.slow:
            await _after(desk.conduct.slow, self._reactor)
        if desk.conduct.fault:
            _log.info("a delivery was answered with %s, as told", desk.conduct.fault)
            return desk.fault(opened)
        try:
            taken = await self._apart(lambda: desk.take(opened))
        except Refusal as refusal:
            _log.warning("a delivery was refused: %s", refusal)
            return fault(desk.gate, reject(opened, refusal))
        _log.info(
            "kenmerk %s taken, %s, %d bytes, arrival %d",
            taken.arrival.kenmerk,
            ascii(taken.arrival.berichtsoort),
            len(taken.arrival.content),
            taken.times,
        )
        self._taken()
        if desk.conduct.loses(taken):
            _log.info("kenmerk %s: the answer is lost, as told", taken.arrival.kenmerk)
            return None
        return answer(desk.gate, opened, aflever_response(taken))

    def _apart(self, work: Callable[[], T]) -> "Deferred[T]":
        return to_deferred(self._workers.submit(work), self._reactor)


def _after(seconds: float, reactor: Reactor) -> "Deferred[None]":
    waited: Deferred[None] = Deferred()
    reactor.callLater(seconds, waited.callback, None)
    return waited


def _write(request: Request, answered: HttpAnswer | None) -> None:
    if answered is None:
        cast(Any, request.channel).forceAbortClient()
    else:
        write_answer(request, answered)


def _failed(request: Request, failure: Failure) -> None:
    _log.error("a delivery failed: %s", failure.type.__name__ if failure.type else "")
    if not request._disconnected:
        cast(Any, request.channel).forceAbortClient()


def _description(head: Head, request: Request) -> HttpAnswer:
    if wants_xsd(head):
        return HttpAnswer(200, xsd_text(AFLEVER.xsd))
    host = request.getHost()
    fallback = f"{getattr(host, 'host', 'localhost')}:{getattr(host, 'port', 443)}"
    return HttpAnswer(200, wsdl_text(AFLEVER.name, public_address(head, AFLEVER, fallback)))


class ExampleAgency:
    """One agency: it listens when told to, and owns its inbox.

    Args:
        inbox: what it took before.
        materials: its identity and whom it believes.
        gateway_oin: who may deliver.
        reporting: the way to the gateway; None keeps every verdict to itself.
        conduct: how it misbehaves.
        reactor: Twisted's; the agency never starts or stops it.
        clock: of gate, certificates and verdicts.

    Raises:
        ConfigurationError: its certificates cannot be used.
    """

    def __init__(
        self,
        inbox: Inbox,
        materials: Materials,
        gateway_oin: str,
        *,
        reporting: Reporting | None,
        conduct: Conduct,
        reactor: Reactor,
        clock: Clock,
    ) -> None:
        trust = CurrentTrust(materials)
        gate = Gate(
            policy=without_sha1(POLICIES[AFLEVER.policy]),
            trust=trust.signer,
            peer_trust=trust.peer,
            identity=materials.signing,
            clock=clock,
            new_message_id=lambda: f"urn:uuid:{uuid4()}",
            explain_faults=True,
        )
        self._inbox = inbox
        self._reactor = reactor
        self._messenger = None if reporting is None else Messenger(inbox, reporting, conduct, clock)
        wake = _nothing if self._messenger is None else self._messenger.wake
        self._resource = AgencyResource(
            Desk(gate, inbox, gateway_oin, conduct, clock), reactor, wake
        )
        self._creator = ConnectionCreator(trust.context, clock)
        self._port: Port | None = None

    @property
    def url(self) -> str:
        """Return the address of AfleverService, once listening."""
        port = 0 if self._port is None else self._port.getHost().port
        return f"https://localhost:{port}{AFLEVER.paths[0]}"

    def listen(self, host: str, port: int) -> None:
        """Accept connections, and tell the gateway what it has not heard yet.

        Args:
            host: address to listen on; the test certificates are for localhost.
            port: 0 for a free one.

        Raises:
            ConfigurationError: the address or port cannot be used.
        """
        site = BoundedSite(self._resource, self._reactor, self._resource.judge)
        factory = BoundedTls(
            cast(IOpenSSLServerConnectionCreator, self._creator), site, self._reactor
        )
        try:
            self._port = self._reactor.listenTCP(port, factory, interface=host)
        except CannotListenError as error:
            raise cannot_listen(host, port, error) from error
        if self._messenger is not None:
            self._messenger.start()

    @inlineCallbacks
    def stop(self) -> Generator[Deferred[Any], Any, None]:
        """Accept no more, and close the inbox when the messenger has stopped."""
        if self._port is not None:
            yield maybeDeferred(self._port.stopListening)
        yield to_deferred(Workers().submit(self._close), self._reactor)

    def _close(self) -> None:
        if self._messenger is not None:
            self._messenger.stop()
        self._inbox.close()


def _nothing() -> None:
    """Nobody has to be told."""
