"""Bounds on connections and requests: on a transport in memory, with a clock that is turned."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast

import pytest
from lxml import etree
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from digipoort_wus import checks, limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import AANLEVER, SERVICES, Service
from digipoort_wus.process.later import Later
from digipoort_wus.server import resources
from digipoort_wus.server.channel import BoundedChannel
from digipoort_wus.server.futures import to_deferred
from digipoort_wus.server.gate import Gate, Opened, Rejected
from digipoort_wus.server.http import HttpAnswer, HttpRequest
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.server.resources import WusResource
from digipoort_wus.server.services import Services
from digipoort_wus.server.site import BoundedSite
from digipoort_wus.server.workers import INLINE_BELOW
from digipoort_wus.wss.policy import DIGIPOORT_1_2
from digipoort_wus.xmlsafe.splice import LargeTexts

PATH = AANLEVER.paths[0]
MEBIBYTE = 1_048_576


class Clock(MemoryReactorClock):
    """A reactor whose time stands still; there is one thread only."""

    def callFromThread(self, f: Callable[..., object], *args: object) -> None:
        f(*args)


@dataclass
class Desk:
    """A site on a clock, whose gate and services a test plays."""

    clock: "Clock"
    resource: WusResource
    site: BoundedSite
    seen: list[bytes]
    pending: "list[Future[etree._Element]]"

    def connect(self, peer: IPv4Address | None = None) -> "tuple[BoundedChannel, StringTransport]":
        site: Any = self.site
        channel: Any = site.buildProtocol(None)
        assert isinstance(channel, BoundedChannel)
        transport = StringTransport(peerAddress=peer)
        make_connection: Any = channel.makeConnection
        make_connection(transport)
        return channel, transport


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    make: Callable[[], Clock] = cast(Any, Clock)
    clock = make()
    seen: list[bytes] = []
    pending: list[Future[etree._Element]] = []

    def open_request(_gate: Gate, _service: object, request: HttpRequest) -> "Opened | Rejected":
        seen.append(request.body)
        if request.body.startswith(b"crash"):
            raise RuntimeError("a mistake of ours about 999911120")
        if request.body.startswith(b"refuse"):
            return Rejected(AANLEVER, None, None, Refusal(checks.XML_WELL_FORMED))
        return cast(Opened, _Opened())

    def admit(_: Opened) -> "Future[None]":
        admitted: Future[None] = Future()
        admitted.set_result(None)
        return admitted

    def dispatch(_: Opened, _texts: LargeTexts, _later: Later) -> "Future[etree._Element]":
        future: Future[etree._Element] = Future()
        pending.append(future)
        return future

    def answer(_gate: Gate, _opened: Opened, element: etree._Element, _: object) -> HttpAnswer:
        return HttpAnswer(200, etree.tostring(element))

    monkeypatch.setattr(resources, "open_request", open_request)
    monkeypatch.setattr(resources, "answer", answer)
    reactor = cast(Reactor, clock)
    gate = cast(Gate, _Gate())
    resource = WusResource(Services(dict.fromkeys(SERVICES, gate), admit, dispatch), reactor)
    return Desk(clock, resource, BoundedSite(resource, reactor, resource.judge), seen, pending)


class _Caller:
    oin = "00000099000000002000"
    message_id = "urn:uuid:1"


class _Opened:
    service, operation, caller = AANLEVER, AANLEVER.operations[0], _Caller()
    confirms = suite = None
    parts = ()
    body_child = etree.Element("request")


class _Gate:
    explain_faults, policy = True, DIGIPOORT_1_2

    @staticmethod
    def new_message_id() -> str:
        return "urn:uuid:2"


def post(body: bytes, *headers: str, length: int | None = None) -> bytes:
    count = len(body) if length is None else length
    lines = [
        f"POST {PATH} HTTP/1.1",
        "Host: localhost",
        "Content-Type: text/xml",
        f"Content-Length: {count}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def status(transport: StringTransport) -> int | None:
    value = transport.value()
    return int(value.split()[1]) if value else None


def check(transport: StringTransport) -> str:
    """Return the identifier of the check in a refusal of one line."""
    body = transport.value().partition(b"\r\n\r\n")[2]
    assert body.startswith(b"["), body
    assert body.count(b"\n") == 1
    return str(body[1:].partition(b"]")[0], "ascii")


def closing(transport: StringTransport) -> bool:
    return bool(transport.disconnecting)


def finish(future: "Future[etree._Element]") -> None:
    future.set_result(etree.Element("done"))


def logged(during: Callable[[], object]) -> str:
    events: list[LogEvent] = []
    observer = cast(ILogObserver, events.append)
    globalLogPublisher.addObserver(observer)
    try:
        during()
    finally:
        globalLogPublisher.removeObserver(observer)
    return "\n".join(str(event) for event in events)


# --- Deadlines -----------------------------------------------------------------


def drip(desk: Desk, channel: BoundedChannel, transport: StringTransport, octets: bytes) -> float:
    """Send an octet a second until the connection is closed; return after how many seconds."""
    for second, octet in enumerate(octets):
        if transport.disconnecting:
            return second
        channel.dataReceived(bytes([octet]))
        desk.clock.advance(1)
    raise AssertionError("never closed")


def test_a_head_that_drips_is_cut_off(desk: Desk) -> None:
    channel, transport = desk.connect()
    seconds = drip(desk, channel, transport, post(b"x", f"X-Long: {'x' * 500}"))
    assert seconds == limits.HEADER_DEADLINE_SECONDS
    assert (status(transport), check(transport)) == (408, "HTTP-DEADLINE")
    assert desk.seen == []


def test_a_body_that_drips_is_cut_off(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"", length=1_000))
    seconds = drip(desk, channel, transport, b"x" * 1_000)
    assert seconds == limits.BODY_WINDOW_SECONDS
    assert (status(transport), check(transport)) == (408, "HTTP-DEADLINE")
    assert desk.seen == []


def test_a_body_that_is_just_fast_enough_is_cut_off_in_the_end(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"", length=limits.WIRE_MAX_BYTES))
    piece = b"x" * limits.BODY_MIN_RATE
    for second in range(limits.BODY_DEADLINE_SECONDS):
        assert not transport.value(), second
        channel.dataReceived(piece)
        desk.clock.advance(1)
    assert (status(transport), check(transport)) == (408, "HTTP-DEADLINE")


def test_a_body_that_came_fast_and_stops_is_cut_off_soon(desk: Desk) -> None:
    """An average from the start on would let it wait for an hour."""
    channel, transport = desk.connect()
    channel.dataReceived(post(b"x" * 40 * MEBIBYTE, length=limits.WIRE_MAX_BYTES))
    assert desk.site.budget.octets == 40 * MEBIBYTE
    desk.clock.advance(limits.BODY_WINDOW_SECONDS)
    assert not transport.value()
    desk.clock.advance(limits.BODY_WINDOW_SECONDS)
    assert status(transport) == 408
    assert desk.site.budget.octets == 0


def test_the_deadline_of_a_second_request_is_its_own(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"refuse"))
    assert status(transport) == 500
    desk.clock.advance(limits.HEADER_DEADLINE_SECONDS + 5)
    assert not transport.disconnecting
    assert drip(desk, channel, transport, post(b"x" * 900)) == limits.HEADER_DEADLINE_SECONDS


def test_a_connection_without_a_request_is_closed(desk: Desk) -> None:
    channel, transport = desk.connect()
    desk.clock.advance(61)
    assert transport.disconnecting
    # Also when one was answered before.
    channel, transport = desk.connect()
    channel.dataReceived(post(b"refuse"))
    desk.clock.advance(59)
    assert not transport.disconnecting
    desk.clock.advance(2)
    assert transport.disconnecting


def test_a_client_that_stays_after_the_deadline_is_thrown_out(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(b"POST ")
    desk.clock.advance(limits.HEADER_DEADLINE_SECONDS)
    assert transport.disconnecting
    desk.clock.advance(20)
    assert transport.disconnected


def test_the_time_of_the_answer_is_not_the_clients(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"x"))
    desk.clock.advance(limits.REQUEST_DEADLINE_SECONDS - 1)
    assert not transport.disconnecting
    finish(desk.pending[0])
    assert status(transport) == 200


def test_a_request_that_nobody_answers_ends_some_time(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"x"))
    desk.clock.advance(limits.REQUEST_DEADLINE_SECONDS)
    assert transport.disconnected
    channel.connectionLost(Failure(ConnectionLost()))
    finish(desk.pending[0])
    assert transport.value() == b""
    assert desk.clock.getDelayedCalls() == []


def test_an_old_connection_is_closed_behind_its_next_answer(desk: Desk) -> None:
    channel, transport = desk.connect()
    for _ in range(limits.SESSION_MAX_SECONDS // 50):
        channel.dataReceived(post(b"refuse"))
        assert b"Connection: close" not in transport.value()
        transport.clear()
        desk.clock.advance(50)
    channel.dataReceived(post(b"refuse"))
    assert b"Connection: close" in transport.value()
    assert transport.disconnecting


def test_whoever_was_told_to_go_is_thrown_out(desk: Desk) -> None:
    """TLS waits for the other's close, which may never come."""
    for octets, seconds in ((post(b"refuse", "Connection: close"), 60), (b"\xff\r\n", 15)):
        channel, transport = desk.connect()
        channel.dataReceived(octets)
        assert transport.disconnecting
        desk.clock.advance(seconds - 1)
        assert not transport.disconnected
        desk.clock.advance(1)
        assert transport.disconnected


