"""HTTP to one address, over mutual TLS or plain: bodies in pieces, every wait bounded.

``http.client`` reads the answers; the rest is ours, because a request is written from an
iterator, an answer has a deadline however slowly it drips, and who is at the other end is
judged before the first octet of a filing leaves. The environment has no say: no proxies, and
nobody is trusted but the given roots. Plain is only what needs no secrecy and is signed itself,
such as a time stamp.
"""

import io
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from threading import Lock
from time import monotonic
from typing import cast
from urllib.parse import urlsplit

from cryptography import x509

from digipoort_wus.errors import DigipoortError

_IDLE_SECONDS = 20.0
_IDLE_MAX = 4


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    Args:
        connect: for the TCP connection and, apart from it, the TLS handshake.
        silence: for each piece of the answer, and for each piece of the request to be taken.
        total: for the whole exchange, once connected.
    """

    connect: float = 10
    silence: float = 60
    total: float = 600


class NoAnswer(DigipoortError):
    """There is no answer that can be read; ``str()`` says why, for a log."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of HTTP, with its whole body."""

    status: int
    content_type: str
    body: bytes = field(repr=False)


Judge = Callable[[x509.Certificate], object]
"""Judges the certificate of the server before anything is sent; raises what it likes. Nobody is
judged where a connection is plain."""


