"""HAProxy of the documentation before two fronts: TLS ends at them, and restarts drop nothing."""

import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from digipoort_wus.cli.local_gateway import free_port
from tests.conftest import need
from tests.messages import aanlever_body
from tests.postgres import Cluster as Server
from tests.wire.conftest import Running, body_of, client_context, end, text_of, with_pki
from tests.wire.test_cluster import ALL_DONE, Cluster, count, write_config
from tests.wire.test_tls import refusal

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "cluster.md"
FILINGS = 60
DRAIN = 4


@dataclass(frozen=True)
class Balanced:
    cluster: Cluster
    through: Running
    """The same clients, at the address of the balancer."""


def configuration(cluster: Cluster, port: int) -> str:
    """Return the page's configuration, with nothing but the addresses changed."""
    (text,) = re.findall(r"^```text\n(global\n.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    text = str(text).replace("bind :443", f"bind 127.0.0.1:{port}")
    for name, host in (("front-1", "10.0.0.11"), ("front-2", "10.0.0.12")):
        served = urlsplit(cluster.running[name].base).port
        admin = urlsplit(cluster.admin[name]).port
        line = f"{host}:8443 port 9443"
        assert text.count(line) == 1
        text = text.replace(line, f"127.0.0.1:{served} port {admin}")
    return text


@contextmanager
def haproxy(folder: Path, text: str, port: int) -> Iterator[None]:
    program = shutil.which("haproxy")
    assert program is not None
    file = folder / "haproxy.cfg"
    file.write_text(text)
    with (folder / "haproxy.log").open("w") as log:
        process = subprocess.Popen([program, "-db", "-f", str(file)], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 20
        while not listens(port):
            assert process.poll() is None, (folder / "haproxy.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Balanced]:
    found = shutil.which("haproxy") is not None
    need("haproxy", found=found, install="apt-get install haproxy")
    folder = tmp_path_factory.mktemp("balanced")
    with_pki(folder / "pki")
    with postgres.database() as database:
        write_config(folder, database)
        with (folder / "cluster.toml").open("a") as config:
            config.write(f"[listen]\ndrain_seconds = {DRAIN}\n")
        started = Cluster(folder, database)
        try:
            started.start_together("front-1", "front-2", "worker-1")
            front, port = started.running["front-1"], free_port()
            # The certificate is for localhost.
            urls = [f"https://localhost:{port}{urlsplit(url).path}" for url in front.urls]
            through = replace(front, urls=(urls[0], urls[1], urls[2]))
            with haproxy(folder, configuration(started, port), port):
                yield Balanced(started, through)
        finally:
            for running in started.running.values():
                end(running)


def accepted_by(cluster: Cluster, name: str) -> float:
    """Return how many requests a front has answered well."""
    with requests.Session() as session:
        session.trust_env = False
        text = session.get(f"{cluster.admin[name]}/metrics", timeout=10).text
    rows = re.findall(r"^digipoort_wus_filings_accepted_total(?:\{.*\})? (\S+)$", text, re.M)
    assert rows, text
    return sum(map(float, rows))


def file_one(balanced: Balanced, number: int) -> str:
    """File over a connection of its own; whatever is dropped is an error here."""
    time.sleep(0.1 * (number % 3))
    answer = balanced.through.ask("aanleveren", aanlever_body(reference=f"ref-{number}"))
    assert answer.status_code == 200, answer.text
    return text_of(body_of(answer), "kenmerk")


def test_clients_are_known_through_it_and_strangers_meet_an_alert(balanced: Balanced) -> None:
    through = balanced.through
    assert through.wait_for(through.submit(), "500") == ALL_DONE
    assert "certificate required" in refusal(through, client_context(through, None))


def test_a_front_that_drains_drops_nothing_and_then_the_other_does_it_all(
    balanced: Balanced,
) -> None:
    cluster, others = balanced.cluster, count(balanced.cluster.database, "filing")
    with ThreadPoolExecutor(8) as pool:
        kenmerken = list(pool.map(lambda number: file_one(balanced, number), range(FILINGS)))
        assert all(accepted_by(cluster, name) > 0 for name in ("front-1", "front-2"))
        leaving = cluster.running.pop("front-1")
        leaving.process.send_signal(signal.SIGTERM)
        more = [pool.submit(file_one, balanced, FILINGS + number) for number in range(FILINGS)]
        kenmerken += [future.result() for future in more]
        assert leaving.process.wait(60) == 0
        end(leaving)
        kenmerken.append(file_one(balanced, 2 * FILINGS))
    assert len(set(kenmerken)) == 2 * FILINGS + 1
    assert count(cluster.database, "filing") == 2 * FILINGS + 1 + others
    assert balanced.through.wait_for(kenmerken[-1], "500") == ALL_DONE
