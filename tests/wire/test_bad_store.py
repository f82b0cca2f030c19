"""A store that fails under a real gateway: the operator is told what is wrong, the sender to come
back, nothing is left half done, and afterwards a filing goes all the way.

Faults of the disk are made by libfiu, in the process of the gateway. What is proven elsewhere
stands in the table "When something is wrong" of the operator's page.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import requests

from tests import postgres as server
from tests.conftest import need
from tests.messages import XBRL, aanlever_body, query_body
from tests.wire.conftest import (
    Running,
    assert_refused,
    body_of,
    end,
    request_for,
    served,
    text_of,
    with_pki,
)
from tests.wire.test_cluster import write_config
from tests.wire.test_operating import Operated, wait_until
from tests.wire.test_reports import WAITS, delivered, offer

LARGE = XBRL + b"<!-- " + b"x" * 300_000 + b" -->"
FULL, BROKEN = 28, 5


# --- A gateway whose system calls fail ------------------------------------------------------


class Faulty:
    """A gateway of which libfiu can let system calls fail while it runs."""

    def __init__(self, operated: Operated, control: Path) -> None:
        self.operated = operated
        self.running = operated.running
        self._control = control

    def fail(self, name: str, error: int) -> None:
        """Let a system call fail from now on, always."""
        self._tell(f"enable name={name},failinfo={error}")

    def mend(self, name: str) -> None:
        self._tell(f"disable name={name}")

    def _tell(self, command: str) -> None:
        subprocess.run(
            ["fiu-ctrl", "-f", str(self._control), "-c", command, str(self.running.process.pid)],
            check=True,
            timeout=10,
        )


@contextmanager
def faulty(directory: Path) -> Iterator[Faulty]:
    need("fiu-run", found=shutil.which("fiu-run") is not None, install="apt-get install fiu-utils")
    control = directory.parent / "fiu"
    with begun(directory, "fiu-run", "-x", "-f", str(control)) as operated:
        yield Faulty(operated, control)


@contextmanager
def begun(
    directory: Path, *before: str, config: str = "", options: tuple[str, ...] = ()
) -> Iterator[Operated]:
    """Start a gateway with a port for its operator, by another command if need be."""
    settings = directory.parent / "gateway.toml"
    settings.write_text(f"[admin]\nport = 0\n{config}")
    command = [*before, sys.executable, "-m", "digipoort_wus", "serve", "--port", "0", "-v"]
    log_file = directory.parent / f"{directory.name}.log"
    with log_file.open("a") as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(directory), "--config", str(settings), *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    word, *urls = process.stdout.readline().split() or [""]
    running = Running(process, directory, (urls[0], urls[1], urls[2]) if word else ("", "", ""))
    try:
        assert word == "ready", log_file.read_text()
        yield Operated(running, process.stdout.readline().split()[1])
    finally:
        end(running)


def kenmerk_of(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    return text_of(body_of(answer), "kenmerk")


def stored(directory: Path) -> tuple[int, int]:
    """Return how many filings and how many payload files there are."""
    with closing(sqlite3.connect(directory / "digipoort.db")) as database:
        (filings,) = database.execute("SELECT count(*) FROM filing").fetchone()
    return int(filings), len(files_of(directory / "payloads"))


def files_of(payloads: Path) -> list[Path]:
    """Return the payloads in a directory, and whatever was left unfinished."""
    return [path for path in payloads.rglob("*") if path.is_file() and path.name != "store-id"]


def refused_for_a_while(running: Running, octets: bytes) -> None:
    """Require the fault that tells a sender to send the same again later."""
    assert_refused(running.post(running.urls[0], octets), "ALS400", "TECHNICAL")


def goes_all_the_way(running: Running, octets: bytes, before: int) -> str:
    """Require that the same request is a filing now, once, and that it is done; return it."""
    kenmerk = kenmerk_of(running.post(running.urls[0], octets))
    assert kenmerk_of(running.post(running.urls[0], octets)) == kenmerk
    assert running.wait_for(kenmerk, "500")[-1] == "500"
    assert stored(running.directory)[0] == before + 1
    return kenmerk


# --- The disk ---------------------------------------------------------------------------


def test_a_full_disk_under_the_database(tmp_path: Path) -> None:
    with faulty(with_pki(tmp_path / "data")) as gateway:
        running, octets = gateway.running, request_for(gateway.running)
        first = running.submit()
        running.wait_for(first, "500")
        gateway.fail("posix/io/rw/pwrite", FULL)
        for _ in range(3):
            refused_for_a_while(running, octets)
        status, unwell = gateway.operated.ready()
        assert (status, "store" in unwell) == (503, True)
        assert "SQLITE_FULL" in running.log()
        assert stored(running.directory) == (1, 0)
        # Not even a restart is needed.
        gateway.mend("posix/io/rw/pwrite")
        goes_all_the_way(running, octets, 1)
        wait_until(lambda: gateway.operated.ready() == (200, set()))
        assert running.statuses(first)[-1] == "500"


@pytest.mark.parametrize("call", ["posix/io/oc/open", "posix/io/rw/write"])
def test_a_full_disk_under_a_large_document(tmp_path: Path, call: str) -> None:
    with faulty(with_pki(tmp_path / "data")) as gateway:
        running = gateway.running
        octets = request_for(running, aanlever_body(LARGE))
        gateway.fail(call, FULL)
        refused_for_a_while(running, octets)
        gateway.mend(call)
        if call.endswith("open"):
            # By the other call nothing can be written into the log either.
            assert "No space left on device" in running.log()
        assert stored(running.directory) == (0, 0)
        goes_all_the_way(running, octets, 0)
        assert len(files_of(running.directory / "payloads")) == 1
        goes_all_the_way(running, request_for(running), 1)


def test_an_error_of_the_disk_when_it_should_keep(tmp_path: Path) -> None:
    """What it holds is unknown now: the gateway ends, and a new one reads what is there."""
    with faulty(with_pki(tmp_path / "data")) as gateway:
        running, octets = gateway.running, request_for(gateway.running)
        first = running.submit()
        running.wait_for(first, "500")
        for name in ("posix/io/sync/fsync", "posix/io/sync/fdatasync"):
            gateway.fail(name, BROKEN)
        refused_for_a_while(running, octets)
        assert running.process.wait(15) == 1
        assert "the store has failed and the gateway ends" in running.log()
        assert "disk I/O error" in running.log()
    with served(tmp_path / "data") as running:
        assert running.statuses(first)[-1] == "500"
        # It may be there as a whole, or not at all: nobody was told. Now there is one.
        goes_all_the_way(running, octets, 1)


# --- A data directory that cannot be used ----------------------------------------------------


def not_started(directory: Path, *words: str, before: tuple[str, ...] = ()) -> None:
    """Require that a gateway does not start, and says why in one sentence."""
    command = list(before) or [sys.executable, "-m", "digipoort_wus"]
    options = ["serve", "--port", "0", "--data-dir", str(directory)]
    ended = subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (1, ""), ended.stderr
    assert "Traceback" not in ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    for word in words:
        assert word in last, last


def filed(directory: Path) -> str:
    """Make a data directory with one filing that is done."""
    with served(with_pki(directory)) as running:
        kenmerk = running.submit()
        running.wait_for(kenmerk, "500")
    return kenmerk


def goes_on(directory: Path, kenmerk: str) -> None:
    with served(directory) as running:
        assert running.statuses(kenmerk)[-1] == "500"
        assert running.wait_for(running.submit(), "500")


def test_a_schema_that_is_newer(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    kenmerk = filed(directory)

    def mark(version: int) -> None:
        with closing(sqlite3.connect(directory / "digipoort.db")) as database:
            database.execute(f"PRAGMA user_version = {version}")

    with closing(sqlite3.connect(directory / "digipoort.db")) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
    mark(99)
    before = (directory / "digipoort.db").read_bytes()
    not_started(directory, "has schema 99", f"knows up to {version}", "or a newer one")
    assert (directory / "digipoort.db").read_bytes() == before
    mark(version)
    goes_on(directory, kenmerk)


ON_A_NETWORK = """
import sys
from pathlib import Path
from digipoort_wus.store import mounts
mounts._MOUNTS = Path(sys.argv.pop(1))
from digipoort_wus.cli.main import main
main()
"""


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_share(tmp_path: Path, kind: str) -> None:
    """The system's list of mounts is another one; everything else is the gateway as it is."""
    directory = tmp_path / "data"
    kenmerk = filed(directory)
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"40 22 0:41 / {tmp_path} rw,relatime shared:9 - {kind} server:/share rw\n"
    )
    before = (directory / "digipoort.db").read_bytes()
    command = (sys.executable, "-c", ON_A_NETWORK, str(mounts))
    not_started(directory, f"network file system ({kind})", "or use PostgreSQL", before=command)
    assert (directory / "digipoort.db").read_bytes() == before
    goes_on(directory, kenmerk)


