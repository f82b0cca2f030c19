"""The names in the tags of a message, before the parse: at least those that a parser keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.parse import parse_message
from digipoort_wus.xmlsafe.vocabulary import Vocabulary, read_spelling

PLAIN = {
    "one tag": (b"<a/>", {b"a"}),
    "a prefix": (b'<p:a xmlns:p="u:p"/>', {b"p:a", b"xmlns:p", b"u:p"}),
    "single quotes": (b"<p:a xmlns:p='u:p' b='\"'/>", {b"p:a", b"xmlns:p", b"u:p", b"b"}),
    "quotes in quotes": (b"<a b=\"it's\" c='a\"b'/>", {b"a", b"b", b"c"}),
    "a declaration in a value": (
        b'<a b="xmlns:p=" xmlns:q="u:q" c=\'xmlns="x\' xmlns:r="u:r"/>',
        {b"a", b"b", b"xmlns:q", b"u:q", b"c", b"xmlns:r", b"u:r"},
    ),
    "space around =": (b"<a xmlns \n=\t'u:1' b = '2'/>", {b"a", b"xmlns", b"u:1", b"b"}),
    "white space": (b"<a>\n   \t<b/>\n</a>", {b"a", b"b", b"\n   \t"}),
    "white space too short to be kept": (b"<a>   <b/>\n</a>", {b"a", b"b"}),
    "white space as long as it is kept": (b"<a>" + b" " * 60 + b"</a>", {b"a", b" " * 60}),
    "white space too long to be kept": (b"<a>" + b" " * 61 + b"</a>", {b"a"}),
    "white space twice": (b"<a>    <b>     </b>    </a>    ", {b"a", b"b", b" " * 4, b" " * 5}),
    "white space behind a text": (b"<a>b     <c/>>    <d/></a>", {b"a", b"c", b"d"}),
    "marks in values": (b"<a b='!' c=\"?\" d='x!y'/>", {b"a", b"b", b"c", b"d"}),
    "text": (b"<a>b > c ' \" &amp; &#60; =d</a>", {b"a"}),
    "a declaration": (b"<?xml version='1.0' encoding='UTF-8'?>\n<a/>\n", {b"a"}),
    "broken": (b"<a><b c=></b><d e f='1'></g></a>", {b"a", b"b", b"c", b"d", b"e", b"f", b"g"}),
    "cut off": (b"<a><b>", {b"a", b"b"}),
}


@pytest.mark.parametrize("name", PLAIN)
def test_names_of_a_plain_message(name: str) -> None:
    data, names = PLAIN[name]
    found = read_spelling(data)
    assert found is not None
    assert found.names == names


def test_numbers_of_a_plain_message() -> None:
    found = read_spelling(b'<?xml version="1.0"?><a xmlns="u" xmlns:p="v" b=""><p:c d="1"/>x</a>')
    assert found is not None
    assert (found.elements, found.attributes, found.declarations) == (2, 4, 1)


NOT_PLAIN = {
    "nothing": b"",
    "text before": b"x<a/>",
    "a tag that does not end": b"<a/><b",
    "a tag in a tag": b"<a <b/>",
    "an end in a value": b"<a b='>' c=''/>",
    "a beginning in a value": b"<a b='<' c=''/>",
    "a quote that does not end": b"<a b='c/>",
    "a quote across tags": b'<a b="/><c d="/>',
    "CDATA": b"<a><![CDATA[x]]></a>",
    "a comment": b"<a><!-- --></a>",
    "an instruction": b"<a><?b c?></a>",
    "an instruction first": b"<?b c?><a/>",
    "an instruction like a declaration": b"<?xml-b c?><a/>",
    "an entity": b"<a>&b;</a>",
    "an entity in a value": b"<a b='&c;'/>",
    "an entity that is not finished": b"<a>&b</a>",
    "a mark in a tag": b"<a !/>",
    "an end in a last value": b"<a b='>",
    "a long reference": b"<a>&#000000065;</a>",
    "a name that is not ASCII": "<é/>".encode(),
}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_not_plain(name: str) -> None:
    assert read_spelling(NOT_PLAIN[name]) is None


WELL_FORMED = (
    *(b"<b/>", b"<b></b>", b"<p:b xmlns:p='u:p'/>", b'<b xmlns = "u:1"\n c=\'xmlns:q="v"\' />'),
    *(b"<p:b xmlns:p=\"u:p'\" p:c='2'>x > y</p:b>", b"<b c=\"'\" d='\"' xmlns:e='u:e'></b>"),
    *(b"text", b"\n      ", b"'", b'"', b"=", b">", b"&amp;", b"&#65;", b"/", b"xmlns='u:t'"),
)
BROKEN = (
    b"<",
    b"<b c='",
    b"<b 'd e",
    b"&",
    b"<![CDATA[",
    b"]]>",
    b"<?",
    b"<b f='>' g='1'/>",
    b"</b>",
)


@given(
    st.lists(st.sampled_from(WELL_FORMED), max_size=12),
    st.lists(st.sampled_from(BROKEN), max_size=1),
    st.lists(st.sampled_from(WELL_FORMED), max_size=12),
)
def test_nothing_is_left_out_that_the_parser_finds(
    before: list[bytes], broken: list[bytes], behind: list[bytes]
) -> None:
    data = b"".join([b"<a>", *before, *broken, *behind, b"</a>"])
    found = read_spelling(data)
    try:
        root = parse_message(data)
    except Refusal:
        assert broken
        return
    if found is None:
        assert broken
        return
    local = {name.rpartition(b":")[2].decode() for name in found.names}
    for element in root.iter(etree.Element):
        for name in (element.tag, *element.keys()):
            assert str(name).rpartition("}")[2] in local
        for prefix, namespace in element.nsmap.items():
            assert namespace.encode() in found.names
            assert prefix is None or f"xmlns:{prefix}".encode() in found.names
    assert found.elements == sum(1 for _ in root.iter(etree.Element))


def test_a_vocabulary_has_an_end() -> None:
    known = Vocabulary(most=3, most_octets=10)
    assert not known.knows({b"a"})
    known.learn({b"a", b"b"})
    assert known.knows({b"a"})
    known.learn({b"a", b"c", b"d"})
    assert not known.knows({b"c"})
    known.learn({b"eeeeeeeee"})
    assert not known.knows({b"eeeeeeeee"})
    known.learn({b"eeeeeeee"})
    assert known.knows({b"a", b"b", b"eeeeeeee"})
    known.learn({b""})
    assert not known.knows({b""})
