"""MTOM: a package of an envelope and binary parts becomes the message that was signed.

A sender that uses MTOM signs the message with its base64 in place, and then sends the
octets beside it, with an ``xop:Include`` where the base64 stood. So the package is undone
before anything is verified, and from there on nothing knows that it was one.

The parser is ours and knows one reading only: what two parsers could split in two ways is
refused. Nothing of a package but the envelope is signed as it stands, so whatever is not
needed to put the message together is refused as well: unknown headers, parts that no
Include names, text before the first boundary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from types import MappingProxyType

import pybase64
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import WSSE
from digipoort_wus.soap.envelope import SECURITY, Envelope, local_name
from digipoort_wus.soap.multipart import (
    AS_IT_IS,
    CONTENT_ID,
    CONTENT_TYPE_MAX,
    MULTIPART,
    UTF_8,
    BodyPart,
    read_boundary,
    read_cid,
    read_media_type,
    split,
)
from digipoort_wus.xmlsafe.splice import LargeTexts

XOP = "http://www.w3.org/2004/08/xop/include"

_INCLUDE = f"{{{XOP}}}Include"
_TOKEN = f"{{{WSSE}}}BinarySecurityToken"
_XOP_XML = "application/xop+xml"
_SOAP_1_1 = "text/xml"
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


def read_package_type(content_type: str) -> PackageType:
    """Read the Content-Type of a request that is an MTOM package.

    Args:
        content_type: value of the HTTP header.

    Raises:
        Refusal: HTTP-CONTENT-TYPE, for every other kind of multipart as well.

    RFC 2387 §3; RFC 2046 §5.1.1; SOAP 1.1 Binding for MTOM 1.0.
    """
    read = read_media_type(content_type) if len(content_type) <= CONTENT_TYPE_MAX else None
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
    boundary = read_boundary(parameters)
    if boundary is None:
        raise _not_mtom("a boundary of 1 to 70 characters")
    start = None
    if "start" in parameters:
        named = CONTENT_ID.fullmatch(parameters["start"])
        if named is None:
            raise _not_mtom('start="<Content-ID>"')
        start = named[1]
    return PackageType(boundary, start)


def read_package(data: bytes, package_type: PackageType) -> Package:
    """Take a package apart; parts are not copied.

    Args:
        data: the body of the request, at most ``limits.WIRE_MAX_BYTES``.
        package_type: what its Content-Type said.

    Raises:
        Refusal: MIME-FORM or MIME-LIMIT.

    RFC 2046 §5.1.1; XOP 1.0 §4.1; SOAP 1.1 Binding for MTOM 1.0.
    """
    parts = split(data, package_type.boundary, most=limits.MTOM_MAX_PARTS)
    root, start = None, package_type.start
    others: dict[str, memoryview] = {}
    seen: set[str] = set()
    for number, part in enumerate(parts):
        if part.transfer_encoding not in AS_IT_IS:
            raise _form("Content-Transfer-Encoding binary", part.transfer_encoding)
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
            others[content_id] = part.octets
    if root is None:
        raise _form("the part that start names", "none with that Content-ID")
    _require_envelope(root)
    return Package(_copied(root.octets), MappingProxyType(others))


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


def _content_id(part: BodyPart) -> str | None:
    value = part.headers.get("content-id")
    if value is None:
        return None
    named = CONTENT_ID.fullmatch(value)
    if named is None:
        raise _form("Content-ID: <...>", "another form")
    return named[1]


def _require_envelope(part: BodyPart) -> None:
    read = read_media_type(part.headers.get("content-type", ""))
    expected = f'{_XOP_XML}; charset=utf-8; type="{_SOAP_1_1}"'
    if read is None or read[0] != _XOP_XML:
        raise _form(expected, read[0] if read else "an unreadable Content-Type")
    parameters = read[1]
    if parameters.get("type", "").partition(";")[0].strip().lower() != _SOAP_1_1:
        raise _form(expected, "another type")
    if parameters.get("charset", "utf-8").lower() not in UTF_8:
        raise _form(expected, "another charset")


def _require_leaf(part: BodyPart) -> None:
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
    content_id = read_cid(href)
    if content_id is None:
        # Not the href: it may be anything, such as a path that was tried.
        raise _include("href=cid:... of ASCII", "another scheme or form")
    return content_id


def _token_text(part: memoryview) -> str:
    # As base64 text it would be refused a moment later; no need to make that.
    if len(part) > limits.TOKEN_MAX_BYTES:
        raise Refusal(checks.WSS_TOKEN, expected=f"at most {limits.TOKEN_MAX_BYTES} characters")
    return pybase64.b64encode(part).decode("ascii")


def _not_mtom(expected: str) -> Refusal:
    return Refusal(
        checks.HTTP_CONTENT_TYPE, expected=f"text/xml, or MTOM: {expected}", received=MULTIPART
    )


def _form(expected: str, received: str) -> Refusal:
    return Refusal(checks.MIME_FORM, expected=expected, received=received)


def _include(expected: str, received: str) -> Refusal:
    return Refusal(checks.XOP_INCLUDE, expected=expected, received=received)
