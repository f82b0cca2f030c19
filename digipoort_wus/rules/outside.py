"""What schemas and stylesheets of a rule set would read or write outside of the set.

Kinds forbid that when a filing is judged; here the author of a set hears of it before.
"""

import posixpath
import re
from collections.abc import Collection, Iterator

from lxml import etree

_XSD = "http://www.w3.org/2001/XMLSchema"
_XSLT = "http://www.w3.org/1999/XSL/Transform"
_REFERS = ("include", "import", "redefine", "override")
_OPENS = ("include", "import", "use-package", "import-schema", "source-document")
_WRITES = ("result-document", "document")
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
_FUNCTION = re.compile(
    r"(?<![\w.$-])((?:[\w.-]+:)?(?:doc|doc-available|document|collection|uri-collection|"
    r"unparsed-text|unparsed-text-lines|unparsed-text-available|json-doc|environment-variable|"
    r"available-environment-variables|transform|load-xquery-module))\s*\("
)


def reaches_outside(octets: bytes, name: str, artefacts: Collection[str]) -> Iterator[str]:
    """Say what a schema or stylesheet would reach, each as the end of a sentence.

    Args:
        octets: of the file; one that is neither gives nothing.
        name: in the set.
        artefacts: names of all files of the set, and of locations that stand for them.
    """
    # Public schemas have a DOCTYPE, and entities of their own.
    parser = etree.XMLParser(resolve_entities="internal", no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        yield f"it is no readable XML: {error}"
        return
    match etree.QName(root).namespace:
        case ns if ns == _XSD:
            yield from _schema(root, name, artefacts)
        case ns if ns == _XSLT:
            yield from _stylesheet(root)


def _schema(root: etree._Element, name: str, artefacts: Collection[str]) -> Iterator[str]:
    for each in root.iter(*(f"{{{_XSD}}}{word}" for word in _REFERS)):
        location = (each.get("schemaLocation") or "").strip()
        if location and not _is_listed(location, name, artefacts):
            yield (
                f"line {each.sourceline} refers to {location}, which is no artefact of the set: "
                "list it, or name the artefact in option locations"
            )


def _is_listed(location: str, name: str, artefacts: Collection[str]) -> bool:
    relative = posixpath.normpath(posixpath.join(posixpath.dirname(name), location))
    last = location.rpartition("/")[2]
    return (
        location in artefacts
        or relative in artefacts
        or [each.rpartition("/")[2] for each in artefacts].count(last) == 1
    )


def _stylesheet(root: etree._Element) -> Iterator[str]:
    for element in root.iter("{*}*"):
        tag = etree.QName(element)
        if tag.namespace == _XSLT and tag.localname in _OPENS:
            yield f"line {element.sourceline} has xsl:{tag.localname}: put all in one file"
        elif tag.localname in _WRITES and tag.namespace:
            yield f"line {element.sourceline} has {tag.localname}, which writes files"
        elif tag.namespace == _XSLT and tag.localname == "evaluate":
            yield f"line {element.sourceline} has xsl:evaluate, which runs what a document says"
        # Any attribute may hold an expression in braces; text may in XSLT 3.
        for text in (*map(str, element.attrib.values()), element.text or ""):
            for function in _FUNCTION.findall(_LITERAL.sub("''", text)):
                yield f"line {element.sourceline} calls {function}(), which reads what lies outside"