def test_a_lost_connection_leaves_no_timer(desk: Desk) -> None:
    for octets in (b"", b"POST ", post(b"", length=10), post(b"refuse")):
        channel, _ = desk.connect()
        if octets:
            channel.dataReceived(octets)
        channel.connectionLost(Failure(ConnectionDone()))
    assert desk.clock.getDelayedCalls() == []


# --- Size ----------------------------------------------------------------------


def test_a_body_at_the_limit_is_read_and_stays_in_memory(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"refuse", length=limits.WIRE_MAX_BYTES))
    piece = b"x" * MEBIBYTE
    left = limits.WIRE_MAX_BYTES - len(b"refuse")
    while left:
        channel.dataReceived(piece[:left])
        left -= min(left, len(piece))
    assert len(desk.seen[0]) == limits.WIRE_MAX_BYTES
    assert status(transport) == 500


@pytest.mark.parametrize("length", [limits.WIRE_MAX_BYTES + 1, 10**18])
def test_a_body_over_the_limit_is_refused_before_it_is_read(desk: Desk, length: int) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"", length=length))
    assert status(transport) == 413
    assert transport.value().endswith(f"received: {length} (ours)\n".encode())
    before = transport.value()
    for _ in range(40):
        channel.dataReceived(b"x" * MEBIBYTE)
    assert transport.value() == before
    assert desk.site.budget.octets == 0
    assert transport.disconnecting is False
    for _ in range(limits.DISCARD_SECONDS - 1):
        desk.clock.advance(1)
        channel.dataReceived(b"x")
    assert not closing(transport)
    desk.clock.advance(1)
    assert closing(transport)
    assert desk.seen == []


