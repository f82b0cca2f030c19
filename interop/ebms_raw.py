"""Messages written by hand and sent over a socket: forms that no stack can be told to write.

Nothing in here reads or writes XML, MIME or HTTP but as text, so that nothing tidies it up.
"""

import socket
import ssl
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ebms_cpa import SERVICE

SECONDS = 20
PAYLOAD = b"<a>\r\n1</a>"
_BOUNDARY = "MIME_boundary"
_EB = "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


@dataclass(frozen=True)
class Header:
    """What the messages say: best effort, unsigned.

    Args:
        cpa_id: of an agreement for osb-be.
        sender: an OIN, and the role.
        receiver: likewise.
        action: of the service of the scenarios.
    """

    cpa_id: str
    sender: tuple[str, str]
    receiver: tuple[str, str]
    action: str


@dataclass(frozen=True)
class Form:
    """One way of writing a message.

    Args:
        name: of the form.
        taken: whether a receiver has to take it; else it has to answer 4xx or 500.
        http: it is the HTTP that is odd: only a server that reads HTTP by itself is tried.
        octets: of a request, made of a host, a header and a message id.
    """

    name: str
    taken: bool
    octets: Callable[[str, Header, str], bytes]
    http: bool = False


def sent(url_port: int, request: bytes, pki: Path, identity: str) -> int:
    """Send octets over TLS to loopback, and return the status of the answer; 0: none came."""
    context = ssl.create_default_context(cafile=str(pki / "ca.pem"))
    context.load_cert_chain(pki / f"{identity}.pem", pki / f"{identity}.key")
    with (
        socket.create_connection(("127.0.0.1", url_port), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as stream,
    ):
        stream.sendall(request)
        line = b""
        while b"\n" not in line and (piece := stream.recv(4096)):
            line += piece
    words = line.split()
    return int(words[1]) if len(words) > 1 else 0


# --- Envelopes ------------------------------------------------------------------------


def _times() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _envelope(header: Header, message_id: str, cid: str = "cid:one@example.nl") -> str:
    (sender, from_role), (receiver, to_role) = header.sender, header.receiver
    return f"""<soap:Envelope xmlns:soap="{_SOAP}" xmlns:eb="{_EB}"
 xmlns:xlink="http://www.w3.org/1999/xlink"><soap:Header>
<eb:MessageHeader eb:version="2.0" soap:mustUnderstand="1">
<eb:From><eb:PartyId eb:type="urn:osb:oin">{sender}</eb:PartyId>
<eb:Role>{from_role}</eb:Role></eb:From>
<eb:To><eb:PartyId eb:type="urn:osb:oin">{receiver}</eb:PartyId>
<eb:Role>{to_role}</eb:Role></eb:To>
<eb:CPAId>{header.cpa_id}</eb:CPAId><eb:ConversationId>{message_id}</eb:ConversationId>
<eb:Service eb:type="urn:osb:services">{SERVICE}</eb:Service><eb:Action>{header.action}</eb:Action>
<eb:MessageData><eb:MessageId>{message_id}</eb:MessageId>
<eb:Timestamp>{_times()}</eb:Timestamp></eb:MessageData>
</eb:MessageHeader></soap:Header><soap:Body><eb:Manifest eb:version="2.0">
<eb:Reference xlink:type="simple" xlink:href="{cid}"/></eb:Manifest></soap:Body></soap:Envelope>"""


def _without_prefixes(text: str) -> str:
    """Make eb the default namespace where it can be: attributes keep their prefix."""
    for name in ("MessageHeader", "Manifest"):
        text = text.replace(f"<eb:{name} ", f'<eb:{name} xmlns="{_EB}" ')
    for name in ("From", "To", "PartyId", "Role", "CPAId", "Action", "MessageData"):
        text = text.replace(f"<eb:{name}>", f"<{name}>").replace(f"</eb:{name}>", f"</{name}>")
        text = text.replace(f"<eb:{name} ", f"<{name} ")
    return text


def _offset(text: str) -> str:
    """Write the Timestamp with an offset and a fraction."""
    at = datetime.now(UTC) + timedelta(hours=2)
    old = text[text.index("<eb:Timestamp>") : text.index("</eb:Timestamp>")]
    return text.replace(old, f"<eb:Timestamp>{at:%Y-%m-%dT%H:%M:%S}.123+02:00")


# --- Packages -------------------------------------------------------------------------


def _part(headers: Sequence[str], octets: bytes, end: str = "\r\n") -> bytes:
    lines = "".join(f"{line}{end}" for line in headers)
    return f"--{_BOUNDARY}{end}{lines}{end}".encode() + octets + end.encode()


def _root(envelope: str, end: str = "\r\n") -> bytes:
    headers = ["Content-Type: text/xml; charset=UTF-8", "Content-ID: <root@example.nl>"]
    return _part(headers, envelope.encode(), end)


def _payload(content_id: str = "<one@example.nl>", end: str = "\r\n") -> bytes:
    return _part(["Content-Type: application/xml", f"Content-ID: {content_id}"], PAYLOAD, end)


_END = f"--{_BOUNDARY}--\r\n".encode()
_TYPE = f'multipart/related; boundary="{_BOUNDARY}"; type="text/xml"; start="<root@example.nl>"'


def _request(
    host: str,
    body: bytes,
    content_type: str = _TYPE,
    *,
    line: str = "POST /ebms HTTP/1.1",
    action: str = 'SOAPAction: "ebXML"\r\n',
    length: str | None = None,
    more: str = "Connection: close\r\n",
) -> bytes:
    said = f"Content-Length: {len(body)}\r\n" if length is None else length
    head = f"{line}\r\nHost: {host}\r\nContent-Type: {content_type}\r\n{action}{said}{more}\r\n"
    return head.encode() + body


def _packed(
    change: Callable[[str], str] = str, content_type: str = _TYPE
) -> Callable[[str, Header, str], bytes]:
    """Return a form of a package whose envelope is changed."""

    def octets(host: str, header: Header, message_id: str) -> bytes:
        envelope = change(_envelope(header, message_id))
        return _request(host, _root(envelope) + _payload() + _END, content_type)

    return octets


def _of_parts(
    parts: Callable[[str], bytes], cid: str = "cid:one@example.nl", content_type: str = _TYPE
) -> Callable[[str, Header, str], bytes]:
    """Return a form whose body is made of the envelope."""

    def octets(host: str, header: Header, message_id: str) -> bytes:
        return _request(host, parts(_envelope(header, message_id, cid)), content_type)

    return octets


def _over_http(make: Callable[[str, bytes], bytes]) -> Callable[[str, Header, str], bytes]:
    """Return a form whose request is odd around a plain package."""

    def octets(host: str, header: Header, message_id: str) -> bytes:
        return make(host, _root(_envelope(header, message_id)) + _payload() + _END)

    return octets


def _chunked(host: str, body: bytes) -> bytes:
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    chunks = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return _request(host, chunks + b"0\r\n\r\n", length="Transfer-Encoding: chunked\r\n")


_PREAMBLE = b"This is a package of MIME.\r\n"
_DOCTYPE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]>'
FORMS = (
    Form("plain", True, _packed()),
    Form("default-namespace", True, _packed(_without_prefixes)),
    Form("single-quotes", True, _packed(lambda text: text.replace('"', "'"))),
    Form("comments", False, _packed(lambda text: text.replace("<eb:To>", "<!-- to --><eb:To>"))),
    Form("declaration", True, _packed(lambda text: f'<?xml version="1.0"?>\r\n{text}')),
    Form("byte-order-mark", True, _packed(lambda text: f"\ufeff{text}")),
    Form("must-understand-true", True, _packed(lambda text: text.replace('nd="1"', 'nd="true"'))),
    Form("offset-in-time", True, _packed(_offset)),
    Form("doctype", False, _packed(lambda text: _DOCTYPE + text)),
    Form("unclosed", False, _packed(lambda text: text[:-5])),
    Form("preamble", True, _of_parts(lambda e: _PREAMBLE + _root(e) + _payload() + _END)),
    Form("epilogue", True, _of_parts(lambda e: _root(e) + _payload() + _END + b"\r\nThe end.")),
    Form("no-start", True, _packed(content_type=_TYPE.partition("; start")[0])),
    Form(
        "no-quotes", True, _packed(content_type=_TYPE.replace('"MIME_boundary"', "MIME_boundary"))
    ),
    Form("upper-case", True, _packed(content_type=_TYPE.replace("multipart/r", "Multipart/R"))),
    Form("root-last", True, _of_parts(lambda e: _payload() + _root(e) + _END)),
    Form(
        "percent-in-cid",
        True,
        _of_parts(lambda e: _root(e) + _payload() + _END, "cid:one%40example.nl"),
    ),
    Form(
        "no-at-in-id",
        True,
        _of_parts(lambda e: _root(e) + _payload("<Payload-0>") + _END, "cid:Payload-0"),
    ),
    Form("no-boundary", False, _packed(content_type="multipart/related; type=text/xml")),
    Form("other-start", False, _packed(content_type=_TYPE.replace("<root@", "<nobody@"))),
    Form("no-end", False, _of_parts(lambda e: _root(e) + _payload())),
    Form("chunked", True, _over_http(_chunked), http=True),
    Form(
        "lower-case-headers",
        True,
        _over_http(lambda host, body: _request(host, body, action='soapaction: "ebXML"\r\n')),
        http=True,
    ),
    Form(
        "mime-headers-in-http",
        True,
        _over_http(
            lambda host, body: _request(
                host, body, more="MIME-Version: 1.0\r\nContent-ID: <a@b>\r\nConnection: close\r\n"
            )
        ),
        http=True,
    ),
    Form(
        "no-action",
        False,
        _over_http(lambda host, body: _request(host, body, action="")),
        http=True,
    ),
    Form(
        "other-action",
        False,
        _over_http(lambda host, body: _request(host, body, action='SOAPAction: "other"\r\n')),
        http=True,
    ),
    Form(
        "two-lengths",
        False,
        _over_http(
            lambda host, body: _request(
                host, body, more="Content-Length: 1\r\nConnection: close\r\n"
            )
        ),
        http=True,
    ),
    Form(
        "get",
        False,
        _over_http(lambda host, _: f"GET /ebms HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()),
        http=True,
    ),
)


def new_id() -> str:
    """Return a message id."""
    return f"{uuid.uuid4()}@localhost"
