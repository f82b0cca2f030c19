"""The SOAP 1.1 envelope, read by position: what stands elsewhere is never found."""

from dataclasses import dataclass
from enum import Enum
from typing import cast

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import SOAP, WSA, WSSE

_ENVELOPE, _HEADER, _BODY = (f"{{{SOAP}}}{name}" for name in ("Envelope", "Header", "Body"))
FAULT = f"{{{SOAP}}}Fault"
SECURITY = f"{{{WSSE}}}Security"
_OF_WSA = f"{{{WSA}}}"
_WHITE_SPACE = " \t\r\n"
_ENCODING_STYLE, _MUST_UNDERSTAND = f"{{{SOAP}}}encodingStyle", f"{{{SOAP}}}mustUnderstand"


class Hygiene(Enum):
    """Which rules of SOAP's own attributes hold."""

    ENVELOPE = "those of the envelope's structure"
    BASIC_PROFILE = "also those of WS-I Basic Profile on encodingStyle and mustUnderstand"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of one message; each is the element at its place in the tree.

    Args:
        blocks: the children of the Header, in order; empty without a Header.
        body_child: the one element in the Body.
    """

    root: etree._Element
    blocks: tuple[etree._Element, ...]
    body: etree._Element
    body_child: etree._Element

    @property
    def is_fault(self) -> bool:
        """Return whether the Body holds a SOAP Fault."""
        return self.body_child.tag == FAULT


def read_envelope(root: etree._Element) -> Envelope:
    """Read Envelope, Header and Body of a parsed message.

    Raises:
        Refusal: SOAP-ENVELOPE, SOAP-STRUCTURE, SOAP-BODY-CHILD or SOAP-HEADER-FOREIGN.

    SOAP 1.1 §4; Digikoppeling WUS WW001, WW003, WS007.
    """
    if root.tag != _ENVELOPE:
        # Of another version, or no envelope at all: SOAP has a fault of its own for the first.
        about = local_name(root) if local_name(root) == "Envelope" else ""
        raise Refusal(checks.SOAP_ENVELOPE, expected=_ENVELOPE, received=str(root.tag), about=about)
    children = children_only(root, checks.SOAP_STRUCTURE)
    tags = [child.tag for child in children]
    if tags not in ([_HEADER, _BODY], [_BODY]):
        raise Refusal(
            checks.SOAP_STRUCTURE,
            expected="Header, Body",
            received=", ".join(map(local_name, children[:6])) or "nothing",
        )
    body = children[-1]
    blocks = children_only(children[0], checks.SOAP_STRUCTURE) if len(children) == 2 else []
    for block in blocks:
        if not is_addressing(block) and block.tag != SECURITY:
            raise Refusal(
                checks.SOAP_HEADER_FOREIGN,
                expected=f"elements of {WSA}, and wsse:Security",
                received=str(block.tag),
                about="mustUnderstand" if must_understand(block) else "",
            )
    content = children_only(body, checks.SOAP_STRUCTURE)
    if len(content) != 1:
        raise Refusal(
            checks.SOAP_BODY_CHILD,
            expected="1 element",
            received=f"{len(content)}",
            about="" if content else "empty",
        )
    return Envelope(root, tuple(blocks), body, content[0])


def require_basic_profile(envelope: Envelope) -> None:
    """Require what WS-I Basic Profile says of SOAP's own attributes.

    No encodingStyle on Envelope, Header, Body or the element in the Body; mustUnderstand
    is 0 or 1. Deeper in the Body, the schema allows no such attribute.

    Raises:
        Refusal: SOAP-BASIC-PROFILE.

    WS-I BP 1.2 R1005, R1006, R1013; Digikoppeling WUS WW001, WW002.
    """
    header = (envelope.blocks[0].getparent(),) if envelope.blocks else ()
    for element in (envelope.root, *header, envelope.body, envelope.body_child):
        if element is not None and _ENCODING_STYLE in element.attrib:
            raise Refusal(
                checks.SOAP_BASIC_PROFILE, received=f"encodingStyle on {local_name(element)}"
            )
    for block in envelope.blocks:
        if block.get(_MUST_UNDERSTAND) not in (None, "0", "1"):
            raise Refusal(
                checks.SOAP_BASIC_PROFILE, received=f"mustUnderstand of {local_name(block)}"
            )


def must_understand(block: etree._Element) -> bool:
    """Return whether a header block must be understood or refused."""
    return block.get(_MUST_UNDERSTAND) in ("1", "true")


def is_addressing(element: etree._Element) -> bool:
    """Return whether an element is one of WS-Addressing's."""
    return cast(str, element.tag).startswith(_OF_WSA)


def namespace(element: etree._Element) -> str:
    """Return the namespace name of an element, empty when it has none."""
    tag = cast(str, element.tag)
    return tag[1:].partition("}")[0] if tag[:1] == "{" else ""


def local_name(element: etree._Element) -> str:
    """Return the local name of an element."""
    return cast(str, element.tag).rpartition("}")[2]


def leaf_text(element: etree._Element, check: Check) -> str:
    """Return the text of an element that must hold text only, without outer white space.

    Raises:
        Refusal: ``check``, when there is a child of any kind: ``.text`` would end there.
    """
    if len(element):
        raise Refusal(check, received=f"{local_name(element)} with child elements")
    return (element.text or "").strip(_WHITE_SPACE)


def children_only(parent: etree._Element, check: Check) -> list[etree._Element]:
    """Return the children of an element, and refuse text beside them.

    Tools differ in whose text it is.

    Raises:
        Refusal: the check.
    """
    # Plain loops: this runs twenty times a message.
    children = list(parent)
    text = parent.text
    if text is not None and text.strip(_WHITE_SPACE):
        raise Refusal(check, received=f"text in {local_name(parent)}")
    for child in children:
        text = child.tail
        if text is not None and text.strip(_WHITE_SPACE):
            raise Refusal(check, received=f"text in {local_name(parent)}")
    return children
