"""Faults, to the letter: clients look their parts up by prefix and position."""

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.contract.schema import validate
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import (
    AANLEVER,
    AFLEVER,
    ECHO_BE_S,
    OPHAAL,
    SERVICES,
    SOAP,
    STATUSINFORMATIE,
    TYPES,
    WSA,
    WSA_ADDRESSING_FAULT_ACTION,
    WSA_ANONYMOUS,
    WSA_FAULT_ACTION,
    WSA_UNSPECIFIED,
    WSSE,
    WSU,
    Service,
)
from digipoort_wus.soap.addressing import DIGIKOPPELING, read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.soap.fault import (
    digikoppeling_fault,
    digikoppeling_fault_of,
    fault_envelope,
    fault_of,
)
from digipoort_wus.soap.faultcodes import row_of
from digipoort_wus.xmlsafe.parse import parse_message

GENERIC = "Het bericht voldoet niet aan de koppelvlakspecificatie en is niet verwerkt."
EXACT = f"""\
<?xml version='1.0' encoding='UTF-8'?>
<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:wsa="{WSA}"><soapenv:Header>\
<wsa:To>{WSA_ANONYMOUS}</wsa:To><wsa:MessageID>urn:uuid:1</wsa:MessageID>\
<wsa:Action>http://logius.nl/digipoort/wus/2.0/aanleverservice/1.2/AanleverService/aanleveren/Fault/\
</wsa:Action><wsa:RelatesTo>urn:uuid:2</wsa:RelatesTo></soapenv:Header><soapenv:Body>\
<soapenv:Fault><faultcode>soapenv:Client</faultcode><faultstring>Algemene fout</faultstring>\
<faultactor>Verantwoordingsplichtige</faultactor><detail>\
<fault:aanleverFault xmlns:fault="{TYPES}"><fault:foutcode>ALS100</fault:foutcode>\
<fault:foutbeschrijving>{GENERIC}</fault:foutbeschrijving></fault:aanleverFault></detail>\
</soapenv:Fault></soapenv:Body></soapenv:Envelope>"""


def made(refusal: Refusal, service: Service, *, explain: bool = False) -> bytes:
    return fault_envelope(
        fault_of(refusal, service, explain=explain),
        service,
        service.operations[0],
        message_id="urn:uuid:1",
        relates_to="urn:uuid:2",
    )


def test_the_form_that_was_observed() -> None:
    octets = made(Refusal(checks.XSD_VALID), AANLEVER)
    assert octets.decode() == EXACT


def test_the_prefix_fault_is_declared_on_the_detail() -> None:
    root = parse_message(made(Refusal(checks.XSD_VALID), OPHAAL))
    detail = next(root.iter("detail"))
    assert detail[0].nsmap["fault"] == TYPES
    assert detail[0].prefix == "fault"
    assert detail[0].find("fault:foutcode", detail[0].nsmap) is not None
    assert "fault" not in detail.nsmap


@pytest.mark.parametrize("service", [*SERVICES.values(), AFLEVER], ids=lambda service: service.name)
@pytest.mark.parametrize("check", checks.CATALOGUE, ids=lambda check: check.id)
def test_every_check_becomes_a_valid_fault(check: Check, service: Service) -> None:
    octets = made(Refusal(check, expected="é<&>", received="\x1b[1m"), service, explain=True)
    message = read_envelope(parse_message(octets))
    fault = message.body_child
    assert message.is_fault
    assert [child.tag for child in fault] == ["faultcode", "faultstring", "faultactor", "detail"]
    assert [child.tag for child in fault[3]] == [f"{{{TYPES}}}{service.fault}"]
    validate(fault[3][0])
    assert fault.findtext(f".//{{{TYPES}}}foutcode") == f"{service.fault_prefix}{check.code}"
    assert fault.findtext("faultcode") == f"soapenv:{check.side}"
    assert check.id in str(fault.findtext(f".//{{{TYPES}}}foutbeschrijving"))


@pytest.mark.parametrize(
    ("check", "words"),
    [(checks.XSD_VALID, "koppelvlakspecificatie"), (checks.TECHNICAL, "technische storing")],
)
def test_without_explanation_only_the_generic_text(check: Check, words: str) -> None:
    refusal = Refusal(check, expected="secret", received="secret")
    fault = fault_of(refusal, STATUSINFORMATIE, explain=False)
    assert words in fault.text
    assert "secret" not in fault.text
    assert check.id not in fault.text
    explained = fault_of(refusal, STATUSINFORMATIE, explain=True).text
    assert explained == (f"{fault.text}\n\nDe volgende fout is opgetreden: {refusal.uitleg()}")


