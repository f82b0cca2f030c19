"""What was filed over TLS is exported, and a third party verifies it with openssl and xmlsec1."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import need
from tests.messages import XBRL, aanlever_body
from tests.packages import package_of
from tests.wire.conftest import Running, body_of, request_for, served, text_of, with_pki

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
LARGE = XBRL + b"<!-- " + b"x" * 300_000 + b" -->"
ACCEPTED = "500"


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    for tool in ("openssl", "xmlsec1", "basenc", "sed"):
        need(tool, found=shutil.which(tool) is not None, install="apt-get install openssl xmlsec1")


def command(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "digipoort_wus", *words, "--data-dir", str(directory)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )


def said(directory: Path, *words: str) -> str:
    done = command(directory, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def filed(running: Running, octets: bytes, **headers: str) -> str:
    answer = running.post(running.urls[0], octets, **headers)
    assert answer.status_code == 200, answer.text
    kenmerk = text_of(body_of(answer), "kenmerk")
    running.wait_for(kenmerk, ACCEPTED)
    return kenmerk


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A small, a large and a packaged filing of a gateway that was stopped, all of it sealed."""
    directory = with_pki(tmp_path_factory.mktemp("evidence") / "data")
    with served(directory) as running:
        package = package_of(request_for(running, aanlever_body(LARGE)))
        kenmerken = {
            "small": filed(running, request_for(running)),
            "large": filed(running, request_for(running, aanlever_body(LARGE))),
            "package": filed(running, package.body, **{"Content-Type": package.content_type}),
        }
    said(directory, "evidence", "seal")
    return directory, kenmerken


def unpacked(directory: Path, kenmerk: str, folder: Path) -> Path:
    said(directory, "evidence", "export", kenmerk, "--out", str(folder / "evidence.zip"))
    with ZipFile(folder / "evidence.zip") as archive:
        archive.extractall(folder / "evidence")
    return folder / "evidence"


def verdict(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", "verify.sh"],
        cwd=folder,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("which", ["small", "large", "package"])
def test_what_was_filed_is_verified_by_others_means(
    history: tuple[Path, dict[str, str]], which: str, tmp_path: Path
) -> None:
    directory, kenmerken = history
    folder = unpacked(directory, kenmerken[which], tmp_path)
    status, output = verdict(folder)
    assert "FAILED" not in output
    assert (status, output.splitlines()[-1]) == (0, "Everything holds.")
    for told in ("signature of the request", "signature of the answer", "not revoked", "500"):
        assert told in output
    blocks = _BLOCK.findall((folder / "VERIFY.md").read_text("utf-8"))
    for block in blocks:
        done = subprocess.run(
            ["sh", "-e", "-c", block],
            cwd=folder,
            env=_ENVIRONMENT,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, block
    # The whole chain, the root last, and the list of each issuer.
    certificates, crls = (
        len(list((folder / "filings/1" / name).iterdir())) for name in ("certificates", "crls")
    )
    assert (certificates, crls) == (4, 3)


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("filings/1/request.xml", b"Omzetbelasting", b"Omzetbelastinh", "signature of the request"),
        ("filings/1/answer.xml", b"kenmerk>", b"kenmerk >", "answer.xml"),
        ("filings/1/statuses.json", b'"code":"500"', b'"code":"510"', "status"),
        ("chain.jsonl", b'"code":"500"', b'"code":"510"', "entry"),
    ],
)
def test_what_was_changed_does_not_hold(
    history: tuple[Path, dict[str, str]],
    name: str,
    old: bytes,
    new: bytes,
    told: str,
    tmp_path: Path,
) -> None:
    directory, kenmerken = history
    folder = unpacked(directory, kenmerken["small"], tmp_path)
    octets = (folder / name).read_bytes()
    assert old in octets
    (folder / name).write_bytes(octets.replace(old, new))
    status, output = verdict(folder)
    assert status == 1
    assert any(told in line for line in output.splitlines() if line.startswith("FAILED"))


