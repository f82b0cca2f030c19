"""Directories that are still there when the machine loses its power."""

import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path


def make_directory(path: Path) -> None:
    """Make a directory and those above it, as far as they are missing, durably.

    When this returns, the names of all of them are on the disk, also of those that were there:
    whoever made them may have died before he could see to it.

    Args:
        path: is made readable by its owner only; those above it are as the umask says.

    Raises:
        OSError: one cannot be made, or made durable.
    """
    path = path.absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each, above in pairwise((path, *path.parents)):
        if each.stat().st_dev != above.stat().st_dev:
            # Something is mounted here, and the mount is nobody's to make durable.
            return
        # Who may not read a directory has not made anything in it either.
        with suppress(PermissionError):
            sync_directory(above)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable.

    Raises:
        OSError: it cannot be read, or the disk fails.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
