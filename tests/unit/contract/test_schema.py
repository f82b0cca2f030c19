"""The schema and the WSDLs: what they accept, and what a refusal gives away."""

import threading
from pathlib import Path

import pytest
import zeep
from lxml import etree

import digipoort_wus
from digipoort_wus import checks, names
from digipoort_wus.contract import schema
from digipoort_wus.errors import Refusal

WSDL = Path(digipoort_wus.__file__).parent / "_wsdl"
XSI = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:xs="http://www.w3.org/2001/XMLSchema" '
)
SECRET = "SECRET"

VALID = (
    f'<aanleverRequest xmlns="{names.TYPES}">'
    "<kenmerk>k</kenmerk>"
    "<berichtsoort>Omzetbelasting</berichtsoort>"
    "<identiteitBelanghebbende><nummer>001000044B37</nummer><type>Fi</type>"
    "</identiteitBelanghebbende>"
    "<rolBelanghebbende>Bedrijf</rolBelanghebbende>"
    "<berichtInhoud><mimeType>text/xml</mimeType><bestandsnaam>a.xbrl</bestandsnaam>"
    "<inhoud>0000</inhoud></berichtInhoud>"
    "<autorisatieAdres>http://geenausp.nl</autorisatieAdres>"
    "</aanleverRequest>"
)


def changed(old: str, new: str) -> etree._Element:
    assert VALID.count(old) == 1
    return etree.fromstring(VALID.replace(old, new))


ACCEPTED = {
    "40 characters": (">k<", f">{'x' * 40}<"),
    "40 characters and outer space": (">k<", f"> \n{'x' * 40}\t <"),
    "collapsed to 40": (">k<", f">{'x' * 20}  {'x' * 19}<"),
    "empty text": (">Bedrijf<", "><"),
    "no kenmerk": ("<kenmerk>k</kenmerk>", ""),
    "base64 with line ends": (">0000<", ">00\n00\n<"),
    "empty content": (">0000<", "><"),
    "one attachment": (
        "</berichtInhoud>",
        "</berichtInhoud><berichtBijlagen><bijlage><mimeType/><bestandsnaam/>"
        "<inhoud>0001</inhoud></bijlage></berichtBijlagen>",
    ),
}


