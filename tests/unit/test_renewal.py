"""What a running gateway tells of its certificates, and what ``config check`` tells of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from digipoort_wus.cli.main import digipoort_wus_command
from digipoort_wus.config import Config
from digipoort_wus.materials import load_materials
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki, write_pki
from digipoort_wus.renewal import Renewal
from digipoort_wus.server.trust import CurrentTrust
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
    renewal = Renewal(config, trust, lambda: None, clock)

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
