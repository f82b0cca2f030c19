"""Large payloads as objects of an S3-compatible store, named by the SHA-256 of what is stored.

For several machines without a shared directory. Keeps the same port as
:class:`~digipoort_wus.store.files.PayloadFiles`, and the same sealed format; what is read is
fetched into a file without a name, its hash is compared, and it is opened there.

One more object, the marker, names the database whose payloads these are, and the keys of its
ring. A gateway with another keeps out: it would take all of them for left over. The time at which
the store says that the marker was written is also what ages are counted from, for no clock of a
gateway is as good as that which dated the objects. What no row refers to is marked by an object
of its own, and removed a week later.
"""

import hashlib
import random
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import Content, StoredContent, open_content
from digipoort_wus.store.files import REMOVED_AFTER, SWEPT_AT_ONCE, SWEPT_FROM_AGE
from digipoort_wus.store.object_content import (
    LEFT_OVER,
    MARKER,
    OWNER,
    PayloadObject,
    digest_of,
    mark_of,
    marked_of,
    marker_of,
    path_of,
    read_marker,
)
from digipoort_wus.store.object_place import ObjectPlace, make_clients
from digipoort_wus.store.reachable import Reachable, asking
from digipoort_wus.store.sealed import Sealed, seal
from digipoort_wus.store.values import PayloadDamaged, PayloadsUnreachable, StoreFailed

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Store

_FETCHED = 1024 * 1024
"""Octets that are fetched before they are written."""
_MARKER_MAX = 65_536


def open_objects(place: ObjectPlace, spool: Path) -> "PayloadObjects":
    """Return the payloads in a bucket; nothing is asked of it yet.

    Args:
        place: where they are.
        spool: a directory on this machine for what is on its way; sealed, and without a name.

    Raises:
        ConfigurationError: the extra is not installed, or the settings do not fit.
    """
    patient, quick = make_clients(place)
    return PayloadObjects(patient, spool, quick)


