"""Looks at rule sets as their author should before a gateway does: all mistakes, and what is odd.

Loading refuses what is wrong and stops at the first; here each set is loaded by itself, and what
would only show later, or in somebody else's hands, is told as well.
"""

import string
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.case_files import load_cases
from digipoort_wus.rules.catalogue import catalogue_of
from digipoort_wus.rules.loading import load_set, load_sets
from digipoort_wus.rules.model import Kind, Rule
from digipoort_wus.rules.outside import reaches_outside
from digipoort_wus.rules.ruleset import RuleSet
from digipoort_wus.rules.slowness import slow_rule

_FORMATTER = string.Formatter()
_XML = (".xsd", ".xsl", ".xslt")


class Weight(Enum):
    """What a mistake means."""

    ERROR = "error"
    """The set cannot be used, or reaches out of itself."""
    WARNING = "warning"
    """It can be used, and something in it is odd or missing."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that its author should look at.

    Args:
        weight: whether the set can be used nevertheless.
        text: a sentence that names the file.
    """

    weight: Weight
    text: str


def lint(
    directories: Sequence[Path],
    kinds: Mapping[str, Kind],
    beside: Iterable[RuleSet] = (),
    added: Path | None = None,
) -> tuple[Mistake, ...]:
    """Look at the sets of directories and at their cases.

    Args:
        directories: each with ``*.toml``; cases are in ``cases`` there.
        kinds: by name.
        beside: other sets, which these may require and must not overlap.
        added: directory of the artefacts that the operator adds.
    """
    found: list[Mistake] = []
    sets: list[RuleSet] = []
    for directory in directories:
        paths = sorted(directory.glob("*.toml"))
        if not paths:
            found.append(_error(f"{directory} has no rule set: those are files named *.toml."))
        loaded, mistakes = _loaded(paths, kinds, added)
        sets += loaded
        found += mistakes
    if not any(each.weight is Weight.ERROR for each in found):
        try:
            catalogue_of((*beside, *sets))
        except ConfigurationError as error:
            found.append(_error(str(error)))
    proven, mistakes = _cases(directories)
    found += mistakes
    for each in sets:
        found += _of_set(each)
        if each.name not in proven:
            found.append(_warning(f"{each.origin}: {each.name} has no cases: write cases/*.toml."))
    return tuple(found)


def beside_of(
    directories: Iterable[Path], linted: Iterable[Path], kinds: Mapping[str, Kind]
) -> tuple[RuleSet, ...]:
    """Load the sets of directories but for those that are looked at.

    Raises:
        ConfigurationError: one of them is not what it must be.
    """
    looked_at = {each.resolve() for each in linted}
    others = [each for each in directories if each.resolve() not in looked_at]
    return load_sets(others, kinds)


def _loaded(
    paths: Iterable[Path], kinds: Mapping[str, Kind], added: Path | None
) -> tuple[list[RuleSet], list[Mistake]]:
    sets: list[RuleSet] = []
    mistakes: list[Mistake] = []
    for path in paths:
        try:
            sets.append(load_set(path, kinds, added))
        except ConfigurationError as error:
            mistakes.append(_error(str(error)))
    return sets, mistakes


def _cases(directories: Iterable[Path]) -> tuple[set[str], list[Mistake]]:
    """Return the names of the sets that have cases."""
    proven: set[str] = set()
    mistakes: list[Mistake] = []
    for directory in directories:
        for path in sorted((directory / "cases").glob("*.toml")):
            try:
                proven.add(load_cases(path).set_name)
            except ConfigurationError as error:
                mistakes.append(_error(str(error)))
    return proven, mistakes


def _of_set(each: RuleSet) -> Iterator[Mistake]:
    for one in each.unready:
        yield _warning(f"{each.origin}: {one.rule} cannot be judged here: {one.why.rstrip('.')}.")
    for layer in each.layers:
        for rule in layer.rules:
            yield from _texts(each, rule)
    yield from _unused(each)
    written = _written(each)
    yield from _artefacts(each, written)
    for code, options in written.items():
        if options.get("use") == "xpath":
            yield from _xpath(each, code, options)


def _unused(each: RuleSet) -> Iterator[Mistake]:
    # What a rule needs that cannot be judged here is not known.
    for artefact in () if each.unready else each.artefacts:
        if artefact.name not in each.used:
            yield _warning(
                f"{each.origin}: no rule uses {artefact.name}: leave it out of [artefacts], or "
                "name it in a rule."
            )


def _texts(each: RuleSet, rule: Rule) -> Iterator[Mistake]:
    for code, declared in rule.compiled.codes.items():
        nl, en = _places(declared.text.nl), _places(declared.text.en)
        if nl != en:
            odd = ", ".join(f"{{{name}}}" for name in sorted(nl ^ en))
            yield _warning(f"{each.origin}: {code}: only one of its two texts has {odd}.")


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in _FORMATTER.parse(text) if name is not None}


def _written(each: RuleSet) -> Mapping[str, Mapping[str, object]]:
    """Return what stands in the file of each rule, by its code; the set was loaded from it."""
    values = tomllib.loads(Path(each.origin).read_bytes().decode())
    rules: dict[str, Mapping[str, object]] = {}
    for layer in values.get("layer", ()):
        for rule in layer.get("rule", ()):
            rules[rule["code"]] = rule
    return rules


def _options(rule: Mapping[str, object]) -> Mapping[str, object]:
    options = rule.get("options", {})
    return options if isinstance(options, dict) else {}


def _artefacts(each: RuleSet, written: Mapping[str, Mapping[str, object]]) -> Iterator[Mistake]:
    known = {artefact.name for artefact in each.artefacts}
    for rule in written.values():
        locations = _options(rule).get("locations")
        known |= set(locations) if isinstance(locations, dict) else set()
    for artefact in each.artefacts:
        if artefact.path is None or not artefact.name.endswith(_XML):
            continue
        for what in reaches_outside(artefact.path.read_bytes(), artefact.name, known):
            yield _error(f"{artefact.path}: {what}.")


def _xpath(each: RuleSet, code: str, rule: Mapping[str, object]) -> Iterator[Mistake]:
    options = _options(rule)
    values = options.get("values")
    expressions = [options.get("test"), *(values.values() if isinstance(values, dict) else ())]
    texts = [str(one) for one in expressions]
    for what in slow_rule(str(options.get("each", "")), texts):
        yield _warning(f"{each.origin}: {code} {what}, which takes long in a large document.")


def _error(text: str) -> Mistake:
    return Mistake(Weight.ERROR, text)


def _warning(text: str) -> Mistake:
    return Mistake(Weight.WARNING, text)
