"""How an older database becomes a current one, and how one that is not is refused.

SQLite: a data directory of schema 1 to 3 goes up the old ladder (:mod:`schema`), and from there
on Alembic's, in one transaction, after a copy of the database was made beside it. PostgreSQL:
only :func:`upgrade_postgres` changes the schema; a store merely looks.
"""

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store import schema

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.engine import Connection

_log = logging.getLogger(__name__)

VERSION = 6
"""The newest schema: what ``PRAGMA user_version`` and Alembic's own table say of it."""
_FIRST_SEALED = 4
"""What earlier schemas keep is not encrypted."""
_LOCK = 0x44_49_47_49
"""Any number that nobody else locks in the same database."""
NEEDS_EXTRA = (
    "PostgreSQL needs packages that are not installed: "
    "run `python -m pip install 'digipoort-wus[postgres]'`"
)
_NOT_OURS = "was not made by digipoort-wus: choose an empty"


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables, or upgrade older ones.

    Args:
        connection: the only one, in no transaction.
        path: of the database; a copy of an older one is made beside it.

    Raises:
        ConfigurationError: the tables were made by a newer version, or are not ours.
    """
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found == VERSION:
        return
    if found > VERSION:
        raise ConfigurationError(
            f"the data directory has schema {found}, this version knows up to {VERSION}: "
            "use the digipoort-wus that wrote it, or a newer one"
        )
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if found == 0 and tables:
        raise ConfigurationError(f"the database in the data directory {_NOT_OURS} directory")
    copy = _copied(connection, path) if found else None
    if 0 < found <= schema.VERSION:
        schema.bring_up_to_date(connection)
    _migrate_sqlite(connection)
    if copy is not None:
        _log.warning(
            "the data directory went from schema %d to %d; %s is what it was before%s: "
            "remove it once everything is found to be there",
            *(found, VERSION, copy),
            ", not encrypted" if found < _FIRST_SEALED else "",
        )


def _copied(connection: sqlite3.Connection, path: Path) -> Path:
    """Keep the database as it is, durably; whatever an interrupted attempt left is replaced."""
    copy = path.with_name(f"{path.name}.before-v{VERSION}")
    draft = copy.with_name(f"{copy.name}.part")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        connection.execute("VACUUM INTO ?", (str(draft),))
    except sqlite3.Error:
        draft.unlink()
        raise
    for opened, flags in ((draft, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(opened, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if opened is draft:
            draft.rename(copy)
    return copy


def _migrate_sqlite(connection: sqlite3.Connection) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    # Tables get other names for a while, and what refers to them must not follow them.
    for setting in ("foreign_keys = OFF", "legacy_alter_table = ON"):
        connection.execute(f"PRAGMA {setting}")
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    try:
        # Not closed: that would close ours.
        bound = engine.connect()
        bound.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            _run(bound)
            if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
                raise ConfigurationError(
                    f"the database refers to {len(broken)} rows that are not there: restore it"
                )
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            bound.detach()
    finally:
        for setting in ("legacy_alter_table = OFF", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}")


def upgrade_postgres(conninfo: str) -> tuple[int, int]:
    """Bring a PostgreSQL database up to date and return its schema before and after.

    Others that do the same at this moment wait; who comes second finds nothing to do.

    Args:
        conninfo: libpq's connection string or address, of a user that may create tables.

    Raises:
        ConfigurationError: there is no connection, the schema is newer, or is not ours; or the
            extra ``postgres`` is not installed.
    """
    try:
        import psycopg

        from digipoort_wus.store.pg_queue import install_queue
    except ImportError as error:
        raise ConfigurationError(NEEDS_EXTRA) from error
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    try:
        with psycopg.connect(conninfo) as connection:
            engine = create_engine(
                "postgresql+psycopg://", creator=lambda: connection, poolclass=NullPool
            )
            with engine.begin() as bound:
                bound.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                found = postgres_version(lambda text: bound.exec_driver_sql(text).fetchone())
                if found < VERSION:
                    _run(bound)
    except (psycopg.Error, DBAPIError) as error:
        raise ConfigurationError(f"cannot upgrade the database: {error}") from error
    install_queue(conninfo)
    return found, VERSION


def check_postgres(connection: "psycopg.Connection[Any]") -> None:
    """Refuse a database of another schema.

    Raises:
        ConfigurationError: it has another, or is not ours.
    """
    found = postgres_version(lambda text: connection.execute(text).fetchone())
    if found < VERSION:
        was = f"has schema {found}" if found else "is empty"
        raise ConfigurationError(
            f"the database {was}, this version needs {VERSION}: run `digipoort-wus db upgrade` "
            "with the same --config"
        )


def postgres_version(ask: "Callable[[str], Any]") -> int:
    """Return the schema of a PostgreSQL database, 0 for an empty one.

    Args:
        ask: runs a statement and returns its first row.

    Raises:
        ConfigurationError: it is newer than this version, or not ours.
    """
    ours, others = ask(
        """SELECT count(CASE WHEN table_name = 'alembic_version' THEN 1 END), count(*)
        FROM information_schema.tables WHERE table_schema = current_schema()"""
    )
    if not ours:
        if others:
            raise ConfigurationError(f"the database {_NOT_OURS} one")
        return 0
    row = ask("SELECT version_num FROM alembic_version")
    if row is None or not str(row[0]).isdigit():
        raise ConfigurationError(f"the database {_NOT_OURS} one")
    found = int(row[0])
    if found > VERSION:
        raise ConfigurationError(
            f"the database has schema {found}, this version knows up to {VERSION}: "
            "use the digipoort-wus that upgraded it, or a newer one"
        )
    return found


def _run(connection: "Connection") -> None:
    """Run the migrations that are missing in the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "digipoort_wus.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
