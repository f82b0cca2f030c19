"""A gateway seals, stamps and exports while it runs, and a third party verifies all of it."""

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import digipoort_wus
from digipoort_wus.pki.identity import load_certificates
from digipoort_wus.pki.testplan import AGENCY_OIN
from tests.conftest import need
from tests.moto import free_port
from tests.tsa_server import TsaServer, always, stamps, tsa_server
from tests.unit.evidence.authority import StampAuthority
from tests.wire.conftest import Running, end, with_pki
from tests.wire.test_agency import agency
from tests.wire.test_evidence import command, said
from tests.wire.test_operating import JSON_LOG, Operated, start, wait_until

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
SEAL = "[evidence]\nseal_every = 1\n"


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    for tool in ("openssl", "xmlsec1", "basenc", "sed"):
        need(tool, found=shutil.which(tool) is not None, install="apt-get install openssl xmlsec1")


@dataclass(frozen=True)
class Stamped:
    gateway: Operated
    tsa: TsaServer
    config: Path

    @property
    def running(self) -> Running:
        return self.gateway.running

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return command(self.running.directory, *words, "--config", str(self.config))

    def said(self, *words: str) -> str:
        return said(self.running.directory, *words, "--config", str(self.config))

    def wait_for_stamps(self) -> None:
        """Wait until every entry is sealed and every batch stamped."""

        def done() -> bool:
            found = self.gateway.metrics()
            ages = ("oldest_unsealed_seconds", "oldest_unstamped_seconds")
            return all(found[age] == 0 for age in ages) and found.get("stamps_total kept", 0) > 0

        wait_until(done, 30)

    def events(self) -> set[str]:
        return {str(line.get("event")) for line in self.gateway.lines()}


@contextmanager
def a_gateway(
    folder: Path, tsa: TsaServer, policy: str, more: str = "", *options: str
) -> Iterator[Stamped]:
    directory = folder / "data"
    settings = tsa.settings(folder, policy=policy, alarm_after=2, timeout=2)
    text = f"{SEAL}{settings}{JSON_LOG}{more}"
    gateway = start(directory, text, options=options)
    try:
        yield Stamped(gateway, tsa, folder / "data.toml")
    finally:
        end(gateway.running)


@dataclass(frozen=True)
class Exports:
    """Two exports of one filing: with stamps, and of a gateway without an authority."""

    stamped: Path
    bare: Path
    roots: Path
    stamp_roots: Path


