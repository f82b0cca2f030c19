"""A copy of the data that was made while the gateway ran, as the operator's page says."""

import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.messages import aanlever_body
from tests.wire.conftest import Running, body_of, served, text_of, with_pki

LARGE = b"<!-- " + b"x" * 300_000 + b" -->"


def copied(folder: Path) -> tuple[str, Path]:
    """File something large, and copy the data between the two attempts to deliver it.

    The database first, then the payloads, while both are in use.
    """
    with served(with_pki(folder / "data")) as running:
        # For the second attempt the content is read again.
        body = aanlever_body(LARGE, reference="TechnischProbleemAfleveren")
        kenmerk = text_of(body_of(running.ask("aanleveren", body)), "kenmerk")
        running.wait_for(kenmerk, "420")
        copy = with_pki(folder / "copy")
        source = sqlite3.connect(running.directory / "digipoort.db")
        target = sqlite3.connect(copy / "digipoort.db")
        source.backup(target)
        source.close()
        target.close()
        shutil.copytree(running.directory / "payloads", copy / "payloads")
        shutil.copy(running.directory / "key-ring", copy)
    assert [path for path in (copy / "payloads").glob("*/*/*") if path.is_file()]
    return kenmerk, copy


def test_a_copy_of_a_running_gateway_goes_on_where_it_was(tmp_path: Path) -> None:
    kenmerk, copy = copied(tmp_path)
    with served(copy) as running:
        assert running.wait_for(kenmerk, "500")[-4:] == ["420", "405", "400", "500"]


def test_a_database_without_its_payloads_delivers_nothing(tmp_path: Path) -> None:
    """What the page warns of; and what shows that the other test reads the payload."""
    kenmerk, copy = copied(tmp_path)
    said = (copy / "payloads" / "store-id").read_text()
    shutil.rmtree(copy / "payloads")
    command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0"]
    ended = subprocess.run(
        [*command, "--data-dir", copy], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert f"write the line {said.strip()} to {copy / 'payloads' / 'store-id'}." in ended.stderr
    # Whoever knows that they are lost for good does so.
    (copy / "payloads").mkdir(mode=0o700, exist_ok=True)
    (copy / "payloads" / "store-id").write_text(said)
    with served(copy) as running:
        seen(running, "PayloadDamaged")
        assert running.statuses(kenmerk)[-1] == "420"


def test_data_without_its_key_ring_is_not_served(tmp_path: Path) -> None:
    """Else a fresh ring would be made, and what was there could not be told from what is new."""
    _, copy = copied(tmp_path)
    (copy / "key-ring").unlink()
    command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0"]
    ended = subprocess.run(
        [*command, "--data-dir", copy], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert f"there is no key ring at {copy / 'key-ring'}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (copy / "key-ring").exists()


def seen(running: Running, words: str) -> None:
    end = time.monotonic() + 20
    while words not in running.log():
        assert time.monotonic() < end, running.log()[-2_000:]
        time.sleep(0.05)
