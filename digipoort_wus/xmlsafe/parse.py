"""From bytes to a tree: one hardened parse, with its limits checked.

Two kinds of bytes come from outside: SOAP messages, where nothing may stand that
a signature does not cover, and filed documents, which are XML of other people's
making and may be UTF-16 or hold comments. Neither may have a DOCTYPE.
"""

import re
from typing import cast

from lxml import etree

from digipoort_wus import checks, limits, names
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.xmlsafe.apart import apart, is_apart
from digipoort_wus.xmlsafe.c14n import DEFAULT_NAMESPACE, make_known
from digipoort_wus.xmlsafe.vocabulary import DECLARATIONS, KNOWN, Spelling, read_spelling

_BOM = b"\xef\xbb\xbf"
_REMARKABLE = (b"!", b"?")
_DTD = (b"<!DOCTYPE", b"<!ENTITY")
_CDATA = b"<![CDATA["
_LARGE = 256 * 1024
_SHORT = min(limits.XML_MAX_TAG, limits.XML_MAX_TEXT)
_TAG_MAX = limits.XML_MAX_TAG
_FEW_QUOTES = 2 * limits.XML_MAX_DECLARATIONS
_OCTETS_OF_ELEMENT = 800
"""On average, besides long contents: 4 MB of a request, where fifty attachments that are just
not long have 3.3 MB."""
# Values hold no "<", so that a tag has one end only; possessive, so that it is read once.
_TAG = re.compile(
    rb"""<(?:/?[^\s"'<>/:]{1,256}+:)?(/?[^\s"'<>/:]{1,256}+)(?:[^"'<>]++|"[^"<]*+"|'[^'<]*+')*+>"""
)
_SLOW = (b"&", b"\r", b">", b"]")
CONTENTS = frozenset(service.content.encode("ascii") for service in names.ENDPOINTS.values())
"""Local names of the elements whose text may be long."""
_DECLARED_ENCODING = re.compile(
    rb"""\A<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([A-Za-z0-9._-]{1,40})["']"""
)


class Unparsed:
    """The octets of one message, whose tags were looked over; they can be taken once.

    Args:
        data: without a mark.
        plain: its elements were counted, and its names measured.
        familiar: this process knows every name in it: it may be parsed, canonicalised and
            validated in a thread that does not end. Other messages are judged in one that
            does: see :mod:`~digipoort_wus.xmlsafe.apart`.
        remarkable: comments or the like may be in it.
        max_elements: that it may have.
    """

    __slots__ = ("_data", "familiar", "max_elements", "plain", "remarkable")

    def __init__(
        self, data: bytes, *, plain: bool, familiar: bool, remarkable: bool, max_elements: int
    ) -> None:
        self._data: bytes | None = data
        self.plain = plain
        self.familiar = familiar
        self.remarkable = remarkable
        self.max_elements = max_elements

    def take(self) -> bytes:
        """Return the octets and forget them."""
        data, self._data = self._data, None
        if data is None:
            raise ValueError("the octets of a message were taken twice")
        return data


def parse_message(
    data: bytes,
    *,
    max_elements: int = limits.XML_MAX_ELEMENTS,
    max_text: int = limits.XML_MAX_TEXT,
) -> etree._Element:
    """Parse one SOAP message and return its root element.

    Args:
        data: the octets of the body, at most ``limits.WIRE_MAX_BYTES``; a UTF-8 BOM is skipped.
        max_elements: a client accepts more in an answer than a gateway in a request.
        max_text: octets of a text other than contents; as well.

    Raises:
        Refusal: XML-ENCODING, XML-DOCTYPE, XML-WELL-FORMED, XML-INSTRUCTION,
            XML-COMMENT or XML-LIMIT; XSD-BASE64 for long contents that are plainly none.
    """
    unparsed = look_over(data, max_elements=max_elements, max_text=max_text)
    if unparsed.familiar or is_apart():
        return parse_unparsed(unparsed)

    def parse() -> etree._Element:
        root = parse_unparsed(unparsed)
        # The document keeps the dictionary of this thread, and other threads add nothing to it.
        make_known((DEFAULT_NAMESPACE,))
        return root

    return apart(parse)


