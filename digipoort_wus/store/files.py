"""Large payloads as files that are named by the SHA-256 of what is stored in them.

A file is complete and durable before any row refers to it, so a crash leaves at most
a file that nobody refers to, never a row without its file. Such a file is swept away later:
one sweep marks it, and another removes it a week after that, unless a row refers to it by then.
Ages are counted by the clock of the file system, which dated the files, and never by that of this
machine. Measured: below about 128 kB a row is faster, above it a file is.

Files are sealed (:mod:`digipoort_wus.store.sealed`), each under a key of its own, so no
two have the same name. What version 3 of the store wrote is not sealed, and stays readable.
"""

import hashlib
import os
import random
import re
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path
from typing import BinaryIO, Literal

from digipoort_wus._crash import crash_point
from digipoort_wus.filing.content import Content, StoredContent, open_content
from digipoort_wus.store.directories import sync_directory
from digipoort_wus.store.sealed import CHUNK, Sealed, open_sealed, seal
from digipoort_wus.store.values import PayloadDamaged

IN_ROW_BELOW = 128 * 1024
"""Octets; from here on a payload is a file."""
SWEPT_AT_ONCE = 10_000
"""Files that are looked at in one sweep: a third of a second. The next begins elsewhere."""
SWEPT_FROM_AGE = 86_400.0
"""Seconds: what is younger may have been put there by somebody who is restoring a backup."""
REMOVED_AFTER = 604_800.0
"""Seconds between the mark of what is left over and its removal: a week to notice a mistake."""
_UNFINISHED, _LEFT_OVER = "tmp", "left-over"
_NAME = re.compile(r"[0-9a-f]{64}")
_SHARD = re.compile(r"[0-9a-f]{2}")


class Holder(Enum):
    """Who uses a directory of payloads."""

    ALONE = "alone"
    """This process: what it finds unfinished was left by a dead one."""
    SHARED = "shared"
    """Processes on several machines: what is unfinished may be another's work."""
    LOOKING = "looking"
    """Somebody else; this process only reads, and makes nothing."""


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """Implements :class:`~digipoort_wus.filing.content.StoredContent` for one file.

    Args:
        path: of the file.
        size: octets of the payload.
        key: under which it was sealed; None for one that is not.
        sha256: of the file.
    """

    path: Path
    size: int
    key: bytes | None = field(repr=False)
    sha256: bytes = field(repr=False)

    def open(self) -> BinaryIO:
        """Open the payload; reading raises PayloadDamaged where it is not what was stored."""
        try:
            file = FileIO(self.path)
        except FileNotFoundError as error:
            raise PayloadDamaged(f"payload {self.path.name} is missing: restore it") from error
        try:
            if self.key is not None:
                return open_sealed(file, self.key, self.size, f"payload {self.path.name}")
            _check_whole(file, self.sha256, self.size)
            file.seek(0)
            return BufferedReader(file, CHUNK)
        except BaseException:
            file.close()
            raise

    def read(self) -> bytes:
        """Return the whole payload."""
        whole = BytesIO()
        with self.open() as file:
            while piece := file.read(CHUNK):
                whole.write(piece)
        return whole.getvalue()


