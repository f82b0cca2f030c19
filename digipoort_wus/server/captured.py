"""A captured HTTP request read as the gateway reads it: by its own channel, in memory.

Nothing listens and nothing is sent: the octets go into one channel of the site that a
gateway serves with, and what it hands on, or refuses, is what a gateway would.
"""

from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from digipoort_wus import checks
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.server.body import BoundedRequest
from digipoort_wus.server.channel import BoundedChannel
from digipoort_wus.server.framing import framing, read_head
from digipoort_wus.server.http import HttpRequest, check_head
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.stored import read_whole_request

_CRLF, _LF = b"\r\n", b"\n"
_CODING, _LENGTH = b"transfer-encoding:", b"content-length:"


@dataclass(frozen=True, slots=True)
class Captured:
    """What a gateway makes of the octets of one connection.

    Args:
        request: the first request, as it was handed on; None when it was not.
        refusal: why it was not, or why its end is not where the octets end; None when all of
            the octets are one request.
    """

    request: HttpRequest | None = field(repr=False)
    refusal: Refusal | None


def read_captured(octets: bytes) -> Captured:
    """Read a whole request as a gateway does.

    Args:
        octets: beginning with POST. Line ends may all be LF, as tools store them.

    Raises:
        ConfigurationError: it is no HTTP request; only where line ends are LF.

    RFC 9112 §2.2, §3.2, §6 and §7.
    """
    octets = _as_sent(octets)
    desk = _Desk()
    site = BoundedSite(desk, cast(Reactor, Clock()), check_head)
    site.protocol = _Channel
    channel = cast(_Channel, cast(Any, site).buildProtocol(None))
    cast(Any, channel).makeConnection(StringTransport())
    channel.dataReceived(octets)
    if channel.refusal is not None:
        return Captured(None, channel.refusal)
    if desk.request is None:
        body = octets.partition(2 * _CRLF)[2]
        return Captured(None, _unfinished(len(body), channel.length))
    behind = channel.behind()
    # A line end behind the body is an editor's.
    if not behind.strip(_CRLF):
        return Captured(desk.request, None)
    return Captured(desk.request, _too_short(desk.request, len(behind)))


def _unfinished(size: int, length: int | None) -> Refusal:
    """Return the refusal of a body of which a gateway waits for the rest."""
    if length is None:
        return Refusal(
            checks.HTTP_DEADLINE, expected="a chunk of size 0 at the end", received="none"
        )
    return Refusal(
        checks.HTTP_DEADLINE,
        expected=f"a body of {length} octets, as Content-Length says",
        received=f"{size} octets",
    )


def _too_short(request: HttpRequest, behind: int) -> Refusal:
    """Return the refusal of octets that a gateway reads as another request."""
    if "content-length" in request.head.headers:
        expected = f"Content-Length {len(request.body) + behind}"
        told = request.head.headers["content-length"]
        return framing(f"{told}; {behind} octets behind the body are another request", expected)
    if "transfer-encoding" in request.head.headers:
        return framing(f"{behind} octets, which are another request", "nothing behind the body")
    return framing(
        f"neither; {behind} octets behind the head are another request",
        f"Content-Length {behind}, or Transfer-Encoding: chunked",
    )


class _Desk(Resource):
    """Keeps the one request that is handed on; it is never answered."""

    isLeaf = True  # noqa: N815 - Twisted's interface

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.request: HttpRequest | None = None

    def render(self, request: Request) -> int:
        """Keep a request."""
        head = read_head(request.method, request.uri, request.requestHeaders.getAllRawHeaders())
        content = cast(BoundedRequest, request).content
        self.request = HttpRequest(head, content.read() if content is not None else b"")
        return NOT_DONE_YET


class _Channel(BoundedChannel):
    """A channel that tells what it refused, and what it read beyond a request."""

    refusal: Refusal | None = None

    def refuse(self, refusal: Refusal, *, rest: int | None = 0) -> None:
        """Keep the first refusal."""
        self.refusal = self.refusal or refusal
        super().refuse(refusal, rest=rest)

    def behind(self) -> bytes:
        """Return what waits until the request is answered."""
        return b"".join(self._dataBuffer)


def read_leniently(octets: bytes) -> HttpRequest:
    """Read a whole request with all that is in the file as its body, whatever its head says.

    Raises:
        ConfigurationError: it is no HTTP request.
    """
    try:
        return read_whole_request(octets)
    except ConfigurationError:
        # Chunks that are none are a finding; the rest is to be explained all the same.
        lines = octets.splitlines(keepends=True)
        kept = [line for line in lines if not line.lower().startswith(_CODING)]
        return read_whole_request(b"".join(kept))


def _as_sent(octets: bytes) -> bytes:
    """Undo what a tool did that stores lines with LF, as far as it can be told."""
    head, blank, body = octets.partition(2 * _LF)
    if not blank or _CRLF in head:
        return octets
    lines = head.split(_LF)
    request = read_leniently(octets)
    length = request.head.headers.get("content-length", "")
    if not length and any(line.lower().startswith(_CODING) for line in lines):
        # The sizes are those of other line ends.
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(request.body), request.body)
    elif length.isdecimal() and len(length) < 12 and 0 < int(length) - len(body) <= body.count(_LF):
        # So is the length: to XML they are the same.
        lines = [line for line in lines if not line.lower().startswith(_LENGTH)]
        lines.append(b"Content-Length: %d" % len(body))
    return _CRLF.join(lines) + 2 * _CRLF + body