# --- A payload that is not what was stored ----------------------------------------------------


def flip(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a bit is another": (flip, "is not what was stored"),
    "cut off": (cut, "is not what was stored"),
    "gone": (Path.unlink, "is missing"),
}


# Of other damages only the content tells, and the sandbox's own agency reads none.
@pytest.mark.parametrize("how", ["gone"])
def test_a_damaged_document_is_not_delivered_until_it_is_put_back(tmp_path: Path, how: str) -> None:
    damage, said = DAMAGES[how]
    directory = tmp_path / "data"
    with served(with_pki(directory)) as running:
        kenmerk = kenmerk_of(running.ask("aanleveren", aanlever_body(LARGE, reference=WAITS)))
        before = running.wait_for(kenmerk, "400")
        (file,) = files_of(directory / "payloads")
        whole = file.read_bytes()
        damage(file)
        # The agency has lost it, say.
        resend = ("filings", "resend", kenmerk, "--reason", "lost")
        assert command(directory, *resend).returncode == 0
        wait_until(lambda: "PayloadDamaged" in running.log(), 30)
        assert running.statuses(kenmerk) == before
        # Others are not held up.
        assert running.wait_for(running.submit(), "500")
        checked = command(directory, "db", "check")
        assert checked.returncode == 1
        assert said in checked.stdout
        file.write_bytes(whole)
        # With the next attempt, or at once when an operator asks for it.
        assert command(directory, *resend).returncode == 0
        # Where the attempt came first, the operator's order has it delivered once more.
        wait_until(lambda: running.statuses(kenmerk)[len(before) :][:2] == ["405", "400"], 60)


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_message_stays_new_and_keeps_no_other_back(tmp_path: Path, how: str) -> None:
    damage, _ = DAMAGES[how]
    with served(with_pki(tmp_path / "data")) as running:
        kenmerk = delivered(running)
        assert offer(running, kenmerk, LARGE).status_code == 200
        (file,) = files_of(running.directory / "payloads")
        whole = file.read_bytes()
        damage(file)
        names = ("getNieuweBerichtenKenmerk", "getBerichtenKenmerk")
        for name in names:
            assert_refused(running.ask(name, query_body(name, kenmerk)), "OPH400", "TECHNICAL")
        assert "cannot be read" in running.log()
        # Beside one that can be read it is left out.
        assert offer(running, kenmerk, b"small").status_code == 200
        for name in names:
            answer = running.ask(name, query_body(name, kenmerk))
            assert len(list(body_of(answer).iter("{*}berichtkenmerk"))) == 1
            assert len(answer.content) < len(LARGE)
        file.write_bytes(whole)
        there = running.ask(names[0], query_body(names[0], kenmerk))
        assert len(list(body_of(there).iter("{*}berichtkenmerk"))) == 1
        assert len(there.content) > len(LARGE)
        assert running.wait_for(running.submit(), "500")