def look_over(
    data: bytes,
    *,
    max_elements: int = limits.XML_MAX_ELEMENTS,
    max_text: int = limits.XML_MAX_TEXT,
) -> Unparsed:
    """Check of one SOAP message what can be checked before the parse; see :func:`parse_message`.

    Raises:
        Refusal: XML-ENCODING, XML-DOCTYPE or XML-LIMIT; XSD-BASE64.
    """
    data = data.removeprefix(_BOM)
    _refuse_other_encodings(data)
    # What is in a short message is not long, and every octet of it is soon read.
    spelling = read_spelling(data) if len(data) <= _SHORT else None
    if spelling is not None:
        _check_spelling(spelling, max_elements)
        return Unparsed(
            data,
            plain=True,
            familiar=KNOWN.knows(spelling.names),
            remarkable=False,
            max_elements=max_elements,
        )
    # Before the parse: nothing that follows may depend on what a DTD does to a parser.
    tags, remarkable = _check_tags(data, max_elements, max_text)
    _check_quotes(data, tags, max_elements)
    return Unparsed(
        data, plain=False, familiar=False, remarkable=remarkable, max_elements=max_elements
    )


def parse_unparsed(unparsed: Unparsed) -> etree._Element:
    """Parse a message that was looked over, in this thread; its octets are taken.

    Raises:
        Refusal: XML-ENCODING, XML-DOCTYPE, XML-WELL-FORMED, XML-INSTRUCTION,
            XML-COMMENT or XML-LIMIT.
    """
    # huge_tree: without it a text node ends at 10 MB, while inhoud may be 20 MiB.
    root = _parse(unparsed.take(), _parser(encoding="utf-8", huge_tree=True))
    about = root.getroottree().docinfo
    if about.internalDTD is not None:
        raise Refusal(checks.XML_DOCTYPE)
    # libxml2 would read 1.1 by the rules of 1.0, which differ.
    if about.xml_version != "1.0":
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
        Refusal: XML-DOCTYPE or XML-WELL-FORMED.
        MemoryError: the parser had no memory, which is nobody's mistake but ours.
    """
    # Its names are anybody's: they are not to stay in the dictionary of this thread.
    root = apart(lambda: _parse(data, _parser(encoding=None, huge_tree=len(data) > 9_000_000)))
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
    # With a mark and without: XML begins with "<", of which these two write a NUL as well.
    if data[:2] in (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<") or data[:4] == b"\0\0\0<":
        raise Refusal(checks.XML_ENCODING, expected="utf-8", received="utf-16 or utf-32")
    # libxml2 would skip it as well, and the declaration behind it would not be looked at.
    if data.startswith(_BOM):
        raise Refusal(checks.XML_ENCODING, expected="at most one mark", received="two")
    declared = _DECLARED_ENCODING.match(data)
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raise Refusal(checks.XML_ENCODING, expected="utf-8", received=declared[1].decode("ascii"))


def _refuse_comments_and_instructions(root: etree._Element) -> None:
    around = (*root.itersiblings(preceding=True), *root.itersiblings())
    for node in (*around, *root.iter(etree.Comment, etree.PI)):
        comment = isinstance(node, etree._Comment)
        check = checks.XML_COMMENT if comment else checks.XML_INSTRUCTION
        raise Refusal(check, received=f"line {node.sourceline}")


def _check_tags(data: bytes, max_elements: int, max_text: int) -> tuple[int, bool]:
    """Bound tags and texts, and refuse a DTD.

    It jumps from one "<" to the next, for base64 has none: a search for longer texts would
    read every octet of a large message several times.

    Returns:
        The number of tags, and whether comments or the like may be there.
    """
    # A start tag and an end tag have one "<" each.
    most, number, remarkable = 2 * max_elements, 0, False
    position, last, skeleton = data.find(b"<"), 0, 0
    while position >= 0:
        number += 1
        if number > most:
            raise _too_many(f"{most} tags")
        if data[position + 1 : position + 2] in _REMARKABLE:
            if data.startswith(_DTD, position):
                raise Refusal(checks.XML_DOCTYPE)
            # The XML declaration is no processing instruction.
            if position or not data.startswith(DECLARATIONS):
                remarkable = True
        following = data.find(b"<", position + 1)
        end = following if following >= 0 else len(data)
        length = end - position
        if length > _TAG_MAX:
            _check_long(data, last, position, end, max_text)
            length = _TAG_MAX
        skeleton += length
        last, position = position, following
    if skeleton > max_elements * _OCTETS_OF_ELEMENT:
        raise Refusal(checks.XML_LIMIT, expected="fewer octets besides contents", received="more")
    return number, remarkable


def _check_long(data: bytes, last: int, position: int, end: int, max_text: int) -> None:
    """Judge a tag and the text behind it, which together are long.

    Only contents may be: libxml2 reads a long name, or a text full of references, at a tenth
    of the speed of base64, and who reads a wsa:To copies it.

    Args:
        last: where the tag before this one begins.
        position: where this tag begins.
        end: where the next one begins.
        max_text: octets of a text that is no content.
    """
    if data.startswith(_CDATA, position):
        opened, text = _TAG.match(data, last, position), position + len(_CDATA)
        is_content = opened is not None and opened.end() == position and _opens_content(opened)
    else:
        opened = _TAG.match(data, position, min(end, position + _TAG_MAX))
        if opened is None:
            raise Refusal(checks.XML_LIMIT, expected=f"tags of {_TAG_MAX} bytes", received="more")
        text, is_content = opened.end(), _opens_content(opened)
    if not is_content:
        if end - text > max_text:
            raise Refusal(
                checks.XML_LIMIT, expected=f"texts of {max_text} bytes", received="a longer one"
            )
        return
    # Line ends may be references; base64 has nothing else that is not an octet of itself.
    for octet in _SLOW:
        if data.find(octet, text, end) >= 0 and data.count(octet, text, end) > (end - text) // 50:
            raise Refusal(checks.XSD_BASE64)
    # The rest of the message may have other characters; then its contents are looked at alone.
    if not data.isascii() and not _is_ascii(data, text, end):
        raise Refusal(checks.XSD_BASE64)


def _opens_content(tag: re.Match[bytes]) -> bool:
    return tag[1] in CONTENTS and not tag[0].endswith(b"/>")


def _is_ascii(data: bytes, start: int, end: int) -> bool:
    pieces = range(start, end, _LARGE)
    return all(data[piece : min(piece + _LARGE, end)].isascii() for piece in pieces)


def _check_quotes(data: bytes, tags: int, max_elements: int) -> None:
    """Bound what attributes and declarations may cost, before they cost it.

    Attributes take memory in the parse, and each has two quotes.
    """
    most = 8 * max_elements
    quotes = _count(data, b'"', most) + _count(data, b"'", most)
    if quotes > most:
        raise _too_many(f"{most} quotes")
    # A declaration has two quotes as well, so few quotes are few declarations.
    if quotes <= _FEW_QUOTES and quotes * tags <= limits.XML_MAX_LOOKUPS:
        return
    _check_declarations(data.count(b"xmlns:"), tags + quotes // 2, max_elements)


def _check_declarations(declarations: int, users: int, max_elements: int) -> None:
    """Bound the work of canonicalisation: it is quadratic in what it looks up.

    Args:
        declarations: of namespaces for a prefix.
        users: elements and attributes.
        max_elements: who lets a message have more lets it cost more.
    """
    most = limits.XML_MAX_DECLARATIONS * max_elements // limits.XML_MAX_ELEMENTS
    if declarations > most:
        raise _too_many(f"{most} namespace declarations")
    most = limits.XML_MAX_LOOKUPS * max_elements // limits.XML_MAX_ELEMENTS
    if declarations * users > most:
        raise _too_many(
            f"{most // users} namespace declarations with so many elements and attributes"
        )


def _most_attributes(max_elements: int) -> int:
    return limits.XML_MAX_ALL_ATTRIBUTES * max_elements // limits.XML_MAX_ELEMENTS


def _too_many(most: str) -> Refusal:
    return Refusal(checks.XML_LIMIT, expected=f"at most {most}", received="more")


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


def _check_spelling(spelling: Spelling, max_elements: int) -> None:
    """Bound what stands in the tags; a tag's own length is bounded by the message's."""
    if spelling.elements > max_elements:
        raise _too_many(f"{max_elements} elements")
    if spelling.attributes - spelling.declarations > _most_attributes(max_elements):
        raise _too_many(f"{_most_attributes(max_elements)} attributes")
    users = spelling.elements + spelling.attributes
    _check_declarations(spelling.declarations, users, max_elements)
    if len(spelling.names) > limits.XML_MAX_NAMES:
        raise _too_many(f"{limits.XML_MAX_NAMES} different names")
    if max(map(len, spelling.names), default=0) > limits.XML_MAX_NAME:
        raise _long_name()


def _check_elements(root: etree._Element, max_elements: int) -> None:
    """Bound numbers and names of a message whose tags were not all read before."""
    if _NUMBER_OF_ATTRIBUTES(root) > _most_attributes(max_elements):
        raise _too_many(f"{_most_attributes(max_elements)} attributes")
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
        raise _long_name()


def _long_name() -> Refusal:
    return Refusal(checks.XML_LIMIT, expected=f"names of {limits.XML_MAX_NAME} characters")
