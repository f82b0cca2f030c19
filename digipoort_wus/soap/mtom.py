"""MTOM: a package of an envelope and binary parts becomes the message that was signed.

A sender that uses MTOM signs the message with its base64 in place, and then sends the
octets beside it, with an ``xop:Include`` where the base64 stood. So the package is undone
before anything is verified, and from there on nothing knows that it was one.

The parser is ours and knows one reading only: what two parsers could split in two ways is
refused. Nothing of a package but the envelope is signed as it stands, so whatever is not
needed to put the message together is refused as well: unknown headers, parts that no
Include names, text before the first boundary.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

import pybase64
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import WSSE
from digipoort_wus.soap.envelope import SECURITY, Envelope, local_name
from digipoort_wus.xmlsafe.splice import LargeTexts

XOP = "http://www.w3.org/2004/08/xop/include"
MULTIPART = "multipart/related"

_INCLUDE = f"{{{XOP}}}Include"
_TOKEN = f"{{{WSSE}}}BinarySecurityToken"
_XOP_XML = "application/xop+xml"
_SOAP_1_1 = "text/xml"
_CONTENT_TYPE_MAX = 1_024
"""Characters of a Content-Type header; a boundary has 70, a Content-ID rarely more."""

# Each repetition is bounded, and no two of them can share a character.
# No asterisk in a parameter's name: RFC 2231 would let it be continued elsewhere.
_TYPE = re.compile(r"[ \t]{0,9}([A-Za-z0-9!#$&^_.+-]{1,99}/[A-Za-z0-9!#$&^_.+-]{1,99})[ \t]{0,9}")
_PARAMETER = re.compile(
    r";[ \t]{0,9}([A-Za-z0-9!#$%&'+.^_`|~-]{1,100})="
    r"(?:([A-Za-z0-9!#$%&'*+.^_`|~-]{1,300})"
    r'|"((?:[ !#-\[\]-~]|\\[ -~]){0,300})")[ \t]{0,9}'
)
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_./:=? -]{0,69}[A-Za-z0-9'()+_./:=?-]")
_CONTENT_ID = re.compile(r"<([!-;=?-~]{1,256})>")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PADDED_LINE_END = re.compile(rb"[ \t]{0,64}\r\n")
_PADDED_END = re.compile(rb"--[ \t]{0,64}(?:\r\n|\Z)")
_HEADER = re.compile(r"([A-Za-z-]{1,60}):([^\r\n]*)")

_NEEDED = ("content-id", "content-type", "content-transfer-encoding")
_TOLERATED = ("content-disposition", "content-length", "content-description", "mime-version")
_AS_IT_IS = ("binary", "8bit", "7bit")
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PackageType:
    """What the Content-Type of a request says about its package.

    Args:
        boundary: without the hyphens that stand before it.
        start: Content-ID of the part that is the envelope, None for the first part.
    """

    boundary: bytes
    start: str | None


@dataclass(frozen=True, slots=True)
class Package:
    """A package, taken apart.

    Args:
        envelope: octets of the SOAP envelope.
        parts: the other parts by their Content-ID, as views of the octets that were read.
    """

    envelope: bytes = field(repr=False)
    parts: Mapping[str, memoryview] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Part:
    headers: Mapping[str, str]
    content: memoryview


def is_package(content_type: str) -> bool:
    """Return whether a Content-Type announces a package, well-formed or not."""
    return content_type.partition(";")[0].strip().lower() == MULTIPART


def read_package_type(content_type: str) -> PackageType:
    """Read the Content-Type of a request that is an MTOM package.

    Args:
        content_type: value of the HTTP header.

    Raises:
        Refusal: HTTP-CONTENT-TYPE, for every other kind of multipart as well.

    RFC 2387 §3; RFC 2046 §5.1.1; SOAP 1.1 Binding for MTOM 1.0.
    """
    read = _media_type(content_type) if len(content_type) <= _CONTENT_TYPE_MAX else None
    if read is None:
        raise _not_mtom("a Content-Type that can be read in one way only")
    media_type, parameters = read
    # A comma: two headers, of which this gateway might read the one and a proxy the other.
    if media_type != MULTIPART or "," in content_type:
        raise _not_mtom(f"one {MULTIPART}")
    if parameters.get("type", "").lower() != _XOP_XML:
        raise _not_mtom(f'type="{_XOP_XML}"')
    # Some stacks leave it out; with application/soap+xml it would be SOAP 1.2.
    info = parameters.get("start-info", _SOAP_1_1).partition(";")[0].strip().lower()
    if info != _SOAP_1_1:
        raise _not_mtom(f'start-info="{_SOAP_1_1}"')
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise _not_mtom("a boundary of 1 to 70 characters")
    start = None
    if "start" in parameters:
        named = _CONTENT_ID.fullmatch(parameters["start"])
        if named is None:
            raise _not_mtom('start="<Content-ID>"')
        start = named[1]
    return PackageType(boundary.encode("ascii"), start)


def read_package(data: bytes, package_type: PackageType) -> Package:
    """Take a package apart; parts are not copied.

    Args:
        data: the body of the request, at most ``limits.WIRE_MAX_BYTES``.
        package_type: what its Content-Type said.

    Raises:
        Refusal: MIME-FORM or MIME-LIMIT.

    RFC 2046 §5.1.1; XOP 1.0 §4.1; SOAP 1.1 Binding for MTOM 1.0.
    """
    parts = _split(data, b"--" + package_type.boundary)
    root, start = None, package_type.start
    others: dict[str, memoryview] = {}
    seen: set[str] = set()
    for number, part in enumerate(parts):
        content_id = _content_id(part)
        if content_id in seen:
            raise _form("Content-IDs that differ", "the same twice")
        if content_id is not None:
            seen.add(content_id)
        if content_id == start if start is not None else number == 0:
            root = part
        elif content_id is None:
            raise _form("a Content-ID on every part", "none")
        else:
            _require_leaf(part)
            others[content_id] = part.content
    if root is None:
        raise _form("the part that start names", "none with that Content-ID")
    _require_envelope(root)
    return Package(_copied(root.content), MappingProxyType(others))


def expand(
    envelope: Envelope,
    parts: Mapping[str, memoryview],
    *,
    contents: Sequence[etree._Element],
    texts: LargeTexts,
) -> None:
    """Undo the optimisation: put what each Include names where the Include stands.

    Besides contents, the tokens of wsse:Security may have come as parts: CXF and WCF treat
    their base64 like any other. A token is small and goes into the tree.

    Args:
        envelope: its Includes are gone afterwards.
        parts: of the package, by Content-ID.
        contents: elements whose contents may have come as a part; those go to ``texts``.
        texts: of the message.

    Raises:
        Refusal: XOP-INCLUDE, or MIME-FORM for a part that no Include names.

    XOP 1.0 §2.1 and §3.2. The standard allows foreign attributes and children in an Include;
    no stack was seen to send them.
    """
    left = dict(parts)
    for place in contents:
        part = _take_part(place, left)
        if part is not None:
            texts.put(place, _copied(part))
    for place in _tokens(envelope):
        part = _take_part(place, left)
        if part is not None:
            place.text = _token_text(part)
    stray = next(envelope.root.iter(f"{{{XOP}}}*"), None)
    if stray is not None:
        above = stray.getparent()
        raise _include(
            "an Include in inhoud or BinarySecurityToken",
            f"{local_name(stray)} in {local_name(above) if above is not None else 'no element'}",
        )
    if left:
        raise _form("parts that an Include names", f"{len(left)} that none names")


def _copied(part: memoryview) -> bytes:
    """Copy a part in pieces, for no other thread runs while megabytes are copied at once."""
    copy = BytesIO()
    for start in range(0, len(part), _PIECE):
        copy.write(part[start : start + _PIECE])
    return copy.getvalue()


def _split(data: bytes, delimiter: bytes) -> list[_Part]:
    """Return the parts of a body.

    The delimiter may occur at the start of a line only, and what follows it must be the rest
    of a boundary line: then there is one way to split, whoever does it.
    """
    # Some stacks begin with an empty line.
    position = 2 if data.startswith(b"\r\n") else 0
    if not data.startswith(delimiter, position):
        raise _form("the boundary at the start of the body", "something else")
    view = memoryview(data)
    parts: list[_Part] = []
    while True:
        position += len(delimiter)
        line_end = _PADDED_LINE_END.match(data, position)
        if line_end is None:
            break
        # One more, since the envelope is no part that somebody filed.
        if len(parts) > limits.MTOM_MAX_PARTS:
            raise Refusal(
                checks.MIME_LIMIT,
                expected=f"at most {limits.MTOM_MAX_PARTS} parts beside the envelope",
            )
        begin = line_end.end()
        position = data.find(delimiter, begin)
        if position < 0:
            raise _form("a boundary behind every part", "the end of the body")
        # The CR LF before a boundary belongs to it.
        if data[position - 2 : position] != b"\r\n" or position - 2 < begin:
            raise _form("the boundary at the start of lines", "within a line")
        parts.append(_part(data, view, begin, position - 2))
    end = _PADDED_END.match(data, position)
    if end is None:
        raise _form("a line of the boundary alone", "more on the line")
    if len(data) > end.end() and (len(data) > end.end() + 2 or not data.endswith(b"\r\n")):
        raise _form("the end of the body behind the last boundary", "more")
    if not parts:
        raise _form("parts", "none")
    return parts


def _part(data: bytes, view: memoryview, begin: int, end: int) -> _Part:
    most = limits.MTOM_MAX_HEADER_BYTES
    blank = data.find(b"\r\n\r\n", begin, min(end, begin + most + 4))
    if blank < 0:
        if end - begin > most:
            raise Refusal(checks.MIME_LIMIT, expected=f"at most {most} bytes of headers in a part")
        raise _form("headers and an empty line in every part", "none")
    content = view[blank + 4 : end]
    headers = _headers(data[begin:blank])
    length = headers.get("content-length")
    if length is not None and length != str(len(content)):
        raise _form(f"Content-Length {len(content)}", "another")
    encoding = headers.get("content-transfer-encoding", "binary").lower()
    if encoding not in _AS_IT_IS:
        raise _form("Content-Transfer-Encoding binary", encoding)
    return _Part(headers, content)


def _headers(block: bytes) -> dict[str, str]:
    try:
        text = block.decode("ascii")
    except UnicodeDecodeError:
        raise _form("headers in ASCII", "others") from None
    # Mail libraries fold long lines; what is left of CR and LF belongs to no header.
    text = re.sub(r"\r\n[ \t]", " ", text)
    found: dict[str, str] = {}
    for line in text.split("\r\n"):
        header = _HEADER.fullmatch(line)
        if header is None or not header[2].strip(" \t").isprintable():
            raise _form("headers of the form name: value", "others")
        name = header[1].lower()
        if name not in _NEEDED and name not in _TOLERATED:
            raise _form("Content-ID, Content-Type and Content-Transfer-Encoding", name)
        if name in found:
            raise _form(f"one {name}", "two")
        found[name] = header[2].strip(" \t")
    return found


def _content_id(part: _Part) -> str | None:
    value = part.headers.get("content-id")
    if value is None:
        return None
    named = _CONTENT_ID.fullmatch(value)
    if named is None:
        raise _form("Content-ID: <...>", "another form")
    return named[1]


def _require_envelope(part: _Part) -> None:
    read = _media_type(part.headers.get("content-type", ""))
    expected = f'{_XOP_XML}; charset=utf-8; type="{_SOAP_1_1}"'
    if read is None or read[0] != _XOP_XML:
        raise _form(expected, read[0] if read else "an unreadable Content-Type")
    parameters = read[1]
    if parameters.get("type", "").partition(";")[0].strip().lower() != _SOAP_1_1:
        raise _form(expected, "another type")
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise _form(expected, "another charset")


def _require_leaf(part: _Part) -> None:
    """Refuse a part that is a package or an envelope itself: it would have parts within."""
    media_type = part.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith(("multipart/", "message/")) or media_type == _XOP_XML:
        raise _form("one package with one envelope", media_type)


def _tokens(envelope: Envelope) -> list[etree._Element]:
    headers = [block for block in envelope.blocks if block.tag == SECURITY]
    return [child for header in headers for child in header if child.tag == _TOKEN]


def _take_part(place: etree._Element, left: dict[str, memoryview]) -> memoryview | None:
    """Take the Include out of an element, and return the part that it names."""
    include = next(iter(place), None)
    if include is None or include.tag != _INCLUDE:
        return None
    _require_alone(place, include)
    part = left.pop(_named(include), None)
    if part is None:
        raise _include("the cid of one part, named once", "another")
    place.remove(include)
    return part


def _require_alone(place: etree._Element, include: etree._Element) -> None:
    alone = (
        len(place) == 1
        and not place.text
        and not include.tail
        and len(include) == 0
        and not include.text
        and include.keys() == ["href"]
    )
    if not alone:
        raise _include("an Include with href only, and nothing beside it", "more")


def _named(include: etree._Element) -> str:
    """Return the Content-ID that an Include names (RFC 2392 §2)."""
    href = include.get("href", "")
    scheme, colon, rest = href.partition(":")
    if not colon or scheme.lower() != "cid" or _PERCENT.search(rest):
        # Not the href: it may be anything, such as a path that was tried.
        raise _include("href=cid:...", "another scheme or form")
    try:
        return unquote_to_bytes(rest).decode("ascii")
    except UnicodeDecodeError:
        raise _include("href=cid:... of ASCII", "others") from None


def _token_text(part: memoryview) -> str:
    # As base64 text it would be refused a moment later; no need to make that.
    if len(part) > limits.TOKEN_MAX_BYTES:
        raise Refusal(checks.WSS_TOKEN, expected=f"at most {limits.TOKEN_MAX_BYTES} characters")
    return pybase64.b64encode(part).decode("ascii")


def _media_type(value: str) -> tuple[str, dict[str, str]] | None:
    """Read a Content-Type strictly: lower-case type, and parameters of which each occurs once."""
    begin = _TYPE.match(value)
    if begin is None:
        return None
    parameters: dict[str, str] = {}
    position = begin.end()
    while position < len(value):
        found = _PARAMETER.match(value, position)
        if found is None:
            # One superfluous semicolon at the end is harmless.
            return (begin[1].lower(), parameters) if value[position:].strip() == ";" else None
        name, token, quoted = found[1].lower(), found[2], found[3]
        if name in parameters:
            return None
        parameters[name] = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
        position = found.end()
    return begin[1].lower(), parameters


def _not_mtom(expected: str) -> Refusal:
    return Refusal(
        checks.HTTP_CONTENT_TYPE, expected=f"text/xml, or MTOM: {expected}", received=MULTIPART
    )


def _form(expected: str, received: str) -> Refusal:
    return Refusal(checks.MIME_FORM, expected=expected, received=received)


def _include(expected: str, received: str) -> Refusal:
    return Refusal(checks.XOP_INCLUDE, expected=expected, received=received)
