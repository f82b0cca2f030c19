"""The base64 of an ``inhoud``: decoded without more copies than it needs, and bounded first."""

import binascii

import pybase64

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal

_WHITE_SPACE = b" \t\r\n"
_PIECE = 1_000_000


def ascii_of(text: str) -> bytes:
    """Return a text that can be base64 as octets.

    Raises:
        Refusal: XSD-BASE64.
    """
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
            raise too_long(len(compact) // 4 * 3)
        octets = _base64(compact)
    if octets is None:
        raise Refusal(checks.XSD_BASE64)
    if len(octets) > limits.INHOUD_MAX_BYTES:
        raise too_long(len(octets))
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


def too_long(received: int) -> Refusal:
    """Return the refusal of contents of about so many octets."""
    return Refusal(
        checks.XSD_INHOUD_SIZE,
        expected=f"{limits.INHOUD_MAX_BYTES} bytes",
        received=f"about {received} bytes",
    )
