import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus.rules.model import OptionError, Text
from digipoort_wus.rules.texts import VALUE_MAX, checked_text, filled, masked, shown


@pytest.mark.parametrize(
    ("template", "values", "text"),
    [
        ("Niets.", {}, "Niets."),
        ("{a} en {b}.", {"a": "1", "b": "2"}, "1 en 2."),
        ("{a} en {b}.", {"a": "1", "c": "3"}, "1 en ?."),
        ("{{{a}}}", {"a": "1"}, "{1}"),
        # A value is no template.
        ("{a}", {"a": "{b} {{ %s", "b": "2"}, "{b} {{ %s"),
        ("{a}", {"a": "1\r\n2\t3"}, "1 2 3"),
        ("{a}", {"a": " \n"}, ""),
        ("{a}", {"a": "x" * 40}, "x" * 40),
        ("{a}", {"a": "x" * 41}, "x" * 39 + "…"),
        ("{a}", {"a": "\x1b[31mrood\x9b"}, "[31mrood"),
        ("{a}", {"a": "\u202eomgekeerd\u2066\ufeff"}, "omgekeerd"),
        *(("{a}", {"a": f"1{mark}2"}, "1 2") for mark in "\u200e\u200f\u2029\u202a\u2069\x85\x7f"),
        ("{a}", {"a": "\ud800\uffff"}, ""),
        ("{a}", {"a": " " * 900 + "x"}, "…"),
    ],
)
def test_filled(template: str, values: dict[str, str], text: str) -> None:
    assert filled(template, values) == text


@given(value=st.text(st.characters(), max_size=200), most=st.integers(2, 60))
def test_what_is_shown_is_one_short_line_that_xml_can_have(value: str, most: int) -> None:
    text = shown(value, most)
    assert len(text) <= most
    assert len(text.splitlines()) <= 1
    element = etree.Element("a")
    element.text = text
    assert etree.fromstring(etree.tostring(element)).text == (text or None)


def test_a_huge_value_is_not_looked_through() -> None:
    huge = "\n" * 20_000_000
    began = time.process_time()
    for _ in range(100):
        assert shown(huge) == "…"
    assert time.process_time() - began < 0.5
    assert len(shown("x" * 20_000_000)) == VALUE_MAX


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *(("", ""), ("12345", "12345"), ("123456", "12*456")),
        ("123456782", "12****782"),
        ("001000044B37", "00*******B37"),
    ],
)
def test_masked(number: str, text: str) -> None:
    assert masked(number) == text


def test_checked_text() -> None:
    assert checked_text("Fout {found}: {{}}", "Wrong {found}") == Text(
        "Fout {found}: {{}}", "Wrong {found}"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("{", "}", "{a", "{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{a:{b}}", "{a b}"),
        *("", " ", None, 7, ["text"]),
    ],
)
def test_a_text_that_is_refused(text: object) -> None:
    for pair in ((text, "good"), ("goed", text)):
        with pytest.raises(OptionError):
            checked_text(*pair)
