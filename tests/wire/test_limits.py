"""Slow and huge clients, over real mutual TLS: what they get, and that others notice nothing."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import pytest

from digipoort_wus import limits
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.pki.identity import load_pem
from digipoort_wus.testing.sandbox import SandboxGateway, sandbox_gateway
from tests.messages import XBRL, aanlever_body, envelope, query_body, signed
from tests.wire.conftest import (
    Running,
    Wire,
    client_context,
    head,
    request_for,
    served,
    with_pki,
)
from tests.wire.test_bad_input import resident

MEBIBYTE = 1_048_576


def connect(running: Running, source: str = "127.0.0.1") -> ssl.SSLSocket:
    """Return a TLS connection from one of this machine's many addresses."""
    raw = socket.create_connection(("127.0.0.1", running.port), 10, (source, 0))
    try:
        return client_context(running).wrap_socket(raw, server_hostname="localhost")
    except BaseException:
        raw.close()
        raise


def file_from(running: Running, source: str) -> int:
    """File something small from an address and return the status."""
    octets = request_for(running)
    with connect(running, source) as wire:
        wire.sendall(head(running.urls[0], len(octets)) + octets)
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        answer.read()
        return answer.status


# --- One answer for each kind of head ---------------------------------------------------

CHUNKED = "Transfer-Encoding: chunked\r\n"
HEADS: dict[str, tuple[str, int, str]] = {
    "bare LF": ("Content-Length: 0\nX: 1\r\n\r\n", 400, "HTTP-FRAMING"),
    "NUL": ("X: \0\r\n\r\n", 400, "HTTP-FRAMING"),
    "folded header": ("X: 1\r\n\t2\r\n\r\n", 400, "HTTP-FRAMING"),
    "CL.CL": ("Content-Length: 4\r\nContent-Length: 4\r\n\r\n<x/>", 400, "HTTP-FRAMING"),
    "CL.TE": (f"Content-Length: 4\r\n{CHUNKED}\r\n0\r\n\r\n", 400, "HTTP-FRAMING"),
    "+5": ("Content-Length: +4\r\n\r\n<x/>", 400, "HTTP-FRAMING"),
    "0x5": ("Content-Length: 0x4\r\n\r\n<x/>", 400, "HTTP-FRAMING"),
    "identity": ("Transfer-Encoding: identity\r\n\r\n<x/>", 400, "HTTP-FRAMING"),
    "gzip": ("Transfer-Encoding: gzip, chunked\r\n\r\n<x/>", 415, "HTTP-ENCODING"),
    "Content-Encoding": ("Content-Encoding: br\r\nContent-Length: 4\r\n\r\n<x/>", 415, "HTTP-ENC"),
    "chunk extension": (f"{CHUNKED}\r\n4;a=b\r\n<x/>\r\n0\r\n\r\n", 400, "HTTP-FRAMING"),
    "trailer": (f"{CHUNKED}\r\n4\r\n<x/>\r\n0\r\nX: 1\r\n\r\n", 400, "HTTP-FRAMING"),
    "chunk of 0x4": (f"{CHUNKED}\r\n0x4\r\n<x/>\r\n0\r\n\r\n", 400, "HTTP-FRAMING"),
    "chunk line of 1 kB": (f"{CHUNKED}\r\n{'0' * 1_000}4\r\n", 400, "HTTP-FRAMING"),
    "chunk of 4 GB": (f"{CHUNKED}\r\nFFFFFFFF\r\n", 413, "HTTP-SIZE"),
    "101 headers": ("X: 1\r\n" * 101 + "\r\n", 431, "HTTP-HEADERS"),
    "17 kB of headers": (f"X: {'x' * 17_000}\r\n\r\n", 431, "HTTP-HEADERS"),
    "another Host": ("Host: localhost\r\n\r\n", 400, "HTTP-HOST"),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_refusal_names_its_check_and_ends_the_connection(gateway: Running, name: str) -> None:
    rest, status, check = HEADS[name]
    path = gateway.urls[0].removeprefix(gateway.base)
    start = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
    behind = request_for(gateway)
    with Wire(gateway, seconds=10) as wire:
        with suppress(OSError):  # it may be closed before everything was sent
            wire.send((start + rest).encode("latin-1"))
            wire.send(head(gateway.urls[0], len(behind)) + behind)
        answer = wire.answer()
        assert answer.status == status
        assert answer.text.startswith(f"[{check}")
        assert answer.text.count("\n") == 1
        assert answer.headers["connection"] == "close"
        # What stands behind is never taken for a request.
        assert wire.closed()


def test_expect_is_answered_with_100_or_with_the_refusal(gateway: Running) -> None:
    octets = request_for(gateway)
    with Wire(gateway) as wire:
        wire.send(head(gateway.urls[0], len(octets), {"Expect": "100-continue"}))
        assert wire.answer(body=False).status == 100
        wire.send(octets)
        assert wire.answer().status == 200
    with Wire(gateway) as wire:
        fields = {"Expect": "100-continue", "Content-Type": "application/xml"}
        wire.send(head(gateway.urls[0], len(octets), fields))
        assert wire.answer().status == 415


def test_whoever_sends_20_mb_in_vain_reads_why(gateway: Running) -> None:
    """A connection that is cut off while its client still sends would explain nothing."""
    before = resident(gateway)
    answer = gateway.post(
        gateway.urls[0], b"x" * 20 * MEBIBYTE, **{"Content-Type": "application/xml"}
    )
    assert answer.status_code == 415
    assert answer.text.startswith("[HTTP-CONTENT-TYPE]")
    assert resident(gateway) - before < 5 * MEBIBYTE


def test_answers_come_in_the_order_of_the_requests(gateway: Running) -> None:
    slow = request_for(gateway, aanlever_body(reference="ZwaarbelastAanleveren"))
    fast = request_for(gateway, message_id="urn:uuid:fast")
    with Wire(gateway) as wire:
        for octets in (slow, fast):
            wire.send(head(gateway.urls[0], len(octets)) + octets)
        first, second = wire.answer(), wire.answer()
    assert "urn:uuid:fast" not in first.text
    assert "urn:uuid:fast" in second.text


# --- Too many -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway of its own: others would be counted with these."""
    with served(with_pki(tmp_path_factory.mktemp("crowded") / "data")) as running:
        yield running


def test_one_address_has_so_many_connections_and_others_have_theirs(crowded: Running) -> None:
    most = limits.MAX_CONNECTIONS_PER_ADDRESS
    octets = request_for(crowded)
    with ExitStack() as stack:
        wires = [stack.enter_context(connect(crowded)) for _ in range(most + most // 10)]
        with pytest.raises((ConnectionError, ssl.SSLError)):
            connect(crowded)
        for wire, status in ((wires[most - 1], 200), (wires[most], 503)):
            wire.sendall(head(crowded.urls[0], len(octets)) + octets)
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            assert answer.status == status
            assert status == 200 or answer.headers["Retry-After"] == "30"
            assert status == 200 or answer.read().startswith(b"[HTTP-BUSY]")
        assert file_from(crowded, "127.0.0.2") == 200
    end = time.monotonic() + 10
    while True:  # what was closed counts no longer
        with suppress(OSError):
            if file_from(crowded, "127.0.0.1") == 200:
                break
        assert time.monotonic() < end
        time.sleep(0.05)


def test_handshakes_that_do_not_end_are_no_bother(crowded: Running) -> None:
    before = resident(crowded)
    with ExitStack() as stack:
        for number in range(100):
            address = ("127.0.0.1", crowded.port)
            half = socket.create_connection(address, 10, (f"127.0.0.{3 + number % 2}", 0))
            stack.enter_context(half)
            half.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert file_from(crowded, "127.0.0.3") == 200
        assert resident(crowded) - before < 15 * MEBIBYTE


def test_half_sent_bodies_are_bounded_and_lock_nobody_out(crowded: Running) -> None:
    """Forty clients from four addresses: together 400 MB if nobody stopped them."""
    before, piece = resident(crowded), b"x" * MEBIBYTE
    with ExitStack() as stack:
        wires = []
        for number in range(40):
            wire = stack.enter_context(connect(crowded, f"127.0.0.{10 + number % 4}"))
            wire.sendall(head(crowded.urls[0], 44_000_000))
            wires.append(wire)
        peak = 0
        for _ in range(10):
            for wire in wires:
                with suppress(OSError):  # refused meanwhile
                    wire.sendall(piece)
            peak = max(peak, resident(crowded) - before)
        assert peak > limits.IN_FLIGHT_MAX_BYTES * 0.8
        assert peak < limits.IN_FLIGHT_MAX_BYTES + 70_000_000
        # Somebody who holds nothing yet is let in, from a new address and from one of theirs.
        assert file_from(crowded, "127.0.0.20") == 200
        assert file_from(crowded, "127.0.0.10") == 200
        refused = [wire for wire in wires if is_answered(wire)]
        assert 10 <= len(refused) < 40
    end = time.monotonic() + 10
    while resident(crowded) - before > 60_000_000:
        assert time.monotonic() < end
        time.sleep(0.05)


def is_answered(wire: ssl.SSLSocket) -> bool:
    wire.setblocking(False)
    try:
        return wire.recv(100).startswith(b"HTTP/1.1 503 ")
    except ssl.SSLWantReadError:
        return False


# --- Too slow: with shorter limits, in this process ----------------------------------------


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (
        "HANDSHAKE_DEADLINE_SECONDS",
        "HEADER_DEADLINE_SECONDS",
        "BODY_WINDOW_SECONDS",
        "ANSWER_STALL_SECONDS",
    ):
        monkeypatch.setattr(limits, name, 0.5)
    return monkeypatch


@contextmanager
def wire_to(sandbox: SandboxGateway) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(sandbox.directory / "ca.pem"))
    files = (sandbox.directory / "vendor-a.pem", sandbox.directory / "vendor-a.key")
    context.load_cert_chain(*files)
    with socket.socket() as raw:
        # As little as possible waits on this side.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        raw.settimeout(10)
        raw.connect(("127.0.0.1", sandbox.gateway.port))
        with context.wrap_socket(raw, server_hostname="localhost") as wire:
            yield wire


def everything(wire: ssl.SSLSocket) -> bytes:
    received = b""
    with suppress(OSError):
        while piece := wire.recv(65_536):
            received += piece
    return received


def test_a_handshake_ends_in_time(short: pytest.MonkeyPatch) -> None:
    with sandbox_gateway() as sandbox, socket.socket() as raw:
        raw.settimeout(10)
        raw.connect(("127.0.0.1", sandbox.gateway.port))
        raw.sendall(b"\x16\x03\x01\x02\x00\x01")
        started = time.monotonic()
        with suppress(ConnectionError):
            assert raw.recv(1) == b""
        assert 0.3 < time.monotonic() - started < 5
        file_something(sandbox)


@pytest.mark.parametrize("octets", [b"POST /", b"POST /wus/2.0/aanleverservice/1.2 HTTP/1.1\r\n"])
def test_a_head_ends_in_time(short: pytest.MonkeyPatch, octets: bytes) -> None:
    with sandbox_gateway() as sandbox, wire_to(sandbox) as wire:
        wire.sendall(octets)
        answer = everything(wire)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"[HTTP-DEADLINE]" in answer


def test_a_body_comes_fast_enough(short: pytest.MonkeyPatch) -> None:
    with sandbox_gateway() as sandbox, wire_to(sandbox) as wire:
        wire.sendall(head(sandbox.urls[0], 40 * MEBIBYTE) + b"x" * 2 * MEBIBYTE)
        answer = everything(wire)
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_an_old_connection_is_closed_behind_its_answer(short: pytest.MonkeyPatch) -> None:
    short.setattr(limits, "SESSION_MAX_SECONDS", 0.3)
    with sandbox_gateway() as sandbox, wire_to(sandbox) as wire:
        question = head(sandbox.urls[0] + "?wsdl", None, method="GET")
        wire.sendall(question)
        assert b"connection: close" not in wire.recv(65_536).lower()
        time.sleep(0.4)
        wire.sendall(question)
        assert b"connection: close" in everything(wire).lower()


def test_an_answer_that_nobody_reads_is_dropped(short: pytest.MonkeyPatch) -> None:
    """And until then it counts in what all may hold."""
    with sandbox_gateway() as sandbox:
        kenmerk = filed_with_answer(sandbox, 20 * MEBIBYTE)
        name = "getBerichtenKenmerk"
        identity = load_pem(sandbox.directory / "vendor-a.pem", sandbox.directory / "vendor-a.key")
        root = envelope(query_body(name, kenmerk), name=name)
        octets = signed(identity, root, created=datetime.now(UTC))
        budget = sandbox.gateway._site.budget
        with wire_to(sandbox) as wire:
            wire.sendall(head(sandbox.urls[2], len(octets)) + octets)
            assert wire.recv(12) == b"HTTP/1.1 200"
            assert budget.octets > 20 * MEBIBYTE
            end = time.monotonic() + 20
            while budget.octets:
                assert time.monotonic() < end
                time.sleep(0.05)
        # Whoever reads gets it, more slowly than it is made.
        with wire_to(sandbox) as wire:
            again = envelope(query_body(name, kenmerk), name=name)
            octets = signed(identity, again, created=datetime.now(UTC))
            wire.sendall(head(sandbox.urls[2], len(octets)) + octets)
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            body = answer.read()
            assert answer.status == 200
            assert len(body) > 27_000_000


def file_something(sandbox: SandboxGateway) -> str:
    document = Document("application/xml", "Omzetbelasting.xbrl", XBRL)
    party = Party("001000044B37", "Fi")
    client = sandbox.client()
    return client.submit(document, berichtsoort="Omzetbelasting", belanghebbende=party).kenmerk


def filed_with_answer(sandbox: SandboxGateway, octets: int) -> str:
    """File something, and let the agency answer with a message of this size."""
    kenmerk = file_something(sandbox)
    message = ReturnMessage(
        kenmerk=kenmerk,
        berichtkenmerk="message-1",
        berichtsoort="Omzetbelasting",
        offered_at=sandbox.clock(),
        belanghebbende=Party("001000044B37", "Fi"),
        rol_belanghebbende="Bedrijf",
        document=Document("application/xml", "bericht.xml", b"a" * octets),
    )
    sandbox.gateway.offer(message).result(20)
    return kenmerk
