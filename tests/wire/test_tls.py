"""The handshake: who may talk at all, and how. A stranger meets an alert and never an answer."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from digipoort_wus.pki.identity import Identity, load_certificates, load_pem
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


STRANGERS: dict[str, Made] = {
    "no certificate": named(None),
    "revoked": named("vendor-revoked"),
    "expired": named("vendor-expired"),
    "another hierarchy": of_another_hierarchy,
    "another generation": of_another_generation,
    "self-signed": self_signed,
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("case", STRANGERS)
def test_a_stranger_meets_an_alert(
    gateway: Running, tmp_path: Path, case: str, version: ssl.TLSVersion
) -> None:
    context = STRANGERS[case](gateway, tmp_path)
    context.minimum_version = context.maximum_version = version
    assert "alert" in refusal(gateway, context)


def test_a_signing_certificate_sets_up_no_connection(gateway_g4: Running) -> None:
    assert "alert" in refusal(gateway_g4, client_context(gateway_g4, "vendor-a-sign"))


@pytest.mark.parametrize("name", ["no certificate", "vendor-revoked", "vendor-expired"])
def test_strangers_of_the_fourth_generation(gateway_g4: Running, name: str) -> None:
    known = None if name == "no certificate" else name
    assert "alert" in refusal(gateway_g4, client_context(gateway_g4, known))


def refusal(running: Running, context: ssl.SSLContext) -> str:
    """Return the reason why there is no answer to a request over such a connection."""
    octets = request_for(running)

    def ask() -> None:
        with Wire(running, context=context, seconds=5) as wire:
            # In TLS 1.3 the client learns of the alert when it reads.
            wire.send(head(running.urls[0], len(octets)) + octets)
            pytest.fail(f"answered with {wire.socket.recv(1)!r}")

    with pytest.raises(ssl.SSLError) as caught:
        ask()
    return str(caught.value).lower()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
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


def without_oin(running: Running) -> Identity:
    """A certificate of the gateway's own hierarchy whose subject has no serialNumber."""
    issuer, sample = (
        load_pem(running.directory / f"{name}.pem", running.directory / f"{name}.key")
        for name in ("issuing-ca", "vendor-a")
    )
    roots = [c for c in load_certificates(running.directory / "ca.pem") if c.issuer == c.subject]
    authority = Authority(
        "issuing-ca",
        issuer.certificate,
        (*issuer.chain, roots[0]),
        PKCS1_SHA256,
        issuer.private_key,
    )
    certificate = sample.certificate
    identifiers = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)
    template = Template(
        x509.Name([part for part in certificate.subject if part.oid != NameOID.SERIAL_NUMBER]),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        tuple(
            (extension.value, extension.critical)
            for extension in certificate.extensions
            if not isinstance(extension.value, identifiers)
        ),
    )
    made = issue_certificate(template, sample.private_key.public_key(), authority)
    return Identity(made, authority.sent_chain, sample.private_key)


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


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
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
    "finite-field group": ["-tls1_3", "-groups", "ffdhe2048"],
}
ACCEPTED = {
    "TLS 1.2 GCM": ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"],
    "TLS 1.2 ChaCha": ["-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"],
    "TLS 1.3": ["-tls1_3"],
    "TLS 1.3 P-256": ["-tls1_3", "-groups", "P-256"],
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
