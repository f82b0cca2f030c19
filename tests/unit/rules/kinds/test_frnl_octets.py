import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.rules.kinds.frnl_octets import (
    Characters,
    _forbidden,
    _forbidden_reference,
)
from digipoort_wus.rules.model import Hit
from digipoort_wus.rules.subject import Enclosure, Envelope, Subject
from tests.unit.rules.kinds.frnl_cases import CASES
from tests.unit.rules.kinds.frnl_instances import Case

SUBJECT = Subject(
    Envelope("x", datetime(2026, 1, 1, tzinfo=UTC), Enclosure("x", "text/xml", 0)), b""
)


def hits(octets: bytes, size: int = 65_536) -> list[Hit]:
    reader = Characters(SUBJECT)
    for at in range(0, len(octets), size):
        reader.read(octets[at : at + size])
    return list(reader.hits())


def found(octets: bytes, code: str) -> list[str]:
    return [hit.values.get("found", "") for hit in hits(octets) if hit.code == f"FR-NL-{code}"]


def allowed(number: int) -> bool:
    """Return whether a character is allowed, as the rule says it: by ranges."""
    return number <= 0x7F or 0xA0 <= number <= 0xFF or 0x20A0 <= number <= 0x20CF


def may_be_referred_to(number: int) -> bool:
    """Return whether a reference in figures is allowed; XML has no other control characters."""
    return allowed(number) and (number >= 0x20 or chr(number) in "\t\n\r")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_of_any_size(case: Case, size: int) -> None:
    assert hits(case.octets, size) == hits(case.octets)


@pytest.mark.parametrize("form", ["&#{:d};", "&#x{:x};", "&#X{:X};", "&#00{:d};", "&#x000{:x};"])
def test_references_to_every_character(form: str) -> None:
    pattern = _forbidden_reference(())
    for number in [*range(0x3000), 0xFFFF, 0x10FFFF, 0x110000]:
        reference = form.format(number)
        assert (pattern.fullmatch(reference) is None) is may_be_referred_to(number), reference


def test_every_character() -> None:
    everything = [*range(0xD800), *range(0xE000, 0x110000)]
    text = "".join(map(chr, everything))
    forbidden = {chr(number) for number in everything if not allowed(number)}
    assert set(_forbidden("").findall(text)) == forbidden


@pytest.mark.parametrize("code", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_encodings_without_a_mark(code: str) -> None:
    told = hits("<a>\n’ &#8224; ]]></a>".encode(code))
    expected = ["FR-NL-1.02", "FR-NL-1.02", "FR-NL-1.04", "FR-NL-2.06"]
    if code != "utf-8":
        expected.insert(0, "FR-NL-1.05")
        assert told[0].values == {"found": code[:6].upper()}
    assert [hit.code for hit in told] == expected
    assert {hit.line for hit in told[-4:]} == {2}


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16", "utf-32"])
def test_marks(code: str) -> None:
    told = [hit.code for hit in hits("<a/>".encode(code))]
    assert told == ["FR-NL-1.01"] + ["FR-NL-1.05"] * (code != "utf-8-sig")


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"<a>\xe9</a>", "0xE9"),
        (b"<a>\x92s</a>", "0x92"),
        (b"<a>\xc3", "0xC3"),
        (b"<a>\xed\xa0\x80</a>", "0xED"),
        (b"<?xml version='1.0' encoding='windows-1252'?><a>\x92</a>", "windows-1252"),
        (b"<?xml version='1.0'\n encoding = 'x-unknown' standalone='no'?><a/>", "x-unknown"),
        (b"\xff\xfe<\0a\0/", "UTF-16"),
        (b"L\xa7\x94\x93", "0xA7"),
    ],
)
def test_what_is_not_utf_8(octets: bytes, told: str) -> None:
    assert found(octets, "1.05") == [told]
    # Nobody knows which characters were meant.
    assert found(octets, "1.02") == []


@pytest.mark.parametrize(
    "octets", [b"", b"<", b"<a>", b"<a/>", b"<a>&", b"<a>&lt", b"<a>]]", b"&amp;", b"<a b='&gt;'/>"]
)
def test_what_breaks_no_rule(octets: bytes) -> None:
    assert hits(octets) == []


def test_seven_different_ones_are_told_with_their_first_lines() -> None:
    lines = "\n".join(f"{chr(0x2018 + number)}‘" for number in range(12))
    told = hits(f"<a>{lines}</a>".encode())
    assert [hit.line for hit in told] == [1, 2, 3, 4, 5, 6, 7]
    assert len({hit.values["found"] for hit in told}) == 7
    references = "".join(f"&#{9000 + number};" for number in range(12))
    assert len(found(f"<a>{references * 2}</a>".encode(), "1.04")) == 7


def test_a_control_character_that_is_referred_to_is_told_once() -> None:
    assert [hit.code for hit in hits(b"<a>&#1;</a>")] == ["FR-NL-1.04"]


@pytest.mark.parametrize("size", [4, 65_536])
def test_of_several_ends_of_cdata_the_first_is_told(size: int) -> None:
    assert [hit.line for hit in hits(b"<a>\n]]>\n\n]]>\n", size)] == [2]


def test_a_character_that_cannot_be_shown_is_named() -> None:
    assert found("<a>\u202e</a>".encode(), "1.02") == ["U+202E"]


@pytest.mark.parametrize("figures", ["8" * 5000, "0" * 5000 + "65"])
@pytest.mark.parametrize("size", [100, 65_536])
def test_a_reference_of_a_thousand_figures(figures: str, size: int) -> None:
    codes = [hit.code for hit in hits(f"<a>&#{figures};</a>".encode(), size)]
    assert codes == ["FR-NL-1.04"]


PARTS = (b"&#8217;", b"]]>", b"\xc3", b"\xa9", b"\n", b"ab", b"\xef\xbb\xbf", b"\0", b"<", b"&lt;")


@given(st.lists(st.sampled_from(PARTS), max_size=30), st.integers(1, 9))
def test_pieces_of_what_nobody_can_decode(parts: list[bytes], size: int) -> None:
    octets = b"".join(parts)
    assert hits(octets, size) == hits(octets)


@given(st.binary(max_size=60), st.integers(1, 9))
def test_any_octets(octets: bytes, size: int) -> None:
    assert len(hits(octets, size)) < 100


@given(st.text(alphabet="&#x0189;lt]> \n’é€", max_size=60), st.integers(1, 9))
def test_it_finds_what_a_search_of_the_whole_finds(text: str, size: int) -> None:
    told = hits(f"<a>{text}".encode(), size)
    codes = {hit.code for hit in told}
    references = re.findall(r"&#x?[0-9]+;|&[^\W\d]\w*;", text)
    assert ("FR-NL-2.06" in codes) is ("]]>" in text)
    assert {hit.values["found"] for hit in told if hit.code == "FR-NL-1.04"} == {
        one for one in references if not good(one)
    }
    if "’" in text:
        assert "FR-NL-1.02" in codes


def good(reference: str) -> bool:
    if not reference.startswith("&#"):
        return reference == "&lt;"
    figures = reference[2:-1]
    number = int(figures[1:], 16) if figures.startswith("x") else int(figures)
    return may_be_referred_to(number)
