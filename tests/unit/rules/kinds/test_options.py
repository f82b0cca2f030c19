from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from digipoort_wus.rules.kinds.options import Options, named_codes
from digipoort_wus.rules.model import Ingredients, OptionError, Text


def test_what_is_given() -> None:
    values: Mapping[str, object] = {
        "a": " x ",
        "b": ["x", " y "],
        "c": 3,
        "d": "[a-z]+",
        "e": {"nl": "ja", "en": "yes"},
        "f": "0.05",
        "g": 2,
    }
    options = Options(values)
    assert options.text("a") == "x"
    assert options.texts("b") == ("x", "y")
    assert options.number("c") == 3
    assert options.pattern("d").fullmatch("abc")
    assert options.both("e") == Text("ja", "yes")
    assert options.amount("f", Decimal(0)) == Decimal("0.05")
    assert options.amount("g", Decimal(0)) == 2
    options.done()


def test_what_is_not_given() -> None:
    options = Options({})
    assert options.text("a", "") == ""
    assert options.texts("b", ()) == ()
    assert options.number("c", 0) == 0
    assert options.choice("d", ("x", "y"), "y") == "y"
    assert options.table("e") == {}
    assert options.amount("f", Decimal(1)) == 1
    assert not options.has("g")
    options.done()


@pytest.mark.parametrize(
    ("values", "read", "sentence"),
    [
        ({}, lambda o: o.text("a"), "option a is missing: it is a text"),
        ({"a": 1}, lambda o: o.text("a"), "option a must be a text"),
        ({"a": " "}, lambda o: o.text("a"), "option a must not be empty"),
        ({"a": "x"}, lambda o: o.texts("a"), "option a must be a list of texts"),
        ({"a": [1]}, lambda o: o.texts("a"), "option a must be a list of texts"),
        ({"a": [""]}, lambda o: o.texts("a"), "option a must be a list of texts"),
        ({"a": []}, lambda o: o.texts("a"), "option a must not be empty"),
        ({"a": "1"}, lambda o: o.number("a"), "option a must be a whole number"),
        ({"a": True}, lambda o: o.number("a"), "option a must be a whole number from 0"),
        ({"a": -1}, lambda o: o.number("a"), "option a must be a whole number from 0"),
        ({"a": "z"}, lambda o: o.choice("a", ("x", "y")), "option a must be one of x, y"),
        ({"a": "("}, lambda o: o.pattern("a"), "option a is no regular expression"),
        ({"a": {"nl": "x"}}, lambda o: o.both("a"), "option a must have the texts nl and en"),
        (
            {"a": {"nl": "x", "en": "x", "fr": "x"}},
            lambda o: o.both("a"),
            "option a has the languages nl and en alone",
        ),
        ({"a": []}, lambda o: o.table("a"), "option a must be a table"),
        ({"a": {"x": 1}}, lambda o: o.table("a"), "option a must be a table of texts"),
        ({"a": 0.1}, lambda o: o.amount("a", Decimal(0)), "option a must be an amount from 0"),
        ({"a": True}, lambda o: o.amount("a", Decimal(0)), "option a must be an amount from 0"),
        ({"a": "x"}, lambda o: o.amount("a", Decimal(0)), "option a must be an amount from 0"),
        ({"a": "NaN"}, lambda o: o.amount("a", Decimal(0)), "option a must be an amount from 0"),
        ({"a": -1}, lambda o: o.amount("a", Decimal(0)), "option a must be an amount from 0"),
        ({"a": 1}, lambda o: o.done(), "option a is not known; known options: none"),
    ],
)
def test_a_mistake_is_a_sentence(
    values: Mapping[str, object], read: Callable[[Options], object], sentence: str
) -> None:
    with pytest.raises(OptionError) as raised:
        read(Options(values))
    assert str(raised.value).startswith(sentence)


def test_what_is_unknown_is_told_what_is_known() -> None:
    options = Options({"a": "x", "b": "y"})
    options.text("a")
    with pytest.raises(OptionError, match="option b is not known; known options: a"):
        options.done()


def test_codes_begin_with_that_of_the_rule() -> None:
    ingredients = Ingredients("OB-ID", None, {}, {})
    parts = {"other": "ANDERS", "form": "FORM"}
    assert named_codes(ingredients, {"form": "OB-FORM"}, parts) == {
        "other": "OB-ID-ANDERS",
        "form": "OB-FORM",
    }
    with pytest.raises(OptionError, match=r"codes\.fom is not known; known: other, form"):
        named_codes(ingredients, {"fom": "X"}, parts)
    with pytest.raises(OptionError, match="more than 20 characters"):
        named_codes(Ingredients("OMZETBELASTING-ID", None, {}, {}), {}, parts)
