"""TLS and HTTP of the client against small servers on this machine."""

import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from digipoort_wus.client.errors import ConnectionFailed
from digipoort_wus.client.tls import tls_context
from digipoort_wus.client.transport import DigipoortTransport, Timeouts, tls_session
from digipoort_wus.clock import system_clock
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki import profiles
from digipoort_wus.pki.anchors import AnchorRule, fingerprint_of
from digipoort_wus.pki.chain import TrustStore, trust_store
from digipoort_wus.pki.issue import issue_crl
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.revocation import crl_set
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from tests.conftest import CERTS_TEST

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>"


@pytest.fixture(scope="module")
def pki() -> TestPki:
    # OpenSSL looks at the real clock.
    return make_pki("g1", now=datetime.now(UTC), key_source=keys_from(CERTS_TEST / "g1"))


@contextmanager
def server(
    pki: TestPki,
    answer: bytes = OK,
    *,
    name: str = "gateway-tls",
    pause: float = 0,
    configure: Callable[[ssl.SSLContext], None] = lambda _context: None,
) -> Iterator[str]:
    """Answer every connection with the same octets; give the URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, pki, name)
    context.verify_mode = ssl.CERT_REQUIRED
    configure(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with plain, context.wrap_socket(plain, server_side=True) as tls:
                    tls.settimeout(5)
                    request = b"-"
                    # Closing with unread octets would reset the connection.
                    while request and not request.endswith(b"<a/>"):
                        request = tls.recv(65536)
                    size = 1 if pause else max(len(answer), 1)
                    for start in range(0, len(answer), size):
                        tls.sendall(answer[start : start + size])
                        time.sleep(pause)
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}/wus"
    finally:
        # Closing alone would leave the accept waiting.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _load(context: ssl.SSLContext, pki: TestPki, name: str) -> None:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    identity = pki.identities[name]
    pem = b"".join(
        certificate.public_bytes(Encoding.PEM)
        for certificate in (identity.certificate, *identity.chain)
    )
    key = identity.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem + key)
        file.flush()
        context.load_cert_chain(file.name)
    anchors = "".join(
        certificate.public_bytes(Encoding.PEM).decode() for certificate in pki.ca_certificates
    )
    context.load_verify_locations(cadata=anchors)


@contextmanager
def transport(
    pki: TestPki, name: str = "vendor-a", timeouts: Timeouts | None = None, max_bytes: int = 1000
) -> Iterator[DigipoortTransport]:
    made = DigipoortTransport(pki.identities[name], pki.trust_store(), timeouts, max_bytes)
    try:
        yield made
    finally:
        made.close()


def failure(
    pki: TestPki, url: str, name: str = "vendor-a", timeouts: Timeouts | None = None
) -> ConnectionFailed:
    with transport(pki, name, timeouts) as made, pytest.raises(ConnectionFailed) as caught:
        made.post(url, b"<a/>", {})
    return caught.value


def test_an_answer_comes_back(pki: TestPki) -> None:
    with server(pki) as url, transport(pki) as made:
        answer = made.post(url, b"<a/>", {"Content-Type": "text/xml"})
    assert (answer.status_code, answer.content) == (200, b"<a/>")


def test_the_context_trusts_the_store_and_nobody_else(
    pki: TestPki, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = tls_context(pki.identities["vendor-a"], pki.trust_store())
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    before = context.cert_store_stats()
    assert before == {"x509": 3, "x509_ca": 3, "crl": 3}
    # What requests would otherwise do with this variable is why trust_env is off.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nothing.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with server(pki) as url, tls_session(context) as session:
        assert session.post(url, data=b"<a/>", timeout=5).status_code == 200
    assert context.cert_store_stats() == before


def test_the_key_leaves_no_file_behind(
    pki: TestPki, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[tuple[int, bytes]] = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    original = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        seen.append((path.stat().st_mode & 0o777, path.read_bytes()))
        original(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    tls_context(pki.identities["vendor-a"], pki.trust_store())
    assert list(tmp_path.iterdir()) == []
    assert {mode for mode, _ in seen} == {0o600}
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in seen[-1][1]
    assert b"BEGIN PRIVATE KEY" not in b"".join(octets for _, octets in seen)


def test_another_host_name_is_refused(pki: TestPki) -> None:
    with server(pki) as url:
        found = failure(pki, url.replace("localhost", "127.0.0.1"))
    assert "use the host name" in str(found)
    assert not found.temporary


def ruled(pki: TestPki, roles: frozenset[Role], until: datetime | None = None) -> TrustStore:
    """Return a store that trusts its root for some roles, and perhaps not for long."""
    (root,) = (each for each in pki.ca_certificates if each.subject == each.issuer)
    return trust_store(
        pki.ca_certificates,
        tuple(pki.crls.values()),
        profiles.TEST,
        anchor_rules=[AnchorRule(fingerprint_of(root), roles, until)],
    )


def test_a_root_counts_for_what_its_rule_says(pki: TestPki) -> None:
    vendor, now = pki.identities["vendor-a"], system_clock()
    for good in (
        ruled(pki, frozenset({Role.TLS_SERVER})),
        ruled(pki, frozenset(Role), now + timedelta(hours=1)),
    ):
        with server(pki) as url, tls_session(tls_context(vendor, good)) as session:
            assert session.post(url, data=b"<a/>", timeout=5).status_code == 200
    for bad in (
        ruled(pki, frozenset({Role.SIGNER, Role.TLS_CLIENT})),
        ruled(pki, frozenset(Role), now - timedelta(seconds=1)),
    ):
        with pytest.raises(ConfigurationError, match="No root is trusted for TLS servers"):
            tls_context(vendor, bad)


def test_a_root_for_signers_does_not_vouch_for_a_server(pki: TestPki, g4: TestPki) -> None:
    """Beside another that does: the first is then left out, and only the first."""
    store = ruled(pki, frozenset({Role.SIGNER}))
    others = g4.trust_store()
    both = replace(
        store,
        roots=(*store.roots, *others.roots),
        intermediates=(*store.intermediates, *others.intermediates),
        crls=crl_set((*pki.crls.values(), *g4.crls.values())),
    )
    with (
        server(pki) as url,
        tls_session(tls_context(pki.identities["vendor-a"], both)) as session,
        pytest.raises(requests.exceptions.SSLError, match=r"unable to get|self-signed"),
    ):
        session.post(url, data=b"<a/>", timeout=5)


def test_an_unknown_root_is_refused(pki: TestPki, g4: TestPki) -> None:
    with (
        server(pki) as url,
        transport(g4) as made,
        pytest.raises(ConnectionFailed, match="give the gateway's CA file"),
    ):
        made.post(url, b"<a/>", {})


def test_a_revoked_gateway_is_refused(pki: TestPki) -> None:
    issuer, gateway = pki.authorities["issuing-ca"], pki.identities["gateway-tls"].certificate
    moment = datetime.now(UTC)
    crl = issue_crl(
        issuer,
        [(gateway.serial_number, moment - timedelta(days=1))],
        this_update=moment - timedelta(hours=1),
        next_update=moment + timedelta(hours=1),
    )
    revoking = replace(pki, crls={**pki.crls, "issuing-ca": crl})
    with server(pki) as url:
        assert "it is revoked" in str(failure(revoking, url))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("name", "words"),
    [("vendor-expired", "has expired"), ("vendor-revoked", "is revoked")],
)
def test_the_gateways_alert_is_told(
    pki: TestPki, version: ssl.TLSVersion, name: str, words: str
) -> None:
    def configure(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version
        from cryptography.hazmat.primitives.serialization import Encoding

        with tempfile.NamedTemporaryFile() as file:
            for crl in pki.crls.values():
                file.write(crl.public_bytes(Encoding.PEM))
            file.flush()
            context.load_verify_locations(file.name)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN

    with server(pki, configure=configure) as url:
        assert words in str(failure(pki, url, name))


def test_nobody_at_home(pki: TestPki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = failure(pki, f"https://localhost:{port}/")
    assert (
        str(found)
        == f"Nothing listens at localhost:{port}: start the gateway, or check host and port."
    )
    assert found.temporary


def test_a_silent_gateway(pki: TestPki) -> None:
    with server(pki, b"") as url:
        closed = failure(pki, url)
    assert "closed the connection" in str(closed)


@pytest.mark.parametrize(("octets", "words"), [(40, "is empty"), (-2, "whole answer")])
def test_an_answer_that_breaks_off(pki: TestPki, octets: int, words: str) -> None:
    with server(pki, OK[:octets]) as url:
        found = failure(pki, url)
    assert words in str(found)
    assert found.temporary


def test_a_slow_gateway(pki: TestPki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://localhost:{listener.getsockname()[1]}/"
        found = failure(pki, url, timeouts=Timeouts(connect=0.2, silence=0.2))
    assert "in time" in str(found)


def test_a_dripping_gateway(pki: TestPki) -> None:
    with server(pki, OK.replace(b"Length: 4", b"Length: 54") + b" " * 50, pause=0.02) as url:
        # The head takes its time too; what is bounded is the body.
        found = failure(pki, url, timeouts=Timeouts(total=0.01))
    assert "not complete" in str(found)


@pytest.mark.parametrize("ending", [b"0\r\n\r\n", b""])
def test_a_chunked_answer(pki: TestPki, ending: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
    octets = head + b"2\r\n<a\r\n2\r\n/>\r\n" + ending
    with server(pki, octets) as url:
        if not ending:
            assert "whole answer" in str(failure(pki, url))
            return
        with transport(pki) as made:
            assert made.post(url, b"<a/>", {}).content == b"<a/>"


def test_something_that_does_not_speak_tls(pki: TestPki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            plain, _ = listener.accept()
            with plain:
                plain.recv(10)
                plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        found = failure(pki, f"https://localhost:{listener.getsockname()[1]}/")
        thread.join()
    assert "does not speak TLS" in str(found)


def http(
    status: str, content_type: str = "text/plain", body: bytes = b"no", extra: str = ""
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", *extra.splitlines()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("answer", "words", "temporary"),
    [
        (http("404 Not Found"), "check the path", False),
        (http("413 Too Large"), "smaller", False),
        (http("503 Busy"), "overloaded", True),
        (http("200 OK", "text/html"), "not SOAP", False),
        (http("418 Teapot"), "HTTP 418", False),
        (http("302 Found", extra="Location: https://localhost/"), "redirect", False),
        (http("200 OK", "text/xml", b"x" * 1001), "larger than 1000 bytes", False),
    ],
)
def test_what_is_no_soap_answer(pki: TestPki, answer: bytes, words: str, temporary: bool) -> None:
    with server(pki, answer) as url:
        found = failure(pki, url)
    assert words in str(found)
    assert found.temporary is temporary


def test_a_fault_may_have_any_status(pki: TestPki) -> None:
    with server(pki, http("503 Busy", "text/xml; charset=utf-8")) as url, transport(pki) as made:
        assert made.post(url, b"<a/>", {}).status_code == 503


def test_only_https(pki: TestPki) -> None:
    assert "Only https" in str(failure(pki, "http://localhost:1/"))
    assert "Only https" in str(failure(pki, "file:///etc/hostname"))


def test_a_password_in_the_address_is_not_sent(pki: TestPki) -> None:
    """requests would make a header of it."""
    with server(pki) as url, transport(pki) as made:
        address = url.replace("localhost", "me:s3cr3t@localhost")
        with pytest.raises(ConfigurationError, match="user name or password") as caught:
            made.post(address, b"<a/>", {})
    assert "s3cr3t" not in str(caught.value)


# --- What the client offers ---------------------------------------------------------

SUITES = {
    # RFC 5289, RFC 7905 and RFC 8446, as the suites go over the wire.
    *(0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC02B, 0xC02F),
    *(0x1302, 0x1303, 0x1301),
}
RENEGOTIATION_SCSV = 0x00FF


def client_hello(pki: TestPki) -> bytes:
    """Return the first record that the transport sends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        seen: list[bytes] = []

        def listen() -> None:
            plain, _ = listener.accept()
            with plain, plain.makefile("rb") as file:
                record = file.read(5)
                seen.append(record + file.read(int.from_bytes(record[3:], "big")))

        thread = threading.Thread(target=listen)
        thread.start()
        failure(pki, f"https://localhost:{listener.getsockname()[1]}/wus")
        thread.join()
    return seen[0]


