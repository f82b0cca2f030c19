"""Large payloads as objects of an S3-compatible store, named by the SHA-256 of what is stored.

For several machines without a shared directory. The same surface as
:class:`~digipoort_wus.store.files.PayloadFiles`, and the same sealed format; what is read is
fetched into a file without a name, its hash is compared, and it is opened there.

Needs the extra ``s3``. Credentials come from where the SDKs of such stores find them
(``AWS_ACCESS_KEY_ID`` and the like), never from our configuration.
"""

import hashlib
import random
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import Content, StoredContent, open_content
from digipoort_wus.store.files import SWEPT_AT_ONCE, SWEPT_FROM_AGE, is_digest
from digipoort_wus.store.sealed import CHUNK, Sealed, open_sealed, seal
from digipoort_wus.store.values import PayloadDamaged, StoreFailed

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

_FETCHED = 1024 * 1024
"""Octets that are fetched before they are written."""


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """Where the objects are.

    Args:
        bucket: must exist.
        prefix: the beginning of all names; empty for none.
        endpoint: address of the service, None for the one that the SDKs take.
        region: as well.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None


def open_objects(place: ObjectPlace, spool: Path) -> "PayloadObjects":
    """Return the payloads in a bucket; nothing is asked of it yet.

    Args:
        place: where they are.
        spool: a directory on this machine for what is on its way; sealed, and without a name.

    Raises:
        ConfigurationError: the extra is not installed, or the settings do not fit.
    """
    try:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ImportError:
        raise ConfigurationError(
            "payloads in an object store need the extra s3: pip install 'digipoort-wus[s3]'"
        ) from None
    # The store compares what arrives with its hash.
    config: S3Config = {"checksum_algorithm": "SHA256"}
    if place.endpoint is not None:
        config["endpoint"] = place.endpoint
    if place.region is not None:
        config["region"] = place.region
    try:
        store = S3Store(
            place.bucket,
            prefix=place.prefix or None,
            config=config,
            # Who writes http means it; what is sent is sealed, and signed by the client.
            client_options={"allow_http": (place.endpoint or "").startswith("http:")},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
        )
    except (BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"the object store cannot be used: {reason}") from None
    return PayloadObjects(store, spool)


@dataclass(frozen=True, slots=True)
class PayloadObject:
    """Implements :class:`~digipoort_wus.filing.content.StoredContent` for one object."""

    objects: "PayloadObjects" = field(repr=False)
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


class PayloadObjects:
    """The objects below one prefix; made by :func:`open_objects`, for several threads."""

    place: Literal["object"] = "object"

    def __init__(self, store: "S3Store", spool: Path) -> None:
        self._store = store
        self._spool = spool
        self._gate = threading.Lock()
        self._held: set[bytes] = set()

    def keep(self, content: Content, key: bytes) -> Sealed:
        """Seal and store the content, and return what names it and its size.

        Raises:
            StoreFailed: the object store did not take it.
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

    def remove(self, digest: bytes) -> None:
        """Remove an object to which no row refers, unless somebody holds it.

        Raises:
            StoreFailed: the object store did not say that it is gone.
        """
        with self._gate:
            if digest in self._held:
                return
        # Not under the lock: who holds another object does not wait for the network, and the
        # same name never comes again.
        with _failing("remove"), suppress(FileNotFoundError):
            self._store.delete(_path(digest))

    def sweep(self, referred: Callable[[bytes], bool]) -> int:
        """Remove old objects to which no row refers, and return how many.

        Args:
            referred: tells whether a row refers to the object with this SHA-256.
        """
        removed = 0
        oldest = datetime.now(UTC) - timedelta(seconds=SWEPT_FROM_AGE)
        with _failing("list"):
            for _, (path, at) in zip(range(SWEPT_AT_ONCE), self._objects(), strict=False):
                name = path.rpartition("/")[2]
                if is_digest(name) and at < oldest and not referred(bytes.fromhex(name)):
                    self.remove(bytes.fromhex(name))
                    removed += 1
        return removed

    def open(self, digest: bytes, size: int, key: bytes | None) -> StoredContent:
        """Return the payload in the object with this SHA-256; it is fetched when it is asked.

        Raises:
            PayloadDamaged: there is no such object, or no key: all objects are sealed.
            StoreFailed: the object store does not answer.
        """
        if key is None:
            raise PayloadDamaged(f"payload {digest.hex()} was never sealed, and is no object")
        with _failing("read"), _missing(digest):
            self._store.head(_path(digest))
        return PayloadObject(self, digest, size, key)

    def check(self, digest: bytes) -> None:
        """Compare an object with its name, without the key.

        Raises:
            PayloadDamaged: the object is missing or is not what was stored.
            StoreFailed: the object store does not answer.
        """
        self.fetch(digest).close()

    def fetch(self, digest: bytes) -> BinaryIO:
        """Return an object as it is stored, in a file without a name, after its hash was compared.

        Raises:
            PayloadDamaged: the object is missing or is not what was stored.
            StoreFailed: the object store does not answer.
        """
        file = self._spooled()
        try:
            found = hashlib.sha256()
            with _failing("read"), _missing(digest):
                for piece in self._store.get(_path(digest)).stream(min_chunk_size=_FETCHED):
                    found.update(piece)
                    file.write(piece)
            if found.digest() != digest:
                raise PayloadDamaged(f"payload {digest.hex()} is not what was stored: restore it")
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def _put(self, content: Content, key: bytes, begin: Callable[[bytes], None]) -> Sealed:
        """Seal into a file, because the name is only known at the end, and store that."""
        with self._spooled() as file:
            with open_content(content) as source:
                sealed = seal(source, key, file.write)
            begin(sealed.sha256)
            file.seek(0)
            from obstore.exceptions import AlreadyExistsError

            # Only where there is none: a name is never given to other octets.
            with _failing("store"), suppress(AlreadyExistsError):
                self._store.put(_path(sealed.sha256), file, mode="create")
        return sealed

    def _spooled(self) -> BinaryIO:
        return cast("BinaryIO", tempfile.TemporaryFile(dir=self._spool))

    def _objects(self) -> Iterator[tuple[str, datetime]]:
        """Go through all objects from a place that is another at every start."""
        first = f"{random.randrange(256):02x}"  # noqa: S311, spread and no secret
        for page in self._store.list(offset=first):
            for found in page:
                yield found["path"], found["last_modified"]
        for page in self._store.list():
            for found in page:
                if found["path"] >= first:
                    return
                yield found["path"], found["last_modified"]


def _path(digest: bytes) -> str:
    name = digest.hex()
    return f"{name[:2]}/{name[2:4]}/{name}"


@contextmanager
def _missing(digest: bytes) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise PayloadDamaged(f"payload {digest.hex()} is missing: restore it") from error


@contextmanager
def _failing(what: str) -> Iterator[None]:
    """Turn what the client raises into a failure of the store; its text may hold addresses."""
    from obstore.exceptions import AlreadyExistsError, BaseError

    try:
        yield
    except AlreadyExistsError:
        raise
    except (BaseError, OSError) as error:
        raise StoreFailed(
            f"the object store did not {what}: {type(error).__name__}; see its own log"
        ) from error
