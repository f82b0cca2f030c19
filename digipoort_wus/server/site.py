"""Twisted's HTTP server with the limits that it does not have itself."""

from io import BytesIO
from typing import Protocol, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from digipoort_wus import limits
from digipoort_wus.server.http import HttpAnswer, http_refusal, too_large
from digipoort_wus.server.reactor import DelayedCall, Reactor

_IDLE_SECONDS = 60
"""A keep-alive connection without a request."""
_LENGTH_DIGITS = 1_000
"""Of a Content-Length: Python refuses to read more than a few thousand as a number."""
_LINGER_SECONDS = 5
"""How long the rest of a refused body is thrown away, so that the client reads the answer."""

_REASONS = {400: "Bad Request", 413: "Request Entity Too Large"}
_HOST = HttpAnswer(400, b"A request has exactly one Host header.\n", "text/plain; charset=utf-8")
_NO_REASON = Failure(ConnectionDone())


class _Transport(Protocol):
    disconnecting: bool

    def write(self, data: bytes) -> None: ...


class BoundedRequest(Request):
    """A request whose body stays in memory and within the wire limit."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's interface
        """Keep the body off the disk: it is bounded, and it is somebody's tax return."""
        self.content = BytesIO()
        self._received = 0
        # Twisted would read a form in it, of any size, before anybody refuses it.
        self._parsePOSTFormSubmission = False

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's interface
        """Take a piece of the body; a chunked body is counted, since it announces no length."""
        channel = cast(BoundedChannel, self.channel)
        if channel.refused:  # the rest of what came together with the piece too many
            return
        self._received += len(data)
        if self._received > limits.WIRE_MAX_BYTES:
            self.content = BytesIO()
            channel.refuse(http_refusal(too_large("more, in chunks")))
            return
        super().handleContentChunk(data)


class BoundedChannel(HTTPChannel):
    """One connection, with absolute deadlines for a request's head and body."""

    site: "BoundedSite"
    _deadline: DelayedCall | None = None
    refused = False
    """A request on this connection was refused before its end; nothing more is read."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's interface
        """Start the deadline of the head with its first octet."""
        # After its own answer 400, Twisted would go on with the rest of that request.
        if self.refused or cast(_Transport, self.transport).disconnecting:
            return
        if self._deadline is None and not self._handlingRequest:
            self._set_deadline(limits.HEADER_DEADLINE_SECONDS)
        super().dataReceived(data)

    def lineLengthExceeded(  # noqa: N802 - Twisted's interface
        self, line: bytes
    ) -> None:
        """Answer a line that is too long; Twisted would go silent, since it is a producer."""
        self._respondToBadRequestAndDisconnect()

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802 - Twisted's interface
        """Answer 400 to a length that Python would not even read as a number."""
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and len(value.strip()) > _LENGTH_DIGITS:
            self._respondToBadRequestAndDisconnect()
            return False
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:  # noqa: N802 - Twisted's interface
        """Refuse what the head alone rules out, before the body is read."""
        self._set_deadline(limits.BODY_DEADLINE_SECONDS)
        request = self.requests[-1]
        hosts = request.requestHeaders.getRawHeaders(b"Host") or []
        # RFC 9112 3.2; HTTP/1.0 knows no Host.
        if len(hosts) > 1 or (not hosts and self._version == b"HTTP/1.1"):
            request.gotLength(self.length)
            self.refuse(_HOST)
        elif self.length is not None and self.length > limits.WIRE_MAX_BYTES:
            request.gotLength(self.length)
            self.refuse(http_refusal(too_large(str(self.length))))
        else:
            super().allHeadersReceived()

    def allContentReceived(self) -> None:  # noqa: N802 - Twisted's interface
        """End the deadline: from here on the time is ours."""
        if not self.refused:
            self._set_deadline(None)
            super().allContentReceived()

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's interface
        """Take body data, unless the body was refused in the meantime."""
        if not self.refused:
            super().rawDataReceived(data)

    def connectionLost(  # noqa: N802 - Twisted's interface
        self, reason: Failure = _NO_REASON
    ) -> None:
        """Forget the deadline of a connection that is gone."""
        self._set_deadline(None)
        self.site.caught_up(self)
        super().connectionLost(reason)

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Note that the client reads an answer more slowly than it is written."""
        self.site.fell_behind(self)
        super().pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Note that everything written so far has been handed to the system."""
        self.site.caught_up(self)
        super().resumeProducing()

    def refuse(self, answer: HttpAnswer) -> None:
        """Answer at once, then throw away what still comes, and close."""
        self.refused = True
        head = (
            f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\n"
            f"Content-Type: {answer.content_type}\r\n"
            f"Content-Length: {len(answer.body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        cast(_Transport, self.transport).write(head.encode("ascii") + answer.body)
        self._set_deadline(_LINGER_SECONDS)

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.callLater(seconds, self._end)

    def _end(self) -> None:
        self._deadline = None
        self.timeoutConnection()


class BoundedSite(Site):
    """A site whose connections and requests are bounded; speaks HTTP/1.1 only."""

    protocol = BoundedChannel  # type: ignore[assignment] # Twisted's own wraps HTTP/2 as well
    displayTracebacks = False  # noqa: N815 - Twisted's interface

    def __init__(self, resource: Resource, reactor: Reactor) -> None:
        super().__init__(
            resource, requestFactory=BoundedRequest, timeout=_IDLE_SECONDS, reactor=reactor
        )

        self._behind: set[BoundedChannel] = set()
        self._waiting: list[Deferred[None]] = []

    def written(self) -> Deferred[None]:
        """Return a Deferred that fires when no answer waits for a client to read it."""
        if not self._behind:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def fell_behind(self, channel: BoundedChannel) -> None:
        """Note a connection whose client has yet to read."""
        self._behind.add(channel)

    def caught_up(self, channel: BoundedChannel) -> None:
        """Note a connection that was written out, or is gone."""
        self._behind.discard(channel)
        if not self._behind:
            waiting, self._waiting = self._waiting, []
            for deferred in waiting:
                deferred.callback(None)

    def startFactory(self) -> None:  # noqa: N802 - Twisted's interface
        """Open no access log: requests are logged with their outcome, by the resource."""

    def log(self, request: HttpRequest) -> None:
        """Log nothing here."""
