"""The altering proxy: each alteration does what it says, and its end leaves nothing behind."""

import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from lxml import etree

from digipoort_wus.client.wsse import signer_trust
from digipoort_wus.errors import Refusal
from digipoort_wus.names import SOAP, WSA, WSSE
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.testing.proxy import (
    Alter,
    Alterations,
    AlteringProxy,
    Passing,
    answer_with,
    crlf,
    drop_header,
    indent,
    move_prefix,
    replace_text,
    tamper,
    unsign,
)
from digipoort_wus.testing.xmlsec1 import xmlsec1_verifies
from digipoort_wus.wss.policy import DIGIPOORT_1_2
from digipoort_wus.wss.verify import verify_envelope
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from tests.conftest import CERTS_TEST
from tests.messages import NOW, aanlever_body, envelope, signed

PKI = CERTS_TEST / "g1"


def message(pki: TestPki) -> bytes:
    """Return a signed request with line ends in its payload, as Java writes base64."""
    body = (
        aanlever_body()
        .replace("<t:inhoud>", "<t:inhoud>\n")
        .replace("</t:inhoud>", "\n</t:inhoud>")
    )
    return signed(pki.identities["vendor-a"], envelope(body))


def verdict(pki: TestPki, octets: bytes) -> str:
    """Return the check that refuses a request, "verified" when none does."""
    try:
        parts = read_envelope(parse_message(octets))
        verify_envelope(
            parts,
            read_addressing(parts),
            policy=DIGIPOORT_1_2,
            trust=signer_trust(pki.trust_store()),
            now=NOW,
        )
    except Refusal as refusal:
        return refusal.check.id
    return "verified"


def altered(alter: Alter, octets: bytes) -> bytes:
    """Return a message's octets after an alteration, which leaves the rest of it alone."""
    before = Passing({"SOAPAction": '""'}, octets, 0)
    after = alter(before)
    assert (after.headers, before.body) == (before.headers, octets)
    return after.body


# --- the alterations --------------------------------------------------------


def test_indent_adds_white_space_only_and_breaks_the_signature(g1: TestPki) -> None:
    octets = message(g1)
    after = altered(indent, octets)
    assert after.count(b"\n") > 20
    blank = etree.XMLParser(remove_blank_text=True)
    assert canonicalize(etree.fromstring(after, blank)) == canonicalize(
        etree.fromstring(octets, blank)
    )
    assert verdict(g1, after) in ("WSS-DIGEST", "WSS-SIGNATURE")


def test_move_prefix_keeps_every_name_and_breaks_the_signature(g1: TestPki) -> None:
    octets = message(g1)
    before, after = etree.fromstring(octets), etree.fromstring(altered(move_prefix, octets))
    assert [element.tag for element in after.iter()] == [element.tag for element in before.iter()]
    assert (before.prefix, after.prefix) == ("s", "moved")
    assert SOAP not in {uri for prefix, uri in after.nsmap.items() if prefix != "moved"}
    assert verdict(g1, altered(move_prefix, octets)) in ("WSS-DIGEST", "WSS-SIGNATURE")


def test_move_prefix_reads_either_quote() -> None:
    after = altered(move_prefix, f"<a:x xmlns:a='{SOAP}' a:y='a:'/>".encode())
    assert after == f"<moved:x xmlns:moved='{SOAP}' moved:y='a:'/>".encode()


def test_crlf_changes_octets_and_not_what_xml_reads(g1: TestPki) -> None:
    octets = message(g1)
    after = altered(crlf, octets)
    assert after.count(b"\r\n") == octets.count(b"\n") == after.count(b"\n") > 1
    assert verdict(g1, after) == "verified"
    with pytest.raises(ValueError, match="changes nothing"):
        altered(crlf, after)


def test_drop_header_removes_that_header_only(g1: TestPki) -> None:
    octets = message(g1)
    root = etree.fromstring(altered(drop_header("ReplyTo"), octets))
    blocks = [etree.QName(block).localname for block in root[0]]
    left = [etree.QName(block).localname for block in etree.fromstring(octets)[0]]
    left.remove("ReplyTo")
    assert blocks == left
    assert next(root.iter(f"{{{WSA}}}ReplyTo"), None) is None
    assert verdict(g1, altered(drop_header("MessageID"), octets)) == "WSA-REQUIRED"


