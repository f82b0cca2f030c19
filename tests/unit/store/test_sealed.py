import hashlib
import io
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.store import sealed as module
from digipoort_wus.store.sealed import HEADER_SIZE, open_sealed, seal, sealed_size
from digipoort_wus.store.values import PayloadDamaged

KEY = bytes(range(32))
SMALL = 16
"""Octets of a chunk in these tests, so that every octet of a file can be changed."""
SEALED_SMALL = SMALL + 16
CONTENT = bytes(range(200, 240))


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", SMALL)
        yield


def sealed(content: bytes, key: bytes = KEY) -> bytes:
    out = io.BytesIO()
    seal(io.BytesIO(content), key, out.write)
    return out.getvalue()


def opened(stored: bytes, size: int, key: bytes = KEY) -> bytes:
    with open_sealed(io.BytesIO(stored), key, size) as file:
        return file.read()


def decoded(stored: bytes, key: bytes) -> bytes:
    """Open a file as docs/adr/0016-a-key-for-each-payload.md describes it, by other means."""
    header, rest = stored[:20], stored[20:]
    assert header[:8] == b"DPWSEAL1"
    assert header[19] == 0
    size, prefix = int.from_bytes(header[8:12], "big"), header[12:19]
    chunks = [rest[at : at + size + 16] for at in range(0, len(rest), size + 16)]
    content = b""
    for number, chunk in enumerate(chunks):
        final = b"\x01" if number == len(chunks) - 1 else b"\x00"
        nonce = prefix + number.to_bytes(4, "big") + final
        decryptor = Cipher(algorithms.AES(key), modes.GCM(nonce, chunk[-16:])).decryptor()
        decryptor.authenticate_additional_data(header)
        content += decryptor.update(chunk[:-16]) + decryptor.finalize()
    return content


def encoded(content: bytes, key: bytes, prefix: bytes, size: int) -> bytes:
    """Seal as the same description says."""
    header = b"DPWSEAL1" + size.to_bytes(4, "big") + prefix + b"\x00"
    parts = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
    stored = header
    for number, part in enumerate(parts):
        final = b"\x01" if number == len(parts) - 1 else b"\x00"
        nonce = prefix + number.to_bytes(4, "big") + final
        encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(header)
        stored += encryptor.update(part) + encryptor.finalize() + encryptor.tag
    return stored


SIZES = [0, 1, SMALL - 1, SMALL, SMALL + 1, 2 * SMALL, 2 * SMALL + 1, 40]


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_can_be_opened(size: int) -> None:
    content = bytes(range(size))
    stored = sealed(content)
    assert len(stored) == sealed_size(size, SMALL)
    assert opened(stored, size) == content
    assert size < SMALL or content[:SMALL] not in stored


@pytest.mark.parametrize("size", SIZES)
def test_the_format_is_the_one_that_is_described(size: int) -> None:
    content = bytes(range(size))
    assert decoded(sealed(content), KEY) == content
    assert opened(encoded(content, KEY, b"\x05" * 7, 10), size) == content


def test_a_file_of_this_version_stays_readable() -> None:
    stored = (
        "44505753 45414c31 00000010 01020304 050607 00"
        "36a7772034646f7f5922d94c920cc85efc5168caf54f005ca1294bba10d0aed5"
        "e7db3b3daf17af519dca0a35617b6f03b77a"
    )
    assert opened(bytes.fromhex(stored), 18, bytes(32)) == b"inhoud van vroeger"


def test_what_was_written_is_described() -> None:
    out = io.BytesIO()
    found = seal(io.BytesIO(CONTENT), KEY, out.write)
    assert found.size == len(CONTENT)
    assert found.sha256 == hashlib.sha256(out.getvalue()).digest()


def test_the_same_content_is_never_sealed_alike() -> None:
    one, other = sealed(CONTENT), sealed(CONTENT)
    assert one[HEADER_SIZE:] != other[HEADER_SIZE:]


def test_another_key_opens_nothing() -> None:
    with pytest.raises(PayloadDamaged):
        opened(sealed(CONTENT), len(CONTENT), bytes(32))


