"""The services as a Twisted resource: from HTTP to the gate, to Spyne, and back."""

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from time import monotonic
from typing import TypeVar
from weakref import WeakKeyDictionary

from cryptography import x509
from lxml import etree
from OpenSSL import crypto
from twisted.internet.defer import Deferred, DeferredSemaphore, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadable import isInIOThread
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from digipoort_wus import checks
from digipoort_wus.contract.schema import wsdl_text, xsd_text
from digipoort_wus.errors import Refusal
from digipoort_wus.names import OPHAAL, Service
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.server.body import BoundedRequest
from digipoort_wus.server.budget import Budget, Share
from digipoort_wus.server.framing import read_head
from digipoort_wus.server.gate import (
    Gate,
    Opened,
    Rejected,
    answer,
    bare,
    fault,
    open_request,
    reject,
)
from digipoort_wus.server.http import (
    Head,
    HttpAnswer,
    HttpRequest,
    check_head,
    http_refusal,
    public_address,
    service_for,
    wants_xsd,
)
from digipoort_wus.server.outgoing import write_answer
from digipoort_wus.server.reactor import FromThreads
from digipoort_wus.server.workers import INLINE_BELOW, Workers
from digipoort_wus.xmlsafe.splice import LargeTexts

_LARGE_ANSWERS = 2
"""At a time in the making: each is its contents, their base64 and the signed octets."""
LONG_LIST = 200
"""Rows: an answer with as many is built and signed in a thread."""

_log = Logger(namespace="digipoort_wus")
T = TypeVar("T")

Admit = Callable[[Opened], Future[None]]
"""Asks whether an opened request may be dealt with now; fails with a Refusal when not."""
Dispatch = Callable[[Opened, LargeTexts], Future[etree._Element]]
"""Performs an opened request and resolves to the element for the answer's Body, whose
contents it puts beside it."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a request goes through: the gate of its service, admission, then the operation.

    Args:
        gates: by the name of the service.
    """

    gates: Mapping[str, Gate]
    admit: Admit
    dispatch: Dispatch


class _Turn:
    """A place among those whose answers may be large, for an ``async with``."""

    def __init__(self, turns: DeferredSemaphore) -> None:
        self._turns = turns

    async def __aenter__(self) -> None:
        await self._turns.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._turns.release()


