import array
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digipoort_wus.filing.content import read_content, size_of
from digipoort_wus.filing.party import Party
from digipoort_wus.rules import wire
from digipoort_wus.rules.engine import FileContent
from digipoort_wus.rules.subject import Enclosure, Envelope

SMALL = b"<x/>"
LARGE = bytes(range(256)) * 10_000
HEADER = b"dwr1"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def sent(
    pair: tuple[socket.socket, socket.socket], content: bytes, values: dict[str, object]
) -> wire.Frame:
    ours, theirs = pair
    parcel = wire.Parcel(content)
    thread = threading.Thread(target=wire.send, args=(ours, values, parcel))
    thread.start()
    frame = wire.receive(theirs)
    thread.join()
    parcel.close()
    assert frame is not None
    return frame


@pytest.mark.parametrize(
    "content", [b"", SMALL, LARGE[: wire.INLINE_MAX], LARGE[: wire.INLINE_MAX + 1], LARGE]
)
def test_a_document_comes_over(pair: tuple[socket.socket, socket.socket], content: bytes) -> None:
    before = descriptors()
    values: dict[str, object] = {"a": [1, None, "é\ud800"], "number": 3}
    frame = sent(pair, content, values)
    assert frame.values == values
    assert (frame.descriptor is None) is (len(content) <= wire.INLINE_MAX)
    assert size_of(frame.content) == len(content)
    # As often as somebody wants, from the start.
    assert [read_content(frame.content) for _ in range(2)] == [content] * 2
    if not isinstance(frame.content, bytes):
        with frame.content.open() as one, frame.content.open() as other:
            assert (one.read(5), other.read(3), one.read(3)) == (
                content[:5],
                content[:3],
                content[5:8],
            )
    if frame.descriptor is not None:
        os.close(frame.descriptor)
    assert descriptors() == before


def test_what_is_sent_can_be_changed_by_nobody(pair: tuple[socket.socket, socket.socket]) -> None:
    frame = sent(pair, LARGE, {})
    assert frame.descriptor is not None
    with pytest.raises(PermissionError):
        os.pwrite(frame.descriptor, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(frame.descriptor, 0)
    with pytest.raises(PermissionError):
        fcntl.fcntl(frame.descriptor, fcntl.F_ADD_SEALS, 0)
    os.close(frame.descriptor)


def test_a_stored_document_is_copied_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    parcel = wire.Parcel(FileContent(path, len(LARGE)))
    assert parcel.descriptor is not None
    assert wire.MemoryContent(parcel.descriptor, len(LARGE)).read() == LARGE
    parcel.close()
    parcel.close()


def test_a_document_that_cannot_be_read_leaves_no_descriptor(tmp_path: Path) -> None:
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        wire.Parcel(FileContent(tmp_path / "none", len(LARGE)))
    assert descriptors() == before


def test_the_end_of_the_other_side_is_no_error(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    ours.close()
    assert wire.receive(theirs) is None
    with pytest.raises(wire.WireError, match="gone"):
        wire.send(theirs, {})


def test_it_is_known_that_something_was_not_read(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    wire.send(ours, {})
    theirs.close()
    with pytest.raises(wire.Unheard):
        wire.receive(ours)
    with pytest.raises(wire.Unheard):
        wire.send(ours, {})


def test_who_does_not_answer_is_too_late(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    began = time.monotonic()
    with pytest.raises(wire.TooLate):
        wire.receive(theirs, began + 0.1)
    with pytest.raises(wire.TooLate):
        wire.receive(theirs, began)
    # One octet now and then is not an answer either.
    ours.sendall(HEADER[:1])
    with pytest.raises(wire.TooLate):
        wire.receive(theirs, time.monotonic() + 0.1)
    assert time.monotonic() - began < 5


def test_who_does_not_listen_is_too_late(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(wire.TooLate):
        wire.send(pair[0], {"a": "b" * 5_000_000}, deadline=time.monotonic() + 0.2)


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        HEADER,
        b"garbage" * 10,
        HEADER + b"\xff" * 9,
        HEADER + bytes([0, 0, 0, 2, 0, 0, 0, 1, 0]) + b"{}",
        HEADER + bytes([0, 0, 0, 2, 0, 0, 0, 0, 1]) + b"{}",
        HEADER + bytes([0, 0, 0, 2, 0, 0, 0, 0, 0]) + b"[]",
        HEADER + bytes([0, 0, 0, 2, 0, 0, 0, 0, 0]) + b"{]",
        HEADER + bytes([0, 0, 0, 0, 0, 0, 0, 0, 0]),
        HEADER + bytes([0, 1, 0x86, 0xA0, 0, 0, 0, 0, 0]) + b"[" * 100_000,
    ],
)
def test_what_is_no_frame_is_refused(
    pair: tuple[socket.socket, socket.socket], data: bytes
) -> None:
    ours, theirs = pair
    ours.sendall(data)
    ours.close()
    with pytest.raises(wire.WireError) as caught:
        wire.receive(theirs)
    assert "garbage" not in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.binary(max_size=200))
def test_whatever_comes_there_is_one_kind_of_error(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(HEADER + data)
        ours.close()
        try:
            frame = wire.receive(theirs)
        except wire.WireError:
            return
        assert frame is not None


@pytest.mark.parametrize("number", [1, 2, 20])
def test_files_that_were_not_asked_for_are_closed(
    pair: tuple[socket.socket, socket.socket], number: int
) -> None:
    ours, theirs = pair
    before = descriptors()
    said = b"{}"
    head = HEADER + len(said).to_bytes(4, "big") + bytes(4) + b"\0"
    files = array.array("i", [0] * number)
    ours.sendmsg([head + said], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
    with pytest.raises(wire.WireError):
        wire.receive(theirs)
    assert descriptors() == before


RECEIVED = datetime(2026, 1, 31, 23, 30, 0, 123_000, tzinfo=UTC)
ENVELOPE = Envelope(
    "Omzetbelasting",
    RECEIVED,
    Enclosure("a\udc80.xml", "text/xml", 4),
    Party("001000044B37", "BTW"),
    (Enclosure("b.pdf", "application/pdf", 5), Enclosure("", "", 0)),
    "0" * 20,
    "http://geenausp.nl",
)


@pytest.mark.parametrize(
    "envelope", [ENVELOPE, Envelope("", RECEIVED, Enclosure("a", "b", 0), None)]
)
def test_an_envelope_comes_over(envelope: Envelope) -> None:
    values = json.loads(json.dumps(wire.envelope_values(envelope)))
    assert wire.envelope_of(values) == envelope


@pytest.mark.parametrize("key", wire.envelope_values(ENVELOPE))
@pytest.mark.parametrize("value", [7, [7], [["a", "b"]], {"a": 1}])
def test_what_is_no_envelope_is_refused(key: str, value: object) -> None:
    with pytest.raises(wire.WireError):
        wire.envelope_of({**wire.envelope_values(ENVELOPE), key: value})
