"""Two gateways that exchange messages over ebMS, for tests: each a process of its own."""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from digipoort_wus.cli.ordering import carry_out
from digipoort_wus.cli.stored import look
from digipoort_wus.config import Config
from digipoort_wus.config_file import load_config
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.message import Service
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.ebms_orders import ADD, PING, REMOVE, SEND
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki, write_pki
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsAttempt,
    EbmsContent,
    EbmsId,
    EbmsRow,
    EbmsWanted,
)
from tests import ebms_parties
from tests.conftest import CERTS_TEST
from tests.ebms_parties import AANLEVEREN, AFLEVEREN
from tests.wire.conftest import Running, end, spawn

T = TypeVar("T")
AGENCY_URL, DIGIPOORT_URL = "https://agency.invalid/ebms", "https://digipoort.invalid/ebms"
AANLEVER, AFLEVER = (AANLEVEREN, "aanleveren"), (AFLEVEREN, "afleveren")
_CONFIG = """
[tls]
certificate = "data/{name}.pem"
key = "data/{name}.key"
[signing]
certificate = "data/{name}.pem"
key = "data/{name}.key"
[ebms]
connect_seconds = 5
silence_seconds = 5
total_seconds = 20
{more}
"""


@dataclass
class Side:
    """One of the two gateways, whether it runs or not."""

    config: Config
    config_file: Path
    running: Running | None = None
    port: int = 0
    killed: list[Running] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/ebms"

    @property
    def process(self) -> Running:
        assert self.running is not None
        return self.running

    def start(self, *arguments: str) -> None:
        port = ("--port", str(self.port)) if self.port else ()
        self.running = spawn(
            self.config.data_dir, "--config", str(self.config_file), *port, *arguments
        )
        self.port = self.running.port

    def kill(self) -> None:
        """End it as a power cut does, as far as a process can tell."""
        running = self.process
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(30)
        self.killed.append(running)
        self.running = None

    def stop(self) -> None:
        for each in (*self.killed, *([self.running] if self.running else [])):
            end(each)
        self.killed, self.running = [], None

    def log(self) -> str:
        return (self.config.data_dir.parent / f"{self.config.data_dir.name}.log").read_text()

    def add(
        self,
        octets: bytes,
        urls: Mapping[str, str],
        quirks: Mapping[str, str] | None = None,
        certificates: Mapping[str, str] | None = None,
    ) -> object:
        told = {
            "cpa": base64.b64encode(octets).decode(),
            "urls": dict(urls),
            "quirks": dict(quirks or {}),
            "certificates": dict(certificates or {}),
        }
        return carry_out(self.config, ADD, told)

    def remove(self, cpa_id: str) -> None:
        carry_out(self.config, REMOVE, {"cpa_id": cpa_id})

    def ping(self, cpa_id: str) -> object:
        return carry_out(self.config, PING, {"cpa_id": cpa_id})

    def send(
        self,
        cpa_id: str,
        what: tuple[Service, str],
        payloads: Sequence[bytes | Path] = (b"<a>een</a>",),
        message_id: str = "",
        answers: EbmsRow | None = None,
    ) -> str:
        service, action = what
        rows = [
            {
                "media_type": "application/xml",
                **(
                    {"path": str(each)}
                    if isinstance(each, Path)
                    else {"octets": base64.b64encode(each).decode()}
                ),
            }
            for each in payloads
        ]
        told = {
            "cpa_id": cpa_id,
            "service": service.value,
            "service_type": service.type,
            "action": action,
            "payloads": rows,
            "message_id": message_id,
            "conversation_id": "" if answers is None else answers.head.conversation_id,
            "ref_to_message_id": "" if answers is None else answers.head.key.message_id,
        }
        return str(carry_out(self.config, SEND, told))

    def rows(self, direction: Direction, message_id: str | None = None) -> Sequence[EbmsRow]:
        wanted = EbmsWanted(direction=direction, message_id=message_id, limit=1000)
        return look(self.config, lambda reader: reader.ebms_messages(wanted))

    def came(self, message_id: str | None = None) -> Sequence[EbmsRow]:
        return self.rows(Direction.IN, message_id)

    def went(self, message_id: str) -> EbmsRow:
        (row,) = self.rows(Direction.OUT, message_id)
        return row

    def attempts(self, message_id: str) -> Sequence[EbmsAttempt]:
        number = self.went(message_id).ebms_id
        return look(self.config, lambda reader: reader.ebms_attempts(number))

    def content(self, number: EbmsId) -> EbmsContent:
        return look(self.config, lambda reader: reader.ebms_content(number))

    def payloads(self, number: EbmsId) -> list[bytes]:
        def work(content: EbmsContent) -> list[bytes]:
            return [
                part.content if isinstance(part.content, bytes) else part.content.read()
                for part in content.parts
            ]

        return look(self.config, lambda reader: work(reader.ebms_content(number)))

    def wait_for(self, message_id: str, *states: str, seconds: float = 30) -> EbmsRow:
        """Wait until a message that went out is in one of the states."""
        return wait_for(
            lambda: self.went(message_id),
            lambda row: row.state in states,
            lambda: f"{message_id} is not {states}: {self.went(message_id)}\n{self.log()}",
            seconds,
        )


