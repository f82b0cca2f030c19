"""A request is kept without its contents, and shown again octet by octet."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.filing.content import open_content, read_content
from digipoort_wus.process.signed import SignedRequest, is_base64_of, read_signed
from digipoort_wus.store.ports import PayloadDamaged

CONTENTS = st.lists(st.binary(max_size=400), max_size=4)


@st.composite
def requests(draw: st.DrawFn) -> SignedRequest:
    contents = draw(CONTENTS)
    literal = st.binary(max_size=50)
    piece = st.one_of(literal, st.integers(0, len(contents) - 1)) if contents else literal
    return SignedRequest(tuple(draw(st.lists(piece, max_size=8))), contents)


@given(requests())
def test_what_is_kept_shows_the_same_octets(request: SignedRequest) -> None:
    expected = b"".join(
        piece
        if isinstance(piece, bytes)
        else base64.b64encode(read_content(request.contents[piece]))
        for piece in request.pieces
    )
    again = read_signed(request.kept(), request.contents)
    assert (again.read(), again.size) == (expected, len(expected))
    with open_content(again) as file:
        assert file.read() == expected


def test_a_large_content_is_made_in_chunks_that_join() -> None:
    content = bytes(range(256)) * 4_001
    request = SignedRequest((b"<a>", 0, b"</a>"), [content])
    with request.open() as file:
        read = b"".join(iter(lambda: file.read(10_007), b""))
    assert read == b"<a>" + base64.b64encode(content) + b"</a>"
    assert len(request.kept()) < 50


@given(st.binary(max_size=100))
def test_the_one_base64_of_octets_is_known(content: bytes) -> None:
    text = base64.b64encode(content)
    assert is_base64_of(memoryview(text), content)
    if content:
        assert not is_base64_of(memoryview(text[:2] + b"\n" + text[2:]), content)


def test_bits_that_say_nothing_are_another_base64() -> None:
    assert base64.b64decode(b"QR==") == base64.b64decode(b"QQ==") == b"A"
    assert is_base64_of(memoryview(b"QQ=="), b"A")
    assert not is_base64_of(memoryview(b"QR=="), b"A")


@given(requests().filter(lambda request: any(request.pieces)), st.data())
def test_what_was_cut_off_is_not_shown(request: SignedRequest, data: st.DataObject) -> None:
    kept = request.kept()
    cut = kept[: data.draw(st.integers(0, len(kept) - 1))]
    try:
        shown = read_signed(cut, request.contents)
    except PayloadDamaged:
        return
    # Cut between two pieces: fewer of them, which the HMAC of the evidence tells.
    assert len(shown.pieces) < len(request.pieces)


@pytest.mark.parametrize(
    "kept",
    [b"", b"else", b"DPWREQ1\0X", b"DPWREQ1\0C\0\0\0\1", b"DPWREQ1\0L" + b"\xff" * 8 + b"a"],
)
def test_what_is_no_request_is_not_shown(kept: bytes) -> None:
    with pytest.raises(PayloadDamaged):
        read_signed(kept, [b"content"])
