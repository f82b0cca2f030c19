"""Our WSDLs against Digikoppeling's rules: WW001, WW004, WS002, WS003, WS005 and WS008.

The services of Digipoort are a public interface that we repeat, with its deviation: the
action of a request stands in soapAction alone, and the others in an older attribute.
"""

from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

import digipoort_wus
from digipoort_wus.names import AANBIED, AGENCY_SERVICES, ECHO_BE, ENDPOINTS, Service

WSDL = Path(digipoort_wus.__file__).parent / "_wsdl"
NS = {
    "wsdl": "http://schemas.xmlsoap.org/wsdl/",
    "soap": "http://schemas.xmlsoap.org/wsdl/soap/",
}
WSAM = "{http://www.w3.org/2007/05/addressing/metadata}Action"
WSAW = "{http://www.w3.org/2006/05/addressing/wsdl}Action"
HTTP = "http://schemas.xmlsoap.org/soap/http"
EVERY = (*ENDPOINTS.values(), *AGENCY_SERVICES.values())


def all_of(root: etree._Element, path: str) -> list[etree._Element]:
    return list(root.iterfind(path, NS))


def lint(root: etree._Element, *actions: str) -> set[str]:
    """Return the rules that a WSDL breaks.

    Args:
        actions: attributes in which an action may stand.
    """
    broken = set()
    if any(
        part.get("element") is None or part.get("type") for part in all_of(root, ".//wsdl:part")
    ):
        broken.add("WW004")
    if len(all_of(root, "wsdl:portType")) != 1:
        broken.add("WS005")
    bindings = all_of(root, ".//soap:binding")
    uses = [
        body.get("use") for name in ("body", "fault") for body in all_of(root, f".//soap:{name}")
    ]
    styles = {
        each.get("style", "document") for each in (*bindings, *all_of(root, ".//soap:operation"))
    }
    if (
        {binding.get("transport") for binding in bindings} != {HTTP}
        or set(uses) != {"literal"}
        or styles != {"document"}
    ):
        broken.add("WW001")
    soap_actions = {
        str(bound.get("name")): element.get("soapAction", "")
        for bound in all_of(root, "wsdl:binding/wsdl:operation")
        for element in all_of(bound, "soap:operation")
    }
    for operation in all_of(root, "wsdl:portType/wsdl:operation"):
        messages = [etree.QName(child).localname for child in operation]
        if messages[:2] != ["input", "output"] or set(messages[2:]) - {"fault"}:
            broken.add("WS003")
        soap_action = soap_actions.get(str(operation.get("name")), "")
        for child in operation:
            found = [child.get(name) for name in actions if child.get(name)]
            is_input = etree.QName(child).localname == "input"
            if not found and not (is_input and WSAW in actions and soap_action):
                broken.add("WS008")
            if is_input and soap_action and found and soap_action != found[0]:
                broken.add("WS002")
    return broken


def wsdl(service: Service) -> etree._Element:
    return etree.parse(WSDL / service.wsdl, etree.XMLParser(remove_comments=True)).getroot()


def test_every_file_is_linted() -> None:
    assert {path.name for path in WSDL.glob("*.wsdl")} == {service.wsdl for service in EVERY}


@pytest.mark.parametrize("service", EVERY, ids=lambda service: service.name)
def test_our_files_follow_the_rules(service: Service) -> None:
    ours = service.types in (ECHO_BE.types, AANBIED.types)
    actions = (WSAM,) if ours else (WSAM, WSAW)
    assert lint(wsdl(service), *actions) == set()


@pytest.mark.parametrize("service", [ECHO_BE, AANBIED], ids=lambda service: service.name)
def test_our_own_services_say_the_actions_that_are_sent(service: Service) -> None:
    operation = service.operations[0]
    actions = [
        child.get(WSAM) for child in all_of(wsdl(service), "wsdl:portType/wsdl:operation")[0]
    ]
    assert actions == [
        service.request_action(operation),
        service.response_action(operation),
        service.fault_action(operation),
    ]


def test_the_lint_notices() -> None:
    def broken(change: object) -> set[str]:
        root = deepcopy(wsdl(ECHO_BE))
        change(root)  # type: ignore[operator]
        return lint(root, WSAM)

    def by_type(root: etree._Element) -> None:
        part = all_of(root, ".//wsdl:part")[0]
        del part.attrib["element"]
        part.set("type", "tns:x")

    def one_way(root: etree._Element) -> None:
        operation = all_of(root, "wsdl:portType/wsdl:operation")[0]
        for child in list(operation)[1:]:
            operation.remove(child)

    def another(root: etree._Element) -> None:
        root.append(deepcopy(all_of(root, "wsdl:portType")[0]))

    def no_action(root: etree._Element) -> None:
        del all_of(root, "wsdl:portType/wsdl:operation/wsdl:output")[0].attrib[WSAM]

    def other_action(root: etree._Element) -> None:
        all_of(root, ".//soap:operation")[0].set("soapAction", "urn:other")

    def encoded(root: etree._Element) -> None:
        all_of(root, ".//soap:body")[0].set("use", "encoded")

    assert broken(by_type) == {"WW004"}
    assert broken(one_way) == {"WS003"}
    assert broken(another) == {"WS005"}
    assert broken(no_action) == {"WS008"}
    assert broken(other_action) == {"WS002"}
    assert broken(encoded) == {"WW001"}
