"""The ids of a CPA 2.0 document, and where references to them lead."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from lxml import etree

from digipoort_wus.ebms.cpa_structure import Mistake, local_name, paths_of, text_of
from digipoort_wus.ebms.names import CPA

# Which element bears which id, and what a reference may lead to; `party`: of its own party.
_IDS: Mapping[str, str] = MappingProxyType(
    {
        "ThisPartyActionBinding": "id",
        "Certificate": "certId",
        "SecurityDetails": "securityId",
        "DeliveryChannel": "channelId",
        "Transport": "transportId",
        "DocExchange": "docExchangeId",
        "SimplePart": "id",
        "Packaging": "id",
        "Encapsulation": "id",
        "Composite": "id",
    }
)
_REFERENCES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "defaultMshChannelId": ("DeliveryChannel",),
        "defaultMshPackageId": ("Packaging",),
        "packageId": ("Packaging",),
        "channelId": ("DeliveryChannel",),
        "transportId": ("Transport",),
        "docExchangeId": ("DocExchange",),
        "certId": ("Certificate",),
        "securityId": ("SecurityDetails",),
        "idref": ("SimplePart", "Encapsulation", "Composite"),
    }
)
_TEXT_REFERENCES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"ChannelId": ("DeliveryChannel",), "OtherPartyActionBinding": ("ThisPartyActionBinding",)}
)
_OWN = frozenset({"DeliveryChannel", "Transport", "DocExchange"})


def walk(element: etree._Element, path: str) -> Iterator[tuple[etree._Element, str]]:
    """Yield an element and those of a CPA below it, with their paths."""
    yield element, path
    for child, where in paths_of(element, path):
        if str(child.tag).startswith(f"{{{CPA}}}"):
            yield from walk(child, where)


def wrong_references(root: etree._Element) -> Iterator[Mistake]:
    """Yield each id that stands twice, and each reference that leads to nothing of its kind.

    Args:
        root: of a CPA whose form was looked at.
    """
    top = f"/{local_name(root)}"
    found: dict[str, tuple[str, int | None]] = {}
    for party, element, path in _with_party(root, top):
        attribute = _IDS.get(local_name(element))
        if attribute is None:
            continue
        value = (element.get(f"{{{CPA}}}{attribute}") or "").strip()
        if value in found:
            yield Mistake(f"{path}/@{attribute}", f"the id {value!r} is there already")
        found[value] = (local_name(element), party)
    for party, element, path in _with_party(root, top):
        for where, value, targets in _references(element, path):
            name, of = found.get(value, ("", None))
            if name not in targets:
                told = f"is of a {name}" if name else "is nowhere in the document"
                yield Mistake(where, f"the id {value!r} {told}; expected {' or '.join(targets)}")
            elif name in _OWN and of != party:
                yield Mistake(where, f"the id {value!r} is of the other party's {name}")
            elif name == "ThisPartyActionBinding" and of == party:
                yield Mistake(where, f"the id {value!r} is of this party itself")


def _with_party(root: etree._Element, top: str) -> Iterator[tuple[int | None, etree._Element, str]]:
    """Yield every element with its path, and which party it is of."""
    number = 0
    for child, path in paths_of(root, top):
        party = None
        if local_name(child) == "PartyInfo":
            party = number = number + 1
        yield from ((party, element, where) for element, where in walk(child, path))


def _references(element: etree._Element, path: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    name = local_name(element)
    if name in _TEXT_REFERENCES:
        yield path, text_of(element), _TEXT_REFERENCES[name]
    for attribute, targets in _REFERENCES.items():
        value = element.get(f"{{{CPA}}}{attribute}")
        if value is not None and _IDS.get(name) != attribute:
            yield f"{path}/@{attribute}", value.strip(), targets
