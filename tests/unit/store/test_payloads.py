import hashlib
import stat
from pathlib import Path

import pytest

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
