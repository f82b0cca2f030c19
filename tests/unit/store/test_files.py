import hashlib
import io
import os
import stat
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from digipoort_wus.filing.content import Content, read_content, size_of
from digipoort_wus.store import files as module
from digipoort_wus.store.files import Holder, PayloadFiles, check_payload
from digipoort_wus.store.sealed import sealed_size
from digipoort_wus.store.values import PayloadDamaged

CONTENT = b"inhoud" * 50_000
KEY, OTHER_KEY = bytes(32), b"\1" * 32


@pytest.fixture
def files(tmp_path: Path) -> PayloadFiles:
    return PayloadFiles(tmp_path / "payloads")


def only_file(directory: Path) -> Path:
    (found,) = (path for path in directory.rglob("*") if path.is_file())
    return found


def legacy(directory: Path, content: bytes) -> bytes:
    """Put a file where version 3 of the store would have put it."""
    digest = hashlib.sha256(content).digest()
    name = digest.hex()
    path = directory / "payloads" / name[:2] / name[2:4] / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return digest


def test_a_payload_is_kept_under_the_hash_of_what_is_stored(
    files: PayloadFiles, tmp_path: Path
) -> None:
    kept = files.keep(CONTENT, KEY)
    path = only_file(tmp_path)
    stored = path.read_bytes()
    assert hashlib.sha256(stored).digest() == kept.sha256
    assert path.name == kept.sha256.hex()
    assert path.parent == tmp_path / "payloads" / path.name[:2] / path.name[2:4]
    assert kept.size == len(CONTENT)
    assert len(stored) == sealed_size(len(CONTENT))
    assert b"inhoud" not in stored


def test_a_payload_comes_back(files: PayloadFiles) -> None:
    kept = files.keep(CONTENT, KEY)
    found = files.open(kept.sha256, kept.size, KEY)
    assert found.size == size_of(found) == len(CONTENT)
    assert found.read() == read_content(found) == CONTENT
    for _ in range(2):
        with found.open() as file:
            assert file.read(6) == b"inhoud"
            assert file.seek(-6, io.SEEK_END) == len(CONTENT) - 6
            assert file.read() == b"inhoud"


def test_a_handle_can_be_kept_in_its_turn(files: PayloadFiles) -> None:
    first = files.keep(CONTENT, KEY)
    again = files.keep(files.open(first.sha256, first.size, KEY), OTHER_KEY)
    assert again.sha256 != first.sha256
    assert files.open(again.sha256, again.size, OTHER_KEY).read() == CONTENT


def test_equal_payloads_are_two_files(files: PayloadFiles) -> None:
    one, other = files.keep(CONTENT, KEY), files.keep(CONTENT, OTHER_KEY)
    files.remove(one.sha256)
    assert files.open(other.sha256, other.size, OTHER_KEY).read() == CONTENT


