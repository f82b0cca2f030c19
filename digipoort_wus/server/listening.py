"""Ports to listen on: localhost is both of its addresses."""

import errno
import socket
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
        raise cannot_listen(host, port, error) from error
    try:
        # Some clients try ::1 first and give up there.
        return [first, bind(first.getHost().port, interface="::1")]
    except CannotListenError:
        return [first]


def cannot_listen(host: str, port: int, error: CannotListenError) -> ConfigurationError:
    """Return the sentence that says why an address cannot be listened on, and what to do."""
    why = error.socketError
    number = why.errno if isinstance(why, OSError) else None
    if isinstance(why, socket.gaierror) or number == errno.EADDRNOTAVAIL:
        todo = "Name an address of this machine as the host, or localhost."
    elif number in (errno.EACCES, errno.EPERM):
        todo = "Choose a port from 1024 on, or allow this user to take lower ones."
    else:
        todo = "Choose another port; 0 takes a free one."
    said = why.strerror if isinstance(why, OSError) and why.strerror else str(why)
    return ConfigurationError(f"Cannot listen on {host} port {port}: {said}. {todo}")


def in_url(host: str) -> str:
    """Return an address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
