"""Octets in pieces are the canonical form of the message as it came, whatever it looks like."""

import base64
import hashlib
import tracemalloc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus.xmlsafe import splice
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from digipoort_wus.xmlsafe.splice import LargeTexts

LARGE = 64
"""For these tests; what is large is only a number."""

_URIS = ("urn:a", "urn:b", "urn:c")
_PREFIXES = ("", "p", "q", "r")
_BASE64 = "ABCxyz019+/= \t\n"


@dataclass(frozen=True)
class Written:
    """One element as text, and how many leaves in it are to be taken out."""

    text: str
    large: int


def texts(alphabet: str, least: int = 0) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=least, max_size=max(least * 3, 8))


leaf_texts = st.one_of(
    st.just(""),
    texts("abc &<>\"'é€\r\n"),
    texts(_BASE64, LARGE),
    texts(_BASE64 + "-&<>]\ré", LARGE),
)


def escaped(text: str) -> str:
    for char, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, written)
    return text.replace("\r", "&#13;")


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> Written:
    declared = {prefix: draw(st.sampled_from(_URIS)) for prefix in _PREFIXES}
    # Declared everywhere, so that every prefix can be used; often superfluous, as in the field.
    attributes = "".join(
        f' xmlns{":" if prefix else ""}{prefix}="{uri}"' for prefix, uri in declared.items()
    )
    if draw(st.booleans()):
        prefix = draw(st.sampled_from(_PREFIXES[1:]))
        attributes += f' {prefix}:x="{escaped(draw(texts(_BASE64 + "&<é", 3)))}" z="1"'
    prefix = draw(st.sampled_from(_PREFIXES))
    name = f"{prefix}:e" if prefix else "e"
    children = draw(st.lists(elements(depth - 1), max_size=3)) if depth else []
    if children:
        tails = [
            escaped(draw(texts(_BASE64, LARGE))) if draw(st.booleans()) else "" for _ in children
        ]
        inner = "".join(child.text + tail for child, tail in zip(children, tails, strict=True))
        return Written(f"<{name}{attributes}>{inner}</{name}>", sum(c.large for c in children))
    text = draw(leaf_texts)
    plain = len(text) >= LARGE and set(text) <= set(_BASE64)
    cdata = plain and draw(st.booleans())
    inner = f"<![CDATA[{text}]]>" if cdata else escaped(text)
    return Written(f"<{name}{attributes}>{inner}</{name}>", int(plain))


@settings(max_examples=150, deadline=None)
@given(elements(), st.lists(st.sampled_from(["p", "q", "r", "#default", "unknown"]), unique=True))
def test_pieces_are_the_canonical_form(written: Written, prefixes: Sequence[str]) -> None:
    octets = written.text.encode()
    whole, parts = parse_message(octets), parse_message(octets)
    found = LargeTexts(parts, at_least=LARGE)
    # Every element as apex: the root, what lies between, leaves that were taken out themselves.
    for element, same in zip(whole.iter(), parts.iter(), strict=True):
        assert b"".join(found.octets(same, prefixes)) == canonicalize(element, prefixes)
        assert b"".join(found.octets(same)) == canonicalize(element)
    assert len(list(found.octets(parts))) == 1 + 2 * written.large
    found.restore()
    assert canonicalize(parts) == canonicalize(whole)
    assert b"".join(found.octets(parts)) == canonicalize(whole)


def test_adjacent_leaves_keep_their_places() -> None:
    texts = [letter * LARGE for letter in "ABC"]
    root = parse_message(f"<r>{''.join(f'<a>{text}</a>' for text in texts)}</r>".encode())
    whole = canonicalize(root)
    found = LargeTexts(root, at_least=LARGE)
    assert b"".join(found.octets(root)) == whole
    assert [found.take(leaf) for leaf in root] == [text.encode() for text in texts]
    assert [found.take(leaf) for leaf in root] == [None] * 3


@pytest.mark.parametrize("text", ["-", "é", "😀", "\t\n ", "'\"", "&quot;", "<![CDATA[A]]>"])
def test_whatever_is_written_as_it_is_is_taken_out(text: str) -> None:
    octets = f"<r><a>{'A' * LARGE}{text}</a></r>".encode()
    root = parse_message(octets)
    found = LargeTexts(root, at_least=LARGE)
    assert b"".join(found.octets(root)) == canonicalize(parse_message(octets))
    assert b"A" * LARGE not in canonicalize(root)
    found.restore()
    assert canonicalize(root) == canonicalize(parse_message(octets))


