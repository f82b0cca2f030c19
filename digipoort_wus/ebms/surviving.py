"""What of an envelope the signature of ebMS covers, and therefore may be read.

The signature leaves out what is addressed to whoever stands between the parties. So everybody
on the way can add a second MessageHeader that way, and no verifier sees it. Who reads headers
from the tree that survives never meets one.
"""

from collections.abc import Sequence
from typing import cast

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.names import ACTOR_NEXT, ACTOR_NEXT_MSH
from digipoort_wus.errors import Refusal
from digipoort_wus.names import SOAP
from digipoort_wus.xmlsafe.c14n import standing_alone

_ACTOR = f"{{{SOAP}}}actor"
_BETWEEN = frozenset({ACTOR_NEXT, ACTOR_NEXT_MSH})
_ADDRESSED = etree.XPath(
    f"//*[@soap:actor = '{ACTOR_NEXT}' or @soap:actor = '{ACTOR_NEXT_MSH}']",
    namespaces={"soap": SOAP},
)


def surviving(envelope: etree._Element) -> etree._Element:
    """Return a copy of an envelope without what is addressed to nextMSH or to the next actor.

    Args:
        envelope: root of a parsed message; not changed.

    Raises:
        EbmsRefusal: EBMS-XML for a comment, an instruction or an entity, at which a text would
            end for some and go on for others; EBMS-ACTOR when nothing at all would survive.

    ebMS 2.0 §4.1.3; SOAP 1.1 §4.2.2.
    """
    copy = whole(envelope)
    prune(copy)
    return copy


def whole(envelope: etree._Element) -> etree._Element:
    """Return a copy of an envelope with everything in it, refusing what :func:`surviving` would.

    Raises:
        EbmsRefusal: EBMS-XML or EBMS-ACTOR.
    """
    for _ in envelope.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity):
        raise EbmsRefusal(
            checks.EBMS_XML, at="/Envelope", received="a comment, instruction or entity"
        )
    if is_between(envelope):
        raise EbmsRefusal(
            checks.EBMS_ACTOR, at="/Envelope/@actor", received="an envelope for the next actor"
        )
    try:
        return standing_alone(envelope)
    except Refusal as refusal:
        raise EbmsRefusal(checks.EBMS_XML, at="/Envelope") from refusal


def is_between(element: etree._Element) -> bool:
    """Return whether an element itself is addressed to nextMSH or to the next actor."""
    return element.get(_ACTOR) in _BETWEEN


def prune(envelope: etree._Element) -> None:
    """Take out of an envelope, which is for us, what is for nextMSH or for the next actor.

    An element takes its attributes, text and descendants along, and leaves the text behind it:
    what the XPath of ebMS says of each node comes to the same.
    """
    for element in cast(Sequence[etree._Element], _ADDRESSED(envelope)):
        remove(element)


def remove(element: etree._Element) -> None:
    """Take an element out of its parent, but for the text behind it."""
    parent = element.getparent()
    # Of an element in one that was taken out there is no parent in the envelope to care for.
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
        element.tail = None
    parent.remove(element)