@pytest.fixture(scope="module")
def exports(authority: StampAuthority, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Let a filing go the whole way: an agency takes it, reports, and offers a message."""
    folder = tmp_path_factory.mktemp("stamps")
    pki = with_pki(folder / "data")
    port = free_port()
    base = f"https://localhost:{port}"
    with (
        tsa_server(authority) as tsa,
        agency(folder / "agency", pki, "--gateway", base) as taker,
    ):
        row = f'[[agency]]\nname = "a"\noin = "{AGENCY_OIN}"\nurl = "{taker.url}"\n'
        row += 'berichtsoorten = ["Omzetbelasting"]\n'
        with a_gateway(folder, tsa, "when-possible", row, "--port", str(port)) as stamped:
            kenmerk = stamped.running.submit()
            stamped.running.wait_for(kenmerk, "500")
            wait_until(lambda: taker.kept()[0][3:] == (1, 1), 30)
            stamped.wait_for_stamps()
            assert "Everything holds." in stamped.said("evidence", "verify", "--all")
            stamped.said("evidence", "export", kenmerk, "--out", str(folder / "stamped.zip"))
    bare = folder / "bare"
    shutil.copytree(pki, bare)
    with sqlite3.connect(bare / "digipoort.db") as connection:
        connection.execute("UPDATE batch SET token = NULL, stamped_at = NULL")
    connection.close()
    said(bare, "evidence", "export", kenmerk, "--out", str(folder / "bare.zip"))
    root = next(one for one in load_certificates(pki / "ca.pem") if one.subject == one.issuer)
    (folder / "roots.pem").write_bytes(root.public_bytes(Encoding.PEM))
    return Exports(
        folder / "stamped.zip", folder / "bare.zip", folder / "roots.pem", tsa.roots(folder)
    )


def unpacked(archive: Path, folder: Path) -> Path:
    with ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def run(folder: Path, text: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-e", "-c", text],
        cwd=folder,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


def verdict(folder: Path, exports: Exports) -> tuple[int, str]:
    """Verify as the how-to says, with roots of one's own."""
    done = run(folder, f"sh verify.sh {exports.roots} {exports.stamp_roots}")
    return done.returncode, done.stdout + done.stderr


def blocks(folder: Path) -> list[str]:
    return _BLOCK.findall((folder / "VERIFY.md").read_text("utf-8"))


def test_the_whole_walk_of_a_third_party(exports: Exports, tmp_path: Path) -> None:
    """As docs/how-to/evidence.md has it, with openssl, xmlsec1, coreutils and sed alone."""
    folder = tmp_path / "evidence"
    typed = typed_in_the_how_to(exports, tmp_path)
    assert len(typed) >= 4
    for block in typed:
        done = run(tmp_path, block)
        assert done.returncode == 0, block + done.stdout + done.stderr
    status, output = verdict(folder, exports)
    assert status == 0, output
    for told in (
        *("signature of the request", "signature of the answer", "stamped"),
        *("reports/1: signature of the request", "reports/1: OIN of the signer"),
        *("messages/1: contents/1.bin", "messages/1: signature of the request"),
    ):
        assert [line for line in output.splitlines() if line.startswith("ok") and told in line]
    assert "note" not in output
    for block in blocks(folder):
        done = run(folder, block)
        assert done.returncode == 0, block + done.stderr


def typed_in_the_how_to(exports: Exports, folder: Path) -> list[str]:
    """Return the commands of the walk, in the place of whose names are ours."""
    page = (Path(__file__).parents[2] / "docs/how-to/evidence.md").read_text("utf-8")
    walk = page.split("## The walk of a third party", 1)[1].split("\n## ", 1)[0]
    for name, path in (
        ("evidence.zip", exports.stamped),
        ("stamp-roots.pem", exports.stamp_roots),
        ("roots.pem", exports.roots),
        ("verify-of-the-source.sh", Path(digipoort_wus.__file__).parent / "evidence/verify.sh"),
    ):
        shutil.copy(path, folder / name)
    return _BLOCK.findall(walk)


def test_without_stamps(exports: Exports, tmp_path: Path) -> None:
    folder = unpacked(exports.bare, tmp_path)
    status, output = verdict(folder, exports)
    assert status == 0, output
    assert "no time stamp; that it was sealed at" in output
    assert all(run(folder, block).returncode == 0 for block in blocks(folder))


def change(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        octets = (folder / name).read_bytes()
        assert old in octets, name
        (folder / name).write_bytes(octets.replace(old, new, 1))

    return apply


def flip(name: str, at: int) -> Callable[[Path], None]:
    """Turn one bit of an octet."""

    def apply(folder: Path) -> None:
        octets = bytearray((folder / name).read_bytes())
        octets[at] ^= 1
        (folder / name).write_bytes(octets)

    return apply


def digit(name: str, behind: bytes) -> Callable[[Path], None]:
    """Change the hexadecimal digit behind some octets."""

    def apply(folder: Path) -> None:
        octets = bytearray((folder / name).read_bytes())
        at = octets.index(behind) + len(behind)
        octets[at] = ord("1") if octets[at] == ord("0") else ord("0")
        (folder / name).write_bytes(octets)

    return apply


ONE, BACK = "filings/1", "messages/1"
TAMPERINGS = {
    "an octet of the request": (flip(f"{ONE}/request.xml", -40), "request.xml"),
    "what the request says": (
        change(f"{ONE}/request.xml", b"Omzetbelasting", b"Omzetbelastinh"),
        "signature of the request",
    ),
    "its content": (flip(f"{ONE}/contents/1.bin", 5), "contents/1.bin"),
    "a status": (change(f"{ONE}/statuses.json", b'"code":"500"', b'"code":"510"'), "status"),
    "an entry": (change("chain.jsonl", b'"code":"500"', b'"code":"510"'), "in batch"),
    "a leaf": (digit("proofs/2.json", b'"path":["'), "entry 2: in batch"),
    "a root": (digit("batches/1.json", b'"root":"'), "batch 1: signature"),
    "a signature": (flip("batches/1.sig", 9), "batch 1: signature"),
    "a token": (flip("batches/1.tsr", -9), "batch 1: stamped"),
    "the answer": (change(f"{ONE}/answer.xml", b"kenmerk>", b"kenmerk >"), "answer.xml"),
    "the report": (
        change(f"{ONE}/reports/1/request.xml", b">500<", b">510<"),
        "reports/1: signature of the request",
    ),
    "the return message": (flip(f"{BACK}/contents/1.bin", 5), "messages/1: contents/1.bin"),
    "what brought it": (
        change(f"{BACK}/request.xml", b"Omzetbelasting", b"Omzetbelastinh"),
        "messages/1: signature of the request",
    ),
}


@pytest.mark.parametrize(
    ("which", "name"),
    [
        *(("stamped", name) for name in TAMPERINGS),
        *(("bare", name) for name in TAMPERINGS if name != "a token"),
    ],
)
def test_what_was_changed_is_noticed(
    exports: Exports, which: str, name: str, tmp_path: Path
) -> None:
    apply, told = TAMPERINGS[name]
    folder = unpacked(exports.stamped if which == "stamped" else exports.bare, tmp_path)
    apply(folder)
    status, output = verdict(folder, exports)
    assert status == 1
    failed = [line for line in output.splitlines() if line.startswith("FAILED")]
    assert [line for line in failed if told in line], output


def test_an_authority_that_is_down(authority: StampAuthority, tmp_path: Path) -> None:
    """Sealing and filing go on; a gateway that needs stamps says that it is not ready."""
    with_pki(tmp_path / "data")
    with tsa_server(authority) as tsa:
        tsa.give = always(b"", status=503)
        with a_gateway(tmp_path, tsa, "required") as stamped:
            kenmerk = stamped.running.submit()
            wait_until(lambda: stamped.gateway.ready() == (503, {"stamps"}), 30)
            assert stamped.running.submit(reference="another") != kenmerk
            found = stamped.gateway.metrics()
            assert found["stamps_total failed"] >= 1
            assert found["oldest_unstamped_seconds"] > 2
            assert found["batches_sealed_total"] >= 1
            assert {"stamp-failed", "stamp-overdue"} & stamped.events()
            refused = stamped.command("evidence", "stamp")
            assert (refused.returncode, "HTTP 503" in refused.stderr) == (1, True)
            tsa.give = stamps(authority)
            done = stamped.said("evidence", "stamp")
            # The gateway itself may have been faster.
            assert re.search(r"(1 batch was|(0|[2-9]|\d\d+) batches were) stamped\.\n$", done)
            wait_until(lambda: stamped.gateway.ready() == (200, set()), 30)
            stamped.running.wait_for(kenmerk, "500")
            assert "stamped" in stamped.events()


def test_a_stopped_gateway_is_stamped_by_command(authority: StampAuthority, tmp_path: Path) -> None:
    with tsa_server(authority) as tsa:
        with_pki(tmp_path / "data")
        with a_gateway(tmp_path, tsa, "off") as gateway:
            gateway.running.wait_for(gateway.running.submit(), "500")
            assert "sealed in" in gateway.said("evidence", "seal")
            refused = gateway.command("evidence", "stamp")
            assert "[evidence.stamp]" in refused.stderr
            config, directory = gateway.config, gateway.running.directory
        assert tsa.asked == []
        said(directory, "evidence", "seal", "--config", str(config))
        config.write_text(config.read_text().replace("'off'", "'when-possible'"))
        assert not said(directory, "evidence", "stamp", "--config", str(config)).startswith("0 ")
        again = said(directory, "evidence", "stamp", "--config", str(config))
        assert again == "0 batches were stamped.\n"
        report = said(directory, "evidence", "verify", "--all", "--config", str(config))
        assert "Everything holds." in report


def test_what_stamps_need_is_missed_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        "[evidence.stamp]\nurl = 'http://localhost:9/'\nroots = 'none.pem'\n", "utf-8"
    )
    data = with_pki(tmp_path / "data")
    done = command(data, "serve", "--port", "0", "--config", str(config))
    assert done.returncode == 1
    assert "none.pem" in done.stderr
