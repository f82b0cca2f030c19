"""Every attack that needs no connection, against the gate as a value."""

from collections.abc import Mapping
from functools import cache

import pytest

from digipoort_wus.conformance.cases import Case, cases_directory, load_cases
from tests.attacks_in_process import House, Prepared, expected_of, prepare_all

CASES = load_cases(cases_directory())


@cache
def ready() -> tuple[House, Mapping[str, Prepared]]:
    house = House()
    return house, prepare_all(house, CASES)


@pytest.mark.parametrize("family", sorted({case.family for case in CASES}))
def test_a_family_is_judged_as_it_must_be(family: str) -> None:
    house, prepared = ready()
    wrong = {}
    for name, one in prepared.items():
        if one.case.family == family:
            got, expected = house.run(one), expected_of(one.case)
            if got != expected and not (expected == "alert" and got != "accepted"):
                wrong[name] = f"{expected} was expected, {got} came"
    assert wrong == {}


def test_most_cases_need_no_connection() -> None:
    assert len(ready()[1]) > len(CASES) * 3 // 4


def test_the_corpus_is_what_the_issue_asks_for() -> None:
    def named(*parts: str) -> list[Case]:
        return [case for case in CASES if any(part in " ".join(case.refs) for part in parts)]

    assert len(CASES) >= 150
    assert all(
        any(f"XSW{number}" == ref for case in CASES for ref in case.refs) for number in range(1, 9)
    )
    for reference in ("CVE-2009-0217", "XXE", "AdIDoS"):
        assert named(reference)
    assert sum(case.expected.answer == "accepted" for case in CASES) >= 40
