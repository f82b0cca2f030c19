"""The services as a Twisted resource: from HTTP to the gate, to Spyne, and back."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import monotonic

from lxml import etree
from twisted.internet.defer import Deferred, DeferredSemaphore, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from digipoort_wus import checks, limits
from digipoort_wus.contract.schema import wsdl_text, xsd_text
from digipoort_wus.errors import Refusal
from digipoort_wus.names import AANLEVER, OPHAAL, Service
from digipoort_wus.process.later import Later, Overtaken
from digipoort_wus.server.budget import Share
from digipoort_wus.server.futures import to_deferred
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
from digipoort_wus.server.incoming import (
    head_of,
    is_gone,
    peer_certificate,
    peer_oin,
    share_of,
    take_body,
    who_sent,
)
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.outgoing import write_answer
from digipoort_wus.server.reactor import FromThreads
from digipoort_wus.server.services import Services
from digipoort_wus.server.workers import INLINE_BELOW, Workers
from digipoort_wus.xmlsafe.splice import LargeTexts

_LARGE_ANSWERS = 2
"""At a time in the making: each is its contents, their base64 and the signed octets."""
LONG_LIST = 200
"""Rows: an answer with as many is built and signed in a thread."""

_QUESTIONS = 5
"""So often one is asked anew when somebody else was given what it found."""

_log = Logger(namespace="digipoort_wus")


class _Turn:
    """A place among those whose answers may be large, for an ``async with``."""

    def __init__(self, turns: DeferredSemaphore) -> None:
        self._turns = turns

    async def __aenter__(self) -> None:
        await self._turns.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._turns.release()


class WusResource(Resource):
    """All three services at all their paths; a leaf that can be mounted at the root of any site.

    Attributes:
        closed: set when nothing can be kept any more: every request is refused for now.
    """

    isLeaf = True  # noqa: N815 - Twisted's interface

    def __init__(
        self,
        services: Services,
        reactor: FromThreads,
        workers: Workers | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        super().__init__()
        self._metrics = metrics or Metrics()
        self._services = services
        self._reactor = reactor
        self._workers = workers or Workers()
        self._turns = DeferredSemaphore(_LARGE_ANSWERS)
        self.closed = False
        self._busy = 0
        self._idle: list[Deferred[None]] = []

    @property
    def busy(self) -> int:
        """Return how many requests are being answered."""
        return self._busy

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
                who=who_sent(request),
                event="http-refused",
            )
            self._metrics.refused(refusal.check)
            write_answer(request, http_refusal(refusal))
            return NOT_DONE_YET
        if head.method != "POST":
            write_answer(request, _description(head, service, request))
            return NOT_DONE_YET
        self._busy += 1
        share = share_of(request)
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
        if self.closed:
            raise Refusal(checks.HTTP_BUSY, expected="room", received="a gateway that stops")
        check_head(head)
        if head.method == "POST" and service_for(head) is AANLEVER:
            self._services.require_room()

    def body_max(self, _head: Head) -> int:
        """Return how many octets a body may have that does not say so itself."""
        return limits.WIRE_MAX_BYTES

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
            return self._technical(service, None)
        if opened is None or is_gone(request):
            # Nothing was stored, and nobody is told otherwise: the sender repeats.
            _log.info("a client left before its request was dealt with", event="request-abandoned")
            self._metrics.abandoned()
            return None
        if isinstance(opened, Rejected):
            self._tell_rejected(opened, request, started)
            return fault(gate, opened)
        try:
            if not _brings_contents(opened):
                return await self._perform(opened, request, started)
            async with _Turn(self._turns):
                if not share.has_room():
                    return self._no_room(opened)
                return None if is_gone(request) else await self._perform(opened, request, started)
        except Refusal as refusal:
            rejected = reject(opened, bare(refusal))
            self._tell_rejected(rejected, request, started, berichtsoort_of(opened))
            return fault(gate, rejected)
        except Exception:
            return self._technical(service, opened)

    async def _perform(self, opened: Opened, request: Request, started: float) -> HttpAnswer:
        gate = self._services.gates[opened.service.name]
        await to_deferred(self._services.admit(opened), self._reactor)
        for _ in range(_QUESTIONS):
            with suppress(Overtaken):
                element, signed = await self._signed(gate, opened)
                break
        else:
            raise Refusal(checks.OVERLOAD, received="others with this OIN, who ask the same")
        seconds = monotonic() - started
        kenmerk = _kenmerk_of(opened, element)
        _log.info(
            "{operation} {message_id} accepted from {oin}, sent by {who}, in {ms} ms",
            operation=opened.operation.name,
            message_id=ascii(opened.caller.message_id[:80]),
            oin=opened.caller.oin,
            who=who_sent(request),
            ms=round(seconds * 1000),
            event="request-answered",
            duration=seconds,
            **({"kenmerk": kenmerk} if kenmerk else {}),
        )
        self._metrics.answered(opened.operation.name, berichtsoort_of(opened), seconds)
        return signed

    async def _signed(self, gate: Gate, opened: Opened) -> tuple[etree._Element, HttpAnswer]:
        """Return an answer with its signature, once all is durable that it says.

        Raises:
            Overtaken: what it says is no longer so; nothing of it was kept.
        """
        texts, later = LargeTexts(None), Later()
        element = await to_deferred(self._services.dispatch(opened, texts, later), self._reactor)
        if _is_large(opened, element):
            work = partial(answer, gate, opened, element, texts)
            signed = await to_deferred(self._workers.submit(work), self._reactor)
        else:
            signed = answer(gate, opened, element, texts)
        if opened.service is AANLEVER:
            kept = await to_deferred(self._services.keep(opened, signed.body), self._reactor)
            signed = replace(signed, body=kept)
        if later.is_owed:
            await to_deferred(later.settle(), self._reactor)
        return element, signed

    async def _open(
        self, service: Service, head: Head, request: Request
    ) -> Opened | Rejected | None:
        """Judge a request: a small one here and now, a large one in a thread.

        The outcome is None when the client left before its turn.
        """
        gate = self._services.gates[service.name]
        whole = HttpRequest(head, take_body(request), peer_certificate(request))
        if len(whole.body) < INLINE_BELOW:
            return open_request(gate, service, whole)

        def work() -> Opened | Rejected | None:
            return None if is_gone(request) else open_request(gate, service, whole)

        return await to_deferred(self._workers.submit(work), self._reactor)

    def _no_room(self, opened: Opened) -> HttpAnswer:
        name = opened.operation.name
        _log.info("{operation} has to wait: too much is unread", operation=name, event="busy")
        self._metrics.refused(checks.HTTP_BUSY, name)
        return http_refusal(
            Refusal(checks.HTTP_BUSY, expected="room", received="too many unread answers")
        )

    def _technical(self, service: Service, opened: Opened | None) -> HttpAnswer:
        """Return the fault for a mistake of ours; the places go to the log, not to the client."""
        failure = Failure()
        # Frames without values: a traceback may be logged, a payload may not.
        _log.error(
            "{service} failed: {error}\n{trace}",
            service=service.name,
            error=_named(failure.value),
            trace="\n".join(f"  {frame[1]}:{frame[2]} {frame[0]}" for frame in failure.frames),
            event="request-failed",
        )
        failure.cleanFailure()
        refusal = Refusal(checks.TECHNICAL)
        rejected = Rejected(service, None, None, refusal)
        berichtsoort = None
        if opened is not None:
            rejected, berichtsoort = reject(opened, refusal), berichtsoort_of(opened)
        self._count(rejected, berichtsoort)
        return fault(self._services.gates[service.name], rejected)

    def _tell_rejected(
        self,
        rejected: Rejected,
        request: Request,
        started: float,
        berichtsoort: str | None = None,
    ) -> None:
        seconds = monotonic() - started
        _log.info(
            "{operation} from {who} refused by {check} in {ms} ms: {why}",
            operation=rejected.operation.name if rejected.operation else rejected.service.name,
            who=who_sent(request),
            check=rejected.refusal.check.id,
            ms=round(seconds * 1000),
            why=str(rejected.refusal),
            event="request-refused",
            oin=peer_oin(request),
            duration=seconds,
        )
        self._count(rejected, berichtsoort)

    def _count(self, rejected: Rejected, berichtsoort: str | None) -> None:
        name = rejected.operation.name if rejected.operation else None
        self._metrics.refused(rejected.refusal.check, name, berichtsoort)


def berichtsoort_of(opened: Opened) -> str | None:
    """Return the berichtsoort of a filing as its sender wrote it, None of any other request."""
    if opened.service is not AANLEVER:
        return None
    return opened.body_child.findtext(f"{{{opened.service.types}}}berichtsoort")


def _kenmerk_of(opened: Opened, element: etree._Element) -> str | None:
    """Return the kenmerk that a request was about; it is the sender's, since it was answered."""
    source = element if opened.service is AANLEVER else opened.body_child
    return source.findtext(f"{{{opened.service.types}}}kenmerk")


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


