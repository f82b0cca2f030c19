from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.parse import parse_document
from digipoort_wus.xmlsafe.walk import PATH_MAX, Place
from tests.unit.xmlsafe.walks import both, from_a_tree, refused, streamed


def texts(data: bytes) -> list[tuple[str, str]]:
    return [(each[1], each[2]) for each in both(data) if each[0] == "end"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        ("", [("r", "")]),
        ("<a/>", [("a", ""), ("r", "")]),
        ("1<a>2</a>3<b>4</b>5", [("a", "2"), ("b", "4"), ("r", "135")]),
        ("1<!-- x -->2<?p q?>3<![CDATA[4]]>&amp;&#53;", [("r", "1234&5")]),
        ("<!-- x -->1<a/><!-- y -->2", [("a", ""), ("r", "12")]),
        ("&#13;&#10;\r\n\r&#x85;", [("r", "\r\n\n\n\x85")]),
        ("é&#8217;&#x1F600;", [("r", "é\u2019\U0001f600")]),
        (" \n<a> </a>\t", [("a", " "), ("r", " \n\t")]),
    ],
)
def test_texts(inside: str, told: list[tuple[str, str]]) -> None:
    assert texts(f"<r>{inside}</r>".encode()) == told


def test_names_attributes_and_places() -> None:
    data = b"""<?xml version='1.0'?><!-- c --><?p?>
    <r xmlns='urn:r' a='1'><p:s xmlns:p='urn:p' p:b='2' c='&lt;&#10;'/></r><!-- d -->"""
    r, ps = "{urn:r}r", "{urn:p}s"
    in_r = (1, (r,), "/*[local-name()='r']")
    in_s = (2, (r, ps), "/*[local-name()='r']/*[local-name()='s']")
    xml = "http://www.w3.org/XML/1998/namespace"
    outside = ("urn:r", "urn:r", None, None, xml, None)
    inside = ("urn:r", "urn:r", "urn:p", None, xml, None)
    assert both(data) == [
        ("start", r, [("a", "1")], (*in_r, outside)),
        ("start", ps, [("{urn:p}b", "2"), ("c", "<\n")], (*in_s, inside)),
        ("end", ps, "", (*in_s, inside)),
        ("end", r, "", (*in_r, outside)),
    ]


def test_namespaces_end_with_their_element() -> None:
    data = (
        b"<r xmlns:p='u1'><a xmlns:p='u2'><b xmlns='u3'><c xmlns=''/></b></a><a/>"
        b"<p:a xmlns:p='u4'/><a xmlns:q='u5'><b xmlns:q='u6'/></a></r>"
    )
    told = [
        (each[1], each[3][3][1:4])  # type: ignore[index]
        for each in both(data)
        if each[0] == "start"  # type: ignore[index]
    ]
    assert told == [
        ("r", (None, "u1", None)),
        ("a", (None, "u2", None)),
        ("{u3}b", ("u3", "u2", None)),
        ("c", (None, "u2", None)),
        ("a", (None, "u1", None)),
        ("{u4}a", (None, "u4", None)),
        ("a", (None, "u1", "u5")),
        ("b", (None, "u1", "u6")),
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("&amp;", "&"),
        ("&#38;&#x26;", "&&"),
        ("&amp;#38;", "&#38;"),
        ("&amp;amp;#38;", "&amp;#38;"),
        ("?a=1&amp;b=2", "?a=1&b=2"),
        ("&lt;&gt;&quot;&apos;", "<>\"'"),
        (" \n&#10;\t", "  \n "),
    ],
)
def test_values_of_attributes(written: str, value: str) -> None:
    told = both(f"<r a='x' b='{written}' c='&#xe9;'/>".encode())
    assert told[0][2] == [("a", "x"), ("b", value), ("c", "é")]  # type: ignore[index]


