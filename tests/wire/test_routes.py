"""Routes and agencies as configuration: each filing to its own, and only to it."""

import os
import shutil
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.cli.local_gateway import free_port
from digipoort_wus.client.digipoort import DigipoortClient, Endpoints
from digipoort_wus.config import Config
from digipoort_wus.delivery.agencies import AgencyRow
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.party import Party
from digipoort_wus.gateway import Gateway
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem
from digipoort_wus.pki.issue import issue_certificate
from digipoort_wus.pki.testpki import key_pem, load_pki
from digipoort_wus.pki.testplan import AGENCY_OIN, PLANS, leaf_template
from digipoort_wus.process.engine import Policies
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.testing.reactor_thread import ReactorThread
from tests.messages import XBRL, aanlever_body
from tests.wire.conftest import Running, body_of, end, spawn, text_of, with_pki
from tests.wire.test_agency import AgencyProcess, agency
from tests.wire.test_tls import refusal

SECOND_OIN = "00000099000000007000"
OWNER = Party("001000044B37", "Fi")
DOWN = 20
SOON = RetryPolicy(timedelta(seconds=1), timedelta(seconds=2), give_up_after=timedelta(hours=1))


def with_two(directory: Path) -> Path:
    """Put a test PKI into a directory, with the certificate of a second agency."""
    pki = with_pki(directory)
    made = load_pki(pki)
    (first,) = (leaf for leaf in PLANS["g1"].leaves if leaf.name == "agency")
    second = replace(first, name="second", oin=SECOND_OIN)
    issuer = made.authorities["issuing-ca"]
    key = made.identities["vendor-a"].private_key
    template = leaf_template(second, datetime.now(UTC).replace(microsecond=0), 30)
    chain = (issue_certificate(template, key.public_key(), issuer), *issuer.sent_chain)
    octets = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    (pki / "second.pem").write_bytes(octets)
    (pki / "second.key").write_bytes(key_pem(key))
    return pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_two(tmp_path_factory.mktemp("pki") / "pki")


@dataclass(frozen=True)
class Three:
    gateway: Gateway
    client: DigipoortClient
    first: AgencyProcess
    second: AgencyProcess

    def submit(self, berichtsoort: str) -> str:
        """File a return and return its kenmerk."""
        document = Document("application/xml", "a.xbrl", XBRL)
        receipt = self.client.submit(document, berichtsoort=berichtsoort, belanghebbende=OWNER)
        return receipt.kenmerk

    def wait_for(self, kenmerk: str, code: str, seconds: float = 30) -> list[str]:
        """Wait until a process has this status last, and return the codes of all."""
        until = time.monotonic() + seconds
        while (codes := [status.code for status in self.gateway.statuses(kenmerk)])[-1:] != [code]:
            assert time.monotonic() < until, (codes, self.first.log(), self.second.log())
            time.sleep(0.05)
        return codes


@contextmanager
def two_agencies(directory: Path, pki: Path, *options: str) -> Iterator[Three]:
    """Run a gateway with two agencies, the second with further options."""
    base = f"https://localhost:{free_port()}"
    to_gateway = ("--gateway", base)
    with (
        ReactorThread() as thread,
        agency(directory / "first", pki, *to_gateway) as first,
        agency(directory / "second", pki, *to_gateway, "--identity", "second", *options) as second,
    ):
        rows = (
            AgencyRow("first", AGENCY_OIN, first.url, berichtsoorten=("Omzetbelasting",)),
            AgencyRow("second", SECOND_OIN, second.url, berichtsoorten=("OBSUP",)),
        )
        port = int(base.rpartition(":")[2])
        config = Config(data_dir=directory / "data", pki_dir=pki, port=port, agencies=rows)

        def begin() -> Gateway:
            gateway = Gateway(config, reactor=thread.reactor, policies=Policies(delivery=SOON))
            gateway.listen()
            return gateway

        gateway = thread.call(begin)
        try:
            with client_of(pki, base) as client:
                yield Three(gateway, client, first, second)
        finally:
            thread.call(cast("Callable[[], None]", gateway.stop))


def client_of(pki: Path, base: str) -> DigipoortClient:
    return DigipoortClient(
        Endpoints.at(base),
        identity=load_pem(pki / "vendor-a.pem", pki / "vendor-a.key"),
        trust=trust_store(load_certificates(pki / "ca.pem"), load_crls(pki / "crl"), profiles.TEST),
    )


def test_one_agency_is_down_and_the_other_notices_nothing(pki: Path, tmp_path: Path) -> None:
    with two_agencies(tmp_path, pki, "--down-for", str(DOWN)) as three:
        waiting = three.submit("OBSUP")
        assert three.wait_for(waiting, "420")[-2:] == ["405", "420"]
        for _ in range(3):
            codes = three.wait_for(three.submit("Omzetbelasting"), "500", seconds=10)
            assert codes[-3:] == ["405", "400", "500"]
        assert three.wait_for(waiting, "420") == [
            *("105", "100", "110", "200", "301", "301"),
            *("405", "420"),
        ], "the agency was up too soon for this test"
        codes = three.wait_for(waiting, "500", seconds=DOWN + 30)
        assert codes[-5:] == ["405", "420", "405", "400", "500"]
        assert codes.count("420") == 1
        # Each got what is its own, once.
        assert [kept[1:3] for kept in three.first.kept()] == [(1, "500")] * 3
        assert [kept[1:3] for kept in three.second.kept()] == [(1, "500")]
        (message,) = three.client.messages_of(waiting)
        assert message.document.file_name == "bericht.xml"


