"""What of a filed instance is handed to Arelle, and what is not.

Arelle follows references to wherever they lead, also when it is offline, and obeys instructions
in a document. So whatever refers to anything but the entry point is refused before, and what
Arelle gets is not what was filed but written anew: in UTF-8, without instructions and without
``xsi:schemaLocation``, of which a taxonomy has no need.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from digipoort_wus.rules.kinds.paths import path_of
from digipoort_wus.rules.kinds.xbrl_message import Steps

_LINK = "{http://www.xbrl.org/2003/linkbase}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_ROOT = "{http://www.xbrl.org/2003/instance}xbrl"
_SCHEMA_REF = f"{_LINK}schemaRef"
_HREF = f"{_XLINK}href"
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_LOCATIONS = (f"{_XSI}schemaLocation", f"{_XSI}noNamespaceSchemaLocation")
_NO_FACTS = (
    "http://www.xbrl.org/2003/instance",
    "http://xbrl.org/2006/xbrldi",
    "http://www.xbrl.org/2003/linkbase",
)
_FOOTNOTE_LINK = f"{_LINK}footnoteLink"
_FOOTNOTE_PARTS = {
    f"{_LINK}loc": "locator",
    f"{_LINK}footnote": "resource",
    f"{_LINK}footnoteArc": "arc",
}
_FACT_FOOTNOTE = "http://www.xbrl.org/2003/arcrole/fact-footnote"
# What they would add to the taxonomy, an instance without links of its own has no use for.
_ROLES = (f"{_LINK}roleRef", f"{_LINK}arcroleRef", f"{_LINK}linkbaseRef")
_SPACE = " \t\r\n"
_REFUSED_MAX = 20


@dataclass(frozen=True, slots=True)
class Reference:
    """Something in an instance that is not handed to Arelle.

    Args:
        about: none, reference or file, as the texts have it.
        address: that it refers to; the name of what stands there when it is no reference.
        path: XPath of the element.
        line: of the element; 0: not known.
    """

    about: str
    address: str
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an element stands.

    Args:
        path: XPath.
        line: from 1; 0: not known.
    """

    path: str
    line: int


class Instance:
    """An instance, or why it is none that is handed to Arelle.

    Args:
        root: of the filed document, or of a copy of it without instructions.
        entry_point: that its schemaRef names; empty when it is refused.
        refused: what may not be in it.
    """

    def __init__(
        self, root: etree._Element, entry_point: str, refused: tuple[Reference, ...]
    ) -> None:
        self._root = root
        self.entry_point = entry_point
        self.refused = refused

    @property
    def octets(self) -> bytes:
        """Return it in UTF-8, for a parser that is told so."""
        return etree.tostring(self._root, encoding="utf-8", with_tail=False)

    def place(self, steps: Steps) -> Spot:
        """Return where an element stands in what was filed."""
        node = self._node(steps)
        return Spot(path_of(node), node.sourceline or 0)

    def names(self, elements: Iterable[Steps]) -> tuple[str, ...]:
        """Return the local names of the facts among some elements; of all when none is a fact."""
        names = [etree.QName(self._node(steps)) for steps in elements]
        facts = [each for each in names if each.namespace not in _NO_FACTS]
        return tuple(dict.fromkeys(each.localname for each in facts or names))

    def _node(self, steps: Steps) -> etree._Element:
        node = self._root
        for step in steps:
            node = node[step]
        return node


def read_instance(root: etree._Element, entry_points: Sequence[str]) -> Instance:
    """Look at every reference of a document.

    Args:
        root: of a document without DOCTYPE; it is not changed.
        entry_points: the exact addresses that a schemaRef may have.
    """
    if root.tag != _ROOT:
        return Instance(root, "", (Reference("none", ""),))
    found: list[Reference] = []
    seen: list[str] = []
    for node in root.iter(etree.Element):
        if node.tag == _SCHEMA_REF:
            address = (node.get(_HREF) or "").strip(_SPACE)
            seen.append(address)
            if address not in entry_points or node.getparent() is not root:
                found.append(_reference("reference", address, node))
        found += (_reference("file", address, node) for address in _elsewhere(node))
        if len(found) >= _REFUSED_MAX:
            break
    if not seen and not found:
        return Instance(root, "", (Reference("none", ""),))
    if len(seen) > 1 and not found:
        second = root.findall(_SCHEMA_REF)[1]
        found.append(_reference("reference", seen[1], second))
    entry_point = "" if found else seen[0]
    return Instance(_plain(root), entry_point, tuple(found[:_REFUSED_MAX]))


def _elsewhere(node: etree._Element) -> Iterator[str]:
    """Return what an element refers to, or adds to the taxonomy."""
    if _BASE in node.attrib:
        yield node.get(_BASE) or ""
    if node.tag == _SCHEMA_REF:
        return
    href = node.get(_HREF)
    if node.tag in _ROLES or (href is not None and not href.strip(_SPACE).startswith("#")):
        yield href or etree.QName(node).localname
    kind = node.get(f"{_XLINK}type")
    if node.tag == _FOOTNOTE_LINK:
        if kind != "extended":
            yield "footnoteLink"
    elif kind in ("extended", "locator", "resource", "arc"):
        # Links of a filer's own would be taken for links, and even formulas, of the taxonomy.
        arcrole = node.get(f"{_XLINK}arcrole", _FACT_FOOTNOTE)
        parent = node.getparent()
        within = parent is not None and parent.tag == _FOOTNOTE_LINK
        name = str(node.tag)
        if not within or _FOOTNOTE_PARTS.get(name) != kind or arcrole != _FACT_FOOTNOTE:
            yield etree.QName(node).localname


def _reference(about: str, address: str, node: etree._Element) -> Reference:
    return Reference(about, address, path_of(node), node.sourceline or 0)


def _plain(root: etree._Element) -> etree._Element:
    """Return a root without instructions, places of schemas and space around addresses.

    It is a copy if there are any: Arelle takes the space for a part of the address.
    """
    instructions = next(root.iter(etree.PI), None) is not None
    others = any(
        _is_spaced(node) or any(each in node.attrib for each in _LOCATIONS)
        for node in root.iter(etree.Element)
    )
    if not instructions and not others:
        return root
    plain = copy.deepcopy(root)
    etree.strip_elements(plain, etree.PI, with_tail=False)
    for node in plain.iter(etree.Element):
        for each in _LOCATIONS:
            node.attrib.pop(each, None)
        if _is_spaced(node):
            node.set(_HREF, node.attrib[_HREF].strip(_SPACE))
    return plain


def _is_spaced(node: etree._Element) -> bool:
    href = node.get(_HREF)
    return href is not None and href != href.strip(_SPACE)
