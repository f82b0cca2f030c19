"""What signers digest by mistake, where the form is concerned: white space, prefixes, elements.

Every function is for one mistake and yields the octets that it would lead to, the most
frequent first. All are bounded: tens of tries, not thousands.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import combinations, product
from types import MappingProxyType

from lxml import etree

from digipoort_wus.names import DS, EXC_C14N, SOAP, TYPES, WSA, WSSE, WSU
from digipoort_wus.wss.causes.part import SPACES, Part, Try, change_texts, plain
from digipoort_wus.wss.causes.render import CANONICAL, Style, escape_text, render, scope_of

_LISTED_MAX = 20
_SUBSETS_OF = 4
"""Prefixes in scope of which every choice is tried."""
_USUAL: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        SOAP: ("soap-env", "soap", "soapenv", "SOAP-ENV", "s", "S", "env", "e", "soap11", ""),
        WSA: ("wsa", "a", "wsa5", "add", "wsadr", "ns1", "ns2", "wsa10", ""),
        WSU: ("wsu", "u", "utility", "ns1", "ns2", "ns3", ""),
        WSSE: ("wsse", "o", "sec", "ns1", "ns2", ""),
        DS: ("ds", "", "dsig", "sig", "xd"),
        TYPES: ("", "ns0", "ns1", "ns2", "tns", "ns", "t", "typ", "kop", "v1", "q1"),
    }
)
_OTHERWISE = ("", "ns0", "ns1", "ns2", "ns3", "ns4", "tns", "ns", "n", "q1")


def _lightly_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#13;")


_ESCAPES: tuple[Callable[[str], str], ...] = (escape_text, _lightly_escaped)


def without_white_space(part: Part) -> Iterator[Try]:
    """It was indented behind the signer: everywhere, outside only, inside only, around texts."""
    everywhere = part.written(_stripped(part.copy()))
    yield everywhere
    if everywhere.octets != part.octets:
        outside = part.copy()
        _strip_children(outside)
        yield part.written(outside, "between its children only")
        inside = part.copy()
        for child in inside:
            _stripped(child)
        yield part.written(inside, "below its children only")
    trimmed = _stripped(part.copy())
    change_texts(trimmed, lambda text: text.strip(SPACES))
    yield part.written(trimmed, "around texts too")


def indented_otherwise(part: Part) -> Iterator[Try]:
    """It was signed with white space that somebody took out, or replaced by other."""
    depth = sum(1 for _ in part.element.iterancestors())
    for space, level in product(("  ", "    ", "\t", " ", "   "), dict.fromkeys((depth, 0, 1, 2))):
        copy = _stripped(part.copy())
        etree.indent(copy, space, level=level)
        copy.tail = None
        lines = part.written(copy, f"indented by {len(space)} {_space_name(space)}")
        yield lines
        if b"\n" in lines.octets:
            yield plain(lines.octets.replace(b"\n", b"&#xD;\n"), f"{lines.detail}, CRLF")


def other_prefixes(part: Part) -> Iterator[Try]:
    """Prefixes were changed: one namespace at a time, then two."""
    used = _namespaces(part.element)
    choices = {uri: _prefixes_for(uri, part) for uri in used}

    def attempt(renamed: Mapping[str, str]) -> Try:
        style = Style(always=part.prefixes, prefixes=renamed)
        detail = ", ".join(
            f"{prefix or 'no prefix'} was {used[uri] or 'no prefix'} when it was sent"
            for uri, prefix in renamed.items()
        )
        return Try(render(part.element, style, part.scope), detail)

    for uri in used:
        for prefix in choices[uri]:
            yield attempt({uri: prefix})
    for first, second in combinations(used, 2):
        for one, other in product(choices[first][:6], choices[second][:6]):
            if one != other:
                yield attempt({first: one, second: other})


def inclusive(part: Part) -> Iterator[Try]:
    """Inclusive canonicalisation, of the part in the message or on its own."""
    yield Try(render(part.element, Style(inclusive=True), part.scope))
    yield Try(render(part.copy(), Style(inclusive=True)), "of the element on its own")
    for some in _subsets(part):
        kept = {prefix: part.scope[prefix] for prefix in some}
        yield Try(
            render(part.copy(), Style(inclusive=True), kept),
            f"with only {', '.join(prefix or 'the default namespace' for prefix in some)} declared",
        )


def other_prefix_lists(part: Part) -> Iterator[Try]:
    """A PrefixList that is stated and was not used, or one that stands elsewhere."""
    if part.prefixes:
        yield Try(render(part.element, CANONICAL, part.scope), "stated, not used")
    for listed in part.root.iter(f"{{{EXC_C14N}}}InclusiveNamespaces"):
        prefixes = tuple((listed.get("PrefixList") or "").split())[:_LISTED_MAX]
        if prefixes != part.prefixes:
            style = Style(always=prefixes)
            yield Try(render(part.element, style, part.scope), f"used: {' '.join(prefixes)}")


def other_elements(part: Part) -> Iterator[Try]:
    """The digest belongs to another element of the message."""
    for name, element in part.around.items():
        if element is not part.element:
            yield Try(render(element, part.style()), f"of {name}")


def content(part: Part) -> Iterator[Try]:
    """What is in the element, without its tags; or its one child."""
    for child in part.element:
        yield Try(render(child, part.style(), part.scope), "its child element")
    octets = part.octets
    yield plain(octets[octets.find(b">") + 1 : octets.rfind(b"</")], "without its tags")


def enveloped(part: Part) -> Iterator[Try]:
    """The part, or all of the message, without the signature."""
    for apex in (part.element, part.root):
        copy = deepcopy(apex)
        copy.tail = None
        for tag in (f"{{{DS}}}Signature", f"{{{WSSE}}}Security"):
            removed = list(copy.iter(tag))
            if not removed:
                # Written once more it would cost, and be what was tried already.
                continue
            for found in removed:
                parent = found.getparent()
                if parent is not None:
                    _remove(parent, found)
            name = "the message" if apex is part.root else "the element"
            detail = f"{name} without {tag.rpartition('}')[2]}"
            yield Try(render(copy, part.style(), part.scope), detail)
            yield Try(render(copy, Style(inclusive=True)), f"{detail}, inclusive")


def without_ids(part: Part) -> Iterator[Try]:
    """The Ids came later: that of the element, or all of them."""
    copy = part.copy()
    _drop_ids(copy)
    yield part.written(copy)
    for element in copy.iter(etree.Element):
        _drop_ids(element)
    yield part.written(copy, "all Ids in it")


def other_attributes(part: Part) -> Iterator[Try]:
    """Attributes of the element came later, or mustUnderstand went."""
    names = list(part.element.attrib)
    for name in names[:8]:
        copy = part.copy()
        del copy.attrib[name]
        yield part.written(copy, f"without {etree.QName(name).localname}")
    if len(names) > 2:
        copy = part.copy()
        for name in names:
            if not _is_id(name):
                del copy.attrib[name]
        yield part.written(copy, "its Id only")
    for value in ("1", "0"):
        # Inside a parent, so that the attribute gets the message's own prefix.
        parent = etree.Element("x", nsmap={p or None: u for p, u in part.scope.items() if u})
        copy = part.copy()
        parent.append(copy)
        copy.set(f"{{{SOAP}}}mustUnderstand", value)
        yield part.written(copy, f'with mustUnderstand="{value}"')


def serialised(part: Part) -> Iterator[Try]:
    """Octets as some serialiser writes them, or as they stand in the message."""
    raw = _as_sent(part)
    if raw is not None:
        yield plain(raw, "the octets as they were sent")
        yield plain(raw.replace(b"\r\n", b"\n"), "the octets as they were sent, with LF")
    for copy, where in ((part.element, "in the message"), (part.copy(), "on its own")):
        # By libxml2, which costs next to nothing.
        yield plain(etree.tostring(copy, encoding="UTF-8", with_tail=False), f"serialised {where}")
        yield plain(
            etree.tostring(copy, encoding="UTF-8", xml_declaration=True, with_tail=False),
            f"serialised {where}, with a declaration",
        )
    knobs = list(product(("", "/>", " />"), (False, True), _ESCAPES, "\"'"))
    # One deviation first, then several together.
    usual = knobs[0]
    knobs.sort(key=lambda knob: sum(a != b for a, b in zip(knob, usual, strict=True)))
    for empty, in_order, escape, quote in knobs[1:]:
        style = Style(
            always=part.prefixes, empty=empty, in_order=in_order, text=escape, quote=quote
        )
        detail = [
            f"empty elements as <a{empty}" if empty else "",
            "attributes not sorted" if in_order else "",
            "> not escaped" if escape is _lightly_escaped else "",
            "single quotes" if quote == "'" else "",
        ]
        yield Try(render(part.element, style, part.scope), ", ".join(filter(None, detail)))


def undeclared(part: Part) -> Iterator[Try]:
    """Names with a prefix that nothing declares, as DOM makes them without a namespace."""
    yield Try(render(part.element, Style(declared=False)))


def preceded(part: Part) -> Iterator[Try]:
    """A byte order mark, a declaration or a line end stands before or behind."""
    yield plain(b"\xef\xbb\xbf" + part.octets, "byte order mark")
    for quote, end in product((b'"', b"'"), (b"", b"\n", b"\r\n")):
        declaration = b'<?xml version="1.0" encoding="UTF-8"?>'.replace(b'"', quote)
        yield plain(declaration + end + part.octets, "XML declaration")
    yield plain(part.octets + b"\n", "a line end behind it")
    yield plain(part.octets + b"\r\n", "a line end behind it")


def nothing(_part: Part) -> Iterator[Try]:
    """No octets at all."""
    yield plain(b"")


def _stripped(element: etree._Element) -> etree._Element:
    """Take out white space between elements, and return the element."""
    for inner in element.iter(etree.Element):
        _strip_children(inner)
    return element


def _strip_children(element: etree._Element) -> None:
    if not len(element):
        return
    if not (element.text or "").strip(SPACES):
        element.text = None
    for child in element:
        if not (child.tail or "").strip(SPACES):
            child.tail = None


def _drop_ids(element: etree._Element) -> None:
    for name in list(element.attrib):
        if _is_id(name):
            del element.attrib[name]


def _is_id(name: str) -> bool:
    return name.rpartition("}")[2].lower() == "id"


def _remove(parent: etree._Element, child: etree._Element) -> None:
    """Remove a child and leave the text behind it."""
    if child.tail:
        before = child.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + child.tail
        else:
            parent.text = (parent.text or "") + child.tail
    parent.remove(child)


def _namespaces(element: etree._Element) -> dict[str, str]:
    """Return the prefix of every namespace that names of elements and attributes use."""
    used: dict[str, str] = {}
    for inner in element.iter(etree.Element):
        tag = etree.QName(inner)
        if tag.namespace:
            used.setdefault(tag.namespace, inner.prefix or "")
        for name in inner.attrib:
            uri = etree.QName(name).namespace
            if uri:
                bound = [p for p, u in scope_of(inner).items() if u == uri and p]
                used.setdefault(uri, bound[0] if bound else "")
    return used


def _prefixes_for(uri: str, part: Part) -> tuple[str, ...]:
    """Return the prefixes that signers may have had: those of the message first."""
    elsewhere = {inner.prefix or "" for inner in part.root.iter(f"{{{uri}}}*")}
    bound = {prefix for prefix, name in part.scope.items() if name == uri}
    return tuple(dict.fromkeys((*sorted(elsewhere | bound), *_USUAL.get(uri, _OTHERWISE))))


def _subsets(part: Part) -> list[tuple[str, ...]]:
    """Return choices of the prefixes that are in scope and that the part does not need."""
    needed = set(_namespaces(part.element).values())
    spare = [prefix for prefix in part.scope if prefix not in needed][:_SUBSETS_OF]
    return [some for size in range(1, len(spare) + 1) for some in combinations(spare, size)]


def _as_sent(part: Part) -> bytes | None:
    """Return the octets between which an element stands in the message, when that is plain."""
    if part.source is None:
        return None
    local = etree.QName(part.element).localname
    name = f"{part.element.prefix}:{local}" if part.element.prefix else local
    pattern = rb"<%b(?=[\s/>]).*?</%b\s*>" % ((re.escape(name.encode()),) * 2)
    found = re.findall(pattern, part.source, re.DOTALL)
    same = [
        inner
        for inner in part.root.iter(str(part.element.tag))
        if inner.prefix == part.element.prefix
    ]
    return found[same.index(part.element)] if len(found) == len(same) else None


def _space_name(space: str) -> str:
    if space == "\t":
        return "tab"
    return "space" if len(space) == 1 else "spaces"
