"""The form of elements in wsse:Security: children in order, no text beside them, base64."""

import binascii

import pybase64
from lxml import etree

from digipoort_wus.errors import Check, Refusal
from digipoort_wus.soap.envelope import children_only, leaf_text, local_name


def exactly(parent: etree._Element, check: Check, tags: tuple[str, ...]) -> list[etree._Element]:
    """Return the children of an element that must have exactly these, and no text.

    Raises:
        Refusal: the check.
    """
    children = children_only(parent, check)
    if [child.tag for child in children] != list(tags):
        names = ", ".join(tag.rpartition("}")[2] for tag in tags)
        raise Refusal(
            check,
            expected=f"{names} in {local_name(parent)}",
            received=", ".join(local_name(child) for child in children[:5]) or "nothing",
        )
    return children


def decode(element: etree._Element, check: Check, most: int) -> bytes:
    """Decode the base64 text of a leaf as :func:`decoded` does."""
    return decoded(leaf_text(element, check), check, local_name(element), most)


def decoded(text: str, check: Check, name: str, most: int) -> bytes:
    """Decode base64 text strictly, except for white space, which stacks put there.

    Args:
        text: base64.
        check: that is refused with.
        name: of the element or attribute.
        most: characters.

    Raises:
        Refusal: the check.
    """
    if len(text) > most:
        raise Refusal(check, expected=f"at most {most} characters in {name}")
    try:
        compact = "".join(text.split()).encode("ascii")
        octets = pybase64.b64decode(compact, validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Refusal(check, expected=f"base64 in {name}") from None
    # Stray bits behind the last octet would make one value writable in several ways.
    if not octets or pybase64.b64encode(octets) != compact:
        raise Refusal(check, expected=f"canonical base64 in {name}")
    return octets
