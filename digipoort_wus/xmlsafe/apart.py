"""A thread of its own, for XML whose names this process has not met before.

libxml2 keeps every name that it ever read in a dictionary, for comparing names is then
comparing addresses. lxml has one dictionary a thread, and its copies of elements are written
into it, too: canonicalisation and schema validation make one of each element that they start
from. Nothing is ever taken out, so the dictionary of a thread that does not end grows by
whatever strangers send. That of a thread that ends lives as long as the documents that were
parsed in it.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _OwnThread(threading.Thread, Generic[T]):
    """Runs one function and keeps its outcome."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(name="xml-apart", daemon=True)
        self._work: Callable[[], T] | None = work
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        work, self._work = self._work, None
        try:
            if work is not None:
                self._results.append(work())
        except BaseException as error:
            self._error = error

    def outcome(self) -> T:
        """Return what the function returned, or raise what it raised."""
        error, self._error = self._error, None
        if error is None:
            return self._results.pop()
        try:
            raise error
        finally:
            # Its traceback holds this frame, and such a circle would hold the message.
            del error


def apart(work: Callable[[], T]) -> T:
    """Run a function in a thread that ends with it, and return its result.

    Inside of such a thread it is simply called.

    Raises:
        MemoryError: there is no thread to be had.
    """
    if is_apart():
        return work()
    thread = _OwnThread(work)
    try:
        thread.start()
    except RuntimeError:
        raise MemoryError("no thread for a message with new names") from None
    # The thread has it; what it holds is not to live longer than there.
    del work
    thread.join()
    return thread.outcome()


def is_apart() -> bool:
    """Return whether this thread ends with what it does now."""
    return isinstance(threading.current_thread(), _OwnThread)
