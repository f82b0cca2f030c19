"""Ordinary messages: each operation has one, and it follows the schema."""

import pytest
from lxml import etree

from digipoort_wus.conformance.messages import (
    ECHOES,
    QUERIES,
    Draft,
    draft_envelope,
    filing_body,
    request_envelope,
    service_of,
)
from digipoort_wus.contract.schema import validate
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import FOR_AGENCIES, SERVICES, WSA
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.xmlsafe.parse import parse_message

OPERATIONS = [
    *(("digipoort", operation.name) for one in SERVICES.values() for operation in one.operations),
    *(("digipoort", one.operations[0].name) for one in FOR_AGENCIES.values()),
    *((endpoint, "echo") for endpoint in ECHOES),
]


@pytest.mark.parametrize(("endpoint", "name"), OPERATIONS)
def test_the_ordinary_message_of_an_operation(endpoint: str, name: str) -> None:
    root = draft_envelope(Draft(operation=name), endpoint, "https://localhost/x")
    service, operation = service_of(endpoint, name)
    message = read_envelope(parse_message(etree.tostring(root)))
    assert etree.QName(message.body_child).localname == operation.request
    validate(message.body_child)
    addressing = read_addressing(message)
    assert addressing.action == service.request_action(operation)
    assert addressing.to == "https://localhost/x"


def test_every_question_has_a_body() -> None:
    names = {operation.name for service in SERVICES.values() for operation in service.operations}
    assert set(QUERIES) == names - {"aanleveren"}


def test_a_new_message_has_a_message_id_of_its_own() -> None:
    drafts = [draft_envelope(Draft(), "digipoort", "https://localhost/x") for _ in range(2)]
    assert len({draft.findtext(f".//{{{WSA}}}MessageID") for draft in drafts}) == 2


def test_what_a_filing_says() -> None:
    body = etree.fromstring(filing_body(b"abc", berichtsoort="ICP", aanleverkenmerk="R"))
    texts = {etree.QName(element).localname: element.text for element in body.iter()}
    assert (texts["berichtsoort"], texts["aanleverkenmerk"], texts["inhoud"]) == (
        "ICP",
        "R",
        "YWJj",
    )


def test_what_is_no_operation_or_no_xml_is_refused() -> None:
    for endpoint, name in (("digipoort", "echo"), ("nowhere", "aanleveren")):
        with pytest.raises(ConfigurationError, match="no operation"):
            service_of(endpoint, name)
    with pytest.raises(ConfigurationError, match="no XML"):
        request_envelope("<x>", action="urn:a", to="urn:b")