@pytest.mark.parametrize("number", [0, 1, 63, 64, 65, 300])
def test_attributes(number: int) -> None:
    made = " ".join(f"a{each}='{each}&amp;é' p:a{each}='&#10;'" for each in range(number))
    told = both(f"<r xmlns:p='u' {made} b=''/>".encode())
    name, value = told[0][2][-1]  # type: ignore[index]
    assert (name, value, type(name), type(value)) == ("b", "", str, str)
    assert len(told[0][2]) == 2 * number + 1  # type: ignore[index]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32-le", "iso-8859-1"]
)
def test_any_encoding_that_xml_names(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    text = f"<?xml version='1.0' encoding='{name}'?><r é='ë'>ï</r>"
    (start, end) = both(text.encode(encoding))
    assert start[1:3] == ("r", [("é", "ë")])  # type: ignore[index]
    assert end[2] == "ï"  # type: ignore[index]


@pytest.mark.parametrize("encoding", ["utf-32", "cp037", "no-such"])
def test_encodings_that_are_not_read(encoding: str) -> None:
    codec = "ascii" if encoding == "no-such" else encoding
    data = f"<?xml version='1.0' encoding='{encoding}'?><r/>".encode(codec)
    assert refused(data) is checks.XML_WELL_FORMED
    with pytest.raises(Refusal) as caught:
        parse_document(data)
    assert caught.value.check in (checks.XML_ENCODING, checks.XML_WELL_FORMED)


# Documents that are made of anything.

NAMES = st.sampled_from(["a", "b", "p:a", "q:é"])
SPACES = st.sampled_from(["", " xmlns='u'", " xmlns=''", " xmlns:p='v'", " xmlns:q='u'"])
TEXTS = st.sampled_from(["", "x", " \n", "é", "&amp;", "&#8217;", "<![CDATA[<]]>", "<!-- c -->"])

VALUES = st.sampled_from(["", "x", "&amp;", "&#38;#38;", "&lt;", "&#13;\n", "é"])


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    name = draw(NAMES)
    attributes = "".join(f" {each}='{draw(VALUES)}'" for each in draw(st.sets(NAMES, max_size=2)))
    inside = draw(TEXTS)
    if depth < 4:
        for _ in range(draw(st.integers(0, 3))):
            inside += draw(elements(depth + 1)) + draw(TEXTS) + draw(TEXTS)
    return f"<{name}{draw(SPACES)}{attributes}>{inside}</{name}>"


@given(root=elements(), encoding=st.sampled_from(["utf-8", "utf-16"]))
def test_a_stream_and_a_tree_tell_the_same(root: str, encoding: str) -> None:
    both(f"<r xmlns:p='v' xmlns:q='w'>{root}</r>".encode(encoding))


BASE = "<?xml version='1.0' encoding='{}'?><r xmlns:q='u'>1<q:z a='1'>é&#x41;</q:z><i/></r>"


@given(data=st.data())
def test_a_stream_and_a_tree_refuse_the_same(data: st.DataObject) -> None:
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16", "iso-8859-1"]))
    changed = bytearray(BASE.format(encoding).encode(encoding))
    pieces = [b"<", b">", b"&", b"</", b"<!--", b"]]>", b"\0", b"xmlns=", b"<a:b>", b"<!DOCTYPE r>"]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed)))
        taken = data.draw(st.integers(0, 4))
        changed[at : at + taken] = data.draw(
            st.one_of(st.sampled_from(pieces), st.binary(max_size=2))
        )
    octets = bytes(changed)
    # Which of the filer's mistakes it is may differ, whose it is may not.
    assert outcome(streamed, octets) == outcome(from_a_tree, octets)


def outcome(walk: Callable[[bytes], list[object]], octets: bytes) -> object:
    try:
        return walk(octets)
    except Refusal as refusal:
        return "ours" if refusal.check is checks.XML_LIMIT else "the filer's"


# Paths.


def path(*names: str) -> str:
    place = Place()
    place.names = list(names)
    found = place.path()
    assert len(found) <= PATH_MAX
    return found


def test_paths_are_short() -> None:
    assert path() == ""
    assert path("{urn:n}a", "b") == "/*[local-name()='a']/*[local-name()='b']"
    assert path("a" * 100).endswith(f"'{'a' * 100}']")
    assert path("a" * 101, "b") == "/*/*[local-name()='b']"
    long = path(*(f"n{number}" for number in range(256)))
    assert long.startswith("//*[local-name()='n2")
    assert long.endswith("/*[local-name()='n255']")


@given(names=st.lists(st.sampled_from(["a", "{u}b", "c" * 99, "d" * 101]), min_size=1, max_size=40))
def test_a_path_leads_to_its_element(names: list[str]) -> None:
    root = element = etree.Element(names[0])
    for name in names[1:]:
        element = etree.SubElement(element, name)
    found = root.getroottree().xpath(path(*names))
    assert isinstance(found, list)
    assert element in found
