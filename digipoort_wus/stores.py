"""Opens the store that a configuration names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from digipoort_wus.config import Config
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.process.cluster import Queue
from digipoort_wus.store.directories import make_directory
from digipoort_wus.store.keyfile import Absent, ring_file
from digipoort_wus.store.migrate import NEEDS_EXTRA
from digipoort_wus.store.objects import PayloadObjects, open_objects
from digipoort_wus.store.ports import Store
from digipoort_wus.store.sqlite import open_sqlite
from digipoort_wus.store.works import OnCommit, nobody_counts

if TYPE_CHECKING:
    from digipoort_wus.store.postgres import PostgresStore

_PASSWORD_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Storage:
    """A store, and what tells processes on other machines of its jobs.

    Args:
        store: open.
        queue: of who works on filings; None where nobody else does.
    """

    store: Store
    queue: Queue | None


def open_store(config: Config, on_commit: OnCommit = nobody_counts) -> Storage:
    """Open SQLite in the data directory, or the PostgreSQL database that is named.

    A sandbox makes a key ring where there is none; production, and any store that holds
    something already, wants the one that there was.

    Args:
        config: of the gateway.
        on_commit: is told of each commit, in the writer.

    Raises:
        ConfigurationError: the store or its key ring cannot be used; the sentence says why.
    """
    absent = Absent.MADE if config.mode == "sandbox" else Absent.REFUSED
    ring = ring_file(config.key_ring, absent)
    if config.store_url:
        return _open_postgres(config, on_commit)
    objects = objects_of(config)
    store = open_sqlite(config.data_dir, ring, on_commit=on_commit, objects=objects)
    return Storage(store, None)


def objects_of(config: Config) -> PayloadObjects | None:
    """Return the objects of a configuration, None when it names none; nothing is asked yet.

    Raises:
        ConfigurationError: the extra is missing, a file cannot be read, or the directory for
            what is on its way cannot be made.
    """
    if config.store_objects is None:
        return None
    try:
        make_directory(config.spool)
    except OSError as error:
        raise ConfigurationError(f"cannot use {config.spool}: {error.strerror}.") from error
    return open_objects(config.store_objects, config.spool)


def address_of(config: Config) -> str:
    """Return libpq's address of the database of a configuration, with the password in it.

    Raises:
        ConfigurationError: the address has a part that libpq does not know, the file of the
            password cannot be read, or the extra is missing.
    """
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict, make_conninfo
    except ImportError as error:
        raise ConfigurationError(NEEDS_EXTRA) from error
    try:
        conninfo_to_dict(config.store_url)
    except ProgrammingError as error:
        said = " ".join(str(error).split())
        raise ConfigurationError(f"store.url cannot be used: {said}.") from error
    if config.store_password_file is None:
        return config.store_url
    path = config.store_password_file
    try:
        password = path.read_bytes()[:_PASSWORD_MAX].decode().strip("\r\n")
    except OSError as error:
        raise ConfigurationError(
            f"The password file {path} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"The password file {path} holds no text in UTF-8: write the password alone into it."
        ) from None
    return make_conninfo(config.store_url, password=password)


def _open_postgres(config: Config, on_commit: OnCommit) -> Storage:
    # Only who uses it needs psycopg and pgqueuer, and waits for them.
    try:
        from digipoort_wus.store.pg_queue import PgQueue, check_queue, enqueue
        from digipoort_wus.store.postgres import open_postgres
    except ImportError as error:
        raise ConfigurationError(NEEDS_EXTRA) from error
    absent = Absent.MADE if config.mode == "sandbox" else Absent.REFUSED
    store: PostgresStore = open_postgres(
        address_of(config),
        config.store_payloads,
        ring_file(config.key_ring, absent),
        enqueue=enqueue,
        on_commit=on_commit,
        objects=objects_of(config),
    )
    try:
        check_queue(store.address)
    except ConfigurationError:
        store.close()
        raise
    return Storage(store, PgQueue(store.address))
