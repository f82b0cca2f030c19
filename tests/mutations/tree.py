"""Mutations of the tree: who stands where, under which name and Id, with which text."""

from collections.abc import Callable
from copy import deepcopy

from hypothesis import strategies as st
from lxml import etree

from digipoort_wus.names import DS, SOAP, TYPES, WSA, WSSE, WSU
from tests.mutations.draw import Draw
from tests.subjects import WSU_ID

XML_NS = "http://www.w3.org/XML/1998/namespace"


def elements(root: etree._Element) -> list[etree._Element]:
    return list(root.iter(etree.Element))


def pick(data: Draw, root: etree._Element) -> etree._Element:
    """Draw an element, more often one that means something to the gate."""
    if data.draw(st.booleans()):
        told = [
            element
            for element in elements(root)
            if element.get(WSU_ID) or etree.QName(element).localname in _REMARKABLE
        ]
        if told:
            return data.draw(st.sampled_from(told))
    return data.draw(st.sampled_from(elements(root)))


_REMARKABLE = {
    "Header",
    "Body",
    "Security",
    "Signature",
    "SignedInfo",
    "Reference",
    "KeyInfo",
    "SecurityTokenReference",
    "Transform",
    "inhoud",
    "Include",
}
_TEXTS = ("x", " ", "\n", "\t", "", "0", "é", "\u200b", "#", "A", "=", "<", "&", "\r", "a" * 70_000)
_IDS = (WSU_ID, "Id", "ID", "id", "iD", f"{{{XML_NS}}}id", f"{{{DS}}}Id", "{urn:x}Id")
_NAMESPACES = (SOAP, WSA, WSSE, WSU, DS, TYPES, "urn:x", "http://www.w3.org/2003/05/soap-envelope")


def _detached(element: etree._Element) -> etree._Element | None:
    """Take an element out of its tree, leaving its tail; None for the root."""
    parent = element.getparent()
    if parent is None:
        return None
    tail, before = element.tail, element.getprevious()
    if tail:
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
    element.tail = None
    parent.remove(element)
    return element


def _insert(data: Draw, root: etree._Element, element: etree._Element) -> None:
    target = pick(data, root)
    parent = target.getparent()
    place = data.draw(st.sampled_from(["first", "last", "before", "behind"]))
    if place == "first" or (parent is None and place == "before"):
        target.insert(0, element)
    elif place == "last" or parent is None:
        target.append(element)
    elif place == "before":
        target.addprevious(element)
    else:
        target.addnext(element)


def move(data: Draw, root: etree._Element) -> None:
    element = _detached(pick(data, root))
    if element is not None:
        _insert(data, root, element)


def duplicate(data: Draw, root: etree._Element) -> None:
    copy = deepcopy(pick(data, root))
    copy.tail = None
    if data.draw(st.booleans()):
        for element in elements(copy):
            for name in (WSU_ID, "Id", "URI"):
                element.attrib.pop(name, None)
    _insert(data, root, copy)


def delete(data: Draw, root: etree._Element) -> None:
    _detached(pick(data, root))


def rename(data: Draw, root: etree._Element) -> None:
    element = pick(data, root)
    name = etree.QName(element)
    other = etree.QName(pick(data, root))
    local = data.draw(st.sampled_from([name.localname, other.localname, name.localname + "x"]))
    uri = data.draw(st.sampled_from([name.namespace or "", other.namespace or "", *_NAMESPACES]))
    element.tag = f"{{{uri}}}{local}" if uri else local


def wrap(data: Draw, root: etree._Element) -> None:
    element = pick(data, root)
    parent = element.getparent()
    if parent is None:
        return
    other = pick(data, root)
    tags = ["{urn:x}Wrapper", str(other.tag), str(element.tag), f"{{{DS}}}Object"]
    wrapper = etree.Element(data.draw(st.sampled_from(tags)))
    wrapper.tail, element.tail = element.tail, None
    parent.replace(element, wrapper)
    wrapper.append(element)


def unwrap(data: Draw, root: etree._Element) -> None:
    """Put the children of an element in its place."""
    element = pick(data, root)
    parent = element.getparent()
    if parent is None:
        return
    for child in list(element):
        element.addprevious(child)
    _detached(element)


def wrapping_attack(data: Draw, root: etree._Element) -> None:
    """Keep a signed part somewhere, and put another one in its place (XSW)."""
    signed = [element for element in elements(root) if element.get(WSU_ID)]
    if not signed:
        return
    original = data.draw(st.sampled_from(signed))
    parent = original.getparent()
    if parent is None:
        return
    forged = deepcopy(original)
    treatment = data.draw(st.sampled_from(["same Id", "other Id", "no Id", "Id spelled otherwise"]))
    if treatment != "same Id":
        value = forged.attrib.pop(WSU_ID)
        if treatment == "other Id":
            forged.set(WSU_ID, f"{value}-2")
        elif treatment == "Id spelled otherwise":
            forged.set(data.draw(st.sampled_from(_IDS[1:])), value)
    leaves = [element for element in elements(forged) if len(element) == 0] or [forged]
    leaf = data.draw(st.sampled_from(leaves))
    leaf.text = f"{leaf.text or ''}{data.draw(st.sampled_from(['x', '0', 'QUJD']))}"
    forged.tail = original.tail
    parent.replace(original, forged)
    original.tail = None
    place = data.draw(st.sampled_from(["wrapped", "bare", "object", "in the forged"]))
    if place == "bare":
        _insert(data, root, original)
    elif place == "in the forged":
        forged.append(original)
    else:
        tag = f"{{{DS}}}Object" if place == "object" else "{urn:x}Wrapper"
        wrapper = etree.Element(tag)
        wrapper.append(original)
        target = root.find(f".//{{{DS}}}Signature") if place == "object" else None
        if target is not None:
            target.append(wrapper)
        else:
            _insert(data, root, wrapper)


