"""Octets that are not at hand as ``bytes``: a view of a body, a row of pieces, base64 of others.

So a payload of fifty megabytes goes from the body it came in to where it is kept, and from
there into the body it leaves in, without a copy of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, BinaryIO

import pybase64

from digipoort_wus.filing.content import Content, open_content, size_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE = 65_536
# Whole lines, so that pieces can be encoded by themselves.
_OCTETS_OF_LINE, _LINE = 57, 76
_ENCODED_PIECE = 1_024 * _OCTETS_OF_LINE


@dataclass(frozen=True, slots=True)
class ViewContent:
    """Octets in the body that they came in; they keep that body in memory."""

    view: memoryview = field(repr=False)

    @property
    def size(self) -> int:
        """How many octets it stands for."""
        return len(self.view)

    def open(self) -> BinaryIO:
        """Open the octets for reading from the start."""
        return opened(self._pieces())

    def read(self) -> bytes:
        """Return a copy of all octets."""
        return bytes(self.view)

    def _pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self.view), _PIECE):
            yield bytes(self.view[start : start + _PIECE])


@dataclass(frozen=True, slots=True)
class JoinedContent:
    """One content behind the other."""

    pieces: tuple[Content, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """How many octets it stands for."""
        return sum(map(size_of, self.pieces))

    def open(self) -> BinaryIO:
        """Open the octets for reading from the start; a piece is opened when it is its turn."""
        return opened(self._read())

    def read(self) -> bytes:
        """Return all octets."""
        return b"".join(self._read())

    def _read(self) -> Iterator[bytes]:
        for piece in self.pieces:
            yield from _read(piece, _PIECE)


@dataclass(frozen=True, slots=True)
class Base64Content:
    """The base64 of a content, in lines of 76 characters (RFC 2045 §6.8)."""

    content: Content = field(repr=False)

    @property
    def size(self) -> int:
        """How many octets it stands for."""
        characters = (size_of(self.content) + 2) // 3 * 4
        return characters + 2 * (max(characters - 1, 0) // _LINE)

    def open(self) -> BinaryIO:
        """Open the octets for reading from the start."""
        return opened(self._read())

    def read(self) -> bytes:
        """Return all octets."""
        return b"".join(self._read())

    def _read(self) -> Iterator[bytes]:
        between = b""
        for piece in _read(self.content, _ENCODED_PIECE):
            yield between + pybase64.encodebytes(piece).rstrip(b"\n").replace(b"\n", b"\r\n")
            between = b"\r\n"


def _read(content: Content, size: int) -> Iterator[bytes]:
    """Yield pieces of a size, and the last one, which may be smaller."""
    with open_content(content) as source:
        while True:
            wanted, found = size, []
            # A file of a store may give less than it is asked for.
            while wanted and (octets := source.read(wanted)):
                found.append(octets)
                wanted -= len(octets)
            if found:
                yield b"".join(found)
            if wanted:
                return


class _Pieces(RawIOBase):
    """A file of what an iterator yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        into = memoryview(buffer).cast("B")
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        number = min(len(into), len(self._left))
        into[:number] = self._left[:number]
        self._left = self._left[number:]
        return number


def opened(pieces: Iterator[bytes]) -> BinaryIO:
    """Return a file of what an iterator yields; it is read once, and closed by the caller."""
    return BufferedReader(_Pieces(pieces), _PIECE)


def joined(pieces: Sequence[Content]) -> JoinedContent:
    """Return one content of several, with what is at hand put together."""
    found: list[Content] = []
    for piece in pieces:
        if isinstance(piece, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += piece
        else:
            found.append(piece)
    return JoinedContent(tuple(found))
