from collections.abc import Mapping

import pytest

from digipoort_wus.filing.party import Party
from digipoort_wus.rules.kinds.identity import IDENTITY
from digipoort_wus.rules.model import OptionError, Rule
from tests.unit.rules.kinds.judging import NUMBER, codes, findings, rule, subject

XBRLI = "http://www.xbrl.org/2003/instance"
SCHEME = "www.belastingdienst.nl/omzetbelastingnummer"
OTHER = "123456782B01"
BTW_ID = "000099998B57"
BASE: Mapping[str, object] = {
    "root": f"{{{XBRLI}}}xbrl",
    "elements": [f"{{{XBRLI}}}identifier"],
}
FULL: Mapping[str, object] = {
    **BASE,
    "types": ["Fi", "BTW"],
    "scheme": SCHEME,
    "number": "omzetbelastingnummer",
}
PAYROLL: Mapping[str, object] = {
    "elements": [
        "/{http://xml.belastingdienst.nl/schemas/Loonaangifte/*/01}Loonaangifte"
        "/{http://xml.belastingdienst.nl/schemas/Loonaangifte/*/01}AdministratieveEenheid"
        "/{http://xml.belastingdienst.nl/schemas/Loonaangifte/*/01}LhNr"
    ],
    "types": ["LHnr"],
    "number": "loonheffingennummer",
}


def xbrl(*numbers: str, scheme: str = SCHEME) -> str:
    contexts = "".join(
        f"<context id='c{at}'><entity><identifier scheme='{scheme}'>{number}</identifier>"
        "</entity></context>"
        for at, number in enumerate(numbers)
    )
    return f"<xbrl xmlns='{XBRLI}'>{contexts}</xbrl>"


def payroll(number: str, year: int = 2026) -> str:
    return (
        f"<Loonaangifte xmlns='http://xml.belastingdienst.nl/schemas/Loonaangifte/{year}/01'>"
        f"<Bericht><LhNr>1</LhNr></Bericht><AdministratieveEenheid><LhNr>{number}</LhNr>"
        "</AdministratieveEenheid></Loonaangifte>"
    )


def judged(
    content: str | bytes, number: str = NUMBER, kind: str = "Fi", options: object = BASE
) -> list[str]:
    assert isinstance(options, Mapping)
    found = findings(subject(content, party=Party(number, kind)), identity(options))
    for each in found:
        for secret in (NUMBER, OTHER, BTW_ID, number):
            assert secret not in each.text
    return [each.code for each in found]


def identity(options: Mapping[str, object]) -> Rule:
    return rule(IDENTITY, options, code="IDENTITEIT")


def test_base_codes_are_those_that_filers_know() -> None:
    """Their texts as well, which the cases of nl.base show."""
    declared = dict(identity(BASE).compiled.codes)
    assert set(declared) == {"IDENTITEIT-GEEN", "IDENTITEIT-ANDERS", "IDENTITEIT-NL"}
    prefixed = declared.pop("IDENTITEIT-NL")
    assert (prefixed.severity, prefixed.basis[:8]) == ("warning", "inferred")
    assert {each.severity for each in declared.values()} == {"error"}


@pytest.mark.parametrize(
    "content",
    [
        xbrl(NUMBER),
        xbrl(f"\n {NUMBER.lower()} "),
        xbrl(f"{NUMBER[:4]}<!-- x -->{NUMBER[4:]}"),
        xbrl(NUMBER, NUMBER),
        xbrl(NUMBER).encode("utf-16"),
        "<xbrl><identifier>1</identifier></xbrl>",
        f"<x><i:identifier xmlns:i='{XBRLI}'>1</i:identifier></x>",
    ],
)
def test_the_same(content: str | bytes) -> None:
    assert judged(content) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (xbrl(OTHER), "IDENTITEIT-ANDERS"),
        (xbrl(""), "IDENTITEIT-ANDERS"),
        (xbrl(NUMBER, OTHER), "IDENTITEIT-ANDERS"),
        (xbrl(*[NUMBER] * 50, OTHER), "IDENTITEIT-ANDERS"),
        (xbrl(f"{NUMBER}<b/>"), "IDENTITEIT-ANDERS"),
        (xbrl(f"{NUMBER}<b>9</b>"), "IDENTITEIT-ANDERS"),
        (xbrl(f"NL{NUMBER}"), "IDENTITEIT-ANDERS"),
        (xbrl(), "IDENTITEIT-GEEN"),
    ],
)
def test_somebody_else(content: str, code: str) -> None:
    assert judged(content) == [code]


def test_schemes_that_nobody_asked_for_hide_nobody() -> None:
    many = [xbrl(NUMBER, scheme=f"s{number}") for number in range(20)]
    inner = "".join(each.partition(">")[2].removesuffix("</xbrl>") for each in many)
    other = xbrl(OTHER).partition(">")[2]
    assert judged(f"<xbrl xmlns='{XBRLI}'>{inner}{other}") == ["IDENTITEIT-ANDERS"]


