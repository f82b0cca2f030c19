"""The HTTP of ebms_library.py: a server of the standard library."""

import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from digipoort_wus.ebms.composing import Ready
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.names import SOAP_ACTION
from digipoort_wus.filing.content import read_content

SECONDS = 10
Take = Callable[[str, bytes, bytes], Ready | None]
"""Takes Content-Type, body and certificate, and returns what goes back in the answer."""


def certificate_of(stream: object) -> bytes:
    """Return DER of the certificate of the other end, which TLS demands of both here."""
    found = stream.getpeercert(binary_form=True) if isinstance(stream, ssl.SSLSocket) else None
    return found or b""


def handler_of(take: Take) -> type[BaseHTTPRequestHandler]:
    """Return what handles requests: what is taken of them goes back."""

    class Handler(BaseHTTPRequestHandler):
        timeout = SECONDS

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                peer = certificate_of(self.connection)
                answer = take(self.headers["Content-Type"], body, peer)
            except EbmsRefusal as refusal:
                self.send_error(500, str(refusal)[:200])
                return
            octets = b"" if answer is None else read_content(answer.package.content)
            self.send_response(200 if octets else 204)
            if answer is not None:
                self.send_header("Content-Type", answer.package.content_type)
                self.send_header("SOAPAction", SOAP_ACTION)
            if octets:
                self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Say nothing."""

    return Handler