class WusResource(Resource):
    """All three services at all their paths; a leaf that can be mounted at the root of any site."""

    isLeaf = True  # noqa: N815 - Twisted's interface

    def __init__(
        self, services: Services, reactor: FromThreads, workers: Workers | None = None
    ) -> None:
        super().__init__()
        self._services = services
        self._reactor = reactor
        self._workers = workers or Workers()
        self._turns = DeferredSemaphore(_LARGE_ANSWERS)
        self._busy = 0
        self._idle: list[Deferred[None]] = []

    def drained(self) -> Deferred[None]:
        """Return a Deferred that fires when no request is being answered."""
        if not self._busy:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._idle.append(waiting)
        return waiting

    def render(self, request: Request) -> int:
        """Answer one request, now or when its commit is done."""
        started = monotonic()
        head = head_of(request)
        try:
            # A site of ours has done so already; one of somebody else's has not.
            self.judge(head)
            service = service_for(head)
        except Refusal as refusal:
            # A path may hold anything but white space, such as a terminal's control codes.
            _log.info(
                "{check} {path} from {who}",
                check=refusal.check.id,
                path=ascii(head.path[:80]),
                who=_who(request),
            )
            write_answer(request, http_refusal(refusal))
            return NOT_DONE_YET
        if head.method != "POST":
            write_answer(request, _description(head, service, request))
            return NOT_DONE_YET
        self._busy += 1
        share = _share_of(request)
        answered = Deferred.fromCoroutine(self._serve(service, head, request, share, started))
        answered.addCallback(_written, request, share)
        answered.addErrback(_give_up, request)
        answered.addBoth(self._one_less, share)
        return NOT_DONE_YET

    def judge(self, head: Head) -> None:
        """Judge a request by its head, before anything of its body is kept.

        Raises:
            Refusal: an HTTP check.
        """
        check_head(head)
        service_for(head)

    def _one_less(self, _: object, share: Share) -> None:
        share.close()
        self._busy -= 1
        if not self._busy:
            waiting, self._idle = self._idle, []
            for deferred in waiting:
                deferred.callback(None)

    async def _serve(
        self, service: Service, head: Head, request: Request, share: Share, started: float
    ) -> HttpAnswer | None:
        """Return the answer to a request, None when nobody waits for it any more."""
        gate = self._services.gates[service.name]
        try:
            opened = await self._open(service, head, request)
        except Exception:
            return _technical(gate, service, None)
        if opened is None or _is_gone(request):
            # Nothing was stored, and nobody is told otherwise: the sender repeats.
            _log.info("a client left before its request was dealt with")
            return None
        if isinstance(opened, Rejected):
            _log_rejected(opened, request, started)
            return fault(gate, opened)
        try:
            if not _brings_contents(opened):
                return await self._perform(opened, request, started)
            async with _Turn(self._turns):
                if not share.has_room():
                    return _busy(opened)
                return None if _is_gone(request) else await self._perform(opened, request, started)
        except Refusal as refusal:
            rejected = reject(opened, bare(refusal))
            _log_rejected(rejected, request, started)
            return fault(gate, rejected)
        except Exception:
            return _technical(gate, service, opened)

    async def _perform(self, opened: Opened, request: Request, started: float) -> HttpAnswer:
        gate = self._services.gates[opened.service.name]
        await to_deferred(self._services.admit(opened), self._reactor)
        texts = LargeTexts(None)
        element = await to_deferred(self._services.dispatch(opened, texts), self._reactor)
        if _is_large(opened, element):
            work = partial(answer, gate, opened, element, texts)
            signed = await to_deferred(self._workers.submit(work), self._reactor)
        else:
            signed = answer(gate, opened, element, texts)
        _log.info(
            "{operation} {message_id} accepted from {oin}, sent by {who}, in {ms} ms",
            operation=opened.operation.name,
            message_id=ascii(opened.caller.message_id[:80]),
            oin=opened.caller.oin,
            who=_who(request),
            ms=round((monotonic() - started) * 1000),
        )
        return signed

    async def _open(
        self, service: Service, head: Head, request: Request
    ) -> Opened | Rejected | None:
        """Judge a request: a small one here and now, a large one in a thread.

        The outcome is None when the client left before its turn.
        """
        gate = self._services.gates[service.name]
        whole = HttpRequest(head, _take_body(request), peer_certificate(request))
        if len(whole.body) < INLINE_BELOW:
            return open_request(gate, service, whole)

        def work() -> Opened | Rejected | None:
            return None if _is_gone(request) else open_request(gate, service, whole)

        return await to_deferred(self._workers.submit(work), self._reactor)


def to_deferred(future: Future[T], reactor: FromThreads) -> Deferred[T]:
    """Return a Deferred that fires in the reactor's thread when the future is done.

    A future that is done already fires at once, without a turn of the reactor.
    """
    deferred: Deferred[T] = Deferred()

    # Not a name of the future itself: it never forgets its callbacks, and such a circle of
    # megabytes would wait for the cycle collector.
    def fire(done: Future[T]) -> None:
        error = done.exception()
        if error is None:
            deferred.callback(done.result())
        else:
            deferred.errback(Failure(error))

    def fire_in_reactor(done: Future[T]) -> None:
        if isInIOThread():
            fire(done)
        else:
            reactor.callFromThread(fire, done)

    if future.done():
        fire(future)
    else:
        future.add_done_callback(fire_in_reactor)
    return deferred


def head_of(request: Request) -> Head:
    """Return the head of a Twisted request as plain text."""
    return read_head(request.method, request.uri, request.requestHeaders.getAllRawHeaders())


def _take_body(request: Request) -> bytes:
    """Return the body, which Twisted would otherwise keep until the answer is written."""
    content, request.content = request.content, BytesIO()
    if isinstance(content, BytesIO):
        return content.getvalue()
    # In a site of somebody else's, Twisted may have put a large body into a file.
    return bytes(content.read()) if content is not None else b""


def peer_certificate(request: Request) -> x509.Certificate | None:
    """Return the certificate that the client showed in the handshake, None without TLS.

    Without renegotiation it is the same for every request of a connection, so a connection
    is asked once.
    """
    transport = request.channel.transport
    if transport in _peers:
        return _peers[transport]
    get_certificate = getattr(transport, "getPeerCertificate", None)
    certificate = get_certificate() if get_certificate is not None else None
    if not isinstance(certificate, crypto.X509):
        return None
    peer = _peers[transport] = certificate.to_cryptography()
    return peer


