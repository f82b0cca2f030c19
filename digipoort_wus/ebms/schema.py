"""The extensions of ebMS against our own schema of them, with the location of what is wrong."""

import importlib.resources
from functools import cache
from importlib.resources.abc import Traversable

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.names import EB
from digipoort_wus.names import DS
from digipoort_wus.xmlsafe.validity import NOT_OF_TYPE, Mistake, Schema

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_NAME = "extensions-2.0.xsd"
_OTHERS = "signature-reference.xsd"
_UNKNOWN = "an unknown element"
_TIMES = frozenset({f"{{{EB}}}Timestamp", f"{{{EB}}}TimeToLive"})


def _load() -> etree.XMLSchema:
    # From its file, for it imports those beside it.
    with importlib.resources.as_file(_packaged(_NAME)) as path:
        return etree.XMLSchema(file=str(path))


_SCHEMA = Schema(_load)


def require_valid(extension: etree._Element, *, at: str) -> None:
    """Require that one child of Header or Body follows the schema of ebMS.

    Args:
        extension: an element that ebMS defines.
        at: where it stands: ``//Header/MessageHeader``.

    Raises:
        EbmsRefusal: EBMS-SCHEMA, or EBMS-TIME for a time that is none; its location is made
            of names of the schema.

    ebMS 2.0, schema msg-header-2_0.
    """
    mistake = _SCHEMA.mistake(extension)
    if mistake is None:
        return
    place = [at, *map(_known_name, mistake.where[1:])]
    untimely = mistake.kind == NOT_OF_TYPE and mistake.where[-1].tag in _TIMES
    # Of an element that the schema does not know, the place is the one it stands in.
    location = "/".join(name for name in place if name)
    if mistake.attribute:
        location = f"{location}/@{mistake.attribute.rpartition('}')[2]}"
    raise EbmsRefusal(
        checks.EBMS_TIME if untimely else checks.EBMS_SCHEMA,
        at=location,
        expected=f"at most {mistake.most}" if mistake.most else _expected(mistake),
        received=mistake.kind if place[-1] else f"{_UNKNOWN}: {mistake.kind}",
    )


def _packaged(name: str) -> Traversable:
    return importlib.resources.files("digipoort_wus") / "_wsdl" / "ebms" / name


def _expected(mistake: Mistake) -> str:
    found = (name.rpartition("}")[2] for name in mistake.expected)
    return " or ".join(name for name in found if name in _declared(EB) | _declared(DS))


def _known_name(element: etree._Element) -> str:
    """Return the local name if it is one of the schema's: any other is the sender's text."""
    name = etree.QName(element)
    return name.localname if name.localname in _declared(name.namespace or "") else ""


@cache
def _declared_in(name: str) -> frozenset[str]:
    declared = etree.fromstring(_packaged(name).read_bytes()).iter(f"{_XSD}element")
    return frozenset(filter(None, (element.get("name") for element in declared)))


def _declared(namespace: str) -> frozenset[str]:
    """Return the local names of all elements that the schema declares in a namespace."""
    if namespace == EB:
        return _declared_in(_NAME)
    return _declared_in(_OTHERS) if namespace == DS else frozenset()
