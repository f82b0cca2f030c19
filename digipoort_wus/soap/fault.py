"""SOAP faults: the one place where a refusal becomes what a client sees."""

from dataclasses import dataclass

from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.names import (
    SOAP,
    TYPES,
    WSA,
    WSA_ANONYMOUS,
    WSA_FAULT_ACTION,
    WSA_UNSPECIFIED,
    Operation,
    Service,
)

_GENERIC = (
    "Het bericht voldoet niet aan de koppelvlakspecificatie en is niet verwerkt.",
    "De aanvraag kan door een technische storing niet worden verwerkt. Probeer het later opnieuw.",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a fault says: ``foutcode`` and ``foutbeschrijving``, and whose mistake it is."""

    code: str
    text: str
    side: str


def fault_of(refusal: Refusal, service: Service, *, explain: bool) -> Fault:
    """Return the fault that a refusal becomes on a service.

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
    """Return a whole unsigned fault message as UTF-8 octets with an XML declaration.

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
    fault_element = etree.SubElement(detail, f"{{{TYPES}}}{service.fault}", nsmap={"fault": TYPES})
    etree.SubElement(fault_element, f"{{{TYPES}}}foutcode").text = fault.code
    etree.SubElement(fault_element, f"{{{TYPES}}}foutbeschrijving").text = fault.text
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
