"""From bytes to a tree: one hardened parse, with its limits checked.

Two kinds of bytes come from outside: SOAP messages, where nothing may stand that
a signature does not cover, and filed documents, which are XML of other people's
making and may be UTF-16 or hold comments. Neither may have a DOCTYPE.
"""

import re
from collections.abc import Sequence
from typing import cast

from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.errors import Check, Refusal

_BOM = b"\xef\xbb\xbf"
_REMARKABLE = (b"!", b"?")
_DECLARATION = (b"<?xml ", b"<?xml\t", b"<?xml\n", b"<?xml\r")
_DTD = (b"<!DOCTYPE", b"<!ENTITY")
_LARGE = 256 * 1024
_DECLARED_ENCODING = re.compile(
    rb"""\A<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([A-Za-z0-9._-]{1,40})["']"""
)


def parse_message(data: bytes, *, max_elements: int = limits.XML_MAX_ELEMENTS) -> etree._Element:
    """Parse one SOAP message and return its root element.

    Args:
        data: the octets of the body, at most ``limits.WIRE_MAX_BYTES``; a UTF-8 BOM is skipped.
        max_elements: a client accepts more in an answer than a gateway in a request.

    Raises:
        Refusal: XML-ENCODING, XML-DOCTYPE, XML-WELL-FORMED, XML-INSTRUCTION,
            XML-COMMENT or XML-LIMIT.
    """
    data = data.removeprefix(_BOM)
    _refuse_other_encodings(data)
    # Before the parse: nothing that follows may depend on what a DTD does to a parser.
    remarkable = _check_tags(data, max_elements)
    _check_quotes(data, max_elements)
    # huge_tree: without it a text node ends at 10 MB, while inhoud may be 20 MiB.
    root = _parse(data, _parser(encoding="utf-8", huge_tree=True))
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refusal(checks.XML_DOCTYPE)
    # Outside of CDATA these octets are what they look like; a tree is only walked when they occur.
    if remarkable:
        _refuse_comments_and_instructions(root)
    _check_limits(root, max_elements)
    return root


def parse_document(data: bytes) -> etree._Element:
    """Parse one filed document and return its root element.

    Args:
        data: decoded octets of an ``inhoud``, in any encoding that XML names.

    Raises:
        Refusal: XML-DOCTYPE or XML-WELL-FORMED.
        MemoryError: the parser had no memory, which is nobody's mistake but ours.
    """
    root = _parse(data, _parser(encoding=None, huge_tree=len(data) > 9_000_000))
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refusal(checks.XML_DOCTYPE)
    return root


def _parser(*, encoding: str | None, huge_tree: bool) -> etree.XMLParser:
    return etree.XMLParser(
        encoding=encoding,
        huge_tree=huge_tree,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        # Ids are compared by us, spelling by spelling; libxml2's own table is not used.
        collect_ids=False,
    )


def _parse(data: bytes, parser: etree.XMLParser) -> etree._Element:
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        # lxml reports exhausted memory as a syntax error; only the code tells.
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError("no memory to parse the document") from None
        # The message of libxml2 quotes the document; only where it went wrong is told.
        line, column = error.position
        check, received = _why_not_parsed(data), f"line {line}, column {column}"
    raise Refusal(check, received=received)


def _why_not_parsed(data: bytes) -> Check:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return checks.XML_ENCODING
    return checks.XML_WELL_FORMED


def _refuse_other_encodings(data: bytes) -> None:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4] in (b"\0\0\0<", b"<\0\0\0"):
        raise Refusal(checks.XML_ENCODING, expected="utf-8", received="utf-16 or utf-32")
    declared = _DECLARED_ENCODING.match(data)
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raise Refusal(checks.XML_ENCODING, expected="utf-8", received=declared[1].decode("ascii"))


