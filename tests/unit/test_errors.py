"""Refusals in words: short, in both languages, and free of what a stranger wrote into them."""

import pytest

from digipoort_wus.errors import Check, ConfigurationError, DigipoortError, Refusal

CHECK = Check("X-Y", "ours", "It holds.", "Het klopt.")


def test_an_explanation_names_check_rule_and_clause() -> None:
    refusal = Refusal(CHECK, expected="one", received="two")
    assert refusal.explanation() == "[X-Y] It holds; expected: one; received: two (ours)"
    assert refusal.uitleg() == "[X-Y] Het klopt; verwacht: one; ontvangen: two (ours)"
    assert str(refusal) == refusal.explanation()


def test_what_is_not_known_is_not_mentioned() -> None:
    assert Refusal(CHECK).explanation() == "[X-Y] It holds (ours)"
    assert Refusal(CHECK, received="two").uitleg() == "[X-Y] Het klopt; ontvangen: two (ours)"


@pytest.mark.parametrize(
    "char", ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u200b", "\ud800"]
)
def test_a_foreign_value_is_shown_without_control_characters(char: str) -> None:
    refusal = Refusal(CHECK, expected=f"a{char}b", received=f"c{char}d")
    assert char not in refusal.explanation() + refusal.uitleg()
    assert refusal.received == "c\N{REPLACEMENT CHARACTER}d"


def test_a_foreign_value_is_shown_in_part() -> None:
    refusal = Refusal(CHECK, received="x" * 100_000)
    assert refusal.received == "x" * 200 + "…"
    assert len(Refusal(CHECK, received="x" * 200).received) == 200


def test_braces_and_percents_are_only_text() -> None:
    text = "{0} {x} %s %(x)s"
    assert text in Refusal(CHECK, received=text).explanation()


def test_both_families_have_one_base() -> None:
    assert issubclass(Refusal, DigipoortError)
    assert issubclass(ConfigurationError, DigipoortError)
    assert not issubclass(Refusal, ConfigurationError)