def _written(result: HttpAnswer | None, request: Request, share: Share) -> "Deferred[None] | None":
    if result is not None:
        share.charge(len(result.body))
    return write_answer(request, result)


def _named(error: BaseException | None) -> str:
    """Return what kind of error it was, with the word for it of the system or the database.

    Of the values only the name of a file of ours is told: nothing is opened here by a name that
    somebody sent.
    """
    words = []
    while error is not None:
        code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
        if isinstance(error, OSError):
            code = ": ".join(str(one) for one in (error.strerror, error.filename) if one)
        words.append(f"{type(error).__name__} ({code})" if code else type(error).__name__)
        error = error.__cause__
    return ", because of ".join(words)


def _description(head: Head, service: Service, request: Request) -> HttpAnswer:
    if wants_xsd(head):
        return HttpAnswer(200, xsd_text(service.xsd))
    host = request.getHost()
    fallback = f"{getattr(host, 'host', 'localhost')}:{getattr(host, 'port', 443)}"
    return HttpAnswer(200, wsdl_text(service.name, public_address(head, service, fallback)))


def _give_up(failure: Failure, request: Request) -> None:
    """Close the connection when not even a fault could be made: no answer is an answer, too."""
    _log.failure("an answer could not be written", failure=failure)
    if not is_gone(request):
        request.loseConnection()
