"""A payload that is an object, as a handle; and what objects are called."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO, Protocol

from digipoort_wus.store.files import is_digest
from digipoort_wus.store.sealed import CHUNK, open_sealed

MARKER = "digipoort-wus"
"""Name of the object that says whose payloads these are."""
OWNER = "store="
"""Before the name of the database in the marker; the other lines are names of keys."""
LEFT_OVER = "left-over/"
"""Beginning of the names of marks: one for each payload that no row refers to."""


class Fetches(Protocol):
    """What gets objects."""

    def fetch(self, digest: bytes) -> BinaryIO:
        """Return an object as it is stored, after its hash was compared."""


@dataclass(frozen=True, slots=True)
class PayloadObject:
    """Implements :class:`~digipoort_wus.filing.content.StoredContent` for one object."""

    objects: Fetches = field(repr=False)
    sha256: bytes
    size: int
    key: bytes = field(repr=False)

    def open(self) -> BinaryIO:
        """Fetch the object, compare its hash, and open the payload."""
        file = self.objects.fetch(self.sha256)
        try:
            return open_sealed(file, self.key, self.size, f"payload {self.sha256.hex()}")
        except BaseException:
            file.close()
            raise

    def read(self) -> bytes:
        """Return the whole payload."""
        whole = BytesIO()
        with self.open() as file:
            while piece := file.read(CHUNK):
                whole.write(piece)
        return whole.getvalue()


def path_of(digest: bytes) -> str:
    """Return the name of a payload."""
    name = digest.hex()
    return f"{name[:2]}/{name[2:4]}/{name}"


def digest_of(path: str) -> bytes | None:
    """Return which payload has this name, None for what is none of ours."""
    name = path.rpartition("/")[2]
    if not is_digest(name) or path != path_of(bytes.fromhex(name)):
        return None
    return bytes.fromhex(name)


def mark_of(digest: bytes) -> str:
    """Return the name of the mark of a payload."""
    return f"{LEFT_OVER}{digest.hex()}"


def marked_of(path: str) -> bytes | None:
    """Return which payload is marked by an object with this name, None for no mark."""
    name = path.removeprefix(LEFT_OVER)
    return bytes.fromhex(name) if path.startswith(LEFT_OVER) and is_digest(name) else None


def marker_of(owner: str, rings: Iterable[str]) -> bytes:
    """Return the marker of a database and of the keys of its ring; no owner: not known yet."""
    lines = [f"{OWNER}{owner}"] if owner else []
    return "".join(f"{line}\n" for line in (*lines, *sorted(rings))).encode()


def read_marker(octets: bytes) -> tuple[str, frozenset[str]]:
    """Return the database, empty if none, and the keys that a marker names."""
    words = octets.decode("ascii", "replace").split()
    owners = [word.removeprefix(OWNER) for word in words if word.startswith(OWNER)]
    return "".join(owners[:1]), frozenset(word for word in words if not word.startswith(OWNER))