def test_whoever_sends_no_more_of_a_refused_body_is_not_waited_for(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"", length=10**9))
    desk.clock.advance(1)
    assert closing(transport)
    # What comes now is still read, for a while: a connection that is reset loses its answer.
    channel.dataReceived(b"x" * 1_000)
    assert not transport.disconnected
    desk.clock.advance(15)
    assert transport.disconnected


def test_what_is_thrown_away_is_bounded_too(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"", length=10**9))
    for _ in range(limits.WIRE_MAX_BYTES // MEBIBYTE):
        channel.dataReceived(b"x" * MEBIBYTE)
    assert not transport.disconnected
    channel.dataReceived(b"x" * MEBIBYTE)
    assert transport.disconnected


def test_a_refused_body_that_has_come_whole_ends_the_connection(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"x" * 10, "Content-Encoding: gzip", length=1_000))
    assert (status(transport), check(transport)) == (415, "HTTP-ENCODING")
    channel.dataReceived(b"x" * 989)
    assert not closing(transport)
    channel.dataReceived(b"x")
    assert closing(transport)
    assert desk.seen == []


def test_chunks_are_counted(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    chunk = b"100000\r\n" + b"x" * MEBIBYTE + b"\r\n"
    for _ in range(42):
        channel.dataReceived(chunk)
        assert transport.value() == b""
    # The rest comes in one piece: it is answered once.
    channel.dataReceived(chunk * 3 + b"0\r\n\r\n" + post(b"refuse"))
    assert transport.value().count(b"HTTP/1.1") == 1
    assert status(transport) == 413
    assert desk.seen == []


@pytest.mark.parametrize("piece", [1, 3, 7, 100_000])
def test_chunks_that_are_none_are_answered_once(desk: Desk, piece: int) -> None:
    octets = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n".encode()
    ) + post(b"refuse")
    channel, transport = desk.connect()
    for start in range(0, len(octets), piece):
        channel.dataReceived(octets[start : start + piece])
    assert (status(transport), check(transport)) == (400, "HTTP-FRAMING")
    assert transport.disconnecting
    assert desk.seen == []


