"""One connection of Twisted's HTTP server, with the limits that it does not have itself.

Whatever a request is refused for here, the answer is ours: one line with the check, and
the connection ends with it. Refused as soon as its head is complete, a body is never kept;
what still comes of it is thrown away for a while, because a client that is cut off while
it sends never reads why.

One timer watches over a connection and is set anew for each stage: TLS handshake, head,
body, work, answer. Between requests there is Twisted's own, of ``limits.IDLE_SECONDS``.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, INegotiated
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http import Request as HttpRequest
from twisted.web.http_headers import Headers
from zope.interface import implementer

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.server.body import BoundedRequest
from digipoort_wus.server.budget import Share, party_of
from digipoort_wus.server.framing import (
    ChunkDecoder,
    check_header,
    check_host,
    check_line,
    framing,
    read_head,
    too_many_headers,
    whole_answer,
)
from digipoort_wus.server.reactor import DelayedCall

if TYPE_CHECKING:
    from digipoort_wus.server.site import BoundedSite

_ABORT_SECONDS = 15
"""How long a client that was told to go may take for it."""
_QUIET_SECONDS = 1
"""Without an octet of a refused body: no more is coming."""
NO_REASON = Failure(ConnectionDone())

_log = Logger(namespace="digipoort_wus")


class _Transport(Protocol):
    disconnecting: bool

    def write(self, data: bytes) -> None: ...

    def abortConnection(self) -> None: ...  # noqa: N802 - Twisted's interface


@implementer(IHandshakeListener)
class BoundedChannel(HTTPChannel):
    """One connection: deadlines for each of its stages, and one kind of refusal."""

    site: "BoundedSite"
    MAX_LENGTH = limits.HEADERS_MAX_BYTES
    totalHeadersSize = limits.HEADERS_MAX_BYTES  # noqa: N815 - Twisted's interface
    maxHeaders = limits.HEADERS_MAX  # noqa: N815 - Twisted's interface
    abortTimeout = _ABORT_SECONDS  # noqa: N815 - Twisted's interface

    refused = False
    """A request on this connection was refused before its end; nothing more is read."""
    has_room = True
    """False for a connection too many, which is only told so."""
    _deadline: DelayedCall | None = None
    _party: str | None = None
    _opened = _begun = _body_begun = 0.0
    _seen = 0
    """Octets of body or answer at the last look."""
    _rest: int | None = 0
    """Octets that are still to come of a refused body; None when nobody knows."""
    _discarded = 0

    # --- The connection -------------------------------------------------------------

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's interface
        """Start the deadline of the handshake."""
        self._opened = self.site.now()
        self.site.channels.add(self)
        super().connectionMade()
        if INegotiated.providedBy(self.transport):
            self._set_deadline(limits.HANDSHAKE_DEADLINE_SECONDS, self.timeoutConnection)

    def handshakeCompleted(self) -> None:  # noqa: N802 - Twisted's interface
        """End the deadline of the handshake."""
        self._set_deadline(None)

    def connectionLost(  # noqa: N802 - Twisted's interface
        self, reason: Failure = NO_REASON
    ) -> None:
        """Forget the deadline of a connection that is gone."""
        self._set_deadline(None)
        self.site.channels.discard(self)
        self.site.caught_up(self)
        super().connectionLost(reason)

    def loseConnection(self) -> None:  # noqa: N802 - Twisted's interface
        """Close behind what is written; a client that does not go then is thrown out.

        After its own close TLS waits for the client's, which may never come.
        """
        self._set_deadline(None)
        if self._abortingCall is None:
            seconds = _ABORT_SECONDS if self.refused else limits.IDLE_SECONDS
            self._abortingCall = self.callLater(seconds, self.forceAbortClient)
        super().loseConnection()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Note that the client reads an answer more slowly than it is written."""
        self.site.fell_behind(self)
        super().pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Note that everything written so far has been handed to the system."""
        self.site.caught_up(self)
        super().resumeProducing()

    # --- Head -----------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's interface
        """Start the deadline of the head with its first octet."""
        if self.refused or cast(_Transport, self.transport).disconnecting:
            self._discard(len(data))
            return
        if self._deadline is None and not self._handlingRequest:
            self._begun = self.site.now()
            self._set_deadline(limits.HEADER_DEADLINE_SECONDS, self._too_late)
        super().dataReceived(data)
        # What waits here for its end is one line, where another reader would see two.
        waiting = self._buffer if self.line_mode and not self._busyReceiving else b""
        if b"\n" in waiting and not self.refused:
            self.refuse(framing("a bare LF", "lines that end in CRLF"))

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 - Twisted's interface
        """Take a line of the head, if it can be cut out of it in one way only."""
        if self.refused:
            return
        try:
            check_line(line)
        except Refusal as refusal:
            self.refuse(refusal)
            return
        super().lineReceived(line)

    def lineLengthExceeded(  # noqa: N802 - Twisted's interface
        self, line: bytes
    ) -> None:
        """Answer a line that is too long; Twisted would go silent, since it is a producer."""
        if not self.refused:
            self.refuse(too_many_headers())

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802 - Twisted's interface
        """Take one header; Twisted refuses a second one that says how long the body is."""
        if self.refused:
            return False
        try:
            check_header(line, version=self._version.decode("latin-1"))
        except Refusal as refusal:
            self.refuse(refusal)
            return False
        if not super().headerReceived(line):
            return False
        if line.lower().startswith(b"transfer-encoding:"):
            request = self.requests[-1]
            self._transferDecoder = ChunkDecoder(
                request.handleContentChunk, self._finishRequestBody
            )
        return True

    def allHeadersReceived(self) -> None:  # noqa: N802 - Twisted's interface
        """Refuse what the head alone rules out, before anything of the body is kept."""
        try:
            self._judge(self.requests[-1].requestHeaders)
        except Refusal as refusal:
            self.refuse(refusal, rest=self.length)
            return
        self._body_begun, self._seen = self.site.now(), 0
        self._set_deadline(limits.BODY_WINDOW_SECONDS, self._look_at_body)
        super().allHeadersReceived()

    def _judge(self, headers: Headers) -> None:
        if not self.has_room:
            raise _busy("connections")
        version = self._version.decode("latin-1")
        check_host(headers.getRawHeaders(b"Host") or [], version=version)
        command, target = self._command, cast(bytes, self._path)
        head = read_head(command, target, headers.getAllRawHeaders())
        self.site.judge(head)
        if isinstance(self._transferDecoder, ChunkDecoder):
            self._transferDecoder.most = self.site.body_max(head)

    # --- Body -----------------------------------------------------------------------

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's interface
        """Take body data, unless the request was refused in the meantime."""
        if self.refused:
            self._discard(len(data))
            return
        try:
            super().rawDataReceived(data)
        except Refusal as refusal:  # of a chunk
            if not self.refused:
                rest = None if refusal.check is checks.HTTP_SIZE else 0
                self.refuse(refusal, rest=rest)

    def allContentReceived(self) -> None:  # noqa: N802 - Twisted's interface
        """End the deadline of the body: from here on the time is ours, but not endless."""
        if self.refused:
            return
        cast(BoundedRequest, self.requests[-1]).is_complete()
        left = limits.REQUEST_DEADLINE_SECONDS - (self.site.now() - self._begun)
        self._set_deadline(left, self._give_up)
        super().allContentReceived()

    def new_share(self) -> Share:
        """Return the share of a new request in what all clients together may hold."""
        if self._party is None:
            self._party = party_of(str(getattr(self.getPeer(), "host", "")))
        return self.site.budget.share(self._party, self.refuse_busy)

    def _look_at_body(self) -> None:
        """Go on waiting for a body that comes fast enough, and not for too long."""
        received = cast(BoundedRequest, self.requests[-1]).received
        enough = limits.BODY_WINDOW_SECONDS * limits.BODY_MIN_RATE
        if (
            self.site.now() - self._body_begun >= limits.BODY_DEADLINE_SECONDS
            or received - self._seen < enough
        ):
            self._too_late()
            return
        self._seen = received
        self._set_deadline(limits.BODY_WINDOW_SECONDS, self._look_at_body)

    # --- Answer ---------------------------------------------------------------------

    def writeHeaders(  # noqa: N802 - Twisted's interface
        self, version: bytes, code: bytes, reason: bytes, headers: Headers
    ) -> None:
        """Begin an answer; behind it an old connection is closed, and each of a site that ends."""
        old = self.site.now() - self._opened >= limits.SESSION_MAX_SECONDS
        if old or self.site.closing:
            headers.setRawHeaders(b"Connection", [b"close"])
            self.persistent = False
        super().writeHeaders(version, code, reason, headers)

    def registerProducer(self, producer: object, streaming: bool) -> None:  # noqa: N802
        """Start the deadline of an answer that is written in pieces."""
        super().registerProducer(producer, streaming)
        self._seen = -1
        self._look_at_answer()

    def requestDone(self, request: HttpRequest) -> None:  # noqa: N802 - Twisted's interface
        """End the deadline of the answer."""
        self._set_deadline(None)
        super().requestDone(request)

    def close_if_idle(self) -> None:
        """Close the connection when nothing of a request has come and no answer is owed."""
        if not self.requests and self._deadline is None and not self.refused:
            self.loseConnection()

    def _look_at_answer(self) -> None:
        """Go on writing to a client that reads, until the request is too old."""
        sent = int(self.requests[0].sentLength)
        left = limits.REQUEST_DEADLINE_SECONDS - (self.site.now() - self._begun)
        if sent == self._seen or left <= 0:
            self._give_up()
            return
        self._seen = sent
        self._set_deadline(min(left, limits.ANSWER_STALL_SECONDS), self._look_at_answer)

    # --- Refusals -------------------------------------------------------------------

    def refuse(self, refusal: Refusal, *, rest: int | None = 0) -> None:
        """Answer at once, throw away what still comes of the body, and close.

        Args:
            rest: octets of the body that may still come, None when nobody knows. Without
                any, the connection is closed as far as TLS allows; so it is when it cannot
                be told any more where a body would end.
        """
        self.refused = True
        if self.requests:
            cast(BoundedRequest, self.requests[-1]).forget()
        path = ascii(getattr(self, "_path", b"").decode("latin-1")[:80])
        # A path may hold anything but white space, such as a terminal's control codes.
        address = getattr(self.getPeer(), "host", "no address")
        _log.info(
            "{check} {path} from {who}",
            check=refusal.check.id,
            path=path,
            who=address,
            event="http-refused",
        )
        self.site.count(refusal.check)
        octets = whole_answer(self.site.told(refusal), method=getattr(self, "_command", b""))
        cast(_Transport, self.transport).write(octets)
        self._rest = rest
        if rest == 0:
            self.loseConnection()
        else:
            self._begun, self._seen = self.site.now(), -1
            self._look_at_rest()

    def refuse_busy(self) -> None:
        """Refuse a request whose body finds no room, or lost its room to somebody else's."""
        request = cast(BoundedRequest, self.requests[-1])
        rest = None if self.length is None else self.length - request.received
        self.refuse(_busy("bodies"), rest=rest)

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802 - Twisted's own answer
        if self.refused:
            return
        too_long = self._receivedHeaderSize > self.totalHeadersSize
        if too_long or self._receivedHeaderCount > self.maxHeaders:
            self.refuse(too_many_headers())
        else:
            self.refuse(Refusal(checks.HTTP_FRAMING))

    def _look_at_rest(self) -> None:
        """Close when nothing more comes: whoever has stopped sending has read the answer."""
        late = self.site.now() - self._begun >= limits.DISCARD_SECONDS
        if late or self._discarded == self._seen:
            self.loseConnection()
            return
        self._seen = self._discarded
        self._set_deadline(_QUIET_SECONDS, self._look_at_rest)

    def _discard(self, octets: int) -> None:
        self._discarded += octets
        if self._discarded > limits.WIRE_MAX_BYTES:
            cast(_Transport, self.transport).abortConnection()
        elif self._rest is not None and 0 < self._rest <= self._discarded:
            self._rest = 0
            self.loseConnection()

    def _too_late(self) -> None:
        self.refuse(Refusal(checks.HTTP_DEADLINE))

    def _give_up(self) -> None:
        """Drop a client that does not read, or a request that nobody answers in time."""
        self._set_deadline(None)
        self.forceAbortClient()

    def _set_deadline(self, seconds: float | None, then: Callable[[], None] | None = None) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
        if seconds is not None and then is not None:
            self._deadline = self.callLater(max(seconds, 0), then)


def _busy(what: str) -> Refusal:
    return Refusal(checks.HTTP_BUSY, expected="room", received=f"too many {what}")
