"""The example agency as a process of its own: over mutual TLS, through ends, on command."""

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from lxml import etree

from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.delivery.exchange import Credentials, Peer
from digipoort_wus.delivery.wus import WusAgency
from digipoort_wus.names import AFLEVER
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem
from digipoort_wus.pki.testplan import AGENCY_OIN
from digipoort_wus.process.agency import Delivered, Rejected, Unreachable
from tests.unit.delivery.filings import DOCUMENT, KENMERK, filing
from tests.wire.conftest import with_pki

_STATE = "SELECT content, times, verdict, reported, offered FROM taken ORDER BY id"


@dataclass(frozen=True)
class AgencyProcess:
    """An agency process: where it listens and where its files are."""

    process: "subprocess.Popen[str]"
    url: str
    directory: Path

    def log(self) -> str:
        """Return what it has logged so far."""
        return self.directory.with_suffix(".log").read_text()

    def kept(self) -> list[tuple[bytes, int, str | None, int, int]]:
        """Return what it keeps: content, times, verdict, reported, offered."""
        database = sqlite3.connect(f"file:{self.directory / 'agency.db'}?mode=ro", uri=True)
        try:
            return list(database.execute(_STATE))
        finally:
            database.close()


@contextmanager
def agency(directory: Path, pki: Path, *options: str) -> Iterator[AgencyProcess]:
    """Run an agency until the end, which is SIGTERM."""
    command = [sys.executable, "-m", "digipoort_wus", "agency", "--port", "0"]
    with directory.with_suffix(".log").open("a") as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(directory), "--pki-dir", str(pki), *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        word, url = process.stdout.readline().split() or ("", "")
        assert word == "ready", directory.with_suffix(".log").read_text()
        yield AgencyProcess(process, url, directory)
    finally:
        if process.poll() is None:
            process.terminate()
        process.stdout.close()
        process.wait(30)


def way_to(url: str, pki: Path, timeouts: Timeouts | None = None) -> WusAgency:
    """Return the gateway's way to an agency."""
    trust = trust_store(load_certificates(pki / "ca.pem"), load_crls(pki / "crl"), profiles.TEST)
    names = ("gateway-tls", "gateway-signing")
    tls, signing = (load_pem(pki / f"{name}.pem", pki / f"{name}.key") for name in names)
    own = Credentials(tls, signing, trust)
    return WusAgency(Peer(url, AGENCY_OIN), lambda: own, timeouts=timeouts or Timeouts(5, 5, 10))


def deliver(
    running: AgencyProcess, pki: Path, *, attempt: int = 1, timeouts: Timeouts | None = None
) -> Delivered | Rejected | Unreachable:
    """Deliver a filing as the gateway does."""
    way = way_to(running.url, pki, timeouts)
    try:
        return way.deliver(filing(), attempt)
    finally:
        way.close()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_pki(tmp_path_factory.mktemp("pki") / "pki")


def test_a_filing_is_taken_once_through_a_restart(pki: Path, tmp_path: Path) -> None:
    with agency(tmp_path / "agency", pki) as running:
        assert isinstance(deliver(running, pki), Delivered)
        assert f"kenmerk {KENMERK} taken" in running.log()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0
    with agency(tmp_path / "agency", pki) as running:
        assert isinstance(deliver(running, pki, attempt=2), Delivered)
        assert running.kept() == [(DOCUMENT, 2, None, 0, 0)]
        for secret in (DOCUMENT.decode(), "001000044B37", "Traceback"):
            assert secret not in running.log()


def test_what_was_acknowledged_to_nobody_survives_a_kill(pki: Path, tmp_path: Path) -> None:
    with agency(tmp_path / "agency", pki, "--lose-answers", "1") as running:
        assert isinstance(deliver(running, pki), Unreachable)
        assert "the answer is lost" in running.log()
        running.process.kill()
        running.process.wait(30)
    with agency(tmp_path / "agency", pki) as running:
        assert isinstance(deliver(running, pki, attempt=2), Delivered)
        assert [kept[:2] for kept in running.kept()] == [(DOCUMENT, 2)]


def test_on_command(pki: Path, tmp_path: Path) -> None:
    with agency(tmp_path / "faulty", pki, "--fault", "AFO100") as running:
        assert isinstance(deliver(running, pki), Rejected)
        assert running.kept() == []
    with agency(tmp_path / "down", pki, "--down-for", "60") as running:
        down = deliver(running, pki)
    assert down == Unreachable("HTTP 503 and no SOAP")
    with agency(tmp_path / "slow", pki, "--slow", "3") as running:
        outcome = deliver(running, pki, timeouts=Timeouts(5, 1, 10))
    assert outcome == Unreachable("no answer in time")


def test_strangers_get_no_answer(pki: Path, tmp_path: Path) -> None:
    with agency(tmp_path / "agency", pki) as running, requests.Session() as session:
        session.trust_env = False
        session.verify = str(pki / "ca.pem")
        with pytest.raises(requests.ConnectionError):
            session.get(f"{running.url}?wsdl", timeout=10)


def test_the_description_is_served(pki: Path, tmp_path: Path) -> None:
    with agency(tmp_path / "agency", pki) as running, requests.Session() as session:
        session.trust_env = False
        session.verify = str(pki / "ca.pem")
        session.cert = (str(pki / "gateway-tls.pem"), str(pki / "gateway-tls.key"))
        wsdl = etree.fromstring(session.get(f"{running.url}?wsdl", timeout=10).content)
        xsd = session.get(f"{running.url}?xsd={AFLEVER.xsd}", timeout=10)
        elsewhere = session.get(f"{running.url}/elsewhere", timeout=10)
    (address,) = wsdl.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address.get("location") == running.url
    assert b"afleverRequest" in xsd.content
    assert (elsewhere.status_code, "[HTTP-PATH]" in elsewhere.text) == (404, True)
    assert AFLEVER.paths[0] in elsewhere.text


def test_without_certificates_there_is_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "digipoort_wus", "agency", "--pki-dir", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"Error: .* holds no ca\.pem: give --pki-dir.*\n", done.stderr)


def test_a_fault_is_a_code(pki: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "digipoort_wus", "agency", "--pki-dir", str(pki)]
    done = subprocess.run(
        [*command, "--data-dir", str(tmp_path / "agency"), "--fault", "nope"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "'nope' is no code of a fault such as AFO100" in done.stderr
    assert not (tmp_path / "agency").exists()
