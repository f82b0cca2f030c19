"""Puts sets on those that they require: their layers in order, the last word to the upper one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.model import Layer, Plan, Rule
from digipoort_wus.rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class Stack:
    """A set with all that it requires.

    Args:
        sets: each once, required ones first; the set itself is the last.
        plan: their layers in that order, with overrides in force. A rule of which all codes are
            disabled is not in it.
    """

    sets: tuple[RuleSet, ...]
    plan: Plan

    @property
    def top(self) -> RuleSet:
        """Return the set itself."""
        return self.sets[-1]

    @property
    def names(self) -> frozenset[str]:
        """Return ``id@version`` of all sets."""
        return frozenset(each.name for each in self.sets)

    @property
    def given(self) -> frozenset[str]:
        """Return the codes that its rules may give."""
        return frozenset(code for each in self.sets for code in _given(each))


def stacks_of(sets: Sequence[RuleSet]) -> Mapping[str, Stack]:
    """Stack every set, by its name.

    Raises:
        ConfigurationError: a required set is not there, is not valid long enough, or requires in a
            circle; a stack has two versions of a set or two rules of one code; or a code that is
            overridden or disabled is nobody's.
    """
    by_name: dict[str, RuleSet] = {}
    for each in sets:
        other = by_name.setdefault(each.name, each)
        if other is not each:
            raise ConfigurationError(
                f"{each.origin}: {other.origin} is {each.name} too: give one another version."
            )
    order = {each.name: _order(each, by_name) for each in sets}
    for each in sets:
        _check_stack(order[each.name])
    for each in sets:
        _check_codes(each, order[each.name])
    return {each.name: Stack(order[each.name], _plan(order, each)) for each in sets}


def _order(top: RuleSet, by_name: Mapping[str, RuleSet]) -> tuple[RuleSet, ...]:
    found: dict[str, RuleSet] = {}

    def visit(each: RuleSet, above: tuple[str, ...]) -> None:
        if each.name in above:
            circle = " requires ".join([*above[above.index(each.name) :], each.name])
            raise ConfigurationError(f"{top.origin}: requires: {circle}: take one out.")
        if each.name in found:
            return
        for name in each.requires:
            visit(_required(each, name, by_name), (*above, each.name))
        found[each.name] = each

    visit(top, ())
    return tuple(found.values())


def _required(each: RuleSet, name: str, by_name: Mapping[str, RuleSet]) -> RuleSet:
    if name not in by_name:
        id_ = name.partition("@")[0]
        known = sorted(other for other in by_name if other.partition("@")[0] == id_)
        advice = f"there is {', '.join(known)}" if known else "add it, or leave it out"
        raise ConfigurationError(f"{each.origin}: requires: {name} is not there; {advice}.")
    required = by_name[name]
    ends_first = required.valid_until is not None and (
        each.valid_until is None or each.valid_until > required.valid_until
    )
    if required.valid_from > each.valid_from or ends_first:
        until = f" until {required.valid_until}" if required.valid_until else ""
        raise ConfigurationError(
            f"{each.origin}: requires: {name} is valid from {required.valid_from}{until}, "
            f"and {each.name} on other days too: let its days lie within."
        )
    return required


def _check_stack(sets: Sequence[RuleSet]) -> None:
    versions: dict[str, RuleSet] = {}
    owners: dict[str, RuleSet] = {}
    for each in sets:
        other = versions.setdefault(each.id, each)
        if other is not each:
            raise ConfigurationError(
                f"{sets[-1].origin}: requires: {other.name} and {each.name} are both needed: "
                "let all sets require the same version."
            )
        for rule in _rules(each):
            owner = owners.setdefault(rule.code, each)
            if owner is not each:
                raise ConfigurationError(
                    f"{each.origin}: {owner.name}, which goes with it, has a rule {rule.code} too: "
                    "give one another code."
                )


def _check_codes(top: RuleSet, sets: Sequence[RuleSet]) -> None:
    if any(each.unready for each in sets):
        # What a rule that could not be made ready may give is not known.
        return
    given = {code for each in sets for code in _given(each)}
    rules = {rule.code for each in sets for rule in _rules(each)}
    for code in top.overrides:
        if code in rules - given:
            raise ConfigurationError(
                f"{top.origin}: override.{code}: that is a rule, which gives other codes: "
                f"override those, as `rules explain` shows them."
            )
        if code not in given:
            raise _nobodys(top, f"override.{code}")
    for code in top.disabled:
        if code not in given | rules:
            raise _nobodys(top, f"disable.{code}")


def _nobodys(top: RuleSet, key: str) -> ConfigurationError:
    return ConfigurationError(
        f"{top.origin}: {key}: no rule of {top.name} or of what it requires gives this code: "
        "mend it, or leave it out."
    )


@dataclass(slots=True)
class _Words:
    """What sets above a set say of its codes."""

    severities: dict[str, Severity] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)


def _plan(order: Mapping[str, Sequence[RuleSet]], top: RuleSet) -> Plan:
    words = {each.name: _Words() for each in order[top.name]}
    # From below to above, so that the upper one has the last word; of two that stand side by
    # side, the one that is required later.
    for each in order[top.name]:
        for below in order[each.name]:
            said = words[below.name]
            said.disabled |= set(each.disabled)
            for code, override in each.overrides.items():
                said.severities[code] = override.severity
                said.disabled.discard(code)
    return Plan(
        tuple(_layer(layer, words[each.name]) for each in order[top.name] for layer in each.layers)
    )


def _layer(layer: Layer, said: _Words) -> Layer:
    if not said.severities and not said.disabled:
        return layer
    rules = tuple(_rule(rule, said) for rule in layer.rules if not _is_off(rule, said.disabled))
    return replace(layer, rules=rules)


def _rule(rule: Rule, said: _Words) -> Rule:
    codes = rule.compiled.codes
    severities = {code: said.severities[code] for code in codes if code in said.severities}
    return replace(rule, severities=severities, disabled=frozenset(codes) & said.disabled)


def _is_off(rule: Rule, disabled: set[str]) -> bool:
    codes = set(rule.compiled.codes)
    return codes <= disabled or (rule.code not in codes and rule.code in disabled)


def _rules(each: RuleSet) -> Iterator[Rule]:
    return (rule for layer in each.layers for rule in layer.rules)


def _given(each: RuleSet) -> Iterator[str]:
    return (code for rule in _rules(each) for code in rule.compiled.codes)
