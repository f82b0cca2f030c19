"""Posting over real TLS on loopback: what leaves, to whom, and what comes back."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from digipoort_wus import limits
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.delivery.ebms_post import EbmsPost
from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import terms_for_signal, terms_to_send
from digipoort_wus.ebms.packaging import WrittenPackage
from digipoort_wus.ebms.partners import Partner
from digipoort_wus.ebms.terms import Terms
from digipoort_wus.messaging.posting import HttpReply, NoAnswer
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki, write_pki
from tests.conftest import CERTS_TEST
from tests.ebms_parties import AANLEVEREN, pair

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Server:
    """Answers one request after the other with the same octets.

    Args:
        silent_from: this request and all behind it are read, and their connection is closed.
        each: requests that a connection may have.
    """

    answer: bytes
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    clients: list[bytes | None] = field(default_factory=list)
    silent_from: int = 1_000
    each: int = 1


@contextmanager
def server(directory: Path, answer: bytes, name: str = "gateway-tls") -> Iterator[Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=directory / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(directory / f"{name}.pem", directory / f"{name}.key")
    found = Server(answer)

    def read(connection: ssl.SSLSocket) -> bytes:
        octets = b""
        while b"\r\n\r\n" not in octets:
            piece = connection.recv(65_536)
            if not piece:
                return octets
            octets += piece
        head, _, body = octets.partition(b"\r\n\r\n")
        line = next(one for one in head.split(b"\r\n") if one.startswith(b"Content-Length:"))
        length = int(line.split(b":")[1])
        while len(body) < length:
            piece = connection.recv(65_536)
            if not piece:
                break
            body += piece
        return head + b"\r\n\r\n" + body

    def answer_all(plain: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
            for _ in range(found.each):
                octets = read(connection)
                if not octets:
                    break
                found.clients.append(connection.getpeercert(binary_form=True))
                found.requests.append(octets)
                if len(found.requests) >= found.silent_from:
                    break
                connection.sendall(found.answer)

    answering: list[threading.Thread] = []

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            answering.append(threading.Thread(target=answer_all, args=(plain,), daemon=True))
            answering[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        found.url = f"https://localhost:{listening.getsockname()[1]}/ebms?x=1"
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            listening.shutdown(socket.SHUT_RDWR)
    for each in (thread, *answering):
        each.join(10)


@dataclass
class Setup:
    """An agency that posts to the gateway."""

    directory: Path
    pki: TestPki
    partner: Partner
    terms: Terms

    def credentials(self, name: str = "agency") -> Credentials:
        identity = self.pki.identities[name]
        return Credentials(identity, identity, self.pki.trust_store())

    def post(self, told: Callable[[str, float], object] | None = None) -> EbmsPost:
        own = self.credentials()
        return EbmsPost(lambda: own, timeouts=Timeouts(5, 5, 10), told=told or (lambda *_: None))

    def send(self, url: str, content: "bytes | Large" = b"<a/>") -> HttpReply:
        post = self.post()
        try:
            return post(url, WrittenPackage("text/xml", content), self.partner, self.terms)
        finally:
            post.close()


@dataclass(frozen=True)
class Large:
    """Many octets that are somewhere else."""

    size: int

    def open(self) -> BinaryIO:
        return BytesIO(self.read())

    def read(self) -> bytes:
        return bytes(range(256)) * (self.size // 256)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    now = datetime.now(UTC)
    directory = tmp_path_factory.mktemp("pki")
    pki = make_pki("g1", now=now, key_source=keys_from(CERTS_TEST / "g1"))
    write_pki(pki, directory)
    found = pair(pki, Profile("osb-rm"), at=now)
    terms = terms_to_send(found.agreement, found.agency.id, AANLEVEREN, "aanleveren", at=now)
    return Setup(directory, pki, Partner(found.agreement), terms)


def test_a_package_is_posted_as_ebms_wants_it(setup: Setup) -> None:
    with server(setup.directory, OK) as there:
        reply = setup.send(there.url)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.peer == setup.pki.identities["gateway-tls"].certificate
    head, _, body = there.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /ebms?x=1 HTTP/1.1"
    assert b'SOAPAction: "ebXML"' in lines
    assert b"Content-Type: text/xml" in lines
    assert b"Content-Length: 4" in lines
    assert body == b"<a/>"
    assert there.clients[0] is not None, "we showed who we are"


def test_contents_that_are_somewhere_else_are_read_in_pieces(setup: Setup) -> None:
    content = Large(3_000_064)
    with server(setup.directory, OK) as there:
        assert setup.send(there.url, content).status == 204
    assert there.requests[0].endswith(content.read())


def test_a_signal_in_the_answer_comes_back_whole(setup: Setup) -> None:
    body = b"<signal/>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=UTF-8\r\nContent-Length: 9\r\n\r\n"
    with server(setup.directory, head + body) as there:
        reply = setup.send(there.url)
    assert (reply.status, reply.content_type, reply.body) == (200, "text/xml; charset=UTF-8", body)


@pytest.mark.parametrize("status", [301, 404, 500, 503])
def test_other_statuses_come_back_and_no_redirect_is_followed(setup: Setup, status: int) -> None:
    head = f"HTTP/1.1 {status} X\r\nLocation: https://localhost:1/\r\nContent-Length: 0\r\n\r\n"
    with server(setup.directory, head.encode()) as there:
        assert setup.send(there.url).status == status
        assert len(there.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (limits.EBMS_ANSWER_MAX_BYTES + 1),
    ],
    ids=["nothing", "no HTTP", "half", "too long"],
)
def test_what_is_no_answer_is_none(setup: Setup, answer: bytes) -> None:
    with server(setup.directory, answer) as there, pytest.raises(NoAnswer):
        setup.send(there.url)


def test_a_server_of_another_party_is_told_nothing(setup: Setup) -> None:
    with server(setup.directory, OK, "agency") as there:
        with pytest.raises(NoAnswer, match="EBMS-PEER"):
            setup.send(there.url)
        assert there.requests == []


def test_a_server_that_the_operator_names_is_believed(setup: Setup) -> None:
    partner = replace(setup.partner, peers=frozenset({"00000099000000004000"}))
    with server(setup.directory, OK, "agency") as there:
        post = setup.post()
        package = WrittenPackage("text/xml", b"<a/>")
        assert post(there.url, package, partner, setup.terms).status == 204
        post.close()


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1/", "https:///x", "https://a b/", "https://user:secret@localhost:1/", "x"],
)
def test_an_address_that_cannot_be_used_is_no_answer(setup: Setup, url: str) -> None:
    with pytest.raises(NoAnswer) as caught:
        setup.send(url)
    assert "secret" not in str(caught.value)


def test_nobody_there_is_no_answer_and_is_counted(setup: Setup) -> None:
    told: list[str] = []
    post = setup.post(lambda outcome, _: told.append(outcome))
    package = WrittenPackage("text/xml", b"<a/>")
    with pytest.raises(NoAnswer):
        post("https://localhost:1/", package, setup.partner, setup.terms)
    with server(setup.directory, OK) as there:
        post(there.url, package, setup.partner, setup.terms)
    post.close()
    assert told == ["none", "2xx"]


@pytest.mark.parametrize(("profile", "arrives"), [("osb-be", 1), ("osb-rm", 2)])
def test_what_would_be_delivered_twice_is_sent_once(
    setup: Setup, profile: str, arrives: int
) -> None:
    found = pair(setup.pki, Profile(profile), at=datetime.now(UTC))
    now = datetime.now(UTC)
    terms = terms_to_send(found.agreement, found.agency.id, AANLEVEREN, "aanleveren", at=now)
    package = WrittenPackage("text/xml", b"<a/>")
    with server(setup.directory, OK) as there:
        there.each = 2
        post = setup.post()
        # A signal leaves a connection, on which the next one may go.
        ping = terms_for_signal(found.agreement, found.agency.id, "Ping", at=now)
        assert post(there.url, package, setup.partner, ping).status == 204
        there.silent_from = 2
        # It is read, and then its receiver dies: nobody knows whether it was kept.
        with pytest.raises(NoAnswer):
            post(there.url, package, setup.partner, terms)
        post.close()
    assert len(there.requests) == 1 + arrives
