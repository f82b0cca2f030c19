"""ebMS messages for tests, as XML text and MIME octets: good ones, and whatever a test changes.

The text is written by hand, not by the package: what the package writes is tested against it.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from digipoort_wus.ebms.names import (
    ACTOR_NEXT,
    EB,
    OIN_TYPE,
    SERVICE_TYPE,
    SIGNALS,
    XLINK,
)
from digipoort_wus.names import SOAP

AGENCY, DIGIPOORT = "00000099000000001000", "00000099000000002000"
CPA_ID = "aanleveren_agency_digipoort_1"
CONVERSATION = "c0ffee00-0000-4000-8000-000000000001"
MESSAGE_ID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427@agency.example.nl"
OTHER_ID = "6fa459ea-ee8a-3ca4-894e-db77e160355e@digipoort.example.nl"
TIMESTAMP = "2026-06-01T12:00:00Z"
BOUNDARY = "-=0f6d8a52-7c1e-4b39-9d4e-2a5b8c7d6e1f=-"
ROOT = "0@agency.example.nl"
PAYLOAD = b'<?xml version="1.0"?><aanleverBericht xmlns="urn:x">inhoud</aanleverBericht>'
PAYLOAD_ID = "1@agency.example.nl"

ATTRIBUTES = 'eb:version="2.0" soap:mustUnderstand="1"'
FROM = (
    f'<eb:From><eb:PartyId eb:type="{OIN_TYPE}">{AGENCY}</eb:PartyId>'
    "<eb:Role>OVERHEID</eb:Role></eb:From>"
)
TO = (
    f'<eb:To><eb:PartyId eb:type="{OIN_TYPE}">{DIGIPOORT}</eb:PartyId>'
    "<eb:Role>DIGIPOORT</eb:Role></eb:To>"
)
SERVICE = f'<eb:Service eb:type="{SERVICE_TYPE}">osb:aanleveren:1.1$1.0</eb:Service>'
DATA = (
    f"<eb:MessageData><eb:MessageId>{MESSAGE_ID}</eb:MessageId>"
    f"<eb:Timestamp>{TIMESTAMP}</eb:Timestamp></eb:MessageData>"
)
MESSAGE_HEADER = (
    f"<eb:MessageHeader {ATTRIBUTES}>{FROM}{TO}<eb:CPAId>{CPA_ID}</eb:CPAId>"
    f"<eb:ConversationId>{CONVERSATION}</eb:ConversationId>{SERVICE}"
    f"<eb:Action>aanleveren</eb:Action>{DATA}</eb:MessageHeader>"
)
ONCE_ONLY = MESSAGE_HEADER.replace(
    "</eb:MessageHeader>", "<eb:DuplicateElimination/></eb:MessageHeader>"
)
SYNC_REPLY = f'<eb:SyncReply {ATTRIBUTES} soap:actor="{ACTOR_NEXT}"/>'
ACK_REQUESTED = f'<eb:AckRequested {ATTRIBUTES} eb:signed="false"/>'
ACKNOWLEDGMENT = (
    f"<eb:Acknowledgment {ATTRIBUTES}><eb:Timestamp>{TIMESTAMP}</eb:Timestamp>"
    f"<eb:RefToMessageId>{MESSAGE_ID}</eb:RefToMessageId>"
    f'<eb:From><eb:PartyId eb:type="{OIN_TYPE}">{DIGIPOORT}</eb:PartyId></eb:From>'
    "</eb:Acknowledgment>"
)
ERROR_LIST = (
    f'<eb:ErrorList {ATTRIBUTES} eb:highestSeverity="Error">'
    '<eb:Error eb:errorCode="Inconsistent" eb:severity="Error" '
    'eb:location="//Header/MessageHeader/CPAId">'
    '<eb:Description xml:lang="en">other parties</eb:Description></eb:Error></eb:ErrorList>'
)
MESSAGE_ORDER = (
    f"<eb:MessageOrder {ATTRIBUTES}>"
    '<eb:SequenceNumber eb:status="Reset">0</eb:SequenceNumber></eb:MessageOrder>'
)
STATUS_REQUEST = (
    '<eb:StatusRequest eb:version="2.0">'
    f"<eb:RefToMessageId>{MESSAGE_ID}</eb:RefToMessageId></eb:StatusRequest>"
)
STATUS_RESPONSE = (
    '<eb:StatusResponse eb:version="2.0" eb:messageStatus="Received">'
    f"<eb:RefToMessageId>{MESSAGE_ID}</eb:RefToMessageId>"
    f"<eb:Timestamp>{TIMESTAMP}</eb:Timestamp></eb:StatusResponse>"
)


def manifest(*hrefs: str) -> str:
    """Return a Manifest with a Reference for each href."""
    references = "".join(
        f'<eb:Reference xlink:type="simple" xlink:href="{href}"/>' for href in hrefs
    )
    return f'<eb:Manifest eb:version="2.0">{references}</eb:Manifest>'


MANIFEST = manifest(f"cid:{PAYLOAD_ID}")


def envelope(header: str = MESSAGE_HEADER, body: str = "", *, declared: str = "") -> str:
    """Return an envelope around what stands in its Header and in its Body."""
    return (
        f'<soap:Envelope xmlns:soap="{SOAP}" xmlns:eb="{EB}" xmlns:xlink="{XLINK}"{declared}>'
        f"<soap:Header>{header}</soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
    )


def signal_header(action: str, *, refers: bool = True) -> str:
    """Return the MessageHeader of a signal from Digipoort to the agency."""
    refers_to = f"<eb:RefToMessageId>{MESSAGE_ID}</eb:RefToMessageId>" if refers else ""
    return (
        f"<eb:MessageHeader {ATTRIBUTES}>"
        f'<eb:From><eb:PartyId eb:type="{OIN_TYPE}">{DIGIPOORT}</eb:PartyId></eb:From>'
        f'<eb:To><eb:PartyId eb:type="{OIN_TYPE}">{AGENCY}</eb:PartyId></eb:To>'
        f"<eb:CPAId>{CPA_ID}</eb:CPAId><eb:ConversationId>{CONVERSATION}</eb:ConversationId>"
        f"<eb:Service>{SIGNALS}</eb:Service><eb:Action>{action}</eb:Action>"
        f"<eb:MessageData><eb:MessageId>{OTHER_ID}</eb:MessageId>"
        f"<eb:Timestamp>{TIMESTAMP}</eb:Timestamp>{refers_to}</eb:MessageData></eb:MessageHeader>"
    )


BUSINESS = envelope(ONCE_ONLY + ACK_REQUESTED, MANIFEST)
"""A reliable filing with one payload."""
SIGNALS_SENT = {
    "Acknowledgment": envelope(signal_header("Acknowledgment") + ACKNOWLEDGMENT),
    "MessageError": envelope(signal_header("MessageError") + ERROR_LIST),
    "Ping": envelope(signal_header("Ping", refers=False)),
    "Pong": envelope(signal_header("Pong")),
    "StatusRequest": envelope(signal_header("StatusRequest", refers=False), STATUS_REQUEST),
    "StatusResponse": envelope(signal_header("StatusResponse"), STATUS_RESPONSE),
}


@dataclass(frozen=True)
class MimePart:
    """One part of a package, with its headers as they are written."""

    headers: Sequence[tuple[str, str]]
    octets: bytes = field(repr=False)

    def written(self) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return lines.encode() + b"\r\n" + self.octets


def root_part(text: str = BUSINESS, content_id: str = f"<{ROOT}>") -> MimePart:
    return MimePart(
        (("Content-Type", "text/xml; charset=UTF-8"), ("Content-ID", content_id)), text.encode()
    )


def payload_part(
    octets: bytes = PAYLOAD,
    content_id: str = f"<{PAYLOAD_ID}>",
    *,
    media_type: str = "application/xml",
    more: Sequence[tuple[str, str]] = (),
) -> MimePart:
    return MimePart((("Content-Type", media_type), ("Content-ID", content_id), *more), octets)


def base64_part(octets: bytes = PAYLOAD, content_id: str = f"<{PAYLOAD_ID}>") -> MimePart:
    return payload_part(
        base64.encodebytes(octets).replace(b"\n", b"\r\n"),
        content_id,
        more=(("Content-Transfer-Encoding", "base64"),),
    )


def body_of(parts: Sequence[MimePart], *, boundary: str = BOUNDARY) -> bytes:
    """Return the body of a package."""
    mark = f"--{boundary}".encode()
    written = b"".join(mark + b"\r\n" + part.written() + b"\r\n" for part in parts)
    return written + mark + b"--\r\n"


def content_type(*, boundary: str = BOUNDARY, start: str | None = f"<{ROOT}>") -> str:
    """Return the Content-Type of a package."""
    started = "" if start is None else f'; start="{start}"'
    return f'multipart/related; type="text/xml"{started}; boundary="{boundary}"'


def package(parts: Sequence[MimePart] | None = None) -> tuple[bytes, str]:
    """Return body and Content-Type of a package; of the usual one without parts."""
    return body_of(parts if parts is not None else (root_part(), payload_part())), content_type()
