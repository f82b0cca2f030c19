import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.rules.api import Came, Outcome
from digipoort_wus.rules.kinds.octets import NO_DOCTYPE, NOT_EMPTY
from digipoort_wus.rules.kinds.wellformed import WELL_FORMED
from digipoort_wus.rules.kinds.xpath import XPATH
from digipoort_wus.rules.model import Kind, OptionError, Read
from tests.unit.rules.kinds.judging import codes, report, rule, subject

EMPTY = rule(NOT_EMPTY, {}, "leeg", code="EMPTY", fatal=True)
DOCTYPE = rule(NO_DOCTYPE, {}, "doctype", code="DOCTYPE", fatal=True)
READABLE = rule(WELL_FORMED, {}, "line {line}", code="XML", fatal=True)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le")
WITH = (
    "<!DOCTYPE x><x/>",
    " \n<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
    "<?xml version='1.0'?>\n<!-- a -- > b --><?p <!--?><!---->\t<!DOCTYPE x SYSTEM 'y'><x/>",
    "<!-->--><!DOCTYPE x><x/>",
    f"<!--{'-' * 70_000}é--><!DOCTYPE x><x/>",
)
WITHOUT = (
    "<x><!-- <!DOCTYPE x> --><![CDATA[<!DOCTYPE x>]]></x>",
    "<!-- <!DOCTYPE x> --><x/>",
    "<?p <!DOCTYPE x> ?><x/>",
    "<x/><!DOCTYPE x>",
    "<!doctype x><x/>",
    "<!DOCTYP",
    "<!--",
    "<!-- <!DOCTYPE x>",
    "x<!DOCTYPE x>",
    "<",
    "",
)


def hits(data: Iterable[bytes]) -> int:
    assert isinstance(DOCTYPE.compiled.way, Read)
    reader = DOCTYPE.compiled.way.begin(subject())
    for piece in data:
        reader.read(piece)
    return len(list(reader.hits()))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("content", WITH)
def test_a_doctype_is_found_in_any_encoding(content: str, encoding: str) -> None:
    assert codes(subject(content.encode(encoding)), DOCTYPE) == ["DOCTYPE"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("content", WITHOUT)
def test_what_is_no_doctype(content: str, encoding: str) -> None:
    assert hits([content.encode(encoding)]) == 0


@given(
    st.sampled_from((*WITH[:4], *WITHOUT)),
    st.sampled_from(ENCODINGS),
    st.lists(st.integers(1, 7), min_size=1),
)
def test_pieces_of_any_size_give_the_same(content: str, encoding: str, sizes: list[int]) -> None:
    data, at = content.encode(encoding), 0
    pieces: list[bytes] = []
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    assert hits(pieces) == hits([data])


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("content", WITH[:4])
def test_a_doctype_is_found_in_small_pieces(content: str, size: int) -> None:
    data = content.encode()
    assert hits(data[at : at + size] for at in range(0, len(data), size)) == 1


def test_a_long_prologue_takes_time_that_grows_with_it_alone() -> None:
    began = time.process_time()
    assert hits([b"<?a?><!--b-->" * 5_000] * 40) == 0
    assert hits([b" " * 65_536] * 40 + [b"<!DOCTYPE x>"]) == 1
    assert time.process_time() - began < 5


@pytest.mark.parametrize("content", ["", " \r\n\t", " " * 200_000])
def test_nothing(content: str) -> None:
    assert codes(subject(content), EMPTY) == ["EMPTY"]


def test_something() -> None:
    assert codes(subject(" " * 200_000 + "x"), EMPTY) == []


def test_what_is_fatal_is_not_parsed() -> None:
    # A parser would say that it is not well-formed.
    found = report(subject("<!DOCTYPE x><"), DOCTYPE, READABLE)
    assert [each.code for each in found.findings] == ["DOCTYPE"]
    assert [each.came for each in found.trace] == [Came.FAILED, Came.SKIPPED]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<x>\n</y>", "line 2"),
        ("geen xml", "line 1"),
        (b"<x>\xff</x>", "line 1"),
        ("<!DOCTYPE x><x/>", "line ?"),
        ("<p:x/>", "line 1"),
    ],
)
@pytest.mark.parametrize("tree", [False, True])
def test_what_cannot_be_parsed(content: str | bytes, text: str, tree: bool) -> None:
    rules = [READABLE]
    if tree:
        rules.append(rule(XPATH, {"test": "true()"}, "t"))
    found = report(subject(content), *rules)
    assert found.outcome is Outcome.INVALID
    assert [each.code for each in found.findings] == ["XML"]
    if text != "line ?":
        assert found.findings[0].text == text


def test_what_can_be_parsed() -> None:
    assert codes(subject("<x/>".encode("utf-16")), EMPTY, DOCTYPE, READABLE) == []


@pytest.mark.parametrize("encoding", ["utf-7", "cp037"])
def test_an_encoding_that_hides_a_doctype_does_not_get_it_accepted(encoding: str) -> None:
    content = f"<?xml version='1.0' encoding='{encoding}'?><!DOCTYPE x [<!ENTITY e 'f'>]><x>&e;</x>"
    data = content.encode(encoding)
    if encoding == "utf-7":
        declaration, rest = content.split("?>", 1)
        data = f"{declaration}?>".encode() + rest.replace("<", "+ADw-").encode()
    assert report(subject(data), DOCTYPE, READABLE).outcome is Outcome.INVALID


def test_other_kinds_of_documents_are_not_for_such_a_layer() -> None:
    xml = frozenset({"text/xml"})
    found = report(subject("<", mime_type="application/pdf"), READABLE, mime_types=xml)
    assert (found.outcome, found.findings) == (Outcome.VALID, ())
    assert [(each.came, each.why) for each in found.trace] == [
        (Came.SKIPPED, "not for this MIME type")
    ]
    found = report(subject("<", mime_type="Text/XML; charset=utf-8"), READABLE, mime_types=xml)
    assert found.outcome is Outcome.INVALID


@pytest.mark.parametrize("kind", [NOT_EMPTY, NO_DOCTYPE, WELL_FORMED])
def test_there_are_no_options(kind: Kind) -> None:
    with pytest.raises(OptionError, match="not known"):
        rule(kind, {"x": 1}, "t")
    with pytest.raises(OptionError, match="must be given"):
        rule(kind, {})