_peers: WeakKeyDictionary[object, x509.Certificate] = WeakKeyDictionary()
"""By the transport of a connection, which is gone when the connection is."""


def _share_of(request: Request) -> Share:
    """Return what a request holds of what all may hold; of others' sites nothing is counted."""
    if isinstance(request, BoundedRequest):
        return request.hand_over_share()
    return _UNCOUNTED.share("", lambda: None)


_UNCOUNTED = Budget(sys.maxsize)


def _is_gone(request: Request) -> bool:
    return bool(request._disconnected)


def _brings_contents(opened: Opened) -> bool:
    """Return whether an answer may hold messages of 20 MiB."""
    return opened.service is OPHAAL and not opened.operation.name.endswith("Lijst")


def _is_large(opened: Opened, element: etree._Element) -> bool:
    """Return whether signing an answer takes so long that everybody else would notice."""
    return (
        _brings_contents(opened)
        or len(element) >= LONG_LIST
        or sum(map(len, opened.parts)) >= INLINE_BELOW
    )


def _busy(opened: Opened) -> HttpAnswer:
    _log.info("{operation} has to wait: too much is unread", operation=opened.operation.name)
    return http_refusal(
        Refusal(checks.HTTP_BUSY, expected="room", received="too many unread answers")
    )


def _written(result: HttpAnswer | None, request: Request, share: Share) -> "Deferred[None] | None":
    if result is not None:
        share.charge(len(result.body))
    return write_answer(request, result)


def _technical(gate: Gate, service: Service, opened: Opened | None) -> HttpAnswer:
    """Return the fault for a mistake of ours; the traceback goes to the log, not to the client."""
    failure = Failure()
    # Frames without values: a traceback may be logged, a payload may not.
    _log.error(
        "{service} failed: {error}\n{trace}",
        service=service.name,
        error=_named(failure.value),
        trace="\n".join(f"  {frame[1]}:{frame[2]} {frame[0]}" for frame in failure.frames),
    )
    failure.cleanFailure()
    refusal = Refusal(checks.TECHNICAL)
    if opened is None:
        return fault(gate, Rejected(service, None, None, refusal))
    return fault(gate, reject(opened, refusal))


def _named(error: BaseException | None) -> str:
    """Return what kind of error it was, with the system's or SQLite's word for it, no values."""
    words = []
    while error is not None:
        code = getattr(error, "sqlite_errorname", None) or getattr(error, "strerror", None)
        words.append(f"{type(error).__name__} ({code})" if code else type(error).__name__)
        error = error.__cause__
    return ", because of ".join(words)


def _who(request: Request) -> str:
    """Return who is at the other end, for the log: an organisation, not a person."""
    address = getattr(request.getClientAddress(), "host", "no address")
    certificate = peer_certificate(request)
    if certificate is None:
        return f"nobody known at {address}"
    try:
        return f"OIN {oin_of(certificate)} at {address}"
    except Refusal:
        return f"a certificate without OIN at {address}"


def _log_rejected(rejected: Rejected, request: Request, started: float) -> None:
    _log.info(
        "{operation} from {who} refused by {check} in {ms} ms: {why}",
        operation=rejected.operation.name if rejected.operation else rejected.service.name,
        who=_who(request),
        check=rejected.refusal.check.id,
        ms=round((monotonic() - started) * 1000),
        why=str(rejected.refusal),
    )


def _description(head: Head, service: Service, request: Request) -> HttpAnswer:
    if wants_xsd(head):
        return HttpAnswer(200, xsd_text(service.xsd))
    host = request.getHost()
    fallback = f"{getattr(host, 'host', 'localhost')}:{getattr(host, 'port', 443)}"
    return HttpAnswer(200, wsdl_text(service.name, public_address(head, service, fallback)))


def _give_up(failure: Failure, request: Request) -> None:
    """Close the connection when not even a fault could be made: no answer is an answer, too."""
    _log.failure("an answer could not be written", failure=failure)
    if not _is_gone(request):
        request.loseConnection()
