"""Connections are counted when they come, before the TLS handshake costs anything."""

from typing import cast

from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
    ITransport,
)
from twisted.logger import Logger
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure

from digipoort_wus.server.budget import Connections, Room, party_of
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.server.site import NO_REASON, BoundedChannel, BoundedSite

_LOG_SECONDS = 10

_log = Logger(namespace="digipoort_wus")


class CountedConnection(BufferingTLSTransport):
    """One TLS connection that counts as long as its socket is open."""

    counted: str | None = None

    def makeConnection(self, transport: ITransport) -> None:  # noqa: N802 - Twisted's interface
        """Count the connection, then start the handshake."""
        self.counted = party_of(host_of(transport))
        cast(BoundedTls, self.factory).connections.add(self.counted)
        super().makeConnection(transport)  # type: ignore[no-untyped-call]

    def connectionLost(  # noqa: N802 - Twisted's interface
        self, reason: Failure = NO_REASON
    ) -> None:
        """Count it no longer."""
        if self.counted is not None:
            cast(BoundedTls, self.factory).connections.remove(self.counted)
            self.counted = None
        super().connectionLost(reason)


class BoundedTls(TLSMemoryBIOFactory):
    """TLS for a site, with a bound on connections in total and per address.

    A tenth over a limit the connection is served far enough to say 503; beyond that it is
    closed at once, which costs nothing but the accept.

    Args:
        creator: makes the TLS connections.
        site: what speaks HTTP in them.
        connections: the count, with its limits.
    """

    protocol = CountedConnection

    def __init__(
        self,
        creator: IOpenSSLServerConnectionCreator,
        site: BoundedSite,
        reactor: Reactor,
        connections: Connections | None = None,
    ) -> None:
        super().__init__(
            creator, False, cast(IProtocolFactory, site), clock=cast(IReactorTime, reactor)
        )
        self.connections = connections or Connections()
        self._reactor = reactor
        self._closed = 0
        self._logged = float("-inf")

    def buildProtocol(  # type: ignore[override]  # noqa: N802 - Twisted's interface
        self, addr: IAddress | None
    ) -> CountedConnection | None:
        """Return the protocol of a new connection, None when there is no room at all."""
        room = self.connections.room_for(party_of(str(getattr(addr, "host", ""))))
        if room is Room.NONE:
            self._log_closed()
            return None
        connection = cast(CountedConnection, super().buildProtocol(addr))
        cast(BoundedChannel, connection.wrappedProtocol).has_room = room is Room.FREE
        return connection

    def _log_closed(self) -> None:
        self._closed += 1
        now = self._reactor.seconds()
        if now - self._logged >= _LOG_SECONDS:
            _log.warn("too many connections: {closed} closed at once", closed=self._closed)
            self._logged, self._closed = now, 0


def host_of(transport: ITransport) -> str:
    """Return the address of a transport's other end."""
    peer: object = transport.getPeer()  # type: ignore[misc]  # zope's interfaces have no self
    return str(getattr(peer, "host", ""))
