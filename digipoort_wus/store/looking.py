"""A look into a data directory that a running gateway may be using: nothing is changed.

The gateway holds the lock of its directory; who only reads does not need it. SQLite's readers
see the last commit, and one that reads only never writes a checkpoint.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.files import Holder, PayloadFiles
from digipoort_wus.store.keyfile import read_key_ring
from digipoort_wus.store.migrate import VERSION
from digipoort_wus.store.objects import PayloadObjects
from digipoort_wus.store.reader import Reader
from digipoort_wus.store.sql.session import SQLITE
from digipoort_wus.store.sql.transaction import SqlReader
from digipoort_wus.store.vault import Vault

DATABASE, KEY_RING, PAYLOADS = "digipoort.db", "key-ring", "payloads"
T = TypeVar("T")


def schema_of(directory: Path) -> int:
    """Return the schema of a data directory, 0 where there is no database.

    Raises:
        ConfigurationError: it cannot be read.
    """
    if not (directory / DATABASE).exists():
        return 0
    with closing(connect_to_read(directory / DATABASE)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


class Read(Protocol):
    """Runs works that only read, each over one consistent state."""

    def __call__(self, work: Callable[[Reader], T], /) -> T:
        """Run a work. As long as it takes, the log of a running gateway cannot be emptied."""


def look(
    directory: Path,
    work: Callable[[Reader], T],
    ring: Path | None = None,
    objects: PayloadObjects | None = None,
) -> T:
    """Run a work over one consistent state of a data directory; see :func:`looking`."""
    with looking(directory, ring, objects) as read:
        return read(work)


@contextmanager
def looking(
    directory: Path, ring: Path | None = None, objects: PayloadObjects | None = None
) -> Iterator[Read]:
    """Give what runs works over a data directory.

    Args:
        directory: of a gateway that runs or does not.
        ring: file of the key ring; None takes the one in the directory.
        objects: keep payloads as well, if any do.

    Raises:
        ConfigurationError: there is no database, it has another schema, or the key ring or the
            database cannot be read.
    """
    found = schema_of(directory)
    if not found:
        raise ConfigurationError(
            f"There is no database in {directory}: name it with --data-dir or --config."
        )
    if found != VERSION:
        raise ConfigurationError(
            f"The data directory {directory} has schema {found}, this version reads {VERSION}: "
            f"run `digipoort-wus db upgrade --data-dir {directory}`, or the version that wrote it."
        )
    keys = read_key_ring(ring or directory / KEY_RING)
    vault = Vault(keys, PayloadFiles(directory / PAYLOADS, Holder.LOOKING), objects)
    with closing(connect_to_read(directory / DATABASE)) as connection:

        def read(work: Callable[[Reader], T], /) -> T:
            connection.execute("BEGIN")
            try:
                return work(SqlReader(connection.execute, SQLITE, vault))
            finally:
                connection.execute("ROLLBACK")

        try:
            yield read
        except sqlite3.Error as error:
            raise ConfigurationError(f"Cannot read the database: {error}.") from error


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Return a connection that can only read.

    Raises:
        ConfigurationError: the database cannot be opened.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0
        )
    except sqlite3.Error as error:
        raise ConfigurationError(f"Cannot open the database {path}: {error}.") from error
    try:
        # Of leases nothing is asked here, but the statements name their clock.
        connection.create_function("store_clock", 0, lambda: 0)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise ConfigurationError(f"Cannot read the database {path}: {error}.") from error
    return connection
