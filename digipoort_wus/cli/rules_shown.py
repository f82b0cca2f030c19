"""What ``rules list`` and ``rules explain`` print."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import click

from digipoort_wus.cli.options import number_of
from digipoort_wus.rules import unknown
from digipoort_wus.rules.api import Stage
from digipoort_wus.rules.catalogue import Catalogue
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.resolved import (
    Changed,
    ResolvedCode,
    ResolvedLayer,
    ResolvedRule,
    resolved_layers,
)
from digipoort_wus.rules.ruleset import EVERYTHING, Applies, Artefact, RuleSet

_SHOWN_MAX = 3
_STATUSES = {Stage.ENVELOPE: "first 301", Stage.CONTENT: "second 301"}


def print_list(catalogue: Catalogue) -> None:
    """Print the sets, one after the other, for people."""
    for each in catalogue.sets:
        click.echo(f"{each.name}  {each.title.en}")
        click.echo(f"  for {whom(each)}; valid {days(each)}; {_origin(each)}")
        for line in _missing(each):
            click.echo(f"  {line}")
    click.echo(number_of(len(catalogue.sets), "set", "sets") + f", digest {catalogue.digest}")


def set_values(each: RuleSet) -> dict[str, object]:
    """Return a set as JSON values."""
    return {
        "name": each.name,
        "id": each.id,
        "version": each.version,
        "title": {"nl": each.title.nl, "en": each.title.en},
        "berichtsoorten": list(each.berichtsoorten),
        "valid_from": each.valid_from.isoformat(),
        "valid_until": each.valid_until and each.valid_until.isoformat(),
        "applies": {
            "root": list(each.applies.roots),
            "schema_refs": list(each.applies.schema_refs),
        },
        "requires": list(each.requires),
        "digest": each.digest,
        "source": _source(each),
        "file": each.origin,
        "artefacts": [_artefact_values(one) for one in each.artefacts],
        "unready": [
            {"rule": one.rule, "why": one.why, "left_out": one.left_out} for one in each.unready
        ],
        "overrides": {
            code: {"severity": one.severity, "reason": one.reason}
            for code, one in each.overrides.items()
        },
        "disabled": dict(each.disabled),
    }


def print_explanation(catalogue: Catalogue, berichtsoort: str, day: date) -> None:
    """Print what filings of a berichtsoort are judged by on a day, for people."""
    in_force = _on_top(catalogue, berichtsoort, day)
    click.echo(f"{berichtsoort} on {day}")
    if not any(berichtsoort in each.berichtsoorten for each in catalogue.sets):
        names = {each for one in catalogue.sets for each in one.berichtsoorten} - {EVERYTHING}
        known = ", ".join(sorted(names))
        click.echo(
            f"No rule set names this berichtsoort; capitals count. There are sets for {known}."
        )
    if not in_force:
        named = catalogue.named(berichtsoort, day)
        click.echo(f"Filings cannot be judged: {unknown.nothing_valid(named, day)}.")
    for each in in_force:
        click.echo()
        _print_stack(catalogue, each)
    others = _on_other_days(catalogue, berichtsoort, day)
    if others:
        click.echo("\nOn other days")
        for each in others:
            click.echo(f"  {each.name}: valid {days(each)}{_documents(each)}")


def explanation_values(catalogue: Catalogue, berichtsoort: str, day: date) -> dict[str, object]:
    """Return what filings of a berichtsoort are judged by on a day, as JSON values."""
    in_force = _on_top(catalogue, berichtsoort, day)
    others = _on_other_days(catalogue, berichtsoort, day)
    return {
        "berichtsoort": berichtsoort,
        "date": day.isoformat(),
        "in_force": [
            {
                "set": each.name,
                "sets": [set_values(one) for one in catalogue.stacks[each.name].sets],
                "layers": [_layer_values(one) for one in resolved_layers(catalogue, each.name)],
            }
            for each in in_force
        ],
        "on_other_days": [set_values(each) for each in others],
    }


def missing_lines(sets: Sequence[RuleSet]) -> Iterator[str]:
    """Say what sets lack, and where the operator gets it, each with the name of its set."""
    for each in sets:
        for line in _missing(each):
            yield f"{each.name}: {line}"


def _on_top(catalogue: Catalogue, berichtsoort: str, day: date) -> tuple[RuleSet, ...]:
    """Return the sets that are chosen on a day, without those whose place another one takes."""
    found = catalogue.in_force(berichtsoort, day)
    return tuple(
        each
        for each in found
        if not any(
            other is not each
            and each.name in catalogue.stacks[other.name].names
            and other.applies in (Applies(), each.applies)
            for other in found
        )
    )


def _on_other_days(catalogue: Catalogue, berichtsoort: str, day: date) -> list[RuleSet]:
    return [each for each in catalogue.named(berichtsoort) if not each.is_valid_on(day)]


def _print_stack(catalogue: Catalogue, top: RuleSet) -> None:
    click.echo(f"{top.name}  {top.title.nl} / {top.title.en}")
    click.echo(f"  valid {days(top)}{_documents(top)}")
    for each in catalogue.stacks[top.name].sets:
        needs = f", requires {', '.join(each.requires)}" if each.requires else ""
        click.echo(f"  {each.name}: SHA-256 {each.digest}, {_origin(each)}{needs}")
        for artefact in each.artefacts:
            here = "" if artefact.path is not None else " (missing)"
            click.echo(f"    {artefact.name}: SHA-256 {artefact.sha256}{here}")
        for line in _missing(each):
            click.echo(f"    {line}")
    for layer in resolved_layers(catalogue, top.name):
        _print_layer(layer)


def _print_layer(found: ResolvedLayer) -> None:
    layer = found.layer
    said = [f"{_STATUSES[layer.stage]} ({layer.stage.value})"]
    if layer.mime_types:
        said.append(f"only for {', '.join(sorted(layer.mime_types))}")
    if layer.goes_on:
        said.append("later layers are judged after an error")
    click.echo(f"\n  Layer {layer.id} of {found.set_name}: {'; '.join(said)}")
    for rule in found.rules:
        _print_rule(rule)


def _print_rule(rule: ResolvedRule) -> None:
    click.echo(f"    {rule.code}  {rule.kind} ({rule.cost.value})")
    if rule.unready:
        click.echo(f"      cannot be judged here: {rule.unready}")
        return
    if rule.disabled is not None:
        click.echo(f"      disabled {_by(rule.disabled)}")
        return
    for code in rule.codes:
        head = "" if code.code == rule.code else f"{code.code}: "
        for line in _code_lines(code, head):
            click.echo(f"      {line}")


def _code_lines(code: ResolvedCode, head: str) -> Iterator[str]:
    if code.disabled is not None:
        yield f"{head}disabled {_by(code.disabled)}"
        return
    yield f"{head}{code.severity}" + (f" ({code.basis or 'inferred'})")
    if code.overridden is not None:
        yield f"  was {code.declared}; overridden {_by(code.overridden)}"
    yield f"  nl: {code.text.nl}"
    yield f"  en: {code.text.en}"


def _by(changed: Changed) -> str:
    return f"by {changed.by}: {changed.reason}"


def _layer_values(found: ResolvedLayer) -> dict[str, object]:
    return {
        "set": found.set_name,
        "layer": found.layer.id,
        "stage": found.layer.stage.value,
        "goes_on": found.layer.goes_on,
        "mime_types": sorted(found.layer.mime_types),
        "rules": [_rule_values(rule) for rule in found.rules],
    }


def _rule_values(rule: ResolvedRule) -> dict[str, object]:
    return {
        "rule": rule.code,
        "kind": rule.kind,
        "cost": rule.cost.value,
        "disabled": _changed_values(rule.disabled),
        "unready": rule.unready,
        "codes": [] if rule.unready else [_code_values(code) for code in rule.codes],
    }


def _code_values(code: ResolvedCode) -> dict[str, object]:
    return {
        "code": code.code,
        "severity": code.severity,
        "declared": code.declared,
        "basis": code.basis,
        "nl": code.text.nl,
        "en": code.text.en,
        "overridden": _changed_values(code.overridden),
        "disabled": _changed_values(code.disabled),
    }


def _changed_values(changed: Changed | None) -> Mapping[str, str] | None:
    return None if changed is None else {"by": changed.by, "reason": changed.reason}


def _artefact_values(one: Artefact) -> dict[str, object]:
    return {
        "name": one.name,
        "sha256": one.sha256,
        "here": one.path is not None,
        "expected_at": None if one.expected_at is None else str(one.expected_at),
        "source": one.source,
        "optional": one.optional,
    }


def _missing(each: RuleSet) -> Iterator[str]:
    for artefact in each.missing:
        means = (
            "its rules are left out" if artefact.optional else "filings stay undetermined without"
        )
        yield f"missing: {artefact.name} ({means}). {artefact.place} {artefact.source}"
    names = [artefact.name for artefact in each.missing]
    for one in each.unready:
        # What only lacks an artefact was said.
        if not any(one.why.startswith(f"{name} is not here") for name in names):
            yield f"cannot be judged here: {one.rule}: {one.why}"


def whom(each: RuleSet) -> str:
    """Return the berichtsoorten of a set in words."""
    if not each.berichtsoorten:
        return "other sets"
    if each.berichtsoorten == (EVERYTHING,):
        return "all that no other set names"
    return ", ".join(each.berichtsoorten)


def days(each: RuleSet) -> str:
    """Return the days of receipt of a set in words."""
    until = "" if each.valid_until is None else f" until {each.valid_until}"
    return f"from {each.valid_from}{until}"


def _documents(each: RuleSet) -> str:
    marks = [*each.applies.roots, *each.applies.schema_refs]
    if not marks:
        return ""
    more = len(marks) - _SHOWN_MAX
    return f"; for {', '.join(marks[:_SHOWN_MAX])}" + (f" and {more} more" if more > 0 else "")


def _source(each: RuleSet) -> str:
    return "shipped" if each.origin.startswith(f"{SHIPPED}/") else "operator"


def _origin(each: RuleSet) -> str:
    return "shipped" if _source(each) == "shipped" else each.origin