def test_only_the_owner_may_read(files: PayloadFiles, tmp_path: Path) -> None:
    files.keep(CONTENT, KEY)
    for path in (tmp_path / "payloads", *(tmp_path / "payloads").rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected


def test_no_key_is_shown(files: PayloadFiles) -> None:
    kept = files.keep(CONTENT, OTHER_KEY)
    assert repr(OTHER_KEY) not in repr(files.open(kept.sha256, kept.size, OTHER_KEY))


def test_damage_is_noticed_where_it_is(files: PayloadFiles, tmp_path: Path) -> None:
    kept = files.keep(CONTENT, KEY)
    stored = bytearray(only_file(tmp_path).read_bytes())
    stored[-1] ^= 1
    only_file(tmp_path).write_bytes(stored)
    found = files.open(kept.sha256, kept.size, KEY)
    with pytest.raises(PayloadDamaged, match=f"payload {kept.sha256.hex()} is not what was"):
        found.read()
    with pytest.raises(PayloadDamaged):
        files.check(kept.sha256)
    with found.open() as file:
        assert file.read(100) == CONTENT[:100]


def test_another_key_or_size_is_noticed(files: PayloadFiles) -> None:
    kept = files.keep(CONTENT, KEY)
    for size, key in ((kept.size, OTHER_KEY), (kept.size - 1, KEY), (kept.size, None)):
        with pytest.raises(PayloadDamaged):
            files.open(kept.sha256, size, key).read()


@pytest.mark.parametrize("damage", [b"", CONTENT])
def test_what_is_not_sealed_is_refused_under_a_key(
    files: PayloadFiles, tmp_path: Path, damage: bytes
) -> None:
    kept = files.keep(CONTENT, KEY)
    only_file(tmp_path).write_bytes(damage)
    with pytest.raises(PayloadDamaged):
        files.open(kept.sha256, kept.size, KEY).open()


def test_a_missing_file_is_noticed(files: PayloadFiles, tmp_path: Path) -> None:
    kept = files.keep(CONTENT, KEY)
    found = files.open(kept.sha256, kept.size, KEY)
    only_file(tmp_path).unlink()
    for attempt in (
        lambda: files.open(kept.sha256, kept.size, KEY),
        found.open,
        lambda: files.check(kept.sha256),
    ):
        with pytest.raises(PayloadDamaged, match="missing: restore it"):
            attempt()


def test_a_file_is_checked_without_its_key(files: PayloadFiles) -> None:
    files.check(files.keep(CONTENT, KEY).sha256)


# --- What version 3 stored ------------------------------------------------------------


def test_what_was_not_sealed_stays_readable(files: PayloadFiles, tmp_path: Path) -> None:
    digest = legacy(tmp_path, CONTENT)
    found = files.open(digest, len(CONTENT), None)
    assert found.read() == CONTENT
    files.check(digest)


@pytest.mark.parametrize("damage", [CONTENT[:-1] + b"X", CONTENT[:-1], b""])
def test_of_what_was_not_sealed_nothing_is_yielded_before_all_was_checked(
    files: PayloadFiles, tmp_path: Path, damage: bytes
) -> None:
    digest = legacy(tmp_path, CONTENT)
    only_file(tmp_path).write_bytes(damage)
    with pytest.raises(PayloadDamaged, match="not what was stored"):
        files.open(digest, len(CONTENT), None).open()


def test_check_compares_length_and_hash() -> None:
    digest = hashlib.sha256(b"a").digest()
    check_payload(b"a", digest, 1)
    for content, size in ((b"b", 1), (b"a", 2)):
        with pytest.raises(PayloadDamaged):
            check_payload(content, digest, size)


# --- Crashes and full disks -----------------------------------------------------------


def test_what_a_dead_process_left_unfinished_is_removed(tmp_path: Path) -> None:
    PayloadFiles(tmp_path / "payloads")
    unfinished = tmp_path / "payloads" / "tmp" / "abc"
    unfinished.write_bytes(b"half")
    PayloadFiles(tmp_path / "payloads", Holder.SHARED)
    assert unfinished.exists()
    PayloadFiles(tmp_path / "payloads")
    assert not unfinished.exists()


def test_where_others_write_only_what_is_old_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PayloadFiles(tmp_path / "payloads")
    unfinished = tmp_path / "payloads" / "tmp" / "abc"
    unfinished.write_bytes(b"half")
    PayloadFiles(tmp_path / "payloads", Holder.SHARED).sweep(lambda _: False)
    assert unfinished.exists()
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    PayloadFiles(tmp_path / "payloads", Holder.SHARED).sweep(lambda _: False)
    assert not unfinished.exists()


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.rename"])
def test_a_failed_write_leaves_nothing(
    files: PayloadFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(call, full)
    for keep in (files.keep, files.hold):
        with pytest.raises(OSError, match="No space"):
            keep(CONTENT, KEY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not files._held


def test_a_content_that_fails_halfway_leaves_nothing(files: PayloadFiles, tmp_path: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 100_000:
                raise PayloadDamaged("halfway")
            return super().read(size)

    class Handle:
        size = len(CONTENT)

        def open(self) -> io.BytesIO:
            return Failing(CONTENT)

        def read(self) -> bytes:
            raise NotImplementedError

    with pytest.raises(PayloadDamaged, match="halfway"):
        files.keep(Handle(), KEY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_is_durable_before_it_has_its_name(
    files: PayloadFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        assert str(path) in synced
        synced.append("renamed")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    files.keep(CONTENT, KEY)
    after = synced[synced.index("renamed") + 1 :]
    target = only_file(tmp_path).parent
    assert after == [str(target)]
    # The directories above it, too, before the file is in them.
    assert {str(target.parent), str(target.parent.parent)} < set(synced)


# --- What nobody refers to ------------------------------------------------------------


def is_there(files: PayloadFiles, digest: bytes) -> bool:
    try:
        files.check(digest)
    except PayloadDamaged:
        return False
    return True


def test_what_is_held_is_not_removed(files: PayloadFiles) -> None:
    digest = files.hold(CONTENT, KEY).sha256
    files.remove(digest)
    assert is_there(files, digest)
    files.release(digest)
    files.remove(digest)
    assert not is_there(files, digest)
    files.remove(digest)


def test_it_is_held_before_it_has_its_name(
    files: PayloadFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def removing(path: Path, target: Path) -> Path:
        found = rename(path, target)
        files.remove(bytes.fromhex(target.name))
        return found

    monkeypatch.setattr(Path, "rename", removing)
    assert is_there(files, files.hold(CONTENT, KEY).sha256)
    assert not is_there(files, files.keep(CONTENT, KEY).sha256)


def test_a_sweep_takes_what_is_old_and_not_referred_to(
    files: PayloadFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = [files.keep(CONTENT, KEY).sha256 for _ in range(20)]
    name = digests[0].hex()
    stranger = tmp_path / "payloads" / name[:2] / name[2:4] / "README"
    stranger.write_bytes(b"")
    (tmp_path / "payloads" / "lost+found").mkdir()
    referred = frozenset(digests[:5])
    monkeypatch.setattr(module, "REMOVED_AFTER", -60.0)
    assert [files.sweep(referred.__contains__) for _ in range(2)] == [0, 0]
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    assert [files.sweep(referred.__contains__) for _ in range(3)] == [0, 15, 0]
    assert {path.name for path in (tmp_path / "payloads").rglob("*") if path.is_file()} == {
        *(digest.hex() for digest in referred),
        "README",
    }


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make everything old, and every mark."""
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    monkeypatch.setattr(module, "REMOVED_AFTER", -60.0)


def test_what_is_left_over_is_marked_and_stays_for_a_week(
    files: PayloadFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever began with the wrong database has the time to notice it."""
    digests = [files.keep(CONTENT, KEY).sha256 for _ in range(3)]
    monkeypatch.setattr(module, "SWEPT_FROM_AGE", -60.0)
    assert [files.sweep(lambda _: False) for _ in range(3)] == [0, 0, 0]
    marks = tmp_path / "payloads" / "left-over"
    assert {path.name for path in marks.iterdir()} == {digest.hex() for digest in digests}
    # The right database is back: nothing of it is left over, and the week begins anew.
    assert files.sweep(lambda _: True) == 0
    assert [*marks.iterdir()] == []
    monkeypatch.setattr(module, "REMOVED_AFTER", -60.0)
    assert files.sweep(lambda _: False) == 0
    assert all(is_there(files, digest) for digest in digests)


def test_it_is_asked_again_before_anything_is_removed(
    files: PayloadFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = files.keep(CONTENT, KEY).sha256
    at_once(monkeypatch)
    files.sweep(lambda _: False)
    rows: set[bytes] = set()

    def committed_since(asked: bytes) -> bool:
        assert is_there(files, digest)
        rows.add(asked)
        return True

    assert files.sweep(committed_since) == 0
    assert rows == {digest}


def test_ages_are_counted_by_the_clock_of_the_file_system(
    files: PayloadFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock is years ahead takes nothing for old."""
    digest = files.keep(CONTENT, KEY).sha256
    for name in ("time", "time_ns"):
        monkeypatch.setattr(time, name, lambda: 4e9)
    assert [files.sweep(lambda _: False) for _ in range(2)] == [0, 0]
    monkeypatch.setattr(module, "REMOVED_AFTER", -60.0)
    assert files.sweep(lambda _: False) == 0
    assert is_there(files, digest)


def test_what_is_prepared_is_not_left_over(
    files: PayloadFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(monkeypatch)
    digest = files.hold(CONTENT, KEY).sha256
    assert [files.sweep(lambda _: False) for _ in range(2)] == [0, 0]

    def committed_meanwhile(_: bytes) -> bool:
        raise AssertionError("it is held: nobody needs to ask")

    assert files.sweep(committed_meanwhile) == 0
    assert is_there(files, digest)


def test_who_only_looks_makes_nothing(tmp_path: Path) -> None:
    looking = PayloadFiles(tmp_path / "payloads", Holder.LOOKING)
    assert looking.is_missing(bytes(32))
    assert not (tmp_path / "payloads").exists()


def test_a_sweep_of_files_ends_when_it_is_told_to(
    files: PayloadFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = files.keep(CONTENT, KEY).sha256
    at_once(monkeypatch)
    files.sweep(lambda _: False)
    assert files.sweep(lambda _: False, lambda: True) == 0
    assert is_there(files, digest)


def test_a_sweep_looks_at_so_many_files_and_in_the_end_at_all(
    files: PayloadFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        files.keep(CONTENT, KEY)
    at_once(monkeypatch)
    monkeypatch.setattr(module, "SWEPT_AT_ONCE", 8)
    assert [files.sweep(lambda _: False) for _ in range(5)] == [0, 8, 8, 4, 0]


def test_two_may_sweep_at_the_same_time(
    files: PayloadFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        files.keep(CONTENT, KEY)
    at_once(monkeypatch)
    files.sweep(lambda _: False)
    other = PayloadFiles(tmp_path / "payloads", Holder.SHARED)

    def swept_by_another(_: bytes) -> bool:
        other.sweep(lambda _: False)
        return False

    assert files.sweep(swept_by_another) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# --- Threads and memory ---------------------------------------------------------------


def test_many_threads_keep_and_read(files: PayloadFiles) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        content: Content = CONTENT + bytes([number])
        try:
            for _ in range(5):
                kept = files.keep(content, bytes([number]) * 32)
                content = files.open(kept.sha256, kept.size, bytes([number]) * 32)
            assert read_content(content) == CONTENT + bytes([number])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_memory_does_not_grow_with_a_handle(files: PayloadFiles) -> None:
    content = os.urandom(20 * 1024 * 1024)
    kept = files.keep(content, KEY)
    handle = files.open(kept.sha256, kept.size, KEY)
    tracemalloc.start()
    try:
        again = files.keep(handle, OTHER_KEY)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    assert files.open(again.sha256, again.size, OTHER_KEY).read() == content


def test_a_file_that_is_removed_can_still_be_read_by_who_opened_it(files: PayloadFiles) -> None:
    kept = files.keep(CONTENT, KEY)
    with files.open(kept.sha256, kept.size, KEY).open() as file:
        files.remove(kept.sha256)
        assert file.read() == CONTENT


def test_the_age_is_that_of_the_entry(files: PayloadFiles, tmp_path: Path) -> None:
    """A copy may say of a new file that it was written long ago."""
    files.keep(CONTENT, KEY)
    os.utime(only_file(tmp_path), (0, time.time() - 10 * module.SWEPT_FROM_AGE))
    assert files.sweep(lambda _: False) == 0
