"""Packages: an envelope with its payloads as multipart/related, or an envelope alone.

As liberal as real parties need it, and with one reading only. A payload is octets: one that
is a package or a message itself is not opened.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from digipoort_wus import checks, limits
from digipoort_wus.ebms.contents import Base64Content, joined
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import ManifestReference, Payload
from digipoort_wus.ebms.mime import (
    NAME_MAX,
    decoded,
    disposition_of,
    file_name_of,
    is_media_type,
    location_of,
    media_type_of,
    read_content_id,
    require_xml,
)
from digipoort_wus.ebms.quirks import PLAIN, Quirks, SignalPackage, TransferEncoding
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.content import Content, read_content
from digipoort_wus.soap.multipart import (
    CONTENT_ID,
    CONTENT_TYPE_MAX,
    MULTIPART,
    BodyPart,
    Strictness,
    is_package,
    read_boundary,
    read_media_type,
    split,
)

_XML = "text/xml"
_XML_UTF_8 = f"{_XML}; charset=UTF-8"
_UNIQUE = re.compile(r"[A-Za-z0-9-]{16,50}")


@dataclass(frozen=True, slots=True)
class Package:
    """A package, taken apart.

    Args:
        envelope: octets of the SOAP envelope.
        parts: the others, in their order; their octets are decoded.
    """

    envelope: bytes = field(repr=False)
    parts: tuple[Payload, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenPackage:
    """A package as it goes over the wire."""

    content_type: str
    content: Content = field(repr=False)


def read_package(data: bytes | memoryview, content_type: str) -> Package:
    """Take apart what came in an HTTP request or answer.

    Args:
        data: the body; large payloads stay views of it.
        content_type: value of its HTTP header, empty without one.

    Raises:
        EbmsRefusal: EBMS-MIME-FORM or EBMS-MIME-LIMIT.

    ebMS 2.0 §2.1.2; RFC 2387; RFC 2046 §5.1.1.
    """
    # A comma: two headers, of which this gateway might read the one and a proxy the other.
    if len(content_type) > CONTENT_TYPE_MAX or "," in content_type:
        raise _form("one Content-Type that can be read in one way only", "another")
    if not is_package(content_type):
        require_xml(content_type, at=location_of(None))
        return Package(bytes(data))
    read = read_media_type(content_type, strictness=Strictness.LENIENT)
    boundary = None if read is None else read_boundary(read[1])
    if read is None or boundary is None:
        raise _form(f"{MULTIPART} with a boundary of 1 to 70 characters", "another form")
    if read[1].get("type", _XML).partition(";")[0].strip().lower() != _XML:
        raise _form(f'type="{_XML}"', "another type")
    start = None
    if "start" in read[1]:
        start = read_content_id(read[1]["start"])
        if start is None:
            raise _form('start="<Content-ID>"', "another form")
    return _sorted_out(_split(data, boundary), start)


def listed_payloads(
    manifest: Sequence[ManifestReference], parts: Sequence[Payload]
) -> tuple[Payload, ...]:
    """Return the payloads of a message in the order of its Manifest.

    Raises:
        EbmsRefusal: EBMS-MANIFEST-PART or EBMS-MANIFEST-LISTED.

    ebMS 2.0 §3.2.
    """
    left = {part.content_id: part for part in parts}
    found: list[Payload] = []
    for reference in manifest:
        part = left.pop(reference.content_id, None)
        if part is None:
            again = any(payload.content_id == reference.content_id for payload in found)
            raise EbmsRefusal(
                checks.EBMS_MANIFEST_LISTED if again else checks.EBMS_MANIFEST_PART,
                at=location_of(reference.content_id),
                expected="one Reference" if again else "a part with this Content-ID",
                received="more" if again else "none",
            )
        found.append(part)
    for content_id in left:
        raise EbmsRefusal(
            checks.EBMS_MANIFEST_LISTED,
            at=location_of(content_id),
            expected="a Reference in the Manifest",
            received="none",
        )
    return tuple(found)


def write_package(
    envelope: bytes, payloads: Sequence[Payload], *, unique: str, quirks: Quirks = PLAIN
) -> WrittenPackage:
    """Put an envelope and its payloads together.

    Args:
        envelope: UTF-8 octets.
        payloads: as they are to be sent; their octets are read when the package is.
        unique: 16 to 50 letters, digits and hyphens that nobody can guess, such as a UUID; the
            boundary is made of it. With the same one the same octets are written.
        quirks: of the receiver.

    Raises:
        ConfigurationError: a Content-ID, media type or name cannot be written, two payloads
            have one Content-ID, or ``unique`` is no such text.

    ebMS 2.0 §2.1; RFC 2387; Digikoppeling ebMS2 3.3.2.
    """
    if not payloads and quirks.signal_package is SignalPackage.XML:
        return WrittenPackage(_XML_UTF_8, envelope)
    if not _UNIQUE.fullmatch(unique):
        raise ConfigurationError("Give a package a unique text of 16 to 50 characters: a UUID.")
    boundary, root = f"-=part-{unique}", f"envelope-{unique}@ebms"
    ids = [root, *(payload.content_id for payload in payloads)]
    if len(set(ids)) != len(ids):
        raise ConfigurationError("Two payloads have one Content-ID: give each its own.")
    mark = f"--{boundary}\r\n".encode("ascii")
    pieces: list[Content] = [mark, _headers(_XML_UTF_8, root), envelope]
    for payload in payloads:
        content, more = _encoded(payload, quirks.transfer_encoding)
        pieces += [b"\r\n" + mark, _headers(payload.media_type, payload.content_id, more), content]
    pieces.append(f"\r\n--{boundary}--\r\n".encode("ascii"))
    return WrittenPackage(
        f'{MULTIPART}; boundary="{boundary}"; type="{_XML}"; start="<{root}>"', joined(pieces)
    )


def _split(data: bytes | memoryview, boundary: bytes) -> list[BodyPart]:
    try:
        return split(data, boundary, most=limits.EBMS_MAX_PARTS, strictness=Strictness.LENIENT)
    except Refusal as refusal:
        too_much = refusal.check is checks.MIME_LIMIT
        raise EbmsRefusal(
            checks.EBMS_MIME_LIMIT if too_much else checks.EBMS_MIME_FORM,
            at=location_of(None),
            expected=refusal.expected,
            received=refusal.received,
        ) from refusal


def _sorted_out(parts: Sequence[BodyPart], start: str | None) -> Package:
    """Find the envelope among the parts; without ``start`` it is the first one."""
    root: BodyPart | None = None
    payloads: list[Payload] = []
    seen: set[str] = set()
    for number, part in enumerate(parts):
        value = part.headers.get("content-id")
        content_id = None if value is None else read_content_id(value)
        at = location_of(content_id)
        if value is not None and content_id is None:
            raise _form("Content-ID: <...>", "another form")
        if content_id in seen:
            raise _form("Content-IDs that differ", "the same twice", at=at)
        if content_id is not None:
            seen.add(content_id)
        if number == 0 if start is None else content_id == start:
            root = part
        elif content_id is None:
            raise _form("a Content-ID on every payload", "none")
        else:
            media_type = media_type_of(part, at=at)
            content = decoded(part, at=at)
            payloads.append(Payload(content_id, media_type, content, file_name_of(part)))
    if root is None:
        raise _form("the part that start names", "none with that Content-ID")
    at = location_of(read_content_id(root.headers.get("content-id", "")))
    require_xml(root.headers.get("content-type", ""), at=at)
    # The parser needs all of it at once.
    return Package(read_content(decoded(root, at=at)), tuple(payloads))


def _encoded(
    payload: Payload, encoding: TransferEncoding
) -> tuple[Content, tuple[tuple[str, str], ...]]:
    """Return the octets of a payload as they are sent, and what its headers say of them."""
    more: tuple[tuple[str, str], ...] = ()
    if encoding is not TransferEncoding.UNSAID:
        more = (("Content-Transfer-Encoding", encoding.value),)
    if payload.name is not None:
        if not payload.name.isprintable() or not 0 < len(payload.name) <= NAME_MAX:
            raise ConfigurationError(
                f"Give a payload a file name of 1 to {NAME_MAX} printable characters, or none."
            )
        more += (("Content-Disposition", disposition_of(payload.name)),)
    base64 = encoding is TransferEncoding.BASE64
    return Base64Content(payload.content) if base64 else payload.content, more


def _headers(media_type: str, content_id: str, more: Sequence[tuple[str, str]] = ()) -> bytes:
    if not CONTENT_ID.fullmatch(f"<{content_id}>"):
        raise ConfigurationError(
            "Give a payload a Content-ID of 1 to 256 visible characters, such as uuid@host."
        )
    if not is_media_type(media_type):
        raise ConfigurationError(
            "Give a payload a media type such as application/xml; charset=UTF-8."
        )
    named = (("Content-Type", media_type), ("Content-ID", f"<{content_id}>"), *more)
    lines = "".join(f"{name}: {value}\r\n" for name, value in named)
    return f"{lines}\r\n".encode("ascii")


def _form(expected: str, received: str, *, at: str = "cid:") -> EbmsRefusal:
    return EbmsRefusal(checks.EBMS_MIME_FORM, at=at, expected=expected, received=received)
