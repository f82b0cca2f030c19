"""The lock that one gateway has on its data directory.

The directory itself is locked: a file in it could be removed, and then made and locked again by
somebody else.
"""

import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from digipoort_wus.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class DirectoryLock:
    """A lock that lasts until it is closed, or the process ends.

    Args:
        descriptor: of the directory.
    """

    descriptor: int

    def is_on(self, path: Path) -> bool:
        """Return whether a path still leads to the directory that is locked."""
        return is_same(os.fstat(self.descriptor), path)

    def close(self) -> None:
        """Let the directory go."""
        os.close(self.descriptor)


def is_same(opened: os.stat_result, path: Path) -> bool:
    """Return whether a path still leads to what was opened."""
    try:
        return os.path.samestat(opened, path.stat())
    except OSError:
        return False


def lock_directory(directory: Path) -> DirectoryLock:
    """Lock a directory.

    Raises:
        ConfigurationError: another gateway has it, or everybody may write to it.
        OSError: the system does not lock there.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if os.fstat(descriptor).st_mode & stat.S_IWOTH:
            raise ConfigurationError(
                f"Everybody may write to the data directory {directory}, and could replace what is "
                f"in it: make it yours alone by `chmod 700 {directory}`."
            )
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock = DirectoryLock(descriptor)
        if not lock.is_on(directory):
            raise ConfigurationError(f"The data directory {directory} was replaced: start again.")
    except BlockingIOError as error:
        os.close(descriptor)
        raise ConfigurationError(
            f"Another gateway uses the data directory {directory}: stop it, or choose another."
        ) from error
    except BaseException:
        os.close(descriptor)
        raise
    return lock