def wait_for(
    look_: Callable[[], T], good: Callable[[T], bool], why: Callable[[], str], seconds: float = 30
) -> T:
    until = time.monotonic() + seconds
    while True:
        found = look_()
        if good(found):
            return found
        assert time.monotonic() < until, why()
        time.sleep(0.05)


@dataclass
class Two:
    """An agency and Digipoort, and the PKI of both."""

    agency: Side
    digipoort: Side
    pki: TestPki

    def agree(
        self,
        profile: Profile,
        *,
        sync: bool = False,
        retries: int = 8,
        interval: timedelta = timedelta(seconds=1),
        to_agency: str = "",
        to_digipoort: str = "",
        quirks: Mapping[str, str] | None = None,
    ) -> str:
        """Put an agreement of a profile to use on both sides, and return its CPAId."""
        pair = self.pair(profile, sync=sync, retries=retries, interval=interval)
        urls = {
            AGENCY_URL: to_agency or self.agency.url,
            DIGIPOORT_URL: to_digipoort or self.digipoort.url,
        }
        for side in (self.agency, self.digipoort):
            side.add(pair.octets, urls, quirks)
        return pair.agreement.cpa_id

    def pair(
        self, profile: Profile, *, sync: bool, retries: int, interval: timedelta
    ) -> ebms_parties.Pair:
        """Return an agreement of a profile."""
        return ebms_parties.pair(
            self.pki,
            profile,
            sync_reply=SyncReply.SIGNALS if sync else SyncReply.NONE,
            urls=(AGENCY_URL, DIGIPOORT_URL),
            retries=retries,
            interval=interval,
            at=datetime.now(UTC),
        )


@contextmanager
def two_gateways(directory: Path, more: str = "") -> Iterator[Two]:
    """Start an agency and Digipoort that know each other's certificates."""
    two = prepared(directory, more)
    try:
        for side in (two.agency, two.digipoort):
            side.start()
        yield two
    finally:
        for side in (two.agency, two.digipoort):
            side.stop()


def prepared(directory: Path, more: str = "") -> Two:
    """Return both sides, of which neither runs yet."""
    pki = make_pki("g1", now=datetime.now(UTC), key_source=keys_from(CERTS_TEST / "g1"))
    sides = []
    for name, identity in (("agency", "agency"), ("digipoort", "gateway-tls")):
        place = directory / name
        (place / "data").mkdir(parents=True)
        write_pki(pki, place / "data")
        config_file = place / "gateway.toml"
        config_file.write_text(_CONFIG.format(name=identity, more=more))
        config = replace(load_config(config_file), data_dir=place / "data")
        sides.append(Side(config, config_file))
    return Two(sides[0], sides[1], pki)


@contextmanager
def ebms_peer(two: Two, directory: Path, octets: bytes, *options: str) -> Iterator[str]:
    """Start `ebms peer` in the place of Digipoort; gives its URL."""
    place = two.digipoort.config.data_dir
    cpa = directory / "cpa.xml"
    cpa.write_bytes(octets)
    command = [sys.executable, "-m", "digipoort_wus", "ebms", "peer", str(cpa), "--port", "0"]
    command += ["--pki-dir", str(place), "--identity", "gateway-tls"]
    command += ["--data-dir", str(directory)]
    command += ["--url", f"{AGENCY_URL}={two.agency.url}", *options]
    with (directory / "peer.log").open("a") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        assert words[:1] == ["ready"], (directory / "peer.log").read_text()
        yield words[1]
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(30)


def peak_memory(running: Running) -> int:
    """Return the most memory that a process has used since :func:`forget_peak`, in octets."""
    for line in Path(f"/proc/{running.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def forget_peak(running: Running) -> None:
    """Measure the most memory from now on."""
    Path(f"/proc/{running.process.pid}/clear_refs").write_text("5")


def next_task_at(side: Side) -> datetime | None:
    """Return when something has to be sent next, None when nothing has."""
    at = datetime.now(UTC)
    return look(side.config, lambda reader: reader.next_ebms_task_at(at))


def wait_for_rest(side: Side) -> None:
    """Wait until nothing has to be sent any more.

    A signal whose first attempt ended with its process is posted again a minute later.
    """
    wait_for(lambda: next_task_at(side), lambda at: at is None, side.log, seconds=100)