def test_a_chunked_body_is_taken_whole(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2\r\nre\r\n4\r\nfuse\r\n0\r\n\r\n".encode()
    )
    assert desk.seen == [b"refuse"]
    assert status(transport) == 500


# --- What all may hold together --------------------------------------------------------


def test_a_body_holds_what_came_until_it_is_answered(desk: Desk) -> None:
    budget = desk.site.budget
    channel, transport = desk.connect()
    channel.dataReceived(post(b"x" * 600, length=1_000))
    assert budget.octets == 600
    channel.dataReceived(b"x" * 400)
    assert (budget.octets, len(desk.seen)) == (1_000, 1)
    finish(desk.pending[0])
    assert status(transport) == 200
    assert budget.octets == 0
    for end in (b"", b"x" * 500):
        channel, _ = desk.connect()
        channel.dataReceived(post(b"x" * 500, length=1_000) + end)
        channel.connectionLost(Failure(ConnectionLost()))
        # Its work goes on, and holds it.
        assert budget.octets == (1_000 if end else 0)
    finish(desk.pending[1])
    assert budget.octets == 0


def test_a_body_too_many_is_refused(desk: Desk) -> None:
    desk.site.budget.most = 2_000
    first, one = desk.connect()
    first.dataReceived(post(b"x" * 900, length=5_000))
    second, two = desk.connect()
    second.dataReceived(post(b"x" * 200, length=300))
    assert (status(two), check(two)) == (503, "HTTP-BUSY")
    assert b"\r\nRetry-After: 30\r\n" in two.value()
    assert b"\r\nConnection: close\r\n" in two.value()
    assert desk.site.budget.octets == 900
    # The rest of it is thrown away; then the connection ends.
    assert not closing(two)
    second.dataReceived(b"x" * 100)
    assert closing(two)
    assert one.value() == b""


def test_another_address_makes_the_first_give_way(desk: Desk) -> None:
    desk.site.budget.most = 1_000
    other = IPv4Address("TCP", "198.51.100.1", 1)
    first, one = desk.connect()
    first.dataReceived(post(b"x" * 500, length=5_000))
    second, two = desk.connect(IPv4Address("TCP", "203.0.113.1", 1))
    second.dataReceived(post(b"x" * 450, length=5_000))
    third, three = desk.connect(other)
    third.dataReceived(post(b"refuse" + b"x" * 200))
    assert status(three) == 500
    assert (status(one), check(one)) == (503, "HTTP-BUSY")
    assert two.value() == b""
    assert desk.site.budget.octets == 450


