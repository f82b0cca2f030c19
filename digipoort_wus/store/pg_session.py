"""What a connection to PostgreSQL is told to be like, and what a database must be like.

A process that is frozen, or whose machine is gone, must not hold for long what others wait for:
the server ends its transaction, and who waits gives up in time and tries again.
"""

import logging

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.pg_writer import Connection

_log = logging.getLogger(__name__)
# A server that went away without a word is noticed within half a minute.
_UNLESS_GIVEN = {
    "application_name": "digipoort-wus",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_DURABLE = frozenset({"on", "local", "remote_write", "remote_apply"})
# And a client by the server, in as long; where both are on one machine nothing is asked.
_SERVER = (
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
)
# Milliseconds. Who writes has nothing else to do between two statements.
_WRITING = (
    ("idle_in_transaction_session_timeout", "15000"),
    ("lock_timeout", "5000"),
    ("statement_timeout", "60000"),
)
# Nobody waits for who reads, but what was deleted meanwhile cannot be tidied up.
_READING = (
    ("idle_in_transaction_session_timeout", "600000"),
    ("statement_timeout", "600000"),
)


def with_defaults(conninfo: str) -> str:
    """Return a connection string with what we want to be so unless it says otherwise.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        given = conninfo_to_dict(conninfo)
    except psycopg.Error as error:
        raise ConfigurationError(f"the address of the database is none: {error}") from error
    # Of a setting that is given twice the last counts; this one is not to be changed.
    options = f"{given.get('options') or ''} -c synchronous_commit=on".strip()
    return _with(make_conninfo("", **{**_UNLESS_GIVEN, **given, "options": options}), _SERVER)


def to_write(address: str) -> str:
    """Return the address for connections that write."""
    return _with(address, _WRITING)


def to_read(address: str) -> str:
    """Return the address for connections that read only."""
    return _with(address, _READING)


def _with(address: str, settings: tuple[tuple[str, str], ...]) -> str:
    """Put settings before those that are there already, which win."""
    there = conninfo_to_dict(address).get("options") or ""
    ours = " ".join(f"-c {name}={value}" for name, value in settings)
    return make_conninfo(address, options=f"{ours} {there}".strip())


def check_durability(connection: Connection) -> None:
    """Refuse a database that acknowledges what it may lose, and warn of one that cannot keep.

    Raises:
        ConfigurationError: a commit is acknowledged before it is durable.
    """
    commit = _setting(connection, b"SHOW synchronous_commit")
    if commit not in _DURABLE:
        raise ConfigurationError(
            f"the database has synchronous_commit = {commit} for this user: set it to on"
        )
    for name, question in (
        ("fsync", b"SHOW fsync"),
        ("full_page_writes", b"SHOW full_page_writes"),
    ):
        if _setting(connection, question) != "on":
            _log.warning(
                "the database server has %s = off: a crash of its machine loses what was "
                "acknowledged, or all of it; only for tests",
                name,
            )


def _setting(connection: Connection, question: bytes) -> str:
    row = connection.execute(question).fetchone()
    return "" if row is None else str(row[0])
