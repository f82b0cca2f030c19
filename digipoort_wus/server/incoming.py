"""What Twisted's request says of itself: head, body, who is at the other end."""

import sys
from io import BytesIO
from weakref import WeakKeyDictionary

from cryptography import x509
from OpenSSL import crypto
from twisted.web.server import Request

from digipoort_wus.errors import Refusal
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.server.body import BoundedRequest
from digipoort_wus.server.budget import Budget, Share
from digipoort_wus.server.framing import read_head
from digipoort_wus.server.http import Head


def head_of(request: Request) -> Head:
    """Return the head of a Twisted request as plain text."""
    return read_head(request.method, request.uri, request.requestHeaders.getAllRawHeaders())


def take_body(request: Request) -> bytes:
    """Return the body, which Twisted would otherwise keep until the answer is written."""
    content, request.content = request.content, BytesIO()
    if isinstance(content, BytesIO):
        return content.getvalue()
    # In a site of somebody else's, Twisted may have put a large body into a file.
    return bytes(content.read()) if content is not None else b""


def peer_certificate(request: Request) -> x509.Certificate | None:
    """Return the certificate that the client showed in the handshake, None without TLS.

    Without renegotiation it is the same for every request of a connection, so a connection
    is asked once.
    """
    transport = request.channel.transport
    if transport in _peers:
        return _peers[transport]
    get_certificate = getattr(transport, "getPeerCertificate", None)
    certificate = get_certificate() if get_certificate is not None else None
    if not isinstance(certificate, crypto.X509):
        return None
    peer = _peers[transport] = certificate.to_cryptography()
    return peer


_peers: WeakKeyDictionary[object, x509.Certificate] = WeakKeyDictionary()
"""By the transport of a connection, which is gone when the connection is."""


def share_of(request: Request) -> Share:
    """Return what a request holds of what all may hold; of others' sites nothing is counted."""
    if isinstance(request, BoundedRequest):
        return request.hand_over_share()
    return _UNCOUNTED.share("", lambda: None)


_UNCOUNTED = Budget(sys.maxsize)


def is_gone(request: Request) -> bool:
    """Return whether nobody waits for an answer any more."""
    return bool(request._disconnected)


def who_sent(request: Request) -> str:
    """Return who is at the other end, for the log: an organisation, not a person."""
    address = getattr(request.getClientAddress(), "host", "no address")
    if peer_certificate(request) is None:
        return f"nobody known at {address}"
    oin = peer_oin(request)
    return f"a certificate without OIN at {address}" if oin is None else f"OIN {oin} at {address}"


def peer_oin(request: Request) -> str | None:
    """Return the OIN of the TLS client, None where there is none."""
    certificate = peer_certificate(request)
    try:
        return None if certificate is None else oin_of(certificate)
    except Refusal:
        return None
