"""New directories are durable, with every one above them that was made."""

import os
from pathlib import Path

import pytest

from digipoort_wus.store.directories import make_directory


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Give what is synced, as it happens."""
    paths: list[Path] = []
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        paths.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_each_name_is_synced(tmp_path: Path, synced: list[Path]) -> None:
    make_directory(tmp_path / "a" / "b" / "data")
    assert (tmp_path / "a" / "b" / "data").stat().st_mode & 0o777 == 0o700
    assert synced[:3] == [tmp_path / "a" / "b", tmp_path / "a", tmp_path]


def test_what_was_there_is_synced_as_well(tmp_path: Path, synced: list[Path]) -> None:
    """Who made it may have died between the two."""
    (tmp_path / "a" / "data").mkdir(parents=True)
    make_directory(tmp_path / "a" / "data")
    assert synced[:2] == [tmp_path / "a", tmp_path]


def test_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(OSError, match="file"):
            make_directory(path)
