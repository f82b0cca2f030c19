"""The kind ``xbrl``: an instance is valid against its taxonomy, as Arelle judges it.

XBRL 2.1, dimensions, and the assertions (formulas) of the taxonomy. Needs the extra ``xbrl``.

Options:

* ``packages``: artefacts, the taxonomy packages; nothing else is ever read, and nothing fetched;
* ``entry_points``: the exact addresses that a schemaRef may have. Decided before Arelle sees
  anything, as are references to other files;
* ``formula_seconds``: that all assertions together may take, 10; past that it is undetermined;
* ``texts``: by the code of Arelle, such as ``message:va-1``: a ``code`` of the set's own with its
  text ``nl`` and ``en``, which may have ``{name}``, the facts that it is about, ``{line}``,
  ``{check}``, the assertion, and ``{found}``, the code of Arelle;
* ``severities``: by the code of Arelle: info, warning, error, fatal, or off;
* ``taxonomy_errors``: codes that Arelle gives of the taxonomy itself and that the author of the
  set has looked at; with any other error of its own a taxonomy is not used;
* ``codes``: other codes than the rule's own with ``-WAARDE`` and so on behind it.

What Arelle says in words is never shown, for it quotes the filing and names files.
"""

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.kinds.options import FunctionKind, Options, named_codes, no_text
from digipoort_wus.rules.kinds.xbrl_arelle import Arelle
from digipoort_wus.rules.kinds.xbrl_instance import Instance, Reference, read_instance
from digipoort_wus.rules.kinds.xbrl_message import Message, about, is_technical, is_unfinished
from digipoort_wus.rules.kinds.xbrl_texts import CODES, TEXTS
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
    Text,
    Unfinished,
)
from digipoort_wus.rules.subject import Subject
from digipoort_wus.xmlsafe.parse import parse_document

FORMULA_SECONDS = 10
OCTETS_MAX = 20 * 1024 * 1024
"""Of an instance: what the interface lets through. Arelle takes much more memory than that."""
_OFF = "off"
_SEVERITIES: Mapping[str, Severity] = {each: each for each in get_args(Severity)}
_NAMES_MAX = 3
_PLACES = {"name", "line", "check", "found"}
_FORMATTER = string.Formatter()


@dataclass(frozen=True, slots=True)
class _Says:
    """What is said of what Arelle finds.

    Args:
        parts: codes by what a message is about.
        own: codes of the set's own, by the code of Arelle.
        severities: by the code of Arelle; None: it is left out.
    """

    parts: Mapping[str, str]
    own: Mapping[str, str]
    severities: Mapping[str, Severity | None]

    def hits(self, messages: Sequence[Message], instance: Instance) -> Iterator[Hit]:
        """Return a hit of each message that is about the filing."""
        for each in messages:
            severity = self.severities.get(each.code, each.severity)
            if severity is None or is_technical(each.code):
                continue
            code = self.own.get(each.code) or self.parts[about(each.code)]
            place = instance.place(each.elements[0]) if each.elements else None
            names = instance.names(each.elements)[:_NAMES_MAX]
            line = 0 if place is None else place.line
            yield Hit(
                code,
                {
                    "name": ", ".join(names) or "?",
                    "line": str(line or "?"),
                    "check": each.assertion or each.code.rpartition(":")[2],
                    "found": each.code,
                },
                "" if place is None else place.path,
                line,
                severity,
                each.code,
            )

    def reference(self, found: Reference) -> Hit:
        """Return the hit of a reference that is not allowed."""
        values = {"found": found.address.rpartition("/")[2] or "-", "line": str(found.line or "?")}
        return Hit(self.parts[found.about], values, found.path, found.line)