def _refuse_comments_and_instructions(root: etree._Element) -> None:
    around = (*root.itersiblings(preceding=True), *root.itersiblings())
    for node in (*around, *root.iter(etree.Comment, etree.PI)):
        comment = isinstance(node, etree._Comment)
        check = checks.XML_COMMENT if comment else checks.XML_INSTRUCTION
        raise Refusal(check, received=f"line {node.sourceline}")


def _check_tags(data: bytes, max_elements: int) -> bool:
    """Bound the number of tags, refuse a DTD, and return whether comments or the like may be there.

    It jumps from one "<" to the next, for base64 has none: a search for longer texts would
    read every octet of a large message several times.
    """
    # A start tag and an end tag have one "<" each.
    most, number, remarkable = 2 * max_elements, 0, False
    position = data.find(b"<")
    while position >= 0:
        number += 1
        if number > most:
            raise Refusal(checks.XML_LIMIT, expected=f"at most {most} tags", received="more")
        if data[position + 1 : position + 2] in _REMARKABLE:
            if data.startswith(_DTD, position):
                raise Refusal(checks.XML_DOCTYPE)
            # The XML declaration is no processing instruction.
            if position or not data.startswith(_DECLARATION):
                remarkable = True
        position = data.find(b"<", position + 1)
    return remarkable


def _check_quotes(data: bytes, max_elements: int) -> None:
    """Bound what attributes and declarations may cost, before they cost it.

    Attributes take memory in the parse, and each has two quotes. Canonicalisation is
    quadratic in the namespace declarations of one element.
    """
    most, declarations = 8 * max_elements, max_elements // 5
    quotes = _count(data, b'"', most) + _count(data, b"'", most)
    if quotes > most:
        raise Refusal(checks.XML_LIMIT, expected=f"at most {most} quotes", received="more")
    # A declaration has two quotes as well, so few quotes are few declarations.
    if quotes > 2 * declarations and data.count(b"xmlns:") > declarations:
        raise Refusal(checks.XML_LIMIT, expected=f"at most {declarations} namespace declarations")


def _count(data: bytes, octet: bytes, most: int) -> int:
    """Count an octet, as far as one more than so many."""
    # Of megabytes, count() reads each octet by itself, where find() jumps; else it is faster.
    if len(data) < _LARGE:
        return data.count(octet)
    number, position = 0, data.find(octet)
    while position >= 0 and number <= most:
        number += 1
        position = data.find(octet, position + 1)
    return number


# One child step more than may be: libxml2 walks it in no time, where a walk in Python counts.
_TOO_DEEP = etree.XPath(f"boolean({'/*' * (limits.XML_MAX_DEPTH + 1)})")


def _check_limits(root: etree._Element, max_elements: int) -> None:
    if _TOO_DEEP(root):
        raise Refusal(checks.XML_LIMIT, expected=f"depth {limits.XML_MAX_DEPTH}")
    for number, node in enumerate(root.iter(etree.Element), 1):
        if number > max_elements:
            raise Refusal(checks.XML_LIMIT, expected=f"{max_elements} elements")
        if len(cast(str, node.tag)) > limits.XML_MAX_NAME:
            raise Refusal(checks.XML_LIMIT, expected=f"names of {limits.XML_MAX_NAME} characters")
        attributes = node.items()
        if attributes:
            _check_attributes(attributes)


def _check_attributes(attributes: Sequence[tuple[str, str]]) -> None:
    if len(attributes) > limits.XML_MAX_ATTRIBUTES:
        raise Refusal(
            checks.XML_LIMIT,
            expected=f"{limits.XML_MAX_ATTRIBUTES} attributes on one element",
            received=str(len(attributes)),
        )
    for name, value in attributes:
        if len(name) > limits.XML_MAX_NAME or len(value) > limits.XML_MAX_ATTRIBUTE_VALUE:
            raise Refusal(
                checks.XML_LIMIT,
                expected=f"attribute names of {limits.XML_MAX_NAME} and values of "
                f"{limits.XML_MAX_ATTRIBUTE_VALUE} characters",
            )
