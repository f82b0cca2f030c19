"""The published contract: the schema that validates, and the WSDL that is served."""

import importlib.resources
from functools import cache, partial

from lxml import etree

from digipoort_wus import checks, names
from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.validity import Mistake, Schema

XSD_NAME = names.AANLEVER.xsd
_XSD_OF = {service.types: service.xsd for service in names.ENDPOINTS.values()}

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_WSDL_ADDRESS = "{http://schemas.xmlsoap.org/wsdl/soap/}address"


def _load(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(_packaged(name)))


_schemas = {name: Schema(partial(_load, name)) for name in _XSD_OF.values()}


def validate(element: etree._Element) -> None:
    """Check one request, answer or fault detail against the schema of its namespace.

    The schema says nothing about comments; the caller has refused those.

    Args:
        element: the child of the Body; its surroundings are not looked at.

    Raises:
        Refusal: XSD-VALID, with the place and kind of the first error and
            nothing that the document says.
    """
    # In a namespace of nobody's, nothing is valid in any schema.
    name = _XSD_OF.get(etree.QName(element).namespace or "", XSD_NAME)
    mistake = _schemas[name].mistake(element)
    if mistake is None:
        return
    if not mistake.where:
        raise Refusal(checks.XSD_VALID)
    place = "/".join(_known_name(node, name) for node in mistake.where)
    raise Refusal(
        checks.XSD_VALID,
        expected=f"at most {mistake.most}" if mistake.most else _known_names(mistake, name),
        received=f"{place}: {mistake.kind}",
    )


@cache
def xsd_text(name: str = XSD_NAME) -> bytes:
    """Return a schema as it is packaged.

    Args:
        name: of its file: ``Service.xsd``.

    Raises:
        KeyError: there is no schema of that name.
    """
    if name not in _schemas:
        raise KeyError(name)
    return _packaged(name)


def wsdl_text(service_name: str, address: str) -> bytes:
    """Return the WSDL of a service with the address at which it is served.

    Args:
        service_name: without version, such as ``AanleverService``.
        address: URL of the service, without query.

    Raises:
        KeyError: there is no service of that name.
    """
    service = names.AGENCY_SERVICES.get(service_name) or names.ENDPOINTS[service_name]
    definitions = etree.fromstring(
        _packaged(service.wsdl),
        etree.XMLParser(remove_comments=True),  # they are for readers of the file
    )
    for location in definitions.iter(_WSDL_ADDRESS):
        location.set("location", address)
    for imported in definitions.iter(f"{_XSD}import"):
        imported.set("schemaLocation", f"{address}?xsd={service.xsd}")
    return etree.tostring(definitions, xml_declaration=True, encoding="UTF-8")


def _packaged(name: str) -> bytes:
    return (importlib.resources.files("digipoort_wus") / "_wsdl" / name).read_bytes()


@cache
def _declared(name: str) -> frozenset[str]:
    """Return the local names of all elements that a schema declares."""
    declared = etree.fromstring(xsd_text(name)).iter(f"{_XSD}element")
    return frozenset(element.get("name", "") for element in declared)


def _known_names(mistake: Mistake, schema: str) -> str:
    """Return which elements the schema allows here, as far as libxml2 says so."""
    found = (name.rpartition("}")[2] for name in mistake.expected)
    return " or ".join(name for name in found if name in _declared(schema))


def _known_name(element: etree._Element, schema: str) -> str:
    """Return the local name if it is one of the schema's: any other is the sender's text."""
    name = etree.QName(element)
    known = _XSD_OF.get(name.namespace or "") == schema and name.localname in _declared(schema)
    return name.localname if known else "(unknown element)"