def _xbrl(ingredients: Ingredients) -> Compiled:
    no_text(ingredients)
    options = Options(ingredients.options)
    packages = options.texts("packages")
    entry_points = options.texts("entry_points")
    seconds = options.number("formula_seconds", FORMULA_SECONDS)
    if not seconds:
        raise OptionError("option formula_seconds must be at least 1")
    parts = named_codes(ingredients, options.table("codes"), CODES)
    parts = {**parts, "other": ingredients.code}
    own, declared = _own_texts(options, ingredients.options.get("texts"))
    severities = _severities(options.table("severities"))
    known_errors = options.texts("taxonomy_errors", ())
    options.done()
    paths = tuple(ingredients.artefacts[name] for name in packages)
    taken = set(own.values()) & set(parts.values())
    if taken:
        raise OptionError(f"option texts: {min(taken)} is a code of this kind, so take another")
    arelle = Arelle(paths, entry_points, seconds, frozenset(known_errors))
    says = _Says(parts, own, severities)

    def look(subject: Subject) -> Iterator[Hit]:
        if subject.size > OCTETS_MAX:
            raise TechnicalError(f"the document has more octets than the {OCTETS_MAX} for Arelle")
        # A tree of any size: Arelle makes one that is larger.
        fits = subject.fits_a_tree
        root = subject.tree() if fits else parse_document(read_content(subject.content))
        instance = read_instance(root, entry_points)
        if instance.refused:
            yield from (says.reference(each) for each in instance.refused)
            return
        messages = arelle.judge(instance.entry_point, instance.octets)
        technical = list(dict.fromkeys(each.code for each in messages if is_technical(each.code)))
        why = f"Arelle did not come to an end: {', '.join(technical[:3])}"
        # An assertion that came to nothing hides nothing that was found, and may be why; what else
        # broke may have made it up.
        if not all(map(is_unfinished, technical)):
            raise TechnicalError(why)
        yield from says.hits(messages, instance)
        if technical:
            raise Unfinished(why)

    return Compiled(
        Look(look, tree=True),
        {
            **{parts[part]: Declared("error", text, _BASIS[part]) for part, text in TEXTS.items()},
            **declared,
        },
    )


_BASIS: Mapping[str, str] = dict.fromkeys(TEXTS, "XBRL 2.1") | {
    "reference": "inferred",
    "file": "inferred",
    "dimension": "XBRL Dimensions 1.0",
    "formula": "assertion of the taxonomy",
    "twice": "inferred",
}


def _own_texts(options: Options, given: object) -> tuple[dict[str, str], dict[str, Declared]]:
    """Return codes by the code of Arelle, and what each says."""
    codes: dict[str, str] = {}
    declared: dict[str, Declared] = {}
    if not options.has("texts"):
        return codes, declared
    if not isinstance(given, dict):
        raise OptionError("option texts must be a table by the codes of Arelle")
    for engine_code, table in given.items():
        if not isinstance(table, dict):
            raise OptionError(f"option texts.{engine_code} must be a table: code, nl and en")
        one = Options(table, f"texts.{engine_code}.")
        code = one.text("code")
        if len(code) > CODE_MAX:
            raise OptionError(f"option texts.{engine_code}: {code} is longer than {CODE_MAX}")
        if code in declared:
            raise OptionError(f"option texts.{engine_code}: another text has {code}")
        one.text("nl")
        one.text("en")
        one.done()
        languages = {key: value for key, value in table.items() if key != "code"}
        text = Options({engine_code: languages}, "texts.").both(engine_code)
        unknown = _places(text) - _PLACES
        if unknown:
            known = ", ".join(sorted(_PLACES))
            raise OptionError(
                f"option texts.{engine_code} has the place {{{min(unknown)}}}; known: {known}"
            )
        codes[engine_code] = code
        declared[code] = Declared("error", text, "taxonomy")
    return codes, declared


def _places(text: Text) -> set[str]:
    parsed = (*_FORMATTER.parse(text.nl), *_FORMATTER.parse(text.en))
    return {name for _, name, _, _ in parsed if name is not None}


def _severities(given: Mapping[str, str]) -> Mapping[str, Severity | None]:
    found: dict[str, Severity | None] = {}
    for code, word in given.items():
        if word != _OFF and word not in _SEVERITIES:
            known = ", ".join((*_SEVERITIES, _OFF))
            raise OptionError(f"option severities.{code} must be one of {known}")
        if is_technical(code):
            raise OptionError(f"option severities.{code}: what breaks has no severity")
        found[code] = _SEVERITIES.get(word)
    return found


XBRL = FunctionKind("xbrl", _xbrl, Cost.FORKED)
