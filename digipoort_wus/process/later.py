"""What is written once the answer to a question is signed: that somebody has been given it.

Whoever marks first, and then cannot build the answer, has lost what stood in it: the next
question does not return it again. Whoever signs first may find that the same was given to
another in the meantime, with the same certificate; then the question is asked anew.
"""

from collections.abc import Callable
from concurrent.futures import Future

from digipoort_wus.errors import DigipoortError

Write = Callable[[], "Future[None]"]
"""Begins a write; its future fails with :class:`Overtaken` when it would tell a lie."""


class Overtaken(DigipoortError):
    """What an answer gives as new was given to somebody since: nothing was marked."""


class Later:
    """What one answer owes the store before it is sent; for one question."""

    def __init__(self) -> None:
        self._write: Write | None = None

    @property
    def is_owed(self) -> bool:
        """Return whether something is to be written."""
        return self._write is not None

    def owe(self, write: Write) -> None:
        """Have this written when the answer is signed, instead of what was owed before."""
        self._write = write

    def settle(self) -> "Future[None]":
        """Write it, and resolve after the commit.

        The future fails with Overtaken when the question has to be asked again.
        """
        if self._write is not None:
            return self._write()
        nothing: Future[None] = Future()
        nothing.set_result(None)
        return nothing