def test_a_connection_too_many_is_told_so(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.has_room = False
    channel.dataReceived(post(b"refuse"))
    assert (status(transport), check(transport)) == (503, "HTTP-BUSY")
    assert desk.seen == []
    assert closing(transport)


# --- Requests that are no requests ------------------------------------------------


def test_exactly_one_host(desk: Desk) -> None:
    for hosts, version, expected in (
        ((), "1.1", 400),
        (("Host: a", "Host: a"), "1.1", 400),
        (("Host: a", "Host: b"), "1.0", 400),
        (("host: a",), "1.1", 500),
        ((), "1.0", 500),
    ):
        channel, transport = desk.connect()
        lines = [f"POST {PATH} HTTP/{version}", *hosts, "Content-Type: text/xml"]
        lines += ["Content-Length: 6", "", "refuse"]
        channel.dataReceived("\r\n".join(lines).encode())
        assert status(transport) == expected
        assert expected == 500 or check(transport) == "HTTP-HOST"


def test_a_line_that_never_ends_is_answered(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(b"POST /" + b"x" * 20_000)
    assert (status(transport), check(transport)) == (431, "HTTP-HEADERS")
    assert transport.disconnecting
    channel.dataReceived(b"x" * 20_000)
    assert transport.value().count(b"HTTP/1.1 ") == 1


def test_a_length_of_thousands_of_digits_is_answered(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n"
    )
    assert (status(transport), check(transport)) == (400, "HTTP-FRAMING")


def test_nothing_is_read_behind_a_bad_request(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nContent-Length: 6\r\n"
        "X: 1\r\n".encode()
    )
    assert status(transport) == 400
    for line in (b"Content-Type: text/xml\r\n", b"\r\n", b"refuse"):
        channel.dataReceived(line)
    assert transport.value().count(b"HTTP/1.1 ") == 1
    assert desk.seen == []


FRAMING = {
    "bare LF": b"POST / HTTP/1.1\nHost: x\n\n",
    "bare LF in a header": b"POST / HTTP/1.1\r\nHost: x\r\nX: 1\nY: 2\r\n\r\n",
    "bare CR": b"POST / HTTP/1.1\r\nHost: x\r\nX: 1\rY: 2\r\n\r\n",
    "NUL": b"POST / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n",
    "folded": b"POST / HTTP/1.1\r\nHost: x\r\nX: 1\r\n 2\r\n\r\n",
    "space before the first header": b"POST / HTTP/1.1\r\n Host: x\r\n\r\n",
    "two spaces": b"POST  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"POST /\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": b"POST / HTTP/1.2\r\nHost: x\r\n\r\n",
    "lower case": b"POST / http/1.1\r\nHost: x\r\n\r\n",
    "method": b"PO(ST / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "two empty lines": b"\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\n\r\n",
    "CL.CL": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "CL.TE": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked"
    b"\r\n\r\n",
    "TE.CL": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1"
    b"\r\n\r\n",
    "TE.TE": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
    b"chunked\r\n\r\n",
}


@pytest.mark.parametrize("name", FRAMING)
@pytest.mark.parametrize("piece", [1, 100_000], ids=["octet by octet", "at once"])
def test_what_can_be_read_in_two_ways_ends_the_connection(
    desk: Desk, name: str, piece: int
) -> None:
    octets = FRAMING[name] + post(b"refuse")
    channel, transport = desk.connect()
    for start in range(0, len(octets), piece):
        channel.dataReceived(octets[start : start + piece])
    assert (status(transport), check(transport)) == (400, "HTTP-FRAMING")
    assert closing(transport)
    assert desk.seen == []


HEADERS = {
    "101 headers": "".join(f"X-{n}: 1\r\n" for n in range(100)),
    "together too long": "".join(f"X-{n}: {'x' * 1_000}\r\n" for n in range(17)),
    "one too long": f"X: {'x' * 17_000}\r\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_are_bounded(desk: Desk, name: str) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(f"POST {PATH} HTTP/1.1\r\nHost: x\r\n{HEADERS[name]}\r\n".encode())
    assert (status(transport), check(transport)) == (431, "HTTP-HEADERS")
    assert closing(transport)


def test_a_hundred_headers_are_not_too_many(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"refuse", *(f"X-{n}: 1" for n in range(97))))
    assert status(transport) == 500


def test_expect_is_answered_before_the_body(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"", "Expect: 100-continue", length=6))
    assert transport.value() == b"HTTP/1.1 100 Continue\r\n\r\n"
    transport.clear()
    channel.dataReceived(b"refuse")
    assert status(transport) == 500
    for header, expected in (("Content-Encoding: gzip", 415), ("Host: b", 400)):
        channel, transport = desk.connect()
        channel.dataReceived(post(b"", "Expect: 100-continue", header, length=6))
        assert status(transport) == expected
        assert transport.value().count(b"HTTP/1.1 ") == 1


def test_head_is_refused_without_a_body(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(b"HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status(transport) == 404
    assert transport.value().endswith(b"\r\n\r\n")


def test_a_form_is_not_read_as_one(desk: Desk) -> None:
    """Twisted would parse it before the resource refuses it: here it has no fields."""
    channel, transport = desk.connect()
    octets = post(b"a=1&" * 10).replace(b"text/xml", b"application/x-www-form-urlencoded")
    channel.dataReceived(octets)
    assert status(transport) == 415
    channel.dataReceived(octets.replace(b"x-www-form-urlencoded", b"x-other"))
    multipart = post(b"nonsense").replace(b"text/xml", b"multipart/form-data; boundary=")
    channel, transport = desk.connect()
    channel.dataReceived(multipart)
    assert status(transport) == 415


# --- Answers --------------------------------------------------------------------


def test_a_mistake_of_ours_is_a_fault_and_its_text_goes_nowhere(desk: Desk) -> None:
    channel, transport = desk.connect()
    log = logged(lambda: channel.dataReceived(post(b"crash")))
    assert status(transport) == 500
    assert b"ALS400" in transport.value()
    for text in (transport.value().decode(), log):
        assert "999911120" not in text
    assert "RuntimeError" in log


@pytest.mark.parametrize("error", [RuntimeError("999911120"), MemoryError(), KeyError("x")])
def test_a_process_that_fails_is_a_fault(desk: Desk, error: Exception) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"x"))
    log = logged(lambda: desk.pending[0].set_exception(error))
    assert status(transport) == 500
    assert b"ALS400" in transport.value()
    assert "999911120" not in log + transport.value().decode()


def test_when_not_even_a_fault_can_be_made_the_connection_closes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> HttpAnswer:
        raise RuntimeError("broken")

    monkeypatch.setattr(resources, "fault", broken)
    channel, transport = desk.connect()
    logged(lambda: channel.dataReceived(post(b"refuse")))
    assert transport.disconnecting
    assert transport.value() == b""
    assert desk.resource.drained().called


def test_a_client_that_left_is_not_written_to(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"x"))
    channel.connectionLost(Failure(ConnectionLost()))
    log = logged(lambda: finish(desk.pending[0]))
    assert transport.value() == b""
    assert "could not be written" not in log
    assert desk.resource.drained().called


