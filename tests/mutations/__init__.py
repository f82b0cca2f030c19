"""What somebody between signer and gateway could do to a signed message.

A mutation takes a message and returns another, drawing what it needs from Hypothesis. Some
change nothing that a signature speaks for; most do; what they may never do is change what
the gate hands on. Nothing here judges: the tests do.
"""

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from lxml import etree

from tests.mutations.draw import Draw
from tests.mutations.octets import OCTETS
from tests.mutations.package import PACKAGE, root_of
from tests.mutations.text import TEXT
from tests.mutations.tree import TREE
from tests.subjects import PARSER, Subject


@dataclass(frozen=True)
class Message:
    """What is sent: octets and their Content-Type."""

    octets: bytes
    content_type: str = "text/xml; charset=utf-8"


def mutated_xml(data: Draw, octets: bytes) -> bytes:
    """Change a message one to three times: as a tree, then as text, then as octets."""
    kinds = data.draw(st.lists(st.sampled_from("eeettto"), min_size=1, max_size=3))
    try:
        if "e" in kinds:
            root = etree.fromstring(octets, PARSER)
            for _ in range(kinds.count("e")):
                data.draw(st.sampled_from(TREE))(data, root)
            octets = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
        for _ in range(kinds.count("t")):
            change = data.draw(st.sampled_from(TEXT))
            octets = change(data, octets.decode("utf-8")).encode("utf-8")
    except (ValueError, etree.LxmlError):
        # lxml would not build it, such as an element within itself: what there is will do.
        pass
    for _ in range(kinds.count("o")):
        octets = data.draw(st.sampled_from(OCTETS))(data, octets)
    return octets


def mutated_message(data: Draw, subject: Subject) -> Message:
    """Change a signed message, sent as text/xml or as a package."""
    if subject.package is None or data.draw(st.booleans()):
        return Message(mutated_xml(data, subject.octets))
    package = subject.package
    for _ in range(data.draw(st.integers(0, 2))):
        try:
            package = data.draw(st.sampled_from(PACKAGE))(data, package)
        except etree.XMLSyntaxError:
            # The envelope was spoilt before; that is enough.
            break
        if not package.parts:
            break
    if package.parts and (package == subject.package or data.draw(st.booleans())):
        number = root_of(package)
        root = package.parts[number]
        content = mutated_xml(data, root.content)
        package = package.with_part(number, replace(root, content=content))
    body = package.body
    if data.draw(st.integers(0, 4)) == 0:
        body = data.draw(st.sampled_from(OCTETS))(data, body)
    return Message(body, package.content_type)
