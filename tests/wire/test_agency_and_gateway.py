"""A gateway, an agency and a client: the whole way, and back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from digipoort_wus.client.digipoort import DigipoortClient, Endpoints
from digipoort_wus.clock import system_clock
from digipoort_wus.config import Config
from digipoort_wus.delivery.wus import WusAgency
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.gateway import Gateway
from digipoort_wus.pki import profiles
from digipoort_wus.pki.chain import trust_store
from digipoort_wus.pki.identity import load_certificates, load_crls, load_pem
from digipoort_wus.process.agency import Accepted, Delivered, Refused, Rejected, Unreachable
from digipoort_wus.testing.reactor_thread import ReactorThread
from tests.messages import XBRL
from tests.wire.conftest import with_pki
from tests.wire.test_agency import AgencyProcess, agency, way_to

OWNER = Party("001000044B37", "Fi")


class Late:
    """An agency that is found when it is asked: it starts after the gateway."""

    def __init__(self) -> None:
        self.way: WusAgency | None = None

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        return Unreachable() if self.way is None else self.way.deliver(filing, attempt)

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        return None


@dataclass(frozen=True)
class Both:
    gateway: Gateway
    agency: AgencyProcess
    client: DigipoortClient

    def submit(self, content: bytes = XBRL, berichtsoort: str = "Omzetbelasting") -> str:
        """File a return and return its kenmerk."""
        receipt = self.client.submit(
            Document("application/xml", "a.xbrl", content),
            berichtsoort=berichtsoort,
            belanghebbende=OWNER,
        )
        return receipt.kenmerk

    def wait_for(self, kenmerk: str, code: str) -> list[str]:
        """Wait until a process has this status last, and return the codes of all."""
        end = time.monotonic() + 30
        while True:
            codes = [status.code for status in self.gateway.statuses(kenmerk)]
            if codes[-1:] == [code]:
                return codes
            assert time.monotonic() < end, (codes, self.agency.log())
            time.sleep(0.05)


@contextmanager
def running(directory: Path, *options: str) -> Iterator[Both]:
    """Run a gateway that delivers to an agency, which reports to it."""
    pki = with_pki(directory / "data")
    late = Late()
    with ReactorThread() as thread:

        def begin() -> Gateway:
            config = replace(Config(), data_dir=pki, port=0)
            gateway = Gateway(config, reactor=thread.reactor, agency=late)
            gateway.listen()
            return gateway

        gateway = thread.call(begin)
        base = f"https://localhost:{gateway.port}"
        try:
            with (
                agency(directory / "agency", pki, "--gateway", base, *options) as process,
                DigipoortClient(
                    Endpoints.at(base),
                    identity=load_pem(pki / "vendor-a.pem", pki / "vendor-a.key"),
                    trust=trust_store(
                        load_certificates(pki / "ca.pem"), load_crls(pki / "crl"), profiles.TEST
                    ),
                    clock=system_clock,
                ) as client,
            ):
                late.way = way_to(process.url, pki)
                yield Both(gateway, process, client)
        finally:
            if late.way is not None:
                late.way.close()
            thread.call(cast("Callable[[], None]", gateway.stop))


def test_a_filing_is_accepted_and_its_message_fetched(tmp_path: Path) -> None:
    with running(tmp_path) as both:
        kenmerk = both.submit()
        codes = both.wait_for(kenmerk, "500")
        assert codes == ["105", "100", "110", "200", "301", "301", "405", "400", "500"]
        (message,) = both.client.messages_of(kenmerk)
        assert message.document.file_name == "bericht.xml"
        assert kenmerk.encode() in read_content(message.document.content)
        statuses = both.client.statuses(kenmerk)
        assert "RefersToMessageId" in (statuses[-1].details or "")
        assert both.agency.kept() == [(XBRL, 1, "500", 1, 1)]


def test_a_filing_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, "--refuse") as both:
        kenmerk = both.submit()
        assert both.wait_for(kenmerk, "510")[-2:] == ["400", "510"]
        error = both.client.statuses(kenmerk)[-1].error
        assert error is not None


def test_what_is_said_twice_counts_once(tmp_path: Path) -> None:
    with running(tmp_path, "--double-report") as both:
        kenmerk = both.submit()
        assert both.wait_for(kenmerk, "500").count("500") == 1
        end = time.monotonic() + 20
        while both.agency.kept()[0][3:] != (1, 1):
            assert time.monotonic() < end, both.agency.log()
            time.sleep(0.05)
        assert len(both.client.messages_of(kenmerk)) == 1
        assert both.wait_for(kenmerk, "500").count("500") == 1


def test_twenty_mebibytes(tmp_path: Path) -> None:
    padding = b"<!--" + b"x" * (20 * 1024 * 1024 - len(XBRL) - 7) + b"-->"
    content = XBRL.rstrip() + padding
    with running(tmp_path) as both:
        # No rule for it needs a tree, which so large a document does not get.
        kenmerk = both.submit(content, "OBSUP")
        assert both.wait_for(kenmerk, "500")[-2:] == ["400", "500"]
        ((kept, *_),) = both.agency.kept()
        assert kept == content
