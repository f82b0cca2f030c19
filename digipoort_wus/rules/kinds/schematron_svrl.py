"""Reads SVRL, what a Schematron says of a document: which asserts failed, and where."""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.kinds.schematron_sheet import REPORTS, SVRL
from digipoort_wus.rules.model import TechnicalError

_OUTPUT = f"{{{SVRL}}}schematron-output"
_ERROR = f"{{{SVRL}}}error"
# Public rule sets call "fatal" what refuses a document; here that would end the validation.
_SEVERITIES: Mapping[str, Severity] = {
    "fatal": "error",
    "error": "error",
    "warning": "warning",
    "warn": "warning",
    "information": "info",
    "info": "info",
}
_HEAVIEST: tuple[Severity, ...] = ("error", "warning", "info")
_STEP = re.compile(
    r"/(?P<at>@?)(?:"
    r"Q\{(?P<space>[^{}]*)\}(?P<name>[^\s/\[\]{}@*:]+)"
    r"|\*:(?P<any>[^\s/\[\]{}@*:]+)(?:\[\s*namespace-uri\(\)\s*=\s*['\"](?P<its>[^'\"]*)['\"]\s*\])?"
    r"|\*\[\s*local-name\(\)\s*=\s*['\"](?P<local>[^'\"]*)['\"]"
    r"(?:\s+and\s+namespace-uri\(\)\s*=\s*['\"](?P<uri>[^'\"]*)['\"])?\s*\]"
    r"|(?:[^\s/\[\]{}@*:]+:)?(?P<plain>[^\s/\[\]{}@*:()]++)(?!\()"
    r")(?:\[(?P<number>[0-9]{1,9})\])?"
)


@dataclass(frozen=True, slots=True)
class Reported:
    """An assert that failed, or a report that was given.

    Args:
        id: in the Schematron; empty when it has none.
        severity: as the Schematron says it; None when it says nothing that is known.
        location: XPath, in one of the forms that compilers of Schematron write.
    """

    id: str
    severity: Severity | None
    location: str


@dataclass(frozen=True, slots=True)
class Found:
    """The element that a location means.

    Args:
        element: of the document.
        attribute: of it, with its namespace in braces; empty: the element itself.
    """

    element: etree._Element
    attribute: str = ""


def reported(svrl: str) -> Iterator[Reported]:
    """Read SVRL piece by piece: it grows with the document.

    Raises:
        TechnicalError: it is no SVRL, or says that a rule could not be judged.
    """
    events = etree.iterparse(
        io.BytesIO(svrl.encode()),
        events=("start", "end"),
        huge_tree=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
    )
    depth = 0
    try:
        for event, element in events:
            if event == "start":
                depth += 1
                if depth == 1 and element.tag != _OUTPUT:
                    raise TechnicalError("the stylesheet does not write SVRL")
                continue
            depth -= 1
            if element.tag == _ERROR:
                raise TechnicalError("the stylesheet says that a rule could not be judged")
            if element.tag in REPORTS:
                yield _reported(element)
            if depth == 1:
                element.clear()
                parent = element.getparent()
                if parent is not None:
                    del parent[: parent.index(element)]
    except etree.XMLSyntaxError:
        raise TechnicalError("the stylesheet does not write SVRL") from None


def located(location: str, root: etree._Element) -> Found | None:
    """Return what a location means; None when that is not known.

    Args:
        location: as SVRL gives it.
        root: of the document.
    """
    here: etree._Element | None = None
    at = 0
    while at < len(location):
        step = _STEP.match(location, at)
        if step is None:
            break
        at = step.end()
        space = next(
            (step[name] for name in ("space", "its", "uri") if step[name] is not None), None
        )
        local = step["name"] or step["any"] or step["local"] or step["plain"] or ""
        if step["at"]:
            return None if here is None else _attribute(here, space, local)
        number = int(step["number"] or 1)
        candidates = iter((root,)) if here is None else here.iterchildren()
        # With a known namespace a name is compared as a whole: a parent may have many children.
        tag = None if space is None else f"{{{space}}}{local}" if space else local
        found = (each for each in candidates if _is_named(each, tag, local))
        here = next((each for count, each in enumerate(found, 1) if count == number), None)
        if here is None:
            return None
    return None if here is None else Found(here)


def _reported(element: etree._Element) -> Reported:
    said = {_SEVERITIES.get((element.get(name) or "").lower()) for name in ("role", "flag")}
    severity = next((each for each in _HEAVIEST if each in said), None)
    return Reported((element.get("id") or "").strip(), severity, element.get("location") or "")


def _is_named(element: etree._Element, tag: str | None, local: str) -> bool:
    if tag is not None:
        return element.tag == tag
    return isinstance(element.tag, str) and element.tag.rpartition("}")[2] == local


def _attribute(element: etree._Element, space: str | None, local: str) -> Found:
    for name in map(str, element.attrib):
        found = etree.QName(name)
        if found.localname == local and (space is None or (found.namespace or "") == space):
            return Found(element, name)
    return Found(element)
