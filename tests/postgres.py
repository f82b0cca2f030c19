"""A PostgreSQL server of the tests' own: made, started and ended here, on a Unix socket.

The programs come from ``PATH`` or from where Debian puts them. Nothing else on the machine is
touched, and nobody else can reach the server.
"""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from digipoort_wus.store.migrate import upgrade_postgres

DEBIAN = Path("/usr/lib/postgresql")
TEMPLATE = "digipoort_template"
# Nothing of the tests outlives the machine, so nothing waits for its disk.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}
STARTS_WITHIN = 30.0
_USER = "digipoort"
_numbers = itertools.count(1)


def programs() -> Path | None:
    """Return the directory with ``initdb`` and ``postgres``, None when there is none."""
    found = shutil.which("initdb")
    if found is not None and shutil.which("postgres") is not None:
        return Path(found).parent
    versions = DEBIAN.glob("*/bin/initdb")
    newest = sorted(versions, key=lambda path: float(path.parts[-3]), reverse=True)
    return newest[0].parent if newest else None


class Cluster:
    """A server over a directory of its own.

    Args:
        directory: is its owner's alone; holds data and socket.
        settings: of the server.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self._directory = directory
        self._data = directory / "data"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        # The server refuses to run as root.
        self._user = _other_user() if os.geteuid() == 0 else None
        self._as: dict[str, Any] = {}
        if self._user is not None:
            os.chown(directory, self._user.pw_uid, self._user.pw_gid)
            ids = {"user": self._user.pw_uid, "group": self._user.pw_gid}
            self._as = {**ids, "extra_groups": []}
        self._make()

    def conninfo(self, database: str = "postgres") -> str:
        return f"host={self._directory} user={_USER} dbname={database}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._directory),
            "max_connections": "200",
            "logging_collector": "off",
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options],
                stdout=log,
                stderr=log,
                **self._as,
            )
        end = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                psycopg.connect(self.conninfo(), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert time.monotonic() < end, (self._directory / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT in order, SIGQUIT at once as if it had crashed."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(STARTS_WITHIN)
            self._process = None

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """Give the address of a new database, which is dropped afterwards."""
        name = f"test_{next(_numbers)}"
        self.run("CREATE DATABASE {} TEMPLATE {}", name, template)
        try:
            yield self.conninfo(name)
        finally:
            if self._process is not None:
                self.run("DROP DATABASE {} WITH (FORCE)", name)

    def run(self, statement: str, *names: str) -> None:
        """Run a statement over the server's own database, with these names in it."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            parts = (sql.Identifier(name) for name in names)
            connection.execute(sql.SQL(statement).format(*parts))

    def _make(self) -> None:
        subprocess.run(
            [
                *(self._programs / "initdb", "-D", self._data, "-U", _USER, "-A", "trust"),
                *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            **self._as,
        )


@contextmanager
def running(settings: Mapping[str, str] = FORGETFUL) -> Iterator[Cluster]:
    """Run a server with an empty template of the newest schema."""
    # A socket's address is short, and its directory must be open to the server's user.
    directory = Path(tempfile.mkdtemp(prefix="digipoort-pg-", dir="/tmp"))
    try:
        cluster = Cluster(directory, settings)
        cluster.start()
        try:
            cluster.run("CREATE DATABASE {}", TEMPLATE)
            upgrade_postgres(cluster.conninfo(TEMPLATE))
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(directory)


def _other_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is no user that the server could run as")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Give the one server of this run."""
    from tests.conftest import need

    need("PostgreSQL", found=programs() is not None, install="apt-get install postgresql")
    with running() as cluster:
        yield cluster


@pytest.fixture
def postgres_database(postgres: Cluster) -> Iterator[str]:
    """Give the address of a database of the test's own, with the newest schema."""
    with postgres.database() as conninfo:
        yield conninfo