def test_unsign_removes_security_only(g1: TestPki) -> None:
    octets = message(g1)
    root = etree.fromstring(altered(unsign, octets))
    assert next(root.iter(f"{{{WSSE}}}Security"), None) is None
    assert len(root[0]) == len(etree.fromstring(octets)[0]) - 1
    assert verdict(g1, altered(unsign, octets)) == "WSS-PRESENT"


def test_replace_text_replaces_it_everywhere(g1: TestPki) -> None:
    octets = message(g1)
    after = altered(replace_text("001000044B37", "001000044B38"), octets)
    assert after == octets.replace(b"001000044B37", b"001000044B38")
    assert verdict(g1, after) == "WSS-DIGEST"


def test_tamper_changes_one_text_whatever_the_prefix(g1: TestPki) -> None:
    octets = message(g1)
    after = altered(tamper("berichtsoort"), octets)
    assert after == octets.replace(b"berichtsoort>Omzetbelasting<", b"berichtsoort>tampered<")
    assert verdict(g1, after) == "WSS-DIGEST"
    assert altered(tamper("b"), b'<a><b c="/"/>d<b e="/">1</b><b>2</b></a>') == (
        b'<a><b c="/"/>d<b e="/">tampered</b><b>2</b></a>'
    )


def test_answer_with_replaces_the_whole_answer() -> None:
    after = answer_with(b"recorded")(Passing({"X": "1"}, b"honest", 500))
    assert after == Passing({"X": "1"}, b"recorded", 200)


@pytest.mark.parametrize(
    "alter",
    [
        move_prefix,
        crlf,
        drop_header("To"),
        unsign,
        replace_text("b", "c"),
        tamper("b"),
        answer_with(b"<a/>"),
    ],
)
def test_an_alteration_that_changes_nothing_is_an_error(alter: Alter) -> None:
    with pytest.raises(ValueError, match=r"has no|changes nothing"):
        altered(alter, b"<a/>")


def test_what_is_captured_can_be_judged_by_xmlsec1(
    g1: TestPki, xmlsec1: Callable[[bytes], bool]
) -> None:
    octets = message(g1)
    assert xmlsec1(octets)
    assert xmlsec1_verifies(octets)
    assert not xmlsec1_verifies(altered(tamper("berichtsoort"), octets))
    assert not xmlsec1_verifies(altered(unsign, octets))


# --- over the wire ----------------------------------------------------------


