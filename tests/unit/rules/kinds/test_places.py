"""The places in a text that a set writes: each must be one that the kind puts something into."""

from collections.abc import Mapping

import pytest

from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.model import Declared, Ingredients, OptionError, Text
from tests.unit.rules.kinds.judging import rule

KINDS = installed_kinds()
TAKE_A_TEXT: tuple[tuple[str, Mapping[str, object], str], ...] = (
    ("file-name", {"longest": 1}, "{found} {allowed} {most}"),
    ("mime-type", {"allowed": ["a"]}, "{found} {allowed}"),
    ("size", {"most": 1}, "{found} {least} {most}"),
    ("attachments", {"most": 1}, "{found} {least} {most} {octets} {most_octets}"),
    ("not-empty", {}, "empty"),
    ("no-doctype", {}, "doctype"),
    ("well-formed", {}, "{line} {column}"),
    ("schema-ref", {"allowed": ["a"]}, "{found}"),
    ("xpath", {"test": "true()", "values": {"a": "1", "b": "2"}}, "{a} {b}"),
    ("sum", {"total": "t", "plus": ["a"]}, "{total} {sum} {difference}"),
    ("unique", {"each": ["a"], "by": ["b"]}, "{name}"),
)


@pytest.mark.parametrize(("name", "options", "places"), TAKE_A_TEXT)
def test_a_text_has_only_places_that_are_filled(
    name: str, options: Mapping[str, object], places: str
) -> None:
    rule(KINDS[name], options, places)
    with pytest.raises(OptionError, match=r"nothing is put into \{other\} of the message"):
        rule(KINDS[name], options, f"{places} {{other}}")


@pytest.mark.parametrize(("name", "options", "places"), TAKE_A_TEXT)
@pytest.mark.parametrize("language", ["nl", "en"])
def test_both_languages_are_looked_at(
    name: str, options: Mapping[str, object], places: str, language: str
) -> None:
    text = Text(**{"nl": places, "en": places, language: "{other}"})
    with pytest.raises(OptionError, match=r"\{other\}"):
        KINDS[name].compile(Ingredients("X", Declared("error", text), options, {}))


@pytest.mark.parametrize("name", sorted(set(KINDS) - {name for name, _, _ in TAKE_A_TEXT}))
def test_every_other_kind_takes_no_text(name: str) -> None:
    """So that no kind is left out above."""
    declared = Declared("error", Text("{other}", "{other}"))
    with pytest.raises(OptionError, match="texts of its own"):
        KINDS[name].compile(Ingredients("X", declared, {}, {}))
