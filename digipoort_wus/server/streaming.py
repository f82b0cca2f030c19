"""Answers that are read from where they are kept, a piece at a time, in threads."""

from typing import BinaryIO

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from digipoort_wus.filing.content import Content, open_content, size_of
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.outgoing import PIECE
from digipoort_wus.server.reactor import FromThreads
from digipoort_wus.server.workers import Workers

_log = Logger(namespace="digipoort_wus")


def write_content(
    request: Request, content: Content, reactor: FromThreads, workers: Workers
) -> "Deferred[None] | None":
    """Write octets as the body of an answer of which the head is set, but for its length.

    When they cannot be read to their end the connection is closed, so that nobody takes what
    came for all of it.

    Args:
        request: to be answered.
        content: the octets.
        reactor: in the thread of which this is called.
        workers: threads that read.

    Returns:
        A Deferred that fires at the end, be it good or bad; None when there is no body.
    """
    if request._disconnected:
        return None
    request.setHeader("Content-Length", str(size_of(content)))
    if request.method == b"HEAD" or size_of(content) == 0:
        request.finish()
        return None
    return _Streamed(request, content, reactor, workers).start()


@implementer(IPushProducer)
class _Streamed:
    """Reads the next piece whenever the last one is out."""

    def __init__(
        self, request: Request, content: Content, reactor: FromThreads, workers: Workers
    ) -> None:
        self._request = request
        self._content = content
        self._left = size_of(content)
        self._reactor = reactor
        self._workers = workers
        self._source: BinaryIO | None = None
        self._paused = self._reading = self._gone = False

    def start(self) -> "Deferred[None]":
        """Begin, and return a Deferred for the end."""
        finished = self._request.notifyFinish()
        finished.addErrback(lambda _: None)  # the client is gone, which is its own affair
        finished.addBoth(self._end)
        self._request.registerProducer(self, True)
        self._read()
        return finished

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Go on."""
        self._paused = False
        self._read()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Wait until the transport wants more."""
        self._paused = True

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's interface
        """Write no more: the connection is gone."""
        self._gone = True

    def _read(self) -> None:
        if self._reading or self._paused or self._gone:
            return
        self._reading = True
        # A callback that is called at once would stand on the one before it.
        reading = to_deferred(self._workers.submit(self._piece), self._reactor)
        reading.addCallback(lambda piece: self._reactor.callFromThread(self._write, piece))
        reading.addErrback(self._break)

    def _piece(self) -> bytes:
        if self._source is None:
            self._source = open_content(self._content)
        return self._source.read(min(PIECE, self._left))

    def _write(self, piece: bytes) -> None:
        self._reading = False
        if self._gone:
            self._close()
            return
        if not piece:
            self._break(None)
            return
        self._left -= len(piece)
        self._request.write(piece)
        if self._left:
            self._read()
        else:
            self._request.unregisterProducer()
            self._request.finish()

    def _break(self, failure: Failure | None) -> None:
        self._reading = False
        what = "it ends too early" if failure is None else type(failure.value).__name__
        _log.error("an answer cannot be read to its end: {what}", what=what, event="answer-broken")
        if self._gone:
            self._close()
        else:
            self._request.unregisterProducer()
            self._request.loseConnection()

    def _end(self, _: object) -> None:
        self._gone = True
        if not self._reading:
            self._close()

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            self._workers.submit(source.close)
