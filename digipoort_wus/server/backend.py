"""The interface for applications behind ebMS: HTTP and JSON, on an address of its own.

Who asks shows a token; on an address that others reach he also has a client certificate. A
request is refused by its head where that is possible, so that nobody's body is kept for nothing.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import cast

from cryptography import x509
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from digipoort_wus import limits
from digipoort_wus.delivery.backend_settings import BackendSettings, BackendToken
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.server import backend_checks as wrong
from digipoort_wus.server.accept import BoundedTls
from digipoort_wus.server.admin import require_name
from digipoort_wus.server.backend_asking import body_max, check_body, operation_of, read_asked
from digipoort_wus.server.backend_openapi import PROBLEM_JSON
from digipoort_wus.server.backend_table import Needs, Operation
from digipoort_wus.server.backend_work import Answered, BackendDesk
from digipoort_wus.server.channel import BoundedChannel
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.http import Head, HttpAnswer
from digipoort_wus.server.incoming import head_of, is_gone, peer_certificate, share_of, take_body
from digipoort_wus.server.listening import in_url, listen_on
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.outgoing import PIECE, write_answer
from digipoort_wus.server.reactor import Port, Reactor
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.streaming import write_content
from digipoort_wus.server.tls import ConnectionCreator
from digipoort_wus.server.workers import Workers
from digipoort_wus.soap.multipart import read_media_type

_AT_WORK = 4
_WAITING = 4
"""Questions to other parties at a time: each has a thread while it waits."""
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_log = Logger(namespace="digipoort_wus")


def problem(refusal: Refusal) -> HttpAnswer:
    """Return the answer of a refusal (RFC 9457)."""
    check = refusal.check
    status = check.http or 400
    told = {
        "type": "about:blank",
        "title": check.rule,
        "status": status,
        "detail": refusal.explanation(),
        "check": check.id,
    }
    headers = dict(_ALWAYS)
    if check is wrong.TOKEN:
        headers["WWW-Authenticate"] = "Bearer"
    elif check is wrong.METHOD:
        headers["Allow"] = refusal.expected
    elif status == 503:
        headers["Retry-After"] = "30"
    # The channel writes headers and body of some refusals by itself, in ASCII.
    return HttpAnswer(status, json.dumps(told).encode("ascii"), PROBLEM_JSON, headers)


@dataclass(frozen=True, slots=True)
class BackendDoor:
    """What is behind the interface.

    Args:
        desk: carries out what is asked.
        oin_of: judges a client certificate once more, and returns its OIN; raises a Refusal.
        require_room: raises a Refusal while nothing large can be kept.
    """

    desk: BackendDesk
    oin_of: Callable[[x509.Certificate], str]
    require_room: Callable[[], object] = lambda: None


class BackendResource(Resource):
    """Answers applications; a leaf.

    Args:
        settings: who may ask.
        door: what is behind it.
        reactor: the gateway's.
        metrics: count.

    Attributes:
        closed: set when nothing is taken any more.
        busy: requests that are being answered.
    """

    isLeaf = True  # noqa: N815 - Twisted's interface

    def __init__(
        self, settings: BackendSettings, door: BackendDoor, reactor: Reactor, metrics: Metrics
    ) -> None:
        super().__init__()
        self._settings = settings
        self._door = door
        self._reactor = reactor
        self._metrics = metrics
        self._workers = Workers(_AT_WORK)
        self._waiting = Workers(_WAITING)
        self._reading = Workers(_AT_WORK)
        self.closed = False
        self.busy = 0
        self._idle: list[Deferred[None]] = []

    def drained(self) -> "Deferred[None]":
        """Return a Deferred that fires when no application is being answered."""
        if not self.busy:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._idle.append(waiting)
        return waiting

    def judge(self, head: Head) -> tuple[Operation, BackendToken]:
        """Judge a request by its head, and return what is asked, and by whom.

        Raises:
            Refusal: HTTP-HOST, HTTP-BUSY, or one of :mod:`~digipoort_wus.server.backend_checks`.
        """
        if self._settings.is_loopback and "host" in head.headers:
            require_name(head.headers["host"], self._settings.host)
        # Before anything else: strangers do not even learn which paths there are.
        token = _token(head, self._settings.tokens)
        if self.closed:
            raise Refusal(wrong.STORE, received="a gateway that stops")
        operation, _ = operation_of(head)
        if operation.needs is Needs.AGREEMENTS and not token.agreements:
            raise Refusal(wrong.RIGHT)
        check_body(operation, head)
        if operation.stores:
            self._door.require_room()
        return operation, token

    def body_max(self, head: Head) -> int:
        """Return how many octets a body may have that does not say so itself."""
        operation, _ = operation_of(head)
        read = read_media_type(head.headers.get("content-type", ""))
        return body_max(operation, "" if read is None else read[0])

    def render(self, request: Request) -> int:
        """Answer one request."""
        started = monotonic()
        head = head_of(request)
        name = who = "none"
        try:
            operation, token = self.judge(head)
            name, who = operation.name, token.name
            self._require_client(request)
        except Refusal as refusal:
            write_answer(request, self._refused(refusal, name, who, started))
            return NOT_DONE_YET
        self.busy += 1
        share = share_of(request)
        answering = Deferred.fromCoroutine(self._answer(head, request, operation))

        def answered(answer: Answered | HttpAnswer | None) -> "Deferred[None] | None":
            if answer is None or is_gone(request):
                return None
            self._tell(name, who, answer.status, started)
            if isinstance(answer, HttpAnswer):
                return write_answer(request, answer)
            return self._write(request, answer)

        def refused(failure: Failure) -> "Deferred[None] | None":
            refusal = failure.value
            if not isinstance(refusal, Refusal):
                refusal = _technical(failure)
            return write_answer(request, self._refused(refusal, name, who, started))

        def over(_: object) -> None:
            share.close()
            self.busy -= 1
            if not self.busy:
                idle, self._idle = self._idle, []
                for deferred in idle:
                    deferred.callback(None)

        answering.addCallbacks(answered, refused)
        answering.addErrback(_give_up, request)
        answering.addBoth(over)
        return NOT_DONE_YET

    async def _answer(
        self, head: Head, request: Request, operation: Operation
    ) -> Answered | HttpAnswer | None:
        body = take_body(request)

        def work() -> Answered | None:
            return None if is_gone(request) else self._door.desk.carry_out(read_asked(head, body))

        workers = self._waiting if operation.waits else self._workers
        return await to_deferred(workers.submit(work), self._reactor)

    def _write(self, request: Request, answer: Answered) -> "Deferred[None] | None":
        content, headers = answer.body, {**_ALWAYS, **answer.headers}
        if isinstance(content, bytes) and len(content) <= PIECE and answer.status != 204:
            told = HttpAnswer(answer.status, content, answer.content_type, headers)
            return write_answer(request, told)
        request.setResponseCode(answer.status)
        request.responseHeaders.removeHeader("Server")
        for name, value in headers.items():
            request.setHeader(name, value)
        if answer.status == 204:
            request.responseHeaders.removeHeader("Content-Type")
            request.finish()
            return None
        request.setHeader("Content-Type", answer.content_type)
        return write_content(request, content, self._reactor, self._reading)

    def _require_client(self, request: Request) -> None:
        if not self._settings.tls:
            return
        certificate = peer_certificate(request)
        if certificate is None:
            raise Refusal(wrong.CLIENT, received="none")
        try:
            # The handshake judged it when the connection began; it may have been revoked since.
            oin = self._door.oin_of(certificate)
        except Refusal as refusal:
            raise Refusal(wrong.CLIENT, received=refusal.check.id) from refusal
        if oin not in self._settings.clients:
            raise Refusal(wrong.CLIENT, received="another OIN")

    def _refused(self, refusal: Refusal, name: str, who: str, started: float) -> HttpAnswer:
        answer = problem(refusal)
        self._tell(name, who, answer.status, started, refusal.check)
        return answer

    def _tell(
        self, name: str, who: str, status: int, started: float, check: Check | None = None
    ) -> None:
        seconds = monotonic() - started
        _log.info(
            "application {who}: {operation}: {status}{check}",
            who=who,
            operation=name,
            status=status,
            check="" if check is None else f" {check.id}",
            event="backend-answered",
            duration=seconds,
        )
        self._metrics.backend_answered(name, status, seconds)


class BackendSite(BoundedSite):
    """The site to listen with: refusals of its connections are problems, too."""

    def __init__(self, resource: BackendResource, reactor: Reactor, metrics: Metrics) -> None:
        super().__init__(
            resource, reactor, resource.judge, count=metrics.refused, body_max=resource.body_max
        )
        self.told = problem

    def buildProtocol(  # type: ignore[override]  # noqa: N802 - Twisted's interface
        self, addr: IAddress
    ) -> BoundedChannel | None:
        """Return the protocol of a new connection, None when there are too many."""
        if len(self.channels) >= limits.BACKEND_CONNECTIONS_MAX:
            return None
        return cast(BoundedChannel, super().buildProtocol(addr))


class BackendPort:
    """Listens for applications, as the configuration says.

    Args:
        settings: where, and who may ask.
        door: what is behind it.
        reactor: the gateway's.
        creator: makes TLS connections with the gateway's certificate.
        metrics: count.
    """

    def __init__(
        self,
        settings: BackendSettings,
        door: BackendDoor,
        *,
        reactor: Reactor,
        creator: ConnectionCreator,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self._creator = creator
        self._metrics = metrics
        self.resource = BackendResource(settings, door, reactor, metrics)
        self._site = BackendSite(self.resource, reactor, metrics)
        self._ports: list[Port] = []

    @property
    def url(self) -> str | None:
        """Return the address, None before it is listened on."""
        if not self._ports:
            return None
        scheme = "https" if self._settings.tls else "http"
        return f"{scheme}://{in_url(self._settings.host)}:{self._ports[0].getHost().port}"

    def listen(self) -> None:
        """Answer from now on.

        Raises:
            ConfigurationError: the address or port cannot be used.
        """
        site: object = self._site
        if self._settings.tls:
            creator = cast(IOpenSSLServerConnectionCreator, self._creator)
            site = BoundedTls(creator, self._site, self._reactor, metrics=self._metrics)
        self._ports = listen_on(self._reactor, self._settings.host, self._settings.port, site)
        _log.info("applications are answered at {url}", url=self.url, event="backend-listens")

    def end(self) -> None:
        """Take no connection any more, and close each behind its next answer."""
        for port in self._ports:
            port.stopListening()
        self._site.close_idle()


def _token(head: Head, tokens: tuple[BackendToken, ...]) -> BackendToken:
    scheme, _, shown = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal(wrong.TOKEN, received="no token")
    digest = hashlib.sha256(shown.strip().encode("latin-1", "replace")).hexdigest()
    found = None
    # All of them, always: how long it takes says nothing of any.
    for token in tokens:
        if hmac.compare_digest(digest, token.sha256):
            found = token
    if found is None:
        raise Refusal(wrong.TOKEN, received="another token")
    return found


def _technical(failure: Failure) -> Refusal:
    """Return the refusal for a mistake of ours; the places go to the log alone."""
    _log.error(
        "an application cannot be answered: {error}\n{trace}",
        error=type(failure.value).__name__,
        # Frames without values: a traceback may be logged, a payload may not.
        trace="\n".join(f"  {frame[1]}:{frame[2]} {frame[0]}" for frame in failure.frames),
        event="request-failed",
    )
    failure.cleanFailure()
    return Refusal(wrong.OURS)


def _give_up(failure: Failure, request: Request) -> None:
    _log.failure("an answer to an application could not be written", failure=failure)
    if not is_gone(request):
        request.loseConnection()