def command(directory: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "digipoort_wus", *words, "--data-dir", str(directory)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# --- PostgreSQL ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_server() -> Iterator[server.Cluster]:
    """A server that a test may stop: it is not the one of the other tests."""
    need("PostgreSQL", found=server.programs() is not None, install="apt-get install postgresql")
    with server.running({}) as cluster:
        yield cluster


@contextmanager
def on_postgres(folder: Path, database: str) -> Iterator[Operated]:
    if not (folder / "data").exists():
        with_pki(folder / "data")
    write_config(folder, database)
    text = (folder / "cluster.toml").read_text().replace("[admin]\nport = 0\n", "")
    with begun(folder / "data", config=text) as operated:
        yield operated


def filings_in(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM filing").fetchone()
    return 0 if row is None else int(row[0])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_a_database_that_stops_and_comes_back(
    tmp_path: Path, own_server: server.Cluster, how: signal.Signals
) -> None:
    with own_server.database() as database, on_postgres(tmp_path, database) as operated:
        running = operated.running
        octets = request_for(running)
        large = request_for(running, aanlever_body(LARGE))
        own_server.stop(how)
        try:
            for one in (octets, large, octets):
                refused_for_a_while(running, one)
            status, unwell = operated.ready()
            assert (status, "store" in unwell) == (503, True)
            assert operated.ask("/healthz").status_code == 200
            assert files_of(tmp_path / "payloads") == []
        finally:
            own_server.start()
        # The same process, and the same requests.
        kenmerken = [kenmerk_of(running.post(running.urls[0], one)) for one in (octets, large)]
        again = [kenmerk_of(running.post(running.urls[0], one)) for one in (octets, large)]
        assert again == kenmerken
        for kenmerk in kenmerken:
            assert running.wait_for(kenmerk, "500", seconds=60)
        wait_until(lambda: operated.ready() == (200, set()))
        wait_until(lambda: "the queue is heard again" in operated.running.log(), 30)
        assert operated.running.log().count("the queue is not heard; until it is") == 1
        assert filings_in(database) == 2
        assert running.process.poll() is None


def test_a_database_that_stops_in_the_midst_of_filings(
    tmp_path: Path, own_server: server.Cluster
) -> None:
    """Whoever gets no kenmerk sends the same again, and gets the one that there is, if any."""
    number, kenmerken, faults = 40, [], []
    lock = threading.Lock()
    with own_server.database() as database, on_postgres(tmp_path, database) as operated:
        running = operated.running

        def file(place: int) -> None:
            octets = request_for(running, aanlever_body(reference=f"ref-{place}"))
            until = time.monotonic() + 60
            while True:
                answer = running.post(running.urls[0], octets)
                if answer.status_code == 200:
                    with lock:
                        kenmerken.append(kenmerk_of(answer))
                    return
                assert_refused(answer, "ALS400", "TECHNICAL")
                with lock:
                    faults.append(place)
                assert time.monotonic() < until
                time.sleep(0.1)

        with ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(file, place) for place in range(number)]
            wait_until(lambda: len(kenmerken) >= 5, 60)
            own_server.stop(signal.SIGQUIT)
            wait_until(lambda: len(faults) >= 4, 30)
            own_server.start()
            for future in waiting:
                future.result()
        assert len(set(kenmerken)) == number == filings_in(database)
        for kenmerk in kenmerken:
            assert running.wait_for(kenmerk, "500", seconds=60)


def test_a_shared_directory_that_is_gone_for_a_while(
    tmp_path: Path, own_server: server.Cluster
) -> None:
    payloads, away = tmp_path / "payloads", tmp_path / "away"
    with own_server.database() as database, on_postgres(tmp_path, database) as operated:
        running = operated.running
        large = request_for(running, aanlever_body(LARGE))
        payloads.rename(away)
        refused_for_a_while(running, large)
        assert not payloads.exists(), "nothing is kept beside what is not mounted"
        assert f"No such file or directory: {payloads}" in running.log()
        assert running.wait_for(running.submit(), "500"), "what is small goes on"
        away.rename(payloads)
        assert running.wait_for(kenmerk_of(running.post(running.urls[0], large)), "500")


def test_a_database_that_is_not_there_at_the_start(
    tmp_path: Path, own_server: server.Cluster
) -> None:
    with own_server.database() as database:
        with_pki(tmp_path / "data")
        write_config(tmp_path, database)
        command = (sys.executable, "-m", "digipoort_wus")
        own_server.stop()
        try:
            refused = started_with(tmp_path, command)
        finally:
            own_server.start()
        assert "Cannot open the database" in refused
        with on_postgres(tmp_path, database) as operated:
            assert operated.running.wait_for(operated.running.submit(), "500")


def test_a_database_whose_schema_is_newer(tmp_path: Path, own_server: server.Cluster) -> None:
    with own_server.database() as database:
        with on_postgres(tmp_path, database) as operated:
            kenmerk = operated.running.submit()
            operated.running.wait_for(kenmerk, "500")
            version = marked(database, "99")
            # Somebody upgraded it under a gateway that is older.
            assert operated.ready() == (503, {"schema"})
        said = started_with(tmp_path, (sys.executable, "-m", "digipoort_wus"))
        assert f"has schema 99, this version knows up to {version}" in said
        marked(database, version)
        with on_postgres(tmp_path, database) as operated:
            assert operated.running.statuses(kenmerk)[-1] == "500"
            assert operated.running.wait_for(operated.running.submit(), "500")


def marked(database: str, version: str) -> str:
    """Say that a database has this schema, and return which one it had."""
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = %s", (version,))
    assert row is not None
    return str(row[0])


def started_with(folder: Path, command: tuple[str, ...]) -> str:
    """Return the sentence with which a gateway does not start."""
    options = ["serve", "--port", "0", "--data-dir", str(folder / "data")]
    ended = subprocess.run(
        [*command, *options, "--config", str(folder / "cluster.toml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    return last