def test_every_octet_counts() -> None:
    stored = sealed(CONTENT)
    for at in range(len(stored)):
        for change in (1, 0x80, 0xFF):
            changed = bytearray(stored)
            changed[at] ^= change
            with pytest.raises(PayloadDamaged):
                opened(bytes(changed), len(CONTENT))


def test_an_end_that_was_cut_off_is_noticed() -> None:
    stored = sealed(CONTENT)
    for at in range(len(stored)):
        with pytest.raises(PayloadDamaged):
            opened(stored[:at], len(CONTENT))


def test_an_end_that_was_cut_off_everywhere_is_noticed() -> None:
    """The row was changed with the file, so that their lengths agree."""
    stored = sealed(CONTENT)
    for size in range(len(CONTENT)):
        with pytest.raises(PayloadDamaged):
            opened(stored[: sealed_size(size, SMALL)], size)


@pytest.mark.parametrize("content", [CONTENT, CONTENT[: 2 * SMALL], b""])
@pytest.mark.parametrize("more", [b"\0", b"x" * SEALED_SMALL])
def test_what_was_added_is_noticed(content: bytes, more: bytes) -> None:
    stored = sealed(content) + more
    for size in (len(content), len(content) + len(more), len(content) + len(more) - 16):
        if size >= 0:
            with pytest.raises(PayloadDamaged):
                opened(stored, size)


def chunks_of(stored: bytes) -> list[bytes]:
    return [stored[at : at + SEALED_SMALL] for at in range(HEADER_SIZE, len(stored), SEALED_SMALL)]


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "swapped": lambda chunks: [chunks[1], chunks[0], *chunks[2:]],
    "last first": lambda chunks: [chunks[-1], *chunks[:-1]],
    "doubled": lambda chunks: [chunks[0], chunks[0], *chunks[1:]],
    "left out": lambda chunks: [chunks[0], *chunks[2:]],
    "first left out": lambda chunks: chunks[1:],
    "last left out": lambda chunks: chunks[:-1],
    "last twice": lambda chunks: [*chunks, chunks[-1]],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_chunks_stay_where_they_were(change: Callable[[list[bytes]], list[bytes]]) -> None:
    content = bytes(3 * SMALL)
    stored = sealed(content)
    chunks = change(chunks_of(stored))
    with pytest.raises(PayloadDamaged):
        opened(stored[:HEADER_SIZE] + b"".join(chunks), SMALL * len(chunks))


def test_chunks_of_another_file_are_noticed_under_the_same_key() -> None:
    one, other = sealed(CONTENT), sealed(CONTENT)
    for at in range(len(chunks_of(one))):
        mixed = [*chunks_of(one)]
        mixed[at] = chunks_of(other)[at]
        with pytest.raises(PayloadDamaged):
            opened(one[:HEADER_SIZE] + b"".join(mixed), len(CONTENT))


@given(content=st.binary(max_size=100), data=st.data())
def test_no_edit_of_a_file_is_ever_read(content: bytes, data: st.DataObject) -> None:
    stored = sealed(content)
    changed = bytearray(stored)
    for _ in range(data.draw(st.integers(1, 3))):
        start, end = sorted(data.draw(st.integers(0, len(changed))) for _ in range(2))
        new = data.draw(st.one_of(st.binary(max_size=40), st.just(stored[start : 2 * end])))
        changed[start:end] = new
    size = data.draw(st.sampled_from([len(content), max(0, len(changed) - 36), len(changed)]))
    if bytes(changed) != stored:
        with pytest.raises(PayloadDamaged):
            opened(bytes(changed), size)


@pytest.mark.parametrize(
    "header", [b"", b"<xml/>", b"DPWSEAL2" + bytes(12), b"DPWSEAL1" + b"\xff" * 12]
)
def test_what_is_no_sealed_file(header: bytes) -> None:
    with pytest.raises(PayloadDamaged, match="in no format"):
        opened(header + bytes(100), 10)


def test_nothing_is_yielded_that_was_not_authenticated() -> None:
    stored = bytearray(sealed(CONTENT))
    stored[-1] ^= 1
    with open_sealed(io.BytesIO(stored), KEY, len(CONTENT)) as file:
        assert file.read(2 * SMALL) == CONTENT[: 2 * SMALL]
        for _ in range(2):
            with pytest.raises(PayloadDamaged):
                file.read(1)


