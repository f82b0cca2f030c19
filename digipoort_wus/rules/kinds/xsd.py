"""The kind ``xsd``: the document is valid against an XML Schema 1.0.

Options: ``schema``, the artefact that it begins with; ``locations``, names of artefacts by how
schemas refer to them; ``codes``, other codes than the rule's own with ``-WAARDE`` and so on behind
it. Any element that the schema declares globally may be the root.

libxml2's messages quote the document, so the texts are ours: they name elements, lines and what
the schema expects. Documents of any size are judged; lines are known of smaller ones.
"""

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.rules.kinds.options import FunctionKind, Options, named_codes, no_text
from digipoort_wus.rules.kinds.xsd_schema import compiled_schema
from digipoort_wus.rules.kinds.xsd_texts import CODES, TEXTS
from digipoort_wus.rules.model import (
    Compiled,
    Declared,
    Hit,
    Ingredients,
    Look,
    TechnicalError,
    Unfinished,
)
from digipoort_wus.rules.subject import Subject
from digipoort_wus.xmlsafe.apart import apart
from digipoort_wus.xmlsafe.hardened import HARDENED

if TYPE_CHECKING:
    from lxml.etree import ParserTarget

    _Target = ParserTarget[None]
else:
    # What it has methods for costs time, so it has none but its own.
    _Target = object

_SMALL = 65_536
"""Octets of a document that is validated as a tree. Of each mistake lxml counts the elements before
it, which is quadratic; a stream has no such count, but no lines either."""
_MISTAKES_MAX = 100
_HUGE = 9_000_000
_WHERE = re.compile(
    r"Element '(?:\{[^}]*\})?([^'{}]*)'(?:, attribute '(?:\{[^}]*\})?([^'{}]*)')?: "
)
_NO_ATTRIBUTE = re.compile(r"The attribute '(?:\{[^}]*\})?([^'{}]*)' is required")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)\.")
_NAMESPACE = re.compile(r"\{[^}]*\}")
_ABOUT: Mapping[str, str] = {
    "SCHEMAV_CVC_ELT_1": "root",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "attribute",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "attribute",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "no_attribute",
}
_VALUES = ("DATATYPE", "FACET", "ENUMERATION", "LENGTH", "PATTERN", "CLUSIVE", "DIGITS")


class _Schema:
    """A compiled schema and what it finds."""

    def __init__(self, schema: etree.XMLSchema) -> None:
        self._schema = schema
        # Its log is that of whoever validated last.
        self._alone = threading.Lock()

    def mistakes(self, subject: Subject) -> Sequence[etree._LogEntry]:
        """Validate a document that can be parsed, and return what is wrong."""
        if subject.size > _SMALL:
            found = apart(lambda: self._streamed(subject))
            # So few can be looked up one by one.
            if not found or len(found) > _MISTAKES_MAX or not subject.fits_a_tree:
                return found
        with self._alone:
            if self._schema.validate(subject.tree()):
                return ()
            return list(self._schema.error_log)

    def _streamed(self, subject: Subject) -> Sequence[etree._LogEntry]:
        parser = etree.XMLParser(
            target=_Nothing(), schema=self._schema, huge_tree=subject.size > _HUGE, **HARDENED
        )
        for piece in subject.pieces():
            parser.feed(piece)
            if len(parser.feed_error_log) > _MISTAKES_MAX:
                return list(parser.feed_error_log)[: _MISTAKES_MAX + 1]
        parser.close()
        return list(parser.feed_error_log)


class _Nothing(_Target):
    """Keeps nothing of a document."""

    def doctype(self, *_: object) -> None:
        """Stop before a declaration is read."""
        raise Refusal(checks.XML_DOCTYPE)

    def close(self) -> None:
        return None


def _hits(mistakes: Iterable[etree._LogEntry], codes: Mapping[str, str]) -> Iterator[Hit]:
    for each in mistakes:
        if each.domain_name != "SCHEMASV" or each.type_name == "SCHEMAV_INTERNAL":
            raise TechnicalError("libxml2 could not validate the document")
        about = _about(each)
        element, attribute = _named(each.message)
        expected = _EXPECTED.search(each.message) if about in ("element", "missing") else None
        if about == "value" and attribute:
            element = f"{element}/@{attribute}"
        values = {
            "element": element or "?",
            "attribute": attribute or "?",
            "expected": _NAMESPACE.sub("", expected[1]) if expected else "?",
            "line": str(each.line or "?"),
        }
        yield Hit(codes[about], values, each.path or "", each.line)


def _named(message: str) -> tuple[str, str]:
    """Return the element and the attribute that a message is about; of values it says nothing."""
    found = _WHERE.match(message)
    if found is None:
        return "", ""
    absent = None if found[2] else _NO_ATTRIBUTE.match(message, found.end())
    return found[1], found[2] or (absent[1] if absent else "")


def _about(mistake: etree._LogEntry) -> str:
    name, message = mistake.type_name, mistake.message
    if name == "SCHEMAV_ELEMENT_CONTENT":
        if ": Missing child element(s)." in message:
            return "missing"
        return "element" if _EXPECTED.search(message) else "surplus"
    if name in _ABOUT:
        return _ABOUT[name]
    return "value" if any(part in name for part in _VALUES) else "other"


def _xsd(ingredients: Ingredients) -> Compiled:
    no_text(ingredients)
    options = Options(ingredients.options)
    name = options.text("schema")
    locations = options.table("locations")
    codes = named_codes(ingredients, options.table("codes"), CODES)
    options.done()
    schema = _Schema(compiled_schema(name, ingredients.artefacts, locations))

    def look(subject: Subject) -> Iterator[Hit]:
        mistakes = schema.mistakes(subject)
        yield from _hits(mistakes, codes)
        if subject.size > _SMALL and len(mistakes) > _MISTAKES_MAX:
            # The next one may be of a code that weighs more in this set.
            raise Unfinished(f"the document has more than {_MISTAKES_MAX} mistakes")

    return Compiled(
        Look(look, tree=True),
        {codes[about]: Declared("error", text) for about, text in TEXTS.items()},
    )


XSD = FunctionKind("xsd", _xsd)
