"""The octets of a document: at hand, or where they are kept.

What came in through the gate is ``bytes``. What comes out of a store is ``bytes`` when
it is small, and otherwise a handle, so that twenty megabytes are read piece by piece,
and only by whom they concern.
"""

from io import BytesIO
from typing import BinaryIO, Protocol, TypeAlias


class StoredContent(Protocol):
    """Octets that are kept somewhere; a value that is passed around in their place."""

    @property
    def size(self) -> int:
        """How many octets it stands for."""

    def open(self) -> BinaryIO:
        """Open the octets for reading from the start; can be repeated.

        The file yields nothing that was not found to be what was stored: reading raises
        an error of the store, never other octets or an early end.
        """

    def read(self) -> bytes:
        """Return all octets, which takes memory for all of them."""


Content: TypeAlias = bytes | StoredContent
"""``bytes``, or a handle for more of them than belong in memory."""


def size_of(content: Content) -> int:
    """Return how many octets there are, without reading them."""
    return len(content) if isinstance(content, bytes) else content.size


def open_content(content: Content) -> BinaryIO:
    """Open the octets as a file, from the start; the caller closes it."""
    return BytesIO(content) if isinstance(content, bytes) else content.open()


def read_content(content: Content) -> bytes:
    """Return all octets: for who needs them at once, and says why."""
    return content if isinstance(content, bytes) else content.read()
