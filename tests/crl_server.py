"""A web server on loopback that gives CRLs, and everything else that a web server may give."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.pki.issue import issue_crl
from digipoort_wus.pki.testpki import TestPki

Give = Callable[[BaseHTTPRequestHandler], None]
"""Answers one request."""


@dataclass
class CrlServer:
    """What it gives at each path, and what was asked."""

    port: int
    pages: dict[str, bytes | Give] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, name: str) -> str:
        return f"http://{self.host}/{name}"


@contextmanager
def crl_server() -> Iterator[CrlServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            page = made.pages.get(self.path.removeprefix("/"))
            if callable(page):
                page(self)
            elif page is None:
                self.send_error(404)
            else:
                give(page)(self)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that leaves early is what some tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    made = CrlServer(server.server_address[1])
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def give(octets: bytes, status: int = 200, **headers: str) -> Give:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in ({"Content-Length": str(len(octets))} | named).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(octets)

    return answer


def endless(piece: bytes, pause: float = 0.0) -> Give:
    """Send a piece again and again behind a good head, until the client leaves."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        _repeat(request, piece, pause)

    return answer


def endless_head(request: BaseHTTPRequestHandler) -> None:
    """Send a status line and then header octets, one at a time."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    _repeat(request, b"x", 0.05)


def _repeat(request: BaseHTTPRequestHandler, piece: bytes, pause: float) -> None:
    for _ in range(2_000):
        request.wfile.write(piece)
        request.wfile.flush()
        time.sleep(pause)


def crl_of(
    pki: TestPki,
    name: str = "issuing-ca",
    *revoked: str,
    since: datetime,
    until: datetime,
    number: int = 2,
) -> x509.CertificateRevocationList:
    """Issue a CRL of a CA that lists parties by name; vendor-revoked is always on it."""
    names = (*revoked, "vendor-revoked") if name == "issuing-ca" else revoked
    serials = [(pki.identities[each].certificate.serial_number, since) for each in names]
    return issue_crl(
        pki.authorities[name], serials, this_update=since, next_update=until, number=number
    )


def der(crl: x509.CertificateRevocationList) -> bytes:
    return crl.public_bytes(Encoding.DER)
