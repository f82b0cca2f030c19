"""The kind ``unique``: two elements that say the same."""

import pytest

from digipoort_wus.rules.kinds.unique import UNIQUE
from digipoort_wus.rules.model import OptionError
from tests.unit.rules.kinds.judging import codes, findings, rule, subject

OPTIONS = {"each": ["{u:*}goods", "services"], "by": ["land", "number"]}
UNIQUE_RULE = rule(UNIQUE, OPTIONS, "{name} twice")


def one(name: str, land: str, number: str, declared: str = "") -> str:
    return f"<{name} {declared}><land>{land}</land><number>{number}</number></{name}>"


GOODS = one("u:goods", "BE", "1", 'xmlns:u="u:1"')


@pytest.mark.parametrize(
    ("content", "times"),
    [
        (one("services", "BE", "1") + one("services", "BE", "2"), 0),
        (one("services", "BE", "1") + one("services", "DE", "1"), 0),
        (one("services", "BE", "1") + one("services", "BE", "1"), 1),
        (one("services", "BE", "1") * 4, 3),
        (one("services", "BE", "1") + one("services", " BE\n", "1 "), 1),
        # What is of another locator repeats nothing; the same local name elsewhere does not count.
        (one("services", "BE", "1") + GOODS, 0),
        (
            one("u:goods", "BE", "1", 'xmlns:u="u:1"') + one("u:goods", "BE", "1", 'xmlns:u="u:2"'),
            1,
        ),
        (one("goods", "BE", "1") * 2, 0),
        # Neither parts run together nor their order hides or makes anything.
        (one("services", "B", "E1") + one("services", "BE", "1"), 0),
        (one("services", "1", "BE") + one("services", "BE", "1"), 0),
        ("<services><number>1</number><land>BE</land></services>" + one("services", "BE", "1"), 1),
        # What lacks a part is not judged; what stands in another place is.
        ("<services><land>BE</land></services>" * 2, 0),
        (f"<a>{one('services', 'BE', '1')}</a><b>{one('services', 'BE', '1')}</b>", 1),
        # The first text of a part counts, and what stands within counts once.
        ("<services><land>BE</land><land>DE</land><number>1</number></services>" * 2, 1),
        ("<services><services><land>BE</land><number>1</number></services></services>", 0),
    ],
)
def test_what_repeats(content: str, times: int) -> None:
    assert codes(subject(f"<x>{content}</x>"), UNIQUE_RULE) == ["RULE"] * times


def test_the_finding_names_the_element_and_not_the_customer() -> None:
    (found,) = findings(subject(f"<x>{one('services', 'BE', '0123456749') * 2}</x>"), UNIQUE_RULE)
    assert found.text == "services twice"
    assert "0123456749" not in found.where


def test_hits_end() -> None:
    assert len(codes(subject(f"<x>{one('services', 'BE', '1') * 500}</x>"), UNIQUE_RULE)) == 100


@pytest.mark.parametrize("lacking", ["each", "by"])
def test_an_option_that_is_missing(lacking: str) -> None:
    options = {key: value for key, value in OPTIONS.items() if key != lacking}
    with pytest.raises(OptionError, match=f"option {lacking} is missing"):
        rule(UNIQUE, options, "x")


def test_an_option_that_is_not_known() -> None:
    with pytest.raises(OptionError, match="option of is not known; known options: by, each"):
        rule(UNIQUE, {**OPTIONS, "of": "x"}, "x")
