"""Numbers of taxpayers: their forms and check digits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from digipoort_wus.rules.model import Text

_BTW_ID = re.compile(r"(?:NL)?([0-9]{9}B[0-9]{2})")


@dataclass(frozen=True, slots=True)
class Number:
    """A kind of number.

    Args:
        name: as a bookkeeper calls it.
        form: of the whole of it, in capitals.
        shape: the form in words.
        elfproef: whether its first nine digits have a check digit.
    """

    name: Text
    form: re.Pattern[str]
    shape: Text
    elfproef: bool = False


_NINE = Text("9 cijfers", "9 digits")
NUMBERS: Mapping[str, Number] = {
    "omzetbelastingnummer": Number(
        Text("omzetbelastingnummer", "VAT number for the tax authority (omzetbelastingnummer)"),
        re.compile(r"[0-9]{9}B(?!00)[0-9]{2}"),
        Text("9 cijfers, de letter B en 2 cijfers", "9 digits, the letter B and 2 digits"),
        elfproef=True,
    ),
    "loonheffingennummer": Number(
        Text("loonheffingennummer", "payroll tax number (loonheffingennummer)"),
        re.compile(r"[0-9]{9}L(?!00)[0-9]{2}"),
        Text("9 cijfers, de letter L en 2 cijfers", "9 digits, the letter L and 2 digits"),
        elfproef=True,
    ),
    "rsin": Number(Text("RSIN", "RSIN"), re.compile(r"[0-9]{9}"), _NINE, elfproef=True),
    "bsn": Number(
        Text("burgerservicenummer", "citizen service number (BSN)"),
        re.compile(r"(?!000)[0-9]{9}"),
        Text("9 cijfers, niet beginnend met 000", "9 digits, not beginning with 000"),
        elfproef=True,
    ),
    "kvk-nummer": Number(
        Text("KvK-nummer", "Chamber of Commerce number (KvK-nummer)"),
        re.compile(r"(?!00)[0-9]{8}"),
        Text("8 cijfers, niet beginnend met 00", "8 digits, not beginning with 00"),
    ),
}
"""By the name that a rule set gives."""


def passes_elfproef(digits: str) -> bool:
    """Return whether the last of nine digits is the check digit of the others.

    The weights are 9 down to 2, and -1 for the last; the sum is a multiple of eleven.
    """
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return any(digit != "0" for digit in digits) and total % 11 == 0


def looks_like_btw_id(number: str) -> bool:
    """Return whether a number has the check digits of a btw-id, with ``NL`` before it or not.

    That is what the letters of ``NL123456789B01`` make when each becomes two digits, A is 10 and
    Z is 35: modulo 97 it is 1.
    """
    found = _BTW_ID.fullmatch(number)
    return found is not None and int("".join(str(int(c, 36)) for c in f"NL{found[1]}")) % 97 == 1
