"""Copies of a data directory that can be used again, and what is wrong with one.

A backup is the database as it was at one moment, made beside a running gateway, and the payload
files that it refers to. The key ring is not in it: who has both can read everything. The file
``backup.json`` is written last, so that what was interrupted is not taken for a backup.
"""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.belonging import RESTORING
from digipoort_wus.store.files import Holder, PayloadFiles
from digipoort_wus.store.looking import DATABASE, KEY_RING, PAYLOADS, connect_to_read
from digipoort_wus.store.migrate import VERSION
from digipoort_wus.store.shape import shape_problems
from digipoort_wus.store.values import PayloadDamaged

MANIFEST = "backup.json"
Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much is done, and how much there is."""
_PAGES = 4_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Args:
        made_at: UTC.
        schema: of the database.
        filings: how many.
        files: how many payload files.
        octets: of database and files together.
        rings: names of the keys of the ring that its secrets need.
        missing: files that a purge removed while the backup was made.
        database: name of the file with the database.
    """

    made_at: str
    schema: int
    filings: int
    files: int
    octets: int
    rings: Sequence[str]
    missing: int = 0
    database: str = DATABASE


def back_up(directory: Path, target: Path, made_at: str, progress: Progress) -> Manifest:
    """Copy the database of a data directory, and link or copy its payload files.

    Args:
        directory: of a gateway that runs or does not.
        target: is made; must not be there, or be empty.
        made_at: for the manifest.
        progress: is told how far it is.

    Raises:
        ConfigurationError: the target is in use, or there is no database of this schema.
        PayloadDamaged: a file is missing.
        OSError: there is no room, or no permission.
    """
    require_outside(target, directory)
    require_empty(target)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = target / DATABASE
    with closing(connect_to_read(directory / DATABASE)) as source:
        _copy_database(source, copy, progress)
    with closing(connect_to_read(copy)) as connection:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found != VERSION:
            raise ConfigurationError(
                f"The data directory has schema {found}, this version copies {VERSION}: copy it "
                "with the gateway stopped, or upgrade it first."
            )
        files = tuple(_files_of(connection))
        missing, octets = 0, copy.stat().st_size
        for number, digest in enumerate(files, 1):
            found_octets = give_file(directory / PAYLOADS, target / PAYLOADS, digest)
            if found_octets is None:
                if _still_wanted(directory, digest):
                    raise PayloadDamaged(f"payload {digest.hex()} is missing: restore it")
                missing += 1
            octets += found_octets or 0
            progress("payload files", number, len(files))
        manifest = Manifest(
            made_at,
            found,
            int(connection.execute("SELECT count(*) FROM filing").fetchone()[0]),
            len(files) - missing,
            octets,
            _rings(connection),
            missing,
        )
    write_manifest(target, manifest)
    return manifest


def write_manifest(target: Path, manifest: Manifest) -> None:
    """Say what a backup holds, durably; before that it is none."""
    _write_durably(target / MANIFEST, json.dumps(asdict(manifest), indent=2).encode() + b"\n")
    sync_tree(target)


def restore(source: Path, directory: Path, progress: Progress) -> Manifest:
    """Make a data directory of a backup; every file is compared with its hash.

    Args:
        source: a backup.
        directory: is made; must not be there, or hold at most a key ring.
        progress: is told how far it is.

    Raises:
        ConfigurationError: the directory is in use, or the source is no whole backup.
        PayloadDamaged: a file of the backup is missing or not what was stored.
        OSError: there is no room, or no permission.
    """
    manifest = manifest_of(source, DATABASE)
    require_empty(directory, but=KEY_RING)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = directory / RESTORING
    with closing(connect_to_read(source / DATABASE)) as connection:
        if problems := tuple(database_problems(connection)):
            raise PayloadDamaged(f"the database of the backup is damaged: {problems[0]}")
        _copy_database(connection, draft, progress)
        files = tuple(_files_of(connection))
    held = PayloadFiles(directory / PAYLOADS, Holder.SHARED)
    missing = 0
    for number, digest in enumerate(files, 1):
        if give_file(source / PAYLOADS, directory / PAYLOADS, digest, link=False) is None:
            missing += 1
        else:
            held.check(digest)
        progress("payload files", number, len(files))
    if missing > manifest.missing:
        raise PayloadDamaged(
            f"{missing - manifest.missing} payload files of the backup are missing: take another"
        )
    sync_tree(directory)
    # Last: without it a gateway would begin anew here, and nothing half done is taken for whole.
    draft.rename(directory / DATABASE)
    sync_path(directory)
    return manifest