def test_drained_waits_for_answers_that_are_being_made(desk: Desk) -> None:
    assert desk.resource.drained().called
    channels = [desk.connect() for _ in range(2)]
    for channel, _ in channels:
        channel.dataReceived(post(b"x"))
    waiting = [desk.resource.drained(), desk.resource.drained()]
    finish(desk.pending[0])
    assert not any(deferred.called for deferred in waiting)
    finish(desk.pending[1])
    assert all(deferred.called for deferred in waiting)


def test_written_waits_for_clients_that_read_slowly(desk: Desk) -> None:
    slow, _ = desk.connect()
    gone, _ = desk.connect()
    assert desk.site.written().called
    for channel in (slow, gone):
        channel.pauseProducing()  # the transport's buffer is full
    fired: list[None] = []
    desk.site.written().addCallback(fired.append)
    gone.connectionLost(Failure(ConnectionLost()))
    assert len(fired) == 0
    slow.resumeProducing()
    assert len(fired) == 1
    assert desk.site.written().called


def test_pipelined_requests_wait_for_each_other(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"first") + post(b"second") + post(b"refuse"))
    assert desk.seen == [b"first"]
    finish(desk.pending[0])
    assert desk.seen == [b"first", b"second"]
    finish(desk.pending[1])
    assert desk.seen == [b"first", b"second", b"refuse"]
    assert transport.value().count(b"HTTP/1.1 ") == 3
    # Those that are answered at once, too.
    transport.clear()
    channel.dataReceived(post(b"refuse") * 3)
    assert transport.value().count(b"HTTP/1.1 500") == 3


def test_what_is_pipelined_is_bounded(desk: Desk) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(b"first"))
    channel.dataReceived(post(b"x" * 20_000))
    assert transport.producerState == "paused"
    assert desk.seen == [b"first"]
    assert desk.site.budget.octets == len(b"first")
    finish(desk.pending[0])
    assert transport.producerState == "producing"
    assert len(desk.seen) == 2


