import pytest

from digipoort_wus.rules.kinds.locators import Locators
from digipoort_wus.rules.model import OptionError

A, B = "{urn:x/2025/01}a", "{urn:x/2025/01}b"


@pytest.mark.parametrize(
    ("locator", "names", "means"),
    [
        ("{urn:x/2025/01}b", [A, B], True),
        ("{urn:x/*/01}b", [A, B], True),
        ("{*}b", [A, B], True),
        ("{*}b", ["b"], False),
        ("b", ["b"], True),
        ("b", [B], False),
        ("{}b", ["b"], True),
        ("{urn:x/*/02}b", [A, B], False),
        ("{urn.x/*/01}b", [A, B], False),
        ("{*}a/{*}b", [A, B], True),
        ("{*}a/{*}b", [A, A, B], True),
        ("/{*}a/{*}b", [A, B], True),
        ("/{*}a/{*}b", [A, A, B], False),
        ("/{*}a/{*}b", [B], False),
        ("{*}b/{*}b", [A, B], False),
        ("{*}bb", [A, B], False),
        ("{urn:*}b", ["{urn:}x}b"], False),
    ],
)
def test_where_an_element_stands(locator: str, names: list[str], means: bool) -> None:
    assert Locators([locator]).find(names[-1], names) == (0 if means else None)


def test_the_first_that_means_it() -> None:
    locators = Locators(["{*}a/{*}c", "{*}b", "{*}a/{*}b"])
    assert locators.find(B, [A, B]) == 1
    assert locators.find(A, [A]) is None


@pytest.mark.parametrize(
    "locator", ["", "/", "a/", "a//b", "{a", "a b", "*", "{a}", "//a", "{a{b}c"]
)
def test_what_is_no_locator(locator: str) -> None:
    with pytest.raises(OptionError, match="is no place of an element"):
        Locators([locator])
