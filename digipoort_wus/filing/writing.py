"""Elements for a Body, written as text that is in canonical form already, in pieces.

Twenty megabytes of contents are never in memory: they stand in a message as a handle, and
become base64 piece by piece, once for the digest and once for the wire.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias
from xml.sax.saxutils import escape

import pybase64

from digipoort_wus.errors import DigipoortError
from digipoort_wus.filing.content import Content, open_content, size_of

# A multiple of three, so that the base64 of the pieces is that of the whole.
_CHUNK = 3 * 32 * 1024
# As canonical XML writes them in a text.
_REPLACED = {"\r": "&#xD;"}


@dataclass(frozen=True, slots=True)
class Base64:
    """Contents that stand in a message as base64."""

    content: Content = field(repr=False)


Piece: TypeAlias = bytes | Base64
"""Octets as they are sent, or contents in their place."""


class ContentChanged(DigipoortError):
    """Contents gave another number of octets than they say they have."""


def element(name: str, *children: Piece | None, namespace: str = "") -> tuple[Piece, ...]:
    """Write an element around others, in its exclusive canonical form.

    Args:
        name: without prefix.
        children: written already; None is left out.
        namespace: for the outermost element, which declares it as the default one.
    """
    declared = f' xmlns="{namespace}"' if namespace else ""
    inside = [child for child in children if child is not None]
    return (f"<{name}{declared}>".encode(), *inside, f"</{name}>".encode())


def leaf(name: str, text: str) -> bytes:
    """Write an element with a text."""
    return f"<{name}>{escape(text, _REPLACED)}</{name}>".encode()


def optional_leaf(name: str, text: str | None) -> tuple[bytes, ...]:
    """Write an element with a text, or nothing for None."""
    return () if text is None else (leaf(name, text),)


def length_of(pieces: Iterable[Piece]) -> int:
    """Return how many octets the pieces are on the wire, without reading contents."""
    return sum(
        len(piece) if isinstance(piece, bytes) else (size_of(piece.content) + 2) // 3 * 4
        for piece in pieces
    )


def octets_of(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Yield the octets of pieces as they are sent; contents are opened when their turn comes.

    Raises:
        ContentChanged: contents are shorter or longer than they say.
        Exception: whatever a store raises of contents that it cannot give.
    """
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            yield from _base64(piece.content)


def _base64(content: Content) -> Iterator[bytes]:
    left = size_of(content)
    with open_content(content) as file:
        while chunk := _whole_chunk(file.read):
            left -= len(chunk)
            if left < 0:
                break
            yield pybase64.b64encode(chunk)
    if left:
        raise ContentChanged(
            "The contents of a filing have another length than was stored with them: restore "
            "them from a backup, then offer the filing again."
        )


def _whole_chunk(read: Callable[[int], bytes]) -> bytes:
    """Read a chunk that is shorter at the end only: a file may give less than was asked for."""
    chunk = read(_CHUNK)
    if not 0 < len(chunk) < _CHUNK:
        return chunk
    collected = bytearray(chunk)
    while len(collected) < _CHUNK and (more := read(_CHUNK - len(collected))):
        collected += more
    return bytes(collected)
