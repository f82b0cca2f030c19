"""The file of the embedded store: how it is opened, and after what it is not to be trusted."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.values import StoreFailed

LeaseClock = Callable[[], int]
"""Milliseconds; only differences count. It must not jump when somebody sets the time."""
BUSY_SECONDS = 5.0
"""So long a lock of somebody else is waited for."""
# Pages that many filings change go from the log (16 MB) into the file once for all of them.
_SETTINGS = (
    "wal_autocheckpoint = 4000",
    "cache_size = -16384",
    # A log that somebody who looked for long made grow gets small again.
    "journal_size_limit = 67108864",
    # What is deleted is written over, however this SQLite was built.
    "secure_delete = ON",
)
UNDONE_FROM_MEMORY = "PRAGMA temp_store = MEMORY"
"""For who writes: what would undo a statement of many rows needs no file when it is large.

Not for who makes an index or looks at everything: that would be sorted in memory, too.
"""
_STATEMENTS = 512  # one for each number of rows that are added together
# After these the file, or what the system holds of it, is not to be trusted any more:
# a second fsync after a failed one reports success without having written.
_LASTING = frozenset(
    (
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    )
)

# Of the machine or of somebody else, and not of what was to be written.
_FOR_NOW = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY))


def steady_clock() -> int:
    """Return milliseconds that go on evenly, whatever is done to the time of the day."""
    return time.monotonic_ns() // 1_000_000


def is_lasting(error: BaseException) -> bool:
    """Return whether nothing can be written any more after an error."""
    if isinstance(error, sqlite3.Error):
        # Errors of the module itself carry no code.
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _LASTING
    return not isinstance(error, Exception)


def told_of(error: Exception) -> Exception:
    """Return what is told of a work that failed: a full disk is not its mistake."""
    is_ours = isinstance(error, sqlite3.Error) and (
        (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _FOR_NOW
    )
    return failure_of(error) if is_ours else error


def failure_of(error: BaseException) -> StoreFailed:
    """Return what is told of everything that was under way when the store failed."""
    failure = StoreFailed(f"nothing was stored: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def connect(path: Path, mode: str, lease_clock: LeaseClock) -> sqlite3.Connection:
    """Return a connection to the database of a data directory, in no transaction.

    Args:
        path: of the file.
        mode: ``rwc`` for the one that writes, ``ro`` for others.
        lease_clock: by which leases are counted.

    Raises:
        ConfigurationError: the file system cannot hold a WAL.
        sqlite3.Error: the file cannot be opened.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        # Each connection is used by one thread at a time; which one, changes.
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )
    settings = (*_SETTINGS, "foreign_keys = ON", "synchronous = FULL", "trusted_schema = OFF")
    try:
        connection.create_function("store_clock", 0, lease_clock)
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")
        if mode == "ro":
            connection.execute("PRAGMA query_only = ON")
        elif connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise ConfigurationError("the data directory's file system cannot hold a SQLite WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def empty_log(connection: sqlite3.Connection) -> bool:
    """Write the log back and empty it, waiting for nobody; False when somebody reads in it.

    Raises:
        sqlite3.Error: it cannot be written back.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
    return not row[0]