class Upstream(ThreadingHTTPServer):
    """An HTTPS server that answers every POST with its body doubled, when it may."""

    daemon_threads = False

    def __init__(self) -> None:
        upstream = self
        self.received: list[tuple[str, bytes]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                upstream.received.append((self.path, body))
                upstream.may_answer.wait(30)
                self.send_response(202)
                self.send_header("Content-Length", str(2 * len(body)))
                self.send_header("X-Kind", "test")
                self.end_headers()
                self.wfile.write(body * 2)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(PKI / "ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(PKI / "gateway-tls.pem", PKI / "gateway-tls.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[tuple[Upstream, str]]:
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server, f"https://localhost:{server.server_address[1]}"
    finally:
        server.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def upstream() -> Iterator[tuple[Upstream, str]]:
    with serving() as served:
        yield served


def tls() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(PKI / "ca.pem"))
    context.load_cert_chain(PKI / "vendor-a.pem", PKI / "vendor-a.key")
    return context


def connection(proxy: AlteringProxy) -> http.client.HTTPSConnection:
    address = proxy.url.removeprefix("https://")
    return http.client.HTTPSConnection(address, context=tls(), timeout=20)


def post(proxy: AlteringProxy, body: object, path: str = "/wus") -> tuple[int, str | None, bytes]:
    client = connection(proxy)
    try:
        client.request("POST", path, body)  # type: ignore[arg-type]
        answer = client.getresponse()
        return answer.status, answer.getheader("X-Kind"), answer.read()
    finally:
        client.close()


def test_an_exchange_passes_octet_for_octet(upstream: tuple[Upstream, str]) -> None:
    server, url = upstream
    body = b"\r\n\x00<a\t/>\n"
    with AlteringProxy(url, PKI) as proxy:
        assert post(proxy, body, "/a/b?wsdl") == (202, "test", body * 2)
        # Chunked, which http.client does when it cannot know the length.
        assert post(proxy, iter([b"one", b"two"])) == (202, "test", b"onetwo" * 2)
        kept = [(request.body, answer.body, answer.status) for request, answer in proxy.passed]
    assert server.received == [("/a/b?wsdl", body), ("/wus", b"onetwo")]
    assert kept == [(body, body * 2, 202), (b"onetwo", b"onetwo" * 2, 202)]


def test_one_connection_serves_several_requests(upstream: tuple[Upstream, str]) -> None:
    with AlteringProxy(upstream[1], PKI) as proxy:
        client = connection(proxy)
        for body in (b"1", b"2"):
            client.request("POST", "/", body)
            assert client.getresponse().read() == body * 2
        client.close()


def test_request_and_answer_are_altered_and_kept_as_they_were(
    upstream: tuple[Upstream, str],
) -> None:
    server, url = upstream
    alterations = Alterations(
        request=(replace_text("a", "b"), replace_text("b", "c")),
        answer=(replace_text("cc", "d"),),
    )
    with AlteringProxy(url, PKI, alterations=alterations) as proxy:
        assert post(proxy, b"a")[2] == b"d"
        assert [(one.body, two.body) for one, two in proxy.passed] == [(b"a", b"cc")]
        proxy.alterations = Alterations()
        assert post(proxy, b"a")[2] == b"aa"
    assert [body for _, body in server.received] == [b"c", b"a"]


def test_repeat_delay_and_cut(upstream: tuple[Upstream, str]) -> None:
    server, url = upstream
    with AlteringProxy(url, PKI) as proxy:
        proxy.alterations = Alterations(repeat=3)
        assert post(proxy, b"thrice")[2] == b"thrice" * 2
        assert [body for _, body in server.received] == [b"thrice"] * 3
        assert len(proxy.passed) == 1

        proxy.alterations = Alterations(delay=0.3)
        started = time.monotonic()
        post(proxy, b"late")
        assert time.monotonic() - started >= 0.3

        proxy.alterations = Alterations(cut=3)
        with pytest.raises(http.client.IncompleteRead) as caught:
            post(proxy, b"abcd")
        assert caught.value.partial == b"abc"
        assert caught.value.expected == 5


def test_what_cannot_be_passed_on_is_answered_with_502_and_the_reason(
    upstream: tuple[Upstream, str],
) -> None:
    server, url = upstream
    with AlteringProxy(url, PKI, alterations=Alterations(request=(unsign,))) as proxy:
        status, _, body = post(proxy, b"<a/>")
        assert (status, body) == (502, b"ValueError: the message has no Security")
        assert post(proxy, b"no XML")[0] == 502
        proxy.alterations = Alterations()
        server.shutdown()
        server.socket.close()
        status, _, body = post(proxy, b"<a/>")
        assert (status, body.split(b":")[0]) == (502, b"ConnectionRefusedError")


def test_a_client_without_certificate_does_not_get_in(upstream: tuple[Upstream, str]) -> None:
    server, url = upstream
    with AlteringProxy(url, PKI) as proxy:
        address = proxy.url.removeprefix("https://")
        stranger = ssl.create_default_context(cafile=str(PKI / "ca.pem"))
        client = http.client.HTTPSConnection(address, context=stranger, timeout=20)
        with pytest.raises(OSError, match=r"(?i)certificate|EOF|reset|pipe"):  # noqa: PT012
            client.request("POST", "/", b"x")
            # With TLS 1.3 the alert comes when the client reads.
            client.getresponse()
        client.close()
        assert post(proxy, b"ok")[0] == 202
    assert [body for _, body in server.received] == [b"ok"]


# --- what stays behind ------------------------------------------------------


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the listing itself is one


def hold_a_connection(proxy: AlteringProxy) -> socket.socket:
    """Connect and say nothing: not even a handshake."""
    return socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=20)


