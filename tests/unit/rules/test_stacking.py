from pathlib import Path

import pytest

from digipoort_wus.rules.api import Outcome
from tests.unit.rules.catalogues import MAY, RULE, TEXTS, VAT, Sets, codes, judged, no_head


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    return Sets(tmp_path)


# ------------------------------------------------------------------- what a set requires

NOBODY = "berichtsoorten = []\nvalid_from = 2020-01-01"


def test_layers_come_once_and_required_ones_first(sets: Sets) -> None:
    sets.add("a@1", NOBODY)
    sets.add("b@1", f'{NOBODY}\nrequires = ["a@1"]')
    sets.add("c@1", f'{NOBODY}\nrequires = ["a@1"]')
    sets.add("d@1", f'{VAT}\nrequires = ["c@1", "b@1", "a@1"]')

    assert codes(sets.catalogue().choose("OB", MAY, no_head)) == ["A", "C", "B", "D"]


@pytest.mark.parametrize(
    ("others", "head", "said"),
    [
        (
            {},
            f'{VAT}\nrequires = ["base@1"]',
            "top@1.toml: requires: base@1 is not there; add it, or leave it out.",
        ),
        (
            {"base@2": NOBODY, "base@3": NOBODY, "basement@1": NOBODY},
            f'{VAT}\nrequires = ["base@1"]',
            "top@1.toml: requires: base@1 is not there; there is base@2, base@3.",
        ),
        (
            {"a@1": f'{NOBODY}\nrequires = ["b@1"]', "b@1": f'{NOBODY}\nrequires = ["a@1"]'},
            VAT,
            "a@1.toml: requires: a@1 requires b@1 requires a@1: take one out.",
        ),
        (
            {"base@1": NOBODY, "base@2": NOBODY, "a@1": f'{NOBODY}\nrequires = ["base@2"]'},
            f'{VAT}\nrequires = ["base@1", "a@1"]',
            "top@1.toml: requires: base@1 and base@2 are both needed: "
            "let all sets require the same version.",
        ),
        (
            {"base@1": NOBODY.replace("2020", "2021")},
            f'{VAT}\nrequires = ["base@1"]',
            "top@1.toml: requires: base@1 is valid from 2021-01-01, and top@1 on other days too: "
            "let its days lie within.",
        ),
        (
            {"base@1": f"{NOBODY}\nvalid_until = 2025-12-31"},
            f'{VAT}\nrequires = ["base@1"]',
            "top@1.toml: requires: base@1 is valid from 2020-01-01 until 2025-12-31, "
            "and top@1 on other days too: let its days lie within.",
        ),
        (
            {},
            f'{VAT}\n[override."NO-1"]\nseverity = "info"\nreason = "r"',
            "top@1.toml: override.NO-1: no rule of top@1 or of what it requires gives this code: "
            "mend it, or leave it out.",
        ),
        (
            {"base@1": NOBODY},
            f'{VAT}\n[disable]\n"BASE" = "r"',
            "top@1.toml: disable.BASE: no rule of top@1 or of what it requires gives this code: "
            "mend it, or leave it out.",
        ),
    ],
    ids=["gone", "other version", "circle", "two versions", "later", "ends", "code", "not below"],
)
def test_a_mistake_between_sets_is_said(
    others: dict[str, str], head: str, said: str, sets: Sets
) -> None:
    for name, text in others.items():
        sets.add(name, text)
    sets.add("top@1", head)

    assert sets.refused() == said


def test_what_is_required_may_begin_and_end_on_the_same_days(sets: Sets) -> None:
    sets.add("base@1", f"{NOBODY}\nvalid_until = 2026-12-31")
    sets.add("top@1", f'{VAT}\nvalid_until = 2026-12-31\nrequires = ["base@1"]')

    assert codes(sets.catalogue().choose("OB", MAY, no_head)) == ["BASE", "TOP"]


def test_a_rule_of_one_code_is_there_once(sets: Sets) -> None:
    sets.add("base@1", NOBODY)
    sets.add("top@1", f'{VAT}\nrequires = ["base@1"]', TEXTS.format(code="BASE"))

    assert sets.refused() == (
        "top@1.toml: base@1, which goes with it, has a rule BASE too: give one another code."
    )


