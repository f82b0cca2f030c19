"""From a Message to an envelope, unsigned.

Every prefix is declared on the root and there is no white space between elements: so both
canonical forms, copies and all parsers have the same of it, and what is signed stays signed.
"""

from datetime import UTC, datetime

from lxml import etree

from digipoort_wus.ebms.errors import Severity
from digipoort_wus.ebms.message import (
    Acknowledgment,
    AckRequested,
    ManifestReference,
    Message,
    MessageHeader,
    MessageOrder,
    Party,
    PartyId,
    ReportedError,
    Service,
)
from digipoort_wus.ebms.names import ACTOR_NEXT, EB, VERSION, XLINK
from digipoort_wus.ebms.quirks import PLAIN, Quirks
from digipoort_wus.ebms.signing import add_reference, cid_of
from digipoort_wus.names import DS, SOAP

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_ENGLISH = "en"


def write_envelope(message: Message, quirks: Quirks = PLAIN) -> etree._Element:
    """Write a message; what is written reads back as the same message.

    Args:
        message: of valid values: nothing is checked but that XML can hold them. Times are
            written in whole seconds of UTC, which is all that Digipoort reads.
        quirks: of the receiver; its prefixes are used here.

    Raises:
        ValueError: a text has a character that XML 1.0 does not have.

    ebMS 2.0 §2.3, §3.
    """
    used = quirks.prefixes
    nsmap = {used.soap: SOAP, used.eb: EB, used.xlink: XLINK}
    if message.acknowledgment is not None and message.acknowledgment.references:
        nsmap["ds"] = DS
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap=nsmap)
    header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
    _add_message_header(_extension(header, "MessageHeader"), message.header)
    if message.sync_reply:
        _extension(header, "SyncReply").set(f"{{{SOAP}}}actor", ACTOR_NEXT)
    if message.ack_requested is not None:
        _add_ack_requested(_extension(header, "AckRequested"), message.ack_requested)
    if message.acknowledgment is not None:
        _add_acknowledgment(
            _extension(header, "Acknowledgment"), message.acknowledgment, prefix=used.soap
        )
    if message.errors:
        _add_errors(_extension(header, "ErrorList"), message.errors)
    if message.order is not None:
        _add_order(_extension(header, "MessageOrder"), message.order)
    _add_body(etree.SubElement(envelope, f"{{{SOAP}}}Body"), message)
    return envelope


def octets_of(envelope: etree._Element) -> bytes:
    """Return an envelope as UTF-8 octets, as it goes over the wire."""
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element: etree._Element = etree.SubElement(parent, f"{{{EB}}}{name}")
    element.text = text
    return element


def _extension(section: etree._Element, name: str) -> etree._Element:
    element = _add(section, name)
    element.set(f"{{{EB}}}version", VERSION)
    if section.tag == f"{{{SOAP}}}Header":
        element.set(f"{{{SOAP}}}mustUnderstand", "1")
    return element


def _add_message_header(element: etree._Element, header: MessageHeader) -> None:
    _add_party(_add(element, "From"), header.sender)
    _add_party(_add(element, "To"), header.receiver)
    _add(element, "CPAId", header.cpa_id)
    _add(element, "ConversationId", header.conversation_id)
    _add_typed(element, "Service", header.service)
    _add(element, "Action", header.action)
    data = _add(element, "MessageData")
    _add(data, "MessageId", header.message_id)
    _add(data, "Timestamp", _time(header.timestamp))
    if header.ref_to_message_id is not None:
        _add(data, "RefToMessageId", header.ref_to_message_id)
    if header.time_to_live is not None:
        _add(data, "TimeToLive", _time(header.time_to_live))
    if header.duplicate_elimination:
        _add(element, "DuplicateElimination")


def _add_party(element: etree._Element, party: Party) -> None:
    for each in party.ids:
        _add_typed(element, "PartyId", each)
    if party.role is not None:
        _add(element, "Role", party.role)


def _add_typed(parent: etree._Element, name: str, value: PartyId | Service) -> None:
    element = _add(parent, name, value.value)
    if value.type is not None:
        element.set(f"{{{EB}}}type", value.type)


def _add_ack_requested(element: etree._Element, asked: AckRequested) -> None:
    element.set(f"{{{EB}}}signed", "true" if asked.signed else "false")
    if asked.actor is not None:
        element.set(f"{{{SOAP}}}actor", asked.actor)


def _add_acknowledgment(
    element: etree._Element, acknowledgment: Acknowledgment, *, prefix: str
) -> None:
    if acknowledgment.actor is not None:
        element.set(f"{{{SOAP}}}actor", acknowledgment.actor)
    _add(element, "Timestamp", _time(acknowledgment.timestamp))
    _add(element, "RefToMessageId", acknowledgment.ref_to_message_id)
    if acknowledgment.sender:
        _add_party(_add(element, "From"), Party(acknowledgment.sender))
    for reference in acknowledgment.references:
        add_reference(element, reference, prefix)


def _add_errors(element: etree._Element, errors: tuple[ReportedError, ...]) -> None:
    worst = Severity.ERROR if any(each.severity is Severity.ERROR for each in errors) else None
    element.set(f"{{{EB}}}highestSeverity", worst or Severity.WARNING)
    for each in errors:
        error = _add(element, "Error")
        error.set(f"{{{EB}}}codeContext", each.context)
        error.set(f"{{{EB}}}errorCode", each.code)
        error.set(f"{{{EB}}}severity", each.severity)
        if each.location is not None:
            error.set(f"{{{EB}}}location", each.location)
        if each.description is not None:
            _add(error, "Description", each.description).set(_LANG, _ENGLISH)


def _add_order(element: etree._Element, order: MessageOrder) -> None:
    number = _add(element, "SequenceNumber", str(order.sequence_number))
    number.set(f"{{{EB}}}status", "Reset" if order.reset else "Continue")


def _add_body(body: etree._Element, message: Message) -> None:
    if message.manifest:
        manifest = _extension(body, "Manifest")
        for listed in message.manifest:
            _add_reference(manifest, listed)
    if message.status_request is not None:
        request = _extension(body, "StatusRequest")
        _add(request, "RefToMessageId", message.status_request.ref_to_message_id)
    if message.status_response is not None:
        told = message.status_response
        response = _extension(body, "StatusResponse")
        response.set(f"{{{EB}}}messageStatus", told.status)
        _add(response, "RefToMessageId", told.ref_to_message_id)
        if told.timestamp is not None:
            _add(response, "Timestamp", _time(told.timestamp))


def _add_reference(manifest: etree._Element, listed: ManifestReference) -> None:
    element = _add(manifest, "Reference")
    element.set(f"{{{XLINK}}}type", "simple")
    element.set(f"{{{XLINK}}}href", cid_of(listed.content_id))
    if listed.role is not None:
        element.set(f"{{{XLINK}}}role", listed.role)
    if listed.description is not None:
        _add(element, "Description", listed.description).set(_LANG, _ENGLISH)


def _time(moment: datetime) -> str:
    # Not strftime: that writes the year 33 with two digits.
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
