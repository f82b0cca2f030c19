import hashlib
import stat
from pathlib import Path

import pytest

from digipoort_wus.store import payloads
from digipoort_wus.store.payloads import PayloadFiles, check_payload
from digipoort_wus.store.ports import PayloadDamaged

CONTENT = b"inhoud" * 50_000


def only_file(directory: Path) -> Path:
    (found,) = (path for path in directory.rglob("*") if path.is_file())
    return found


def test_a_payload_is_kept_under_its_hash_once(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    digest = files.keep(CONTENT)
    assert digest == hashlib.sha256(CONTENT).digest()
    assert files.keep(CONTENT) == digest
    path = only_file(tmp_path)
    assert path.name == digest.hex()
    assert files.load(digest, len(CONTENT)) == CONTENT


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    PayloadFiles(tmp_path / "payloads").keep(CONTENT)
    for path in (tmp_path / "payloads").rglob("*"):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected


@pytest.mark.parametrize("damage", [CONTENT[:-1] + b"X", CONTENT[:-1], b""])
def test_damage_is_noticed(tmp_path: Path, damage: bytes) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    digest = files.keep(CONTENT)
    only_file(tmp_path).write_bytes(damage)
    with pytest.raises(PayloadDamaged):
        files.load(digest, len(CONTENT))


def test_another_length_is_noticed(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    digest = files.keep(CONTENT)
    with pytest.raises(PayloadDamaged, match="not what was stored"):
        files.load(digest, len(CONTENT) + 1)


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    digest = files.keep(CONTENT)
    only_file(tmp_path).unlink()
    with pytest.raises(PayloadDamaged, match="missing"):
        files.load(digest, len(CONTENT))


def test_a_truncated_file_is_replaced_when_the_payload_comes_again(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    digest = files.keep(CONTENT)
    only_file(tmp_path).write_bytes(b"")
    files.keep(CONTENT)
    assert files.load(digest, len(CONTENT)) == CONTENT


def test_what_is_unfinished_is_removed_at_the_start(tmp_path: Path) -> None:
    PayloadFiles(tmp_path / "payloads")
    unfinished = tmp_path / "payloads" / "tmp" / "abc"
    unfinished.write_bytes(b"half")
    PayloadFiles(tmp_path / "payloads")
    assert not unfinished.exists()


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = PayloadFiles(tmp_path / "payloads")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.keep(CONTENT)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_check_compares_length_and_hash() -> None:
    digest = hashlib.sha256(b"a").digest()
    check_payload(b"a", digest, 1)
    with pytest.raises(PayloadDamaged):
        check_payload(b"b", digest, 1)


def test_a_damaged_file_is_replaced_when_the_payload_comes_again(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    digest = files.keep(CONTENT)
    only_file(tmp_path).write_bytes(b"\0" * 100 + CONTENT[100:])
    assert files.keep(CONTENT) == digest
    assert files.load(digest, len(CONTENT)) == CONTENT


@pytest.mark.parametrize("at", [0, payloads._PIECE - 1, payloads._PIECE, 3 * payloads._PIECE])
def test_damage_is_noticed_wherever_it_is(tmp_path: Path, at: int) -> None:
    content = bytes(3 * payloads._PIECE + 1)
    files = PayloadFiles(tmp_path / "payloads")
    digest = files.keep(content)
    only_file(tmp_path).write_bytes(content[:at] + b"x" + content[at + 1 :])
    assert files.keep(content) == digest
    assert files.load(digest, len(content)) == content


# --- What nobody refers to ------------------------------------------------------------


def test_what_is_held_is_not_removed(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    digest = files.hold(CONTENT)
    assert files.hold(CONTENT) == digest
    files.remove(digest)
    files.release(digest)
    files.remove(digest)
    assert files.load(digest, len(CONTENT)) == CONTENT
    files.release(digest)
    files.remove(digest)
    files.remove(digest)
    with pytest.raises(PayloadDamaged, match="missing"):
        files.load(digest, len(CONTENT))


def test_what_is_held_is_not_written_again(tmp_path: Path) -> None:
    """The writer of rows keeps it once more, and everybody waits for the writer."""
    files = PayloadFiles(tmp_path / "payloads")
    digest = files.hold(CONTENT)
    files.hold(CONTENT)
    files.release(digest)
    only_file(tmp_path).unlink()
    assert files.keep(CONTENT) == digest
    with pytest.raises(PayloadDamaged, match="missing"):
        files.load(digest, len(CONTENT))
    files.keep(bytes(bytearray(CONTENT)))
    assert files.load(digest, len(CONTENT)) == CONTENT
    only_file(tmp_path).unlink()
    files.release(digest)
    files.keep(CONTENT)
    assert files.load(digest, len(CONTENT)) == CONTENT


def test_what_could_not_be_written_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", _full)
        with pytest.raises(OSError, match="full"):
            files.hold(CONTENT)
    digest = files.keep(CONTENT)
    files.remove(digest)
    with pytest.raises(PayloadDamaged, match="missing"):
        files.load(digest, len(CONTENT))


def _full(_: int) -> None:
    raise OSError("the disk is full")


def test_a_sweep_takes_what_is_old_and_not_referred_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    digests = [files.keep(CONTENT + bytes([number])) for number in range(20)]
    stranger = tmp_path / "payloads" / digests[0].hex()[:2] / digests[0].hex()[2:4] / "README"
    stranger.write_bytes(b"")
    (tmp_path / "payloads" / "lost+found").mkdir()
    referred = frozenset(digests[:5])
    assert files.sweep(referred.__contains__) == 0
    monkeypatch.setattr(payloads, "SWEPT_FROM_AGE", -60.0)
    assert files.sweep(referred.__contains__) == 15
    assert {path.name for path in (tmp_path / "payloads").rglob("*") if path.is_file()} == {
        *(digest.hex() for digest in referred),
        "README",
    }


def test_a_sweep_looks_at_so_many_files_and_in_the_end_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = PayloadFiles(tmp_path / "payloads")
    for number in range(20):
        files.keep(CONTENT + bytes([number]))
    monkeypatch.setattr(payloads, "SWEPT_FROM_AGE", -60.0)
    monkeypatch.setattr(payloads, "SWEPT_AT_ONCE", 8)
    assert [files.sweep(lambda _: False) for _ in range(4)] == [8, 8, 4, 0]