def test_the_store_verifies_and_a_change_of_it_is_found(
    history: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    directory, kenmerken = history
    assert "Everything holds." in said(directory, "evidence", "verify", "--all")
    assert said(directory, "db", "check").splitlines()[-1].endswith(": 0 problems.")
    changed = tmp_path / "changed"
    shutil.copytree(directory, changed)
    with sqlite3.connect(changed / "digipoort.db") as connection:
        connection.execute("UPDATE status SET code = '510' WHERE code = '500'")
    connection.close()
    done = command(changed, "evidence", "verify", kenmerken["small"])
    assert done.returncode == 1
    assert "[EVIDENCE-KEPT-CHANGED]" in done.stdout
    assert command(changed, "db", "check").returncode == 1


def test_the_request_is_shown_as_it_came(
    history: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    directory, _ = history
    fresh = tmp_path / "data"
    shutil.copytree(directory, fresh)
    with served(fresh) as running:
        octets = request_for(running, aanlever_body(LARGE, reference="as it came"))
        kenmerk = filed(running, octets)
    said(fresh, "evidence", "seal")
    folder = unpacked(fresh, kenmerk, tmp_path)
    assert (folder / "filings/1/request.xml").read_bytes() == octets
    # Kept once: the document beside it is a file, the request a row without it.
    with sqlite3.connect(fresh / "digipoort.db") as connection:
        row = connection.execute(
            """SELECT payload.size FROM filing JOIN payload ON payload.id = request_id
            WHERE kenmerk = ?""",
            (kenmerk,),
        ).fetchone()
    connection.close()
    assert row[0] < len(octets) - len(LARGE)


def test_a_repeat_gets_the_answer_that_was_kept(tmp_path: Path) -> None:
    directory = with_pki(tmp_path / "data")
    with served(directory) as running:
        octets = request_for(running)
        first = running.post(running.urls[0], octets)
        running.process.send_signal(signal.SIGKILL)
    with served(directory) as running:
        again = running.post(running.urls[0], octets)
        assert again.status_code == 200
        assert again.content == first.content


def test_an_operator_looks_and_decides_beside_a_running_gateway(
    tmp_path: Path,
) -> None:
    directory = with_pki(tmp_path / "data")
    with served(directory) as running:
        body = aanlever_body(reference="WachtOpUitvragendePartij")
        waiting = text_of(body_of(running.ask("aanleveren", body)), "kenmerk")
        running.wait_for(waiting, "400")
        found = json.loads(said(directory, "filings", "list", "--json"))["filings"]
        assert [(one["kenmerk"], one["status"]) for one in found] == [(waiting, "400")]
        shown = json.loads(said(directory, "filings", "show", waiting, "--json"))
        assert [one["code"] for one in shown["deliveries"][0]["statuses"]][-2:] == ["405", "400"]
        assert "Everything holds." in said(directory, "evidence", "verify", waiting)
        refused = command(directory, "filings", "cancel", waiting, "--reason", "asked for")
        assert refused.returncode == 1
        assert "the agency has it" in refused.stderr
        assert "delivered again" in said(
            directory, "filings", "resend", waiting, "--reason", "it lost it"
        )
        end = time.monotonic() + 20
        while running.statuses(waiting)[-4:] != ["405", "400", "405", "400"]:
            assert time.monotonic() < end, running.statuses(waiting)
            time.sleep(0.1)
        out = tmp_path / "content.xml"
        said(directory, "filings", "show", waiting, "--content", str(out), "--reason", "asked for")
        assert out.read_bytes() == XBRL
        rotated = command(directory, "db", "rotate-key")
        assert rotated.returncode == 1
        assert "stop it" in rotated.stderr
        assert said(directory, "db", "backup", str(tmp_path / "backup"))
    after = tmp_path / "restored"
    after.mkdir()
    shutil.copy(directory / "key-ring", after)
    said(after, "db", "restore", str(tmp_path / "backup"))
    assert waiting in said(after, "filings", "list")


def test_a_purge_while_the_chain_still_verifies(
    history: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    directory, kenmerken = history
    purged = tmp_path / "data"
    shutil.copytree(directory, purged)
    held = kenmerken["small"]
    said(purged, "filings", "hold", held, "--reason", "a dispute")
    # As if a year had passed.
    with sqlite3.connect(purged / "digipoort.db") as connection:
        connection.execute("UPDATE filing SET received_at = received_at - 40000000000")
    connection.close()
    assert said(purged, "purge", "--older-than", "365", "--dry-run").startswith("2 filings would")
    assert said(purged, "purge", "--older-than", "365").startswith("2 filings were")
    said(purged, "evidence", "seal")
    # The row of the one that is still there has a MAC: it has to be what it was.
    with sqlite3.connect(purged / "digipoort.db") as connection:
        connection.execute(
            "UPDATE filing SET received_at = received_at + 40000000000 WHERE purged_at IS NULL"
        )
    connection.close()
    assert "Everything holds." in said(purged, "evidence", "verify", "--all")
    assert not [path for path in (purged / "payloads").glob("*/*/*") if path.is_file()]
    listed = json.loads(said(purged, "filings", "list", "--json"))["filings"]
    assert {one["kenmerk"]: bool(one["purged_at"]) for one in listed} == {
        kenmerk: kenmerk != held for kenmerk in kenmerken.values()
    }
    folder = unpacked(purged, kenmerken["large"], tmp_path)
    status, output = verdict(folder)
    assert (status, "purged; what it was cannot be shown" in output) == (0, True)