# ------------------------------------------------------------------- the last word

LETTERS = RULE.format(id="l", stage="envelope", code="L", use="texts-of-its-own", letters="ABC")
INFO = '[override."{code}"]\nseverity = "info"\nreason = "agreed"'


def found(sets: Sets) -> dict[str, str]:
    report = judged(sets.catalogue().choose("OB", MAY, no_head))
    return {each.code: each.severity for each in report.findings}


def test_a_set_overrides_and_disables_what_it_requires(sets: Sets) -> None:
    sets.add("base@1", NOBODY, LETTERS)
    sets.add(
        "top@1",
        f'{VAT}\nrequires = ["base@1"]\n{INFO.format(code="LA")}\n[disable]\n"LB" = "withdrawn"',
    )

    assert found(sets) == {"LA": "info", "LC": "error"}
    base = next(each for each in sets.catalogue().sets if each.id == "base")
    (rule,) = base.layers[0].rules
    assert (dict(rule.severities), rule.disabled) == ({}, frozenset())


def test_a_set_overrides_its_own(sets: Sets) -> None:
    sets.add("top@1", f'{VAT}\n{INFO.format(code="LA")}\n[disable]\n"LB" = "withdrawn"', LETTERS)

    assert found(sets) == {"LA": "info", "LC": "error"}


def test_the_upper_set_has_the_last_word(sets: Sets) -> None:
    sets.add("base@1", NOBODY, LETTERS)
    sets.add(
        "middle@1",
        f'{NOBODY}\nrequires = ["base@1"]\n{INFO.format(code="LA")}\n'
        '[disable]\n"LB" = "withdrawn"\n"LC" = "withdrawn"',
    )
    sets.add(
        "top@1",
        f'{VAT}\nrequires = ["middle@1"]\n'
        '[override."LB"]\nseverity = "warning"\nreason = "counts after all"\n'
        '[disable]\n"LA" = "never"',
    )

    assert found(sets) == {"LB": "warning"}


def test_an_override_does_not_reach_a_set_that_is_not_below_it(sets: Sets) -> None:
    sets.add("base@1", NOBODY, LETTERS)
    sets.add("one@1", f'{NOBODY}\nrequires = ["base@1"]\n{INFO.format(code="LA")}')
    sets.add("top@1", f'{VAT}\nrequires = ["base@1"]')

    assert found(sets) == {"LA": "error", "LB": "error", "LC": "error"}


@pytest.mark.parametrize("disabled", ['"L" = "r"', '"LA" = "r"\n"LB" = "r"\n"LC" = "r"'])
def test_a_rule_that_is_disabled_is_not_judged(disabled: str, sets: Sets) -> None:
    sets.add("base@1", NOBODY, LETTERS)
    sets.add("top@1", f'{VAT}\nrequires = ["base@1"]\n[disable]\n{disabled}')

    choice = sets.catalogue().choose("OB", MAY, no_head)

    assert codes(choice) == ["TOP"]
    assert judged(choice).outcome is Outcome.VALID


def test_an_override_of_a_rule_that_gives_other_codes_is_said(sets: Sets) -> None:
    sets.add("top@1", f"{VAT}\n{INFO.format(code='L')}", LETTERS)

    assert sets.refused() == (
        "top@1.toml: override.L: that is a rule, which gives other codes: override those, "
        "as `rules explain` shows them."
    )


def test_codes_of_an_engine_that_is_not_installed_are_not_known(sets: Sets) -> None:
    head = f'{VAT}\n{INFO.format(code="LA")}\n[disable]\n"LB" = "withdrawn"'
    sets.add("top@1", head, LETTERS.replace("texts-of-its-own", "not-installed"))

    report = judged(sets.catalogue().choose("OB", MAY, no_head))

    assert report.outcome is Outcome.UNDETERMINED
    assert report.technical == "top@1 L: the extra `big` is not installed"


def test_a_disabled_rule_needs_no_engine(sets: Sets) -> None:
    rules = LETTERS.replace("texts-of-its-own", "not-installed")
    sets.add("top@1", f'{VAT}\n[disable]\n"L" = "no engine here"', rules)

    choice = sets.catalogue().choose("OB", MAY, no_head)

    assert judged(choice).outcome is Outcome.VALID
