"""A proxy between a real client and a gateway that alters what passes.

It shows what a middlebox, a logging handler or an attacker does to signed
messages, and whether the other side notices. It ends TLS on both sides, so it
needs certificates of a test PKI; it listens on loopback only.
"""

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from lxml import etree

from digipoort_wus.names import SOAP, WSA, WSSE

_HOP_HEADERS = frozenset(
    ("connection", "keep-alive", "transfer-encoding", "content-length", "expect", "upgrade")
)
_TIMEOUT_SECONDS = 60
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Passing:
    """A request or an answer on its way.

    Args:
        headers: without those that concern one connection only.
        status: of an answer; 0 for a request.
    """

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    status: int = 0


Alter = Callable[[Passing], Passing]
"""Changes what passes; the functions below are such, or make one.

They raise ValueError when there is nothing to change: a test that alters nothing
proves nothing.
"""


@dataclass(frozen=True, slots=True)
class Alterations:
    """What a proxy does to one exchange, in this order; nothing by default.

    Args:
        request: changes the request.
        repeat: how often the request is sent on; the last answer goes back.
        answer: changes the answer.
        delay: seconds before the answer goes back.
        cut: the answer ends after so many octets of its body, and the connection with it.
    """

    request: Sequence[Alter] = ()
    repeat: int = 1
    answer: Sequence[Alter] = ()
    delay: float = 0.0
    cut: int | None = None


def indent(passing: Passing) -> Passing:
    """Indent the XML, as a logging handler does that forgets the signature."""
    root = etree.fromstring(passing.body, _parser(blank_text=False))
    return _changed(passing, etree.tostring(root, pretty_print=True))


def move_prefix(passing: Passing) -> Passing:
    """Rename the prefix of the SOAP namespace everywhere, as a re-serialising middlebox does."""
    match = re.search(rb"xmlns:([A-Za-z_][\w.-]*)=([\"'])" + re.escape(SOAP.encode()), passing.body)
    if match is None:
        raise ValueError("the message has no prefix for the SOAP namespace")
    old, new = match[1], b"moved"
    # Names of elements and attributes, then the declaration; not what texts say.
    body = re.sub(rb"(</?|\s)" + re.escape(old) + rb":", rb"\1" + new + b":", passing.body)
    return _changed(passing, body.replace(b"xmlns:" + old + b"=", b"xmlns:" + new + b"="))


def crlf(passing: Passing) -> Passing:
    """End lines in CRLF, as a transfer in text mode does; XML reads them as LF."""
    return _changed(passing, re.sub(rb"\r?\n", b"\r\n", passing.body))


def drop_header(name: str) -> Alter:
    """Return an alteration that removes a wsa header block from the envelope."""
    return lambda passing: _without(passing, f"{{{WSA}}}{name}")


def unsign(passing: Passing) -> Passing:
    """Remove wsse:Security: an unsigned message is left."""
    return _without(passing, f"{{{WSSE}}}Security")


def replace_text(old: str, new: str) -> Alter:
    """Return an alteration that replaces a text wherever it stands: tampering."""
    return lambda passing: _changed(passing, passing.body.replace(old.encode(), new.encode()))


def tamper(element: str) -> Alter:
    """Return an alteration that changes the text of the first element of that local name."""
    start = rb"<(?:[\w.-]+:)?" + re.escape(element.encode()) + rb"(?:\s(?:[^>]*[^>/])?)?>"
    pattern = re.compile(rb"(" + start + rb")[^<]+<")
    return lambda passing: _changed(passing, pattern.sub(rb"\g<1>tampered<", passing.body, count=1))


def answer_with(recorded: bytes) -> Alter:
    """Return an alteration that sends another answer: well signed, but to another request."""
    return lambda passing: replace(_changed(passing, recorded), status=HTTPStatus.OK)