def suites_of(hello: bytes) -> list[int]:
    """Return what a ClientHello offers (RFC 8446 4.1.2): behind version, random and session."""
    assert (hello[0], hello[5]) == (22, 1)
    start = 5 + 4 + 2 + 32
    start += 1 + hello[start]
    length = int.from_bytes(hello[start : start + 2], "big")
    octets = hello[start + 2 : start + 2 + length]
    return [int.from_bytes(octets[at : at + 2], "big") for at in range(0, length, 2)]


def test_the_client_offers_the_suites_of_digikoppeling_only(pki: TestPki) -> None:
    offered = suites_of(client_hello(pki))
    assert set(offered) - {RENEGOTIATION_SCSV} == SUITES
    # TLS 1.3 first, and of TLS 1.2 in the order of NCSC.
    twelve = [suite for suite in offered if suite >> 8 in (0xC0, 0xCC)]
    assert twelve == [0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC02B, 0xC02F]


def _only(suite: str) -> Callable[[ssl.SSLContext], None]:
    def configure(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)

    return configure


@pytest.mark.parametrize("suite", ["ECDHE-RSA-AES256-SHA384", "AES256-GCM-SHA384"])
def test_a_server_of_other_suites_gets_no_connection(pki: TestPki, suite: str) -> None:
    with server(pki, configure=_only(suite)) as url:
        found = failure(pki, url)
    assert "no cipher in common" in str(found)
    assert not found.temporary


@pytest.mark.parametrize("suite", ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"])
def test_a_server_of_one_of_our_suites_is_asked(pki: TestPki, suite: str) -> None:
    with server(pki, configure=_only(suite)) as url, transport(pki) as made:
        assert made.post(url, b"<a/>", {}).status_code == 200
