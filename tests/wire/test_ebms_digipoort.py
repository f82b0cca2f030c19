"""Digipoort over ebMS with the example agency behind it: verdicts, faults, and deaths of either."""

import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from digipoort_wus.ebms.cpa_plan import Profile
from tests.conftest import need
from tests.messages import XBRL, aanlever_body
from tests.wire.conftest import Running, body_of, text_of
from tests.wire.ebms import (
    AGENCY_URL,
    DIGIPOORT_URL,
    Two,
    next_task_at,
    prepared,
    wait_for,
    wait_for_rest,
)
from tests.wire.test_agency import AgencyProcess, agency
from tests.wire.test_evidence import said, unpacked, verdict

AGENCY = "00000099000000004000"
UNDERWAY = ["105", "100", "110", "200", "301", "301", "405"]
PROFILES = (Profile("osb-be"), Profile("osb-rm"), Profile("osb-rm-s"))
SIGNED = Profile("osb-rm-s")
_ROWS = """filings = true
[[agency]]
name = "there"
oin = "{agency}"
cpa = "{cpa}"
berichtsoorten = ["Omzetbelasting"]
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Both:
    """A gateway of Digipoort, and an agency that runs or not."""

    two: Two
    directory: Path
    port: int
    octets: bytes
    stack: ExitStack
    agencies: list[AgencyProcess] = field(default_factory=list)

    @property
    def running(self) -> Running:
        return self.two.digipoort.process

    @property
    def agency(self) -> AgencyProcess:
        return self.agencies[-1]

    def start_agency(self, *options: str) -> AgencyProcess:
        cpa = self.directory / "cpa.xml"
        cpa.write_bytes(self.octets)
        started = self.stack.enter_context(
            agency(
                self.directory / "there",
                self.two.digipoort.config.data_dir,
                *("--ebms", str(cpa), "--url", f"{DIGIPOORT_URL}={self.two.digipoort.url}"),
                *("--gateway", self.running.base, "--port", str(self.port), *options),
            )
        )
        self.agencies.append(started)
        return started

    def stop_agency(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.agency.process.send_signal(how)
        self.agency.process.wait(30)

    def restart(self) -> None:
        """Kill the gateway as a power cut does, unless it is dead, and start it again."""
        digipoort = self.two.digipoort
        if digipoort.process.process.poll() is None:
            digipoort.kill()
        else:
            digipoort.killed.append(digipoort.process)
        digipoort.start()

    def codes(self, kenmerk: str) -> list[str]:
        return self.running.statuses(kenmerk)

    def ends(self, kenmerk: str, code: str, seconds: float = 40) -> list[str]:
        """Wait until a process has this status last, and return the codes of all."""
        return wait_for(
            lambda: self.codes(kenmerk),
            lambda codes: codes[-1:] == [code],
            lambda: f"{self.codes(kenmerk)}\n{self.two.digipoort.log()}\n{self.agency.log()}",
            seconds,
        )

    def kept(self) -> list[tuple[bytes, str | None]]:
        """Return content and verdict of each filing that the agency has."""
        return [(content, verdict) for content, _, verdict, _, _ in self.agency.kept()]

    def told(self) -> None:
        """Wait until the agency has told the gateway all, and nothing is left to be sent."""
        wait_for(
            lambda: [row[3:] for row in self.agency.kept()],
            lambda rows: all(row == (1, 1) for row in rows),
            self.agency.log,
        )
        wait_for_rest(self.two.digipoort)


@contextmanager
def both(directory: Path, profile: Profile = SIGNED, *, sync: bool = False) -> Iterator[Both]:
    """Start a gateway that delivers over ebMS to an agency that does not run yet."""
    two = prepared(directory)
    pair = two.pair(profile, sync=sync, retries=60, interval=timedelta(seconds=1))
    file = two.digipoort.config_file
    file.write_text(file.read_text() + _ROWS.format(cpa=pair.agreement.cpa_id, agency=AGENCY))
    with ExitStack() as stack:
        stack.callback(two.digipoort.stop)
        two.digipoort.start()
        port = free_port()
        urls = {
            AGENCY_URL: f"https://localhost:{port}/ebms",
            DIGIPOORT_URL: two.digipoort.url,
        }
        two.digipoort.add(pair.octets, urls)
        yield Both(two, directory, port, pair.octets, stack)


@pytest.mark.parametrize("sync", [False, True], ids=["asynchronous", "synchronous"])
@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.value)
def test_a_filing_over_wus_is_judged_by_an_agency_behind_ebms(
    tmp_path: Path, profile: Profile, sync: bool
) -> None:
    with both(tmp_path, profile, sync=sync) as one:
        one.start_agency()
        kenmerk = one.running.submit()
        assert one.ends(kenmerk, "500") == [*UNDERWAY, "400", "500"]
        one.told()
        assert one.agency.kept() == [(XBRL, 1, "500", 1, 1)]


def test_an_agency_refuses_the_content(tmp_path: Path) -> None:
    with both(tmp_path) as one:
        one.start_agency("--refuse")
        kenmerk = one.running.submit()
        assert one.ends(kenmerk, "510") == [*UNDERWAY, "400", "510"]


def test_a_fault_that_is_final_ends_the_delivery(tmp_path: Path) -> None:
    with both(tmp_path) as one:
        one.start_agency("--fault", "AFL140")
        kenmerk = one.running.submit()
        assert one.ends(kenmerk, "410") == [*UNDERWAY, "410"]
        assert one.kept() == []


def test_a_fault_that_passes_is_followed_by_another_delivery(tmp_path: Path) -> None:
    with both(tmp_path) as one:
        one.start_agency("--fault", "AFL400")
        kenmerk = one.running.submit()
        assert one.ends(kenmerk, "420") == [*UNDERWAY, "420"]
        one.stop_agency()
        one.start_agency()
        codes = one.ends(kenmerk, "500")
        # How often it was offered meanwhile is a matter of moments.
        assert [code for code in codes if code != "420"] == [*UNDERWAY, "405", "400", "500"]
        assert one.kept() == [(XBRL, "500")]


def test_an_agency_that_is_down_gets_it_when_it_is_back(tmp_path: Path) -> None:
    with both(tmp_path) as one:
        first, second = one.running.submit(), one.running.submit(reference="ref-2")
        digipoort = one.two.digipoort
        wait_for(lambda: next_task_at(digipoort), bool, digipoort.log)
        time.sleep(1.5)
        assert one.codes(first) == UNDERWAY
        one.start_agency("--down-for", "2")
        for kenmerk in (first, second):
            assert one.ends(kenmerk, "500") == [*UNDERWAY, "400", "500"]
        assert one.kept() == [(XBRL, "500")] * 2


def test_an_agency_that_is_killed_has_each_filing_once(tmp_path: Path) -> None:
    with both(tmp_path) as one:
        # Each loses the confirmation of what it has, and is killed then.
        for _ in range(2):
            running = one.start_agency("--lose-answers", "1")
            if len(one.agencies) == 1:
                kenmerk = one.running.submit()
            wait_for(running.log, _lost(len(one.agencies)), running.log)
            one.stop_agency(signal.SIGKILL)
        one.start_agency()
        assert one.ends(kenmerk, "500") == [*UNDERWAY, "400", "500"]
        ((content, times, verdict, *_),) = one.agency.kept()
        assert (content, verdict) == (XBRL, "500")
        assert times >= 3


def _lost(number: int) -> Callable[[str], bool]:
    return lambda log: log.count("the confirmation is lost") >= number


_DEATHS = (
    "delivery.before_send:1",
    "delivery.after_send:1",
    "engine.before_commit:2",
    "engine.after_commit:1",
    "store.before_commit:4",
    "store.before_commit:6",
    "store.before_commit:8",
    "store.before_commit:10",
    "store.after_commit:5",
    "store.after_commit:7",
    "store.after_commit:9",
)


@pytest.mark.thorough
@pytest.mark.parametrize("point", _DEATHS)
def test_a_gateway_that_dies_at_a_point_delivers_once(
    tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with both(tmp_path) as one:
        one.start_agency()
        one.two.digipoort.kill()
        monkeypatch.setenv("DIGIPOORT_WUS_CRASH_AT", point)
        one.two.digipoort.start()
        monkeypatch.delenv("DIGIPOORT_WUS_CRASH_AT")
        process = one.running.process
        message_id = f"urn:uuid:{uuid4()}"
        first = _filed(one.running, message_id)
        assert process.wait(30) == -signal.SIGKILL, point
        one.restart()
        kenmerk = _filed(one.running, message_id)
        assert first in ("", kenmerk)
        codes = one.ends(kenmerk, "500")
        assert codes == [*UNDERWAY, "400", "500"]
        one.told()
        assert one.kept() == [(XBRL, "500")]
        actions = [row.head.action for row in one.two.digipoort.came()]
        assert actions == ["bevestigAfleveren"]


def _filed(running: Running, message_id: str) -> str:
    """File something, and return its kenmerk; empty when the gateway dies."""
    try:
        answer = running.ask("aanleveren", aanlever_body(reference="ref-1"), message_id=message_id)
    except requests.ConnectionError:
        return ""
    assert answer.status_code == 200, answer.text
    return text_of(body_of(answer), "kenmerk")


@pytest.mark.thorough
def test_a_gateway_that_is_killed_at_any_moment_delivers_each_filing_once(tmp_path: Path) -> None:
    with both(tmp_path) as one:
        one.start_agency()
        filed = []
        for number in range(4):
            filed += [one.running.submit(reference=f"ref-{number}-{each}") for each in range(3)]
            time.sleep(0.15 * number)
            one.restart()
        for kenmerk in filed:
            assert one.ends(kenmerk, "500") == [*UNDERWAY, "400", "500"]
        one.told()
        assert one.kept() == [(XBRL, "500")] * len(filed)


def accepted(one: Both) -> str:
    """Return the kenmerk of the one filing of the agency, once that was told of it."""
    (kenmerk,) = wait_for(
        lambda: re.findall(r"a filing was accepted: kenmerk '([^']+)'", one.agency.log()),
        lambda found: len(found) == 1,
        lambda: one.agency.log() + one.two.digipoort.log(),
    )
    return str(kenmerk)


def judged(one: Both, kenmerk: str) -> list[str]:
    """Wait until a filing of the agency has its verdict, and return the codes of all."""
    return wait_for(
        lambda: one.running.statuses(kenmerk, name="agency"),
        lambda codes: codes[-1:] == ["500"],
        one.agency.log,
    )


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.value)
def test_what_an_agency_files_is_confirmed_and_followed_over_wus(
    tmp_path: Path, profile: Profile
) -> None:
    filing = tmp_path / "aangifte.xbrl"
    filing.write_bytes(XBRL)
    with both(tmp_path / "both", profile) as one:
        one.start_agency("--file", str(filing))
        kenmerk = accepted(one)
        codes = judged(one, kenmerk)
        assert codes == [*UNDERWAY, "400", "500"]
        # It is the one that it goes to, too.
        assert one.kept() == [(XBRL, "500")]
        one.stop_agency()
        one.start_agency("--file", str(filing))
        assert len(one.two.digipoort.came()) == 2


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        (Profile("osb-rm"), "nobody signed the request"),
        (SIGNED, "the signature is over a payload as well"),
    ],
    ids=["unsigned", "signed"],
)
def test_a_filing_over_ebms_is_verified_by_others_means(
    tmp_path: Path, profile: Profile, told: str
) -> None:
    for tool in ("openssl", "xmlsec1", "basenc", "sed"):
        need(tool, found=shutil.which(tool) is not None, install="apt-get install openssl xmlsec1")
    filing = tmp_path / "aangifte.xbrl"
    filing.write_bytes(XBRL)
    with both(tmp_path / "both", profile) as one:
        one.start_agency("--file", str(filing))
        kenmerk = accepted(one)
        judged(one, kenmerk)
        one.stop_agency()
    directory = one.two.digipoort.config.data_dir
    said(directory, "evidence", "seal")
    folder = unpacked(directory, kenmerk, tmp_path)
    status, output = verdict(folder)
    assert "FAILED" not in output
    assert (status, output.splitlines()[-1]) == (0, "Everything holds.")
    assert told in output
    # Reports are signed over WUS in any case.
    assert (
        "filings/1: certificate leads to a root and is not revoked" in output or profile != SIGNED
    )
    assert b"aanleveren" in (folder / "filings/1/request.xml").read_bytes()
    assert said(directory, "evidence", "verify", kenmerk)
