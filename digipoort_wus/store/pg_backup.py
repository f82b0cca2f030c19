"""Copies of a PostgreSQL database and of the payload files that it refers to, and back again.

PostgreSQL's own programs do the copying. Dump and list of files are of one snapshot, and the
files come behind the dump: a file is complete before a row refers to it.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.backup import (
    Manifest,
    Progress,
    give_file,
    manifest_of,
    require_empty,
    require_outside,
    sync_path,
    sync_tree,
    write_manifest,
)
from digipoort_wus.store.files import Holder, PayloadFiles
from digipoort_wus.store.migrate import VERSION, check_postgres, postgres_version
from digipoort_wus.store.pg_writer import said
from digipoort_wus.store.values import PayloadDamaged

DUMP = "digipoort.dump"
_DEBIAN = Path("/usr/lib/postgresql")
_FILES = b"SELECT DISTINCT sha256 FROM payload WHERE place = 'file' ORDER BY sha256"
_RINGS = b"SELECT DISTINCT ring FROM secret WHERE wrapped IS NOT NULL"
_WANTED = b"SELECT 1 FROM payload WHERE sha256 = %s AND place = 'file' LIMIT 1"
_SAID_MAX = 400


def program(name: str) -> str | None:
    """Return the path of a program of PostgreSQL, None when it is not here."""
    found = shutil.which(name)
    if found is not None:
        return found
    versions = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: path.parts[-3].zfill(4))
    return str(versions[-1]) if versions else None


def back_up_postgres(
    conninfo: str, payloads: Path, target: Path, made_at: str, progress: Progress
) -> Manifest:
    """Dump a database, and copy the payload files that it refers to.

    Args:
        conninfo: libpq's connection string, of a database that is used or not.
        payloads: directory of its files.
        target: is made; must not be there, or be empty.
        made_at: for the manifest.
        progress: is told how far it is.

    Raises:
        ConfigurationError: the target is in use, the database has another schema or cannot be
            reached, or ``pg_dump`` is not here or fails.
        PayloadDamaged: a file is missing, or is not what was stored.
        OSError: there is no room, or no permission.
    """
    pg_dump = program("pg_dump")
    if pg_dump is None:
        raise ConfigurationError(_is_missing("pg_dump"))
    require_outside(target, payloads)
    require_empty(target)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    dump = target / DUMP
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            check_postgres(connection)
            snapshot = _one(connection, b"SELECT pg_export_snapshot()")
            progress("database", 0, 1)
            os.close(os.open(dump, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            options = ("--format=custom", f"--snapshot={snapshot}", f"--file={dump}")
            _run((pg_dump, *options), conninfo)
            progress("database", 1, 1)
            digests = [bytes(row[0]) for row in connection.execute(_FILES)]
            filings = int(_one(connection, b"SELECT count(*) FROM filing"))
            rings = sorted(str(row[0]) for row in connection.execute(_RINGS))
    except psycopg.Error as error:
        raise ConfigurationError(f"cannot back up the database: {said(error)}") from error
    missing, octets = _copy_files(conninfo, payloads, target, digests, progress)
    manifest = Manifest(
        made_at,
        VERSION,
        filings,
        len(digests) - missing,
        octets + dump.stat().st_size,
        rings,
        missing,
        DUMP,
    )
    sync_path(dump)
    write_manifest(target, manifest)
    return manifest


def restore_postgres(source: Path, conninfo: str, payloads: Path, progress: Progress) -> Manifest:
    """Fill an empty database and an empty directory from a backup.

    The files come first, and the database in one transaction: until that is done a gateway
    finds an empty database, and does not start.

    Args:
        source: a backup made by :func:`back_up_postgres`.
        conninfo: libpq's connection string, of a user that may create tables.
        payloads: directory for its files.
        progress: is told how far it is.

    Raises:
        ConfigurationError: the database or directory is in use, the source is no whole backup
            of this kind, or ``pg_restore`` is not here or fails.
        PayloadDamaged: a file of the backup is missing or not what was stored.
        OSError: there is no room, or no permission.
    """
    pg_restore = program("pg_restore")
    if pg_restore is None:
        raise ConfigurationError(_is_missing("pg_restore"))
    manifest = manifest_of(source, DUMP)
    _require_empty_database(conninfo)
    digests = _files_of(source)
    if len(digests) < manifest.files:
        number = manifest.files - len(digests)
        raise PayloadDamaged(f"{number} payload files of the backup are missing: take another")
    if digests:
        _put_files(source, payloads, digests, progress)
    progress("database", 0, 1)
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run((pg_restore, *options, str(source / DUMP)), conninfo)
    progress("database", 1, 1)
    return manifest


def _put_files(source: Path, payloads: Path, digests: Sequence[bytes], progress: Progress) -> None:
    """Copy the files of a backup into an empty directory, each compared with its name."""
    require_empty(payloads)
    payloads.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = PayloadFiles(payloads, Holder.SHARED)
    for number, digest in enumerate(digests, 1):
        give_file(source, payloads, digest, link=False)
        held.check(digest)
        progress("payload files", number, len(digests))
    sync_tree(payloads)


def _copy_files(
    conninfo: str, payloads: Path, target: Path, digests: Sequence[bytes], progress: Progress
) -> tuple[int, int]:
    """Copy files, each compared with its name; return how many were purged, and all octets."""
    copied = PayloadFiles(target, Holder.SHARED)
    missing = octets = 0
    for number, digest in enumerate(digests, 1):
        found = give_file(payloads, target, digest, link=False)
        if found is None:
            if _still_wanted(conninfo, digest):
                raise PayloadDamaged(f"payload {digest.hex()} is missing: restore it")
            missing += 1
        else:
            copied.check(digest)
            octets += found
        progress("payload files", number, len(digests))
    return missing, octets


def _still_wanted(conninfo: str, digest: bytes) -> bool:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return connection.execute(_WANTED, (digest,)).fetchone() is not None


def _files_of(source: Path) -> list[bytes]:
    names = (path.name for path in source.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"))
    return sorted(bytes.fromhex(name) for name in names)


def _require_empty_database(conninfo: str) -> None:
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            found = postgres_version(lambda text: connection.execute(text).fetchone())
    except psycopg.Error as error:
        raise ConfigurationError(f"cannot reach the database: {said(error)}") from error
    if found:
        raise ConfigurationError(
            "the database holds a store already: restore into a new one, and name that in store.url"
        )


def _run(command: Sequence[str], conninfo: str) -> None:
    """Run a program of PostgreSQL over a database; the password is not among its arguments."""
    parts: dict[str, Any] = conninfo_to_dict(conninfo)
    password = parts.pop("password", None)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    address = make_conninfo("", **parts)
    ended = subprocess.run(  # noqa: S603, a program of PostgreSQL's, and no shell
        [*command, f"--dbname={address}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ["no reason"]
        name = Path(command[0]).name
        raise ConfigurationError(f"{name} failed: {lines[0][:_SAID_MAX]}")


def _one(connection: "psycopg.Connection[Any]", question: bytes) -> Any:
    row = connection.execute(question).fetchone()
    return None if row is None else row[0]


def _is_missing(name: str) -> str:
    return (
        f"{name} is not here: install PostgreSQL's client programs, of the server's version or "
        "newer"
    )
