"""From bytes to a tree: one hardened parse, with its limits checked.

Two kinds of bytes come from outside: SOAP messages, where nothing may stand that
a signature does not cover, and filed documents, which are XML of other people's
making and may be UTF-16 or hold comments. Neither may have a DOCTYPE.
"""

import codecs
from typing import cast

from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.xmlsafe.apart import apart
from digipoort_wus.xmlsafe.hardened import HARDENED
from digipoort_wus.xmlsafe.lookover import (
    Unparsed,
    long_name,
    look_over,
    most_attributes,
    too_many,
)

BOUND_BY_THE_PARSER = frozenset(
    {etree.ErrorTypes.ERR_NAME_TOO_LONG, etree.ErrorTypes.ERR_RESOURCE_LIMIT}
)
"""Codes of what libxml2 does not read although it may be XML."""
LIBXML2_BOUNDS = "depth, names and texts within the bounds of libxml2"
_UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def parse_message(
    data: bytes,
    *,
    max_elements: int = limits.XML_MAX_ELEMENTS,
    max_text: int = limits.XML_MAX_TEXT,
) -> etree._Element:
    """Parse one SOAP message in this thread and return its root element.

    The thread keeps its names. Who judges strangers' messages in a thread that does not end
    calls :func:`look_over` and :func:`parse_unparsed`, the latter apart where names are new.

    Args:
        data: the octets of the body, at most ``limits.WIRE_MAX_BYTES``; a UTF-8 BOM is skipped.
        max_elements: a client accepts more in an answer than a gateway in a request.
        max_text: octets of a text other than contents; as well.

    Raises:
        Refusal: XML-ENCODING, XML-DOCTYPE, XML-WELL-FORMED, XML-INSTRUCTION,
            XML-COMMENT or XML-LIMIT; XSD-BASE64 for long contents that are plainly none.
    """
    return parse_unparsed(look_over(data, max_elements=max_elements, max_text=max_text))


def parse_unparsed(unparsed: Unparsed) -> etree._Element:
    """Parse a message that was looked over, in this thread; its octets are taken.

    Raises:
        Refusal: XML-ENCODING, XML-DOCTYPE, XML-WELL-FORMED, XML-INSTRUCTION,
            XML-COMMENT or XML-LIMIT.
    """
    # huge_tree: without it a text node ends at 10 MB, while inhoud may be 20 MiB.
    root = _parse(unparsed.take(), _parser(encoding="utf-8", huge_tree=True))
    # libxml2 would read 1.1 by the rules of 1.0, which differ.
    if root.getroottree().docinfo.xml_version != "1.0":
        raise Refusal(checks.XML_WELL_FORMED, expected="XML 1.0")
    # Outside of CDATA these octets are what they look like; a tree is only walked when they occur.
    if unparsed.remarkable:
        _refuse_comments_and_instructions(root)
    _check_shape(root)
    if not unparsed.plain:
        _check_elements(root, unparsed.max_elements)
    return root


def parse_document(data: bytes) -> etree._Element:
    """Parse one filed document and return its root element.

    Args:
        data: decoded octets of an ``inhoud``, in any encoding that XML names.

    Raises:
        Refusal: XML-DOCTYPE, XML-ENCODING, XML-WELL-FORMED or XML-LIMIT.
        MemoryError: the parser had no memory, which is nobody's mistake but ours.
    """
    # A parser that is fed piece by piece does not read it, and both are to say the same.
    if data.startswith(_UTF_32):
        raise Refusal(checks.XML_ENCODING)
    # Its names are anybody's: they are not to stay in the dictionary of this thread.
    return apart(lambda: _parse(data, _parser(encoding=None, huge_tree=len(data) > 9_000_000)))


def _parser(*, encoding: str | None, huge_tree: bool) -> etree.XMLParser:
    return etree.XMLParser(encoding=encoding, huge_tree=huge_tree, **HARDENED)


def _parse(data: bytes, parser: etree.XMLParser) -> etree._Element:
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        # lxml reports exhausted memory as a syntax error; only the code tells.
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError("no memory to parse the document") from None
        if error.code in BOUND_BY_THE_PARSER:
            raise Refusal(checks.XML_LIMIT, expected=LIBXML2_BOUNDS) from None
        # The message of libxml2 quotes the document; only where it went wrong is told.
        line, column = error.position
        check = _why_not_parsed(data)
    else:
        if root.getroottree().docinfo.internalDTD is not None:
            raise Refusal(checks.XML_DOCTYPE)
        # lxml looks at the last thing in its log, so behind a warning, as of a relative
        # namespace name, it accepts a prefix without a namespace.
        mistake = next(iter(parser.error_log.filter_from_errors()), None)
        if mistake is None:
            return root
        check, line, column = checks.XML_WELL_FORMED, mistake.line, mistake.column
    raise Refusal(check, received=f"line {line}, column {column}")


def _why_not_parsed(data: bytes) -> Check:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return checks.XML_ENCODING
    return checks.XML_WELL_FORMED


def _refuse_comments_and_instructions(root: etree._Element) -> None:
    around = (*root.itersiblings(preceding=True), *root.itersiblings())
    for node in (*around, *root.iter(etree.Comment, etree.PI)):
        comment = isinstance(node, etree._Comment)
        check = checks.XML_COMMENT if comment else checks.XML_INSTRUCTION
        raise Refusal(check, received=f"line {node.sourceline}")


# One child step more than may be: libxml2 walks it in no time, where a walk in Python counts.
_TOO_DEEP = etree.XPath(f"boolean({'/*' * (limits.XML_MAX_DEPTH + 1)})")
# Counted here, because lxml looks each attribute up by its name: quadratic in their number.
_NUMBER_OF_ATTRIBUTES = etree.XPath("count(//@*)")
_TOO_MANY_ATTRIBUTES = etree.XPath(f"boolean(//*/@*[{limits.XML_MAX_ATTRIBUTES + 1}])")


def _check_shape(root: etree._Element) -> None:
    if _TOO_DEEP(root):
        raise Refusal(checks.XML_LIMIT, expected=f"depth {limits.XML_MAX_DEPTH}")
    if _TOO_MANY_ATTRIBUTES(root):
        raise Refusal(
            checks.XML_LIMIT, expected=f"{limits.XML_MAX_ATTRIBUTES} attributes on one element"
        )


def _check_elements(root: etree._Element, max_elements: int) -> None:
    """Bound numbers and names of a message whose tags were not all read before."""
    if _NUMBER_OF_ATTRIBUTES(root) > most_attributes(max_elements):
        raise too_many(f"{most_attributes(max_elements)} attributes")
    for number, node in enumerate(root.iter(etree.Element), 1):
        if number > max_elements:
            raise Refusal(checks.XML_LIMIT, expected=f"{max_elements} elements")
        _check_name(cast(str, node.tag))
        for name in node.keys():  # noqa: SIM118 - an element is no mapping
            _check_name(name)


def _check_name(name: str) -> None:
    if len(name) <= limits.XML_MAX_NAME:
        return
    namespace, _, local_name = name.rpartition("}")
    if max(len(namespace) - 1, len(local_name)) > limits.XML_MAX_NAME:
        raise long_name()
