"""Of sets that were accepted together, one judges each filing: tried by counting."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

from hypothesis import assume, given
from hypothesis import strategies as st

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.catalogue import catalogue_of
from digipoort_wus.rules.head import Head
from digipoort_wus.rules.model import Text
from digipoort_wus.rules.ruleset import Applies, RuleSet

FIRST = date(2026, 1, 1)
DAYS = range(6)
KINDS = ((), ("OB",), ("ICP",), ("OB", "ICP"), ("*",))
ROOTS = ((), ("a",), ("b",), ("a", "b"))
REFS = ((), ("http://1",), ("http://2",))


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@st.composite
def rule_sets(draw: st.DrawFn) -> list[RuleSet]:
    sets: list[RuleSet] = []
    for number in range(draw(st.integers(1, 4))):
        first = draw(st.sampled_from(DAYS))
        last = draw(st.none() | st.integers(first, DAYS[-1]))
        below = st.lists(st.sampled_from([each.name for each in sets]), max_size=2, unique=True)
        sets.append(
            RuleSet(
                f"s{number}",
                "1",
                Text("n", "e"),
                draw(st.sampled_from(KINDS)),
                day(first),
                None if last is None else day(last),
                Applies(draw(st.sampled_from(ROOTS)), draw(st.sampled_from(REFS))),
                tuple(draw(below)) if sets else (),
                (),
                "0" * 64,
            )
        )
    return sets


def expected(sets: list[RuleSet], kind: str, on: date, head: Head) -> set[str]:
    """Say the same as the catalogue, in the words of its documentation."""
    begun = [each for each in sets if each.valid_from <= on]
    own = [each for each in begun if kind in each.berichtsoorten]
    named = own or [each for each in begun if "*" in each.berichtsoorten]
    fitting = {
        each.name: each
        for each in named
        if (each.valid_until is None or on <= each.valid_until)
        and (not each.applies.roots or head.root in each.applies.roots)
        and (not each.applies.schema_refs or head.schema_ref in each.applies.schema_refs)
    }
    by_name = {each.name: each for each in sets}

    def below(name: str) -> set[str]:
        direct = by_name[name].requires
        return set(direct).union(*(below(each) for each in direct))

    return set(fitting) - set().union(*(below(name) for name in fitting))


HEADS = [Head(root, ref) for root in ("a", "b", "c") for ref in ("", "http://1", "http://2")]


@given(rule_sets())
def test_one_set_judges_each_filing(sets: list[RuleSet]) -> None:
    try:
        catalogue = catalogue_of(sets)
    except ConfigurationError:
        assume(False)

    for kind, number, head in product(("OB", "ICP", "LH"), (*DAYS, 9), HEADS):
        received = datetime.combine(day(number), datetime.min.time(), UTC)
        choice = catalogue.choose(kind, received, lambda head=head: head)  # type: ignore[misc]
        found = set() if choice.chosen is None else {choice.chosen.name}
        assert found == expected(sets, kind, day(number), head)


@given(rule_sets())
def test_sets_are_refused_when_two_judge_one_filing(drawn: list[RuleSet]) -> None:
    sets = [replace(each, requires=()) for each in drawn]
    twice = any(
        len(expected(sets, kind, day(number), head)) > 1
        for kind, number, head in product(("OB", "ICP", "LH"), DAYS, HEADS)
    )

    try:
        catalogue_of(sets)
    except ConfigurationError:
        assert twice
    else:
        assert not twice
