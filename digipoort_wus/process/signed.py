"""A signed request as it is kept: octet by octet, without contents that are kept anyway.

A request of megabytes is the base64 of its contents and little else. What is kept of it is a
list of pieces: octets as they came, or the number of a content whose base64 stood there. A
text that is not the one base64 of its octets, such as one in lines, is kept as it came.

The form: 8 octets ``DPWREQ1`` and a NUL; then pieces, each ``L``, the length in 8 octets and
the octets, or ``C`` and the number of a content in 4. Numbers are big-endian and count from 0,
the document first and the attachments behind it.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import pybase64

from digipoort_wus.filing.content import Content, open_content, size_of
from digipoort_wus.store.ports import PayloadDamaged

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_FORM = b"DPWREQ1\0"
_LITERAL, _CONTENT = b"L", b"C"
_LENGTH, _NUMBER = struct.Struct(">Q"), struct.Struct(">I")
_CHUNK = 3 * 64 * 1024
"""Octets; base64 turns every three into four, so chunks of a multiple of three join."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The envelope as it was signed; a :class:`~digipoort_wus.filing.content.StoredContent`.

    Args:
        pieces: octets as they came, or the number of a content whose base64 stands there.
        contents: of the filing, the document first.
    """

    pieces: tuple[bytes | int, ...] = field(repr=False)
    contents: Sequence[Content] = field(default=(), repr=False)

    @property
    def size(self) -> int:
        """Return how many octets it has."""
        return sum(
            len(piece) if isinstance(piece, bytes) else (size_of(self.contents[piece]) + 2) // 3 * 4
            for piece in self.pieces
        )

    def open(self) -> BinaryIO:
        """Open it; the base64 is made in chunks while it is read."""
        return io.BufferedReader(_Reading(self._octets()), _CHUNK)

    def read(self) -> bytes:
        """Return the whole of it."""
        return b"".join(self._octets())

    def kept(self) -> bytes:
        """Return what the store keeps of it, beside the contents."""
        parts = [_FORM]
        for piece in self.pieces:
            if isinstance(piece, bytes):
                parts += (_LITERAL, _LENGTH.pack(len(piece)), piece)
            else:
                parts += (_CONTENT, _NUMBER.pack(piece))
        return b"".join(parts)

    def _octets(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            with open_content(self.contents[piece]) as source:
                while chunk := _filled(source):
                    yield pybase64.b64encode(chunk)


def read_signed(kept: bytes, contents: Sequence[Content]) -> SignedRequest:
    """Return a request that was kept.

    Args:
        kept: by :meth:`SignedRequest.kept`.
        contents: of the same filing.

    Raises:
        PayloadDamaged: it is not what was kept, or of another filing.
    """
    if not kept.startswith(_FORM):
        raise PayloadDamaged("a kept request has another form: restore it")
    pieces: list[bytes | int] = []
    at = len(_FORM)
    try:
        while at < len(kept):
            kind, at = kept[at : at + 1], at + 1
            if kind == _LITERAL:
                length = _LENGTH.unpack_from(kept, at)[0]
                at += _LENGTH.size
                if length > len(kept) - at:
                    raise PayloadDamaged("a kept request ends too early: restore it")
                pieces.append(kept[at : at + length])
                at += length
            elif kind == _CONTENT:
                pieces.append(_NUMBER.unpack_from(kept, at)[0])
                at += _NUMBER.size
            else:
                raise PayloadDamaged("a kept request has a piece of no known kind: restore it")
    except struct.error as error:
        raise PayloadDamaged("a kept request ends too early: restore it") from error
    if any(isinstance(piece, int) and piece >= len(contents) for piece in pieces):
        raise PayloadDamaged("a kept request names a content that is not there: restore it")
    return SignedRequest(tuple(pieces), contents)


def is_base64_of(text: memoryview, content: bytes) -> bool:
    """Tell whether a text is the one base64 of octets that it was decoded to.

    Args:
        text: base64; white space may be in it.
        content: what it was decoded to.

    RFC 4648 §3.5: the last group may have bits that say nothing.
    """
    if len(text) != (len(content) + 2) // 3 * 4:
        return False
    last = (len(content) - 1) // 3 * 3
    return bytes(text[-4:]) == pybase64.b64encode(content[last:]) if content else True


def _filled(source: BinaryIO) -> bytes:
    """Read a whole chunk: a short read in the middle would put padding there."""
    pieces: list[bytes] = []
    missing = _CHUNK
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


class _Reading(io.RawIOBase):
    """A file over pieces that are made while it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