class PayloadFiles:
    """The files below one directory; safe to use from several threads.

    Args:
        directory: is created when it is missing, readable by its owner only.
        holder: who else uses it.
    """

    place: Literal["file"] = "file"

    def __init__(self, directory: Path, holder: Holder = Holder.ALONE) -> None:
        self._directory = directory
        self._holder = holder
        self._unfinished = directory / _UNFINISHED
        self._left_over = directory / _LEFT_OVER
        self._gate = threading.Lock()
        self._held: set[bytes] = set()
        if holder is Holder.LOOKING:
            return
        for path in (directory, self._unfinished, self._left_over):
            path.mkdir(mode=0o700, exist_ok=True)
            sync_directory(path.parent)
        if holder is Holder.ALONE:
            for path in self._unfinished.iterdir():
                path.unlink(missing_ok=True)

    def keep(self, content: Content, key: bytes) -> Sealed:
        """Seal and store the content durably, and return what names it and its size.

        Args:
            content: is read piece by piece.
            key: 32 octets, for this payload alone.
        """
        with self._sealed(content, key) as draft:
            self._place(draft)
            return draft.sealed

    def hold(self, content: Content, key: bytes) -> Sealed:
        """Like :meth:`keep`, and nobody removes the file until :meth:`release`."""
        with self._sealed(content, key) as draft:
            digest = draft.sealed.sha256
            with self._gate:
                self._held.add(digest)
            try:
                self._place(draft)
            except BaseException:
                self.release(digest)
                raise
            return draft.sealed

    def release(self, digest: bytes) -> None:
        """Hold a file no longer."""
        with self._gate:
            self._held.discard(digest)

    def remove(self, digest: bytes) -> bool:
        """Remove a file to which no row refers, unless somebody holds it; return whether.

        Only for who writes the rows: nobody else knows that none is about to refer to it.
        """
        with self._gate:
            if digest in self._held:
                return False
            crash_point("payload.before_remove")
            try:
                self._path(digest).unlink()
            except FileNotFoundError:
                return False
            return True

    def sweep(
        self, referred: Callable[[bytes], bool], stopping: Callable[[], bool] = lambda: False
    ) -> int:
        """Mark old files to which no row refers, remove those marked long ago; return how many.

        Args:
            referred: tells whether a row refers to the file with this SHA-256, of all that is
                committed when it is asked.
            stopping: is asked before each; when it says yes the rest is left.
        """
        now = self._now()
        if self._holder is Holder.SHARED:
            self._remove_unfinished(now - SWEPT_FROM_AGE)
        removed = self._remove_marked(now - REMOVED_AFTER, referred, stopping)
        for _, path in zip(range(SWEPT_AT_ONCE), self._files(), strict=False):
            if stopping():
                break
            mark = self._left_over / path.name
            # Another machine may sweep the same directory.
            with suppress(FileNotFoundError):
                # Not when it was written: a copy may say the same of that.
                old = is_digest(path.name) and path.stat().st_ctime < now - SWEPT_FROM_AGE
                if old and not mark.exists() and not self._needed(path.name, referred):
                    mark.touch(mode=0o600)
        return removed

    def _remove_unfinished(self, oldest: float) -> None:
        for draft in self._unfinished.iterdir():
            with suppress(FileNotFoundError):
                if draft.stat().st_ctime < oldest:
                    draft.unlink()

    def _remove_marked(
        self, oldest: float, referred: Callable[[bytes], bool], stopping: Callable[[], bool]
    ) -> int:
        """Remove what was marked before a time and is still left over; other marks go."""
        removed = 0
        for mark in self._left_over.iterdir():
            if stopping():
                break
            with suppress(FileNotFoundError):
                if not is_digest(mark.name):
                    continue
                digest = bytes.fromhex(mark.name)
                if self.is_missing(digest) or self._needed(mark.name, referred):
                    mark.unlink()
                elif mark.stat().st_ctime < oldest:
                    crash_point("sweep.before_remove")
                    removed += self.remove(digest)
                    mark.unlink()
        return removed

    def _needed(self, name: str, referred: Callable[[bytes], bool]) -> bool:
        """Return whether a file is referred to, or is about to be.

        In this order: what is no longer held has its row committed, or will never have one.
        """
        digest = bytes.fromhex(name)
        with self._gate:
            if digest in self._held:
                return True
        return referred(digest)

    def _now(self) -> float:
        """Return the time of the file system, which may be that of another machine."""
        with tempfile.TemporaryFile(dir=self._unfinished) as file:
            return os.fstat(file.fileno()).st_ctime

    def open(self, digest: bytes, size: int, key: bytes | None) -> StoredContent:
        """Return the payload in the file with this SHA-256; it is read when it is asked.

        Args:
            digest: of what is stored.
            size: of the payload.
            key: under which it was sealed; None for one of version 3, which is not.

        Raises:
            PayloadDamaged: there is no such file.
        """
        path = self._path(digest)
        if not path.exists():
            raise PayloadDamaged(f"payload {digest.hex()} is missing: restore it")
        return PayloadFile(path, size, key, digest)

    def is_missing(self, digest: bytes) -> bool:
        """Return whether there is no file with this SHA-256."""
        return not self._path(digest).exists()

    def check(self, digest: bytes) -> None:
        """Compare a file with its name, without the key: for who checks a backup.

        Raises:
            PayloadDamaged: the file is missing or is not what was stored.
        """
        try:
            with self._path(digest).open("rb", buffering=0) as file:
                _check_whole(file, digest, None)
        except FileNotFoundError as error:
            raise PayloadDamaged(f"payload {digest.hex()} is missing: restore it") from error

    def _sealed(self, content: Content, key: bytes) -> "_Draft":
        """Write a durable file that has no name yet."""
        draft = self._unfinished / secrets.token_hex(16)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb", CHUNK) as file, open_content(content) as source:
                sealed = seal(source, key, file.write)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        return _Draft(draft, sealed)

    def _place(self, draft: "_Draft") -> None:
        """Give a durable file its name, durably."""
        target = self._path(draft.sealed.sha256)
        for parent in (target.parent.parent, target.parent):
            parent.mkdir(mode=0o700, exist_ok=True)
            # Also when it was there: it may have been made just before a crash.
            sync_directory(parent.parent)
        crash_point("payload.before_rename")
        draft.path.rename(target)
        sync_directory(target.parent)
        crash_point("payload.after_rename")

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


@dataclass(frozen=True, slots=True)
class _Draft:
    """A file below ``tmp`` that is removed when it was given no name."""

    path: Path
    sealed: Sealed

    def __enter__(self) -> "_Draft":
        return self

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)


def is_digest(name: str) -> bool:
    """Return whether this is the name of a payload."""
    return _NAME.fullmatch(name) is not None


def check_payload(content: bytes, digest: bytes, size: int) -> None:
    """Compare a payload that is not sealed with what was stored.

    Raises:
        PayloadDamaged: length or SHA-256 differ.
    """
    if len(content) != size or hashlib.sha256(content).digest() != digest:
        raise _damaged(digest)


def _check_whole(file: BinaryIO, digest: bytes, size: int | None) -> None:
    """Compare a whole file with its hash, and its length with the one that is known."""
    found, octets = hashlib.sha256(), 0
    while piece := file.read(CHUNK):
        found.update(piece)
        octets += len(piece)
    if found.digest() != digest or size not in (None, octets):
        raise _damaged(digest)


def _damaged(digest: bytes) -> PayloadDamaged:
    return PayloadDamaged(f"payload {digest.hex()} is not what was stored: restore it")


def _shards(directory: Path) -> list[Path]:
    return [path for path in directory.iterdir() if _SHARD.fullmatch(path.name)]
