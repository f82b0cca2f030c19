"""A Twisted reactor of its own in a thread of its own, which leaves nothing behind.

Twisted's global reactor can run once in a process and belongs to whoever runs
it. A gateway for a test gets a private one, so that a test suite may have its
own reactor, asyncio loop, or none.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.epollreactor import EPollReactor
from twisted.python.failure import Failure

from digipoort_wus.errors import DigipoortError
from digipoort_wus.server.reactor import Reactor

T = TypeVar("T")
_WAIT_SECONDS = 60


class ReactorThread:
    """Runs a private reactor between ``with`` and its end."""

    def __init__(self) -> None:
        self._reactor: Any = EPollReactor()
        self._thread = threading.Thread(
            target=self._reactor.run,
            kwargs={"installSignalHandlers": False},
            name="digipoort-wus-reactor",
            daemon=True,
        )

    @property
    def reactor(self) -> Reactor:
        """Return the reactor; only :meth:`call` may use it from another thread."""
        return cast(Reactor, self._reactor)

    def __enter__(self) -> Self:
        running = threading.Event()
        self._reactor.callWhenRunning(running.set)
        self._thread.start()
        if not running.wait(_WAIT_SECONDS):
            raise DigipoortError("The reactor of the gateway did not start.")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reactor.callFromThread(self._reactor.stop)
        self._thread.join(_WAIT_SECONDS)
        # A reactor keeps its waker and its epoll descriptor; a stopped one needs neither.
        for reader in self._reactor.removeAll():
            reader.connectionLost(Failure(DigipoortError("The gateway stopped.")))
        for reader in list(self._reactor._internalReaders):
            reader.connectionLost(Failure(DigipoortError("The gateway stopped.")))
        self._reactor._poller.close()

    def call(self, function: Callable[[], "Deferred[T] | T"]) -> T:
        """Call a function in the reactor's thread and wait for its result."""
        future: Future[T] = Future()

        def begin() -> None:
            deferred = maybeDeferred(function)
            deferred.addCallbacks(
                future.set_result, lambda failure: future.set_exception(failure.value)
            )

        self._reactor.callFromThread(begin)
        return future.result(_WAIT_SECONDS)
