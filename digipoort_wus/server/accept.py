"""Connections are counted when they come, before the TLS handshake costs anything."""

from typing import cast

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
    ITransport,
)
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure

from digipoort_wus.server.budget import Connections, Room, party_of
from digipoort_wus.server.channel import NO_REASON, BoundedChannel
from digipoort_wus.server.handshake import why_refused
from digipoort_wus.server.metrics import Metrics
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.server.reports import Reports
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.tls import verify_code_of


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
        """Count it no longer, and tell why it never was one."""
        if not self._handshakeDone:
            self._tell_failure()
        if self.counted is not None:
            cast(BoundedTls, self.factory).connections.remove(self.counted)
            self.counted = None
        super().connectionLost(reason)

    def _tell_failure(self) -> None:
        # Twisted keeps OpenSSL's error here; who goes away by himself, or never began, has none.
        error = None if self._reason is None else self._reason.value
        if self._aborted:
            why = "not complete in time"
        elif isinstance(error, SSL.Error):
            queue = error.args[0] if error.args else ()
            connection = self.getHandle()  # type: ignore[no-untyped-call]
            why = why_refused(queue, verify_code_of(connection))
        else:
            return
        host, factory = host_of(cast(ITransport, self.transport)), cast(BoundedTls, self.factory)
        factory.reports.tell(host, f"TLS handshake failed: {why}")
        factory.metrics.handshake_failed(why)


class BoundedTls(TLSMemoryBIOFactory):
    """TLS for a site, with a bound on connections in total and per address.

    A tenth over a limit the connection is served far enough to say 503; beyond that it is
    closed at once, which costs nothing but the accept.

    Args:
        creator: makes the TLS connections.
        site: what speaks HTTP in them.
        connections: the count, with its limits.
        metrics: count what is refused.
    """

    protocol = CountedConnection

    def __init__(
        self,
        creator: IOpenSSLServerConnectionCreator,
        site: BoundedSite,
        reactor: Reactor,
        connections: Connections | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        super().__init__(
            creator, False, cast(IProtocolFactory, site), clock=cast(IReactorTime, reactor)
        )
        self.connections = connections or Connections()
        self.reports = Reports(reactor)
        self.metrics = metrics or Metrics()

    def stopFactory(self) -> None:  # noqa: N802 - Twisted's interface
        """Write what is still to be said of strangers."""
        self.reports.close()
        super().stopFactory()  # type: ignore[no-untyped-call]

    def buildProtocol(  # type: ignore[override]  # noqa: N802 - Twisted's interface
        self, addr: IAddress | None
    ) -> CountedConnection | None:
        """Return the protocol of a new connection, None when there is no room at all."""
        host = str(getattr(addr, "host", ""))
        room = self.connections.room_for(party_of(host))
        if room is not Room.FREE:
            limit = self.connections.limit_met(party_of(host))
            what = "closed at once" if room is Room.NONE else "answered with 503"
            self.reports.tell(host, f"connection {what}: too many {limit}")
            self.metrics.connection_refused(limit, what)
        if room is Room.NONE:
            return None
        connection = cast(CountedConnection, super().buildProtocol(addr))
        cast(BoundedChannel, connection.wrappedProtocol).has_room = room is Room.FREE
        return connection


def host_of(transport: ITransport) -> str:
    """Return the address of a transport's other end."""
    peer: object = transport.getPeer()  # type: ignore[misc]  # zope's interfaces have no self
    return str(getattr(peer, "host", ""))
