"""A disk that keeps what was synced, and of the rest what chance lets it: replays a recording.

The recording is what ``recorder.c`` wrote. The model is that of POSIX, and so harsher than
most file systems: contents are kept once the file was synced, names once their directory was.
What was not synced may be kept all the same, in any order, whole or torn at a sector.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

_HEAD = struct.Struct("=BIIqdd")
_SECTOR = 512
_LEFT_OUT = ("-shm",)
"""Endings of files that no one reads after a restart of the machine."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of a recording.

    Args:
        kind: c create, w write, t truncate, s sync, r rename, l link, u unlink, d make directory.
        path: of the file.
        data: what was written, or the other name.
        offset: where, or the size.
        before: moment at which it began.
        after: moment at which it had succeeded.
    """

    kind: str
    path: PurePath
    data: bytes
    offset: int
    before: float
    after: float


@dataclass(slots=True)
class _Content:
    """A file whatever its names are: what is safe, and what is not yet."""

    safe: bytearray = field(default_factory=bytearray)
    waiting: list[Operation] = field(default_factory=list)


def operations(recording: Path) -> Iterator[Operation]:
    """Yield what was recorded, in order."""
    octets, at = recording.read_bytes(), 0
    while at < len(octets):
        kind, path, data, offset, before, after = _HEAD.unpack_from(octets, at)
        at += _HEAD.size
        name = octets[at : at + path].decode()
        at += path
        yield Operation(chr(kind), PurePath(name), octets[at : at + data], offset, before, after)
        at += data


class Disk:
    """Goes along a recording; at any moment it can be asked what a loss of power leaves.

    Args:
        root: the directory that was recorded, whose own name is safe.
    """

    def __init__(self, root: Path) -> None:
        self._root = PurePath(root)
        self._names: dict[PurePath, _Content] = {}
        self._safe_names: dict[PurePath, _Content] = {}
        self._directories: set[PurePath] = {self._root}
        self._safe_directories: set[PurePath] = {self._root}

    def apply(self, one: Operation) -> None:
        """Take one more operation."""
        if one.path.name.endswith(_LEFT_OUT):
            return
        match one.kind:
            case "c":
                self._names[one.path] = _Content()
            case "w" | "t":
                self._content(one.path).waiting.append(one)
            case "s" if one.path in self._directories:
                self._sync_names(one.path)
            case "s":
                self._sync(self._content(one.path), one.before)
            case "r":
                self._names[self._other(one)] = self._names.pop(one.path)
            case "l":
                self._names[self._other(one)] = self._names[one.path]
            case "u":
                self._names.pop(one.path, None)
            case "d":
                self._directories.add(one.path)

    def after_loss(self, target: Path, chance: random.Random | None) -> None:
        """Write what a machine finds when its power comes back.

        Args:
            target: an empty directory that stands for the recorded one.
            chance: of what was not synced; None: nothing of it was kept.
        """
        for directory in sorted(self._safe_directories):
            if self._is_reachable(directory):
                (target / directory.relative_to(self._root)).mkdir(mode=0o700, exist_ok=True)
        for path, content in self._safe_names.items():
            if self._is_reachable(path.parent):
                kept = bytearray(content.safe)
                if chance is not None:
                    for one in content.waiting:
                        _perhaps(kept, one, chance)
                file = target / path.relative_to(self._root)
                file.write_bytes(kept)
                file.chmod(0o600)

    def _content(self, path: PurePath) -> _Content:
        # What was there before the recording began is safe.
        return self._names.setdefault(path, _Content())

    def _other(self, one: Operation) -> PurePath:
        return PurePath(one.data.decode())

    def _sync(self, content: _Content, began: float) -> None:
        """Make safe what was written before the sync began."""
        still: list[Operation] = []
        for one in content.waiting:
            if one.after <= began and not still:
                _write(content.safe, one)
            else:
                still.append(one)
        content.waiting = still

    def _sync_names(self, directory: PurePath) -> None:
        for path in [path for path in self._safe_names if path.parent == directory]:
            del self._safe_names[path]
        for path, content in self._names.items():
            if path.parent == directory:
                self._safe_names[path] = content
        self._safe_directories |= {d for d in self._directories if d.parent == directory}

    def _is_reachable(self, directory: PurePath) -> bool:
        while directory != self._root:
            if directory not in self._safe_directories:
                return False
            directory = directory.parent
        return True


def _perhaps(kept: bytearray, one: Operation, chance: random.Random) -> None:
    """Keep an operation, or not, or a part of it."""
    how = chance.random()
    if how < 0.4:
        _write(kept, one)
    elif how < 0.6 and one.kind == "w" and len(one.data) > _SECTOR:
        size = chance.randrange(0, len(one.data), _SECTOR)
        _write(kept, replace(one, data=one.data[:size]))


def _write(content: bytearray, one: Operation) -> None:
    if one.kind == "t":
        del content[one.offset :]
        content.extend(bytes(one.offset - len(content)))
        return
    content.extend(bytes(max(0, one.offset - len(content))))
    content[one.offset : one.offset + len(one.data)] = one.data
