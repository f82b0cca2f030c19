"""What a file is that is no request, and what to give instead: a sentence for each kind."""

import re

from digipoort_wus.errors import Refusal
from digipoort_wus.names import ENDPOINTS, SOAP
from digipoort_wus.soap.envelope import local_name
from digipoort_wus.xmlsafe.parse import parse_message

_STORE = "Store the request as it went over the wire: its body, or all of it from POST on."
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_METHOD = re.compile(rb"(GET|HEAD|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE) \S+ HTTP/")
_STATUS = re.compile(rb"HTTP/[0-9.]+ ([0-9]{3})")
_ENDS = (b"\r\n\r\n", b"\n\n")
_KINDS = (
    (b"\x1f\x8b", "compressed with gzip", "Unpack it first."),
    (b"PK\x03\x04", "a ZIP archive", "Unpack it first."),
    (b"%PDF", "a PDF document", _STORE),
    (b"\xd4\xc3\xb2\xa1", "a packet capture", "What is in it is encrypted by TLS. " + _STORE),
    (b"\xa1\xb2\xc3\xd4", "a packet capture", "What is in it is encrypted by TLS. " + _STORE),
    (b"\x0a\x0d\x0d\x0a", "a packet capture", "What is in it is encrypted by TLS. " + _STORE),
    (b"\x16\x03", "a TLS record", "What is in it is encrypted. " + _STORE),
    (b"\x30\x82", "DER, such as a certificate", "A certificate is explained with --cert."),
    (
        b"\xff\xfe",
        "UTF-16",
        "A gateway takes UTF-8 only (XML-ENCODING): write the message as that.",
    ),
    (
        b"\xfe\xff",
        "UTF-16",
        "A gateway takes UTF-8 only (XML-ENCODING): write the message as that.",
    ),
)
_RESPONSES = {
    operation.response: service
    for service in ENDPOINTS.values()
    for operation in service.operations
}


def why_unfit(octets: bytes) -> str:
    """Return what a file is that cannot be a request, and what to give instead.

    Returns:
        A sentence or two; empty when it may be a request, however wrong.
    """
    if not octets.strip():
        return f"The file is empty. {_STORE}"
    status = _STATUS.match(octets)
    if status is not None:
        return f"The file is an HTTP answer with status {int(status[1])}, no request. {_STORE}"
    method = _METHOD.match(octets)
    if method is not None:
        return f"The file is a {method[1].decode()} request; only a POST holds a message. {_STORE}"
    if octets.startswith(b"POST "):
        return _without_body(octets)
    if octets.startswith(b"--") and b"application/xop+xml" in octets:
        return (
            "The file is an MTOM package without the head of its request, which names the "
            "boundary: store all of the request, from POST on."
        )
    return _by_octets(octets) or _answer(octets)


def unknown_service(octets: bytes) -> str:
    """Return why it cannot be seen for which service a message is."""
    try:
        root = parse_message(octets)
    except Refusal as refusal:
        if octets.lstrip()[:1] != b"<":
            return f"The file is text, and no XML: {_STORE[0].lower()}{_STORE[1:]}"
        return (
            f"It cannot be seen which service it was for, and it cannot be parsed "
            f"({refusal.check.id}): give --service or --url to explain the rest."
        )
    if root.tag != f"{{{SOAP}}}Envelope":
        return (
            f"The file is XML with the root {_shown(local_name(root))}, no SOAP message. {_STORE}"
        )
    child = next(iter(root.iterfind(f"{{{SOAP}}}Body/*")), None)
    if child is None:
        return "The Body of the message is empty: give --service or --url to explain the rest."
    return (
        f"{_shown(local_name(child))} is the request of no service here: give --service or --url "
        "to explain the rest."
    )


def _without_body(octets: bytes) -> str:
    ends = [(at, end) for end in _ENDS if (at := octets.find(end)) > 0]
    if ends:
        at, end = min(ends)
        if not octets[at + len(end) :].strip():
            return (
                "The file has the head of a request and no body: the tool that stored it left it "
                f"out. {_STORE}"
            )
    return ""


def _by_octets(octets: bytes) -> str:
    pem = _PEM.match(octets.lstrip())
    if pem is not None:
        kind = pem[1].decode().lower()
        if kind.endswith("private key"):
            return "The file is a private key: keep it to yourself, and give a request."
        return f"The file is a {kind} (PEM). A certificate is explained with --cert."
    for start, kind, advice in _KINDS:
        if octets.startswith(start):
            return f"The file is {kind}, no request. {advice}"
    if b"\0" in octets:
        return f"The file is binary, no request. {_STORE}"
    return ""


def _answer(octets: bytes) -> str:
    if b"Response" not in octets:
        return ""
    try:
        root = parse_message(octets)
    except Refusal:
        return ""
    child = next(iter(root.iterfind(f"{{{SOAP}}}Body/*")), None)
    service = _RESPONSES.get(local_name(child)) if child is not None else None
    if child is None or service is None:
        return ""
    return (
        f"The file is an answer of {service.name} ({local_name(child)}), no request: give the "
        "request that it answers."
    )


def _shown(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name[:60])
