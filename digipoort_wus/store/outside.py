"""What a store of payloads outside of their rows can do: files of a directory, or objects."""

from collections.abc import Callable
from typing import Literal, Protocol

from digipoort_wus.filing.content import Content, StoredContent
from digipoort_wus.store.sealed import Sealed


class LargePayloads(Protocol):
    """Payloads that are too large for a row, named by the SHA-256 of what is stored.

    A payload is complete and durable before any row refers to it. Safe for several threads.
    """

    @property
    def place(self) -> Literal["file", "object"]:
        """Return the word for it in a payload's row."""

    def hold(self, content: Content, key: bytes) -> Sealed:
        """Seal and store a content durably; nobody removes it until :meth:`release`.

        Args:
            content: is read piece by piece.
            key: 32 octets, for this payload alone.

        Raises:
            OSError: the disk did not take it.
            PayloadsUnreachable: the object store did not.
        """

    def release(self, digest: bytes) -> None:
        """Hold a payload no longer."""

    def remove(self, digest: bytes) -> bool:
        """Remove a payload to which no row refers, unless somebody holds it; may block.

        Returns:
            Whether there was one, as far as that is known.

        Raises:
            PayloadsUnreachable: the object store did not say that it is gone.
        """

    def open(self, digest: bytes, size: int, key: bytes | None) -> StoredContent:
        """Return a payload as a handle; it is read when it is asked.

        Args:
            digest: of what is stored.
            size: of the payload.
            key: under which it was sealed; None for one that is not.

        Raises:
            PayloadDamaged: it is known to be missing.
        """

    def is_missing(self, digest: bytes) -> bool:
        """Return whether it is certain that there is no such payload; blocks shortly."""

    def check(self, digest: bytes) -> None:
        """Compare a payload with its name, without the key.

        Raises:
            PayloadDamaged: it is missing or is not what was stored.
            PayloadsUnreachable: the object store does not answer.
        """

    def sweep(self, referred: Callable[[bytes], bool], stopping: Callable[[], bool] = ...) -> int:
        """Mark old payloads to which no row refers, remove those marked long ago; return how many.

        Args:
            referred: tells whether a row refers to the payload with this SHA-256, of all that is
                committed when it is asked.
            stopping: is asked before each; when it says yes the rest is left.
        """
