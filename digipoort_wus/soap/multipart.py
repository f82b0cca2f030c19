"""Multipart bodies, read in one way only: what MTOM packages and ebMS packages share.

Two readers of one body must never see other parts, so what RFC 2046 leaves open is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote_to_bytes

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal

MULTIPART = "multipart/related"
UTF_8 = ("utf-8", "utf8")
AS_IT_IS = ("binary", "8bit", "7bit")
"""Values of Content-Transfer-Encoding that change nothing."""
CONTENT_TYPE_MAX = 1_024
"""Characters of a Content-Type header; a boundary has 70, a Content-ID rarely more."""

# Each repetition is bounded, and no two of them can share a character.
# No asterisk in a parameter's name: RFC 2231 would let it be continued elsewhere.
_TYPE = re.compile(r"[ \t]{0,9}([A-Za-z0-9!#$&^_.+-]{1,99}/[A-Za-z0-9!#$&^_.+-]{1,99})[ \t]{0,9}")
_PARAMETER = re.compile(
    r";[ \t]{0,9}([A-Za-z0-9!#$%&'+.^_`|~-]{1,100})="
    r"(?:([A-Za-z0-9!#$%&'*+.^_`|~-]{1,300})"
    r'|"((?:[ !#-\[\]-~]|\\[ -~]){0,300})")[ \t]{0,9}'
)
# A value with a slash has to be quoted; the type of a package often is not.
_BARE_TYPE = re.compile(
    r";[ \t]{0,9}(type)=([A-Za-z0-9!#$&^_.+-]{1,99}/[A-Za-z0-9!#$&^_.+-]{1,99})()[ \t]{0,9}",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_./:=? -]{0,69}[A-Za-z0-9'()+_./:=?-]")
CONTENT_ID = re.compile(r"<([!-;=?-~]{1,256})>")
"""A Content-ID in its brackets; RFC 2392 wants an @ in it, but not everybody knows."""
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VISIBLE = re.compile(r"[!-~]*")
_PADDED_LINE_END = re.compile(rb"[ \t]{0,64}\r\n")
_PADDED_END = re.compile(rb"--[ \t]{0,64}(?:\r\n|\Z)")
_END_OF_HEADERS = re.compile(rb"\r\n\r\n")
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}):([^\r\n]*)")

_READ = ("content-id", "content-type", "content-transfer-encoding")
_TOLERATED = ("content-disposition", "content-length", "content-description", "mime-version")
_AROUND_MAX = 1_024


class Strictness(Enum):
    """How much of what RFC 2046 allows and nobody needs is let through."""

    ALONE = "nothing around the parts, and no header but those that are known"
    LENIENT = "a short text around the parts, headers of any name, a type without quotes"


@dataclass(frozen=True, slots=True)
class BodyPart:
    """One part, with its octets as a view of the body.

    Args:
        headers: by their names in lower case, each once.
    """

    headers: Mapping[str, str]
    octets: memoryview = field(repr=False)

    @property
    def transfer_encoding(self) -> str:
        """Return the Content-Transfer-Encoding in lower case; that of none is binary."""
        return self.headers.get("content-transfer-encoding", "binary").lower()


def is_package(content_type: str) -> bool:
    """Return whether a Content-Type announces a package, well-formed or not."""
    return content_type.partition(";")[0].strip().lower() == MULTIPART


def read_media_type(
    value: str, *, strictness: Strictness = Strictness.ALONE
) -> tuple[str, dict[str, str]] | None:
    """Read a Content-Type strictly: lower-case type, and parameters of which each occurs once.

    None when it cannot be read, or not in one way only.

    Args:
        value: of the header.
        strictness: whether the parameter ``type`` may be a media type without quotes.
    """
    begin = _TYPE.match(value)
    if begin is None:
        return None
    parameters: dict[str, str] = {}
    position = begin.end()
    while position < len(value):
        bare = _BARE_TYPE.match(value, position) if strictness is Strictness.LENIENT else None
        found = bare or _PARAMETER.match(value, position)
        if found is None:
            # One superfluous semicolon at the end is harmless.
            return (begin[1].lower(), parameters) if value[position:].strip() == ";" else None
        name, token, quoted = found[1].lower(), found[2], found[3]
        if name in parameters:
            return None
        parameters[name] = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
        position = found.end()
    return begin[1].lower(), parameters


def read_boundary(parameters: Mapping[str, str]) -> bytes | None:
    """Return the boundary of a Content-Type; None when it is none of 1 to 70 characters."""
    boundary = parameters.get("boundary", "")
    return boundary.encode("ascii") if _BOUNDARY.fullmatch(boundary) else None


def read_cid(href: str) -> str | None:
    """Return the Content-ID that a ``cid:`` names, percent-decoded; None for any other text.

    One with a space or a control character is none: no Content-ID has it, and no XML can say it.

    RFC 2392 §2.
    """
    scheme, colon, rest = href.partition(":")
    if not colon or scheme.lower() != "cid" or _PERCENT.search(rest):
        return None
    try:
        content_id = unquote_to_bytes(rest).decode("ascii")
    except UnicodeDecodeError:
        return None
    return content_id if _VISIBLE.fullmatch(content_id) else None


def split(
    data: bytes | memoryview,
    boundary: bytes,
    *,
    most: int,
    strictness: Strictness = Strictness.ALONE,
) -> list[BodyPart]:
    """Return the parts of a body, at least one; their octets are not copied.

    The delimiter may occur at the start of a line only, and what follows it must be the rest
    of a boundary line: then there is one way to split, whoever does it.

    Args:
        data: the body.
        boundary: of its Content-Type, without the hyphens that stand before it.
        most: parts that may stand beside the envelope.
        strictness: what may stand around them.

    Raises:
        Refusal: MIME-FORM or MIME-LIMIT.

    RFC 2046 §5.1.1.
    """
    delimiter = b"--" + boundary
    view = memoryview(data)
    position = _first(data, delimiter, strictness)
    length = len(boundary) + 2
    parts: list[BodyPart] = []
    while True:
        position += length
        line_end = _PADDED_LINE_END.match(data, position)
        if line_end is None:
            break
        # One more, since the envelope is no part that somebody filed.
        if len(parts) > most:
            raise Refusal(checks.MIME_LIMIT, expected=f"at most {most} parts beside the envelope")
        begin = line_end.end()
        position = _find(data, delimiter, begin)
        if position < 0:
            raise _form("a boundary behind every part", "the end of the body")
        # The CR LF before a boundary belongs to it.
        if data[position - 2 : position] != b"\r\n" or position - 2 < begin:
            raise _form("the boundary at the start of lines", "within a line")
        parts.append(_part(data, view, begin, position - 2, strictness))
    end = _PADDED_END.match(data, position)
    if end is None:
        raise _form("a line of the boundary alone", "more on the line")
    _require_end(data, end.end(), delimiter, strictness)
    if not parts:
        raise _form("parts", "none")
    return parts


def _first(data: bytes | memoryview, delimiter: bytes, strictness: Strictness) -> int:
    """Return where the first delimiter begins."""
    # Some stacks begin with an empty line.
    position = 2 if data[:2] == b"\r\n" else 0
    if data[position : position + len(delimiter)] == delimiter:
        return position
    if strictness is Strictness.LENIENT:
        found = bytes(data[:_AROUND_MAX]).find(delimiter, position)
        if found >= 0 and data[found - 2 : found] == b"\r\n":
            return found
    raise _form("the boundary at the start of the body", "something else")


def _require_end(
    data: bytes | memoryview, position: int, delimiter: bytes, strictness: Strictness
) -> None:
    left = len(data) - position
    if left == 0 or (left == 2 and data[-2:] == b"\r\n"):
        return
    lenient = strictness is Strictness.LENIENT and left <= _AROUND_MAX
    if not lenient or _find(data, delimiter, position) >= 0:
        raise _form("the end of the body behind the last boundary", "more")


def _find(data: bytes | memoryview, delimiter: bytes, begin: int) -> int:
    if isinstance(data, bytes):
        return data.find(delimiter, begin)
    # A view has no find; to make a pattern for each boundary takes longer than a small message.
    found = re.compile(re.escape(delimiter)).search(data, begin)
    return found.start() if found else -1


def _part(
    data: bytes | memoryview, view: memoryview, begin: int, end: int, strictness: Strictness
) -> BodyPart:
    most = limits.MTOM_MAX_HEADER_BYTES
    blank = _END_OF_HEADERS.search(data, begin, min(end, begin + most + 4))
    if blank is None:
        if end - begin > most:
            raise Refusal(checks.MIME_LIMIT, expected=f"at most {most} bytes of headers in a part")
        raise _form("headers and an empty line in every part", "none")
    octets = view[blank.end() : end]
    headers = _headers(bytes(view[begin : blank.start()]), strictness)
    length = headers.get("content-length")
    if length is not None and length != str(len(octets)):
        raise _form(f"Content-Length {len(octets)}", "another")
    return BodyPart(headers, octets)


def _headers(block: bytes, strictness: Strictness) -> dict[str, str]:
    lenient = strictness is Strictness.LENIENT
    try:
        # A name of a file may be written as it is.
        text = block.decode("utf-8" if lenient else "ascii")
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
        if name not in _READ and name not in _TOLERATED:
            if lenient:
                continue
            raise _form("Content-ID, Content-Type and Content-Transfer-Encoding", name)
        if name in found:
            raise _form(f"one {name}", "two")
        found[name] = header[2].strip(" \t")
    return found


def _form(expected: str, received: str) -> Refusal:
    return Refusal(checks.MIME_FORM, expected=expected, received=received)