# --- As an operator does it: a file, and a gateway in a process of its own --------------


@contextmanager
def configured(folder: Path, pki: Path, settings: str) -> Iterator[Running]:
    """Run a gateway with a configuration file."""
    file = folder / "gateway.toml"
    file.write_text(settings)
    running = spawn(folder / "data", "--pki-dir", str(pki), "--config", str(file))
    try:
        yield replace(running, directory=pki)
    finally:
        end(running)


def row(name: str, oin: str, url: str, *lines: str) -> str:
    return "\n".join(
        ("[[agency]]", f'name = "{name}"', f'oin = "{oin}"', f'url = "{url}"', *lines, "")
    )


def log_of(folder: Path) -> str:
    return (folder / "data.log").read_text()


def file(running: Running, berichtsoort: str, reference: str = "ref-1") -> str:
    body = aanlever_body(reference=reference).replace("Omzetbelasting", berichtsoort)
    answer = running.ask("aanleveren", body)
    assert answer.status_code == 200, answer.text
    return text_of(body_of(answer), "kenmerk")


def test_who_answers_under_another_oin_gets_nothing(pki: Path, tmp_path: Path) -> None:
    with agency(tmp_path / "agency", pki) as somebody:
        settings = row("second", SECOND_OIN, somebody.url, 'berichtsoorten = ["OBSUP"]')
        with configured(tmp_path, pki, settings) as running:
            kenmerk = file(running, "OBSUP")
            assert running.wait_for(kenmerk, "420")[-2:] == ["405", "420"]
        assert somebody.kept() == []
    told = f"the server is OIN {AGENCY_OIN}, and not OIN {SECOND_OIN}"
    (line, *_) = [line for line in log_of(tmp_path).splitlines() if told in line]
    assert "WARNING" in line
    assert kenmerk in line


def test_authorities_of_an_agency_count_for_it_alone(pki: Path, tmp_path: Path) -> None:
    """It has certificates of another hierarchy, which the gateway trusts for nothing else."""
    other = with_pki(tmp_path / "other", "g4")
    ours = tmp_path / "ours"
    shutil.copytree(pki, ours)
    for crl in (other / "crl").iterdir():
        shutil.copy(crl, ours / "crl" / f"g4-{crl.name}")
    theirs = tmp_path / "theirs"
    shutil.copytree(other, theirs)
    (theirs / "ca.pem").write_bytes((pki / "ca.pem").read_bytes() + (other / "ca.pem").read_bytes())
    for crl in (pki / "crl").iterdir():
        shutil.copy(crl, theirs / "crl" / f"g1-{crl.name}")
    with agency(tmp_path / "agency", theirs) as there:
        settings = row(
            "other", AGENCY_OIN, there.url, 'ca = "other/ca.pem"', 'berichtsoorten = ["OBSUP"]'
        ) + row("ours", AGENCY_OIN, there.url, 'berichtsoorten = ["Omzetbelasting"]')
        with configured(tmp_path, ours, settings) as running:
            assert running.wait_for(file(running, "OBSUP"), "400", "420")[-1] == "400"
            assert running.wait_for(file(running, "Omzetbelasting"), "400", "420")[-1] == "420"
            stranger = ssl.create_default_context(cafile=str(ours / "ca.pem"))
            stranger.load_cert_chain(other / "vendor-a.pem", other / "vendor-a.key")
            assert "unknown ca" in refusal(running, stranger).replace("_", " ").lower()
        assert len(there.kept()) == 1


def test_routes_are_read_anew_and_agencies_are_not(pki: Path, tmp_path: Path) -> None:
    with agency(tmp_path / "agency", pki) as there:
        settings = row("first", AGENCY_OIN, there.url)
        with configured(tmp_path, pki, settings) as running:

            def reread(text: str, told: str) -> None:
                (tmp_path / "gateway.toml").write_text(settings + text)
                os.kill(running.process.pid, signal.SIGHUP)
                until = time.monotonic() + 10
                while told not in log_of(tmp_path):
                    assert time.monotonic() < until, log_of(tmp_path)
                    time.sleep(0.02)

            running.wait_for(file(running, "OBSUP"), "500")
            assert there.kept() == []
            reread('[[route]]\nberichtsoort = "OBSUP"\nagency = "first"\n', "6 routes were read")
            assert running.wait_for(file(running, "OBSUP", "ref-2"), "400")[-1] == "400"
            assert len(there.kept()) == 1
            reread(
                '[[route]]\nberichtsoort = "OBSUP"\nagency = "x"\n',
                "and routes stay: route 'OBSUP'",
            )
            reread(
                row("x", SECOND_OIN, "https://localhost:1/")
                + '[[route]]\nberichtsoort = "OBSUP"\nagency = "x"\n',
                "need a restart; until then the old ones stay in force: agency",
            )
            told = "the old routes stay: route 'OBSUP' names agency 'x', which is not there"
            assert told in log_of(tmp_path)
            assert running.wait_for(file(running, "OBSUP", "ref-3"), "400")[-1] == "400"
            reread('[[route]]\nberichtsoort = "Nieuw"\n', "7 routes were read anew")
            assert running.wait_for(file(running, "Nieuw", "ref-4"), "500")[-1] == "500"
