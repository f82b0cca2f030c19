"""Two fronts and two workers on one PostgreSQL: whoever dies, every filing is done, and once."""

import gc
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import requests
from psycopg.conninfo import conninfo_to_dict

from tests.messages import aanlever_body
from tests.postgres import Cluster as Server
from tests.wire.conftest import Running, body_of, end, request_for, text_of, with_pki

FILINGS = 200
CALLERS = 8
LEASE = 3
RECOVERED_WITHIN = LEASE + 5.0
ALL_DONE = ["105", "100", "110", "200", "301", "301", "405", "400", "500"]


@dataclass
class Cluster:
    """Processes on one database, and what they have said so far.

    Args:
        folder: certificates, configuration and logs.
        database: libpq's connection string.
    """

    folder: Path
    database: str
    running: dict[str, Running] = field(default_factory=dict)
    admin: dict[str, str] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start ``front-N`` or ``worker-N``, and wait until it is ready."""
        command = [sys.executable, "-m", "digipoort_wus", "serve", "--port", "0"]
        places = ["--data-dir", str(self.folder / name), "--pki-dir", str(self.folder / "pki")]
        given = ["--config", str(self.folder / "cluster.toml"), "--role", name.partition("-")[0]]
        with (self.folder / "pki.log").open("a") as log:
            process = subprocess.Popen(
                [*command, *places, *given], stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert process.stdout is not None
        words = process.stdout.readline().split()
        assert words[:1] == ["ready"], self.log()
        urls = (words[1], words[2], words[3]) if words[1:] else ("", "", "")
        self.admin[name] = process.stdout.readline().removeprefix("admin ").strip()
        self.running[name] = Running(process, self.folder / "pki", urls)

    def start_together(self, *names: str) -> None:
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(self.start, names))

    def kill(self, name: str) -> None:
        """End a process as a loss of power would."""
        victim = self.running.pop(name)
        victim.process.send_signal(signal.SIGKILL)
        end(victim)

    def front(self) -> Running:
        """Return one of the fronts that run."""
        return random.choice([it for name, it in self.running.copy().items() if "front" in name])

    def log(self) -> str:
        return (self.folder / "pki.log").read_text()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Cluster]:
    """Two fronts, and nobody yet who works."""
    folder = tmp_path_factory.mktemp("cluster")
    with_pki(folder / "pki")
    with postgres.database() as database:
        write_config(folder, database)
        started = Cluster(folder, database)
        try:
            started.start_together("front-1", "front-2")
            yield started
        finally:
            for running in started.running.values():
                end(running)


def write_config(folder: Path, database: str) -> None:
    parts = conninfo_to_dict(database)
    url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
    (folder / "cluster.toml").write_text(
        f'[store]\nurl = "{url}"\npayloads = "payloads"\nkey_ring = "key-ring"\n'
        f"[process]\nlease_seconds = {LEASE}\n[admin]\nport = 0\n"
    )


@dataclass
class Clients:
    """File returns, and repeat what got no answer."""

    cluster: Cluster
    repeats: int = 0
    kenmerken: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def file(self, number: int) -> None:
        running = self.cluster.front()
        octets = request_for(running, aanlever_body(reference=f"ref-{number}"))
        until = time.monotonic() + 40
        while True:
            try:
                answer = running.post(running.urls[0], octets)
            except requests.RequestException:
                # It is not known whether this was stored: the same again, perhaps elsewhere.
                assert time.monotonic() < until, self.cluster.log()[-2_000:]
                with self.lock:
                    self.repeats += 1
                time.sleep(0.05)
                running = self.cluster.front()
                continue
            assert answer.status_code == 200, answer.text
            with self.lock:
                self.kenmerken.append(text_of(body_of(answer), "kenmerk"))
            return

    def wait_for(self, number: int) -> None:
        until = time.monotonic() + 60
        while len(self.kenmerken) < number:
            assert time.monotonic() < until, self.cluster.log()[-2_000:]
            time.sleep(0.01)


@contextmanager
def asking(database: str) -> Iterator["psycopg.Connection[tuple[int, ...]]"]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def recovered(database: str, leased: dict[int, int], since: float) -> list[float]:
    """Wait until every job that was leased moved on; return after how many seconds each did."""
    seconds: dict[int, float] = {}
    with asking(database) as connection:
        while len(seconds) < len(leased):
            rows = connection.execute("SELECT filing_id, token FROM job")
            now = {row[0]: row[1] for row in rows}
            for filing, token in leased.items():
                if now.get(filing) != token:
                    seconds.setdefault(filing, time.monotonic() - since)
            assert time.monotonic() - since < 30, "an orphan was not found"
            time.sleep(0.02)
    return list(seconds.values())


def leased_jobs(database: str) -> dict[int, int]:
    with asking(database) as connection:
        rows = connection.execute("SELECT filing_id, token FROM job WHERE lease_until IS NOT NULL")
        return {row[0]: row[1] for row in rows}


def count(database: str, table: str) -> int:
    with asking(database) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return row[0] if row else 0


def test_any_front_answers_a_repeat(cluster: Cluster) -> None:
    """The same message to another front gets the same kenmerk; another content is refused."""
    first, second = cluster.running["front-1"], cluster.running["front-2"]
    message_id = f"urn:uuid:{uuid4()}"
    octets = request_for(first, message_id=message_id)
    answers = [running.post(running.urls[0], octets) for running in (first, second)]
    kenmerken = {text_of(body_of(answer), "kenmerk") for answer in answers}
    assert len(kenmerken) == 1
    other = request_for(second, aanlever_body(reference="other"), message_id=message_id)
    assert second.post(second.urls[0], other).status_code == 500
    assert second.statuses(kenmerken.pop()) == ALL_DONE[:3]


# Sessions leak the socket of a handshake in which the gateway dies.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_nothing_is_lost_or_doubled_when_a_front_and_a_worker_die(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    clients, others = Clients(cluster), count(cluster.database, "filing")
    began = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        filing = [pool.submit(clients.file, number) for number in range(FILINGS)]
        # With nobody who works, half of them wait.
        clients.wait_for(FILINGS // 2)
        assert count(cluster.database, "job") >= FILINGS // 2
        cluster.start_together("worker-1", "worker-2")
        assert cluster.running["worker-1"].urls == ("", "", "")
        assert '"runs"' in health(cluster, "worker-1")
        assert '"is in other processes"' in health(cluster, "front-2")
        orphans = killed_over_work(cluster, "worker-1")
        cluster.kill("front-1")
        cluster.start_together("front-1", "worker-1")
        wait(filing)
        for future in filing:
            future.result()
        filed = time.monotonic() - began
        gc.collect()
        while count(cluster.database, "job"):
            assert time.monotonic() - began < 90, cluster.log()[-2_000:]
            time.sleep(0.05)
        done = time.monotonic() - began
        # Everything is there for whoever asks any front, once and in order.
        statuses = pool.map(lambda it: cluster.front().statuses(it), clients.kenmerken)
        assert [each for each in statuses if each != ALL_DONE] == []
    assert len(set(clients.kenmerken)) == FILINGS
    assert count(cluster.database, "filing") == FILINGS + others
    slowest = max(orphans.result(), default=0.0)
    assert slowest <= RECOVERED_WITHIN
    with capsys.disabled():
        print(
            f"\n{FILINGS} filings acknowledged in {filed:.1f} s, done in {done:.1f} s; "
            f"{clients.repeats} repeats; {len(orphans.result())} jobs were leased at the kill, "
            f"the last moved on after {slowest:.1f} s (lease {LEASE} s)"
        )


def health(cluster: Cluster, name: str) -> str:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{cluster.admin[name]}/healthz", timeout=10).text


def killed_over_work(cluster: Cluster, name: str) -> "Future[list[float]]":
    """Kill a worker while jobs are leased, and watch what becomes of these."""
    until = time.monotonic() + 20
    while not (leased := leased_jobs(cluster.database)):
        assert time.monotonic() < until, cluster.log()[-2_000:]
        time.sleep(0.002)
    cluster.kill(name)
    leased = leased_jobs(cluster.database)
    watching = ThreadPoolExecutor(1)
    future = watching.submit(recovered, cluster.database, leased, time.monotonic())
    watching.shutdown(wait=False)
    return future
