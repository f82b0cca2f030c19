"""What a set comes to with all that it requires: layers, rules, and who changed them and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.catalogue import Catalogue
from digipoort_wus.rules.model import Cost, Layer, Rule, Text
from digipoort_wus.rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class Changed:
    """What a set says of a code of a set below it, or of its own.

    Args:
        by: ``id@version`` of that set.
        reason: that it gives.
    """

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResolvedCode:
    """A code that a rule may give.

    Args:
        code: at most 20 characters.
        severity: that is in force.
        declared: severity before any override.
        text: in both languages, with places for values.
        basis: where the demand comes from.
        overridden: who gave it another severity; None: nobody.
        disabled: who dropped it; None: it is in force.
    """

    code: str
    severity: Severity
    declared: Severity
    text: Text
    basis: str
    overridden: Changed | None = None
    disabled: Changed | None = None


@dataclass(frozen=True, slots=True)
class ResolvedRule:
    """A rule as it is judged.

    Args:
        code: of the rule.
        kind: what it ``use``s.
        cost: which worker judges it.
        codes: that it may give, in the order of its kind.
        disabled: who dropped the rule as a whole; None: it is in force.
        unready: why it cannot be judged here, and makes each filing undetermined; empty: it can.
    """

    code: str
    kind: str
    cost: Cost
    codes: tuple[ResolvedCode, ...]
    disabled: Changed | None = None
    unready: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedLayer:
    """Rules that are judged together.

    Args:
        set_name: ``id@version`` of the set that has it.
        layer: as it was compiled.
        rules: in their order.
    """

    set_name: str
    layer: Layer
    rules: tuple[ResolvedRule, ...]


@dataclass(slots=True)
class _Words:
    """What sets say of the codes of one set."""

    severities: dict[str, tuple[Severity, Changed]] = field(default_factory=dict)
    disabled: dict[str, Changed] = field(default_factory=dict)


def resolved_layers(catalogue: Catalogue, name: str) -> tuple[ResolvedLayer, ...]:
    """Return the layers that judge a filing when a set is chosen, also what is disabled in them.

    Args:
        catalogue: that has the set.
        name: ``id@version`` of the set.

    Raises:
        KeyError: there is no such set.
    """
    stack = catalogue.stacks[name]
    found = []
    for each in stack.sets:
        words = _words(catalogue, name, each)
        unready = {one.rule: one.why for one in each.unready if not one.left_out}
        found += [
            ResolvedLayer(
                each.name, layer, tuple(_rule(rule, words, unready) for rule in layer.rules)
            )
            for layer in each.layers
        ]
    return tuple(found)


def _words(catalogue: Catalogue, name: str, below: RuleSet) -> _Words:
    """Return the last word on each code of a set, as the plan has it."""
    words = _Words()
    for each in catalogue.stacks[name].sets:
        if below.name not in catalogue.stacks[each.name].names:
            continue
        for code, reason in each.disabled.items():
            words.disabled[code] = Changed(each.name, reason)
        for code, override in each.overrides.items():
            words.severities[code] = override.severity, Changed(each.name, override.reason)
            words.disabled.pop(code, None)
    return words


def _rule(rule: Rule, words: _Words, unready: Mapping[str, str]) -> ResolvedRule:
    codes = []
    for code, declared in rule.compiled.codes.items():
        severity, overridden = words.severities.get(code, (declared.severity, None))
        off = words.disabled.get(code)
        codes.append(
            ResolvedCode(
                code, severity, declared.severity, declared.text, declared.basis, overridden, off
            )
        )
    as_a_whole = None
    if rule.code not in rule.compiled.codes:
        as_a_whole = words.disabled.get(rule.code)
    if as_a_whole is None and all(each.disabled for each in codes):
        as_a_whole = codes[0].disabled
    return ResolvedRule(
        rule.code, rule.kind, rule.cost, tuple(codes), as_a_whole, unready.get(rule.code, "")
    )
