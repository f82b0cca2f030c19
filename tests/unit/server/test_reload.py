"""The thread that reloads: on demand, on change, and never half."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.server.reload import Watch, stamp_of


class Desk:
    """Counts what the thread does; a test says how a reload goes."""

    def __init__(self) -> None:
        self.reloads = 0
        self.looks = 0
        self.failure: Exception | None = None

    def reload(self) -> None:
        self.reloads += 1
        if self.failure is not None:
            raise self.failure

    def look(self) -> None:
        self.looks += 1


@contextmanager
def watching(desk: Desk, *paths: Path, every: float = 0.02) -> Iterator[Watch]:
    watch = Watch(desk.reload, desk.look, paths, every)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()
    assert not any(thread.name == "trust-watch" for thread in threading.enumerate())


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_kind_of_change_is_seen(tmp_path: Path) -> None:
    folder, file = tmp_path / "crl", tmp_path / "x.pem"
    seen = [stamp_of([folder, file])]
    steps: list[Callable[[], object]] = [
        lambda: file.write_text("1"),
        lambda: file.write_text("22"),
        lambda: os.utime(file, (1, 1)),
        folder.mkdir,
        lambda: (folder / "a.crl").write_text("1"),
        lambda: (folder / "b.crl").write_text("1"),
        lambda: (folder / "b.crl").unlink(),
        # Same name, size and time: another file took its place.
        lambda: (tmp_path / "y").write_text("33"),
        lambda: os.utime(tmp_path / "y", (1, 1)),
        lambda: (tmp_path / "y").replace(file),
        file.unlink,
    ]
    for step in steps:
        step()
        seen.append(stamp_of([folder, file]))
    repeated = [number for number, (a, b) in enumerate(pairwise(seen)) if a == b]
    assert repeated == [7, 8]  # those two touched a file that is not watched
    assert stamp_of([folder, file]) == seen[-1]


def test_a_changed_file_is_loaded_once(tmp_path: Path) -> None:
    desk, file = Desk(), tmp_path / "x.pem"
    file.write_text("1")
    with watching(desk, file):
        until(lambda: desk.looks > 3)
        assert desk.reloads == 0
        file.write_text("22")
        until(lambda: desk.reloads == 1)
        looks = desk.looks
        until(lambda: desk.looks > looks + 3)
        assert desk.reloads == 1


def test_a_failed_reload_is_tried_again_when_the_file_changes(tmp_path: Path) -> None:
    desk, file = Desk(), tmp_path / "x.pem"
    desk.failure = ConfigurationError("Half a file.")
    with watching(desk, file):
        file.write_text("1")
        until(lambda: desk.reloads == 1)
        desk.failure = None
        file.write_text("22")
        until(lambda: desk.reloads == 2)


def test_files_need_not_be_watched(tmp_path: Path) -> None:
    desk, file = Desk(), tmp_path / "x.pem"
    with watching(desk, file, every=0) as watch:
        file.write_text("1")
        watch.soon().result(5)
        assert desk.reloads == 1
    assert desk.reloads == 1


def test_who_asked_learns_how_it_went(tmp_path: Path) -> None:
    desk = Desk()
    with watching(desk) as watch:
        assert watch.soon().result(5) is None
        for failure in (ConfigurationError("The key does not belong."), RuntimeError("a bug")):
            desk.failure = failure
            with pytest.raises(type(failure)):
                watch.soon().result(5)
        desk.failure = None
        assert watch.soon().result(5) is None
        assert not watch.soon().cancelled()
    assert desk.reloads == 5


def test_a_mistake_in_looking_ends_nothing() -> None:
    desk = Desk()

    def look() -> None:
        desk.looks += 1
        raise RuntimeError("a bug")

    watch = Watch(desk.reload, look, (), 0.02)
    watch.start()
    until(lambda: desk.looks > 2)
    assert watch.soon().result(5) is None
    watch.stop()


def test_what_was_never_started_stops() -> None:
    Watch(lambda: None, lambda: None, (), 1).stop()
