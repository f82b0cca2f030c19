"""What an operator sees of a gateway: probes, metrics, logs, and how it comes to its end."""

import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from digipoort_wus.pki.testpki import keys_from, make_pki, write_pki
from digipoort_wus.server.logs import trace_id_of
from tests.conftest import CERTS_TEST
from tests.crl_server import crl_of, der
from tests.messages import aanlever_body, query_body
from tests.wire.conftest import (
    Running,
    Wire,
    assert_refused,
    body_of,
    end,
    head,
    request_for,
    spawn,
    text_of,
    with_pki,
)

JSON_LOG = '[log]\nformat = "json"\nlevel = "info"\n'
MARKER = "GEHEIM-8d1f"


@dataclass(frozen=True)
class Operated:
    """A gateway with a port for its operator."""

    running: Running
    admin: str

    def ask(self, path: str, method: str = "GET") -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.admin + path, timeout=10)

    def ready(self) -> tuple[int, set[str]]:
        """Return the status of readiness, and which checks are not well."""
        answer = self.ask("/readyz")
        findings = [json.loads(line) for line in answer.text.splitlines()]
        return answer.status_code, {found["check"] for found in findings if not found["ok"]}

    def metrics(self) -> dict[str, float]:
        answer = self.ask("/metrics")
        assert answer.status_code == 200
        return {
            sample.name.removeprefix("digipoort_wus_")
            + "".join(f" {label}" for _, label in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    def lines(self) -> list[dict[str, Any]]:
        """Return the log, every line of which must be an object."""
        return [json.loads(line) for line in self.running.log().splitlines()]


def start(
    directory: Path, text: str = "", *, more_admin: str = "", options: tuple[str, ...] = ()
) -> Operated:
    config = directory.parent / f"{directory.name}.toml"
    config.write_text(f"[admin]\nport = 0\n{more_admin}\n{text}")
    running = spawn(directory, "--config", str(config), *options)
    assert running.process.stdout is not None
    word, url = running.process.stdout.readline().split()
    assert word == "admin"
    return Operated(running, url)


@contextmanager
def operated(directory: Path, text: str = "") -> Iterator[Operated]:
    gateway = start(directory, text)
    try:
        yield gateway
    finally:
        end(gateway.running)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    folder = tmp_path_factory.mktemp("operated")
    with operated(with_pki(folder / "data"), JSON_LOG) as gateway:
        yield gateway


def wait_until(true: Any, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


# --- Probes -------------------------------------------------------------------------


def test_a_gateway_that_works_says_so(shared: Operated) -> None:
    health = shared.ask("/healthz")
    assert health.status_code == 200
    assert [json.loads(line)["check"] for line in health.text.splitlines()] == ["process", "engine"]
    assert shared.ready() == (200, set())
    assert shared.ask("/readyz", "HEAD").text == ""
    assert shared.admin.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/healthz/x", 404), ("POST", "/readyz", 405), ("PUT", "/", 404)],
)
def test_nothing_else_is_there(shared: Operated, method: str, path: str, status: int) -> None:
    assert shared.ask(path, method).status_code == status


def test_services_are_not_on_the_operators_port(shared: Operated) -> None:
    path = shared.running.urls[0].split("/", 3)[3]
    assert shared.ask(f"/{path}?wsdl").status_code == 404


def test_without_a_port_nobody_can_ask(tmp_path: Path) -> None:
    running = spawn(with_pki(tmp_path / "data"))
    end(running)
    assert running.process.returncode == 0


def test_a_crl_that_ends_makes_it_unready(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    now = datetime.now(UTC).replace(microsecond=0)
    pki = make_pki("g1", now=now, key_source=keys_from(CERTS_TEST / "g1"))
    write_pki(pki, directory)
    # Longer than a start takes on a busy machine.
    since, until = now - timedelta(hours=1), now + timedelta(seconds=25)
    crl = crl_of(pki, "issuing-ca", since=since, until=until)
    (directory / "crl" / "issuing-ca.pem").write_bytes(der(crl))
    with operated(directory) as gateway:
        assert gateway.ready() == (200, set())
        time.sleep(max((until - datetime.now(UTC)).total_seconds(), 0) + 1.1)
        assert gateway.ready() == (503, {"crls"})
        assert "TSP" in gateway.ask("/readyz").text


# --- Little room --------------------------------------------------------------------


def test_without_room_filings_wait_and_questions_are_answered(tmp_path: Path) -> None:
    with operated(with_pki(tmp_path / "data")) as gateway:
        kenmerk = gateway.running.submit()
        gateway.running.wait_for(kenmerk, "500")
    with operated(tmp_path / "data", f"[store]\nmin_free_bytes = {1 << 60}\n") as gateway:
        running = gateway.running
        assert gateway.ready() == (503, {"disk"})
        refused = running.ask("aanleveren", aanlever_body())
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        assert "HTTP-BUSY" in refused.text
        assert running.statuses(kenmerk)[-1] == "500"
        assert gateway.metrics()["requests_refused_total none HTTP-BUSY none"] == 1
        end(running)
        assert running.log().count("filings are refused") == 1
    with sqlite3.connect(tmp_path / "data" / "digipoort.db") as database:
        assert database.execute("SELECT count(*) FROM filing").fetchone() == (1,)
    database.close()


# --- Metrics ------------------------------------------------------------------------


def test_what_happened_is_what_is_counted(tmp_path: Path) -> None:
    with operated(with_pki(tmp_path / "data")) as gateway:
        running = gateway.running
        kenmerken = [running.submit(reference=f"r{number}") for number in range(5)]
        for kenmerk in kenmerken:
            running.wait_for(kenmerk, "500")
        asked = gateway.metrics()["requests_answered_total getStatussenProces"]
        for _ in range(3):
            answer = running.ask("aanleveren", aanlever_body(berichtsoort="Bestaat_niet"))
            assert_refused(answer, "ALS120", "BERICHTSOORT-KNOWN")
        assert (
            running.ask("getStatussenProces", query_body("getStatussenProces")).status_code == 500
        )
        assert running.post(running.urls[0], b"<no/>").status_code == 500
        assert running.post(f"{running.base}/nowhere", b"").status_code == 404
        with suppress(requests.exceptions.SSLError, requests.exceptions.ConnectionError):
            running.post(running.urls[0], b"", name=None)
        refused = running.submit(reference="WeigerOntvanger")
        running.wait_for(refused, "410", "500", "510")
        found = gateway.metrics()
        assert found["filings_accepted_total Omzetbelasting"] == 6
        assert found["requests_answered_total aanleveren"] == 6
        assert found["request_seconds_count aanleveren"] == 6
        assert found["requests_answered_total getStatussenProces"] > asked >= 5
        refusals = {
            name.removeprefix("requests_refused_total "): value
            for name, value in found.items()
            if name.startswith("requests_refused_total ")
        }
        assert refusals == {
            "other BERICHTSOORT-KNOWN aanleveren": 3,
            "none KENMERK-KNOWN getStatussenProces": 1,
            "none SOAP-ENVELOPE none": 1,
            "none HTTP-PATH none": 1,
        }
        for step in ("authorise", "envelope", "content", "deliver"):
            assert found[f"step_seconds_count {step}"] == 6
        assert found["handshakes_failed_total no certificate"] == 1
        assert found["delivery_seconds_count sandbox"] >= 5
        assert found["commit_works_sum"] >= 6 * 5
        assert found["commit_seconds_count"] <= found["commit_works_sum"]
        assert found["disk_free_bytes"] > 0
        assert found["certificate_days_left tls"] > 3_000
        assert {found[f"jobs {state}"] for state in ("due", "later", "leased", "aside")} == {0}
        exposed = gateway.ask("/metrics").text
        for secret in (*kenmerken, "00000099000000002000", "Bestaat_niet"):
            assert secret not in exposed


# --- Logs ---------------------------------------------------------------------------


def test_every_line_is_json_and_nothing_of_a_message_is_in_one(tmp_path: Path) -> None:
    payload = f"<x>{MARKER}</x>".encode()
    with operated(with_pki(tmp_path / "data"), JSON_LOG) as gateway:
        running = gateway.running
        answer = running.ask("aanleveren", aanlever_body(payload, reference=MARKER))
        kenmerk = text_of(body_of(answer), "kenmerk")
        running.wait_for(kenmerk, "500", "311")
        valid = running.submit()
        running.wait_for(valid, "500")
        running.ask("getStatussenProces", query_body("getStatussenProces", MARKER))
        running.ask("aanleveren", aanlever_body(payload, berichtsoort=MARKER * 3))
        running.post(running.urls[0], b"<x>" + payload + b"</x>")
        running.post(running.urls[0], request_for(running).replace(b"</", f"{MARKER}</".encode()))
        running.post(f"{running.base}/pad", b"", **{"X-Thing": MARKER})
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "were loaded anew" in running.log())
        end(running)
        assert MARKER not in running.log()
        lines = gateway.lines()
    assert all({"time", "level", "event", "text", "node", "logger"} <= set(line) for line in lines)
    about = {line["event"] for line in lines if line.get("kenmerk") == valid}
    assert about == {"request-answered", "step"}
    steps = [line for line in lines if line["event"] == "step" and line["kenmerk"] == valid]
    assert [line["step"] for line in steps] == [
        "authorise",
        "envelope",
        "content",
        "deliver",
        "answer",
    ]
    for line in lines:
        told = valid in line["text"] or kenmerk in line["text"]
        assert not told or "kenmerk" in line, line
        if "kenmerk" in line:
            assert line["trace_id"] == trace_id_of(line["kenmerk"])
            assert line["oin"] == "00000099000000002000"
    events = Counter(line["event"] for line in lines)
    assert events["request-refused"] == 4
    assert events["http-refused"] == 1
    assert events["draining"] == 1


def test_text_lines_carry_the_trace(tmp_path: Path) -> None:
    with operated(with_pki(tmp_path / "data")) as gateway:
        kenmerk = gateway.running.submit()
        gateway.running.wait_for(kenmerk, "500")
        end(gateway.running)
        log = gateway.running.log()
    assert f"[kenmerk {kenmerk} trace {trace_id_of(kenmerk)}]" in log
    assert f"kenmerk {kenmerk}: deliver: delivered [trace {trace_id_of(kenmerk)}]" in log


# --- The end ------------------------------------------------------------------------


def test_draining(tmp_path: Path) -> None:
    """First it says so, then it takes no connection, then it is gone."""
    text = "[listen]\ndrain_seconds = 3\n"
    with operated(with_pki(tmp_path / "data"), text) as gateway, Wire(gateway.running) as kept:
        running, octets = gateway.running, request_for(gateway.running)
        kept.send(head(running.urls[0], len(octets)) + octets)
        assert "connection" not in kept.answer().headers
        start = time.monotonic()
        running.process.terminate()
        wait_until(lambda: gateway.ready() == (503, {"draining"}), 2)
        assert gateway.ask("/healthz").status_code == 200
        # Who is connected is served once more, and so is who comes now.
        again = request_for(running)
        kept.send(head(running.urls[0], len(again)) + again)
        answer = kept.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert kept.closed()
        assert running.submit()
        with Wire(running) as idle:
            time.sleep(max(3.5 - (time.monotonic() - start), 0))
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", running.port))
            assert idle.closed()
        assert running.process.wait(8) == 0


def test_an_answer_under_way_is_given_before_the_end(tmp_path: Path) -> None:
    with (
        operated(with_pki(tmp_path / "data")) as gateway,
        Wire(gateway.running) as wire,
        Wire(gateway.running) as idle,
    ):
        running = gateway.running
        octets = request_for(running, aanlever_body(reference="ZwaarbelastAanleveren"))
        start = time.monotonic()
        wire.send(head(running.urls[0], len(octets)) + octets)
        time.sleep(0.3)
        running.process.terminate()
        wait_until(lambda: gateway.ready()[0] == 503, 2)
        assert idle.closed()
        assert time.monotonic() - start < 1.8, "the idle one was closed at the very end only"
        answer = wire.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert running.process.wait(8) == 0


def test_told_twice_it_ends_at_once(tmp_path: Path) -> None:
    with operated(with_pki(tmp_path / "data"), "[listen]\ndrain_seconds = 60\n") as gateway:
        process = gateway.running.process
        kenmerk = gateway.running.submit()
        process.terminate()
        wait_until(lambda: gateway.ready()[0] == 503, 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(2) == -signal.SIGINT
    with operated(tmp_path / "data") as gateway:
        assert gateway.running.wait_for(kenmerk, "500")


def test_sigterm_under_load_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    answered: list[str] = []
    stop = threading.Event()
    gateway = start(with_pki(tmp_path / "data"), "[listen]\ndrain_seconds = 1\n")
    running = gateway.running
    bodies = [request_for(running) for _ in range(200)]
    lock = threading.Lock()

    def file() -> None:
        with running.session() as session:
            while not stop.is_set():
                with lock:
                    if not bodies:
                        return
                    octets = bodies.pop()
                try:
                    answer = session.post(
                        running.urls[0],
                        data=octets,
                        headers={"Content-Type": "text/xml"},
                        timeout=20,
                    )
                except requests.exceptions.ConnectionError:
                    return
                # Who comes when everything else is done is told to come again.
                assert answer.status_code in (200, 503), answer.text
                if answer.status_code == 503:
                    return
                answered.append(text_of(body_of(answer), "kenmerk"))

    threads = [threading.Thread(target=file) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) >= 20, 20)
    running.process.terminate()
    assert running.process.wait(20) == 0
    stop.set()
    for thread in threads:
        thread.join(30)
    end(running)
    with sqlite3.connect(tmp_path / "data" / "digipoort.db") as database:
        stored = {row[0] for row in database.execute("SELECT kenmerk FROM filing")}
        leased = database.execute(
            "SELECT count(*) FROM job WHERE lease_until IS NOT NULL"
        ).fetchone()[0]
    database.close()
    assert len(answered) >= 20
    assert set(answered) <= stored
    # What was claimed was given back, or finished.
    assert leased == 0
    with operated(tmp_path / "data") as again:
        states = ("due", "later", "leased", "aside")
        wait_until(lambda: not any(again.metrics()[f"jobs {state}"] for state in states), 30)
    with sqlite3.connect(tmp_path / "data" / "digipoort.db") as database:
        ended = database.execute(
            """SELECT kenmerk, count(*), max(code) FROM status JOIN filing ON filing.id = filing_id
            GROUP BY kenmerk"""
        ).fetchall()
    database.close()
    assert {kenmerk for kenmerk, _, _ in ended} == stored
    assert {(number, last) for _, number, last in ended} == {(9, "500")}


def test_a_store_that_fails_ends_the_process(tmp_path: Path) -> None:
    """The system refuses to make its files any longer: a write error that lasts."""
    with operated(with_pki(tmp_path / "data"), JSON_LOG) as gateway:
        running = gateway.running
        kenmerk = running.submit()
        running.wait_for(kenmerk, "500")
        wal = tmp_path / "data" / "digipoort.db-wal"
        limit = 65_536
        assert len(running.log()) < limit // 2 < limit < wal.stat().st_size
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        answer = running.ask("aanleveren", aanlever_body(reference="lost"))
        assert_refused(answer, "ALS400", "TECHNICAL")
        assert running.process.wait(15) == 1
        (said,) = [line for line in gateway.lines() if "gateway ends" in line["text"]]
        assert (said["level"], said["event"]) == ("critical", "store-failed")
    with operated(tmp_path / "data") as gateway:
        assert gateway.ready() == (200, set())
        assert gateway.running.statuses(kenmerk)[-1] == "500"


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = tmp_path / "gateway.toml"
        config.write_text(f"[admin]\nport = {taken.getsockname()[1]}\n")
        data = str(with_pki(tmp_path / "data"))
        command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0"]
        ended = subprocess.run(
            [*command, "--data-dir", data, "--config", str(config)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: Cannot listen on 127.0.0.1 port")
    assert ended.stdout == ""


# --- systemd ------------------------------------------------------------------------


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool
) -> None:
    name = f"\0digipoort-wus-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        running = spawn(with_pki(tmp_path / "data"))
        heard = [systemd.recv(100) for _ in range(4)]
        assert heard == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        end(running)
        systemd.setblocking(False)
        rest = []
        with suppress(BlockingIOError):
            while True:
                rest.append(systemd.recv(100))
        assert b"STOPPING=1" in rest
        assert running.process.returncode == 0
