"""The key ring as a file: one key a line, base64, the first is the current one.

The file is read before anything is stored under it, and is never written over: a key
that is lost is everything lost that it wrapped.
"""

import base64
import binascii
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from functools import partial
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store.directories import sync_directory
from digipoort_wus.store.secrets import KEY_SIZE, KeyRing, key_ring

KEY_RING = "key-ring"
"""Its name in a data directory."""
_MAX_OCTETS = 65_536
RingSource = Callable[[Collection[str]], KeyRing]
"""Returns a key ring for a store whose secrets the keys of these names have wrapped."""


class Absent(Enum):
    """What is done where there is no key ring."""

    MADE = "made"
    REFUSED = "refused"


def ring_file(path: Path, absent: Absent) -> RingSource:
    """Return where a store gets its key ring: see :func:`open_key_ring`."""
    return partial(open_key_ring, path, absent=absent)


def open_key_ring(path: Path, used: Collection[str], *, absent: Absent) -> KeyRing:
    """Return the key ring of a store, never a fresh one for a store that has secrets.

    Args:
        path: of the file.
        used: names of the keys that wrapped what the store holds.
        absent: what to do where there is no file and nothing was wrapped yet.

    Raises:
        ConfigurationError: a key that is needed is missing, or as :func:`read_key_ring`.
    """
    if used and not path.exists():
        raise ConfigurationError(
            f"there is no key ring at {path}, and what is stored was wrapped by {_named(used)}: "
            "put the key ring back, for without it nothing that is stored can be read"
        )
    ring = make_key_ring(path) if absent is Absent.MADE else read_key_ring(path)
    if missing := set(used) - set(ring.keys):
        raise ConfigurationError(
            f"the key ring {path} lacks {_named(missing)}, which wrapped what is stored: put the "
            "right key ring back, or the missing key as one more line behind the others"
        )
    return ring


def read_key_ring(path: Path) -> KeyRing:
    """Read a key ring; empty lines and lines that begin with ``#`` are skipped.

    Raises:
        ConfigurationError: there is none, others may read it, or it is no key ring. The
            message never shows what stands in it.
    """
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            content = file.read(_MAX_OCTETS + 1)
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no key ring at {path}: if there was one, put it back, for nothing that is "
            "stored can be read without it; for a new store make one by "
            f"`(umask 077; openssl rand -base64 {KEY_SIZE} > {path})`, and keep a copy elsewhere"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"cannot read the key ring {path}: {error.strerror}") from error
    if about.st_mode & _too_open(about):
        raise ConfigurationError(
            f"others may read or change the key ring {path}: make it yours alone by "
            f"`chmod 600 {path}`"
        )
    if len(content) > _MAX_OCTETS:
        raise ConfigurationError(f"{path} is too large for a key ring: is it another file?")
    return _parsed(path, content)


def make_key_ring(path: Path) -> KeyRing:
    """Read the key ring, and make one with one key when there is none: for a sandbox.

    It is durable and only its owner's before this returns; of two processes that make it
    at the same moment both get the one that was first.

    Raises:
        ConfigurationError: it cannot be made, or as :func:`read_key_ring`.
    """
    try:
        if not path.exists():
            _write_new(path, _line(os.urandom(KEY_SIZE)))
    except OSError as error:
        raise ConfigurationError(f"cannot make the key ring {path}: {error.strerror}") from error
    return read_key_ring(path)


def add_key(path: Path) -> KeyRing:
    """Put a new current key before those of a key ring, durably, and return the ring.

    The old keys stay until every secret was wrapped anew; then their lines can be removed.

    Raises:
        ConfigurationError: it cannot be written, or as :func:`read_key_ring`.
    """
    try:
        with _locked(path):
            read_key_ring(path)
            about, old = path.stat(), path.read_bytes()
            draft = _draft(path, _line(os.urandom(KEY_SIZE)) + old, about)
            try:
                draft.rename(path)
            finally:
                draft.unlink(missing_ok=True)
            sync_directory(path.parent)
    except FileNotFoundError:
        return read_key_ring(path)
    except OSError as error:
        raise ConfigurationError(f"cannot write the key ring {path}: {error.strerror}") from error
    return read_key_ring(path)


def _named(keys: Collection[str]) -> str:
    return ("key " if len(keys) == 1 else "keys ") + ", ".join(sorted(keys))


def _parsed(path: Path, content: bytes) -> KeyRing:
    keys = []
    for number, line in enumerate(content.splitlines(), 1):
        text = line.strip()
        if not text or text.startswith(b"#"):
            continue
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_SIZE:
            raise ConfigurationError(
                f"line {number} of the key ring {path} is not {KEY_SIZE} octets in base64: "
                "put the right key back"
            )
        keys.append(key)
    if not keys:
        raise ConfigurationError(f"the key ring {path} holds no key: put the right one back")
    try:
        return key_ring(*keys)
    except ValueError:
        raise ConfigurationError(
            f"the key ring {path} holds a key twice: remove one of the lines"
        ) from None


def _too_open(about: os.stat_result) -> int:
    """Return the bits that others may not have.

    A file of root's, read by another user through its group, is how secrets are mounted.
    """
    return 0o037 if about.st_uid == 0 else 0o077


def _line(key: bytes) -> bytes:
    return base64.b64encode(key) + b"\n"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Have a file to oneself, of all who change it by putting another in its place.

    Raises:
        OSError: it cannot be opened or locked.
    """
    while True:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Who had it before may have put another in its place.
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield
                return


def _draft(path: Path, content: bytes, like: os.stat_result | None = None) -> Path:
    """Write a file beside another, durably: its owner's alone, or with owner and mode of a file."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if like is not None:
                _give_to(file.fileno(), path, like)
                os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _give_to(descriptor: int, path: Path, like: os.stat_result) -> None:
    """Give a file the owner of another, or say who can do so."""
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
        try:
            os.fchown(descriptor, like.st_uid, like.st_gid)
        except PermissionError as error:
            raise ConfigurationError(
                f"The key ring {path} would get another owner: do this as the user whose it is."
            ) from error


def _write_new(path: Path, content: bytes) -> None:
    """Put a complete file where none is; an existing one stays."""
    draft = _draft(path, content)
    try:
        # A link is made or not; a rename would replace what somebody else made meanwhile.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    sync_directory(path.parent)