@pytest.mark.parametrize(("old", "new"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepts(old: str, new: str) -> None:
    schema.validate(changed(old, new))


REFUSED = {
    "41 characters": (
        (">k<", f">{SECRET}{'x' * 35}<"),
        "aanleverRequest/kenmerk: too long (maxLength): 41",
        "at most 40",
    ),
    "unknown element": (
        ("<rolBelanghebbende>", f"<{SECRET}/><rolBelanghebbende>"),
        "aanleverRequest/(unknown element): element missing, unknown or out of order",
        "rolBelanghebbende",
    ),
    "element of another namespace": (
        ("<rolBelanghebbende>", f'<kenmerk xmlns="urn:{SECRET}"/><rolBelanghebbende>'),
        "aanleverRequest/(unknown element): element missing, unknown or out of order",
        "rolBelanghebbende",
    ),
    "wrong order": (
        (
            "<berichtsoort>Omzetbelasting</berichtsoort>",
            "<aanleverkenmerk>SECRET</aanleverkenmerk><berichtsoort>Omzetbelasting</berichtsoort>",
        ),
        "aanleverRequest/aanleverkenmerk: element missing, unknown or out of order",
        "berichtsoort",
    ),
    "missing element": (
        ("<rolBelanghebbende>Bedrijf</rolBelanghebbende>", ""),
        "aanleverRequest/berichtInhoud: element missing, unknown or out of order",
        "rolBelanghebbende",
    ),
    "missing child": (
        ("<type>Fi</type>", ""),
        "aanleverRequest/identiteitBelanghebbende: element missing, unknown or out of order",
        "type",
    ),
    "empty berichtBijlagen": (
        ("</berichtInhoud>", "</berichtInhoud><berichtBijlagen/>"),
        "aanleverRequest/berichtBijlagen: element missing, unknown or out of order",
        "bijlage",
    ),
    "xsi:type": (
        ("<rolBelanghebbende>", f'<rolBelanghebbende {XSI} xsi:type="xs:string">'),
        "aanleverRequest/rolBelanghebbende: xsi:type is not allowed",
        "",
    ),
    "unknown xsi:type": (
        ("<berichtInhoud>", f'<berichtInhoud {XSI} xsi:type="{SECRET}">'),
        "aanleverRequest/berichtInhoud: xsi:type is not allowed",
        "",
    ),
    "xsi:nil": (
        ("<rolBelanghebbende>Bedrijf<", f'<rolBelanghebbende {XSI} xsi:nil="true"><'),
        "aanleverRequest/rolBelanghebbende: xsi:nil is not allowed",
        "",
    ),
    # Spyne takes any value of xsi:nil for true.
    "xsi:nil is false": (
        ("<rolBelanghebbende>", f'<rolBelanghebbende {XSI} xsi:nil="false">'),
        "aanleverRequest/rolBelanghebbende: xsi:nil is not allowed",
        "",
    ),
    # Spyne's Soap11 pulls in what an href points at.
    "href": (
        ("<berichtInhoud>", f'<berichtInhoud href="#{SECRET}">'),
        "aanleverRequest/berichtInhoud: attribute not allowed",
        "",
    ),
    "attribute on a text": (
        ("<berichtsoort>", f'<berichtsoort id="{SECRET}">'),
        "aanleverRequest/berichtsoort: attribute not allowed",
        "",
    ),
    "text between elements": (
        ("<rolBelanghebbende>", f"{SECRET}<rolBelanghebbende>"),
        "aanleverRequest: text between elements",
        "",
    ),
    "element in a text": (
        (">Bedrijf<", f"><{SECRET}/><"),
        "aanleverRequest/rolBelanghebbende: element inside a text",
        "",
    ),
    "no base64": (
        (">0000<", f">{SECRET}!<"),
        "aanleverRequest/berichtInhoud/inhoud: not a value of this type",
        "",
    ),
    "long address": (
        ("http://geenausp.nl", f"http://{SECRET}{'x' * 250}"),
        "aanleverRequest/autorisatieAdres: too long (maxLength): 263",
        "at most 255",
    ),
}


@pytest.mark.parametrize(("change", "received", "expected"), REFUSED.values(), ids=REFUSED)
def test_refuses_and_says_where(change: tuple[str, str], received: str, expected: str) -> None:
    with pytest.raises(Refusal) as refusal:
        schema.validate(changed(*change))
    assert refusal.value.check is checks.XSD_VALID
    assert refusal.value.received == received
    assert expected in refusal.value.expected.split(" or ")
    assert SECRET not in refusal.value.explanation() + refusal.value.uitleg()


def test_a_message_of_libxml2_cannot_be_forged() -> None:
    forged = "has a length of '1'; this exceeds the allowed maximum length of '2'."
    with pytest.raises(Refusal) as refusal:
        schema.validate(changed(">0000<", f">{forged} Expected is ( kenmerk ).<"))
    assert refusal.value.expected == ""


def test_only_the_element_itself_is_validated() -> None:
    envelope = etree.fromstring(f'<x xmlns="urn:x"><y/><p>{VALID}</p></x>')
    schema.validate(envelope[1][0])


def test_the_place_is_found_under_a_prefix() -> None:
    request = etree.fromstring(
        f'<e><b><p:getProcessenRequest xmlns:p="{names.TYPES}"><p:berichtsoort/>'
        f"<p:identiteitBelanghebbende><p:nummer>{'9' * 36}</p:nummer>"
        "</p:identiteitBelanghebbende></p:getProcessenRequest></b></e>"
    )
    with pytest.raises(Refusal) as refusal:
        schema.validate(request[0][0])
    place = refusal.value.received.split(":")[0]
    assert place == "getProcessenRequest/identiteitBelanghebbende/nummer"


def test_a_foreign_root_is_refused() -> None:
    with pytest.raises(Refusal) as refusal:
        schema.validate(etree.fromstring(f"<{SECRET}/>"))
    assert SECRET not in str(refusal.value)


def test_content_of_exactly_the_limit() -> None:
    at_limit = "AAAA" * (20_971_520 // 3) + "AAA="
    schema.validate(etree_huge(VALID.replace(">0000<", f">{at_limit}<")))
    with pytest.raises(Refusal) as refusal:
        schema.validate(etree_huge(VALID.replace(">0000<", f">{at_limit[:-1]}A<")))
    assert refusal.value.expected == "at most 20971520"


def etree_huge(text: str) -> etree._Element:
    return etree.fromstring(text, etree.XMLParser(huge_tree=True))


def test_every_thread_has_its_own_schema() -> None:
    outcomes: list[object] = []

    def work(request: etree._Element) -> None:
        for _ in range(50):
            try:
                schema.validate(request)
                outcomes.append("valid")
            except Refusal as refusal:
                outcomes.append(refusal.received.rpartition(":")[2])

    threads = [
        threading.Thread(target=work, args=(changed(">k<", f">{'x' * length}<"),))
        for length in (40, 41, 42)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {outcome: outcomes.count(outcome) for outcome in outcomes} == {
        "valid": 50,
        " 41": 50,
        " 42": 50,
    }


def test_the_schema_knows_the_government_side() -> None:
    for request in (
        "<zetStatusRequest><kenmerk/><statuscode>500</statuscode>"
        "<tijdstempelStatus>2026-11-22T12:00:00Z</tijdstempelStatus></zetStatusRequest>",
        "<zetStatusResponse><kenmerk/><statuscode>500</statuscode></zetStatusResponse>",
        "<afleverResponse><kenmerk/><berichtkenmerk/>"
        "<tijdstempelAfgeleverd>2026-11-22T12:00:00Z</tijdstempelAfgeleverd></afleverResponse>",
        "<afleverFault><foutcode/><foutbeschrijving/></afleverFault>",
        "<ophaalFault><foutcode/><foutbeschrijving/></ophaalFault>",
    ):
        schema.validate(etree.fromstring(request.replace(">", f' xmlns="{names.TYPES}">', 1)))


# --- WSDL -----------------------------------------------------------------------

NS = {
    "wsdl": "http://schemas.xmlsoap.org/wsdl/",
    "soap": "http://schemas.xmlsoap.org/wsdl/soap/",
    "xsd": "http://www.w3.org/2001/XMLSchema",
    "wsp": "http://www.w3.org/ns/ws-policy",
    "wsaw": "http://www.w3.org/2006/05/addressing/wsdl",
    "wsu": names.WSU,
}


_EVERY = (*names.SERVICES.values(), names.ZET_STATUS, *names.AGENCY_SERVICES.values())


def wsdl(service: names.Service) -> etree._Element:
    return etree.parse(WSDL / f"{service.name}_1.2.wsdl").getroot()


def found(element: etree._Element, path: str) -> list[etree._Element]:
    return element.findall(path, NS)


def test_the_address_and_the_schema_are_rewritten() -> None:
    address = "https://gateway.example/wus/2.0/aanleverservice/1.2"
    text = schema.wsdl_text("AanleverService", address)
    served = etree.fromstring(text)
    (location,) = found(served, ".//soap:address")
    assert location.get("location") == address
    (imported,) = found(served, ".//xsd:import")
    assert imported.get("schemaLocation") == f"{address}?xsd=digipoort-koppelvlak-1.2.xsd"
    assert b"localhost" not in text
    assert schema.xsd_text() == (WSDL / "digipoort-koppelvlak-1.2.xsd").read_bytes()
    with pytest.raises(KeyError):
        schema.wsdl_text("../errors", address)


@pytest.mark.parametrize("service", _EVERY, ids=lambda each: each.name)
def test_zeep_builds_a_client_with_every_operation(service: names.Service) -> None:
    client = zeep.Client(str(WSDL / f"{service.name}_1.2.wsdl"))  # type: ignore[no-untyped-call]
    port = client.wsdl.services[service.port_type].ports[service.port_type]
    assert port.binding.name.text == (f"{{{service.namespace}}}{service.name}SoapBinding_V1_2")
    actions = {name: operation.soapaction for name, operation in port.binding.all().items()}
    assert actions == {
        operation.name: service.request_action(operation) for operation in service.operations
    }
    for operation in service.operations:
        bound = port.binding.get(operation.name)
        assert bound.input.body.qname.text == f"{{{names.TYPES}}}{operation.request}"
        assert bound.output.body.qname.text == f"{{{names.TYPES}}}{operation.response}"
    # Existing client code names these two types, in the first namespace zeep finds.
    factory = client.type_factory("ns0")  # type: ignore[no-untyped-call]
    factory.berichtInhoudType(mimeType="text/xml", bestandsnaam="a", inhoud=b"a")
    factory.identiteitType(nummer="1", type="BTW")


def test_zeep_builds_a_client_for_our_own_service() -> None:
    service = names.AANBIED
    client = zeep.Client(str(WSDL / service.wsdl))  # type: ignore[no-untyped-call]
    port = client.wsdl.services[service.port_type].ports[service.port_type]
    (operation,) = service.operations
    bound = port.binding.get(operation.name)
    assert bound.soapaction == service.request_action(operation)
    assert bound.input.body.qname.text == f"{{{names.BERICHTEN}}}{operation.request}"
    assert bound.output.body.qname.text == f"{{{names.BERICHTEN}}}{operation.response}"


def test_an_offered_message_has_the_members_of_the_one_that_is_fetched() -> None:
    xsd = f"{{{NS['xsd']}}}"

    def members(file: str, path: str) -> list[tuple[str | None, str | None, str]]:
        (found,) = etree.parse(WSDL / file).getroot().iterfind(f"{path}/{xsd}sequence")
        return [
            (each.get("name"), each.get("minOccurs"), str(each.get("type")).partition(":")[2])
            for each in found
        ]

    fetched = members(names.AANLEVER.xsd, f"{xsd}complexType[@name='berichtResultaatType']")
    offered = members(names.AANBIED.xsd, f"{xsd}element[@name='aanbiedRequest']/{xsd}complexType")
    assert offered == [row for row in fetched if row[0] != "tijdstempelAangeleverd"]
    types = [
        {
            each.get("name"): etree.tostring(each, method="c14n", exclusive=True)
            .replace(b'"tns:', b'"dp:')
            .split(b">", 1)[1]
            for each in etree.parse(WSDL / file, etree.XMLParser(remove_blank_text=True)).getroot()
            if each.tag in (f"{xsd}simpleType", f"{xsd}complexType")
        }
        for file in (names.AANBIED.xsd, names.AANLEVER.xsd)
    ]
    assert types[0].items() <= types[1].items()


@pytest.mark.parametrize("service", _EVERY, ids=lambda each: each.name)
def test_actions_of_answers_and_faults(service: names.Service) -> None:
    action = f"{{{NS['wsaw']}}}Action"
    operations = found(wsdl(service), "wsdl:portType/wsdl:operation")
    assert [each.get("name") for each in operations] == [each.name for each in service.operations]
    for element, operation in zip(operations, service.operations, strict=True):
        assert found(element, "wsdl:input")[0].get(action) is None
        assert found(element, "wsdl:output")[0].get(action) == service.response_action(operation)
        (fault,) = found(element, "wsdl:fault")
        assert fault.get("name") == service.fault
        assert fault.get(action) == service.fault_action(operation)


@pytest.mark.parametrize("service", _EVERY, ids=lambda each: each.name)
def test_policies_resolve_and_leave_faults_alone(service: names.Service) -> None:
    root = wsdl(service)
    declared = {policy.get(f"{{{names.WSU}}}Id") for policy in found(root, "wsp:Policy")}
    used = {each.get("URI", "").removeprefix("#") for each in found(root, ".//wsp:PolicyReference")}
    assert declared == used == {"BindingPolicy", "SignedPartsPolicy"}
    for operation in found(root, "wsdl:binding/wsdl:operation"):
        for message in ("input", "output"):
            (reference,) = found(operation, f"wsdl:{message}/wsp:PolicyReference")
            assert reference.get("URI") == "#SignedPartsPolicy"
        assert not found(operation, "wsdl:fault//wsp:PolicyReference")
    offers_mtom = b"OptimizedMimeSerialization" in etree.tostring(root)
    assert offers_mtom == (service is names.AANLEVER)
