"""SOAP faults: the one place where a refusal becomes what a client sees.

Two forms. Digipoort's says one official code and a fixed text in the detail; what
is wrong stands there in a sandbox only. Digikoppeling's names the kind of mistake
in faultcode, its four-digit code in faultstring, and has a detail only for what
is wrong in the Body.
"""

from dataclasses import dataclass
from enum import Enum

from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.names import (
    SOAP,
    WSA,
    WSA_ADDRESSING_FAULT_ACTION,
    WSA_ANONYMOUS,
    WSA_FAULT_ACTION,
    WSA_REPLY,
    WSA_UNSPECIFIED,
    WSSE,
    WSU,
    Operation,
    Service,
)
from digipoort_wus.soap.faultcodes import Row, row_of

_GENERIC = (
    "Het bericht voldoet niet aan de koppelvlakspecificatie en is niet verwerkt.",
    "De aanvraag kan door een technische storing niet worden verwerkt. Probeer het later opnieuw.",
)
_PREFIXES = {"soap": SOAP, "wsa": WSA, "wsse": WSSE, "wsu": WSU}
_HEADERS = ("To", "Action", "MessageID", "RelatesTo", "ReplyTo", "FaultTo", "From")
"""Those that a fault names; the name of any other is the sender's text."""
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class FaultForm(Enum):
    """What a fault looks like."""

    DIGIPOORT = "a code of the service in the detail, with a fixed text"
    DIGIKOPPELING = "a faultcode by kind, and a code of four digits in faultstring"


@dataclass(frozen=True, slots=True)
class Fault:
    """What a fault says: ``foutcode`` and ``foutbeschrijving``, and whose mistake it is."""

    code: str
    text: str
    side: str


def fault_of(refusal: Refusal, service: Service, *, explain: bool) -> Fault:
    """Return the fault that a refusal becomes on a service of Digipoort.

    Args:
        refusal: what was refused, and why.
        service: gives the prefix of the code.
        explain: add the explanation (sandbox); otherwise only the generic text.

    The form of the text follows the observed ALS100: a fixed sentence, a blank
    line, and the reason, which the real Digipoort leaves empty.
    """
    check = refusal.check
    text = _GENERIC[check.side == "Server"]
    if explain:
        text += f"\n\nDe volgende fout is opgetreden: {refusal.uitleg()}"
    return Fault(f"{service.fault_prefix}{check.code}", text, check.side)


def fault_envelope(
    fault: Fault,
    service: Service,
    operation: Operation | None,
    *,
    message_id: str,
    relates_to: str | None,
) -> bytes:
    """Return a whole unsigned fault message of Digipoort as UTF-8 octets with an XML declaration.

    Args:
        operation: None when the request did not say which one it wanted.
        message_id: of the fault.
        relates_to: wsa:MessageID of the request; None when it was not readable.

    Faults are unsigned, as observed, and as the public WSDL's policy attachment
    says. Clients look the text up under the literal prefix ``fault``, so the
    prefix is part of the form.
    """
    action = service.fault_action(operation) if operation else WSA_FAULT_ACTION
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soapenv": SOAP, "wsa": WSA})
    header = etree.SubElement(root, f"{{{SOAP}}}Header")
    for name, value in (
        ("To", WSA_ANONYMOUS),
        ("MessageID", message_id),
        ("Action", action),
        ("RelatesTo", relates_to or WSA_UNSPECIFIED),
    ):
        etree.SubElement(header, f"{{{WSA}}}{name}").text = value
    body = etree.SubElement(root, f"{{{SOAP}}}Body")
    element = etree.SubElement(body, f"{{{SOAP}}}Fault")
    for name, value in (
        ("faultcode", f"soapenv:{fault.side}"),
        ("faultstring", "Algemene fout"),
        ("faultactor", "Verantwoordingsplichtige" if fault.side == "Client" else "Digipoort"),
    ):
        etree.SubElement(element, name).text = value
    detail = etree.SubElement(element, "detail")
    types = service.types
    fault_element = etree.SubElement(detail, f"{{{types}}}{service.fault}", nsmap={"fault": types})
    etree.SubElement(fault_element, f"{{{types}}}foutcode").text = fault.code
    etree.SubElement(fault_element, f"{{{types}}}foutbeschrijving").text = fault.text
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


@dataclass(frozen=True, slots=True)
class DigikoppelingFault:
    """What a fault of Digikoppeling says.

    Args:
        row: faultcode and four-digit code.
        text: faultstring, Dutch.
        header: local name of the wsa header that is wrong, empty for none.
    """

    row: Row
    text: str
    header: str


def digikoppeling_fault_of(refusal: Refusal, *, explain: bool) -> DigikoppelingFault:
    """Return the fault that a refusal becomes on a service of Digikoppeling.

    Args:
        refusal: what was refused, and why.
        explain: add the explanation (sandbox); otherwise only code and meaning.
    """
    row = row_of(refusal.check, refusal.about)
    text = f"{row.text} {refusal.uitleg()}" if explain else row.text
    named = row.is_addressing and refusal.about in _HEADERS
    return DigikoppelingFault(row, text, refusal.about if named else "")


def digikoppeling_fault(
    fault: DigikoppelingFault,
    service: Service,
    operation: Operation | None,
    *,
    message_id: str,
    relates_to: str | None,
) -> etree._Element:
    """Return a whole unsigned fault message of Digikoppeling as a tree, ready to be signed.

    Args:
        operation: None when the request did not say which one it wanted.
        message_id: of the fault.
        relates_to: wsa:MessageID of the request; None when it was not readable.

    SOAP 1.1 §4.4; WS-Addressing 1.0 SOAP Binding §6; Digikoppeling WUS WA001.
    """
    # Prefixes at the top: faultcode and ProblemHeaderQName are QNames in text.
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap=_PREFIXES)
    header = etree.SubElement(root, f"{{{SOAP}}}Header")
    # Only what is wrong in the Body has a detail, and with it the action of the WSDL.
    declared = operation if fault.row.in_body else None
    if declared is not None:
        action = service.fault_action(declared)
    else:
        action = WSA_ADDRESSING_FAULT_ACTION if fault.row.is_addressing else WSA_FAULT_ACTION
    for name, value in (
        ("To", WSA_ANONYMOUS),
        ("Action", action),
        ("MessageID", message_id),
        ("RelatesTo", relates_to or WSA_UNSPECIFIED),
    ):
        etree.SubElement(header, f"{{{WSA}}}{name}").text = value
    header[-1].set("RelationshipType", WSA_REPLY)
    if fault.header:
        problem = etree.SubElement(header, f"{{{WSA}}}FaultDetail")
        problem = etree.SubElement(problem, f"{{{WSA}}}ProblemHeaderQName")
        problem.text = f"wsa:{fault.header}"
    body = etree.SubElement(root, f"{{{SOAP}}}Body")
    element = etree.SubElement(body, f"{{{SOAP}}}Fault")
    etree.SubElement(element, "faultcode").text = fault.row.faultcode
    string = etree.SubElement(element, "faultstring")
    string.text = fault.text
    string.set(_XML_LANG, "nl")
    if declared is not None:
        detail = etree.SubElement(element, "detail")
        said = etree.SubElement(
            detail, f"{{{service.types}}}{service.fault}", nsmap={"fault": service.types}
        )
        etree.SubElement(said, f"{{{service.types}}}code").text = fault.row.code
        etree.SubElement(said, f"{{{service.types}}}text").text = fault.text
    return root
