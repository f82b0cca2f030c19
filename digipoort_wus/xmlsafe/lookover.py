"""The octets of a message before the parse: what is bounded, and which names are new.

A limit is checked before the work that it bounds is done, and the parse is such work.
"""

import re

from digipoort_wus import checks, limits, names
from digipoort_wus.errors import Refusal
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
        names: of a plain message, measured; None when its tags were only counted.
        remarkable: comments or the like may be in it.
        max_elements: that it may have.
    """

    __slots__ = ("_data", "_names", "familiar", "max_elements", "remarkable")

    def __init__(
        self,
        data: bytes,
        *,
        names: frozenset[bytes] | None,
        remarkable: bool,
        max_elements: int,
    ) -> None:
        self._data: bytes | None = data
        self._names = names
        self.familiar = names is not None and KNOWN.knows(names)
        """Whether this process knows every name in it. Then it may be parsed, canonicalised and
        validated in a thread that does not end; see :mod:`~digipoort_wus.xmlsafe.apart`."""
        self.remarkable = remarkable
        self.max_elements = max_elements

    @property
    def plain(self) -> bool:
        """Whether names, elements and attributes are within their limits."""
        return self._names is not None

    def look(self) -> bytes:
        """Return the octets, which can still be taken."""
        if self._data is None:
            raise ValueError("the octets of a message were taken")
        return self._data

    def take(self) -> bytes:
        """Return the octets and forget them."""
        data, self._data = self._data, None
        if data is None:
            raise ValueError("the octets of a message were taken twice")
        return data

    def make_familiar(self) -> None:
        """Let messages with these names be familiar from now on.

        The process never forgets them, so do it for senders who are believed.
        """
        if self._names is not None and not self.familiar:
            KNOWN.learn(self._names)


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
        return Unparsed(data, names=spelling.names, remarkable=False, max_elements=max_elements)
    # Before the parse: nothing that follows may depend on what a DTD does to a parser.
    tags, remarkable = _check_tags(data, max_elements, max_text)
    _check_quotes(data, tags, max_elements)
    return Unparsed(data, names=None, remarkable=remarkable, max_elements=max_elements)


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
            raise too_many(f"{most} tags")
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
        raise too_many(f"{most} quotes")
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
        raise too_many(f"{most} namespace declarations")
    most = limits.XML_MAX_LOOKUPS * max_elements // limits.XML_MAX_ELEMENTS
    if declarations * users > most:
        raise too_many(
            f"{most // users} namespace declarations with so many elements and attributes"
        )


def most_attributes(max_elements: int) -> int:
    """Return how many attributes a message may have that may have so many elements."""
    return limits.XML_MAX_ALL_ATTRIBUTES * max_elements // limits.XML_MAX_ELEMENTS


def too_many(most: str) -> Refusal:
    """Return the refusal of a message that has more of something."""
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


def _check_spelling(spelling: Spelling, max_elements: int) -> None:
    """Bound what stands in the tags; a tag's own length is bounded by the message's."""
    if spelling.elements > max_elements:
        raise too_many(f"{max_elements} elements")
    if spelling.attributes - spelling.declarations > most_attributes(max_elements):
        raise too_many(f"{most_attributes(max_elements)} attributes")
    users = spelling.elements + spelling.attributes
    _check_declarations(spelling.declarations, users, max_elements)
    if len(spelling.names) > limits.XML_MAX_NAMES:
        raise too_many(f"{limits.XML_MAX_NAMES} different names")
    if max(map(len, spelling.names), default=0) > limits.XML_MAX_NAME:
        raise long_name()


def long_name() -> Refusal:
    """Return the refusal of a message with a name that is too long."""
    return Refusal(checks.XML_LIMIT, expected=f"names of {limits.XML_MAX_NAME} characters")
