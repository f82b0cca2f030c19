"""Reads the stylesheet that a Schematron was compiled to: is it one, and what may it report?

What could reach outside of the document is refused here, so that the author of a set hears of it;
Saxon is set up to refuse it, too. Expressions are not parsed: a name of such a function before a
bracket is enough, even in a text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.rules.model import OptionError
from digipoort_wus.xmlsafe.parse import parse_document

XSL = "http://www.w3.org/1999/XSL/Transform"
SVRL = "http://purl.oclc.org/dsdl/svrl"
REPORTS = (f"{{{SVRL}}}failed-assert", f"{{{SVRL}}}successful-report")
"""What says that something is wrong; the other elements say what was looked at."""
_ROOTS = (f"{{{XSL}}}stylesheet", f"{{{XSL}}}transform")
_ATTRIBUTE = f"{{{XSL}}}attribute"
_INSTRUCTIONS = frozenset(
    f"{{{XSL}}}{name}"
    for name in (
        *("import", "include", "use-package", "import-schema", "override"),
        *("result-document", "source-document", "stream", "merge-source", "evaluate"),
    )
)
_FUNCTIONS = (
    *("doc", "doc-available", "document", "collection", "uri-collection", "json-doc"),
    *("unparsed-text", "unparsed-text-lines", "unparsed-text-available", "stream-available"),
    *("environment-variable", "available-environment-variables", "function-lookup"),
    *("load-xquery-module", "transform", "trace", "parse-xml", "parse-xml-fragment"),
)
# Before it may stand a prefix or a namespace; behind it a bracket, or # and a number.
_CALL = re.compile(rf"(?<![\w.$-])({'|'.join(_FUNCTIONS)})\s*[(#]")
_YES = ("yes", "true", "1")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A stylesheet that may be compiled.

    Args:
        root: without comments and instructions.
        ids: of its asserts and reports, in their order.
        complete: whether it can report no others.
    """

    root: etree._Element
    ids: tuple[str, ...]
    complete: bool


def read_sheet(name: str, path: Path) -> Sheet:
    """Read a stylesheet.

    Args:
        name: of the artefact, for messages.
        path: where it lies.

    Raises:
        OptionError: it is none, reports nothing, has an assert without an id, or could reach
            outside of the document.
    """
    try:
        root = parse_document(path.read_bytes())
    except OSError as error:
        raise OptionError(f"{name} cannot be read: {error.strerror}") from error
    except Refusal as error:
        at = f": {error.received}" if error.received else ""
        raise OptionError(f"{name} is not readable as XML without a DOCTYPE{at}") from error
    if root.tag not in _ROOTS:
        raise OptionError(
            f"{name} is no stylesheet: compile the Schematron to XSLT that writes SVRL"
        )
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
    for line, what in _outside(root):
        raise OptionError(f"{name}, line {line}: {what} is not allowed in the rules of a document")
    found = [_id(each, name) for each in root.iter(*REPORTS)]
    made = any(_makes_reports(each) for each in root.iter(f"{{{XSL}}}element"))
    if not found and not made:
        raise OptionError(f"{name} reports nothing: it has no svrl:failed-assert")
    ids = tuple(dict.fromkeys(id_ for id_ in found if id_))
    return Sheet(root, ids, all(found) and not made)


def _outside(root: etree._Element) -> Iterator[tuple[int, str]]:
    """Say what reaches outside of the document, and on which line."""
    texts = any(_expands_text(each) for each in root.iter())
    for each in root.iter():
        line, tag = each.sourceline or 0, str(each.tag)
        ours = tag.startswith(f"{{{XSL}}}")
        if tag in _INSTRUCTIONS:
            yield line, f"xsl:{etree.QName(tag).localname}"
        for name, value in each.attrib.items():
            # An attribute that is computed when the stylesheet is compiled.
            if ours and str(name).startswith("_"):
                yield line, f"the attribute {name}"
            if ours or "{" in str(value):
                yield from ((line, f"{call}()") for call in _CALL.findall(str(value)))
        if texts:
            for text in (each.text, *(child.tail for child in each)):
                if text and "{" in text:
                    yield from ((line, f"{call}()") for call in _CALL.findall(text))


def _expands_text(element: etree._Element) -> bool:
    value = element.get("expand-text") or element.get(f"{{{XSL}}}expand-text") or "no"
    return value.strip() in _YES


def _id(element: etree._Element, name: str) -> str:
    """Return the id of an assert or report; empty when it is computed."""
    given = element.get("id")
    if given is None:
        attribute = next(
            (each for each in element.iter(_ATTRIBUTE) if each.get("name") == "id"), None
        )
        if attribute is None:
            raise OptionError(
                f"{name}, line {element.sourceline or 0}: an assert has no id, so that no code "
                "can be given"
            )
        given = "" if len(attribute) or attribute.get("select") else attribute.text or ""
    return "" if "{" in given else given.strip()


def _makes_reports(element: etree._Element) -> bool:
    name = element.get("name", "")
    return "{" in name or name.rpartition(":")[2] in ("failed-assert", "successful-report")