class Connections:
    """Posts to one address, and keeps connections for a short while; for any thread.

    Args:
        url: https, or http; without user name.
        timeouts: how long to wait.
        answer_max: octets of the body of an answer.
    """

    def __init__(self, url: str, timeouts: Timeouts, *, answer_max: int) -> None:
        parts = urlsplit(url)
        usual = 80 if parts.scheme == "http" else 443
        self._host, self._port = parts.hostname or "", parts.port or usual
        self._netloc, self._path = parts.netloc, parts.path or "/"
        if parts.query:
            self._path += f"?{parts.query}"
        self._timeouts = timeouts
        self._answer_max = answer_max
        self._idle: deque[tuple[_Connection, float]] = deque()
        self._lock = Lock()

    def post(
        self,
        context: ssl.SSLContext | None,
        judge: Judge,
        headers: Mapping[str, str],
        body: Callable[[], Iterable[bytes]],
        *,
        once: bool = False,
    ) -> Reply:
        """Send a request and return its answer.

        A connection that was kept may have been closed meanwhile; then the request is sent
        once more on a new one, and its receiver must recognise a repeat.

        Args:
            context: shows the identity of this side; another one gets connections of its own.
                None for a plain connection.
            judge: is asked on every request, about kept connections as well.
            headers: Content-Length among them.
            body: opens the body anew at each call.
            once: it is never sent again, because its receiver would take a repeat for another
                one; so it has a new connection.

        Raises:
            NoAnswer: no connection, no answer in time, or none that is HTTP.
            Exception: what ``judge`` or the body raises.
        """
        kept = None if once else self._take(context)
        if kept is not None:
            try:
                return self._exchange(kept, judge, headers, body)
            except _NothingCame:
                pass
        return self._exchange(self._connected(context), judge, headers, body)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            while self._idle:
                self._idle.pop()[0].close()

    def _take(self, context: ssl.SSLContext | None) -> "_Connection | None":
        """Return a kept connection that looks open; close what does not."""
        with self._lock:
            while self._idle:
                connection, since = self._idle.pop()
                fresh = monotonic() - since < _IDLE_SECONDS
                if fresh and connection.context is context and connection.is_quiet():
                    return connection
                connection.close()
        return None

    def _connected(self, context: ssl.SSLContext | None) -> "_Connection":
        where = f"{self._host}:{self._port}"
        try:
            plain = socket.create_connection((self._host, self._port), self._timeouts.connect)
        except OSError as error:
            raise NoAnswer(f"no connection to {where}: {_said(error)}") from error
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(self._timeouts.connect)
            if context is None:
                return _Connection(None, plain)
            return _Connection(context, context.wrap_socket(plain, server_hostname=self._host))
        except (OSError, ValueError) as error:
            plain.close()
            raise NoAnswer(f"no TLS connection to {where}: {_said(error)}") from error

    def _exchange(
        self,
        connection: "_Connection",
        judge: Judge,
        headers: Mapping[str, str],
        body: Callable[[], Iterable[bytes]],
    ) -> Reply:
        keep = False
        try:
            if connection.context is not None:
                judge(connection.certificate())
            connection.begin(self._timeouts)
            lines = [f"POST {self._path} HTTP/1.1", f"Host: {self._netloc}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            connection.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
            try:
                for piece in body():
                    connection.send(piece)
            except _NothingCame:
                # Who does not want the rest may have said why, in an answer or a TLS alert.
                return connection.receive(self._answer_max)[0]
            reply, keep = connection.receive(self._answer_max)
            return reply
        finally:
            # Also when a body could not be read to its end: half a request is none.
            if keep:
                self._keep(connection)
            else:
                connection.close()

    def _keep(self, connection: "_Connection") -> None:
        with self._lock:
            if len(self._idle) < _IDLE_MAX:
                self._idle.append((connection, monotonic()))
                return
        connection.close()


class _NothingCame(NoAnswer):
    """The connection ended before the first octet of an answer."""


class _Connection:
    """One connection, on which one request is under way at a time."""

    def __init__(
        self, context: ssl.SSLContext | None, connected: ssl.SSLSocket | socket.socket
    ) -> None:
        self.context = context
        self._socket = connected
        self._silence = self._deadline = 0.0

    def certificate(self) -> x509.Certificate:
        """Return the certificate that the server showed."""
        tls = self._socket
        der = tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLSocket) else None
        if der is None:
            raise NoAnswer("the server showed no certificate")
        return x509.load_der_x509_certificate(der)

    def is_quiet(self) -> bool:
        """Return whether nothing came since the last answer; an end would have."""
        try:
            return not select.select([self._socket], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def begin(self, timeouts: Timeouts) -> None:
        """Start the deadline of a request."""
        self._silence = timeouts.silence
        self._deadline = monotonic() + timeouts.total

    def send(self, octets: bytes) -> None:
        """Write a piece of the request."""
        try:
            self._wait_at_most()
            self._socket.sendall(octets)
        except TimeoutError:
            raise NoAnswer("the request was not taken in time") from None
        except OSError as error:
            raise _NothingCame(f"the request was not taken: {_said(error)}") from error

    def receive(self, most: int) -> tuple[Reply, bool]:
        """Read the answer, and return whether the connection can be kept."""
        answer = _Answer(self)
        response = HTTPResponse(cast(socket.socket, answer), method="POST")
        try:
            response.begin()
            body = response.read(most + 1)
        except TimeoutError:
            raise NoAnswer("no answer in time") from None
        except (OSError, HTTPException) as error:
            if not answer.octets:
                raise _NothingCame(f"no answer: {_said(error)}") from error
            raise NoAnswer(f"the answer cannot be read: {_said(error)}") from error
        if len(body) > most:
            raise NoAnswer(f"the answer has more than {most} bytes")
        if response.length:
            raise NoAnswer("the answer ends early")
        reply = Reply(response.status, response.headers.get("Content-Type", ""), body)
        return reply, not response.will_close

    def read(self, into: memoryview) -> int:
        """Read what has come; 0 at the end."""
        self._wait_at_most()
        return self._socket.recv_into(into)

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        with suppress(OSError):
            self._socket.close()

    def _wait_at_most(self) -> None:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(min(left, self._silence))


class _Answer(io.RawIOBase):
    """What ``http.client`` takes for a socket, and reads an answer from."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.octets = 0

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return itself, buffered."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read what has come, within the deadline."""
        count = self._connection.read(cast(memoryview, buffer))
        self.octets += count
        return count


def _said(error: Exception) -> str:
    """Return what an error says of a connection; never octets of an answer."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate is refused: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS: {error.reason or 'closed'}"
        case TimeoutError():
            return "timed out"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__
