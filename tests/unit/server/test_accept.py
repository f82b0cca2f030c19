"""Connections are counted before anything is done for them."""

from typing import Any, cast

import pytest
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from digipoort_wus import limits
from digipoort_wus.server.accept import BoundedTls
from digipoort_wus.server.budget import Connections
from tests.unit.server.test_metrics import values
from tests.unit.server.test_site import Desk, desk, logged

__all__ = ["desk"]


class Socket(StringTransport):
    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing is delayed in memory."""


@implementer(IOpenSSLServerConnectionCreator)
class Creator:
    """Makes TLS connections, and counts them."""

    made = 0

    def serverConnectionForTLS(self, _protocol: object) -> SSL.Connection:
        Creator.made += 1
        return SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD), None)


@pytest.fixture
def tls(desk: Desk) -> Any:
    return BoundedTls(cast(Any, Creator()), desk.site, cast(Any, desk.clock), Connections(30, 10))


def connect(tls: Any, host: str) -> Any:
    address = IPv4Address("TCP", host, 1)
    protocol = tls.buildProtocol(address)
    if protocol is not None:
        make: Any = Socket
        protocol.makeConnection(make(peerAddress=address))
    return protocol


def test_a_tenth_too_many_are_told_so_and_the_rest_is_closed(tls: Any) -> None:
    made = Creator.made
    protocols = [connect(tls, "192.0.2.1") for _ in range(13)]
    rooms = [p and p.wrappedProtocol.has_room for p in protocols]
    assert rooms == [True] * 10 + [False] + [None] * 2
    # For those that were closed not even TLS was begun.
    assert Creator.made - made == 11
    assert connect(tls, "192.0.2.2").wrappedProtocol.has_room
    protocols[0].connectionLost(Failure(ConnectionLost()))
    protocols[1].connectionLost(Failure(ConnectionLost()))
    assert connect(tls, "192.0.2.1").wrappedProtocol.has_room
    assert tls.connections.number == 11


def test_the_total_is_bounded_too(tls: Any) -> None:
    protocols = [connect(tls, f"192.0.2.{number}") for number in range(36)]
    rooms = [p and p.wrappedProtocol.has_room for p in protocols]
    assert rooms == [True] * 30 + [False] * 3 + [None] * 3


def test_those_that_find_no_room_are_logged_within_bounds(desk: Desk, tls: Any) -> None:
    def flood() -> None:
        for _ in range(111):
            connect(tls, "192.0.2.1")

    words = "connection closed at once: too many of this address, from 192.0.2.1"
    log = logged(flood)
    assert log.count("answered with 503: too many of this address") == 1
    # Five lines of one address; then they are counted.
    assert log.count(words) == 4
    assert words not in logged(flood)
    log = logged(lambda: desk.clock.advance(60))
    assert "closed at once: too many of this address: 207" in log
    assert logged(flood).count(words) == 5


def test_those_that_find_no_room_are_counted(tls: Any) -> None:
    for _ in range(13):
        connect(tls, "192.0.2.1")
    refused = "connections_refused_total{answer=%s,limit=of this address}"
    counted = values(tls.metrics.registry)
    assert counted[refused % "answered with 503"] == 1
    assert counted[refused % "closed at once"] == 2


def test_the_limit_that_was_met_is_named(tls: Any) -> None:
    def flood() -> None:
        for number in range(36):
            connect(tls, f"192.0.2.{number}")

    log = logged(flood)
    for number, what in ((30, "answered with 503"), (33, "closed at once")):
        line = f"connection {what}: too many of all addresses together, from 192.0.2.{number}"
        assert line in log


def test_a_handshake_that_does_not_end_is_cut_off(desk: Desk, tls: Any) -> None:
    protocol = connect(tls, "192.0.2.1")
    transport = protocol.transport
    desk.clock.advance(limits.HANDSHAKE_DEADLINE_SECONDS - 1)
    assert not transport.disconnecting
    desk.clock.advance(1)
    assert transport.disconnected
    log = logged(lambda: protocol.connectionLost(Failure(ConnectionLost())))
    assert log.count("TLS handshake failed: not complete in time, from 192.0.2.1") == 1
    assert tls.connections.number == 0
    assert desk.clock.getDelayedCalls() == []
