"""From an envelope to a Message: position decides, and only what is signed is read.

Headers come from :func:`~digipoort_wus.ebms.surviving.surviving`, the copy without what the
signature leaves out. What stands in the envelope beside it is looked at to refuse it, never
to read it, but for SyncReply: that is always outside of the signature, so it is a hint.
"""

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms import structure
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.fields import (
    boolean,
    child,
    children,
    digest_reference,
    identifier,
    optional_identifier,
    optional_time,
    party,
    reported_error,
    service,
    time,
)
from digipoort_wus.ebms.message import (
    Acknowledgment,
    AckRequested,
    ManifestReference,
    Message,
    MessageHeader,
    MessageOrder,
    MessageStatus,
    StatusRequest,
    StatusResponse,
)
from digipoort_wus.ebms.names import EB, XLINK
from digipoort_wus.ebms.schema import require_valid
from digipoort_wus.ebms.structure import ACTOR, BODY, HEADER, Extensions
from digipoort_wus.ebms.surviving import surviving
from digipoort_wus.errors import Refusal
from digipoort_wus.names import DS, SOAP
from digipoort_wus.soap.multipart import read_cid
from digipoort_wus.xmlsafe.lookover import Unparsed, look_over
from digipoort_wus.xmlsafe.parse import parse_unparsed

_REFERENCE = f"{{{DS}}}Reference"
_MESSAGE_HEADER = f"{HEADER}/MessageHeader"


def read_envelope(octets: bytes) -> etree._Element:
    """Parse an envelope, in this thread, and return its root.

    A thread that does not end keeps the names in it: for strangers call
    :func:`look_over_envelope` and :func:`parse_envelope`, the latter apart where names are new.

    Args:
        octets: of the root part, or of a body that is no package.

    Raises:
        EbmsRefusal: EBMS-XML.
    """
    return parse_envelope(look_over_envelope(octets))


def look_over_envelope(octets: bytes) -> Unparsed:
    """Check of an envelope what can be checked before the parse.

    Raises:
        EbmsRefusal: EBMS-XML.
    """
    try:
        return look_over(octets)
    except Refusal as refusal:
        raise _no_envelope(refusal) from refusal


def parse_envelope(unparsed: Unparsed) -> etree._Element:
    """Parse an envelope that was looked over, in this thread; its octets are taken.

    Raises:
        EbmsRefusal: EBMS-XML.
    """
    try:
        return parse_unparsed(unparsed)
    except Refusal as refusal:
        raise _no_envelope(refusal) from refusal


def _no_envelope(refusal: Refusal) -> EbmsRefusal:
    return EbmsRefusal(
        checks.EBMS_XML,
        at=structure.ENVELOPE,
        expected=refusal.expected or refusal.check.rule,
        received=refusal.received,
    )


def read_header(
    envelope: etree._Element, *, survived: etree._Element | None = None
) -> MessageHeader:
    """Read the MessageHeader alone: for who answers that the rest of a message is wrong.

    Args:
        envelope: root of a parsed message, as it came; not changed.
        survived: what survives of it, where that was found already; not changed.

    Raises:
        EbmsRefusal: EBMS-XML, EBMS-ACTOR, EBMS-UNIQUE, EBMS-VERSION, EBMS-SCHEMA, EBMS-TIME or
            EBMS-URI: then nobody knows to whom an answer would go.
    """
    at = _MESSAGE_HEADER
    remains = surviving(envelope) if survived is None else survived
    found = remains.findall(f"{{{SOAP}}}Header/{{{EB}}}MessageHeader")
    if len(found) != 1:
        raise EbmsRefusal(
            checks.EBMS_UNIQUE if found else checks.EBMS_SCHEMA,
            at=at,
            expected="one",
            received=str(len(found)),
        )
    structure.require_version(found[0], at=at)
    require_valid(found[0], at=at)
    return _message_header(found[0], at)


def read_message(
    envelope: etree._Element,
    *,
    survived: etree._Element | None = None,
    header: MessageHeader | None = None,
) -> Message:
    """Read every extension of ebMS in an envelope.

    Its signature is not looked at: verify that first.

    Args:
        envelope: root of a parsed message, as it came; not changed.
        survived: what survives of it, where that was found already; not changed.
        header: what :func:`read_header` read of the same ``survived``, which is not read twice.

    Raises:
        EbmsRefusal: EBMS-XML, EBMS-ACTOR, EBMS-UNIQUE, EBMS-VERSION, EBMS-SCHEMA, EBMS-TIME,
            EBMS-URI, EBMS-MUST-UNDERSTAND or EBMS-MANIFEST-HREF.

    ebMS 2.0 §2.3, §3.
    """
    seen = structure.read(envelope)
    structure.require_understood(envelope)
    for name, extension in seen.named():
        structure.require_version(extension, at=name)
    # What survives is judged and read; SyncReply never does, so it is judged where it stands.
    read = structure.read_surviving(surviving(envelope) if survived is None else survived)
    for name, extension in read.named():
        if header is None or name != _MESSAGE_HEADER:
            require_valid(extension, at=name)
    sync_reply = seen.header.get("SyncReply")
    if sync_reply is not None:
        require_valid(sync_reply, at=f"{HEADER}/SyncReply")
    found = read.header.get("MessageHeader")
    if found is None:
        raise EbmsRefusal(checks.EBMS_SCHEMA, at=_MESSAGE_HEADER, expected="one", received="none")
    if header is None:
        header = _message_header(found, _MESSAGE_HEADER)
    return _message(read, header, sync_reply=sync_reply is not None)


