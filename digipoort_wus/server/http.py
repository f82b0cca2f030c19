"""What a request and an answer are to the gate, and the checks on a request's head.

No Twisted here: the shell translates, so that the checks can be tested as values.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import AANLEVER, ENDPOINTS, Service
from digipoort_wus.soap.mtom import read_package_type
from digipoort_wus.soap.multipart import is_package
from digipoort_wus.wss.policy import Charset, SoapAction

SERVICE_AT: dict[str, Service] = {
    path: service for service in ENDPOINTS.values() for path in service.paths
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


def service_for(head: Head, served: Mapping[str, Service] = SERVICE_AT) -> Service:
    """Return the service at a path.

    Args:
        served: which services there are, by path.

    Raises:
        Refusal: HTTP-PATH.
    """
    service = served.get(head.path.rstrip("/"))
    if service is None:
        current = dict.fromkeys(service.paths[0] for service in served.values())
        raise Refusal(checks.HTTP_PATH, expected=", ".join(current))
    return service


def check_head(head: Head, served: Mapping[str, Service] = SERVICE_AT) -> None:
    """Judge a request before its body is read.

    Args:
        served: which services there are, by path.

    Raises:
        Refusal: an HTTP check; its ``http`` is the status.

    SOAP 1.1 §6; what is accepted beyond it follows what clients were seen to send.
    """
    service = service_for(head, served)
    if head.method in ("GET", "HEAD"):
        if not _asks_description(head.query):
            raise Refusal(checks.HTTP_METHOD, expected="POST, or GET with ?wsdl")
        return
    if head.method != "POST":
        raise Refusal(checks.HTTP_METHOD, expected="POST", received=head.method)
    content_type = head.headers.get("content-type", "")
    # Filings are the only requests with contents.
    if service is AANLEVER and is_package(content_type):
        read_package_type(content_type)
    else:
        _check_text_xml(content_type)
    if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(checks.HTTP_ENCODING, received=head.headers["content-encoding"])
    length = head.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.WIRE_MAX_BYTES:
        raise too_large(length)


def _check_text_xml(content_type: str) -> None:
    media_type, _, parameters = content_type.partition(";")
    # A comma: two headers, of which this gateway might read the one and a proxy the other.
    if media_type.strip().lower() != "text/xml" or "," in content_type:
        raise Refusal(
            checks.HTTP_CONTENT_TYPE, expected="text/xml", received=content_type or "nothing"
        )
    charset = _CHARSET.search(";" + parameters)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        raise Refusal(checks.HTTP_CHARSET, expected="utf-8", received=charset[1])


def too_large(received: str, most: int = limits.WIRE_MAX_BYTES) -> Refusal:
    """Return the refusal of a body over the wire limit.

    Args:
        most: octets that are allowed at its path.
    """
    return Refusal(checks.HTTP_SIZE, expected=f"at most {most} bytes", received=received)


_HEADERS_WITH: Mapping[str, Mapping[str, str]] = {
    checks.HTTP_METHOD.id: {"Allow": "POST, GET"},
    checks.HTTP_BUSY.id: {"Retry-After": "30"},
}


def http_refusal(refusal: Refusal) -> HttpAnswer:
    """Return the one-line answer of a refusal that is not a SOAP fault."""
    status = refusal.check.http or 400
    headers = _HEADERS_WITH.get(refusal.check.id, {})
    if refusal.check is checks.HTTP_METHOD and refusal.about:
        headers = {"Allow": refusal.about}
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


def check_soap_action(value: str | None, action: str, rule: SoapAction) -> None:
    """Judge the HTTP header SOAPAction; the wsa:Action of the message decides.

    Args:
        value: of the header, None without one.
        action: wsa:Action.
        rule: ``LENIENT`` accepts what clients in the field send: no header, an empty one,
            the same action quoted or not, and a bare word that is its last segment.

    Raises:
        Refusal: WSA-SOAP-ACTION.

    SOAP 1.1 §6.1.1; WS-I BP 1.2 R1109; Digikoppeling WUS WS002.
    """
    if rule is SoapAction.QUOTED:
        accepted = value is not None and value.strip() in ('""', f'"{action}"')
    else:
        bare = (value or "").strip().strip('"')
        accepted = bare in ("", action) or bare == action.rpartition("/")[2]
    if not accepted:
        raise Refusal(
            checks.WSA_SOAP_ACTION,
            expected=f'"" or "{action}"' if rule is SoapAction.QUOTED else action,
            received="no header" if value is None else value,
            about="Action",
        )


def check_charset(head: Head, rule: Charset) -> None:
    """Require that the Content-Type of text/xml names the charset, where the policy says so.

    Another charset than utf-8 was refused with the head.

    Raises:
        Refusal: XML-ENCODING.

    WS-I SSBP 1.0 R1018; Digikoppeling WUS WS006.
    """
    content_type = head.headers.get("content-type", "")
    if rule is Charset.OPTIONAL or is_package(content_type):
        return
    if not _CHARSET.search(";" + content_type.partition(";")[2]):
        raise Refusal(
            checks.XML_ENCODING, expected="charset=utf-8 in the Content-Type", received="no charset"
        )
