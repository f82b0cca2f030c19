from collections.abc import Mapping

import pytest

from digipoort_wus.rules.kinds.envelope import ATTACHMENTS, FILE_NAME, MIME_TYPE, SIZE
from digipoort_wus.rules.model import Kind, OptionError
from digipoort_wus.rules.subject import Enclosure
from tests.unit.rules.kinds.judging import codes, rule, subject, texts

PDF = Enclosure("b.pdf", "application/pdf", 10)
BOTH = (PDF, Enclosure("c.txt", "text/plain", 20))


@pytest.mark.parametrize(
    ("options", "name", "right"),
    [
        ({"pattern": "[a-z]+[.]xml"}, "abc.xml", True),
        ({"pattern": "[a-z]+[.]xml"}, "abc.xml ", False),
        ({"pattern": "[a-z]+"}, "ab1", False),
        ({"extensions": ["xml", ".XBRL"]}, "a.xbrl", True),
        ({"extensions": ["xml", ".XBRL"]}, "a.XML", True),
        ({"extensions": ["xml"]}, "axml", False),
        ({"longest": 5}, "a.xml", True),
        ({"longest": 5}, "ab.xml", False),
    ],
)
def test_file_name(options: Mapping[str, object], name: str, right: bool) -> None:
    found = texts(subject(file_name=name), rule(FILE_NAME, options, "{found}"))
    assert found == ([] if right else [name.strip()])


@pytest.mark.parametrize(
    ("mime_type", "right"),
    [("text/xml", True), ("Text/XML; charset=utf-8", True), ("text/xmlx", False), ("", False)],
)
def test_mime_type(mime_type: str, right: bool) -> None:
    judged = rule(MIME_TYPE, {"allowed": ["application/xml", "TEXT/xml"]}, "{found}: {allowed}")
    found = texts(subject(mime_type=mime_type), judged)
    assert found == ([] if right else [f"{mime_type}: application/xml, text/xml"])


@pytest.mark.parametrize(
    ("options", "right"),
    [
        ({"least": 4}, True),
        ({"least": 5}, False),
        ({"most": 4}, True),
        ({"most": 3}, False),
        ({"least": 1, "most": 4}, True),
    ],
)
def test_size(options: Mapping[str, object], right: bool) -> None:
    found = texts(subject("<x/>"), rule(SIZE, options, "{found} {least} {most}"))
    expected = f"4 {options.get('least', 0)} {options.get('most', 0)}"
    assert found == ([] if right else [expected])


@pytest.mark.parametrize(
    ("of", "found"),
    [("document", []), ("attachments", ["c.txt"]), ("all", ["c.txt"])],
)
def test_of_what(of: str, found: list[str]) -> None:
    judged = rule(FILE_NAME, {"of": of, "extensions": ["xml", "pdf"]}, "{found}")
    assert texts(subject(attachments=BOTH), judged) == found


@pytest.mark.parametrize(
    ("options", "right"),
    [
        ({"most": 2}, True),
        ({"most": 1}, False),
        ({"most": 0}, False),
        ({"least": 2}, True),
        ({"least": 3}, False),
        ({"most_octets": 30}, True),
        ({"most_octets": 29}, False),
    ],
)
def test_attachments(options: Mapping[str, object], right: bool) -> None:
    judged = rule(ATTACHMENTS, options, "{found} {octets}")
    assert texts(subject(attachments=BOTH), judged) == ([] if right else ["2 30"])


def test_the_envelope_is_judged_of_what_cannot_be_parsed() -> None:
    assert codes(subject("<", mime_type="a/b"), rule(MIME_TYPE, {"allowed": ["b/c"]}, "t")) == [
        "RULE"
    ]


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        (FILE_NAME, {}, "at least one of pattern"),
        (FILE_NAME, {"pattern": "("}, "no regular expression"),
        (FILE_NAME, {"pattern": "a", "of": "some"}, "must be one of document"),
        (FILE_NAME, {"pattern": "a", "x": 1}, "option x is not known"),
        (MIME_TYPE, {}, "option allowed is missing"),
        (SIZE, {}, "at least one of least and most"),
        (SIZE, {"least": 2, "most": 1}, "more than"),
        (ATTACHMENTS, {}, "at least one of least, most"),
        (ATTACHMENTS, {"least": 2, "most": 1}, "more than"),
        (ATTACHMENTS, {"most": 1, "of": "all"}, "option of is not known"),
    ],
)
def test_wrong_options(kind: Kind, options: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        rule(kind, options, "t")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (FILE_NAME, {"longest": 1}),
        (MIME_TYPE, {"allowed": ["a"]}),
        (SIZE, {"most": 1}),
        (ATTACHMENTS, {"most": 1}),
    ],
)
def test_a_text_is_needed(kind: Kind, options: Mapping[str, object]) -> None:
    with pytest.raises(OptionError, match="must be given"):
        rule(kind, options)
