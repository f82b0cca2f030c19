"""What is shown of a set is what its plan judges by."""

from pathlib import Path

import pytest

from digipoort_wus.rules.catalogue import Catalogue, catalogue_of
from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.loading import load_sets
from digipoort_wus.rules.resolved import Changed, ResolvedCode, resolved_layers
from tests.unit.rules.writing import KINDS, write_set

BELOW = """\
id = "nl.below"
version = "1"
title.nl = "Onder"
title.en = "Below"
berichtsoorten = []
valid_from = 2020-01-01
[[layer]]
id = "one"
[[layer.rule]]
code = "B"
use = "texts-of-its-own"
options.letters = "AB"
[[layer.rule]]
code = "C"
use = "texts-of-its-own"
options.letters = "AB"
[[layer.rule]]
code = "D"
use = "texts-of-its-own"
options.letters = "A"
[disable]
"BA" = "below does not want it"
"""
MIDDLE = """\
id = "nl.middle"
version = "1"
title.nl = "Midden"
title.en = "Middle"
berichtsoorten = []
valid_from = 2020-01-01
requires = ["nl.below@1"]
[override."BA"]
severity = "warning"
reason = "middle wants it as a warning"
[override."BB"]
severity = "warning"
reason = "middle is mild"
[disable]
"C" = "middle wants nothing of it"
"DA" = "middle does not want its only code"
"""
TOP = """\
id = "nl.top"
version = "1"
title.nl = "Boven"
title.en = "Top"
berichtsoorten = ["Iets"]
valid_from = 2020-01-01
requires = ["nl.middle@1"]
[override."BB"]
severity = "info"
reason = "top is milder"
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    for name, text in (("below", BELOW), ("middle", MIDDLE), ("top", TOP)):
        write_set(tmp_path, text, f"{name}.toml")
    return catalogue_of(load_sets([tmp_path], KINDS))


def codes(catalogue: Catalogue, name: str) -> dict[str, ResolvedCode]:
    return {
        code.code: code
        for layer in resolved_layers(catalogue, name)
        for rule in layer.rules
        for code in rule.codes
    }


def test_the_last_word_is_the_upper_ones(catalogue: Catalogue) -> None:
    found = codes(catalogue, "nl.top@1")
    assert (found["BA"].severity, found["BA"].disabled) == ("warning", None)
    assert found["BA"].overridden == Changed("nl.middle@1", "middle wants it as a warning")
    assert (found["BB"].severity, found["BB"].declared) == ("info", "error")
    assert found["BB"].overridden == Changed("nl.top@1", "top is milder")
    assert codes(catalogue, "nl.middle@1")["BB"].severity == "warning"
    alone = codes(catalogue, "nl.below@1")
    assert alone["BA"].disabled == Changed("nl.below@1", "below does not want it")
    assert alone["BB"].overridden is None


def test_a_rule_that_is_disabled_is_shown_with_the_reason(catalogue: Catalogue) -> None:
    (layer,) = resolved_layers(catalogue, "nl.top@1")
    assert layer.set_name == "nl.below@1"
    assert [rule.disabled for rule in layer.rules] == [
        None,
        Changed("nl.middle@1", "middle wants nothing of it"),
        Changed("nl.middle@1", "middle does not want its only code"),
    ]


def test_a_rule_that_cannot_be_judged_says_why(tmp_path: Path) -> None:
    text = TOP.replace('requires = ["nl.middle@1"]\n', "").partition("[override")[0]
    rule = '[[layer]]\nid = "a"\n[[layer.rule]]\ncode = "A"\nuse = "not-installed"\n'
    write_set(tmp_path, text + rule)
    (layer,) = resolved_layers(catalogue_of(load_sets([tmp_path], KINDS)), "nl.top@1")
    assert [each.unready for each in layer.rules] == ["the extra `big` is not installed"]


def test_an_unknown_set_is_no_set(catalogue: Catalogue) -> None:
    with pytest.raises(KeyError):
        resolved_layers(catalogue, "nl.nowhere@1")


def in_force(catalogue: Catalogue, name: str) -> list[tuple[str, str, str, dict[str, str]]]:
    return [
        (
            layer.set_name,
            layer.layer.id,
            rule.code,
            {code.code: code.severity for code in rule.codes if code.disabled is None},
        )
        for layer in resolved_layers(catalogue, name)
        for rule in layer.rules
        if rule.disabled is None
    ]


def planned(catalogue: Catalogue, name: str) -> list[tuple[str, str, str, dict[str, str]]]:
    return [
        (
            layer.set_id,
            layer.id,
            rule.code,
            {
                code: rule.severities.get(code, declared.severity)
                for code, declared in rule.compiled.codes.items()
                if code not in rule.disabled
            },
        )
        for layer in catalogue.stacks[name].plan.layers
        for rule in layer.rules
    ]


def test_it_is_what_the_plan_judges_by(catalogue: Catalogue) -> None:
    shipped = catalogue_of(load_sets([SHIPPED], installed_kinds()))
    for sets in (catalogue, shipped):
        for name in sets.stacks:
            assert in_force(sets, name) == planned(sets, name)