class PayloadObjects:
    """The objects below one prefix; made by :func:`open_objects`, for several threads.

    Args:
        store: tries again for some seconds.
        spool: a directory on this machine.
        quick: the same store, for questions that are not worth waiting for; None: ``store``.
    """

    place: Literal["object"] = "object"

    def __init__(self, store: "S3Store", spool: Path, quick: "S3Store | None" = None) -> None:
        self._store = store
        self._quick = quick or store
        self._spool = spool
        self._gate = threading.Lock()
        self._held: set[bytes] = set()
        self._rings: frozenset[str] = frozenset()
        self._owner = ""
        self._known: tuple[bytes, ...] = ()
        self._ours = False
        self._reachable = Reachable()
        self._removing = ThreadPoolExecutor(1, thread_name_prefix="object-remover")

    @property
    def failed(self) -> str:
        """Return what the object store did not do when it was last asked; empty when it did."""
        return self._reachable.failed

    def belong_to(
        self, rings: Iterable[str], store_id: str = "", known: Iterable[bytes] = ()
    ) -> None:
        """Take the objects for those of this database and key ring; may be repeated.

        An object store that does not answer is asked again before anything is stored.

        Args:
            rings: names of its keys.
            store_id: of the database; empty: nobody's yet.
            known: SHA-256 of some objects that it refers to.

        Raises:
            ConfigurationError: the objects are those of another gateway.
        """
        self._rings, self._owner, self._known = frozenset(rings), store_id, tuple(known)
        self._ours = False
        with suppress(PayloadsUnreachable):
            self._require_ours()

    def look(self) -> None:
        """Ask whether the object store answers, and remember it; raises nothing."""
        with suppress(PayloadsUnreachable), self._asking("answer"), suppress(FileNotFoundError):
            # Also the answer that there is no marker is one, of a bucket that is there.
            self._quick.head(MARKER)

    def keep(self, content: Content, key: bytes) -> Sealed:
        """Seal and store the content, and return what names it and its size.

        Raises:
            PayloadsUnreachable: the object store did not take it.
            ConfigurationError: the objects are those of another gateway.
        """
        return self._put(content, key, lambda _: None)

    def hold(self, content: Content, key: bytes) -> Sealed:
        """Like :meth:`keep`, and nobody removes the object until :meth:`release`."""
        held: list[bytes] = []

        def begin(digest: bytes) -> None:
            held.append(digest)
            with self._gate:
                self._held.add(digest)

        try:
            return self._put(content, key, begin)
        except BaseException:
            for digest in held:
                self.release(digest)
            raise

    def release(self, digest: bytes) -> None:
        """Hold an object no longer."""
        with self._gate:
            self._held.discard(digest)

    def remove(self, digest: bytes) -> bool:
        """Remove an object to which no row refers, unless somebody holds it; return whether.

        Raises:
            PayloadsUnreachable: the object store did not say that it is gone.
        """
        with self._gate:
            if digest in self._held:
                return False
        # Not under the lock: who holds another object does not wait for the network, and the
        # same name never comes again.
        with self._asking("remove"), suppress(FileNotFoundError):
            self._store.delete(path_of(digest))
        return True

    def remove_soon(self, digests: Iterable[bytes]) -> "Future[None]":
        """Remove objects to which no row refers, in a thread for that alone.

        The future fails with PayloadsUnreachable where a sweep has to do it.
        """

        def remove() -> None:
            for digest in digests:
                self.remove(digest)

        return self._removing.submit(remove)

    def sweep(
        self, referred: Callable[[bytes], bool], stopping: Callable[[], bool] = lambda: False
    ) -> int:
        """Mark old objects to which no row refers, remove those marked long ago; return how many.

        Args:
            referred: tells whether a row refers to the object with this SHA-256, of all that is
                committed when it is asked.
            stopping: is asked before each; when it says yes the rest is left.

        Raises:
            PayloadsUnreachable: the object store did not answer.
            ConfigurationError: the objects are those of another gateway.
        """
        removed, now = 0, self._now()
        marked = self._marks()
        for digest, at in marked.items():
            if stopping():
                return removed
            needed = self._needed(digest, referred)
            if needed or at < now - timedelta(seconds=REMOVED_AFTER):
                removed += not needed and self.remove(digest)
                with self._asking("remove"), suppress(FileNotFoundError):
                    self._store.delete(mark_of(digest))
        oldest = now - timedelta(seconds=SWEPT_FROM_AGE)
        with self._asking("list"):
            seen = [*zip(range(SWEPT_AT_ONCE), self._objects(), strict=False)]
        for _, (digest, at) in seen:
            if stopping():
                break
            if at < oldest and digest not in marked and not self._needed(digest, referred):
                with self._asking("store"):
                    self._store.put(mark_of(digest), b"")
        return removed

    def open(self, digest: bytes, size: int, key: bytes | None) -> StoredContent:
        """Return the payload in the object with this SHA-256; nothing is asked until it is read.

        Raises:
            PayloadDamaged: no key: all objects are sealed.
        """
        if key is None:
            raise PayloadDamaged(f"payload {digest.hex()} was never sealed, and is no object")
        return PayloadObject(self, digest, size, key)

    def is_missing(self, digest: bytes) -> bool:
        """Return whether the object store says that there is no such object, within seconds."""
        try:
            with self._asking("read"), self._missing(digest):
                self._quick.head(path_of(digest))
        except PayloadDamaged:
            return True
        except PayloadsUnreachable:
            pass
        return False

    def check(self, digest: bytes) -> None:
        """Compare an object with its name, without the key.

        Raises:
            PayloadDamaged: the object is missing or is not what was stored.
            PayloadsUnreachable: the object store does not answer.
        """
        self.fetch(digest).close()

    def fetch(self, digest: bytes) -> BinaryIO:
        """Return an object as it is stored, in a file without a name, after its hash was compared.

        Raises:
            PayloadDamaged: the object is missing or is not what was stored.
            PayloadsUnreachable: the object store does not answer.
        """
        file = self._spooled()
        try:
            found = hashlib.sha256()
            with self._asking("read"), self._missing(digest):
                for piece in self._store.get(path_of(digest)).stream(min_chunk_size=_FETCHED):
                    found.update(piece)
                    file.write(piece)
            if found.digest() != digest:
                raise PayloadDamaged(f"payload {digest.hex()} is not what was stored: restore it")
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def close(self) -> None:
        """Finish what is being removed."""
        self._removing.shutdown()

    def _put(self, content: Content, key: bytes, begin: Callable[[bytes], None]) -> Sealed:
        """Seal into a file, because the name is only known at the end, and store that."""
        self._require_ours()
        with self._spooled() as file:
            with open_content(content) as source:
                sealed = seal(source, key, file.write)
            begin(sealed.sha256)
            file.seek(0)
            from obstore.exceptions import AlreadyExistsError

            # Only where there is none: a name is never given to other octets.
            with self._asking("store"), suppress(AlreadyExistsError):
                self._store.put(path_of(sealed.sha256), file, mode="create")
        return sealed

    def _needed(self, digest: bytes, referred: Callable[[bytes], bool]) -> bool:
        """Return whether an object is referred to, or is about to be.

        In this order: what is no longer held has its row committed, or will never have one.
        """
        with self._gate:
            if digest in self._held:
                return True
        return referred(digest)

    def _marks(self) -> dict[bytes, datetime]:
        """Return what was marked, and when."""
        with self._asking("list"):
            found = zip(range(SWEPT_AT_ONCE), self._listed(prefix=LEFT_OVER), strict=False)
            pairs = [(marked_of(one["path"]), one["last_modified"]) for _, one in found]
        return {digest: at for digest, at in pairs if digest is not None}

    def _spooled(self) -> BinaryIO:
        try:
            return cast("BinaryIO", tempfile.TemporaryFile(dir=self._spool))
        except OSError as error:
            raise StoreFailed(f"nothing can be written to {self._spool}: {error}") from error

    def _require_ours(self) -> None:
        """Ask once whose objects these are; where nobody says so they are ours from now on.

        Raises:
            PayloadsUnreachable: the object store did not answer.
            ConfigurationError: they are those of another gateway.
        """
        if not self._ours:
            self._mark()

    def _mark(self) -> None:
        """Write the marker: of which database these are, and all keys that its ring has had."""
        owner, there = self._marked()
        if owner and self._owner and owner != self._owner:
            raise ConfigurationError(
                "store.objects: the payloads there belong to another database than the one that "
                "is opened: name another bucket or prefix, or put the right database back."
            )
        if there and self._rings and not there & self._rings:
            raise ConfigurationError(
                "store.objects: the payloads there were sealed with another key ring, so they are "
                "another gateway's: name another bucket or prefix, or put the key ring back."
            )
        if self._owner and not owner and not there:
            self._require_known()
        with self._asking("store"):
            self._store.put(MARKER, marker_of(owner or self._owner, there | self._rings))
        self._ours = True

    def _require_known(self) -> None:
        """Refuse a bucket that says nothing, and holds what this database does not know.

        Raises:
            ConfigurationError: it does, or holds nothing of what it knows.
        """
        for digest in self._known:
            with self._asking("read"), suppress(FileNotFoundError):
                self._store.head(path_of(digest))
                return
        with self._asking("list"):
            other = next(self._objects(), None)
        if self._known or other is not None:
            raise ConfigurationError(
                "store.objects: what is there are not the payloads of this database: name the "
                "right bucket and prefix, or one that is empty for a new database; if its "
                f"payloads are lost for good, make the object {MARKER} with the line "
                f"{OWNER}{self._owner}."
            )

    def _marked(self) -> tuple[str, frozenset[str]]:
        """Return the database and the keys that the marker names."""
        with self._asking("read"), suppress(FileNotFoundError):
            found = self._store.get(MARKER)
            if found.meta["size"] <= _MARKER_MAX:
                return read_marker(bytes(found.bytes()))
        return "", frozenset()

    def _now(self) -> datetime:
        """Return the time that the object store has."""
        self._mark()
        with self._asking("read"):
            return self._store.head(MARKER)["last_modified"]

    def _objects(self) -> Iterator[tuple[bytes, datetime]]:
        """Go through all payloads from a place that is another at every start."""
        first = f"{random.randrange(256):02x}"  # noqa: S311, spread and no secret
        for found in self._listed(offset=first):
            if (digest := digest_of(found["path"])) is not None:
                yield digest, found["last_modified"]
        for found in self._listed():
            if found["path"] >= first:
                return
            if (digest := digest_of(found["path"])) is not None:
                yield digest, found["last_modified"]

    def _listed(
        self, prefix: str | None = None, offset: str | None = None
    ) -> "Iterator[ObjectMeta]":
        for page in self._store.list(prefix, offset=offset):
            yield from page

    @contextmanager
    def _missing(self, digest: bytes) -> Iterator[None]:
        """Say that an object is missing, if it is not the bucket or all that was in it."""
        try:
            yield
        except FileNotFoundError as error:
            self._quick.head(MARKER)
            raise PayloadDamaged(f"payload {digest.hex()} is missing: restore it") from error

    def _asking(self, what: str) -> AbstractContextManager[None]:
        return asking(self._reachable, what, self._spool)
