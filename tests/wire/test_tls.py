"""The handshake: who may talk at all, and how. A stranger meets an alert and never an answer."""

import re
import shutil
import socket
import ssl
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from digipoort_wus import limits
from digipoort_wus.pki.identity import Identity, load_certificates
from digipoort_wus.pki.issue import PKCS1_SHA256, Authority, Template, issue_certificate
from digipoort_wus.pki.testpki import keys_from, make_pki
from tests.conftest import CERTS_TEST, need
from tests.messages import aanlever_body, envelope, signed
from tests.wire.conftest import (
    Running,
    Wire,
    assert_refused,
    client_context,
    head,
    request_for,
    served,
    with_pki,
)

Made = Callable[[Running, Path], ssl.SSLContext]


@pytest.fixture(scope="module")
def gateway_g4(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(with_pki(tmp_path_factory.mktemp("g4") / "data", "g4")) as running:
        yield running


def save(identity: Identity, folder: Path) -> tuple[Path, Path]:
    pem, key = folder / "made.pem", folder / "made.key"
    pem.write_bytes(
        b"".join(
            certificate.public_bytes(serialization.Encoding.PEM)
            for certificate in (identity.certificate, *identity.chain)
        )
    )
    key.write_bytes(
        identity.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, key


def with_identity(running: Running, identity: Identity, folder: Path) -> ssl.SSLContext:
    context = client_context(running, None)
    context.load_cert_chain(*save(identity, folder))
    return context


def named(name: str | None) -> Made:
    return lambda running, _: client_context(running, name)


def of_another_hierarchy(running: Running, folder: Path) -> ssl.SSLContext:
    """The same names and OINs, but other CA keys."""
    pki = make_pki("g1", now=datetime.now(UTC), key_source=keys_from(CERTS_TEST / "g4"))
    return with_identity(running, pki.identities["vendor-a"], folder)


def of_another_generation(running: Running, folder: Path) -> ssl.SSLContext:
    pki = make_pki("g4", now=datetime.now(UTC), key_source=keys_from(CERTS_TEST / "g4"))
    return with_identity(running, pki.identities["vendor-a"], folder)


def without_oin(running: Running) -> Identity:
    """A certificate of the gateway's own hierarchy whose subject has no serialNumber."""
    sample = running.identity("vendor-a")
    subject = x509.Name(
        [part for part in sample.certificate.subject if part.oid != NameOID.SERIAL_NUMBER]
    )
    return issued(running, subject, sample.private_key)


def issued(running: Running, subject: x509.Name, key: rsa.RSAPrivateKey) -> Identity:
    """A certificate that the CA of all parties issued, in the likeness of a party's."""
    issuer, sample = running.identity("issuing-ca"), running.identity("vendor-a").certificate
    roots = [c for c in load_certificates(running.directory / "ca.pem") if c.issuer == c.subject]
    authority = Authority(
        "issuing-ca",
        issuer.certificate,
        (*issuer.chain, roots[0]),
        PKCS1_SHA256,
        issuer.private_key,
    )
    identifiers = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)
    template = Template(
        subject,
        sample.not_valid_before_utc,
        sample.not_valid_after_utc,
        tuple(
            (extension.value, extension.critical)
            for extension in sample.extensions
            if not isinstance(extension.value, identifiers)
        ),
    )
    made = issue_certificate(template, key.public_key(), authority)
    return Identity(made, authority.sent_chain, key)


def of_1024_bits(running: Running, folder: Path) -> ssl.SSLContext:
    subject = running.identity("vendor-a").certificate.subject
    identity = issued(running, subject, rsa.generate_private_key(65537, 1024))
    context = client_context(running, None)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(*save(identity, folder))
    return context


def self_signed(running: Running, folder: Path) -> ssl.SSLContext:
    identity = running.identity("vendor-a")
    subject = identity.certificate.subject
    certificate = (
        x509.CertificateBuilder(subject, subject, identity.private_key.public_key(), 1)
        .not_valid_before(identity.certificate.not_valid_before_utc)
        .not_valid_after(identity.certificate.not_valid_after_utc)
        .sign(identity.private_key, PKCS1_SHA256.algorithm)
    )
    return with_identity(running, Identity(certificate, (), identity.private_key), folder)


# Who comes, and what the alert says in TLS 1.2 and 1.3 (RFC 8446 6.2).
STRANGERS: dict[str, tuple[Made, str, str]] = {
    "no certificate": (named(None), "handshake failure", "certificate required"),
    "revoked": (named("vendor-revoked"), *2 * ("certificate revoked",)),
    "expired": (named("vendor-expired"), *2 * ("certificate expired",)),
    "another hierarchy": (of_another_hierarchy, *2 * ("unknown ca",)),
    "another generation": (of_another_generation, *2 * ("unknown ca",)),
    "self-signed": (self_signed, *2 * ("unknown ca",)),
    "RSA of 1024 bits": (of_1024_bits, *2 * ("bad certificate",)),
    "a CA": (named("issuing-ca"), *2 * ("unsupported certificate",)),
}
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", STRANGERS)
def test_a_stranger_meets_an_alert(
    gateway: Running, tmp_path: Path, case: str, version: ssl.TLSVersion
) -> None:
    made, *alerts = STRANGERS[case]
    context = made(gateway, tmp_path)
    context.minimum_version = context.maximum_version = version
    assert f"alert {alerts[VERSIONS.index(version)]}" in refusal(gateway, context)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "alert"),
    [
        ("vendor-a-sign", "unsupported certificate"),
        ("vendor-revoked", "certificate revoked"),
        ("vendor-expired", "certificate expired"),
    ],
)
def test_strangers_of_the_fourth_generation(
    gateway_g4: Running, name: str, alert: str, version: ssl.TLSVersion
) -> None:
    context = client_context(gateway_g4, name)
    context.minimum_version = context.maximum_version = version
    assert f"alert {alert}" in refusal(gateway_g4, context)


