"""Files of cases: what they say, and what is wrong with them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.case_files import load_case_files, load_cases
from digipoort_wus.rules.cases import Case, Expected

FILING = """\
set = "a@1"
[filing]
received = 2026-10-05T09:15:00Z
"""
CASE = '[[case]]\nname = "c"\noutcome = "valid"\n'


def loaded(directory: Path, text: str, document: bytes = b"<a>one</a>") -> tuple[Case, ...]:
    (directory / "docs").mkdir(exist_ok=True)
    (directory / "docs" / "a.xml").write_bytes(document)
    path = directory / "cases.toml"
    path.write_text(text)
    return load_cases(path).cases


def only(directory: Path, more: str, **how: bytes) -> Case:
    (case,) = loaded(directory, f'{FILING}file = "docs/a.xml"\n{CASE}{more}', **how)
    return case


def test_a_file_as_a_whole(tmp_path: Path) -> None:
    text = f"""{FILING}berichtsoort = "A"
number = "1"
type = "Fi"
file = "docs/a.xml"
[[case]]
name = "right"
outcome = "valid"
[[case]]
name = "wrong"
edit = [{{ find = "one", put = "two" }}]
type = "BTW"
file_name = "b.xml"
mime_type = "text/plain"
berichtsoort = "B"
received = 2025-01-01T00:00:00+01:00
outcome = "invalid"
codes = ["X", "Y"]
needs = ["xsd"]
without = ["xpath"]
others = true
"""
    right, wrong = loaded(tmp_path, text)
    assert (right.octets, right.codes, right.outcome) == (
        b"<a>one</a>",
        frozenset(),
        Outcome.VALID,
    )
    about = right.envelope
    assert (about.berichtsoort, about.belanghebbende) == ("A", Party("1", "Fi"))
    assert (about.document.file_name, about.document.mime_type) == ("a.xml", "text/xml")
    assert (about.document.size, about.received) == (10, datetime(2026, 10, 5, 9, 15, tzinfo=UTC))
    assert (wrong.octets, wrong.codes) == (b"<a>two</a>", frozenset({"X", "Y"}))
    assert (wrong.outcome, wrong.needs, wrong.without) == (Outcome.INVALID, ("xsd",), ("xpath",))
    assert (right.expected, wrong.expected) == (Expected.EXACTLY, Expected.AT_LEAST)
    about = wrong.envelope
    assert (about.berichtsoort, about.belanghebbende) == ("B", Party("1", "BTW"))
    assert (about.document.file_name, about.document.mime_type) == ("b.xml", "text/plain")
    assert about.received == datetime(2024, 12, 31, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("more", "octets"),
    [
        ('edit = [{ find = "one", put = "" }]', b"<a></a>"),
        ('edit = [{ find = " one", put = "x" }]', None),
        ('edit = [{ find = "one", put = "12", times = 3 }]', b"<a>121212</a>"),
        (
            'edit = [{ find = "one", put = "two" }, { find = "two", put = " 3 " }]',
            b"<a> 3 </a>",
        ),
        ('encoding = "utf-16-le"', "<a>one</a>".encode("utf-16-le")),
        ('encoding = "utf-8-sig"', b"\xef\xbb\xbf<a>one</a>"),
        ('text = ""', b""),
        ('text = "  <b/>"', b"  <b/>"),
    ],
)
def test_documents(tmp_path: Path, more: str, octets: bytes | None) -> None:
    if octets is None:
        with pytest.raises(ConfigurationError, match="must be there once, and is 0 times"):
            only(tmp_path, more)
        return
    case = only(tmp_path, more)
    assert case.octets == octets
    assert case.envelope.document.size == len(octets)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "set: it is missing"),
        ("set = 'a'\n" + CASE, "set: 'a' is not an id and a version"),
        ("set = 'a@1'", "case: the file has no case: write [[case]]"),
        ("set = 'a@1'\ncase = 1", "case: the file has no case: write [[case]]"),
        ("set = 'a@1'\nsets = 1\n" + CASE, "sets: this key is not known"),
        (FILING + "name = 'x'\n" + CASE, "filing.name: each case says this itself"),
        (FILING + CASE, "case[c].file: it is missing"),
        ("set = 'a@1'\n" + CASE + "text = ''", "case[c].received: it must be a moment"),
        (
            "set = 'a@1'\n" + CASE + "text = ''\nreceived = 2026-01-01T00:00:00",
            "case[c].received: it must be a moment",
        ),
        (FILING + CASE + "text = ''\nfile = 'docs/a.xml'", "case[c].text: it must be a text"),
        (FILING + CASE + "text = 1", "case[c].text: it must be a text"),
        (FILING + CASE + "file = '../a.xml'", "case[c].file: '../a.xml' is not the name of a file"),
        (FILING + CASE + "file = '/etc/passwd'", "'/etc/passwd' is not the name of a file"),
        (FILING + CASE + "file = 'docs/b.xml'", "docs/b.xml cannot be read as UTF-8"),
        (FILING + CASE + "text = ''\ncode = 'X'", "case[c].code: this key is not known"),
        (FILING + CASE + "text = ''\nnumber = '1'", "case[c].type: it is missing"),
        (FILING + CASE + "text = ''\nencoding = 'klingon'", "cannot be written so"),
        (FILING + CASE + "text = 'é'\nencoding = 'ascii'", "cannot be written so"),
        (FILING + CASE.replace("valid", "fine") + "text = ''", "'fine' is none of valid, invalid"),
        (
            FILING + CASE.replace("valid", "invalid") + "text = ''",
            "case[c].codes: of a case that is invalid, name what is found",
        ),
        (FILING + CASE + "text = 'aa'\nedit = [{ find = 'a', put = 'b' }]", "is 2 times"),
        (FILING + CASE + "text = 'a'\nedit = [{ find = '', put = 'b' }]", "an edit has a text"),
        (FILING + CASE + "text = 'a'\nedit = [{ find = 'a' }]", "an edit has a text to find"),
        (
            FILING + CASE + "text = 'a'\nedit = [{ find = 'a', put = 'b', times = 0 }]",
            "edit[1].times: it must be a whole number from 1",
        ),
        (
            FILING + CASE + "text = 'a'\nedit = [{ find = 'a', put = 'b', all = true }]",
            "edit[1].all: this key is not known",
        ),
        (FILING + (CASE + "text = ''\n") * 2, "case: two cases are named 'c'"),
        ("set = ", "is not TOML"),
    ],
)
def test_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text)
    assert why in str(caught.value)
    assert str(tmp_path / "cases.toml") in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_cases(tmp_path / "cases.toml")


def test_a_document_that_is_not_utf_8(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"docs/a\.xml cannot be read as UTF-8"):
        only(tmp_path, "", document=b"\xff")


def test_the_cases_beside_the_sets(tmp_path: Path) -> None:
    assert load_case_files(tmp_path) == ()
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "a.toml").write_text(f"{FILING}{CASE}text = ''")
    (tmp_path / "cases" / "a.xml").write_text("<a/>")
    (file,) = load_case_files(tmp_path)
    assert (file.set_name, len(file.cases)) == ("a@1", 1)
    assert file.origin == str(tmp_path / "cases" / "a.toml")