def test_a_fault_about_a_request_that_could_not_be_read() -> None:
    octets = fault_envelope(
        fault_of(Refusal(checks.XML_WELL_FORMED), AANLEVER, explain=False),
        AANLEVER,
        None,
        message_id="urn:uuid:1",
        relates_to=None,
    )
    addressing = read_addressing(read_envelope(parse_message(octets)))
    assert addressing.action == WSA_FAULT_ACTION
    assert addressing.relates_to == WSA_UNSPECIFIED
    assert etree.fromstring(octets).find(f".//{{{WSA}}}To") is not None


# --- Digikoppeling -----------------------------------------------------------------

FAULT = f"""\
<soap:Envelope xmlns:soap="{SOAP}" xmlns:wsa="{WSA}" xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}">\
<soap:Header><wsa:To>{WSA_ANONYMOUS}</wsa:To>\
<wsa:Action>http://www.w3.org/2005/08/addressing/fault</wsa:Action>\
<wsa:MessageID>urn:uuid:1</wsa:MessageID>\
<wsa:RelatesTo RelationshipType="http://www.w3.org/2005/08/addressing/reply">{WSA_UNSPECIFIED}\
</wsa:RelatesTo><wsa:FaultDetail><wsa:ProblemHeaderQName>wsa:MessageID</wsa:ProblemHeaderQName>\
</wsa:FaultDetail></soap:Header><soap:Body><soap:Fault>\
<faultcode>wsa:MessageAddressingHeaderRequired</faultcode><faultstring xml:lang="nl">\
0007: WS-Addressing-header MessageID ontbreekt of is ongeldig.</faultstring></soap:Fault>\
</soap:Body></soap:Envelope>"""


def digikoppeling(
    refusal: Refusal, *, explain: bool = False, known: bool = True, related: str | None = None
) -> etree._Element:
    return digikoppeling_fault(
        digikoppeling_fault_of(refusal, explain=explain),
        ECHO_BE_S,
        ECHO_BE_S.operations[0] if known else None,
        message_id="urn:uuid:1",
        relates_to=related,
    )


def test_a_fault_of_digikoppeling_to_the_letter() -> None:
    refusal = Refusal(checks.WSA_REQUIRED, expected="wsa:MessageID", about="MessageID")
    assert etree.tostring(digikoppeling(refusal)).decode() == FAULT


@pytest.mark.parametrize("about", ["", "To", "mustUnderstand", "x"])
@pytest.mark.parametrize("check", checks.CATALOGUE, ids=lambda check: check.id)
def test_every_check_becomes_a_fault_of_digikoppeling(check: Check, about: str) -> None:
    refusal = Refusal(check, expected="é<&>", received="\x1b[1m", about=about)
    octets = etree.tostring(digikoppeling(refusal, explain=True, related="urn:uuid:2"))
    message = read_envelope(parse_message(octets))
    assert message.is_fault
    fault = message.body_child
    row = row_of(check, about)
    prefix, _, _ = str(fault.findtext("faultcode")).partition(":")
    # A faultcode is a QName, whose prefix must be declared.
    assert prefix in fault.nsmap
    assert check.id in str(fault.findtext("faultstring"))
    addressing = read_addressing(message, DIGIKOPPELING)
    assert addressing.relates_to == "urn:uuid:2"
    names = [child.tag for child in fault]
    detail = next(message.root.iter(f"{{{WSA}}}FaultDetail"), None)
    assert (detail is not None) == (row.is_addressing and about == "To")
    if row.in_body:
        assert names == ["faultcode", "faultstring", "detail"]
        validate(fault[2][0])
        assert addressing.action == ECHO_BE_S.fault_action(ECHO_BE_S.operations[0])
    else:
        assert names == ["faultcode", "faultstring"]
        expected = WSA_ADDRESSING_FAULT_ACTION if row.is_addressing else WSA_FAULT_ACTION
        assert addressing.action == expected


def test_without_an_operation_there_is_no_declared_fault() -> None:
    root = digikoppeling(Refusal(checks.SOAP_BODY_CHILD, about="empty"), known=False)
    assert root.find(".//detail") is None
    assert read_addressing(read_envelope(root), DIGIKOPPELING).action == WSA_FAULT_ACTION


def test_explanations_are_for_the_sandbox() -> None:
    refusal = Refusal(checks.WSS_DIGEST, expected="secret", received="secret")
    assert "secret" not in etree.tostring(digikoppeling(refusal), encoding="unicode")
    explained = digikoppeling(refusal, explain=True).findtext(".//faultstring")
    assert explained == f"{row_of(checks.WSS_DIGEST).text} {refusal.uitleg()}"


def test_the_name_of_a_senders_header_is_not_repeated() -> None:
    root = digikoppeling(Refusal(checks.WSA_ANONYMOUS, about="Secret"))
    assert b"Secret" not in etree.tostring(root)