@pytest.mark.parametrize(
    "inner",
    [
        "A" * (LARGE - 1),
        "A" * LARGE + "&#13;",
        "A" * LARGE + "&amp;",
        "A" * LARGE + "&gt;",
        "A" * LARGE + "<b/>",
        "<b/>" + "A" * LARGE,
    ],
    ids=["short", "carriage return", "ampersand", "greater than", "before", "behind"],
)
def test_what_is_not_plain_or_no_leaf_stays(inner: str) -> None:
    root = parse_message(f"<r><a>{inner}</a></r>".encode())
    whole = canonicalize(root)
    found = LargeTexts(root, at_least=LARGE)
    assert found.octets(root) == (whole,)
    assert found.take(root[0]) is None
    assert canonicalize(root) == whole


class Stems:
    """Plays the random numbers of the marks."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        self.calls = 0

    def token_hex(self, _: int) -> str:
        self.calls += 1
        return self.stem


@pytest.mark.parametrize(
    "message",
    [
        "<r><a>{text}</a><b>{stem}000000</b></r>",
        "<r><a>{text}</a><b>{stem}000001</b></r>",
        '<r><a x="{stem}000000">{text}</a></r>',
        "<r><a>{text}</a><b>{stem}</b></r>",
        "<{tag}{stem}><a>{text}</a></{tag}{stem}>",
    ],
)
def test_a_mark_that_somebody_knew_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    """Nobody can; and if the random numbers were broken, the ordinary way is taken."""
    stems = Stems("0123456789abcdef" * 2)
    monkeypatch.setattr(splice, "secrets", stems)
    octets = message.format(text="A" * LARGE, stem=stems.stem, tag="t").encode()
    root = parse_message(octets)
    found = LargeTexts(root, at_least=LARGE)
    assert found.octets(root) == (canonicalize(parse_message(octets)),)
    assert stems.calls == 1
    # And no second attempt is made.
    assert found.octets(root) == (canonicalize(parse_message(octets)),)
    assert stems.calls == 1
    assert found.take(root[0]) is None


def test_marks_are_new_for_each_message() -> None:
    marks = set()
    for _ in range(50):
        root = parse_message(f"<a>{'A' * LARGE}</a>".encode())
        LargeTexts(root, at_least=LARGE).octets(root)
        marks.add(root.text)
    assert len(marks) == 50


def test_only_below_the_given_element() -> None:
    root = parse_message(f"<r><a>{'A' * LARGE}</a><b>{'B' * LARGE}</b></r>".encode())
    whole = canonicalize(root)
    found = LargeTexts(root[1], at_least=LARGE)
    assert len(list(found.octets(root))) == 3
    assert b"".join(found.octets(root)) == whole
    assert root[0].text == "A" * LARGE
    assert LargeTexts(None).octets(root[0]) == (canonicalize(root[0]),)


def test_after_a_text_was_taken_there_are_no_octets() -> None:
    root = parse_message(f"<r><a>{'A' * LARGE}</a></r>".encode())
    found = LargeTexts(root, at_least=LARGE)
    found.octets(root)
    assert found.take(root[0]) == b"A" * LARGE
    with pytest.raises(ValueError, match="taken"):
        found.octets(root)


def test_no_more_than_two_copies_at_a_time() -> None:
    size = 4_000_000
    octets = b"<r><inhoud>%b</inhoud></r>" % (b"A" * size)
    expected = hashlib.sha256(canonicalize(parse_message(octets))).digest()
    root = parse_message(octets)
    found = LargeTexts(root)
    tracemalloc.start()
    try:
        digest = hashlib.sha256(b"".join(found.octets(root))).digest()
        # The joined octets of this test, the text, and for a moment the text as a str.
        assert tracemalloc.get_traced_memory()[1] < 3.2 * size
    finally:
        tracemalloc.stop()
    assert digest == expected


# --- Contents that came beside the message ----------------------------------------


@dataclass(frozen=True)
class Leaf:
    """A leaf, as it stands in the message and as it came."""

    text: str
    contents: bytes | None


leaves = st.one_of(
    st.builds(lambda text: Leaf(text, None), leaf_texts),
    st.builds(
        lambda octets: Leaf(base64.b64encode(octets).decode(), octets),
        st.binary(max_size=3 * LARGE),
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(leaves, min_size=1, max_size=6), st.booleans())
def test_pieces_with_contents_are_the_canonical_form(
    given_leaves: list[Leaf], in_the_whole: bool
) -> None:
    def message(texts: Iterable[str]) -> etree._Element:
        inner = "".join(f'<p:a xmlns:p="urn:p" x="1">{escaped(text)}</p:a>' for text in texts)
        return parse_message(f"<r>{inner}</r>".encode())

    whole = message(leaf.text for leaf in given_leaves)
    root = message("" if leaf.contents is not None else leaf.text for leaf in given_leaves)
    found = LargeTexts(root if in_the_whole else None, at_least=LARGE)
    for element, leaf in zip(root, given_leaves, strict=True):
        if leaf.contents is not None:
            found.put(element, leaf.contents)
    for element, same in zip(whole.iter(), root.iter(), strict=True):
        assert b"".join(found.octets(same)) == canonicalize(element)
    for element, leaf in zip(root, given_leaves, strict=True):
        if leaf.contents is not None:
            assert found.take(element) is None
            assert found.take_contents(element) == leaf.contents
            element.text = leaf.text
        assert found.take_contents(element) is None
    found.restore()
    assert canonicalize(root) == canonicalize(whole)


@pytest.mark.parametrize("of", [0, 1, 2])
@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_chunks_of_base64_join(of: int, chunks: int) -> None:
    contents = bytes(range(251)) * (chunks * splice._CHUNK // 251 + 1)
    contents = contents[: chunks * splice._CHUNK + of]
    root = parse_message(b"<r><a/></r>")
    found = LargeTexts(None)
    found.put(root[0], contents)
    pieces = list(found.octets(root))
    text = base64.b64encode(contents)
    assert b"".join(pieces) == b"<r><a>%b</a></r>" % text
    assert max(map(len, pieces)) <= splice._CHUNK // 3 * 4
    found.restore()
    assert (root[0].text or "").encode() == text
    assert found.take_contents(root[0]) is None


@pytest.mark.parametrize("size", [1, splice._CHUNK, splice._CHUNK + 1, 2 * splice._CHUNK + 1])
def test_contents_that_were_cut_out_keep_their_writing(size: int) -> None:
    """Their canonical form is of the base64 that was sent, not of that which we would write."""
    message = b"<r><a>" + b"QUJD\n" * (size // 5) + b"Q" * (size % 5) + b"</a></r>"
    written = memoryview(message)[6:-8]
    root = parse_message(b"<r><a/></r>")
    found = LargeTexts(None)
    found.put(root[0], b"contents", written=written)
    pieces = list(found.octets(root))
    assert b"".join(pieces) == message
    assert max(map(len, pieces)) <= splice._CHUNK
    assert found.take(root[0]) is None
    assert found.take_contents(root[0]) == b"contents"
    assert found.take_contents(root[0]) is None
    found = LargeTexts(None)
    found.put(root[0], b"contents", written=written)
    found.restore()
    assert canonicalize(root) == message


def test_contents_put_back_are_lifted_again_as_text() -> None:
    contents = b"x" * LARGE
    root = parse_message(b"<r><a/></r>")
    found = LargeTexts(root, at_least=LARGE)
    found.put(root[0], contents)
    found.restore()
    assert len(list(found.octets(root))) == 3
    assert found.take(root[0]) == base64.b64encode(contents)


@pytest.mark.parametrize("text", ["{mark}", "{mark}x", "x{mark}"])
def test_a_mark_of_contents_that_somebody_knew_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    stems = Stems("0123456789abcdef" * 2)
    monkeypatch.setattr(splice, "secrets", stems)
    known = text.format(mark=f"{stems.stem}000000")
    root = parse_message(f"<r><a/><b>{known}</b></r>".encode())
    found = LargeTexts(None)
    found.put(root[0], b"contents")
    expected = f"<r><a>{base64.b64encode(b'contents').decode()}</a><b>{known}</b></r>"
    assert found.octets(root) == (expected.encode(),)
    assert found.take_contents(root[0]) is None


def test_contents_are_digested_without_their_base64_as_a_whole() -> None:
    size = 4_000_000
    root = parse_message(b"<r><a/></r>")
    found = LargeTexts(None)
    found.put(root[0], bytes(size))
    expected = hashlib.sha256(b"<r><a>%b</a></r>" % base64.b64encode(bytes(size))).digest()
    tracemalloc.start()
    try:
        running = hashlib.sha256()
        for piece in found.octets(root):
            running.update(piece)
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()
    assert running.digest() == expected
