"""Payloads as files that are named by the SHA-256 of what is stored in them.

A file is complete and durable before any row refers to it, so a crash leaves at most
a file that nobody refers to, never a row without its file. Such a file is swept away at a
later start. Measured: below about 128 kB a row is faster, above it a file is.
"""

import hashlib
import os
import random
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from digipoort_wus.store.ports import PayloadDamaged

IN_ROW_BELOW = 128 * 1024
"""Octets; from here on a payload is a file."""
SWEPT_AT_ONCE = 10_000
"""Files that are looked at in one start: a third of a second. The next begins elsewhere."""
SWEPT_FROM_AGE = 86_400.0
"""Seconds: what is younger may have been put there by somebody who is restoring a backup."""
_PIECE = 1024 * 1024
_NAME = re.compile(r"[0-9a-f]{64}")
_SHARD = re.compile(r"[0-9a-f]{2}")


class PayloadFiles:
    """The files below one directory; safe to use from several threads.

    Args:
        directory: is created when it is missing, readable by its owner only.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._unfinished = directory / "tmp"
        self._gate = threading.Lock()
        self._held: Counter[bytes] = Counter()
        # Contents by identity, which stays theirs as long as they are here, with their digests:
        # what is held is not hashed again in the writer, for which everybody waits.
        self._ready: dict[int, tuple[bytes, bytes]] = {}
        for path in (directory, self._unfinished):
            path.mkdir(mode=0o700, exist_ok=True)
            _sync_directory(path.parent)
        # Nobody else holds the data directory: what is unfinished now stays unfinished.
        for path in self._unfinished.iterdir():
            path.unlink()

    def keep(self, content: bytes) -> bytes:
        """Store the content durably, if it is not there already, and return its SHA-256.

        A file that is there and was damaged since is replaced: the good content is at hand.
        Of a content that is held nothing is done.
        """
        with self._gate:
            ready = self._ready.get(id(content))
        if ready is not None:
            return ready[1]
        digest = hashlib.sha256(content).digest()
        self._keep(content, digest)
        return digest

    def _keep(self, content: bytes, digest: bytes) -> None:
        target = self._path(digest)
        if not _holds(target, content):
            for parent in (target.parent.parent, target.parent):
                parent.mkdir(mode=0o700, exist_ok=True)
                # Also when it was there: it may have been made just before a crash.
                _sync_directory(parent.parent)
            self._write(target, content)
        # Also when it was there: whoever renamed it may not have come to this line yet.
        _sync_directory(target.parent)

    def hold(self, content: bytes) -> bytes:
        """Like :meth:`keep`, and nobody removes the file until :meth:`release` as often."""
        digest = hashlib.sha256(content).digest()
        with self._gate:
            self._held[digest] += 1
        try:
            self._keep(content, digest)
        except BaseException:
            self.release(digest)
            raise
        with self._gate:
            self._ready[id(content)] = (content, digest)
        return digest

    def release(self, digest: bytes) -> None:
        """Hold a file once less."""
        with self._gate:
            self._held[digest] -= 1
            if self._held[digest] <= 0:
                del self._held[digest]
                self._ready = {key: one for key, one in self._ready.items() if one[1] != digest}

    def remove(self, digest: bytes) -> None:
        """Remove a file to which no row refers, unless somebody holds it.

        Only for who writes the rows: nobody else knows that none is about to refer to it.
        """
        # Under the lock: who begins to hold it after this writes it anew.
        with self._gate:
            if digest not in self._held:
                with suppress(FileNotFoundError):
                    self._path(digest).unlink()

    def sweep(self, referred: Callable[[bytes], bool]) -> int:
        """Remove old files to which no row refers, and return how many; before the first write.

        Args:
            referred: tells whether a row refers to the file with this SHA-256.
        """
        removed = 0
        oldest = time.time() - SWEPT_FROM_AGE
        for _, path in zip(range(SWEPT_AT_ONCE), self._files(), strict=False):
            # Not when it was written: a copy may say the same of that.
            if _NAME.fullmatch(path.name) and path.stat().st_ctime < oldest:
                digest = bytes.fromhex(path.name)
                if not referred(digest):
                    path.unlink()
                    removed += 1
        return removed

    def load(self, digest: bytes, size: int) -> bytes:
        """Return the content with this SHA-256.

        Raises:
            PayloadDamaged: the file is missing, or is not what was stored.
        """
        running, whole = hashlib.sha256(), BytesIO()
        try:
            with self._path(digest).open("rb", buffering=0) as file:
                # In pieces: other threads come in between, also on one core.
                while piece := file.read(_PIECE):
                    running.update(piece)
                    whole.write(piece)
        except FileNotFoundError as error:
            raise PayloadDamaged(f"payload {digest.hex()} is missing: restore it") from error
        content = whole.getvalue()
        if len(content) != size or running.digest() != digest:
            raise _damaged(digest)
        return content

    def _files(self) -> Iterator[Path]:
        """Go through all files from a place that is another at every start."""
        shards = _shards(self._directory)
        first = random.randrange(len(shards) or 1)  # noqa: S311, spread and no secret
        for shard in (*shards[first:], *shards[:first]):
            for part in _shards(shard):
                yield from part.iterdir()

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
        raise _damaged(digest)


def _damaged(digest: bytes) -> PayloadDamaged:
    return PayloadDamaged(f"payload {digest.hex()} is not what was stored: restore it")


def _shards(directory: Path) -> list[Path]:
    return [path for path in directory.iterdir() if _SHARD.fullmatch(path.name)]


def _holds(path: Path, content: bytes) -> bool:
    try:
        if path.stat().st_size != len(content):
            return False
        with path.open("rb") as file:
            # In pieces: a second whole would take its memory, and to compare it the interpreter.
            pieces = range(0, len(content), _PIECE)
            return all(file.read(_PIECE) == content[at : at + _PIECE] for at in pieces)
    except FileNotFoundError:
        return False


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
