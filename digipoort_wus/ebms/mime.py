"""The parts of a package: what their headers say, and their octets, decoded.

Digikoppeling wants no transfer encoding; real parties send base64 all the same, and the Java
mail library writes text as quoted-printable. A digest is over the decoded octets.
"""

import binascii
import re
from urllib.parse import quote, unquote

import pybase64

from digipoort_wus import checks
from digipoort_wus.ebms.contents import ViewContent
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.filing.content import Content
from digipoort_wus.soap.multipart import AS_IT_IS, CONTENT_ID, BodyPart, read_media_type

NAME_MAX = 255
"""Characters of the name of a file."""
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,99}/[A-Za-z0-9!#$&^_.+-]{1,99}(?:[ \t]*;.*)?")
_BARE = re.compile(r"[!-;=?-~]{1,256}")
_FILE_NAME = re.compile(
    r";[ \t]{0,9}filename=(?:([^\s\";]{1,300})|\"((?:[^\"\\]|\\.){0,300})\")", re.IGNORECASE
)
_ENCODED_FILE_NAME = re.compile(
    r";[ \t]{0,9}filename\*=utf-8'[A-Za-z-]{0,20}'([A-Za-z0-9!#$&+.^_`|~%-]{1,900})", re.IGNORECASE
)
_PLAIN_NAME = re.compile(r"[ !#-\[\]-~]{1,255}")
_QUOTED_PRINTABLE = re.compile(rb"(?:[!-<>-~]++|[ \t]++(?!\r\n|\Z)|=[0-9A-Fa-f]{2}|=\r\n|\r\n)*+")
_WHITE_SPACE = b"\r\n\t "
_PIECE = 1_048_576
# Smaller ones are copied, so that they do not keep their body in memory.
_SMALL = 65_536


def location_of(content_id: str | None) -> str:
    """Return the location of a part in an error: its cid, as far as it has one."""
    return "cid:" if content_id is None else f"cid:{content_id}"


def read_content_id(value: str) -> str | None:
    """Return a Content-ID, or a start parameter, without brackets; None for another form.

    Both are also met without brackets.

    RFC 2392 §2.
    """
    named = CONTENT_ID.fullmatch(value)
    if named is not None:
        return named[1]
    return value if _BARE.fullmatch(value) else None


def media_type_of(part: BodyPart, *, at: str) -> str:
    """Return the media type of a payload, as it was sent.

    Raises:
        EbmsRefusal: EBMS-MIME-FORM.
    """
    value = part.headers.get("content-type", "application/octet-stream")
    if not is_media_type(value):
        raise _form(at, "Content-Type: type/subtype", "another form")
    return value


def is_media_type(value: str) -> bool:
    """Return whether a text can be the media type of a part, with parameters of any kind."""
    return value.isascii() and value.isprintable() and _MEDIA_TYPE.fullmatch(value) is not None


def require_xml(content_type: str, *, at: str) -> None:
    """Require that a Content-Type is that of an envelope of SOAP 1.1 in UTF-8.

    Raises:
        EbmsRefusal: EBMS-MIME-FORM.

    SOAP 1.1 §6; Digikoppeling ebMS2 3.3.2.
    """
    read = read_media_type(content_type)
    if read is None or read[0] != "text/xml":
        raise _form(at, "text/xml; charset=UTF-8", "another media type")
    if read[1].get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise _form(at, "charset=UTF-8", "another charset")


def file_name_of(part: BodyPart) -> str | None:
    """Return the name of the file in a payload: no path, None where there is no good one.

    Nothing depends on it, so one that cannot be read is left out.
    """
    value = part.headers.get("content-disposition", "")
    encoded, plain = _ENCODED_FILE_NAME.search(value), _FILE_NAME.search(value)
    if encoded is not None:
        name = unquote(encoded[1], errors="replace")
    elif plain is not None:
        name = plain[1] or re.sub(r"\\(.)", r"\1", plain[2])
    else:
        return None
    name = name.replace("\\", "/").rpartition("/")[2].strip()
    good = name.strip(".") and name.isprintable() and len(name) <= NAME_MAX
    return name if good else None


def disposition_of(name: str) -> str:
    """Write the Content-Disposition of a payload with the name of a file (RFC 6266 §4)."""
    if _PLAIN_NAME.fullmatch(name):
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def decoded(part: BodyPart, *, at: str) -> Content:
    """Return the octets of a part without their transfer encoding.

    Those of a large part that has none stay a view of the body.

    Raises:
        EbmsRefusal: EBMS-MIME-FORM for an encoding that is unknown or was not kept to.

    RFC 2045 §6.
    """
    encoding = part.transfer_encoding
    if encoding in AS_IT_IS:
        octets = part.octets
        return bytes(octets) if len(octets) <= _SMALL else ViewContent(octets)
    if encoding == "base64":
        return _from_base64(part.octets, at)
    if encoding == "quoted-printable":
        if not _QUOTED_PRINTABLE.fullmatch(part.octets):
            raise _form(at, "quoted-printable", "other octets")
        return binascii.a2b_qp(part.octets)
    raise _form(at, "base64, quoted-printable, binary, 8bit or 7bit", "another transfer encoding")


def _from_base64(view: memoryview, at: str) -> bytes:
    found: list[bytes] = []
    rest, ended = b"", False
    for start in range(0, len(view), _PIECE):
        rest += bytes(view[start : start + _PIECE]).translate(None, _WHITE_SPACE)
        whole = len(rest) // 4 * 4
        # Behind the padding nothing may follow: readers differ in what they make of it.
        if ended and rest:
            raise _form(at, "base64", "more behind its end")
        piece, rest = rest[:whole], rest[whole:]
        try:
            found.append(pybase64.b64decode(piece, validate=True))
        except binascii.Error:
            raise _form(at, "base64", "other octets") from None
        ended = ended or piece.endswith(b"=")
    if rest:
        raise _form(at, "base64", "a part of a group")
    return b"".join(found)


def _form(at: str, expected: str, received: str) -> EbmsRefusal:
    return EbmsRefusal(checks.EBMS_MIME_FORM, at=at, expected=expected, received=received)
