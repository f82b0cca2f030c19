"""The generated pages about rules: the sets that are shipped, and the kinds that rules use."""

import ast
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from tables import cell, page, table

from digipoort_wus.cli.rules_shown import days, whom
from digipoort_wus.rules import kinds as kinds_package
from digipoort_wus.rules.catalogue import Catalogue, catalogue_of
from digipoort_wus.rules.discovery import BUILT_IN, Kinds
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.kinds.numbers import NUMBERS
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.resolved import ResolvedRule, resolved_layers
from digipoort_wus.rules.ruleset import Artefact, RuleSet

_SETS = """\
What filings are judged by, unless an operator says otherwise ([how](../how-to/rules.md)). A filing
is judged by one set: by its berichtsoort, the Dutch day of its receipt, and the document where a
set names those that it is for. The sets that it requires come first.

`digipoort-wus rules explain BERICHTSOORT` shows the same of the sets of one machine, with the
digests and with what is overridden there.
"""
_KINDS = """\
What stands behind `use` in a rule of a set ([how](../how-to/rules.md)). A kind says what is looked
at; code, severity and texts are the matter of the set, unless the kind has texts of its own.

| cost | where it is judged |
|---|---|
| cheap | in a worker for many filings, with libxml2 alone |
| heavy | in a worker of its own that lives on, with its own limits |
| forked | in a process made for each filing out of one that is warm |
"""
_EXTRAS: Mapping[str, str] = {"schematron": "schematron", "xsd11": "xsd11", "xbrl": "xbrl"}
"""Kinds that need an extra of this package, by which; the pages are the same without it."""
_MODULE = re.compile(r":mod:`~?\.?([\w.]+)`")
_WIDTH = 98
_INFERRED = "inferred"
"""Is a demand of which nobody says where it comes from."""


def rule_sets_page() -> str:
    """Return the page of the rule sets that are shipped."""
    catalogue = catalogue_of(load_sets([SHIPPED], Kinds(BUILT_IN)))
    listed = table(
        ("set", "title", "berichtsoorten", "valid"),
        ((each.name, each.title.en, whom(each), days(each)) for each in catalogue.sets),
    )
    parts = [f"{_SETS}\n{listed}", *(_set(catalogue, each) for each in catalogue.sets)]
    return page("Rule sets", "`digipoort_wus/rules/sets/`", parts)


def rule_kinds_page() -> str:
    """Return the page of the kinds of this package."""
    kinds = Kinds(BUILT_IN)
    names: dict[str, list[str]] = {}
    for name, value in BUILT_IN.items():
        module = value.partition(":")[0]
        if find_spec(module) is not None:
            names.setdefault(module, []).append(name)
    parts, beside = [_KINDS], dict[str, None]()
    for module, of_module in names.items():
        text = _docstring(module)
        beside |= dict.fromkeys(_MODULE.findall(text))
        facts = [f"Cost: {kinds[of_module[0]].cost.value}."]
        facts += [f"Needs the extra `{_EXTRAS[each]}`." for each in of_module if each in _EXTRAS]
        heading = ", ".join(of_module)
        parts.append(f"## {heading}\n\n{_markdown(text)}\n\n{' '.join(facts)}")
    home = kinds_package.__name__
    for name in beside:
        last = name.rpartition(".")[2]
        text = f"## {last}\n\n{_markdown(_docstring(f'{home}.{last}'))}\n"
        parts.append(f"{text}\n{_numbers()}" if last == "numbers" else text)
    return page("Kinds of rules", "`digipoort_wus/rules/kinds/`", parts)


def _numbers() -> str:
    rows = (
        (f"`{name}`", one.name.en, one.shape.en, "yes" if one.elfproef else "no")
        for name, one in NUMBERS.items()
    )
    return table(("name", "number", "form", "check digit"), rows)


def _docstring(module: str) -> str:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"{module} is not there")
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""


def _markdown(text: str) -> str:
    """Return a docstring as Markdown; what stands in `:mod:` has a section here."""
    named = _MODULE.sub(lambda found: _link(found[1].rpartition(".")[2]), text)
    return named.replace("``", "`")


def _link(name: str) -> str:
    return f"[{name}](#{name})"


def _set(catalogue: Catalogue, each: RuleSet) -> str:
    facts = [
        f"- For: {whom(each)}",
        f"- Valid: {days(each)}",
        *([f"- Requires: {', '.join(each.requires)}"] if each.requires else []),
        *(_wrapped(f"- Needs {_artefact(one)}") for one in each.artefacts if one.source),
    ]
    marks = [*each.applies.roots, *each.applies.schema_refs]
    text = f"## {each.name}\n\n{each.title.nl}\n/ {each.title.en}\n\n" + "\n".join(facts) + "\n"
    if marks:
        text += "\n" + table(("only for documents with",), ((mark,) for mark in marks))
    rows = [row for rule in _rules(catalogue, each) for row in rule]
    if rows:
        text += "\n" + table(("code", "severity", "kind", "Nederlands", "English", "basis"), rows)
    changed = [
        *((code, one.severity, one.reason) for code, one in each.overrides.items()),
        *((code, "disabled", reason) for code, reason in each.disabled.items()),
    ]
    if changed:
        text += "\n" + table(("of a required set", "here", "reason"), changed)
    return text


def _rules(catalogue: Catalogue, each: RuleSet) -> Iterator[list[tuple[str, ...]]]:
    """Return the rows of each rule: of what is written, so that they need no extra."""
    compiled = {
        rule.code: rule
        for layer in resolved_layers(catalogue, each.name)
        if layer.set_name == each.name
        for rule in layer.rules
    }
    values = tomllib.loads(Path(each.origin).read_text(encoding="utf-8"))
    for layer in values.get("layer", ()):
        for rule in layer["rule"]:
            kind = rule["use"]
            if kind in _EXTRAS or rule["code"] not in compiled:
                yield _written(rule)
            else:
                yield _rows(compiled[rule["code"]])


def _rows(rule: ResolvedRule) -> list[tuple[str, ...]]:
    return [
        (code.code, code.declared, rule.kind, code.text.nl, code.text.en, code.basis or _INFERRED)
        for code in rule.codes
    ]


def _written(rule: Mapping[str, object]) -> list[tuple[str, ...]]:
    options = rule.get("options")
    texts = options.get("texts") if isinstance(options, dict) else None
    kind = str(rule["use"])
    if not isinstance(texts, dict):
        said = f"see the kind {kind}"
        return [(str(rule["code"]), "", kind, said, said, _INFERRED)]
    return [
        (
            str(one.get("code", name)),
            str(one.get("severity", "as its engine says")),
            kind,
            str(one["nl"]),
            str(one["en"]),
            str(one.get("basis", _INFERRED)),
        )
        for name, one in texts.items()
    ]


def _artefact(one: Artefact) -> str:
    means = "without it its rules are left out" if one.optional else "without it nothing is decided"
    return f"`{one.name}`, which the operator adds; {means}. {one.source}"


def _wrapped(text: str) -> str:
    return textwrap.fill(
        cell(text), _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
