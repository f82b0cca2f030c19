"""The operator's port: what it answers, and what it does not."""

from concurrent.futures import Future
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, Counter
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import StringTransport

from digipoort_wus.server.admin import AdminResource, AdminSite
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.server.readiness import Finding, Findings
from digipoort_wus.server.workers import Workers
from tests.unit.server.test_site import Clock, closing, status

WELL = Finding("process", True, "turns")
ILL = Finding("engine", False, "has ended")


class Ready:
    """Readiness as a test wants it."""

    def __init__(self) -> None:
        self.found: Findings = (WELL,)
        self.later: Deferred[Findings] | None = None

    def look(self) -> "Deferred[Findings]":
        return succeed(self.found) if self.later is None else self.later


class Port:
    """The site on a clock, with what it looks at."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        make: Any = Clock
        self.ready = Ready()
        self.health: Findings = (WELL,)
        self.registry = CollectorRegistry()
        reactor = cast(Reactor, make())
        resource = AdminResource(
            lambda: self.health,
            cast(Any, self.ready),
            self.registry,
            reactor=reactor,
            workers=cast(Workers, self),
            host=host,
        )
        self.site = AdminSite(resource, reactor)

    def submit(self, work: Any) -> Any:
        future: Future[object] = Future()
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)
        return future

    def connect(self) -> tuple[Any, StringTransport]:
        channel = self.site.buildProtocol(cast(Any, None))
        transport = StringTransport()
        if channel is not None:
            cast(Any, channel).makeConnection(transport)
        return channel, transport

    def ask(self, line: str, host: str = "localhost") -> StringTransport:
        channel, transport = self.connect()
        channel.dataReceived(f"{line} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return transport


@pytest.fixture
def port() -> Port:
    return Port()


def body(transport: StringTransport) -> bytes:
    octets: bytes = transport.value()
    return octets.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_one_thing_that_is_not_well_is_enough(port: Port, path: str) -> None:
    good = port.ask(f"GET {path}")
    assert (status(good), body(good)) == (
        200,
        b'{"check": "process", "ok": true, "text": "turns"}\n',
    )
    port.health = (WELL, ILL)
    port.ready.found = (WELL, ILL)
    bad = port.ask(f"GET {path}")
    assert status(bad) == 503
    assert body(bad).endswith(b'{"check": "engine", "ok": false, "text": "has ended"}\n')
    assert b"Cache-Control: no-store" in bad.value()
    head = port.ask(f"HEAD {path}")
    assert (status(head), body(head)) == (503, b"")


def test_who_left_before_the_answer_is_not_written_to(port: Port) -> None:
    port.ready.later = Deferred()
    channel, transport = port.connect()
    channel.dataReceived(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    channel.connectionLost()
    port.ready.later.callback((WELL,))
    assert transport.value() == b""


def test_metrics_are_those_of_the_registry(port: Port) -> None:
    Counter("filings", "How many.", registry=port.registry).inc(3)
    assert b"\nfilings_total 3.0\n" in body(port.ask("GET /metrics"))


def test_metrics_that_cannot_be_collected_are_an_error(port: Port) -> None:
    class Broken:
        def collect(self) -> Any:
            raise RuntimeError("999911120")

    port.registry.register(cast(Any, Broken()))
    answer = port.ask("GET /metrics")
    assert (status(answer), body(answer)) == (500, b"see the log\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [("POST /metrics", 405), ("DELETE /healthz", 405), ("GET /", 404), ("GET /healthz/", 404)],
)
def test_nothing_else_is_there(port: Port, line: str, expected: int) -> None:
    transport = port.ask(line)
    assert status(transport) == expected
    assert closing(transport)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", 200),
        ("LOCALHOST.:9090", 200),
        ("127.0.0.1", 200),
        ("127.0.0.1:9090", 200),
        ("[::1]:9090", 200),
        ("[::1]", 200),
        ("192.0.2.7", 200),
        ("evil.example", 400),
        ("evil.example:9090", 400),
        ("localhost.evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
    ],
)
def test_a_page_that_had_its_name_led_here_reads_nothing(
    port: Port, host: str, expected: int
) -> None:
    for path in ("/metrics", "/readyz"):
        assert status(port.ask(f"GET {path}", host)) == expected


def test_who_listens_beyond_this_machine_is_called_by_any_name() -> None:
    port = Port("192.0.2.7")
    assert status(port.ask("GET /healthz", "gateway-1.internal:9090")) == 200


def test_a_body_is_bounded(port: Port) -> None:
    channel, transport = port.connect()
    channel.dataReceived(
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000
    )
    assert status(transport) == 503


def test_connections_are_bounded(port: Port) -> None:
    channels = [port.connect()[0] for _ in range(51)]
    assert None not in channels[:50]
    assert channels[50] is None
    channels[0].connectionLost()
    assert port.connect()[0] is not None