class AlteringProxy:
    """Listens on a free loopback port, between ``with`` and its end.

    What cannot be passed on is answered with 502 and the reason.

    Args:
        upstream: base URL of the gateway, such as ``https://localhost:8443``.
        pki_dir: a directory of ``digipoort-wus pki init``: its ``gateway-tls`` is
            shown to clients, ``ca.pem`` judges both sides.
        name: the identity that the proxy uses towards the gateway; it must be that
            of the client, or the gateway sees another sender than signer.
        alterations: what is done; may be set anew between exchanges.
    """

    def __init__(
        self,
        upstream: str,
        pki_dir: Path,
        *,
        name: str = "vendor-a",
        alterations: Alterations = Alterations(),
    ) -> None:
        self.alterations = alterations
        self.passed: list[tuple[Passing, Passing]] = []
        """Every exchange as it was before any change: request and last answer."""
        self.sent: list[Passing] = []
        """Every request as it was sent on, after the changes."""
        parts = urlsplit(upstream)
        self._address = (parts.hostname or "localhost", parts.port or 443)
        self._client = ssl.create_default_context(cafile=str(pki_dir / "ca.pem"))
        self._client.load_cert_chain(pki_dir / f"{name}.pem", pki_dir / f"{name}.key")
        self._listening = ssl.create_default_context(
            ssl.Purpose.CLIENT_AUTH, cafile=str(pki_dir / "ca.pem")
        )
        self._listening.verify_mode = ssl.CERT_REQUIRED
        self._listening.load_cert_chain(pki_dir / "gateway-tls.pem", pki_dir / "gateway-tls.key")

    @property
    def url(self) -> str:
        """Return the base URL for clients; there is one while the proxy listens."""
        return f"https://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), self._handler())
        # The handshake is left to the thread of the connection: here it would block accept.
        self._server.socket = self._listening.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="altering-proxy"
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        # Waits for the threads of the connections, which have nothing left to wait for.
        self._server.server_close()

    def _exchange(
        self, method: str, path: str, request: Passing, alterations: Alterations
    ) -> Passing:
        """Send a request on as the alterations say, and return the altered answer."""
        altered = request
        for alter in alterations.request:
            altered = alter(altered)
        self.sent.append(altered)
        for _ in range(alterations.repeat):
            answer = self._send(method, path, altered)
        self.passed.append((request, answer))
        for alter in alterations.answer:
            answer = alter(answer)
        self._server.closing.wait(alterations.delay)
        return answer

    def _send(self, method: str, path: str, request: Passing) -> Passing:
        host, port = self._address
        connection = http.client.HTTPSConnection(
            host, port, context=self._client, timeout=_TIMEOUT_SECONDS
        )
        try:
            connection.connect()
            self._server.watch(connection.sock)
            headers = {**request.headers, "Host": f"{host}:{port}"}
            connection.request(method, path, request.body, headers)
            answer = connection.getresponse()
            kept = {n: v for n, v in answer.getheaders() if n.lower() not in _HOP_HEADERS}
            return Passing(kept, answer.read(), answer.status)
        finally:
            self._server.forget(connection.sock)
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = _TIMEOUT_SECONDS

            def do_POST(self) -> None:
                self._pass()

            def do_GET(self) -> None:
                self._pass()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep quiet: messages are not for logs."""

            def _pass(self) -> None:
                kept = {n: v for n, v in self.headers.items() if n.lower() not in _HOP_HEADERS}
                kept.pop("Host", None)
                body = _read_body(self)
                if body is None:
                    # Half a request goes no further, and there is nobody to answer.
                    self.close_connection = True
                    return
                request = Passing(kept, body)
                alterations = proxy.alterations
                try:
                    answer = proxy._exchange(self.command, self.path, request, alterations)
                except (OSError, http.client.HTTPException, ValueError, etree.LxmlError) as error:
                    reason = f"{type(error).__name__}: {error}".encode()
                    answer = Passing({"Content-Type": "text/plain"}, reason, HTTPStatus.BAD_GATEWAY)
                self._answer(answer, alterations.cut)

            def _answer(self, answer: Passing, cut: int | None) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("server", "date"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body if cut is None else answer.body[:cut])
                if cut is not None:
                    self.close_connection = True

        return Handler


class _Server(ThreadingHTTPServer):
    """An HTTP server that can hang up on everybody, and whose end waits for its threads."""

    daemon_threads = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.watch(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.forget(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that hang up: that is what is being tested."""

    def watch(self, connection: socket.socket) -> None:
        """Have a connection cut by :meth:`hang_up`."""
        with self._lock:
            self._open.add(connection)
            if self.closing.is_set():
                _cut_off(connection)

    def forget(self, connection: socket.socket | None) -> None:
        """Leave a connection, if there is one, to its owner from now on."""
        with self._lock:
            self._open.discard(connection)

    def hang_up(self) -> None:
        """Cut every connection, so that nobody waits for its other side any more."""
        with self._lock:
            self.closing.set()
            for connection in self._open:
                _cut_off(connection)


def _cut_off(connection: socket.socket) -> None:
    # Below TLS: SSLSocket.shutdown would take the session from the thread that uses it.
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _read_body(handler: BaseHTTPRequestHandler) -> bytes | None:
    """Return the body of a request, None when the client did not send all of it."""
    if "chunked" in handler.headers.get("Transfer-Encoding", "").lower():
        return _read_chunks(handler.rfile)
    default = "0" if handler.command == "GET" else None
    length = handler.headers.get("Content-Length", default)
    if length is None:  # the head was cut off too: http.server takes its end for a blank line
        return None
    body = handler.rfile.read(int(length))
    return body if len(body) == int(length) else None


def _read_chunks(stream: BufferedIOBase) -> bytes | None:
    parts: list[bytes] = []
    while (line := stream.readline()).endswith(b"\n"):
        size = int(line.split(b";")[0], 16)
        if size == 0:
            while stream.readline().strip():  # trailers
                pass
            return b"".join(parts)
        parts.append(stream.read(size))
        stream.readline()
    return None


def _parser(*, blank_text: bool) -> etree.XMLParser:
    return etree.XMLParser(
        remove_blank_text=not blank_text, resolve_entities=False, no_network=True, huge_tree=True
    )


def _changed(passing: Passing, body: bytes) -> Passing:
    if body == passing.body:
        raise ValueError("the alteration changes nothing in this message")
    return replace(passing, body=body)


def _without(passing: Passing, tag: str) -> Passing:
    root = etree.fromstring(passing.body, _parser(blank_text=True))
    found = [(element, element.getparent()) for element in root.iter(tag)]
    for element, parent in found:
        if parent is not None:
            parent.remove(element)
    if not found:
        raise ValueError(f"the message has no {etree.QName(tag).localname}")
    return replace(passing, body=etree.tostring(root))
