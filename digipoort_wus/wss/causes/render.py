"""A writer of canonical XML that can be told to make a signer's mistakes.

With the default style it writes exactly what exclusive canonicalisation does (the tests
compare it with libxml2). Each other style is one thing that real signers do instead. It
serves explanations only: no verification depends on it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import cast

from lxml import etree

_XML = "http://www.w3.org/XML/1998/namespace"
_NONE: Mapping[str, str] = MappingProxyType({})


def escape_text(text: str) -> str:
    """Escape character data as canonical XML does."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#xD;")


def escape_value(text: str) -> str:
    """Escape an attribute's value as canonical XML does."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")


@dataclass(frozen=True, slots=True)
class Style:
    """How a message is written; the default is exclusive canonicalisation.

    Args:
        inclusive: declare every namespace that is in scope, used or not.
        declared: write namespace declarations at all.
        always: prefixes of an InclusiveNamespaces PrefixList; ``#default`` for none.
        prefixes: other prefixes, by namespace; an empty one is the default namespace.
        empty: the end of the tag of an element without content; nothing for two tags.
        in_order: attributes as they came, behind no sorting.
        quote: around attribute values.
        text: escapes character data.
    """

    inclusive: bool = False
    declared: bool = True
    always: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=lambda: _NONE)
    empty: str = ""
    in_order: bool = False
    quote: str = '"'
    text: Callable[[str], str] = escape_text


CANONICAL = Style()


def render(
    element: etree._Element, style: Style = CANONICAL, context: Mapping[str, str] = _NONE
) -> bytes:
    """Write an element and what is in it.

    Args:
        element: holds elements and text only, as every parsed message does.
        style: the deviations.
        context: further prefixes that are in scope, for a copy that has lost its
            ancestors; the default namespace under the empty prefix.
    """
    out: list[str] = []
    _write(out, element, style, context, {})
    return "".join(out).encode("utf-8", "surrogatepass")


def scope_of(element: etree._Element) -> dict[str, str]:
    """Return the namespaces in scope by prefix; the default one has the empty prefix."""
    return {prefix or "": uri or "" for prefix, uri in element.nsmap.items()}


def _write(
    out: list[str],
    element: etree._Element,
    style: Style,
    context: Mapping[str, str],
    rendered: Mapping[str, str],
) -> None:
    scope = {**context, **scope_of(element)}
    uri, local = _split(cast(str, element.tag))
    prefix = style.prefixes.get(uri, element.prefix or "")
    attributes = [(*names, value) for names, value in _attributes(element, scope, style)]
    used = {prefix: uri} | {p: u for p, u, _, _ in attributes if p}
    used.pop("xml", None)
    if style.inclusive:
        used = {style.prefixes.get(u, p): u for p, u in scope.items()} | used
    for listed in style.always:
        bare = "" if listed == "#default" else listed
        if bare in scope:
            used.setdefault(bare, scope[bare])
    fresh = {p: u for p, u in used.items() if rendered.get(p, "") != u}
    name = f"{prefix}:{local}" if prefix else local
    out.append(f"<{name}")
    if style.declared:
        for declared, value in sorted(fresh.items()):
            bound = f"xmlns:{declared}" if declared else "xmlns"
            out.append(f" {bound}={style.quote}{escape_value(value)}{style.quote}")
    if not style.in_order:
        attributes.sort(key=lambda entry: (entry[1], entry[2]))
    for p, _, attribute, value in attributes:
        written = f"{p}:{attribute}" if p else attribute
        out.append(f" {written}={style.quote}{escape_value(value)}{style.quote}")
    if style.empty and not len(element) and not element.text:
        out.append(style.empty)
        return
    out.append(">")
    out.append(style.text(element.text or ""))
    inside = {**rendered, **fresh}
    for child in element:
        _write(out, child, style, context, inside)
        out.append(style.text(child.tail or ""))
    out.append(f"</{name}>")


def _attributes(
    element: etree._Element, scope: Mapping[str, str], style: Style
) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Yield ((prefix, namespace, local name), value)."""
    for position, (name, value) in enumerate(element.items(), 1):
        uri, local = _split(name)
        if not uri:
            yield ("", "", local), value
        elif uri == _XML:
            yield ("xml", uri, local), value
        else:
            found = [prefix for prefix, bound in scope.items() if bound == uri and prefix]
            prefix = found[0] if len(found) == 1 else _prefix_of(element, position)
            # An attribute cannot be in the default namespace.
            yield (style.prefixes.get(uri) or prefix, uri, local), value


def _prefix_of(element: etree._Element, position: int) -> str:
    """Return an attribute's own prefix, which lxml shows in XPath only."""
    name = cast(str, element.xpath(f"name(@*[{position}])"))
    return name.partition(":")[0]


def _split(name: str) -> tuple[str, str]:
    uri, _, local = name[1:].partition("}") if name[:1] == "{" else ("", "", name)
    return uri, local
