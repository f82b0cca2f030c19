"""A format for payloads that are too large to be sealed in one piece.

A header and chunks, each chunk sealed with AES-256-GCM. The nonce of a chunk holds its
number and whether it is the last, and the header is authenticated with each. So no chunk
can be changed, left out, put elsewhere, or added, and no end can be cut off, without the
next read failing; and nothing is ever handed out that was not authenticated. Written and
read with two chunks in memory, whatever the size.

The format stands in docs/adr/0016-a-key-for-each-payload.md; a file that was once written
must stay readable, so what changes gets another version.
"""

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from digipoort_wus.store.values import PayloadDamaged

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK = 65_536
"""Octets of a payload that are sealed together: measured, larger ones gain nothing."""
HEADER_SIZE = 20
_MAGIC = b"DPWSEAL1"
_PREFIX_SIZE = 7
_TAG_SIZE = 16
_CHUNK_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was written.

    Args:
        sha256: of the octets that were written.
        size: of the payload, before it was sealed.
    """

    sha256: bytes
    size: int


def seal(source: BinaryIO, key: bytes, write: Callable[[bytes], object]) -> Sealed:
    """Seal everything that comes from a file, and write it piece by piece.

    Args:
        source: is read to its end.
        key: 32 octets, for this payload alone.
        write: takes all of what it gets.
    """
    header = _MAGIC + CHUNK.to_bytes(4) + os.urandom(_PREFIX_SIZE) + b"\0"
    cipher, digest, size, number = AESGCM(key), hashlib.sha256(), 0, 0

    def put(octets: bytes) -> None:
        digest.update(octets)
        write(octets)

    put(header)
    chunk = _read(source, CHUNK)
    while True:
        # Only who has looked further knows that a chunk is the last.
        following = _read(source, CHUNK)
        nonce = _nonce(header, number, last=not following)
        put(cipher.encrypt(nonce, chunk, header))
        size += len(chunk)
        if not following:
            return Sealed(digest.digest(), size)
        chunk, number = following, number + 1


def sealed_size(size: int, chunk: int = CHUNK) -> int:
    """Return how many octets a payload of this size takes when it is sealed."""
    return HEADER_SIZE + size + _TAG_SIZE * max(1, -(-size // chunk))


def open_sealed(file: BinaryIO, key: bytes, size: int, name: str = "a sealed payload") -> BinaryIO:
    """Return the payload in a sealed file, as a file that can be read and sought in.

    Reading raises PayloadDamaged where the file is not what was sealed, and never yields
    anything else. The end is only told when the last chunk was found to be the last.

    Args:
        file: is closed with what is returned; can be sought in.
        key: with which it was sealed.
        size: of the payload.
        name: for who has to restore it.

    Raises:
        PayloadDamaged: header or length are wrong.
    """
    return io.BufferedReader(_Opened(file, key, size, name), CHUNK)


class _Opened(io.RawIOBase):
    """Opens one chunk at a time, and keeps the one it was last asked for."""

    def __init__(self, file: BinaryIO, key: bytes, size: int, name: str) -> None:
        super().__init__()
        self._file = file
        self._size = size
        self._name = name
        self._header = _read(file, HEADER_SIZE)
        self._chunk_size = _chunk_size(self._header)
        if not self._chunk_size:
            raise PayloadDamaged(f"{name} is in no format that this version reads: restore it")
        if file.seek(0, io.SEEK_END) != sealed_size(size, self._chunk_size):
            raise PayloadDamaged(f"{name} has not the length it had: restore it")
        self._cipher = AESGCM(key)
        self._last = max(0, size - 1) // self._chunk_size
        self._position = 0
        self._number = -1
        self._chunk = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = (0, self._position, self._size)[whence]
        if start + offset < 0:
            raise ValueError("there is nothing before the start of a payload")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        at_end = self._position >= self._size
        if not at_end or not self._ended:
            self._load(self._last if at_end else self._position // self._chunk_size)
        if at_end:
            return 0
        within = self._position % self._chunk_size
        part = self._chunk[within : within + len(view)]
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def close(self) -> None:
        if not self.closed:
            self._chunk = b""
            self._file.close()
        super().close()

    def _load(self, number: int) -> None:
        if number == self._number:
            return
        last = number == self._last
        sealed_chunk = self._chunk_size + _TAG_SIZE
        self._file.seek(HEADER_SIZE + number * sealed_chunk)
        sealed = _read(self._file, sealed_chunk)
        nonce = _nonce(self._header, number, last=last)
        try:
            self._chunk = self._cipher.decrypt(nonce, sealed, self._header)
        except InvalidTag:
            raise PayloadDamaged(f"{self._name} is not what was sealed: restore it") from None
        self._number = number
        self._ended = self._ended or last


def _nonce(header: bytes, number: int, *, last: bool) -> bytes:
    prefix = header[HEADER_SIZE - 1 - _PREFIX_SIZE : HEADER_SIZE - 1]
    return prefix + number.to_bytes(4) + (b"\1" if last else b"\0")


def _chunk_size(header: bytes) -> int:
    """Return the chunk size of a header, nought for what is none."""
    if len(header) != HEADER_SIZE or not header.startswith(_MAGIC):
        return 0
    found = int.from_bytes(header[len(_MAGIC) : len(_MAGIC) + 4])
    return found if found <= _CHUNK_MAX else 0


def _read(file: BinaryIO, size: int) -> bytes:
    """Read as much, or less only where the file ends."""
    found = file.read(size)
    if len(found) == size or not found:
        return found
    pieces = [found]
    while found and (missing := size - sum(map(len, pieces))):
        found = file.read(missing)
        pieces.append(found)
    return b"".join(pieces)
