"""What a gateway and its rule workers say to each other: JSON, and the octets of a document.

A frame is a header, values in JSON, and a document: behind them when it is small, otherwise a
sealed file in memory that goes along as a descriptor, so that twenty megabytes are copied once.
Nothing of Python's own is exchanged: what a worker answers is read as a stranger's.
"""

import array
import fcntl
import io
import json
import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from digipoort_wus.filing.content import Content, open_content, size_of
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.subject import Enclosure, Envelope

INLINE_MAX = 131_072
"""Octets of a document that go along in a frame."""
VALUES_MAX = 16 * 1024 * 1024
"""Octets of the JSON of one frame: a report has some hundred findings for each of its rules."""
_PIECE = 262_144
_MAGIC = b"dwr1"
_HEADER = struct.Struct("!4sIIB")
_FD = array.array("i", [0]).itemsize
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class WireError(Exception):
    """The other side is gone, too late, or said what is no frame; its words are not in it."""


class TooLate(WireError):
    """The other side did not answer in time."""


class Unheard(WireError):
    """The other side has gone before it read what it was told."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What was received.

    Args:
        values: from JSON.
        octets: of a small document; empty when there is none.
        descriptor: of a file with a large one, which the receiver closes.
    """

    values: Mapping[str, object]
    octets: bytes = b""
    descriptor: int | None = None

    @property
    def content(self) -> Content:
        """Return the document; a handle is good until the descriptor is closed."""
        if self.descriptor is None:
            return self.octets
        return MemoryContent(self.descriptor, os.fstat(self.descriptor).st_size)


@dataclass(frozen=True, slots=True)
class MemoryContent:
    """A document in a file that has no name.

    Args:
        descriptor: of the file; its position is neither used nor moved.
        size: in octets.
    """

    descriptor: int
    size: int

    def open(self) -> BinaryIO:
        """Open the octets for reading from the start."""
        return io.BufferedReader(_At(self.descriptor), _PIECE)

    def read(self) -> bytes:
        """Return all octets."""
        with self.open() as source:
            return source.read()


class _At(io.RawIOBase):
    """Reads a file at a position of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        read = os.preadv(self._descriptor, [buffer], self._position)  # type: ignore[list-item]
        self._position += read
        return read


class Parcel:
    """A document that is ready to be sent, to one worker or to several after each other.

    Args:
        content: its octets.

    Raises:
        OSError: there is no memory for it.
        Exception: as reading the content raises.
    """

    def __init__(self, content: Content) -> None:
        self.octets = b""
        self.descriptor: int | None = None
        if size_of(content) <= INLINE_MAX:
            with open_content(content) as source:
                self.octets = source.read()
        else:
            self.descriptor = _sealed(content)

    def close(self) -> None:
        """Let go of the memory."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def send(
    channel: socket.socket,
    values: Mapping[str, object],
    parcel: Parcel | None = None,
    deadline: float | None = None,
) -> None:
    """Send one frame.

    Args:
        channel: a UNIX stream socket.
        values: for JSON.
        parcel: a document; None: there is none.
        deadline: by the monotonic clock; None: as long as it takes.

    Raises:
        Unheard: the other side is gone.
        TooLate: it does not take it.
    """
    said = json.dumps(values, separators=(",", ":")).encode()
    octets = b"" if parcel is None else parcel.octets
    descriptor = None if parcel is None else parcel.descriptor
    data = _HEADER.pack(_MAGIC, len(said), len(octets), descriptor is not None) + said + octets
    try:
        _wait_until(channel, deadline)
        if descriptor is None:
            sent = channel.send(data, socket.MSG_NOSIGNAL)
        else:
            sent = socket.send_fds(channel, [data], [descriptor], socket.MSG_NOSIGNAL)
        rest = memoryview(data)[sent:]
        while rest:
            _wait_until(channel, deadline)
            rest = rest[channel.send(rest, socket.MSG_NOSIGNAL) :]
    except TimeoutError:
        raise TooLate("the other side does not listen") from None
    except OSError as error:
        raise Unheard(f"the other side is gone: {error.strerror}") from None


