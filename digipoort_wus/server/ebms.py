"""ebMS over HTTP: one path of the gateway's site, where other message handlers post.

What comes is judged and kept in threads: it may be large, and its answer waits for a commit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, cast

from cryptography import x509
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from digipoort_wus import checks, limits
from digipoort_wus.clock import Clock
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.opening import Inbound
from digipoort_wus.errors import Refusal
from digipoort_wus.messaging.faults import client_fault, server_fault
from digipoort_wus.messaging.posting import HttpReply
from digipoort_wus.server.budget import Share
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.http import Head, HttpAnswer, http_refusal, too_large
from digipoort_wus.server.incoming import (
    head_of,
    is_gone,
    peer_certificate,
    share_of,
    take_body,
    who_sent,
)
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.outgoing import write_answer
from digipoort_wus.server.reactor import FromThreads
from digipoort_wus.server.resources import WusResource
from digipoort_wus.server.workers import INLINE_BELOW, Workers

SOAP_ACTION = '"ebXML"'
_SMALL = 8
"""Messages in the making at a time: most of it is waiting for a commit, which they share."""
_log = Logger(namespace="digipoort_wus")

Receive = Callable[[Inbound], HttpReply]
"""Keeps what is to be kept of a message, then returns its answer; it blocks."""


class NoReply(Exception):
    """Raised where a message is received: the connection is cut in the place of an answer."""


Admit = Callable[[x509.Certificate, datetime], object]
"""Judges who connected, once more for each message; raises a Refusal."""


@dataclass(frozen=True, slots=True)
class EbmsDoor:
    """What is behind the path.

    Args:
        path: of the URL that agreements name.
        receive: takes messages.
        admit: judges who connected.
        require_room: raises a Refusal while nothing can be kept.
        explain: whether others are told what was expected and received.
    """

    path: str
    receive: Receive
    admit: Admit
    require_room: Callable[[], object] = lambda: None
    explain: bool = False


class EbmsResource(Resource):
    """The path of the message handler; a leaf.

    Attributes:
        closed: set when nothing can be kept any more: every message is refused for now.
    """

    isLeaf = True  # noqa: N815 - Twisted's interface

    def __init__(
        self, door: EbmsDoor, reactor: FromThreads, clock: Clock, metrics: Metrics | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._door = door
        self._reactor = reactor
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._workers = Workers(_SMALL)
        self._large = Workers()
        self.closed = False
        self._busy = 0
        self._idle: list[Deferred[None]] = []

    @property
    def busy(self) -> int:
        """Return how many messages are being answered."""
        return self._busy

    def serves(self, path: str) -> bool:
        """Return whether a path is that of the message handler."""
        return path.rstrip("/") == self._door.path

    def drained(self) -> Deferred[None]:
        """Return a Deferred that fires when no message is being answered."""
        if not self._busy:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._idle.append(waiting)
        return waiting

    def judge(self, head: Head) -> None:
        """Judge a request by its head, before anything of its body is kept.

        Raises:
            Refusal: an HTTP check.
        """
        if self.closed:
            raise Refusal(checks.HTTP_BUSY, expected="room", received="a gateway that stops")
        if not self.serves(head.path):
            raise Refusal(checks.HTTP_PATH, expected=self._door.path)
        if head.method != "POST":
            raise Refusal(checks.HTTP_METHOD, expected="POST", received=head.method, about="POST")
        if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Refusal(checks.HTTP_ENCODING, received=head.headers["content-encoding"])
        length = head.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limits.EBMS_WIRE_MAX_BYTES:
            raise too_large(length, limits.EBMS_WIRE_MAX_BYTES)
        self._door.require_room()

    def body_max(self, _head: Head) -> int:
        """Return how many octets a body may have that does not say so itself."""
        return limits.EBMS_WIRE_MAX_BYTES

    def render(self, request: Request) -> int:
        """Answer one message, when its commit is done."""
        started = monotonic()
        head = head_of(request)
        try:
            # A site of ours has done so already; one of somebody else's has not.
            self.judge(head)
        except Refusal as refusal:
            _log.info(
                "{check} for ebMS from {who}",
                check=refusal.check.id,
                who=who_sent(request),
                event="http-refused",
            )
            self._metrics.refused(refusal.check)
            write_answer(request, http_refusal(refusal))
            return NOT_DONE_YET
        self._busy += 1
        share = share_of(request)
        answered = Deferred.fromCoroutine(self._serve(head, request, started))
        answered.addCallback(_written, request)
        answered.addErrback(_give_up, request)
        answered.addBoth(self._one_less, share)
        return NOT_DONE_YET

    def _one_less(self, _: object, share: Share) -> None:
        share.close()
        self._busy -= 1
        if not self._busy:
            waiting, self._idle = self._idle, []
            for deferred in waiting:
                deferred.callback(None)

    async def _serve(self, head: Head, request: Request, started: float) -> HttpReply | None:
        """Return the answer to a message, None when nobody waits for it any more."""
        octets = take_body(request)
        workers = self._workers if len(octets) < INLINE_BELOW else self._large
        content_type = head.headers.get("content-type", "")
        inbound = Inbound(content_type, octets, peer_certificate(request), self._clock())
        action = head.headers.get("soapaction")
        del octets

        def work() -> HttpReply | None:
            return None if is_gone(request) else self._answer(inbound, action)

        try:
            reply = await to_deferred(workers.submit(work), self._reactor)
        except NoReply:
            cast(Any, request.channel).forceAbortClient()
            return None
        except Exception:
            reply = _technical()
        if reply is None or is_gone(request):
            _log.info("a client left before its message was dealt with", event="request-abandoned")
            self._metrics.abandoned()
            return None
        seconds = monotonic() - started
        _log.info(
            "ebMS: answered {status} to {who} in {ms} ms",
            status=reply.status,
            who=who_sent(request),
            ms=round(seconds * 1000),
            event="ebms-answered",
            duration=seconds,
        )
        self._metrics.ebms_answered(reply.status, seconds)
        return reply

    def _answer(self, inbound: Inbound, action: str | None) -> HttpReply:
        """Take one message; in a thread."""
        try:
            _require_action(action)
            _require_peer(self._door.admit, inbound)
        except EbmsRefusal as refusal:
            _log.warn(
                "ebMS: a request is refused: {why}",
                why=refusal.explanation(),
                event="ebms-refused",
                check=refusal.check.id,
                code=refusal.code.value,
            )
            return client_fault(refusal, explain=self._door.explain)
        return self._door.receive(inbound)


class WithEbms(Resource):
    """The services of WUS at their paths, and the message handler of ebMS at its own; a leaf."""

    isLeaf = True  # noqa: N815 - Twisted's interface

    def __init__(self, wus: WusResource, ebms: EbmsResource) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._wus = wus
        self._ebms = ebms

    def judge(self, head: Head) -> None:
        """Judge a request by its head.

        Raises:
            Refusal: an HTTP check.
        """
        if self._ebms.serves(head.path):
            self._ebms.judge(head)
        else:
            self._wus.judge(head)

    def body_max(self, head: Head) -> int:
        """Return how many octets a body may have that does not say so itself."""
        behind = self._ebms if self._ebms.serves(head.path) else self._wus
        return behind.body_max(head)

    def render(self, request: Request) -> int:
        """Answer one request."""
        if self._ebms.serves(head_of(request).path):
            return self._ebms.render(request)
        return self._wus.render(request)


Served = WusResource | WithEbms
"""What a gateway serves."""


def _require_action(value: str | None) -> None:
    """Require the SOAPAction of ebMS; without its quotes it means the same."""
    if value is None or value.strip().strip('"') != "ebXML":
        raise EbmsRefusal(
            checks.EBMS_SOAP_ACTION,
            at="SOAPAction",
            expected=SOAP_ACTION,
            received="no header" if value is None else value,
        )


def _require_peer(admit: Admit, inbound: Inbound) -> None:
    if inbound.peer is None:
        raise EbmsRefusal(checks.EBMS_PEER, at="TLS", expected="a client certificate")
    try:
        # The handshake judged it when the connection began; it may have been revoked since.
        admit(inbound.peer, inbound.at)
    except Refusal as refusal:
        if refusal.check is checks.PARTY_RATE:
            # The same message may be sent again, and is: a fault of the client would end it.
            raise EbmsRefusal(
                checks.EBMS_TECHNICAL, at="TLS", received=refusal.check.id
            ) from refusal
        raise EbmsRefusal(checks.EBMS_PEER, at="TLS", received=refusal.check.id) from refusal


def _written(reply: HttpReply | None, request: Request) -> "Deferred[None] | None":
    if reply is None or is_gone(request):
        return None
    if not reply.body:
        request.setResponseCode(reply.status)
        request.responseHeaders.removeHeader("Server")
        request.responseHeaders.removeHeader("Content-Type")
        request.finish()
        return None
    headers = {"SOAPAction": SOAP_ACTION} if reply.status == 200 else {}
    answer = HttpAnswer(reply.status, reply.body, reply.content_type, headers)
    return write_answer(request, answer)


def _technical() -> HttpReply:
    """Return the fault for a mistake of ours; the places go to the log, not to the sender."""
    failure = Failure()
    # Frames without values: a traceback may be logged, a payload may not.
    _log.error(
        "ebMS failed: {error}\n{trace}",
        error=type(failure.value).__name__,
        trace="\n".join(f"  {frame[1]}:{frame[2]} {frame[0]}" for frame in failure.frames),
        event="request-failed",
    )
    failure.cleanFailure()
    return server_fault()


def _give_up(failure: Failure, request: Request) -> None:
    """Close the connection when not even a fault could be made: no answer is an answer, too."""
    _log.failure("an answer could not be written", failure=failure)
    if not is_gone(request):
        request.loseConnection()
