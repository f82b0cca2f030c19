"""A proxy between a real client and a gateway that alters what passes.

It shows what a middlebox, a logging handler or an attacker does to signed
messages, and whether the other side notices. It ends TLS on both sides, so it
needs certificates of a test PKI; it listens on loopback only.
"""

import http.client
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from lxml import etree

from digipoort_wus.names import SOAP, WSA, WSSE

_HOP_HEADERS = frozenset(
    ("connection", "keep-alive", "transfer-encoding", "content-length", "expect", "upgrade")
)
_TIMEOUT_SECONDS = 60


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
"""Changes what passes; :func:`unchanged` and the functions below are such."""


@dataclass(frozen=True, slots=True)
class Alterations:
    """What a proxy does to one exchange, in this order.

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


def unchanged(passing: Passing) -> Passing:
    """Change nothing."""
    return passing


def indent(passing: Passing) -> Passing:
    """Indent the XML, as a logging handler does that forgets the signature."""
    root = etree.fromstring(passing.body, _parser(blank_text=False))
    return replace(passing, body=etree.tostring(root, pretty_print=True))


def move_prefix(passing: Passing) -> Passing:
    """Rename the prefix of the SOAP namespace everywhere, as a re-serialising middlebox does."""
    match = re.search(rb'xmlns:([A-Za-z_][\w.-]*)="' + SOAP.encode(), passing.body)
    if match is None:
        return passing
    old, new = match[1], b"moved"
    body = re.sub(rb"(</?|\s)" + re.escape(old) + rb":", rb"\1" + new + b":", passing.body)
    return replace(passing, body=body.replace(b"xmlns:" + old + b"=", b"xmlns:" + new + b"="))


def crlf(passing: Passing) -> Passing:
    """Put a carriage return, as a character, behind every token of the payload's text."""
    return replace(passing, body=passing.body.replace(b"\n", b"&#13;\n"))


def drop_header(name: str) -> Alter:
    """Return an alteration that removes a wsa header block from the envelope."""

    def alter(passing: Passing) -> Passing:
        return _in_tree(passing, lambda root: _remove(root, f"{{{WSA}}}{name}"))

    return alter


def unsign(passing: Passing) -> Passing:
    """Remove wsse:Security: an unsigned message is left."""
    return _in_tree(passing, lambda root: _remove(root, f"{{{WSSE}}}Security"))


def replace_text(old: str, new: str) -> Alter:
    """Return an alteration that replaces a text wherever it stands: tampering."""
    return lambda passing: replace(passing, body=passing.body.replace(old.encode(), new.encode()))


def tamper(element: str) -> Alter:
    """Return an alteration that changes the text of the first element of that local name."""

    def alter(passing: Passing) -> Passing:
        pattern = rb"(<(?:[\w.-]+:)?" + element.encode() + rb"(?:\s[^>]*)?>)([^<]+)<"
        return replace(passing, body=re.sub(pattern, rb"\g<1>tampered<", passing.body, count=1))

    return alter


def answer_with(recorded: bytes) -> Alter:
    """Return an alteration that sends another answer: well signed, but to another request."""
    return lambda passing: replace(passing, body=recorded, status=200)


class AlteringProxy:
    """Listens on a free loopback port, between ``with`` and its end.

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
        """Every exchange as it was before any change: request and answer."""
        parts = urlsplit(upstream)
        self._address = (parts.hostname or "localhost", parts.port or 443)
        self._client = ssl.create_default_context(cafile=str(pki_dir / "ca.pem"))
        self._client.load_cert_chain(pki_dir / f"{name}.pem", pki_dir / f"{name}.key")
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki_dir / "ca.pem"))
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_cert_chain(pki_dir / "gateway-tls.pem", pki_dir / "gateway-tls.key")
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.socket = server.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="altering-proxy")

    @property
    def url(self) -> str:
        """Return the base URL for clients."""
        return f"https://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_TIMEOUT_SECONDS)

    def exchange(self, method: str, path: str, request: Passing) -> Passing:
        """Send a request on as the alterations say, and return the altered answer."""
        alterations = self.alterations
        altered = request
        for alter in alterations.request:
            altered = alter(altered)
        answer = original = self._send(method, path, altered)
        for _ in range(alterations.repeat - 1):
            answer = original = self._send(method, path, altered)
        for alter in alterations.answer:
            answer = alter(answer)
        self.passed.append((request, original))
        time.sleep(alterations.delay)
        return answer

    def _send(self, method: str, path: str, request: Passing) -> Passing:
        host, port = self._address
        connection = http.client.HTTPSConnection(
            host, port, context=self._client, timeout=_TIMEOUT_SECONDS
        )
        try:
            headers = {**request.headers, "Host": f"{host}:{port}"}
            connection.request(method, path, request.body, headers)
            answer = connection.getresponse()
            kept = {n: v for n, v in answer.getheaders() if n.lower() not in _HOP_HEADERS}
            return Passing(kept, answer.read(), answer.status)
        finally:
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
                request = Passing(kept, _read_body(self))
                answer = proxy.exchange(self.command, self.path, request)
                cut = proxy.alterations.cut
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
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet about clients that hang up: that is what is being tested."""


def _read_body(handler: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in handler.headers.get("Transfer-Encoding", "").lower():
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    parts = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    while handler.rfile.readline().strip():
        pass
    return b"".join(parts)


def _parser(*, blank_text: bool) -> etree.XMLParser:
    return etree.XMLParser(
        remove_blank_text=not blank_text, resolve_entities=False, no_network=True, huge_tree=True
    )


def _in_tree(passing: Passing, change: Callable[[etree._Element], None]) -> Passing:
    root = etree.fromstring(passing.body, _parser(blank_text=True))
    change(root)
    return replace(passing, body=etree.tostring(root))


def _remove(root: etree._Element, tag: str) -> None:
    for element in list(root.iter(tag)):
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
