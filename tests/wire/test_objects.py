"""Large filings in an object store, through the public entry points of a real gateway."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from psycopg.conninfo import conninfo_to_dict

from digipoort_wus.cli.local_gateway import free_port
from digipoort_wus.pki.testplan import AGENCY_OIN
from digipoort_wus.store import objects as objects_module
from digipoort_wus.store import sweeping
from digipoort_wus.store.keyfile import read_key_ring
from digipoort_wus.store.objects import open_objects
from digipoort_wus.store.sqlite import open_sqlite
from tests.messages import XBRL, aanlever_body
from tests.moto import Line, Server
from tests.wire.conftest import (
    body_of,
    fault_of,
    request_for,
    served,
    text_of,
    with_pki,
)
from tests.wire.test_agency import AgencyProcess, agency

LARGE = XBRL.rstrip() + b"<!--" + b"x" * (1024 * 1024) + b"-->"


def until(found: Callable[[], bool], log: Callable[[], str]) -> None:
    end = time.monotonic() + 30
    while not found():
        assert time.monotonic() < end, log()[-3_000:]
        time.sleep(0.05)


def config_file(folder: Path, bucket: Server, *parts: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text("\n".join((bucket.toml(), *parts)))
    return path


def agency_row(taker: AgencyProcess) -> str:
    return (
        f'[[agency]]\nname = "taker"\noin = "{AGENCY_OIN}"\nurl = "{taker.url}"\n'
        'berichtsoorten = ["Omzetbelasting"]\n'
    )


def command(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "digipoort_wus", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def ready(port: int) -> tuple[int, str]:
    """Return status and text of the readiness check."""
    answer = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=10)
    return answer.status_code, answer.text


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_mebibyte_goes_in_and_out_to_the_agency(
    request: pytest.FixtureRequest, kind: str, bucket: Server, tmp_path: Path
) -> None:
    pki, port = with_pki(tmp_path / "data"), free_port()
    store = ""
    if kind == "postgres":
        parts = conninfo_to_dict(request.getfixturevalue("postgres_database"))
        url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
        store = f'[store]\nurl = "{url}"\nkey_ring = "key-ring"\n'
    with agency(tmp_path / "agency", pki, "--gateway", f"https://localhost:{port}") as taker:
        config = config_file(tmp_path, bucket, store, agency_row(taker))
        with served(pki, "--config", str(config), "--port", str(port)) as running:
            answer = running.ask("aanleveren", aanlever_body(LARGE))
            assert answer.status_code == 200, answer.text
            kenmerk = text_of(body_of(answer), "kenmerk")
            assert running.wait_for(kenmerk, "500")[-3:] == ["405", "400", "500"]
            assert [row[0] for row in taker.kept()] == [LARGE]
            (name,) = bucket.names()
            stored = bucket.get(name)
            assert len(stored) > len(LARGE)
            assert b"xxxxxxxx" not in stored
            assert [path for path in pki.rglob("*/*/*") if len(path.name) == 64] == []
            checked = command("db", "check", "--config", config, "--data-dir", pki)
            assert checked.returncode == 0, checked.stdout + checked.stderr
            assert ": 0 problems." in checked.stdout
            bucket.put(name, stored[:-1])
            checked = command("db", "check", "--config", config, "--data-dir", pki)
            assert checked.returncode == 1
            assert "is not what was stored: restore it" in checked.stdout


def test_without_the_bucket_small_filings_go_on_and_large_ones_are_sent_again(
    bucket: Server, tmp_path: Path
) -> None:
    pki, line = with_pki(tmp_path / "data"), Line(bucket)
    admin = free_port()
    config = config_file(tmp_path, line.server, f"[admin]\nport = {admin}\n")
    try:
        with served(pki, "--config", str(config)) as running:
            assert "the object store answers" in ready(admin)[1]
            metrics = requests.get(f"http://127.0.0.1:{admin}/metrics", timeout=10).text
            assert "digipoort_wus_objects_reachable 1.0" in metrics
            octets = request_for(running, aanlever_body(LARGE))
            line.cut()
            refused = running.post(running.urls[0], octets)
            assert refused.status_code == 500
            code, text = fault_of(refused)
            assert code == "ALS400"
            assert "object" not in text
            assert bucket.names() == []
            running.wait_for(running.submit(), "500")
            status, told = ready(admin)
            assert status == 200
            assert "the object store did not" in told
            database = sqlite3.connect(f"file:{pki / 'digipoort.db'}?mode=ro", uri=True)
            assert database.execute("SELECT count(*) FROM filing").fetchone() == (1,)
            database.close()
            line.mend()
            until(lambda: "the object store answers" in ready(admin)[1], running.log)
            answer = running.post(running.urls[0], octets)
            assert answer.status_code == 200, answer.text
            running.wait_for(text_of(body_of(answer), "kenmerk"), "500")
            assert "large payloads are refused until it answers" in running.log()
            assert len(bucket.names()) == 1
            # It starts without the bucket, too.
            line.cut()
        with served(pki, "--config", str(config)) as running:
            running.wait_for(running.submit(reference="later"), "500")
    finally:
        line.cut()


def test_what_was_stored_when_the_gateway_was_killed_is_collected_later(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pki = with_pki(tmp_path / "data")
    config = config_file(tmp_path, bucket)
    monkeypatch.setenv("DIGIPOORT_WUS_CRASH_AT", "intake.in_work:1")
    with served(pki, "--config", str(config)) as running:
        octets = request_for(running, aanlever_body(LARGE))
        with pytest.raises(requests.ConnectionError):
            running.post(running.urls[0], octets)
        assert running.process.wait(30) == -9
    assert len(bucket.names()) == 1
    monkeypatch.delenv("DIGIPOORT_WUS_CRASH_AT")
    with served(pki, "--config", str(config)) as running:
        answer = running.post(running.urls[0], octets)
        assert answer.status_code == 200, answer.text
        running.wait_for(text_of(body_of(answer), "kenmerk"), "500")
    assert len(bucket.names()) == 2
    for module, name, value in (
        (objects_module, "SWEPT_FROM_AGE", -60.0),
        (objects_module, "REMOVED_AFTER", -60.0),
        (sweeping, "SWEEPS_EVERY", 0.0),
        (sweeping, "FIRST_SWEEP", 0.0),
        (sweeping, "LOOKS_EVERY", 0.05),
    ):
        monkeypatch.setattr(module, name, value)
    objects = open_objects(bucket.place(), tmp_path)
    with open_sqlite(pki, read_key_ring(pki / "key-ring"), objects=objects) as store:
        store.look_after()
        until(lambda: len(bucket.names()) == 1, str)
    checked = command("db", "check", "--config", config, "--data-dir", pki)
    assert checked.returncode == 0, checked.stdout


def test_the_extra_that_is_missing_is_named(bucket: Server, tmp_path: Path) -> None:
    pki = with_pki(tmp_path / "data")
    blocked = tmp_path / "blocked"
    (blocked / "obstore").mkdir(parents=True)
    (blocked / "obstore" / "__init__.py").write_text("raise ImportError('not here')\n")
    script = (
        f"import sys; sys.path.insert(0, {str(blocked)!r})\n"
        "from digipoort_wus.cli.main import main\nmain()\n"
    )
    words = ["serve", "--port", "0", "--config", str(config_file(tmp_path, bucket))]
    ended = subprocess.run(
        [sys.executable, "-c", script, *words, "--data-dir", str(pki)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "store.objects needs the extra s3: install digipoort-wus[s3]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_backup_says_that_objects_are_not_in_it(bucket: Server, tmp_path: Path) -> None:
    pki = with_pki(tmp_path / "data")
    config = config_file(tmp_path, bucket)
    with served(pki, "--config", str(config)) as running:
        assert running.ask("aanleveren", aanlever_body(LARGE)).status_code == 200
        made = command("db", "backup", tmp_path / "copy", "--config", config, "--data-dir", pki)
    assert made.returncode == 0, made.stderr
    assert "The objects in the bucket filings are not copied" in made.stdout
    assert json.loads((tmp_path / "copy" / "backup.json").read_text())["files"] == 0
