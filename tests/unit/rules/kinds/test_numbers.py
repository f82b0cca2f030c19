import pytest

from digipoort_wus.rules.kinds.numbers import NUMBERS, looks_like_btw_id, passes_elfproef


@pytest.mark.parametrize(
    ("digits", "passes"),
    [
        ("001000044", True),
        ("001224153", True),
        ("123456782", True),
        ("001000045", False),
        ("987654321", False),
        ("123456789", False),
        ("111234567", False),
        ("000000000", False),
    ],
)
def test_elfproef(digits: str, passes: bool) -> None:
    assert passes_elfproef(digits) is passes


def test_every_change_of_one_digit_fails() -> None:
    right = "123456782"
    for place in range(9):
        for digit in "0123456789":
            changed = right[:place] + digit + right[place + 1 :]
            assert passes_elfproef(changed) is (changed == right)


@pytest.mark.parametrize(
    ("number", "looks"),
    [
        ("NL000099998B57", True),
        ("000099998B57", True),
        ("NL000099998B58", False),
        ("123456782B01", False),
        ("NL00009999B57", False),
        ("", False),
    ],
)
def test_btw_id(number: str, looks: bool) -> None:
    assert looks_like_btw_id(number) is looks


@pytest.mark.parametrize(
    ("name", "number", "right"),
    [
        ("omzetbelastingnummer", "123456782B01", True),
        ("omzetbelastingnummer", "123456782B00", False),
        ("omzetbelastingnummer", "NL123456782B01", False),
        ("omzetbelastingnummer", "123456782L01", False),
        ("omzetbelastingnummer", "12345678２B01", False),
        ("loonheffingennummer", "123456782L01", True),
        ("loonheffingennummer", "123456782L00", False),
        ("rsin", "123456782", True),
        ("rsin", "12345678", False),
        ("bsn", "123456782", True),
        ("bsn", "000123456", False),
        ("kvk-nummer", "12345678", True),
        ("kvk-nummer", "00345678", False),
        ("kvk-nummer", "123456789", False),
    ],
)
def test_forms(name: str, number: str, right: bool) -> None:
    assert (NUMBERS[name].form.fullmatch(number) is not None) is right
