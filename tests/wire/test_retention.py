"""What is older than a rule allows goes while the gateway runs, and everybody else goes on."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.messages import XBRL, aanlever_body, query_body
from tests.wire.conftest import Running, body_of, served, text_of, with_pki

LARGE = XBRL + b"<!-- " + b"x" * 300_000 + b" -->"
RULE = """
[retention]
default_days = 30
"""


def older(directory: Path, kenmerk: str, days: int) -> None:
    """Let a filing have been received so many days ago; the gateway is stopped."""
    milliseconds = days * 86_400_000
    with closing(sqlite3.connect(directory / "digipoort.db")) as database, database:
        changed = database.execute(
            "UPDATE filing SET received_at = received_at - ? WHERE kenmerk = ?",
            (milliseconds, kenmerk),
        )
        assert changed.rowcount == 1


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "digipoort_wus", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def purged(*words: str) -> Any:
    ended = command("purge", "--json", *words)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def files(running: Running) -> list[Path]:
    return list((running.directory / "payloads").glob("??/??/*"))


def test_a_running_gateway_purges_when_it_is_told_to(tmp_path: Path) -> None:
    directory = with_pki(tmp_path / "data")
    with served(directory) as running:
        answer = running.ask("aanleveren", aanlever_body(LARGE))
        old, young = text_of(body_of(answer), "kenmerk"), running.submit()
        for kenmerk in (old, young):
            running.wait_for(kenmerk, "500")
        assert len(files(running)) == 1
    older(directory, old, 40)
    config = tmp_path / "gateway.toml"
    config.write_text(f'data_dir = "{directory}"\n{RULE}')
    where = ("--config", str(config))
    with served(directory, *where) as running:
        rules = [{"rule": "retention: default, 30 days", "filings": 1}]
        told = {"filings": 1, "files": 0, "dry_run": True, "rules": rules}
        assert purged("--dry-run", *where) == told
        assert purged(*where) == {**told, "files": 1, "dry_run": False}
        assert files(running) == []
        assert purged(*where)["filings"] == 0
        assert "1 filings were purged by the rule 'retention: default, 30 days'" in running.log()
        # The sender still sees what became of it; of messages about it there are none.
        assert running.statuses(old)[-1] == "500"
        name = "getBerichtenKenmerk"
        found = running.ask(name, query_body(name, old))
        assert found.status_code == 200
        assert not list(body_of(found).iter("{*}berichtkenmerk"))
        assert list(body_of(running.ask(name, query_body(name, young))).iter("{*}berichtkenmerk"))
        assert running.wait_for(running.submit(), "500")
        shown = json.loads(command("filings", "show", old, "--json", *where).stdout)
        assert shown["deliveries"][0]["purged_at"]
        until = time.monotonic() + 20
        while command("evidence", "verify", old, *where).returncode:
            assert time.monotonic() < until
            time.sleep(0.5)


def test_a_running_gateway_purges_by_itself_at_its_hour(tmp_path: Path) -> None:
    """The clock of its process stands still before the hour until everything is ready."""
    directory = with_pki(tmp_path / "data")
    with served(directory) as running:
        kenmerk = running.submit()
        running.wait_for(kenmerk, "500")
    older(directory, kenmerk, 40)
    stands, go = datetime.now(UTC).replace(minute=59, second=57), tmp_path / "go"
    soon = stands + timedelta(seconds=3)
    config = tmp_path / "gateway.toml"
    config.write_text(f'data_dir = "{directory}"\n{RULE}hour = {soon.hour}\n')
    log = tmp_path / "shifted.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", SHIFTED, stands.isoformat(), str(go)),
                *("serve", "--port", "0", "--config", str(config)),
            ],
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("ready"), log.read_text()
        go.touch()
        until = time.monotonic() + 30
        while "were purged by the rule" not in log.read_text():
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
    finally:
        process.terminate()
        process.stdout.close()
        assert process.wait(30) == 0
    with closing(sqlite3.connect(directory / "digipoort.db")) as database:
        rows = database.execute("SELECT kenmerk FROM filing WHERE purged_at IS NOT NULL").fetchall()
    assert rows == [(kenmerk,)]


# The gateway takes its clock as an argument. This one goes as soon as there is a file.
SHIFTED = """
import sys, time
from datetime import datetime, timedelta
from pathlib import Path
from digipoort_wus import gateway
stands, go = datetime.fromisoformat(sys.argv.pop(1)), Path(sys.argv.pop(1))
def clock():
    gone = time.time() - go.stat().st_mtime if go.exists() else 0
    return stands + timedelta(seconds=gone)
gateway.Gateway.__init__.__kwdefaults__["clock"] = clock
from digipoort_wus.cli.main import main
main()
"""