def test_the_end_is_only_told_when_it_was_found_to_be_one() -> None:
    stored = bytearray(sealed(CONTENT))
    stored[-1] ^= 1
    with open_sealed(io.BytesIO(stored), KEY, len(CONTENT)) as file:
        file.seek(0, io.SEEK_END)
        with pytest.raises(PayloadDamaged):
            file.read()


def test_a_file_that_shrinks_under_the_reader_is_noticed(tmp_path: Path) -> None:
    content = bytes(100 * SMALL)
    path = tmp_path / "sealed"
    path.write_bytes(sealed(content))
    with open_sealed(path.open("rb", buffering=0), KEY, len(content)) as file:
        file.read(SMALL)
        with path.open("rb+") as same:
            same.truncate(sealed_size(50 * SMALL, SMALL))
        with pytest.raises(PayloadDamaged):
            file.read()


@given(
    content=st.binary(max_size=100),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("read"), st.integers(0, 60), st.just(0)),
            st.tuples(st.just("seek"), st.integers(0, 120), st.just(io.SEEK_SET)),
            st.tuples(st.just("seek"), st.integers(0, 30), st.just(io.SEEK_CUR)),
            st.tuples(st.just("seek"), st.integers(0, 5), st.just(io.SEEK_END)),
        ),
        max_size=12,
    ),
)
def test_it_reads_like_any_file(content: bytes, steps: list[tuple[str, int, int]]) -> None:
    model = io.BytesIO(content)
    with open_sealed(io.BytesIO(sealed(content)), KEY, len(content)) as file:
        for name, number, whence in steps:
            if name == "read":
                assert file.read(number) == model.read(number)
            else:
                assert file.seek(number, whence) == model.seek(number, whence)
            assert file.tell() == model.tell()
        assert file.read() == model.read()


def test_there_is_nothing_before_the_start() -> None:
    file = open_sealed(io.BytesIO(sealed(CONTENT)), KEY, len(CONTENT))
    with file, pytest.raises(ValueError, match="before the start"):
        file.seek(-41, io.SEEK_END)


class Dripping(io.RawIOBase):
    """Gives an octet or two at a time, as a pipe may."""

    def __init__(self, content: bytes) -> None:
        self._left = content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        part, self._left = self._left[:2], self._left[2:]
        memoryview(buffer).cast("B")[: len(part)] = part  # type: ignore[arg-type]
        return len(part)


def test_a_source_may_give_less_than_it_is_asked_for() -> None:
    out = io.BytesIO()
    seal(Dripping(CONTENT), KEY, out.write)  # type: ignore[arg-type]
    assert decoded(out.getvalue(), KEY) == CONTENT
    with open_sealed(io.BytesIO(out.getvalue()), KEY, len(CONTENT)) as file:
        assert file.read() == CONTENT


def test_a_closed_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "sealed"
    path.write_bytes(sealed(CONTENT))
    stored = path.open("rb", buffering=0)
    file = open_sealed(stored, KEY, len(CONTENT))
    file.close()
    file.close()
    assert stored.closed
    with pytest.raises(ValueError, match="closed"):
        file.read()


class Zeros(io.RawIOBase):
    """Many octets that are nowhere."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        size = min(len(view), self._left)
        view[:size] = bytes(size)
        self._left -= size
        return size


def test_memory_does_not_grow_with_the_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 65_536)
    size, path = 20 * 1024 * 1024, tmp_path / "sealed"
    tracemalloc.start()
    try:
        with path.open("wb") as out:
            seal(Zeros(size), KEY, out.write)  # type: ignore[arg-type]
        total = 0
        with open_sealed(path.open("rb", buffering=0), KEY, size) as file:
            while piece := file.read(65_536):
                total += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == size
    assert path.stat().st_size == sealed_size(size, 65_536)
    assert peak < 1_000_000


def test_the_oracle_refuses_too() -> None:
    stored = bytearray(sealed(CONTENT))
    stored[HEADER_SIZE] ^= 1
    with pytest.raises(InvalidTag):
        decoded(bytes(stored), KEY)
