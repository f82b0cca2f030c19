"""Ports to listen on: localhost is both of its addresses."""

from functools import partial

from twisted.internet.error import CannotListenError

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.server.reactor import Port, Reactor


def listen_on(reactor: Reactor, host: str, port: int, factory: object) -> list[Port]:
    """Listen on a TCP port; the first of the ports says which one it is.

    Args:
        host: an address; ``localhost`` is 127.0.0.1 and, where there is one, ::1.
        port: 0 takes a free one.
        factory: makes the protocols.

    Raises:
        ConfigurationError: the address or port cannot be used.
    """
    bind = partial(reactor.listenTCP, factory=factory, backlog=128)
    try:
        if host != "localhost":
            return [bind(port, interface=host)]
        first = bind(port, interface="127.0.0.1")
    except CannotListenError as error:
        raise ConfigurationError(
            f"Cannot listen on {host} port {port}: {error.socketError}. "
            "Choose another port; 0 takes a free one."
        ) from error
    try:
        # Some clients try ::1 first and give up there.
        return [first, bind(first.getHost().port, interface="::1")]
    except CannotListenError:
        return [first]


def in_url(host: str) -> str:
    """Return an address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