def hold_half_a_head(proxy: AlteringProxy) -> socket.socket:
    client = tls().wrap_socket(hold_a_connection(proxy), server_hostname="localhost")
    client.sendall(b"POST / HTTP/1.1\r\nHost: loc")
    return client


def hold_half_a_body(proxy: AlteringProxy) -> socket.socket:
    client = tls().wrap_socket(hold_a_connection(proxy), server_hostname="localhost")
    client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf")
    return client


def hold_a_request(proxy: AlteringProxy) -> socket.socket:
    client = tls().wrap_socket(hold_a_connection(proxy), server_hostname="localhost")
    client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
    return client


def hold_an_idle_connection(proxy: AlteringProxy) -> socket.socket:
    client = hold_a_request(proxy)
    assert client.recv(1) == b"H"
    return client


@pytest.mark.parametrize(
    "half",
    [
        b"POST / HTTP/1.1\r\nHost: loc",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
    ],
)
def test_half_a_request_goes_no_further(upstream: tuple[Upstream, str], half: bytes) -> None:
    server, url = upstream
    with AlteringProxy(url, PKI) as proxy:
        with tls().wrap_socket(hold_a_connection(proxy), server_hostname="localhost") as client:
            client.sendall(half)
        assert post(proxy, b"whole")[0] == 202
    assert [request.body for request, _ in proxy.passed] == [b"whole"]
    assert [body for _, body in server.received] == [b"whole"]


@pytest.mark.parametrize(
    ("hold", "alterations", "answers"),
    [
        (hold_a_connection, Alterations(), True),
        (hold_half_a_head, Alterations(), True),
        (hold_half_a_body, Alterations(), True),
        (hold_an_idle_connection, Alterations(), True),
        (hold_a_request, Alterations(delay=60), True),
        (hold_a_request, Alterations(), False),
    ],
    ids=["no handshake", "half a head", "half a body", "idle", "delayed", "no answer"],
)
def test_a_client_that_hangs_does_not_block_the_end_and_nothing_stays_behind(
    upstream: tuple[Upstream, str],
    hold: Callable[[AlteringProxy], socket.socket],
    alterations: Alterations,
    answers: bool,
) -> None:
    server, url = upstream
    if not answers:
        server.may_answer.clear()
    threads, files = set(threading.enumerate()), descriptors()
    with AlteringProxy(url, PKI, alterations=alterations) as proxy:
        port = int(proxy.url.rpartition(":")[2])
        client = hold(proxy)
        time.sleep(0.2)  # until the proxy's thread waits
        # Threads of other tests may end meanwhile.
        assert len(set(threading.enumerate()) - threads) > 1
        started = time.monotonic()
    assert time.monotonic() - started < 2
    client.close()
    server.may_answer.set()
    assert {thread.name for thread in threading.enumerate() if "proxy" in thread.name} == set()
    end = time.monotonic() + 5
    while set(threading.enumerate()) - threads or descriptors() > files:
        assert time.monotonic() < end, (threading.enumerate(), descriptors(), files)
        time.sleep(0.01)  # the upstream's own threads and sockets
    with socket.socket() as again:
        # Without this, what the client has closed keeps the port for a minute.
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
        again.listen()


def test_the_end_of_a_failed_test_leaves_nothing_either(upstream: tuple[Upstream, str]) -> None:
    threads, files = set(threading.enumerate()), descriptors()
    proxy = AlteringProxy(upstream[1], PKI)

    def interrupted() -> None:
        with proxy:
            clients.append(hold_half_a_head(proxy))
            raise KeyboardInterrupt

    clients: list[socket.socket] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    clients.pop().close()
    assert set(threading.enumerate()) <= threads
    assert descriptors() <= files


def test_a_proxy_that_was_never_entered_holds_nothing() -> None:
    files = descriptors()
    AlteringProxy("https://localhost:1", PKI)
    assert descriptors() == files
