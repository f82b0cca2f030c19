"""The payloads of Digipoort against our own schemas of them."""

import importlib.resources
from collections.abc import Mapping
from functools import cache, partial
from types import MappingProxyType

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.digipoort import AANLEVER_TYPES, AFLEVER_TYPES
from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.validity import Mistake, Schema

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_TYPES = "digipoort-typen-1.1.xsd"
_XSD_OF: Mapping[str, str] = MappingProxyType(
    {
        AANLEVER_TYPES: "digipoort-aanleveren-1.1.xsd",
        AFLEVER_TYPES: "digipoort-afleveren-1.1.xsd",
    }
)
_FILES = importlib.resources.files("digipoort_wus") / "_wsdl" / "ebms"


def _load(name: str) -> etree.XMLSchema:
    # From its file, for it includes the one beside it.
    with importlib.resources.as_file(_FILES / name) as path:
        return etree.XMLSchema(file=str(path))


_SCHEMAS = {types: Schema(partial(_load, name)) for types, name in _XSD_OF.items()}


def require_valid(root: etree._Element, tag: str) -> None:
    """Require that a payload is the document that is expected, and follows its schema.

    The schema says nothing about comments; the caller has refused those.

    Args:
        root: of the payload.
        tag: ``{namespace}name`` of the one that is expected.

    Raises:
        Refusal: XSD-VALID, with the place and kind of the first error and nothing that the
            document says.
    """
    if root.tag != tag:
        raise Refusal(checks.XSD_VALID, expected=tag, received="another document")
    types = tag[1:].partition("}")[0]
    mistake = _SCHEMAS[types].mistake(root)
    if mistake is None:
        return
    place = "/".join(_known_name(node, types) for node in mistake.where)
    raise Refusal(
        checks.XSD_VALID,
        expected=f"at most {mistake.most}" if mistake.most else _expected(mistake, types),
        received=f"{place}: {mistake.kind}",
    )


def _expected(mistake: Mistake, types: str) -> str:
    found = (name.rpartition("}")[2] for name in mistake.expected)
    return " or ".join(name for name in found if name in _declared(types))


def _known_name(element: etree._Element, types: str) -> str:
    """Return the local name if it is one of the schema's: any other is the sender's text."""
    name = etree.QName(element)
    known = name.namespace == types and name.localname in _declared(types)
    return name.localname if known else "(unknown element)"


@cache
def _declared(types: str) -> frozenset[str]:
    """Return the local names of all elements that a schema declares."""
    roots = (etree.fromstring((_FILES / name).read_bytes()) for name in (_XSD_OF[types], _TYPES))
    return frozenset(
        element.get("name", "") for root in roots for element in root.iter(f"{_XSD}element")
    )