def _message(read: Extensions, header: MessageHeader, *, sync_reply: bool) -> Message:
    found, body = read.header, read.body
    ack_requested = found.get("AckRequested")
    acknowledgment = found.get("Acknowledgment")
    error_list = found.get("ErrorList")
    order = found.get("MessageOrder")
    manifest = body.get("Manifest")
    request, response = body.get("StatusRequest"), body.get("StatusResponse")
    return Message(
        header=header,
        sync_reply=sync_reply,
        ack_requested=None if ack_requested is None else _ack_requested(ack_requested),
        acknowledgment=(
            None
            if acknowledgment is None
            else _acknowledgment(acknowledgment, f"{HEADER}/Acknowledgment")
        ),
        errors=() if error_list is None else tuple(map(reported_error, children(error_list))),
        order=None if order is None else _order(order),
        manifest=() if manifest is None else _manifest(manifest),
        status_request=(
            None
            if request is None
            else StatusRequest(identifier(request, "RefToMessageId", f"{BODY}/StatusRequest"))
        ),
        status_response=None if response is None else _status_response(response),
    )


def _message_header(header: etree._Element, at: str) -> MessageHeader:
    data, data_at = child(header, "MessageData"), f"{at}/MessageData"
    return MessageHeader(
        sender=party(child(header, "From"), f"{at}/From"),
        receiver=party(child(header, "To"), f"{at}/To"),
        cpa_id=identifier(header, "CPAId", at),
        conversation_id=identifier(header, "ConversationId", at),
        service=service(child(header, "Service"), f"{at}/Service"),
        action=identifier(header, "Action", at),
        message_id=identifier(data, "MessageId", data_at),
        timestamp=time(data, "Timestamp", data_at),
        ref_to_message_id=optional_identifier(data, "RefToMessageId", data_at),
        time_to_live=optional_time(data, "TimeToLive", data_at),
        duplicate_elimination=header.find(f"{{{EB}}}DuplicateElimination") is not None,
    )


def _ack_requested(element: etree._Element) -> AckRequested:
    return AckRequested(signed=boolean(element, "signed"), actor=element.get(ACTOR))


def _acknowledgment(element: etree._Element, at: str) -> Acknowledgment:
    sender = element.find(f"{{{EB}}}From")
    return Acknowledgment(
        timestamp=time(element, "Timestamp", at),
        ref_to_message_id=identifier(element, "RefToMessageId", at),
        sender=() if sender is None else party(sender, f"{at}/From").ids,
        references=tuple(map(digest_reference, element.iterchildren(_REFERENCE))),
        actor=element.get(ACTOR),
    )


def _order(element: etree._Element) -> MessageOrder:
    number = child(element, "SequenceNumber")
    return MessageOrder(int(number.text or "0"), reset=number.get(f"{{{EB}}}status") == "Reset")


def _manifest(element: etree._Element) -> tuple[ManifestReference, ...]:
    return tuple(
        _manifest_reference(reference, f"{BODY}/Manifest/Reference[{number}]")
        for number, reference in enumerate(element.iterchildren(f"{{{EB}}}Reference"), 1)
    )


def _manifest_reference(element: etree._Element, at: str) -> ManifestReference:
    content_id = read_cid(element.get(f"{{{XLINK}}}href", ""))
    # Not the href: it may be anything, such as a path that was tried.
    if not content_id:
        raise EbmsRefusal(
            checks.EBMS_MANIFEST_HREF,
            at=f"{at}/@href",
            expected="cid:...",
            received="another scheme or form",
        )
    role = element.get(f"{{{XLINK}}}role")
    described = element.find(f"{{{EB}}}Description")
    return ManifestReference(content_id, role, None if described is None else described.text or "")


def _status_response(element: etree._Element) -> StatusResponse:
    at = f"{BODY}/StatusResponse"
    return StatusResponse(
        identifier(element, "RefToMessageId", at),
        MessageStatus(element.get(f"{{{EB}}}messageStatus", "")),
        optional_time(element, "Timestamp", at),
    )
