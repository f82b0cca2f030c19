"""Contents: the base64 that is taken out of a message before anybody copies or walks it."""

import binascii

import pybase64
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import BERICHTEN, ECHO, TYPES
from digipoort_wus.soap.envelope import namespace
from digipoort_wus.xmlsafe.splice import LargeTexts

_DATA = f"{{{ECHO}}}data"
_MESSAGES = (TYPES, BERICHTEN)
"""Namespaces of what has a berichtInhoud."""
_WHITE_SPACE = b" \t\r\n"
_PIECE = 1_000_000


def take_contents(body_child: etree._Element, texts: LargeTexts | None = None) -> tuple[bytes, ...]:
    """Decode every ``inhoud`` and leave its index, four digits, in its place.

    Schema validation and Spyne would each copy and walk tens of megabytes of
    base64; the four digits are base64 too, so the schema still applies.

    Args:
        body_child: the judged element; changed. Only filings, offered messages and echoes
            have contents.
        texts: those that were taken out of it already, or came beside it.

    Raises:
        Refusal: XSD-BASE64, XSD-INHOUD-SIZE or ATTACHMENT-LIMIT.
    """
    # Counted here, for the schema would find a mistake in each of thousands.
    bijlagen = body_child.iterchildren(*(f"{{{types}}}berichtBijlagen" for types in _MESSAGES))
    if any(len(holder) > limits.MAX_ATTACHMENTS for holder in bijlagen):
        raise Refusal(checks.ATTACHMENT_LIMIT, expected=f"{limits.MAX_ATTACHMENTS}")
    parts: list[bytes] = []
    for element in contents_of(body_child):
        # With children it is no base64Binary: left as it is, the schema refuses it.
        if len(element):
            continue
        if len(parts) > limits.MAX_ATTACHMENTS:
            raise Refusal(checks.ATTACHMENT_LIMIT, expected=f"{limits.MAX_ATTACHMENTS}")
        parts.append(_content(element, texts))
        if element.tag == _DATA and len(parts[-1]) > limits.ECHO_DATA_MAX_BYTES:
            raise Refusal(
                checks.XSD_INHOUD_SIZE,
                expected=f"{limits.ECHO_DATA_MAX_BYTES} bytes",
                received=f"{len(parts[-1])} bytes",
            )
        element.text = f"{len(parts) - 1:04d}"
    return tuple(parts)


def _content(element: etree._Element, texts: LargeTexts | None) -> bytes:
    octets = texts.take_contents(element) if texts is not None else None
    if octets is None:
        lifted = texts.take(element) if texts is not None else None
        return decoded(_ascii(element.text or "") if lifted is None else lifted)
    if len(octets) > limits.INHOUD_MAX_BYTES:
        raise _too_long(len(octets))
    return octets


def contents_of(body_child: etree._Element) -> list[etree._Element]:
    """Return the elements with contents, at the places that the contracts know."""
    types = namespace(body_child)
    if types == ECHO:
        return [child for child in body_child if child.tag == _DATA]
    if types not in _MESSAGES:
        return []
    inhoud = f"{{{types}}}inhoud"
    found: list[etree._Element] = []
    for holder in body_child:
        if holder.tag == f"{{{types}}}berichtInhoud":
            found += [child for child in holder if child.tag == inhoud]
        elif holder.tag == f"{{{types}}}berichtBijlagen":
            found += [child for part in holder for child in part if child.tag == inhoud]
    return found


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise Refusal(checks.XSD_BASE64) from None


def decoded(text: bytes | memoryview) -> bytes:
    """Return what a text is the base64 of.

    Args:
        text: white space may be in it.

    Raises:
        Refusal: XSD-BASE64 or XSD-INHOUD-SIZE.

    XSD 1.0 part 2 §3.2.16.
    """
    octets = None if _is_too_long(text) else _base64(text)
    if octets is None:
        # In pieces, for no other thread runs meanwhile.
        pieces = (bytes(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))
        compact = b"".join([piece.translate(None, _WHITE_SPACE) for piece in pieces])
        if _is_too_long(compact):
            raise _too_long(len(compact) // 4 * 3)
        octets = _base64(compact)
    if octets is None:
        raise Refusal(checks.XSD_BASE64)
    if len(octets) > limits.INHOUD_MAX_BYTES:
        raise _too_long(len(octets))
    return octets


def _base64(text: bytes | memoryview) -> bytes | None:
    """Decode a text without white space; None when it is no base64."""
    try:
        return pybase64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _is_too_long(text: bytes | memoryview) -> bool:
    """Tell by its length alone whether base64 without white space is too much to decode."""
    # Four characters are three octets, of which padding may take two away again.
    return len(text) // 4 * 3 > limits.INHOUD_MAX_BYTES + 2


def _too_long(received: int) -> Refusal:
    return Refusal(
        checks.XSD_INHOUD_SIZE,
        expected=f"{limits.INHOUD_MAX_BYTES} bytes",
        received=f"about {received} bytes",
    )
