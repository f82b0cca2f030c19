"""The published contract: the schema that validates, and the WSDL that is served."""

import importlib.resources
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from lxml import etree

from digipoort_wus import checks, names
from digipoort_wus.errors import Refusal

XSD_NAME = names.AANLEVER.xsd
_XSD_OF = {service.types: service.xsd for service in names.ENDPOINTS.values()}

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_WSDL_ADDRESS = "{http://schemas.xmlsoap.org/wsdl/soap/}address"

# The last words of libxml2's messages come from the schema or are numbers; what
# stands before them may quote the document and is never looked at.
_EXPECTED = re.compile(r"Expected is (?:one of )?\( ([^()]*) \)\.$")
_LENGTH = re.compile(r"has a length of '(\d+)'; this \w+ the allowed \w+ length of '(\d+)'\.$")
_STEP = re.compile(r"(?:(?P<prefix>[^:\[\]]+):)?(?P<name>[^:\[\]]+)(?:\[(?P<index>\d+)\])?")

# libxml2's error types that a request can meet, in words a developer can use.
_KINDS = {
    "SCHEMAV_CVC_ELT_1": "no such element in the schema",
    "SCHEMAV_CVC_ELT_3_1": "xsi:nil is not allowed",
    "SCHEMAV_CVC_ELT_4_2": "xsi:type is not allowed",
    "SCHEMAV_CVC_ELT_4_3": "xsi:type is not allowed",
    "SCHEMAV_ELEMENT_CONTENT": "element missing, unknown or out of order",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "text between elements",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_4": "element missing, unknown or out of order",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "attribute not allowed",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "attribute not allowed",
    "SCHEMAV_CVC_TYPE_3_1_1": "attribute not allowed",
    "SCHEMAV_CVC_TYPE_3_1_2": "element inside a text",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "not a value of this type",
    "SCHEMAV_CVC_MAXLENGTH_VALID": "too long (maxLength)",
}

_idle_schemas: dict[str, list[etree.XMLSchema]] = {name: [] for name in _XSD_OF.values()}
"""By file, as many as were ever used at the same time; threads come and go."""


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
    with _lent_schema(name) as schema:
        if schema.validate(element):
            return
        first = next(iter(schema.error_log), None)
    if first is None:
        raise Refusal(checks.XSD_VALID)
    kind = _KINDS.get(first.type_name, first.type_name)
    length = _LENGTH.search(first.message)
    if length:
        kind = f"{kind}: {length[1]}"
        expected = f"at most {length[2]}"
    else:
        expected = _expected_names(first.message, name)
    received = f"{_place(element, first.path or '', name)}: {kind}"
    raise Refusal(checks.XSD_VALID, expected=expected, received=received)


@cache
def xsd_text(name: str = XSD_NAME) -> bytes:
    """Return a schema as it is packaged.

    Args:
        name: of its file: ``Service.xsd``.

    Raises:
        KeyError: there is no schema of that name.
    """
    if name not in _idle_schemas:
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


@contextmanager
def _lent_schema(name: str) -> Iterator[etree.XMLSchema]:
    """Lend a schema to one thread: its error log belongs to one validation at a time."""
    idle = _idle_schemas[name]
    try:
        schema = idle.pop()
    except IndexError:
        schema = etree.XMLSchema(etree.fromstring(xsd_text(name)))
    try:
        yield schema
    finally:
        idle.append(schema)


@cache
def _declared(name: str) -> frozenset[str]:
    """Return the local names of all elements that a schema declares."""
    declared = etree.fromstring(xsd_text(name)).iter(f"{_XSD}element")
    return frozenset(element.get("name", "") for element in declared)


def _expected_names(message: str, schema: str) -> str:
    """Return which elements the schema allows here, as far as libxml2 says so."""
    match = _EXPECTED.search(message)
    if not match:
        return ""
    found = (name.strip().rpartition("}")[2] for name in match[1].split(","))
    return " or ".join(name for name in found if name in _declared(schema))


def _place(root: etree._Element, path: str, schema: str) -> str:
    """Turn libxml2's node path into local names that the schema knows."""
    current, found = root, [_known_name(root, schema)]
    for text in path.split("/")[2:]:
        step = _STEP.fullmatch(text)
        child = _child(current, step) if step else None
        if child is None:
            break
        current = child
        found.append(_known_name(child, schema))
    return "/".join(found)


def _child(parent: etree._Element, step: re.Match[str]) -> etree._Element | None:
    # A step is "*" for an element in a default namespace, and then counts all elements.
    children = [
        child
        for child in parent.iterchildren("*")
        if step["name"] == "*"
        or (child.prefix == step["prefix"] and etree.QName(child).localname == step["name"])
    ]
    index = int(step["index"] or 1) - 1
    return children[index] if index < len(children) else None


def _known_name(element: etree._Element, schema: str) -> str:
    """Return the local name if it is one of the schema's: any other is the sender's text."""
    name = etree.QName(element)
    known = _XSD_OF.get(name.namespace or "") == schema and name.localname in _declared(schema)
    return name.localname if known else "(unknown element)"
