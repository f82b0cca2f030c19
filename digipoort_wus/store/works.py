"""A piece of work on its way through a writer."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from digipoort_wus.store.ports import Transaction

T = TypeVar("T")
OnCommit = Callable[[int, float], None]
"""Is told how many works were committed together and how many seconds that took; quick."""


class Work(Generic[T]):
    """A work, its future, and between run and commit its outcome."""

    __slots__ = ("_result", "_work", "error", "future")

    def __init__(self, work: Callable[[Transaction], T]) -> None:
        self._work = work
        self._result: list[T] = []
        self.error: Exception | None = None
        self.future: Future[T] = Future()

    def run(self, transaction: Transaction) -> None:
        """Do the work; what an earlier attempt returned is forgotten."""
        self._result = [self._work(transaction)]

    def tell(self) -> None:
        """Resolve the future, once the transaction has ended."""
        if self.error is None:
            self.future.set_result(self._result[0])
        else:
            self.future.set_exception(self.error)


def nobody_counts(_works: int, _seconds: float) -> None:
    """Count nothing."""


def done() -> "Future[None]":
    """Return a future of what was nothing to do."""
    future: Future[None] = Future()
    future.set_result(None)
    return future


class NotShared:
    """A store that one process has for itself."""

    @property
    def is_shared(self) -> bool:
        """Return False: the data directory is locked."""
        return False

    def hear(self, told: Callable[[str], object]) -> None:
        """Do nothing: there is nobody to be heard."""
