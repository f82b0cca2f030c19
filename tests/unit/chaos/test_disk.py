"""The disk that forgets: what is kept is what was synced, under names that were synced."""

import random
import struct
from pathlib import Path, PurePath

import pytest

from chaos.disk import Disk, Operation, operations

ROOT = Path("/recorded")


def after(
    target: Path, *operations: tuple[str, str, bytes, int], chance: random.Random | None = None
) -> dict[str, bytes]:
    disk = Disk(ROOT)
    for moment, (kind, name, data, offset) in enumerate(operations):
        path = ROOT / name if name else ROOT
        disk.apply(Operation(kind, PurePath(path), data, offset, moment, moment + 0.5))
    disk.after_loss(target, chance)
    files = (path for path in target.rglob("*") if path.is_file())
    return {str(path.relative_to(target)): path.read_bytes() for path in files}


CREATED = ("c", "file", b"", 0)
WRITTEN = ("w", "file", b"content", 0)
SYNCED = ("s", "file", b"", 0)
NAMED = ("s", "", b"", 0)


def test_what_was_synced_is_kept(tmp_path: Path) -> None:
    assert after(tmp_path, CREATED, WRITTEN, SYNCED, NAMED) == {"file": b"content"}


def test_what_was_not_synced_is_not(tmp_path: Path) -> None:
    more = ("w", "file", b"CON and more", 0)
    assert after(tmp_path, CREATED, WRITTEN, SYNCED, NAMED, more) == {"file": b"content"}


def test_a_name_needs_its_directory_synced(tmp_path: Path) -> None:
    assert after(tmp_path, CREATED, WRITTEN, SYNCED) == {}
    assert after(tmp_path, CREATED, WRITTEN, NAMED) == {"file": b""}


def test_a_write_during_a_sync_is_not_covered_by_it(tmp_path: Path) -> None:
    disk = Disk(ROOT)
    path = PurePath(ROOT / "file")
    for one in (
        Operation("c", path, b"", 0, 0, 0.1),
        Operation("w", path, b"early", 0, 0.2, 0.3),
        Operation("w", path, b"LATE!", 0, 0.5, 0.6),
        Operation("s", path, b"", 0, 0.4, 0.7),
        Operation("s", PurePath(ROOT), b"", 0, 0.8, 0.9),
    ):
        disk.apply(one)
    disk.after_loss(tmp_path, None)
    assert (tmp_path / "file").read_bytes() == b"early"


def test_a_renamed_file_has_its_old_name_until_the_directory_was_synced(tmp_path: Path) -> None:
    renamed = ("r", "file", str(ROOT / "other").encode(), 0)
    before, later = tmp_path / "before", tmp_path / "later"
    before.mkdir()
    later.mkdir()
    done = (CREATED, WRITTEN, SYNCED, NAMED, renamed)
    assert after(before, *done) == {"file": b"content"}
    assert after(later, *done, NAMED) == {"other": b"content"}


def test_a_directory_needs_the_one_above_synced(tmp_path: Path) -> None:
    inside = (
        ("d", "part", b"", 0),
        ("c", "part/file", b"", 0),
        ("w", "part/file", b"x", 0),
        ("s", "part/file", b"", 0),
        ("s", "part", b"", 0),
    )
    assert after(tmp_path, *inside) == {}
    assert after(tmp_path, *inside, NAMED) == {"part/file": b"x"}


def test_links_unlinks_and_sizes(tmp_path: Path) -> None:
    assert after(
        tmp_path,
        *(CREATED, WRITTEN, ("t", "file", b"", 3), ("w", "file", b"!", 5), SYNCED),
        *(("l", "file", str(ROOT / "second").encode(), 0), ("u", "file", b"", 0), NAMED),
    ) == {"second": b"con\0\0!"}


def test_the_index_of_shared_memory_is_left_out(tmp_path: Path) -> None:
    name = "digipoort.db-shm"
    done = (("c", name, b"", 0), ("w", name, b"x", 0), ("s", name, b"", 0), NAMED)
    assert after(tmp_path, *done) == {}


@pytest.mark.parametrize("seed", range(5))
def test_chance_keeps_some_of_the_rest_and_never_less_than_is_safe(
    tmp_path: Path, seed: int
) -> None:
    pages = [("w", "file", bytes([65 + number]) * 4096, number * 4096) for number in range(20)]
    safe, rest = pages[:10], pages[10:]
    found = after(tmp_path, CREATED, *safe, SYNCED, NAMED, *rest, chance=random.Random(seed))[
        "file"
    ]
    assert found.startswith(b"".join(page for _, _, page, _ in safe))
    tail = found[10 * 4096 :]
    assert 0 < sum(byte != 0 for byte in tail) < 10 * 4096


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    recording = tmp_path / "writes"
    head = struct.pack("=BIIqdd", ord("w"), 5, 3, 7, 1.0, 2.0)
    recording.write_bytes((head + b"/file" + b"abc") * 2)
    assert (
        list(operations(recording)) == [Operation("w", PurePath("/file"), b"abc", 7, 1.0, 2.0)] * 2
    )
