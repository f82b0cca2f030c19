"""Asking a time stamping authority: what is sent, and which answers come through."""

import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.delivery.stamping import NO_STAMPS, StampAuthority, StampRow
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.evidence.stamp import (
    REPLY_MAX_BYTES,
    NoStamp,
    Stamping,
    stamp_query,
    verify_stamp,
)
from digipoort_wus.pki.testpki import TestPki, write_pki
from tests.tsa_server import TsaServer, always, dripping, endless, late, stamps, tsa_server
from tests.unit.evidence.authority import StampAuthority as OpenSsl

DATA = b"a batch and its signature"
URL, ROOTS = "http://stamps.example.nl/tsa", Path("roots.pem")


@pytest.fixture
def tsa(authority: OpenSsl) -> Iterator[TsaServer]:
    with tsa_server(authority) as server:
        yield server


def asked(tsa: TsaServer, query: bytes = b"", timeout: int = 5) -> bytes:
    authority = StampAuthority(StampRow(url=tsa.url, timeout=timeout))
    try:
        return authority(query or stamp_query(DATA).octets)
    finally:
        authority.close()


def test_an_answer_comes_through_and_is_a_stamp(tsa: TsaServer) -> None:
    query = stamp_query(DATA)
    octets = asked(tsa, query.octets)
    verify_stamp(octets, DATA, (tsa.authority.root,), nonce=query.nonce)
    (headers,) = tsa.asked
    assert headers["accept"] == "application/timestamp-reply"
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("give", "told"),
    [
        (always(b"busy", status=500), "HTTP 500"),
        (always(b"", status=302), "HTTP 302"),
        (always(b"<html>", media_type="text/html"), "is not application/timestamp-reply"),
        (always(bytes(REPLY_MAX_BYTES + 1)), f"more than {REPLY_MAX_BYTES} bytes"),
        (endless, f"more than {REPLY_MAX_BYTES} bytes"),
        (dripping(0.2), "no answer in time"),
        (late(4, always(b"")), "no answer in time"),
    ],
)
def test_what_cannot_be_a_stamp(tsa: TsaServer, give: object, told: str) -> None:
    tsa.give = give  # type: ignore[assignment]
    began = time.monotonic()
    with pytest.raises(NoStamp, match=told):
        asked(tsa, timeout=1)
    assert time.monotonic() - began < 3


def test_nobody_is_there(authority: OpenSsl) -> None:
    with tsa_server(authority) as gone:
        pass
    with pytest.raises(NoStamp, match="no connection"):
        asked(gone)


def test_over_tls_with_a_certificate_and_a_password(
    authority: OpenSsl, pki: TestPki, tmp_path: Path
) -> None:
    write_pki(pki, tmp_path)
    root = tmp_path / "root.pem"
    root.write_bytes(pki.authorities["root"].certificate.public_bytes(Encoding.PEM))
    (tmp_path / "password").write_text("é:geheim\n", encoding="utf-8")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "gateway-tls.pem", tmp_path / "gateway-tls.key")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with tsa_server(authority, context=context) as server:
        server.give = stamps(authority)
        row = StampRow(
            url=server.url,
            timeout=5,
            ca=root,
            certificate=tmp_path / "vendor-a.pem",
            key=tmp_path / "vendor-a.key",
            user="wij",
            password_file=tmp_path / "password",
        )
        query = stamp_query(DATA)
        asks = StampAuthority(row)
        verify_stamp(asks(query.octets), DATA, (authority.root,), nonce=query.nonce)
        # The connection was kept.
        verify_stamp(asks(query.octets), DATA, (authority.root,), nonce=query.nonce)
        asks.close()
        assert server.asked[0]["authorization"] == "Basic d2lqOsOpOmdlaGVpbQ=="
        bare = StampAuthority(StampRow(url=server.url, timeout=5, ca=root))
        with pytest.raises(NoStamp):
            bare(query.octets)
        bare.close()
        stranger = StampAuthority(StampRow(url=server.url, timeout=5))
        with pytest.raises(NoStamp, match="certificate"):
            stranger(query.octets)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    https = "https://stamps.example.nl/"
    broken = tmp_path / "broken.pem"
    broken.write_text("no PEM")
    there = tmp_path / "latin-1"
    there.write_bytes(b"\xe9")
    for row in (
        StampRow(url=https, ca=tmp_path / "none.pem"),
        StampRow(url=https, ca=broken),
        StampRow(url=https, certificate=broken, key=broken),
        StampRow(url=https, user="wij", password_file=tmp_path / "none"),
        StampRow(url=https, user="wij", password_file=there),
    ):
        with pytest.raises(ConfigurationError):
            StampAuthority(row)
    with pytest.raises(ConfigurationError):
        StampRow(policy="required", url=URL, roots=tmp_path / "none").believed()
    with pytest.raises(ConfigurationError, match=r"\[evidence.stamp\]"):
        NO_STAMPS.believed()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"policy": "sometimes"}, "off, when-possible, required"),
        ({"policy": "required"}, "needs url"),
        ({"policy": "when-possible", "url": URL}, "and roots"),
        ({"url": "ftp://stamps.example.nl"}, "address"),
        ({"url": "http:///tsa"}, "address"),
        ({"url": "http://wij:geheim@stamps.example.nl"}, "password in it"),
        ({"timeout": 0}, "1 to 15"),
        ({"timeout": 16}, "1 to 15"),
        ({"alarm_after": 0}, "number of seconds"),
        ({"policy_oid": "1.2.x"}, "an OID"),
        ({"url": URL.replace("http", "https"), "key": ROOTS}, "both certificate and key"),
        ({"url": URL.replace("http", "https"), "user": "wij"}, "both user and password_file"),
        (
            {"url": URL.replace("http", "https"), "user": "w:j", "password_file": ROOTS},
            "no colon",
        ),
        ({"url": URL, "ca": ROOTS}, "https"),
        ({"url": URL, "user": "wij", "password_file": ROOTS}, "https"),
    ],
)
def test_what_does_not_fit_together(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=r"evidence\.stamp") as caught:
        StampRow(**changes)  # type: ignore[arg-type]
    assert told in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_how_much_depends_on_stamps() -> None:
    row = StampRow(policy="required", url=URL, roots=ROOTS, alarm_after=60)
    assert row.is_on
    assert row.stamps.stamping is Stamping.REQUIRED
    assert row.stamps.alarm_after == timedelta(minutes=1)
    assert not NO_STAMPS.is_on
    assert NO_STAMPS.stamps.stamping is Stamping.OFF
