"""Many rule sets, and which of them judges a filing.

A filing is judged by one set and what that requires: by its berichtsoort, the Dutch day of its
receipt, and the document where a set names those that it is for. Two sets for the same filing are
a mistake when the sets are loaded, unless one requires the other: then it takes its place.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules import unknown
from digipoort_wus.rules.days import dutch_day
from digipoort_wus.rules.head import Head
from digipoort_wus.rules.model import Layer, Plan, TechnicalError
from digipoort_wus.rules.ruleset import RuleSet, named_by
from digipoort_wus.rules.stacking import Stack, stacks_of


@dataclass(frozen=True, slots=True)
class Choice:
    """What a filing is judged by.

    Args:
        plan: its layers.
        chosen: the set; None when none could be chosen, which the last layers of the plan say.
        sets: of which the layers are, in their order.
    """

    plan: Plan
    chosen: RuleSet | None
    sets: tuple[RuleSet, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Rule sets that go together; made by :func:`catalogue_of`.

    Args:
        sets: by id and first day.
        stacks: of each, by ``id@version``.
        digest: SHA-256 over the names and digests of the sets, in hexadecimal digits.
    """

    sets: tuple[RuleSet, ...]
    stacks: Mapping[str, Stack]
    digest: str

    def named(self, berichtsoort: str, day: date | None = None) -> tuple[RuleSet, ...]:
        """Return the sets of a berichtsoort, in the order of their first days.

        Those of ``"*"`` when none names it; on a day: when none has named it up to then, so that
        a set can be there before its first day.

        Args:
            berichtsoort: exactly.
            day: leaves out sets that begin later; None: all days.
        """
        return named_by(self.sets, berichtsoort, day)

    def in_force(self, berichtsoort: str, day: date) -> tuple[RuleSet, ...]:
        """Return the sets of a berichtsoort that are valid on a day."""
        return tuple(each for each in self.named(berichtsoort, day) if each.is_valid_on(day))

    def choose(self, berichtsoort: str, received: datetime, head: Callable[[], Head]) -> Choice:
        """Choose what a filing is judged by; does not raise what reading the document raises.

        Args:
            berichtsoort: as it was filed.
            received: moment of receipt, with a time zone.
            head: reads the beginning of the document; is called when that matters.
        """
        day = dutch_day(received)
        named = self.named(berichtsoort, day)
        valid = [each for each in named if each.is_valid_on(day)]
        if not valid:
            why = unknown.nothing_valid(named, day)
            return self._unknown(named, unknown.technical_layers(self.digest, why))
        if all(each.applies.anything for each in valid):
            return self._chosen(valid)
        try:
            seen = head()
        except TechnicalError as error:
            return self._unknown(valid, unknown.technical_layers(self.digest, str(error)))
        except Exception as error:
            # Its message may hold what was filed.
            why = f"reading the document raised {type(error).__name__}"
            return self._unknown(valid, unknown.technical_layers(self.digest, why))
        fitting = [each for each in valid if each.applies.includes(seen.root, seen.schema_ref)]
        if fitting:
            return self._chosen(fitting)
        others = [each for each in self.named(berichtsoort) if each not in valid]
        return self._unknown(valid, unknown.version_layers(self.digest, valid, others, seen))

    def _chosen(self, fitting: Sequence[RuleSet]) -> Choice:
        # Of two that fit one requires the other, or they had not been loaded.
        stack = max((self.stacks[each.name] for each in fitting), key=lambda each: len(each.sets))
        return Choice(stack.plan, stack.top, stack.sets)

    def _unknown(self, candidates: Sequence[RuleSet], layers: tuple[Layer, ...]) -> Choice:
        """Judge by what all candidates require, and then say that none could be chosen."""
        if not candidates:
            return Choice(Plan(layers), None, ())
        stacks = [self.stacks[each.name] for each in candidates]
        shared = frozenset.intersection(*(stack.names for stack in stacks))
        shared -= {each.name for each in candidates}
        newest = stacks[-1]
        sets = tuple(each for each in newest.sets if each.name in shared)
        before = (layer for layer in newest.plan.layers if layer.set_id in shared)
        return Choice(Plan((*before, *layers)), None, sets)


def catalogue_of(sets: Iterable[RuleSet]) -> Catalogue:
    """Put rule sets together.

    Raises:
        ConfigurationError: a stack is wrong, as :func:`stacks_of` says, or two sets judge the same
            filing.
    """
    known = tuple(sorted(sets, key=lambda each: (each.id, each.valid_from, each.version)))
    stacks = stacks_of(known)
    for one, other in combinations(known, 2):
        _check_overlap(one, other, stacks)
    lines = "".join(f"{each.name} {each.digest}\n" for each in known)
    return Catalogue(known, stacks, hashlib.sha256(lines.encode()).hexdigest())


def without(sets: Iterable[RuleSet], names: Iterable[str]) -> tuple[RuleSet, ...]:
    """Return the sets but for some, such as shipped ones that the operator has others for.

    Args:
        sets: in any order.
        names: ``id`` for all versions, or ``id@version`` for one.

    Raises:
        ConfigurationError: no set has such a name.
    """
    known, left_out = tuple(sets), frozenset(names)
    for name in sorted(left_out - {each.id for each in known} - {each.name for each in known}):
        there = ", ".join(sorted(each.name for each in known))
        raise ConfigurationError(f"There is no rule set {name} to leave out; there is {there}.")
    return tuple(each for each in known if left_out.isdisjoint((each.id, each.name)))


def _check_overlap(one: RuleSet, other: RuleSet, stacks: Mapping[str, Stack]) -> None:
    shared = [name for name in one.berichtsoorten if name in other.berichtsoorten]
    first = max(one.valid_from, other.valid_from)
    if (
        shared
        and one.is_valid_on(first)
        and other.is_valid_on(first)
        and one.applies.meets(other.applies)
        and one.name not in stacks[other.name].names
        and other.name not in stacks[one.name].names
    ):
        raise ConfigurationError(
            f"{other.origin}: {other.name} and {one.name} ({one.origin}) both judge "
            f'"{shared[0]}" from {first}: let one end before (valid_until), tell their documents '
            "apart ([applies]), let one require the other, or leave one out."
        )
