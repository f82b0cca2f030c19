"""The kind ``schematron``: the document satisfies a Schematron that was compiled to XSLT.

Options: ``stylesheet``, the artefact, which writes SVRL; ``texts``, by the id of each assert and
report: ``nl`` and ``en``, with ``{element}`` and ``{line}``, and perhaps ``severity``, ``basis``
and ``code``, when the id itself is no code. Without ``severity`` the Schematron's own role or flag
counts, and what has none is an error.

A Schematron says nothing of a document that none of its rules match: put a schema before it. It
needs the extra ``schematron``.
"""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.kinds.options import FunctionKind, Options, no_text
from digipoort_wus.rules.kinds.paths import path_of
from digipoort_wus.rules.kinds.schematron_saxon import Stylesheet
from digipoort_wus.rules.kinds.schematron_sheet import Sheet, read_sheet
from digipoort_wus.rules.kinds.schematron_svrl import Reported, located, reported
from digipoort_wus.rules.model import (
    CODE_MAX,
    Compiled,
    Cost,
    Declared,
    Hit,
    Ingredients,
    Look,
    OptionError,
    TechnicalError,
)
from digipoort_wus.rules.subject import Subject
from digipoort_wus.rules.texts import checked_text

_SEVERITIES: Mapping[str, Severity] = {
    "info": "info",
    "warning": "warning",
    "error": "error",
    "fatal": "fatal",
}
_VALUES = ("element", "line")
_FORMATTER = string.Formatter()
_PLACES_MAX = 100
"""Hits whose elements are looked up, which takes time; after that the first of each code."""


@dataclass(frozen=True, slots=True)
class _Assert:
    """What a set says of an assert or a report.

    Args:
        fixed: whether the set says how severe it is; otherwise the Schematron does.
    """

    code: str
    declared: Declared
    fixed: bool


def _schematron(ingredients: Ingredients) -> Compiled:
    no_text(ingredients)
    options = Options(ingredients.options)
    name = options.text("stylesheet")
    asserts = _asserts(options, ingredients.options)
    options.done()
    sheet = read_sheet(name, ingredients.artefacts[name])
    _match(name, sheet, asserts)
    stylesheet = Stylesheet(sheet.root)

    def look(subject: Subject) -> Iterator[Hit]:
        root = subject.tree()
        seen: set[str] = set()
        for number, each in enumerate(reported(stylesheet.transformed(root))):
            if each.id not in asserts:
                # Not said which: it may be made of what was filed.
                raise TechnicalError("the stylesheet reports an id that the set has no text for")
            placed = number < _PLACES_MAX or each.id not in seen
            seen.add(each.id)
            yield _hit(each, asserts[each.id], root if placed else None)

    codes: dict[str, Declared] = {}
    for one in asserts.values():
        if codes.setdefault(one.code, one.declared) != one.declared:
            raise OptionError(f"option texts gives {one.code} twice, and not the same text")
    return Compiled(Look(look, tree=True), codes)


def _asserts(options: Options, values: Mapping[str, object]) -> Mapping[str, _Assert]:
    """Read the option ``texts``."""
    given = values.get("texts")
    if not options.has("texts") or not isinstance(given, dict) or not given:
        raise OptionError("option texts is missing: it has a table for each assert and report")
    return {id_: _assert(id_, each) for id_, each in given.items()}


def _assert(id_: str, values: object) -> _Assert:
    if not isinstance(values, dict):
        raise OptionError(f"option texts.{id_} must be a table with nl and en")
    within = f"texts.{id_}."
    try:
        text = checked_text(values.get("nl"), values.get("en"))
        unknown = {name for each in (text.nl, text.en) for _, name, _, _ in _FORMATTER.parse(each)}
    except OptionError as error:
        raise OptionError(f"option texts.{id_}: {error}") from None
    if unknown - {None, *_VALUES}:
        raise OptionError(f"option texts.{id_}: places are {{element}} and {{line}} alone")
    options = Options(
        {key: each for key, each in values.items() if key not in ("nl", "en")}, within
    )
    code = options.text("code", id_)
    fixed = options.has("severity")
    severity = options.choice("severity", tuple(_SEVERITIES), "error")
    basis = options.text("basis", "inferred")
    options.done()
    if len(code) > CODE_MAX:
        raise OptionError(
            f"{code} has more than {CODE_MAX} characters: give a code with {within}code"
        )
    return _Assert(code, Declared(_SEVERITIES[severity], text, basis), fixed)


def _match(name: str, sheet: Sheet, asserts: Mapping[str, _Assert]) -> None:
    """Hold the texts against the asserts that a stylesheet is known to have."""
    silent = [id_ for id_ in sheet.ids if id_ not in asserts]
    if silent:
        raise OptionError(f"option texts has no text for {silent[0]}, which {name} may report")
    surplus = [id_ for id_ in asserts if id_ not in sheet.ids]
    if surplus and sheet.complete:
        raise OptionError(
            f"option texts.{surplus[0]}: {name} has no such assert; it has {', '.join(sheet.ids)}"
        )


def _hit(each: Reported, said: _Assert, root: etree._Element | None) -> Hit:
    found = None if root is None else located(each.location, root)
    severity = None if said.fixed else each.severity
    if found is None:
        values = dict.fromkeys(_VALUES, "?")
        return Hit(said.code, values, severity=severity, engine_code=each.id)
    element = found.element
    line = element.sourceline or 0
    last = etree.QName(element).localname
    attribute = f"/@{etree.QName(found.attribute).localname}" if found.attribute else ""
    values = {"element": last + attribute, "line": str(line or "?")}
    return Hit(said.code, values, path_of(element) + attribute, line, severity, each.id)


SCHEMATRON = FunctionKind("schematron", _schematron, Cost.HEAVY)