def receive(channel: socket.socket, deadline: float | None = None) -> Frame | None:
    """Receive one frame; None when the other side has ended and said nothing more.

    Args:
        channel: a UNIX stream socket.
        deadline: by the monotonic clock; None: as long as it takes.

    Raises:
        WireError: what came is no frame; Unheard, TooLate: or nothing came.
    """
    descriptors: list[int] = []
    try:
        head = _received(channel, _HEADER.size, deadline, descriptors)
        if not head and not descriptors:
            return None
        frame = _frame(channel, head, deadline, descriptors)
        descriptors.clear()
        return frame
    except TimeoutError:
        raise TooLate("no answer in time") from None
    except ConnectionResetError:
        raise Unheard("the other side is gone, and has not read what it was told") from None
    except OSError as error:
        raise WireError(f"the other side is gone: {error.strerror}") from None
    finally:
        for each in descriptors:
            with suppress(OSError):
                os.close(each)


def envelope_values(envelope: Envelope) -> dict[str, object]:
    """Return an envelope as values that JSON has."""
    party = envelope.belanghebbende
    return {
        "berichtsoort": envelope.berichtsoort,
        "received": envelope.received.isoformat(),
        "document": _enclosure_values(envelope.document),
        "belanghebbende": None if party is None else [party.number, party.type],
        "attachments": [_enclosure_values(each) for each in envelope.attachments],
        "sender": envelope.sender,
        "autorisatie_adres": envelope.autorisatie_adres,
    }


def envelope_of(values: object) -> Envelope:
    """Return the envelope that :func:`envelope_values` made values of.

    Raises:
        WireError: it did not make these.
    """
    match values:
        case {
            "berichtsoort": str(berichtsoort),
            "received": str(received),
            "document": document,
            "belanghebbende": None | [str(), str()] as party,
            "attachments": list(attachments),
            "sender": str(sender),
            "autorisatie_adres": str(autorisatie_adres),
        }:
            return Envelope(
                berichtsoort,
                datetime.fromisoformat(received),
                _enclosure(document),
                None if party is None else Party(party[0], party[1]),
                tuple(_enclosure(each) for each in attachments),
                sender,
                autorisatie_adres,
            )
    raise WireError("these values are no envelope")


def _enclosure_values(enclosure: Enclosure) -> Sequence[object]:
    return [enclosure.file_name, enclosure.mime_type, enclosure.size]


def _enclosure(values: object) -> Enclosure:
    match values:
        case [str(file_name), str(mime_type), int(size)]:
            return Enclosure(file_name, mime_type, size)
    raise WireError("these values are no document")


def _sealed(content: Content) -> int:
    """Return a file in memory that nobody can change any more."""
    descriptor = os.memfd_create("filing", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with (
            open_content(content) as source,
            open(descriptor, "wb", buffering=0, closefd=False) as file,
        ):
            while piece := source.read(_PIECE):
                rest = memoryview(piece)
                while rest:
                    rest = rest[file.write(rest) or 0 :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _frame(
    channel: socket.socket, head: bytes, deadline: float | None, descriptors: list[int]
) -> Frame:
    if len(head) < _HEADER.size:
        raise WireError("the other side ended within a frame")
    magic, said_size, size, with_file = _HEADER.unpack(head)
    if magic != _MAGIC or said_size > VALUES_MAX or size > INLINE_MAX:
        raise WireError("this is no frame")
    body = _received(channel, said_size + size, deadline, descriptors)
    if len(body) < said_size + size:
        raise WireError("the other side ended within a frame")
    if len(descriptors) != with_file:
        raise WireError("a frame brought another number of files than it says")
    try:
        values = json.loads(body[:said_size])
    except (ValueError, RecursionError):
        raise WireError("a frame has no JSON") from None
    if not isinstance(values, dict):
        raise WireError("a frame has other JSON than an object")
    return Frame(values, body[said_size:], descriptors[0] if descriptors else None)


def _received(
    channel: socket.socket, size: int, deadline: float | None, descriptors: list[int]
) -> bytes:
    """Return so many octets, or fewer when the other side has ended."""
    pieces: list[bytes] = []
    left = size
    while left:
        _wait_until(channel, deadline)
        # A descriptor that no room was made for would be lost silently.
        piece, ancillary, flags, _ = channel.recvmsg(
            min(left, _PIECE), socket.CMSG_SPACE(_FD), socket.MSG_CMSG_CLOEXEC
        )
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found = array.array("i")
                found.frombytes(data[: len(data) - len(data) % _FD])
                descriptors.extend(found)
        if flags & socket.MSG_CTRUNC:
            raise WireError("a frame brought more files than one")
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _wait_until(channel: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    channel.settimeout(left)
