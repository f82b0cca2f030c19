"""Our reading and writing of Spyne's models gives what Spyne's own protocol gives."""

from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from digipoort_wus import names
from digipoort_wus.contract import types
from digipoort_wus.contract.services import ServiceApplication, make_applications
from tests.unit.contract.memory import MemoryProcess

# isort: split
# The contract package prepares this import.
from spyne.protocol.xml import XmlDocument

MODELS = [
    types.AanleverRequest,
    types.AanleverResponse,
    types.BerichtsoortenVraag,
    types.KenmerkVraag,
    *(listing.response for listing in types.LISTINGS.values()),
]


@pytest.fixture(scope="module")
def application() -> ServiceApplication:
    return make_applications(MemoryProcess())["AanleverService"]


@pytest.fixture(scope="module")
def plain(application: ServiceApplication) -> Any:
    protocol = XmlDocument(parse_xsi_type=False, polymorphic=False)
    protocol.set_app(application)
    return protocol


def filled(model: Any, rows: int, optional: bool, number: Iterator[int]) -> Any:
    """Return an instance with a text of its own in every leaf."""
    if not hasattr(model, "_type_info") or not model._type_info:
        return f"text & <{next(number)}>"
    values: dict[str, Any] = {}
    for name, member in model.get_flat_type_info(model).items():
        attributes = member.Attributes
        if attributes.max_occurs > 1:
            values[name] = [filled(member, rows, optional, number) for _ in range(rows)]
        elif attributes.min_occurs or optional:
            values[name] = filled(member, rows, optional, number)
    return (model.__orig__ or model)(**values)


def written(protocol: Any, model: Any, message: object) -> bytes:
    holder = etree.Element("holder")
    protocol.to_parent(None, model, message, holder, names.TYPES)
    return etree.tostring(holder)


def values(message: Any) -> object:
    if isinstance(message, list):
        return [values(one) for one in message]
    if not hasattr(message, "get_flat_type_info"):
        return message
    members = message.get_flat_type_info(type(message))
    return {name: values(getattr(message, name)) for name in members}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.get_type_name())
@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("optional", [False, True])
def test_as_spyne_does(
    application: ServiceApplication, plain: Any, model: Any, rows: int, optional: bool
) -> None:
    message = filled(model, rows, optional, iter(range(10_000)))
    text = written(application.out_protocol, model, message)
    assert text == written(plain, model, message)
    element = etree.fromstring(text)[0]
    found = application.in_protocol.from_element(None, model, element)
    expected = plain.from_element(None, model, element)
    assert type(found) is type(expected)
    assert values(found) == values(expected)


def test_what_is_missing_but_required_is_written_as_spyne_does(
    application: ServiceApplication, plain: Any
) -> None:
    message = types.AanleverResponse(kenmerk="k")
    text = written(application.out_protocol, types.AanleverResponse, message)
    assert text == written(plain, types.AanleverResponse, message)
    assert b"nil" in text


def test_an_unknown_element_is_passed_over(application: ServiceApplication, plain: Any) -> None:
    element = etree.fromstring(
        f'<a xmlns="{names.TYPES}"><unknown>1</unknown><kenmerk/>'
        "<autorisatieAdres>x</autorisatieAdres></a>"
    )
    for protocol in (application.in_protocol, plain):
        found = protocol.from_element(None, types.KenmerkVraag, element)
        assert (found.kenmerk, found.autorisatieAdres) == ("", "x")