def test_nl_before_the_number_of_the_request() -> None:
    assert judged(xbrl(NUMBER), f"nl{NUMBER}") == ["IDENTITEIT-NL"]
    assert judged(xbrl(NUMBER, OTHER), f"NL{NUMBER}") == ["IDENTITEIT-ANDERS"]


@pytest.mark.parametrize("kind", ["Fi", "fi", "BTW", "btw"])
def test_types_are_compared_without_case(kind: str) -> None:
    assert judged(xbrl(NUMBER), kind=kind, options=FULL) == []


def test_another_type() -> None:
    assert judged(xbrl(NUMBER), kind="LHnr", options=FULL) == ["IDENTITEIT-SOORT"]
    # To Unicode this ligature is the same as two letters.
    assert judged(xbrl(NUMBER), kind="ﬁ", options=FULL) == ["IDENTITEIT-SOORT"]


def test_another_scheme() -> None:
    found = findings(
        subject(xbrl(NUMBER, scheme="http://x"), party=Party(NUMBER, "Fi")), identity(FULL)
    )
    assert [each.code for each in found] == ["IDENTITEIT-SCHEME"]
    assert SCHEME in found[0].text
    assert "http://x" in found[0].text
    assert "identifier" in found[0].where


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (NUMBER, []),
        ("001000045B93", [("IDENTITEIT-ELF", "warning")]),
        (BTW_ID, [("IDENTITEIT-BTW", "warning")]),
        ("12345678B01", [("IDENTITEIT-FORM", "error")]),
        ("123456782L01", [("IDENTITEIT-FORM", "error")]),
        (f"NL{OTHER}", [("IDENTITEIT-FORM", "error")]),
        (f"NL{BTW_ID}", [("IDENTITEIT-FORM", "error"), ("IDENTITEIT-BTW", "warning")]),
    ],
)
def test_form_and_check_digits(number: str, expected: list[tuple[str, str]]) -> None:
    found = findings(subject(xbrl(number), party=Party(number, "Fi")), identity(FULL))
    assert [(each.code, each.severity) for each in found] == expected
    assert all(number not in each.text for each in found)


def test_a_mistake_of_several_numbers_is_told_once() -> None:
    assert codes(subject(xbrl("1", "2", NUMBER)), identity(FULL)) == ["IDENTITEIT-FORM"]


def test_a_file_on_its_own_is_compared_with_nobody() -> None:
    assert codes(subject(xbrl(OTHER)), identity(FULL)) == []
    assert codes(subject(xbrl("12")), identity(FULL)) == ["IDENTITEIT-FORM"]


@pytest.mark.parametrize(
    ("content", "number", "expected"),
    [
        (payroll("123456782L01"), "123456782L01", []),
        (payroll("123456782L01", 2031), "123456782L01", []),
        (payroll("123456782L01"), "001224153L05", ["IDENTITEIT-ANDERS"]),
        (payroll("123456789L01"), "123456789L01", ["IDENTITEIT-ELF"]),
        (payroll("1"), "1", ["IDENTITEIT-FORM"]),
        ("<Loonaangifte/>", "123456782L01", ["IDENTITEIT-GEEN"]),
    ],
)
def test_payroll(content: str, number: str, expected: list[str]) -> None:
    assert judged(content, number, "lhnr", PAYROLL) == expected


def test_another_number_has_a_form_of_its_own() -> None:
    options = {
        "elements": ["n"],
        "form": "[A-Z]{3}",
        "called": {"nl": "{kenteken}", "en": "plate"},
        "shape": {"nl": "3 letters", "en": "3 letters"},
        "codes": {"form": "MY-FORM"},
    }
    with pytest.raises(OptionError, match="called"):
        identity({**options, "called": {"nl": "x"}})
    own = identity({**options, "called": {"nl": "kenteken", "en": "plate"}})
    found = findings(subject("<n>ab1</n>"), own)
    assert [each.code for each in found] == ["MY-FORM"]
    assert "geen kenteken: dat is 3 letters" in found[0].text
    assert findings(subject("<n>abc</n>"), own) == ()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "option elements is missing"),
        ({"elements": ["a b"]}, "no place of an element"),
        ({"elements": ["a"], "number": "x"}, "must be one of omzetbelastingnummer"),
        ({"elements": ["a"], "number": "bsn", "form": "x"}, "either option number or"),
        ({"elements": ["a"], "form": "x"}, "option called must have the texts"),
        ({"elements": ["a"], "type": ["x"]}, "option type is not known"),
        ({"elements": ["a"], "codes": {"x": "y"}}, "codes.x is not known"),
    ],
)
def test_wrong_options(options: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        identity(options)


def test_texts_are_its_own() -> None:
    with pytest.raises(OptionError, match="texts of its own"):
        rule(IDENTITY, BASE, "t")
