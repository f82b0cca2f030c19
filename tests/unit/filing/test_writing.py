"""Elements in pieces: canonical, exact in length, and never whole in memory."""

import base64
from io import BytesIO, RawIOBase
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus.filing.writing import (
    Base64,
    ContentChanged,
    Piece,
    element,
    leaf,
    length_of,
    octets_of,
    optional_leaf,
)
from digipoort_wus.xmlsafe.c14n import canonicalize


class Handle:
    """Contents that are kept elsewhere, and given a few octets at a time."""

    def __init__(self, octets: bytes, *, size: int | None = None, step: int = 7) -> None:
        self._octets, self._step = octets, step
        self.size = len(octets) if size is None else size
        self.opened: list[BinaryIO] = []

    def open(self) -> BinaryIO:
        self.opened.append(cast(BinaryIO, Dripping(self._octets, self._step)))
        return self.opened[-1]

    def read(self) -> bytes:
        raise AssertionError("nobody reads it as a whole")


class Dripping(RawIOBase):
    def __init__(self, octets: bytes, step: int) -> None:
        self._file, self._step = BytesIO(octets), step

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0
        return self._file.read(min(size, self._step))


def test_an_element_is_in_canonical_form() -> None:
    pieces = element(
        "outer",
        leaf("text", 'a & b < c > d "e" \r'),
        *optional_leaf("none", None),
        *element("inner", leaf("empty", "")),
        namespace="urn:x",
    )
    octets = b"".join(octets_of(pieces))
    assert octets == canonicalize(etree.fromstring(octets))


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_any_text_is_in_canonical_form(text: str) -> None:
    octets = leaf("text", text)
    root = etree.fromstring(octets)
    assert (octets, root.text or "") == (canonicalize(root), text)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 98_303, 98_304, 98_305, 300_000])
@pytest.mark.parametrize("step", [1_000, 65_536, 98_304, 200_000])
def test_contents_become_base64(size: int, step: int) -> None:
    octets = bytes(index * 7 % 256 for index in range(size))
    for content in (octets, Handle(octets, step=step)):
        pieces: tuple[Piece, ...] = (b"<a>", Base64(content), b"</a>")
        written = b"".join(octets_of(pieces))
        assert written == b"<a>" + base64.b64encode(octets) + b"</a>"
        assert length_of(pieces) == len(written)


def test_contents_are_opened_when_they_are_read_and_closed_then() -> None:
    handle = Handle(b"abc")
    pieces = (Base64(handle),)
    assert length_of(pieces) == 4
    assert handle.opened == []
    for _ in range(2):
        assert b"".join(octets_of(pieces)) == b"YWJj"
    assert [file.closed for file in handle.opened] == [True, True]


def test_contents_that_nobody_reads_to_their_end_are_closed() -> None:
    handle = Handle(bytes(300_000), step=100_000)
    octets = octets_of((Base64(handle),))
    next(iter(octets))
    octets.close()  # type: ignore[attr-defined]
    assert handle.opened[0].closed


@pytest.mark.parametrize("size", [0, 2, 4, 200_000])
def test_contents_of_another_length_than_they_say(size: int) -> None:
    with pytest.raises(ContentChanged):
        list(octets_of((Base64(Handle(b"abc", size=size)),)))


def test_contents_are_not_shown() -> None:
    assert "secret" not in repr(Base64(b"secret"))
