"""A time stamping authority on loopback: openssl behind a web server, and its bad days."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.evidence.stamp import QUERY_TYPE, REPLY_TYPE
from tests.unit.evidence.authority import StampAuthority

Give = Callable[[BaseHTTPRequestHandler, bytes], None]
"""Answers one question."""


@dataclass
class TsaServer:
    """Where it listens, how it answers, and what it was asked.

    Args:
        port: of loopback.
        authority: whose stamps it gives.
        give: how it answers.
        asked: headers of every question so far.
    """

    port: int
    authority: StampAuthority
    give: Give
    asked: list[dict[str, str]] = field(default_factory=list)
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/tsa?of=tests"

    def roots(self, folder: Path) -> Path:
        """Write the root that its stamps lead to into a file."""
        path = folder / "stamp-roots.pem"
        path.write_bytes(self.authority.root.public_bytes(Encoding.PEM))
        return path

    def settings(self, folder: Path, **more: object) -> str:
        """Return the section of a configuration for it."""
        values = {"url": self.url, "roots": str(self.roots(folder)), **more}
        lines = (
            f"{name} = {value if isinstance(value, int) else repr(value)}"
            for name, value in values.items()
        )
        return "\n".join(("[evidence.stamp]", *lines, ""))


def stamps(authority: StampAuthority) -> Give:
    """Return what answers as an authority should."""
    return lambda handler, query: send(handler, authority.answer(query))


def always(octets: bytes, *, status: int = 200, media_type: str = REPLY_TYPE) -> Give:
    """Return what answers everything alike."""
    return lambda handler, _: send(handler, octets, status=status, media_type=media_type)


def late(seconds: float, give: Give) -> Give:
    """Return what answers after a while."""

    def answer(handler: BaseHTTPRequestHandler, query: bytes) -> None:
        time.sleep(seconds)
        give(handler, query)

    return answer


def dripping(pause: float) -> Give:
    """Return what never stops to answer, an octet at a time."""

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        begin(handler, 200, REPLY_TYPE, 60_000)
        for _octet in range(60_000):
            handler.wfile.write(b"0")
            time.sleep(pause)

    return answer


def endless(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    """Answer with as much as is taken, and do not say how much."""
    handler.send_response(200)
    handler.send_header("Content-Type", REPLY_TYPE)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(1 << 16))


def send(
    handler: BaseHTTPRequestHandler,
    octets: bytes,
    *,
    status: int = 200,
    media_type: str = REPLY_TYPE,
) -> None:
    """Answer with a body."""
    begin(handler, status, media_type, len(octets))
    handler.wfile.write(octets)


def begin(handler: BaseHTTPRequestHandler, status: int, media_type: str, length: int) -> None:
    """Answer with a head."""
    handler.send_response(status)
    handler.send_header("Content-Type", media_type)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


@contextmanager
def tsa_server(
    authority: StampAuthority, *, context: ssl.SSLContext | None = None
) -> Iterator[TsaServer]:
    """Run one; over TLS with a context."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == QUERY_TYPE
            made.asked.append({name.lower(): value for name, value in self.headers.items()})
            with suppress(OSError):
                made.give(self, query)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that leaves early is what some tests are about."""

        def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
            connection, address = super().get_request()
            if context is None:
                return connection, address
            # The handshake is done in the thread of the request.
            return context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            ), address

    server = Quiet(("127.0.0.1", 0), Handler)
    made = TsaServer(server.server_address[1], authority, stamps(authority))
    made.scheme = "http" if context is None else "https"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