def cbc_only(running: Running, _folder: Path) -> ssl.SSLContext:
    context = client_context(running)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES256-SHA384")
    return context


def of_2006(running: Running, _folder: Path) -> ssl.SSLContext:
    context = client_context(running)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def that_trusts_nobody(running: Running, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(running.directory / "vendor-a.pem", running.directory / "vendor-a.key")
    return context


# Who comes, and what the operator reads of it.
TOLD: dict[str, tuple[Made, str]] = {
    "no certificate": (named(None), "no certificate"),
    "revoked": (named("vendor-revoked"), "certificate revoked"),
    "expired": (named("vendor-expired"), "certificate expired"),
    "another hierarchy": (of_another_hierarchy, "unknown CA"),
    "self-signed": (self_signed, "unknown CA"),
    "RSA of 1024 bits": (of_1024_bits, "key too small"),
    "a CA": (named("issuing-ca"), "wrong purpose"),
    "CBC": (cbc_only, "no shared cipher"),
    "TLS 1.1": (of_2006, "protocol version"),
    "a client that trusts nobody": (that_trusts_nobody, "ended by the client: "),
}


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(with_pki(tmp_path_factory.mktemp("visited") / "data")) as running:
        yield running


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", TOLD)
def test_a_refused_handshake_leaves_one_line(
    visited: Running, tmp_path: Path, case: str, version: ssl.TLSVersion
) -> None:
    made, why = TOLD[case]
    context = made(visited, tmp_path)
    if context.maximum_version is ssl.TLSVersion.MAXIMUM_SUPPORTED:
        context.minimum_version = context.maximum_version = version
    # Each comes from an address of its own, for which lines are counted.
    host = f"127.{1 + VERSIONS.index(version)}.0.{1 + list(TOLD).index(case)}"
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        connected_from(host, visited) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        pytest.fail(f"answered with {tls.recv(1)!r}")
    (line,) = told_of(visited, host)
    assert " WARNING " in line
    assert f" TLS handshake failed: {why}" in line


def test_who_does_not_speak_tls_is_told_too(visited: Running) -> None:
    with connected_from("127.3.0.1", visited) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while plain.recv(4096):
            """What comes is an alert."""
    (line,) = told_of(visited, "127.3.0.1")
    assert "failed: no TLS: plain HTTP" in line


def test_who_comes_and_goes_is_not_told(visited: Running) -> None:
    with connected_from("127.3.0.2", visited):
        """Health checks do that."""
    with Wire(visited):
        """A whole handshake, and no request."""
    with connected_from("127.3.0.3", visited) as plain:
        plain.sendall(b"nonsense" * 10)
        while plain.recv(4096):
            """What comes is an alert."""
    assert len(told_of(visited, "127.3.0.3")) == 1
    assert "from 127.3.0.2" not in visited.log()
    assert "from 127.0.0.1" not in visited.log()


def test_a_flood_of_strangers_does_not_fill_the_log(tmp_path: Path) -> None:
    with served(with_pki(tmp_path / "data")) as running:
        for _ in range(30):
            assert "alert" in refusal(running, client_context(running, None))
        assert len(told_of(running, "127.0.0.1")) == 5
    # The rest is counted, at the latest when the gateway stops.
    assert "25 more in the last 60 seconds, of 1 addresses together: " in running.log()
    assert running.log().count("no certificate") == 6


def test_who_finds_no_room_is_told(visited: Running) -> None:
    held = [connected_from("127.4.0.1", visited) for _ in range(limits.MAX_CONNECTIONS_PER_ADDRESS)]
    try:
        with connected_from("127.4.0.1", visited):
            (line,) = told_of(visited, "127.4.0.1")
    finally:
        for plain in held:
            plain.close()
    assert " WARNING " in line
    assert "connection answered with 503: too many of this address" in line


def connected_from(host: str, running: Running) -> socket.socket:
    return socket.create_connection(
        ("127.0.0.1", running.port), timeout=10, source_address=(host, 0)
    )


def told_of(running: Running, host: str) -> list[str]:
    """Wait for a line about an address, and return all of them."""
    end = time.monotonic() + 10
    while f"from {host}\n" not in running.log():
        assert time.monotonic() < end, running.log()[-2_000:]
        time.sleep(0.02)
    return [line for line in running.log().splitlines() if line.endswith(f"from {host}")]


def refusal(running: Running, context: ssl.SSLContext) -> str:
    """Return the reason why there is no connection."""

    def ask() -> None:
        with Wire(running, context=context, seconds=5) as wire:
            # In TLS 1.3 the client learns of the alert when it reads; who is let in hears nothing.
            pytest.fail(f"answered with {wire.socket.recv(1)!r}")

    with pytest.raises(ssl.SSLError) as caught:
        ask()
    return str(caught.value).lower()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_party_files(gateway: Running, version: ssl.TLSVersion) -> None:
    context = client_context(gateway)
    context.minimum_version = context.maximum_version = version
    octets = request_for(gateway)
    with Wire(gateway, context=context) as wire:
        assert wire.socket.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        wire.send(head(gateway.urls[0], len(octets)) + octets)
        assert wire.answer().status == 200


@pytest.mark.parametrize(
    ("peer", "signer"),
    [("vendor-a", "vendor-a"), ("vendor-a-auth", "vendor-a-sign"), ("vendor-b", "vendor-b")],
)
def test_parties_of_the_fourth_generation_file(gateway_g4: Running, peer: str, signer: str) -> None:
    octets = request_for(gateway_g4, name=signer)
    assert gateway_g4.post(gateway_g4.urls[0], octets, name=peer).status_code == 200


def test_both_generations_reach_their_end(gateway: Running, gateway_g4: Running) -> None:
    for running in (gateway, gateway_g4):
        assert running.wait_for(running.submit(), "500")[-1] == "500"


def test_an_authentication_certificate_signs_nothing(gateway_g4: Running) -> None:
    octets = request_for(gateway_g4, name="vendor-a-auth")
    answer = gateway_g4.post(gateway_g4.urls[0], octets, name="vendor-a-auth")
    assert_refused(answer, "ALS110", "PKI-POLICY")


@pytest.mark.parametrize("signer", ["the same", "vendor-a"])
def test_a_certificate_without_oin_gets_a_fault(
    gateway: Running, tmp_path: Path, signer: str
) -> None:
    """As TLS peer and as signer: the handshake cannot explain it, a fault can."""
    identity = without_oin(gateway)
    who = identity if signer == "the same" else gateway.identity("vendor-a")
    octets = signed(who, envelope(aanlever_body()), created=datetime.now(UTC))
    with Wire(gateway, context=with_identity(gateway, identity, tmp_path)) as wire:
        wire.send(head(gateway.urls[0], len(octets)) + octets)
        assert_refused(wire.answer(), "ALS110", "PKI-OIN")


@pytest.mark.parametrize(
    ("offered", "selected"),
    [(["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["h2"], None), ([], None)],
)
def test_alpn_selects_http_1_1_or_nothing(
    gateway: Running, offered: list[str], selected: str | None
) -> None:
    context = client_context(gateway)
    if offered:
        context.set_alpn_protocols(offered)
    with Wire(gateway, context=context) as wire:
        assert wire.socket.selected_alpn_protocol() == selected
        octets = request_for(gateway)
        wire.send(head(gateway.urls[0], len(octets)) + octets)
        assert wire.answer().status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_no_session_is_resumed(gateway: Running, version: ssl.TLSVersion) -> None:
    """A resumed session would skip the certificate, and with it its revocation."""
    context = client_context(gateway)
    context.minimum_version = context.maximum_version = version
    session: ssl.SSLSession | None = None
    for _ in range(3):
        octets = request_for(gateway)
        with Wire(gateway, context=context, session=session) as wire:
            wire.send(head(gateway.urls[0], len(octets)) + octets)
            assert wire.answer().status == 200
            assert not wire.socket.session_reused
            session = wire.socket.session


# --- What OpenSSL's own client is refused -----------------------------------------

# Each as arguments of `openssl s_client`; @SECLEVEL=0 lets the client offer what is old.
REFUSED = {
    "TLS 1.0": ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    "TLS 1.1": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    "static RSA": ["-tls1_2", "-cipher", "AES256-GCM-SHA384"],
    "CBC": ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA"],
    "static RSA and CBC": ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"],
    "finite-field DHE": ["-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"],
    "anonymous": ["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"],
    "CCM": ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"],
    "finite-field group": ["-tls1_3", "-groups", "ffdhe3072"],
    "group of 224 bits": ["-tls1_2", "-groups", "P-224"],
    "another curve": ["-tls1_2", "-groups", "secp256k1"],
    "SHA-1 in signatures": [
        "-tls1_2",
        "-sigalgs",
        "RSA+SHA1:ECDSA+SHA1",
        "-cipher",
        "ALL@SECLEVEL=0",
    ],
    "SHA-224 in signatures": ["-tls1_2", "-sigalgs", "RSA+SHA224"],
}
_ACCEPTED_1_2 = ["AES256-GCM-SHA384", "CHACHA20-POLY1305", "AES128-GCM-SHA256"]
_ACCEPTED_1_3 = [
    *("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
]
ACCEPTED = {
    **{suite: ["-tls1_2", "-cipher", f"ECDHE-RSA-{suite}"] for suite in _ACCEPTED_1_2},
    **{suite: ["-tls1_3", "-ciphersuites", suite] for suite in _ACCEPTED_1_3},
    **{
        f"{version} {group}": [version, "-groups", group]
        for version in ("-tls1_2", "-tls1_3")
        for group in ("X25519", "X448", "P-256", "P-384", "P-521")
    },
    "PKCS #1 v1.5": ["-tls1_2", "-sigalgs", "RSA+SHA256"],
    "a strict client": ["-tls1_2", "-cipher", "ECDHE+AESGCM", "-legacy_server_connect"],
}


def handshake(running: Running, *arguments: str) -> str:
    """Return what openssl s_client says, after it has asked for something."""
    need("openssl", found=shutil.which("openssl") is not None, install="apt-get install openssl")
    directory = running.directory
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{running.port}", "-ign_eof"]
    command += ["-cert", str(directory / "vendor-a.pem"), "-key", str(directory / "vendor-a.key")]
    command += ["-CAfile", str(directory / "ca.pem"), *arguments]
    request = (
        "GET /wus/2.0/aanleverservice/1.2?xsd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    done = subprocess.run(
        command, input=request.encode(), capture_output=True, check=False, timeout=20
    )
    return (done.stdout + done.stderr).decode("utf-8", "replace")


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_old_is_refused(gateway: Running, case: str) -> None:
    said = handshake(gateway, *REFUSED[case])
    assert "HTTP/1.1" not in said
    assert "alert" in said, said


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_good_is_accepted(gateway: Running, case: str) -> None:
    said = handshake(gateway, *ACCEPTED[case])
    assert "HTTP/1.1 200" in said
    assert "Verify return code: 0 (ok)" in said


def test_what_is_negotiated(gateway_g4: Running) -> None:
    """Certificates of the fourth generation are RSASSA-PSS up to their root."""
    said = handshake(gateway_g4, "-tls1_2")
    assert "Peer signature type: RSA-PSS" in said
    assert "Extended master secret: yes" in said
    assert "Compression: NONE" in said
    assert "Peer signature type: RSA-PSS" in handshake(gateway_g4, "-tls1_3")


def test_tls_1_2_gives_no_session_to_keep(gateway: Running, tmp_path: Path) -> None:
    said = handshake(gateway, "-tls1_2", "-sess_out", str(tmp_path / "session"))
    assert "HTTP/1.1 200" in said
    assert "TLS session ticket:" not in said
    assert not (tmp_path / "session").exists()


def test_a_kept_session_is_of_no_use(gateway: Running, tmp_path: Path) -> None:
    """TLS 1.3 hands out what looks like tickets all the same; nothing stands behind them."""
    kept, early = tmp_path / "session", tmp_path / "early"
    said = handshake(gateway, "-tls1_3", "-sess_out", str(kept))
    assert "HTTP/1.1 200" in said
    assert set(re.findall(r"Max Early Data: (\d+)", said)) <= {"0"}
    assert set(re.findall(r"lifetime hint: (\d+)", said)) <= {"1"}
    early.write_bytes(b"GET / HTTP/1.1\r\n\r\n")
    said = handshake(gateway, "-tls1_3", "-sess_in", str(kept), "-early_data", str(early))
    assert "HTTP/1.1 200" in said
    assert "New, TLSv1.3" in said
    assert "Reused" not in said
    assert "Early data was not sent" in said


def test_reconnecting_resumes_nothing(gateway: Running) -> None:
    said = handshake(gateway, "-tls1_2", "-reconnect")
    assert said.count("New, TLSv1.2") == 6
    assert "Reused" not in said


@pytest.mark.parametrize(
    "group", ["X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "X25519", "P-521"]
)
def test_hybrid_groups_are_agreed(gateway: Running, group: str) -> None:
    assert agreed_group(gateway, group) == GROUP_NAMES.get(group, group)


def test_a_hybrid_group_is_preferred(gateway: Running) -> None:
    assert agreed_group(gateway, "X25519MLKEM768:X25519:P-256") == "X25519MLKEM768"


# As OpenSSL calls it after the handshake.
GROUP_NAMES = {"X25519": "x25519", "P-521": "secp521r1"}


def agreed_group(running: Running, offered: str) -> str | None:
    """Connect with the OpenSSL of the cryptography package, offering these groups only."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    library, handle = SSL._lib, context._context  # type: ignore[attr-defined]
    if not library.SSL_CTX_set1_curves_list(handle, offered.encode()):
        need(f"OpenSSL 3.5 in cryptography, for {offered}", found=False, install="a newer wheel")
    context.use_certificate_chain_file(str(running.directory / "vendor-a.pem"))
    context.use_privatekey_file(str(running.directory / "vendor-a.key"))
    with socket.create_connection(("127.0.0.1", running.port), 10) as plain:
        plain.settimeout(None)
        connection = SSL.Connection(context, plain)
        connection.set_connect_state()
        connection.do_handshake()
        connection.sendall(b"GET /wus/2.0/aanleverservice/1.2?xsd HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        return connection.get_group_name()


def test_renegotiation_is_refused(gateway: Running) -> None:
    need("openssl", found=shutil.which("openssl") is not None, install="apt-get install openssl")
    directory = gateway.directory
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-tls1_2"]
    command += ["-cert", str(directory / "vendor-a.pem"), "-key", str(directory / "vendor-a.key")]
    done = subprocess.run(command, input=b"R\n", capture_output=True, check=False, timeout=20)
    assert b"no renegotiation" in done.stdout + done.stderr


def test_a_hello_that_never_ends_does_not_stop_others(gateway: Running) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port)) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00\x01")
        gateway.submit()
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        gateway.submit()
    assert "Traceback" not in gateway.log()
