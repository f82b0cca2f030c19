"""What is used of a Twisted reactor, as protocols that a type checker understands.

Twisted's interfaces are zope.interface ones; its own reactors provide these.
"""

from collections.abc import Callable
from typing import Protocol, cast


class DelayedCall(Protocol):
    """A call that has yet to happen."""

    def active(self) -> bool:
        """Return whether it is still to come."""

    def cancel(self) -> None:
        """Let it not happen."""


class Address(Protocol):
    """Where a port listens."""

    port: int


class Port(Protocol):
    """A listening port."""

    def getHost(self) -> Address:  # noqa: N802 - Twisted's interface
        """Return where it listens."""

    def stopListening(self) -> object:  # noqa: N802 - Twisted's interface
        """Accept no more connections; the result may be a Deferred."""


class FromThreads(Protocol):
    """What other threads may call."""

    def callFromThread(  # noqa: N802 - Twisted's interface
        self, f: Callable[..., object], *args: object
    ) -> object:
        """Call a function in the reactor's thread."""


class Reactor(FromThreads, Protocol):
    """What a gateway needs; it never starts or stops the reactor."""

    def callLater(  # noqa: N802 - Twisted's interface
        self, delay: float, f: Callable[..., object], *args: object
    ) -> DelayedCall:
        """Call a function after so many seconds."""

    def listenTCP(  # noqa: N802 - Twisted's interface
        self, port: int, factory: object, backlog: int = 50, interface: str = ""
    ) -> Port:
        """Listen on a TCP port; 0 is a free one."""

    def seconds(self) -> float:
        """Return the reactor's time, in seconds."""


class RunnableReactor(Reactor, Protocol):
    """The process's reactor, for those who run it."""

    running: bool

    def run(self) -> None:
        """Run until it is stopped."""

    def stop(self) -> None:
        """Stop it."""

    def callWhenRunning(self, f: Callable[..., object]) -> object:  # noqa: N802
        """Call a function once the reactor runs."""

    def addSystemEventTrigger(  # noqa: N802 - Twisted's interface
        self, phase: str, event: str, f: Callable[..., object]
    ) -> object:
        """Call a function at start-up or shutdown; a Deferred is waited for."""


def global_reactor() -> RunnableReactor:
    """Return the reactor of this process; the first call installs the default one."""
    from twisted.internet import reactor

    return cast(RunnableReactor, reactor)
