"""Contents: the base64 that is taken out of a message before anybody copies or walks it."""

from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import BERICHTEN, ECHO, TYPES
from digipoort_wus.soap.envelope import namespace
from digipoort_wus.xmlsafe.inhoud import ascii_of, decoded, too_long
from digipoort_wus.xmlsafe.splice import LargeTexts

_DATA = f"{{{ECHO}}}data"
_MESSAGES = (TYPES, BERICHTEN)
"""Namespaces of what has a berichtInhoud."""


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
        return decoded(ascii_of(element.text or "") if lifted is None else lifted)
    if len(octets) > limits.INHOUD_MAX_BYTES:
        raise too_long(len(octets))
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
