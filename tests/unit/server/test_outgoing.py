"""Large answers: in pieces, as fast as the client reads, and not for ever."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest
from lxml import etree
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import OPHAAL
from digipoort_wus.server import resources
from digipoort_wus.server.http import HttpAnswer
from digipoort_wus.server.outgoing import PIECE
from digipoort_wus.server.workers import INLINE_BELOW
from tests.unit.server.test_site import Desk, closing, desk, finish, logged, post, queue, status

__all__ = ["desk", "queue"]
SIZE = 10 * PIECE + 7


class SlowTransport(StringTransport):
    """A client that reads when a test says so: every piece fills the transport."""

    def write(self, data: bytes) -> None:
        super().write(data)  # type: ignore[no-untyped-call]
        if len(data) >= PIECE and self.producer is not None:
            self.producer.pauseProducing()


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Let every answer be large."""
    body = bytes(range(256)) * (SIZE // 256 + 1)
    monkeypatch.setattr(resources, "answer", lambda *_: HttpAnswer(200, body[:SIZE]))
    return body[:SIZE]


def ask(desk: Desk, *headers: str) -> "tuple[Any, SlowTransport]":
    site: Any = desk.site
    channel: Any = site.buildProtocol(None)
    make: Callable[[], SlowTransport] = SlowTransport
    transport = make()
    channel.makeConnection(transport)
    channel.dataReceived(post(b"x", *headers))
    finish(desk.pending[-1])
    return channel, transport


def body_of(transport: StringTransport) -> bytes:
    return bytes(transport.value().partition(b"\r\n\r\n")[2])


def is_gone(transport: StringTransport) -> bool:
    return bool(transport.disconnected)


def test_a_client_that_reads_gets_it_all(desk: Desk, large: bytes) -> None:
    channel, transport = ask(desk)
    assert len(body_of(transport)) == PIECE
    assert desk.site.budget.octets == 1 + SIZE
    busy = desk.resource.drained()
    for _ in range(10):
        assert not busy.called
        channel.resumeProducing()
    assert body_of(transport) == large
    assert desk.site.budget.octets == 0
    assert busy.called
    # And the connection goes on.
    channel.dataReceived(post(b"refuse"))
    assert body_of(transport).count(b"HTTP/1.1 500") == 1


def test_connection_close_waits_for_the_last_piece(desk: Desk, large: bytes) -> None:
    channel, transport = ask(desk, "Connection: close")
    for _ in range(10):
        assert not closing(transport)
        channel.resumeProducing()
    assert body_of(transport) == large
    assert closing(transport)


def test_a_client_that_reads_nothing_is_dropped(desk: Desk, large: bytes) -> None:
    channel, transport = ask(desk)
    desk.clock.advance(limits.ANSWER_STALL_SECONDS)
    assert not is_gone(transport)
    # Nothing more since the last look.
    desk.clock.advance(limits.ANSWER_STALL_SECONDS)
    assert is_gone(transport)
    channel.connectionLost(Failure(ConnectionLost()))
    assert desk.site.budget.octets == 0
    assert desk.resource.drained().called
    assert desk.clock.getDelayedCalls() == []


def test_a_client_that_reads_too_slowly_is_dropped_in_the_end(desk: Desk, large: bytes) -> None:
    channel, transport = ask(desk)
    for _ in range(limits.REQUEST_DEADLINE_SECONDS // 50 - 2):
        desk.clock.advance(50)
        assert not is_gone(transport)
        if len(body_of(transport)) < 9 * PIECE:
            channel.resumeProducing()
    desk.clock.advance(200)
    assert is_gone(transport)


def test_a_client_that_leaves_ends_it(desk: Desk, large: bytes) -> None:
    channel, transport = ask(desk)
    log = logged(lambda: channel.connectionLost(Failure(ConnectionLost())))
    assert desk.site.budget.octets == 0
    assert desk.resource.drained().called
    assert "Unhandled" not in log
    assert len(body_of(transport)) == PIECE


class Fetch:
    """A question whose answer brings messages."""

    service, operation = OPHAAL, OPHAAL.operations[0]
    parts = ()
    confirms = suite = None
    body_child = etree.Element("request")

    class caller:
        oin = "00000099000000002000"
        message_id = "urn:uuid:1"


@pytest.fixture
def fetches(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(resources, "open_request", lambda *_: Fetch())
    return desk


def test_two_large_answers_at_a_time_are_made(fetches: Desk, queue: Any, large: bytes) -> None:
    connections = [fetches.connect() for _ in range(4)]
    for channel, _ in connections:
        channel.dataReceived(post(b"x"))
    assert len(fetches.pending) == 2
    finish(fetches.pending[0])
    # It is signed in a thread, and its turn lasts until then.
    assert len(fetches.pending) == 2
    queue.pop()()
    assert status(connections[0][1]) == 200
    assert len(fetches.pending) == 3
    fetches.pending[1].set_exception(Refusal(checks.KENMERK_KNOWN))
    assert status(connections[1][1]) == 500
    assert len(fetches.pending) == 4


def test_whoever_leaves_before_his_turn_is_told_nothing(fetches: Desk, queue: Any) -> None:
    """Nothing is marked as fetched for somebody who is gone."""
    connections = [fetches.connect() for _ in range(3)]
    for channel, _ in connections:
        channel.dataReceived(post(b"x"))
    connections[2][0].connectionLost(Failure(ConnectionLost()))
    for future in list(fetches.pending):
        finish(future)
        queue.pop()()
    assert len(fetches.pending) == 2
    assert fetches.resource.drained().called


def test_whoever_does_not_read_gets_no_more(fetches: Desk, queue: Any, large: bytes) -> None:
    fetches.site.budget.most = SIZE
    _, first = ask(fetches)
    queue.pop()()
    assert status(first) == 200
    assert fetches.site.budget.octets > SIZE
    channel, second = fetches.connect()
    channel.dataReceived(post(b""))
    assert status(second) == 503
    assert b"[HTTP-BUSY]" in second.value()
    assert len(fetches.pending) == 1


def test_long_lists_and_large_requests_are_signed_in_a_thread(
    desk: Desk, queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = etree.Element("rows")
    for _ in range(resources.LONG_LIST):
        etree.SubElement(rows, "row")
    for element, parts, in_thread in (
        (etree.Element("row"), (), False),
        (rows, (), True),
        (etree.Element("row"), (bytes(INLINE_BELOW),), True),
    ):
        opened: Any = type("Opened", (Fetch,), {"parts": parts, "service": None})
        monkeypatch.setattr(resources, "open_request", lambda *_, opened=opened: opened())
        assert resources._is_large(opened(), element) is in_thread


def test_a_future_that_fails_gives_its_turn_back(fetches: Desk) -> None:
    for _ in range(3):
        channel, transport = fetches.connect()
        channel.dataReceived(post(b"x"))
        future: Future[etree._Element] = fetches.pending[-1]
        logged(partial(future.set_exception, RuntimeError("broken")))
        assert status(transport) == 500
    assert len(fetches.pending) == 3
