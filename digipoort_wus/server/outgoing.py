"""Answers on their way out: a large one in pieces, as fast as its client reads."""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request
from zope.interface import implementer

from digipoort_wus.server.http import HttpAnswer

PIECE = 128 * 1024
"""Octets. Encrypting 28 MB at once would let everybody else wait, and would hold it twice."""


def write_answer(request: Request, answer: HttpAnswer | None) -> "Deferred[None] | None":
    """Write an answer, unless there is none or the client is gone by now.

    Returns:
        A Deferred that fires when a large answer was handed over to the system, or when its
        client is gone; None when there is nothing to wait for.
    """
    if request._disconnected or answer is None:
        return None
    request.setResponseCode(answer.status)
    request.responseHeaders.removeHeader("Server")  # nobody needs to know
    request.setHeader("Content-Type", answer.content_type)
    request.setHeader("Content-Length", str(len(answer.body)))
    for name, value in answer.headers.items():
        request.setHeader(name, value)
    if request.method == b"HEAD":
        request.finish()
    elif len(answer.body) <= PIECE:
        request.write(answer.body)
        request.finish()
    else:
        return _Pieces(request, answer.body).start()
    return None


@implementer(IPushProducer)
class _Pieces:
    """Writes the next piece of a body whenever the last one is out."""

    def __init__(self, request: Request, body: bytes) -> None:
        self._request = request
        self._body = body
        self._position = 0
        self._paused = False

    def start(self) -> "Deferred[None]":
        """Begin, and return a Deferred for the end, be it good or bad."""
        finished = self._request.notifyFinish()
        finished.addErrback(lambda _: None)  # the client is gone, which is its own affair
        self._request.registerProducer(self, True)
        self.resumeProducing()
        return finished

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Write until the transport has enough, or everything is written."""
        self._paused = False
        while not self._paused and self._position < len(self._body):
            piece = self._body[self._position : self._position + PIECE]
            self._position += len(piece)
            self._request.write(piece)
        if not self._paused and self._body:
            self._body = b""
            self._request.unregisterProducer()
            self._request.finish()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Wait until the transport wants more."""
        self._paused = True

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Write no more: the connection is gone."""
        self._paused = True
        self._body = b""
