"""Payloads as files that are named by the SHA-256 of what is stored in them.

A file is complete and durable before any row refers to it, so a crash leaves at most
a file that nobody refers to, never a row without its file. Measured: below about
128 kB a row is faster, above it a file is.
"""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from digipoort_wus.store.ports import PayloadDamaged

IN_ROW_BELOW = 128 * 1024
"""Octets; from here on a payload is a file."""


class PayloadFiles:
    """The files below one directory; safe to use from several threads.

    Args:
        directory: is created when it is missing, readable by its owner only.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._unfinished = directory / "tmp"
        for path in (directory, self._unfinished):
            path.mkdir(mode=0o700, exist_ok=True)
            _sync_directory(path.parent)
        # Nobody else holds the data directory: what is unfinished now stays unfinished.
        for path in self._unfinished.iterdir():
            path.unlink()

    def keep(self, content: bytes) -> bytes:
        """Store the content durably, if it is not there already, and return its SHA-256.

        A file that is there and was damaged since is replaced: the good content is at hand.
        """
        digest = hashlib.sha256(content).digest()
        target = self._path(digest)
        if not _holds(target, content):
            for parent in (target.parent.parent, target.parent):
                parent.mkdir(mode=0o700, exist_ok=True)
                # Also when it was there: it may have been made just before a crash.
                _sync_directory(parent.parent)
            self._write(target, content)
        # Also when it was there: whoever renamed it may not have come to this line yet.
        _sync_directory(target.parent)
        return digest

    def load(self, digest: bytes, size: int) -> bytes:
        """Return the content with this SHA-256.

        Raises:
            PayloadDamaged: the file is missing, or is not what was stored.
        """
        try:
            content = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise PayloadDamaged(f"payload {digest.hex()} is missing: restore it") from error
        check_payload(content, digest, size)
        return content

    def _path(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._directory / name[:2] / name[2:4] / name

    def _write(self, target: Path, content: bytes) -> None:
        unfinished = self._unfinished / secrets.token_hex(16)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                view = memoryview(content)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
            unfinished.rename(target)
        except BaseException:
            with suppress(FileNotFoundError):
                unfinished.unlink()
            raise


def check_payload(content: bytes, digest: bytes, size: int) -> None:
    """Compare a payload that was read with what was stored.

    Raises:
        PayloadDamaged: length or SHA-256 differ.
    """
    if len(content) != size or hashlib.sha256(content).digest() != digest:
        raise PayloadDamaged(f"payload {digest.hex()} is not what was stored: restore it")


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except FileNotFoundError:
        return False


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
