"""What a running gateway tells of its certificates, and what ``config check`` tells of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from digipoort_wus.cli.main import digipoort_wus_command
from digipoort_wus.config import Config
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.materials import load_materials
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki, write_pki
from digipoort_wus.renewal import Renewal
from digipoort_wus.server.trust import CurrentTrust, Materials
from digipoort_wus.testing.clock import TurnableClock
from tests.conftest import CERTS_TEST
from tests.crl_server import crl_of

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def pki(tmp_path: Path) -> TestPki:
    """Leaves for forty days, and CRLs as long as their CAs."""
    made = make_pki("g1", now=NOW, valid_days=40, key_source=keys_from(CERTS_TEST / "g1"))
    write_pki(made, tmp_path / "data")
    return made


def nothing_hangs_on_it(_: Materials) -> Callable[[], None]:
    return lambda: None


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect the warnings of what needs attention."""
    texts: list[str] = []

    def keep(event: LogEvent) -> None:
        if event.get("log_format") == "{text}":
            texts.append(str(event["text"]))

    observer = cast(ILogObserver, keep)
    globalLogPublisher.addObserver(observer)
    try:
        yield texts
    finally:
        globalLogPublisher.removeObserver(observer)


def test_each_notice_is_logged_once(tmp_path: Path, pki: TestPki) -> None:
    assert set(pki.identities) > {"gateway-tls"}
    clock = TurnableClock()
    clock.freeze(NOW)
    config = replace(Config(), data_dir=tmp_path / "data", reload_seconds=0)
    trust = CurrentTrust(load_materials(config, clock))
    renewal = Renewal(config, trust, nothing_hangs_on_it, clock)

    def said() -> list[str]:
        with logged() as texts:
            renewal._look()
        return sorted(text for text in texts if text.startswith("The TLS certificate"))

    assert said() == []
    for days, words in ((11, "within 30 days"), (15, "within 14 days"), (13, "within a day")):
        clock.move(days * DAY)
        (text,) = said()
        assert words in text
        assert said() == []
        clock.move(timedelta(hours=1))
        assert said() == []


# --- What is reloaded --------------------------------------------------------------


def sign_with(pki: TestPki, folder: Path, subject: x509.Name | None = None, days: int = 30) -> None:
    """Give the gateway another certificate for its signing key."""
    identity, issuer = pki.identities["gateway-signing"], pki.authorities["issuing-ca"]
    before = identity.certificate
    builder = x509.CertificateBuilder(
        issuer.certificate.subject,
        subject or before.subject,
        before.public_key(),
        x509.random_serial_number(),
        NOW - DAY,
        NOW + days * DAY,
    )
    for extension in before.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    made = builder.sign(issuer.key, issuer.scheme.algorithm)
    octets = b"".join(each.public_bytes(Encoding.PEM) for each in (made, *identity.chain))
    (folder / "gateway-signing.pem").write_bytes(octets)


def other_oin(pki: TestPki, value: str | None) -> x509.Name:
    """Return the subject of the gateway with another OIN, or with none."""
    names = list(pki.identities["gateway-signing"].certificate.subject)
    kept = [name for name in names if name.oid != NameOID.SERIAL_NUMBER]
    if value is not None:
        kept.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, value))
    return x509.Name(kept)


@pytest.mark.parametrize("oin", [None, "00000088123456780000"])
@pytest.mark.parametrize("stale", [False, True], ids=["current", "stale"])
def test_a_certificate_without_a_good_oin_is_refused_with_any_list(
    tmp_path: Path, pki: TestPki, oin: str | None, stale: bool
) -> None:
    data = tmp_path / "data"
    config = replace(Config(), data_dir=data, reload_seconds=0)
    if stale:
        ended = crl_of(pki, since=NOW - 2 * DAY, until=NOW - DAY)
        (data / "crl" / "issuing-ca.pem").write_bytes(ended.public_bytes(Encoding.PEM))
    # An ended list alone stops nobody: it may be renewed while the gateway runs.
    load_materials(config, lambda: NOW)
    sign_with(pki, data, other_oin(pki, oin))
    with pytest.raises(ConfigurationError, match=r"signing certificate.*PKI-OIN"):
        load_materials(config, lambda: NOW)


def test_a_reload_that_fails_at_any_point_changes_nothing(tmp_path: Path, pki: TestPki) -> None:
    data = tmp_path / "data"
    config = replace(Config(), data_dir=data, reload_seconds=0)
    trust = CurrentTrust(load_materials(config, lambda: NOW))
    before, given, placed = trust.materials, list[Materials](), list[Materials]()
    fails = True

    def prepare(materials: Materials) -> Callable[[], None]:
        given.append(materials)
        assert trust.materials is before
        if fails:
            raise ConfigurationError("no gate can be made of that")
        return lambda: placed.append(trust.materials)

    renewal = Renewal(config, trust, prepare, lambda: NOW)
    sign_with(pki, data)
    with pytest.raises(ConfigurationError, match="no gate"):
        renewal._reload()
    assert len(given) == 1
    assert placed == []
    assert trust.materials is before
    fails = False
    renewal._reload()
    assert placed == [trust.materials]
    assert trust.materials.signing.certificate == given[1].signing.certificate
    assert trust.materials.signing.certificate != before.signing.certificate


# --- What is told ------------------------------------------------------------------


def check(folder: Path, settings: str = "") -> str:
    file = folder / "gateway.toml"
    file.write_text(f'data_dir = "data"\n{settings}')
    done = CliRunner().invoke(digipoort_wus_command, ["config", "check", str(file)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_config_check_tells_until_when(tmp_path: Path, pki: TestPki) -> None:
    said = check(tmp_path)
    assert f"until {NOW + 40 * DAY:%Y-%m-%d}" in said
    assert said.count("; its CRL until ") == 3
    assert "to be fetched" not in said
    # These CRLs began four hundred days ago and end in forty.
    assert said.count("less than half of its life is left") == 3
    assert "Attention, see above: 3.\n" in said


def test_config_check_tells_what_is_stale_missing_and_fetched(tmp_path: Path, pki: TestPki) -> None:
    crls = tmp_path / "data" / "crl"
    (crls / "root.pem").unlink()
    stale = crl_of(pki, since=NOW - 2 * DAY, until=NOW - DAY)
    (crls / "issuing-ca.pem").write_bytes(stale.public_bytes(Encoding.PEM))
    fresh = crl_of(pki, "intermediate", since=NOW - DAY, until=NOW + 3 * DAY)
    (crls / "intermediate.pem").write_bytes(fresh.public_bytes(Encoding.PEM))
    said = check(tmp_path, '[trust]\ncrl_hosts = ["crl.digipoort-wus.invalid"]\n')
    assert said.count("its CRL missing") == said.count(" is missing: ") == 1
    assert said.count(" has ended at ") == 1
    for name in ("root", "intermediate", "issuing-ca"):
        assert f"CRL to be fetched: http://crl.digipoort-wus.invalid/{name}.crl\n" in said
    assert "3 authorities, 2 CRLs. Attention, see above: 2.\n" in said