def change_text(data: Draw, root: etree._Element) -> None:
    element = pick(data, root)
    piece = data.draw(st.sampled_from(_TEXTS))
    attribute = data.draw(st.sampled_from(["text", "tail"]))
    if attribute == "tail" and element.getparent() is None:
        return
    text = getattr(element, attribute) or ""
    at = data.draw(st.integers(0, min(len(text), 200)))
    cut = data.draw(st.sampled_from([0, 0, 1, len(text)]))
    setattr(element, attribute, text[:at] + piece + text[at + cut :])


def swap_texts(data: Draw, root: etree._Element) -> None:
    one, other = pick(data, root), pick(data, root)
    one.text, other.text = other.text, one.text


def set_attribute(data: Draw, root: etree._Element) -> None:
    element = pick(data, root)
    existing = list(element.attrib)
    names = [
        *existing,
        *_IDS,
        "x",
        "URI",
        "{urn:x}y",
        f"{{{XML_NS}}}base",
        f"{{{XML_NS}}}lang",
        f"{{{XML_NS}}}space",
        f"{{{SOAP}}}mustUnderstand",
        f"{{{SOAP}}}actor",
        f"{{{SOAP}}}encodingStyle",
        "{http://www.w3.org/2001/XMLSchema-instance}type",
        "{http://www.w3.org/2001/XMLSchema-instance}nil",
    ]
    name = data.draw(st.sampled_from([str(name) for name in names]))
    values = [
        "1",
        "0",
        "",
        " ",
        "x",
        "true",
        f"{element.get(name) or ''}x",
        *(str(e.get(WSU_ID)) for e in elements(root) if e.get(WSU_ID)),
        *(f"#{e.get(WSU_ID)}" for e in elements(root) if e.get(WSU_ID)),
    ]
    element.set(name, data.draw(st.sampled_from(values)))


def delete_attribute(data: Draw, root: etree._Element) -> None:
    having = [element for element in elements(root) if element.attrib]
    if having:
        element = data.draw(st.sampled_from(having))
        del element.attrib[data.draw(st.sampled_from(sorted(map(str, element.attrib))))]


def swap_ids(data: Draw, root: etree._Element) -> None:
    having = [element for element in elements(root) if element.get(WSU_ID)]
    if len(having) > 1:
        one, other = data.draw(st.sampled_from(having)), data.draw(st.sampled_from(having))
        first, second = str(one.get(WSU_ID)), str(other.get(WSU_ID))
        one.set(WSU_ID, second)
        other.set(WSU_ID, first)


def swap_references(data: Draw, root: etree._Element) -> None:
    having = [element for element in elements(root) if element.get("URI")]
    if len(having) > 1:
        one, other = data.draw(st.sampled_from(having)), data.draw(st.sampled_from(having))
        first, second = str(one.get("URI")), str(other.get("URI"))
        one.set("URI", second)
        other.set("URI", first)


def insert_node(data: Draw, root: etree._Element) -> None:
    """Insert a comment, an instruction or an entity, also within a text."""
    kind = data.draw(st.sampled_from(["comment", "instruction", "amp", "#65", "x"]))
    if kind == "comment":
        node: etree._Element = etree.Comment("x")
    elif kind == "instruction":
        node = etree.ProcessingInstruction("x", "y")
    else:
        node = etree.Entity(kind)
    target = pick(data, root)
    text = target.text or ""
    at = data.draw(st.integers(0, min(len(text), 100)))
    target.text, node.tail = text[:at], text[at:]
    target.insert(0, node)


def as_cdata(data: Draw, root: etree._Element) -> None:
    having = [element for element in elements(root) if element.text and "]]>" not in element.text]
    if having:
        element = data.draw(st.sampled_from(having))
        element.text = etree.CDATA(str(element.text))


def namespaces_to_the_top(data: Draw, root: etree._Element) -> None:
    """Move declarations as near to the root as they can go, or drop those that are not used."""
    if data.draw(st.booleans()):
        etree.cleanup_namespaces(root, top_nsmap={"t": TYPES, "q": DS, "w": WSSE})
    else:
        etree.cleanup_namespaces(root)


TREE: tuple[Callable[[Draw, etree._Element], None], ...] = (
    move,
    duplicate,
    delete,
    rename,
    wrap,
    unwrap,
    wrapping_attack,
    change_text,
    swap_texts,
    set_attribute,
    delete_attribute,
    swap_ids,
    swap_references,
    insert_node,
    as_cdata,
    namespaces_to_the_top,
)
