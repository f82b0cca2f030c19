"""Faults, to the letter: clients look their parts up by prefix and position."""

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.contract.schema import validate
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import (
    AANLEVER,
    OPHAAL,
    SERVICES,
    SOAP,
    STATUSINFORMATIE,
    TYPES,
    WSA,
    WSA_ANONYMOUS,
    WSA_FAULT_ACTION,
    WSA_UNSPECIFIED,
    Service,
)
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.soap.fault import fault_envelope, fault_of
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


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
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
