"""What a request and an answer are to the gate, and the checks on a request's head.

No Twisted here: the shell translates, so that the checks can be tested as values.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509

from digipoort_wus import checks, limits
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import SERVICES, Service

SERVICE_AT: dict[str, Service] = {
    path: service for service in SERVICES.values() for path in service.paths
}
"""Every path that is served, current and older generation."""

_CHARSET = re.compile(r"""(?:^|;)\s{0,9}charset\s{0,9}=\s{0,9}"?([A-Za-z0-9._-]{1,40})"?""", re.I)
_XML = "text/xml; charset=utf-8"
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Head:
    """Request line and the headers that mean something here.

    Args:
        path: without query, as it was sent.
        headers: lower-case names; a header that occurs twice is joined with a comma.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class HttpRequest:
    """One whole request: its head, its body and who is at the other end.

    Not frozen, because its body goes as soon as it has been read.
    """

    head: Head
    body: bytes = field(repr=False)
    peer: x509.Certificate | None = None
    """Certificate of the TLS peer, already judged by the handshake."""

    def take_body(self) -> bytes:
        """Return the body and let go of it: what follows the parse needs its memory."""
        body, self.body = self.body, b""
        return body


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What goes back."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = _XML
    headers: Mapping[str, str] = field(default_factory=dict)


def service_for(head: Head) -> Service:
    """Return the service at a path.

    Raises:
        Refusal: HTTP-PATH.
    """
    service = SERVICE_AT.get(head.path.rstrip("/"))
    if service is None:
        raise Refusal(checks.HTTP_PATH, expected=", ".join(s.paths[0] for s in SERVICES.values()))
    return service


def check_head(head: Head) -> None:
    """Judge a request before its body is read.

    Raises:
        Refusal: an HTTP check; its ``http`` is the status.

    SOAP 1.1 §6; what is accepted beyond it follows what clients were seen to send.
    """
    service_for(head)
    if head.method in ("GET", "HEAD"):
        if not _asks_description(head.query):
            raise Refusal(checks.HTTP_METHOD, expected="POST, or GET with ?wsdl")
        return
    if head.method != "POST":
        raise Refusal(checks.HTTP_METHOD, expected="POST", received=head.method)
    content_type = head.headers.get("content-type", "")
    media_type, _, parameters = content_type.partition(";")
    # A comma: two headers, of which this gateway might read the one and a proxy the other.
    if media_type.strip().lower() != "text/xml" or "," in content_type:
        raise Refusal(
            checks.HTTP_CONTENT_TYPE, expected="text/xml", received=content_type or "nothing"
        )
    charset = _CHARSET.search(";" + parameters)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        raise Refusal(checks.HTTP_CHARSET, expected="utf-8", received=charset[1])
    if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(checks.HTTP_ENCODING, received=head.headers["content-encoding"])
    length = head.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.WIRE_MAX_BYTES:
        raise too_large(length)


def too_large(received: str) -> Refusal:
    """Return the refusal of a body over the wire limit."""
    return Refusal(
        checks.HTTP_SIZE, expected=f"at most {limits.WIRE_MAX_BYTES} bytes", received=received
    )


def http_refusal(refusal: Refusal) -> HttpAnswer:
    """Return the one-line answer of a refusal that is not a SOAP fault."""
    status = refusal.check.http or 400
    headers = {"Allow": "POST, GET"} if refusal.check is checks.HTTP_METHOD else {}
    line = f"{refusal.explanation()}\n".encode()
    return HttpAnswer(status, line, "text/plain; charset=utf-8", headers)


def wants_xsd(head: Head) -> bool:
    """Return whether a GET asks for the schema rather than the WSDL."""
    return head.query.lower().startswith("xsd")


def public_address(head: Head, service: Service, fallback: str) -> str:
    """Return the address of a service as the client sees it, from its Host header.

    Args:
        fallback: ``host:port`` when the header is missing or no host name.
    """
    host = head.headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = fallback
    return f"https://{host}{service.paths[0]}"


def _asks_description(query: str) -> bool:
    return query.lower() in ("wsdl", "xsd") or query.lower().startswith("xsd=")


def check_soap_action(value: str | None, action: str) -> Check | None:
    """Return the failed check when the HTTP header SOAPAction contradicts wsa:Action.

    The signed wsa:Action decides. Accepted are no header, an empty one, the same
    action quoted or not, and a bare word that is the last segment of wsa:Action,
    since clients in the field send all of these.
    """
    if value is None:
        return None
    bare = value.strip().strip('"')
    if bare in ("", action) or bare == action.rpartition("/")[2]:
        return None
    return checks.WSA_SOAP_ACTION
