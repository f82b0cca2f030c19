"""Whose payloads a directory holds: it carries the same random name as the database.

A database knows which payload files are left over, but only of its own. Beside another, or a new
one while the right one is away, every file would look left over. So the two are tied together,
and a store whose ends do not match is not opened.
"""

import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.directories import sync_directory

NAME = "store-id"
"""Of the file in the directory of payloads."""
RESTORING = "digipoort.db.restoring"
"""Of the database of a data directory while it is being restored."""
_MAX_OCTETS = 256
_SHARD = re.compile(r"[0-9a-f]{2}")
_PUT_BACK = "put the right one back, or name another directory."


def take_directory(directory: Path, store_id: str, known: Iterable[bytes]) -> None:
    """Take a directory of payloads for those of a database, or refuse it.

    One that says nothing becomes this database's where it is empty and nothing is missing, or
    where it holds a file that the database knows.

    Args:
        directory: exists.
        store_id: of the database.
        known: SHA-256 of some files that the database refers to; asked only when nothing is said.

    Raises:
        ConfigurationError: it is another database's, or cannot be told to be this one's.
        OSError: it cannot be read or written.
    """
    said = _said(directory)
    if not said:
        _require_known(directory, store_id, tuple(known))
        _say(directory, store_id)
        said = _said(directory)
    if said != store_id:
        raise ConfigurationError(
            f"The payloads in {directory} belong to another database than the one that is "
            f"opened: {_PUT_BACK}"
        )


def require_unused(data_directory: Path, payloads: Path) -> None:
    """Refuse to begin a new database where one was, or is being restored.

    Args:
        data_directory: in which there is no database.
        payloads: the directory of payloads in it.

    Raises:
        ConfigurationError: there are payloads, or the mark of those of another database.
    """
    require_restored(data_directory)
    if _said(payloads) or holds_payloads(payloads):
        raise ConfigurationError(
            f"{payloads} belongs to a database that is not there: put it back, restore a backup "
            "into an empty directory, or name another data directory."
        )


def require_restored(data_directory: Path) -> None:
    """Refuse a data directory whose restore was not finished.

    Raises:
        ConfigurationError: it was not.
    """
    if (data_directory / RESTORING).exists():
        raise ConfigurationError(
            f"The restore of {data_directory} was not finished: wait for it, or empty the "
            "directory and restore again."
        )


def holds_payloads(directory: Path) -> bool:
    """Return whether a directory holds any payload file; False where it is not there."""
    return any(
        path.is_file()
        for shard in _shards(directory)
        for part in _shards(shard)
        for path in part.iterdir()
    )


def _require_known(directory: Path, store_id: str, known: tuple[bytes, ...]) -> None:
    names = [digest.hex() for digest in known]
    if any((directory / name[:2] / name[2:4] / name).exists() for name in names):
        return
    if names:
        raise ConfigurationError(
            f"None of the payload files that the database knows is in {directory}: mount or name "
            "the right directory; if they are lost for good, write the line "
            f"{store_id} to {directory / NAME}."
        )
    if holds_payloads(directory):
        raise ConfigurationError(
            f"{directory} holds payload files, of which the database knows none: {_PUT_BACK}"
        )


def _said(directory: Path) -> str:
    try:
        with (directory / NAME).open("rb") as file:
            return file.read(_MAX_OCTETS).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return ""


def _say(directory: Path, store_id: str) -> None:
    """Write the name of the database into a directory, unless somebody else was first."""
    path = directory / NAME
    draft = path.with_name(f".{NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{store_id}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        # A link is made or not; a rename would replace what another machine made meanwhile.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    sync_directory(directory)


def _shards(directory: Path) -> list[Path]:
    try:
        return [path for path in directory.iterdir() if _SHARD.fullmatch(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
