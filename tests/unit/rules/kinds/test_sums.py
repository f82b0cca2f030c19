from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.kinds.sums import SUM
from digipoort_wus.rules.model import OptionError
from tests.unit.rules.kinds.judging import report, rule, subject, texts

DATA = "http://www.nltaxonomie.nl/nt20/bd/20251210/dictionary/bd-data"
TEXT = "{total} {sum} {difference}"
VAT: Mapping[str, object] = {
    "namespace": "http://www.nltaxonomie.nl/*/bd/*/dictionary/bd-data",
    "total": "Owed",
    "plus": ["A", "B"],
    "minus": ["C"],
}


def facts(*amounts: tuple[str, object], context: str = "Msg") -> str:
    return "".join(
        f"<{name} contextRef='{context}' unitRef='EUR'>{amount}</{name}>"
        for name, amount in amounts
    )


def judged(inner: str, options: Mapping[str, object] = VAT) -> list[str]:
    return texts(subject(f"<x xmlns='{DATA}'>{inner}</x>"), rule(SUM, options, TEXT))


@pytest.mark.parametrize(
    "inner",
    [
        facts(("Owed", 7), ("A", 5), ("B", 3), ("C", 1)),
        facts(("B", 3), ("Owed", 7), ("C", -4)),
        facts(("Owed", 0)),
        facts(("Owed", ""), ("A", " ")),
        facts(("Owed", "+7.00"), ("A", "7")),
        facts(("Owed", "-7"), ("C", "007")),
        facts(("Owed", 7), ("A", 5), ("A", 2)),
        # Without a total there is nothing to compare with.
        facts(("A", 5), ("B", 3)),
        # That is the matter of another rule.
        facts(("Owed", 7), ("A", "zeven")),
        facts(("Owed", 7), ("A", "7e0")),
        facts(("Owed", 7), ("A", "NaN")),
        facts(("Owed", 7), ("A", "9" * 70)),
        "",
    ],
)
def test_what_adds_up(inner: str) -> None:
    assert judged(inner) == []


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        (facts(("Owed", 8), ("A", 5), ("B", 3), ("C", 1)), "8 7 1"),
        (facts(("Owed", 7)), "7 0 7"),
        (facts(("Owed", 0), ("C", 5)), "0 -5 5"),
        (facts(("Owed", "0.1"), ("A", "0.3"), ("C", "0.1")), "0.1 0.2 -0.1"),
    ],
)
def test_what_does_not(inner: str, text: str) -> None:
    assert judged(inner) == [text]


def test_contexts_are_apart() -> None:
    inner = facts(("Owed", 7), ("A", 7)) + facts(("A", 5), context="d")
    assert judged(inner) == []
    assert judged(inner + facts(("Owed", 6), context="d")) == ["6 5 1"]


def test_large_amounts_are_not_rounded() -> None:
    large = "9" * 40
    (text,) = judged(facts(("Owed", f"{large}.01"), ("A", large)))
    assert text.split()[-1] == "0.01"
    assert judged(facts(("Owed", f"{large}.01"), ("A", large), ("C", "-0.01"))) == []


@pytest.mark.parametrize(
    ("tolerance", "right"), [(1, True), ("1", True), ("0.99", False), (0, False), ("1.5", True)]
)
def test_tolerance(tolerance: object, right: bool) -> None:
    options = {**VAT, "tolerance": tolerance}
    for owed in (6, 8):
        assert (judged(facts(("Owed", owed), ("A", 7)), options) == []) is right


def test_elements_that_stand_together_in_another_one() -> None:
    options = {**VAT, "within": "Part", "plus": ["Line/A"], "minus": ["C"]}
    part = (
        "<Part><Line><A>{}</A></Line><Line><A>{}</A></Line><A>99</A><C>{}</C><Owed>{}</Owed></Part>"
    )
    assert (
        judged(part.format(1, 2, 1, 2) + part.format(5, 5, 0, 10) + "<Owed>4</Owed>", options) == []
    )
    assert judged(part.format(1, 2, 1, 2) + part.format(5, 5, 0, 9), options) == ["9 10 -1"]


@given(st.lists(st.decimals(-(10**12), 10**12, places=2), max_size=6))
def test_it_is_the_sum(amounts: list[Decimal]) -> None:
    terms = facts(*(("A", f"{amount:f}") for amount in amounts))
    total = sum(amounts, Decimal(0))
    assert judged(terms + facts(("Owed", f"{total:f}"))) == []
    assert len(judged(terms + facts(("Owed", f"{total + 1:f}")))) == 1


def test_more_contexts_than_are_kept_is_no_mistake_of_the_filer() -> None:
    many = "".join(facts(("A", 1), context=f"c{number}") for number in range(20_001))
    found = report(subject(f"<x xmlns='{DATA}'>{many}</x>"), rule(SUM, VAT, TEXT))
    assert found.outcome is Outcome.UNDETERMINED
    assert "more than 20000 contexts" in found.technical


def test_hits_are_bounded() -> None:
    many = "".join(facts(("Owed", 1), context=f"c{number}") for number in range(500))
    assert len(judged(many)) == 100


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "option total is missing"),
        ({"total": "a"}, "at least one of plus and minus"),
        ({"total": "a", "plus": ["a"]}, "stands twice"),
        ({"total": "a", "plus": ["b"], "minus": ["b"]}, "stands twice"),
        ({"total": "a b", "plus": ["b"]}, "no place of an element"),
        ({"total": "a", "plus": ["b"], "tolerance": 0.1}, "tolerance must be an amount"),
        ({"total": "a", "plus": ["b"], "x": 0}, "option x is not known"),
    ],
)
def test_wrong_options(options: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        rule(SUM, options, TEXT)