def database_problems(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield what SQLite finds wrong with a database."""
    try:
        for (text,) in connection.execute("PRAGMA integrity_check(100)"):
            if text != "ok":
                yield str(text)
        for row in connection.execute("PRAGMA foreign_key_check"):
            yield f"a row of {row[0]} refers to one of {row[2]} that is not there"
        # An older one is brought up to date first.
        if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
            yield from shape_problems(connection)
    except sqlite3.Error as error:
        yield str(error)


def _copy_database(source: sqlite3.Connection, target: Path, progress: Progress) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def told(_status: int, remaining: int, total: int) -> None:
        progress("database", total - remaining, total)

    # One transaction: what is written meanwhile does not make it begin anew.
    source.execute("BEGIN")
    source.execute("SELECT count(*) FROM sqlite_master").fetchone()
    try:
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy, pages=_PAGES, progress=told)
            # One file: a copy with a -wal beside it is easily torn apart.
            copy.execute("PRAGMA journal_mode = DELETE")
    finally:
        source.execute("ROLLBACK")


def _files_of(connection: sqlite3.Connection) -> Iterator[bytes]:
    for (digest,) in connection.execute(
        "SELECT DISTINCT sha256 FROM payload WHERE place = 'file' ORDER BY sha256"
    ):
        yield bytes(digest)


def _rings(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT DISTINCT ring FROM secret WHERE wrapped IS NOT NULL")
    return sorted(str(row[0]) for row in rows)


def _still_wanted(directory: Path, digest: bytes) -> bool:
    with closing(connect_to_read(directory / DATABASE)) as connection:
        row = connection.execute(
            "SELECT 1 FROM payload WHERE sha256 = ? AND place = 'file'", (digest,)
        ).fetchone()
    return row is not None


def give_file(source: Path, target: Path, digest: bytes, *, link: bool = True) -> int | None:
    """Link or copy one payload file, and return its octets; None where it is not there."""
    name = digest.hex()
    place = Path(name[:2], name[2:4], name)
    made = target / place
    made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        size = (source / place).stat().st_size
        if link:
            with suppress(OSError):
                # Another file system, or one without links: a copy is as good.
                made.hardlink_to(source / place)
                return size
        shutil.copyfile(source / place, made)
    except FileNotFoundError:
        return None
    made.chmod(0o600)
    sync_path(made)
    return size


def copy_payloads(source: Path, target: Path, progress: Progress) -> int:
    """Copy every payload file of a directory, each compared with its name; return how many.

    For a database that is copied by its own means, before this.

    Raises:
        ConfigurationError: the target is in use.
        PayloadDamaged: a file is not what was stored.
    """
    require_outside(target, source)
    require_empty(target)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [path.name for path in source.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*")]
    for number, name in enumerate(names, 1):
        digest = bytes.fromhex(name)
        if give_file(source, target, digest, link=False) is not None and (
            _sha256(target / name[:2] / name[2:4] / name) != digest
        ):
            raise PayloadDamaged(f"payload {name} is not what was stored: restore it")
        progress("payload files", number, len(names))
    sync_tree(target)
    return len(names)


def manifest_of(source: Path, database: str) -> Manifest:
    """Return what a backup holds.

    Args:
        source: of the backup.
        database: name of the file with the database that can be restored here.

    Raises:
        ConfigurationError: it is no whole backup, newer, or one of the other kind of store.
    """
    try:
        manifest = _read_manifest((source / MANIFEST).read_bytes())
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(
            f"{source} is no whole backup: it has no {MANIFEST} that can be read."
        ) from error
    if manifest.schema > VERSION:
        raise ConfigurationError(
            f"The backup has schema {manifest.schema}, this version knows up to {VERSION}: use a "
            "newer digipoort-wus."
        )
    if manifest.database != database:
        kind = "a data directory" if manifest.database == DATABASE else "a PostgreSQL database"
        raise ConfigurationError(f"{source} is the backup of {kind}: restore it into one.")
    return manifest


def _read_manifest(octets: bytes) -> Manifest:
    """Return what a manifest says, if everything in it is of its kind.

    Raises:
        ValueError: something is not.
        TypeError: something is missing, or there is more.
    """
    said = json.loads(octets)
    manifest = Manifest(**said)
    numbers = [said[name] for name in ("schema", "filings", "files", "octets")]
    numbers.append(said.get("missing", 0))
    words = [said["made_at"], said.get("database", DATABASE), *said["rings"]]
    if not (
        all(type(number) is int and number >= 0 for number in numbers)
        and all(isinstance(word, str) and word.isprintable() for word in words)
        and isinstance(said["rings"], list)
    ):
        raise ValueError("it holds what no manifest does")
    return manifest


def require_empty(directory: Path, but: str = "") -> None:
    """Refuse a directory that holds anything but a file of this name.

    Raises:
        ConfigurationError: it does.
    """
    if directory.exists() and any(path.name != but for path in directory.iterdir()):
        raise ConfigurationError(f"{directory} is not empty: name a directory that is.")


def require_outside(target: Path, directory: Path) -> None:
    """Refuse to copy a directory into itself.

    Raises:
        ConfigurationError: the target is in the directory.
    """
    if target.resolve().is_relative_to(directory.resolve()):
        raise ConfigurationError(
            f"{target} is in {directory}, and would be lost with it: name another place."
        )


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_tree(directory: Path) -> None:
    """Make the names below a directory durable, and what is in its databases."""
    for path in directory.glob(f"{DATABASE}*"):
        sync_path(path)
    for path in (directory, *(inner for inner in directory.rglob("*") if inner.is_dir())):
        sync_path(path)


def sync_path(path: Path) -> None:
    """Make a file, or the names in a directory, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
