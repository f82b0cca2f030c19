"""ebMS on one PostgreSQL: a front receives, a worker sends, and either may die."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from digipoort_wus.config_file import load_config
from digipoort_wus.ebms.cpa_plan import Profile
from tests.postgres import Cluster as Server
from tests.wire.conftest import Running, end
from tests.wire.ebms import AANLEVER, AFLEVER, Side, Two, prepared, wait_for

_EXCHANGES = 9


@contextmanager
def process(side: Side, role: str) -> Iterator[Running]:
    """Start a front or a worker of Digipoort."""
    place = side.config_file.parent
    command = [sys.executable, "-m", "digipoort_wus", "serve", "--role", role, "-v"]
    command += ["--config", str(side.config_file), "--pki-dir", str(place / "data")]
    command += ["--data-dir", str(place / role), "--port", str(side.port if role == "front" else 0)]
    log_file = place / "data.log"
    with log_file.open("a") as log:
        started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert started.stdout is not None
    words = started.stdout.readline().split()
    urls = (words[1], words[2], words[3]) if words[1:] else ("", "", "")
    running = Running(started, place / "data", urls)
    try:
        assert words[:1] == ["ready"], log_file.read_text()
        if role == "front":
            side.port = running.port
        yield running
    finally:
        end(running)


@contextmanager
def on_postgres(directory: Path, server: Server, more: str = "") -> Iterator[Two]:
    """Prepare an agency, which runs, and Digipoort on a PostgreSQL, of which no process does."""
    two = prepared(directory)
    digipoort = two.digipoort
    with server.database() as database:
        parts = conninfo_to_dict(database)
        url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
        file = digipoort.config_file
        file.write_text(
            file.read_text()
            + f'[store]\nurl = "{url}"\npayloads = "payloads"\nkey_ring = "key-ring"\n{more}'
        )
        place = file.parent
        digipoort.config = replace(
            load_config(file), data_dir=place / "commands", pki_dir=place / "data"
        )
        two.agency.start()
        try:
            yield two
        finally:
            two.agency.stop()


def test_a_front_receives_and_a_worker_sends(tmp_path: Path, postgres: Server) -> None:
    with on_postgres(tmp_path, postgres) as two:
        digipoort = two.digipoort
        with process(digipoort, "front") as front:
            cpa_id = two.agree(Profile("osb-rm-s"), retries=30)
            message_id = two.agency.send(cpa_id, AANLEVER)
            two.agency.wait_for(message_id, "WAITING_FOR_ACK")
            with process(digipoort, "worker") as worker:
                two.agency.wait_for(message_id, "DELIVERED")
                back = digipoort.send(cpa_id, AFLEVER)
                digipoort.wait_for(back, "DELIVERED")
                assert two.agency.ping(cpa_id) == "pong"
                worker.process.send_signal(signal.SIGKILL)
                worker.process.wait(30)
            left = digipoort.send(cpa_id, AFLEVER)
            front.process.send_signal(signal.SIGKILL)
            front.process.wait(30)
        with process(digipoort, "front"), process(digipoort, "worker"):
            digipoort.wait_for(left, "DELIVERED")
            assert len(digipoort.came(message_id)) == 1
            assert len(two.agency.came(back)) == len(two.agency.came(left)) == 1


def test_processes_tell_each_other(tmp_path: Path, postgres: Server) -> None:
    """Whoever only looked every five seconds would take so long for each of these."""
    with on_postgres(tmp_path, postgres) as two:
        digipoort = two.digipoort
        with process(digipoort, "front"), process(digipoort, "worker"):
            cpa_id = two.agree(Profile("osb-rm-s"), retries=30, interval=timedelta(minutes=5))
            began = time.monotonic()
            for _ in range(_EXCHANGES):
                # The front keeps it, and the worker acknowledges it.
                two.agency.wait_for(two.agency.send(cpa_id, AANLEVER), "DELIVERED")
            assert time.monotonic() - began < 5 * (_EXCHANGES - 1)
            # This process asks, and the front gets the Pong.
            assert digipoort.ping(cpa_id) == "pong"


def test_what_a_dead_worker_was_sending_is_sent_by_another(
    tmp_path: Path, postgres: Server
) -> None:
    with on_postgres(tmp_path, postgres, "[process]\nlease_seconds = 2\n") as two:
        digipoort, agency = two.digipoort, two.agency.process.process
        with process(digipoort, "front"):
            cpa_id = two.agree(Profile("osb-rm-s"), retries=30)
            with process(digipoort, "worker") as worker:
                # It takes the connection, and says nothing.
                agency.send_signal(signal.SIGSTOP)
                try:
                    left = digipoort.send(cpa_id, AFLEVER)
                    wait_for(lambda: digipoort.attempts(left), bool, lambda: "nothing is sent")
                    worker.process.send_signal(signal.SIGKILL)
                    worker.process.wait(30)
                finally:
                    agency.send_signal(signal.SIGCONT)
            with process(digipoort, "worker"):
                digipoort.wait_for(left, "DELIVERED", seconds=60)
                assert len(two.agency.came(left)) == 1