@pytest.mark.parametrize(
    "path", ["/%1b%5b2J", "/\x7f", "/" + "x" * 300], ids=["escaped", "delete", "long"]
)
def test_a_path_is_logged_in_plain_ascii_and_in_part(desk: Desk, path: str) -> None:
    channel, _ = desk.connect()
    octets = post(b"x").replace(PATH.encode(), path.encode())
    log = logged(lambda: channel.dataReceived(octets))
    assert all(char == "\n" or " " <= char <= "~" for char in log)
    assert "x" * 100 not in log


# --- Large requests --------------------------------------------------------------


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> "list[Callable[[], None]]":
    """Play the threads: what is submitted waits here until the test runs it."""
    waiting: list[Callable[[], None]] = []

    def submit(work: Callable[[], object]) -> "Future[object]":
        future: Future[object] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)

        waiting.append(run)
        return future

    monkeypatch.setattr(desk.resource._workers, "submit", submit)
    return waiting


LARGE = b"x" * INLINE_BELOW


def test_a_large_request_is_opened_elsewhere_and_a_small_one_here(
    desk: Desk, queue: "list[Callable[[], None]]"
) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(LARGE))
    assert desk.seen == []
    other, _ = desk.connect()
    other.dataReceived(post(LARGE[:-1]))
    assert len(desk.seen) == 1
    (work,) = queue
    work()
    assert desk.seen[1:] == [LARGE]
    finish(desk.pending[1])
    assert status(transport) == 200


def test_a_client_that_leaves_before_the_turn_of_its_request(
    desk: Desk, queue: "list[Callable[[], None]]"
) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(LARGE))
    drained: list[None] = []
    desk.resource.drained().addCallback(drained.append)
    channel.connectionLost(Failure(ConnectionLost()))
    assert len(drained) == 0
    log = logged(queue[0])
    assert desk.seen == []
    assert desk.pending == []
    assert len(drained) == 1
    assert transport.value() == b""
    assert "left before" in log


def test_a_client_that_leaves_while_its_request_is_opened(
    desk: Desk, queue: "list[Callable[[], None]]", monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, transport = desk.connect()
    opened: Any = vars(resources)["open_request"]

    def leave(gate: Gate, service: Service, request: HttpRequest) -> "Opened | Rejected":
        channel.connectionLost(Failure(ConnectionLost()))
        result: Opened | Rejected = opened(gate, service, request)
        return result

    monkeypatch.setattr(resources, "open_request", leave)
    channel.dataReceived(post(LARGE))
    logged(queue[0])
    assert desk.seen == [LARGE]
    # Nothing is stored for somebody who cannot learn of it, and will repeat it.
    assert desk.pending == []
    assert transport.value() == b""
    assert desk.resource.drained().called


@pytest.mark.parametrize(("start", "code"), [(b"crash", b"ALS400"), (b"refuse", b"ALS100")])
def test_a_large_request_fails_as_a_small_one(
    desk: Desk, queue: "list[Callable[[], None]]", start: bytes, code: bytes
) -> None:
    channel, transport = desk.connect()
    channel.dataReceived(post(start + LARGE))
    logged(queue[0])
    assert status(transport) == 500
    assert code in transport.value()
    assert b"999911120" not in transport.value()


def test_twisted_does_not_keep_the_body(desk: Desk) -> None:
    channel, _ = desk.connect()
    channel.dataReceived(post(b"x" * 100))
    content = channel.requests[0].content
    assert content is not None
    assert content.read() == b""


def test_futures_become_deferreds(desk: Desk) -> None:
    reactor = cast(Reactor, desk.clock)
    done: Future[int] = Future()
    done.set_result(1)
    results: list[object] = []
    first = to_deferred(done, reactor)
    first.addCallback(lambda value: results.append(value))
    later: Future[int] = Future()
    second = to_deferred(later, reactor)
    second.addErrback(lambda failure: results.append(failure.value))
    assert (first.called, second.called) == (True, False)
    later.set_exception(KeyError("x"))
    assert results[0] == 1
    assert isinstance(results[1], KeyError)
