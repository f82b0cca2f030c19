import base64
import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store import keyfile
from digipoort_wus.store.keyfile import (
    Absent,
    add_key,
    make_key_ring,
    open_key_ring,
    read_key_ring,
    ring_file,
)
from digipoort_wus.store.secrets import key_ring, new_secret, ring_id, unwrap, wrap

KEYS = [bytes([number]) * 32 for number in range(3)]


def written(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def line(key: bytes) -> str:
    return base64.b64encode(key).decode() + "\n"


def test_the_first_key_is_the_current_one(tmp_path: Path) -> None:
    text = f"# keys\n\n{line(KEYS[0])}  {line(KEYS[1])}\r\n{line(KEYS[2])}"
    ring = read_key_ring(written(tmp_path / "ring", text))
    assert ring.current == ring_id(KEYS[0])
    assert set(ring.keys.values()) == set(KEYS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no key"),
        ("# nothing\n", "holds no key"),
        ("geheim!\n", "line 1 of the key ring .* is not 32 octets in base64"),
        (line(KEYS[0]) + line(KEYS[1][:31]), "line 2"),
        (line(KEYS[0])[:-2] + "*\n", "line 1"),
        (b"\xff\xfe\n", "line 1"),
        (line(KEYS[0]) * 2, "twice"),
        (b"\n" * 100_000, "too large"),
    ],
)
def test_what_is_no_key_ring(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_key_ring(written(tmp_path / "ring", content))
    assert "geheim" not in str(caught.value)
    assert line(KEYS[0]).strip() not in str(caught.value)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o660, 0o670])
def test_others_may_not_read_or_change_it(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "ring", line(KEYS[0]), mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_key_ring(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_group_may_read_what_root_owns(tmp_path: Path) -> None:
    path = written(tmp_path / "ring", line(KEYS[0]), 0o640)
    assert read_key_ring(path).current == ring_id(KEYS[0])
    os.chown(path, 1000, 1000)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_key_ring(path)


def test_no_ring_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    with pytest.raises(ConfigurationError, match="there is no key ring") as caught:
        read_key_ring(path)
    command = str(caught.value).split("`")[1]
    subprocess.run(["/bin/sh", "-c", command], check=True)
    assert len(read_key_ring(path).keys) == 1


def test_a_directory_is_no_ring(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read the key ring"):
        read_key_ring(tmp_path)


def test_a_sandbox_makes_its_own(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    ring = make_key_ring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["ring"]
    assert make_key_ring(path) == ring == read_key_ring(path)
    assert make_key_ring(tmp_path / "other") != ring


def test_a_ring_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot make the key ring"):
        make_key_ring(tmp_path / "missing" / "ring")


def test_who_is_late_gets_the_ring_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, start = tmp_path / "ring", threading.Barrier(8)
    rings = []
    line_of = keyfile._line

    def together(key: bytes) -> bytes:
        # All of them have found that there is none.
        start.wait()
        return line_of(key)

    monkeypatch.setattr(keyfile, "_line", together)
    threads = [threading.Thread(target=lambda: rings.append(make_key_ring(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rings) == 8
    assert len({ring.current for ring in rings}) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["ring"]


def test_a_new_key_goes_before_the_old_ones(tmp_path: Path) -> None:
    path = written(tmp_path / "ring", "# kept\n" + line(KEYS[0]), 0o400)
    secret = new_secret()
    kept = wrap(read_key_ring(path), secret)
    ring = add_key(path)
    assert ring == read_key_ring(path)
    assert ring.current not in (ring_id(KEYS[0]), wrap(key_ring(KEYS[0]), secret).ring)
    assert unwrap(ring, kept) == secret
    assert path.read_text().endswith("# kept\n" + line(KEYS[0]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert [file.name for file in tmp_path.iterdir()] == ["ring"]


def test_a_new_key_does_not_spoil_what_is_no_ring(tmp_path: Path) -> None:
    path = written(tmp_path / "ring", "geheim\n")
    with pytest.raises(ConfigurationError):
        add_key(path)
    assert path.read_text() == "geheim\n"


# --- A ring for a store ------------------------------------------------------------------


def test_an_empty_store_of_a_sandbox_gets_a_fresh_ring(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    ring = ring_file(path, Absent.MADE)(())
    assert ring_file(path, Absent.REFUSED)((ring.current,)) == ring


def test_production_makes_no_ring(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no key ring"):
        open_key_ring(tmp_path / "ring", (), absent=Absent.REFUSED)
    assert not (tmp_path / "ring").exists()


@pytest.mark.parametrize("absent", Absent)
def test_a_store_with_secrets_never_gets_a_fresh_ring(tmp_path: Path, absent: Absent) -> None:
    used = {ring_id(KEYS[1]), ring_id(KEYS[0])}
    with pytest.raises(ConfigurationError, match="put the key ring back") as caught:
        open_key_ring(tmp_path / "ring", used, absent=absent)
    assert f"keys {', '.join(sorted(used))}" in str(caught.value)
    assert not (tmp_path / "ring").exists()


@pytest.mark.parametrize("absent", Absent)
def test_another_ring_is_refused_by_the_names_of_what_it_lacks(
    tmp_path: Path, absent: Absent
) -> None:
    path = written(tmp_path / "ring", line(KEYS[0]))
    used = [ring_id(key) for key in KEYS]
    with pytest.raises(ConfigurationError, match="lacks keys") as caught:
        open_key_ring(path, used, absent=absent)
    assert used[0] not in str(caught.value)
    assert ", ".join(sorted(used[1:])) in str(caught.value)
    written(path, "".join(map(line, KEYS)))
    assert set(open_key_ring(path, used, absent=absent).keys) == set(used)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_ring_stays_its_owner_s_when_root_adds_a_key(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    make_key_ring(path)
    os.chown(path, 65_534, 65_534)
    path.chmod(0o400)
    add_key(path)
    about = path.stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (65_534, 65_534, 0o400)


def test_who_cannot_keep_the_owner_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ring"
    before = make_key_ring(path)

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refused)
    # As it looks to another user.
    monkeypatch.setattr(os.path, "samestat", lambda *_: True)
    found = os.fstat

    def another_s(descriptor: int) -> os.stat_result:
        fields = list(found(descriptor))
        if Path(f"/proc/self/fd/{descriptor}").readlink() != path:
            fields[4] += 1
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", another_s)
    with pytest.raises(ConfigurationError, match="another owner"):
        add_key(path)
    monkeypatch.undo()
    assert read_key_ring(path).keys == before.keys
    assert [item.name for item in tmp_path.iterdir()] == ["ring"]


def test_two_that_add_a_key_at_the_same_time_both_do(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    make_key_ring(path)
    threads = [threading.Thread(target=add_key, args=(path,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_key_ring(path).keys) == 17
