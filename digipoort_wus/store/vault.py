"""Payloads on their way into their rows and files, and back: sealed, opened, and where they are.

Everything here runs in the thread of whoever asks, never for everybody in the writer, but for
what is small and asked for there.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import Content, read_content, size_of
from digipoort_wus.filing.filing import Document
from digipoort_wus.store import binding
from digipoort_wus.store.files import IN_ROW_BELOW, check_payload
from digipoort_wus.store.objects import PayloadObjects
from digipoort_wus.store.outside import LargePayloads
from digipoort_wus.store.secrets import (
    KeyRing,
    RingId,
    Secret,
    SecretDestroyed,
    WrappedSecret,
    adopted,
    evidence_salt,
    head_key,
    new_salt,
    new_secret,
    open_payload,
    payload_key,
    seal_payload,
    unwrap,
    wrap,
)
from digipoort_wus.store.values import (
    PayloadDamaged,
    Place,
    Prepared,
    StoredPayload,
    StoreFailed,
)


@dataclass(frozen=True, slots=True)
class Vault:
    """The key ring, and what keeps payloads that are too large for a row.

    Args:
        ring: wraps the secrets.
        files: keep them, unless there are objects; None where no directory is named.
        objects: keep what is new, where they are configured.
    """

    ring: KeyRing
    files: LargePayloads | None
    objects: PayloadObjects | None = None

    def prepare(self, documents: Iterable[Document], request: bytes | None = None) -> Prepared:
        """Seal contents under a new secret, large ones durably outside of their rows.

        Somebody must :meth:`release` these once the write has its outcome.

        Args:
            documents: in their order.
            request: what shows the signed request again.

        Raises:
            PayloadsUnreachable: the object store did not take a large one; none is left.
        """
        secret = new_secret()
        sealed: list[StoredPayload] = []
        try:
            for position, document in enumerate(documents):
                label = binding.document_label(position, document)
                sealed.append(self._stored(secret, document.content, label))
            kept = None if request is None else self._stored(secret, request, binding.REQUEST)
        except BaseException:
            self._drop(sealed)
            raise
        wrapped = wrap(self.ring, secret)
        if wrapped.wrapped is None:
            raise PayloadDamaged("a new secret was not wrapped")
        salt, key = evidence_salt(secret), head_key(secret)
        return Prepared(wrapped.ring, wrapped.wrapped, tuple(sealed), kept, salt, key)

    def release(self, prepared: Prepared) -> None:
        """Stop holding what was written; what no row refers to may be removed now."""
        for digest in prepared.files:
            for large in (self.files, self.objects):
                if large is not None:
                    large.release(digest)

    def tidy(
        self,
        digests: Iterable[bytes],
        is_file: Callable[[bytes], bool],
        is_object: Callable[[bytes], bool],
    ) -> tuple[bytes, ...]:
        """Remove files to which no row refers, and return the objects to which none does.

        In the writer, so that no row comes between the question and the removal. An object is
        not removed there, where everybody would wait for the network.

        Args:
            digests: of payloads of a purge, or of what was prepared and is released.
            is_file: tells whether a row says that its payload is the file with a SHA-256.
            is_object: the same of objects.
        """
        left = []
        for digest in digests:
            if self.files is not None and not is_file(digest) and self.files.remove(digest):
                continue
            if self.objects is not None and not is_object(digest):
                left.append(digest)
        return tuple(left)

    def removed(self, tidied: "Future[tuple[bytes, ...]]") -> "Future[None]":
        """Return a future that resolves when the objects that :meth:`tidy` left are gone as well.

        It fails with PayloadsUnreachable where a sweep has to remove them.
        """
        outer: Future[None] = Future()
        outer.set_running_or_notify_cancel()

        def remove(asked: "Future[tuple[bytes, ...]]") -> None:
            if (error := asked.exception()) is not None:
                outer.set_exception(error)
            elif self.objects is None or not asked.result():
                outer.set_result(None)
            else:
                self.objects.remove_soon(asked.result()).add_done_callback(tell)

        def tell(gone: "Future[None]") -> None:
            if (error := gone.exception()) is not None:
                outer.set_exception(error)
            else:
                outer.set_result(None)

        tidied.add_done_callback(remove)
        return outer

    def require_places(self, there: Callable[[Literal["file", "object"]], bool]) -> None:
        """Refuse a store with payloads in a place that is not configured.

        Args:
            there: tells whether any row says that its payload is in a place.

        Raises:
            ConfigurationError: there are such; the sentence names the key.
        """
        if self.objects is None and there("object"):
            raise ConfigurationError(
                "there are payloads in an object store: say which in [store.objects]"
            )
        if self.files is None and there("file"):
            raise ConfigurationError(
                "there are payloads in files: name their directory in store.payloads"
            )

    def claim(self, store_id: str, known: Iterable[bytes]) -> None:
        """Take the objects for those of this database, if there is an object store.

        Args:
            store_id: of the database.
            known: SHA-256 of some objects that it refers to.

        Raises:
            ConfigurationError: they are those of another gateway.
        """
        if self.objects is not None:
            self.objects.belong_to(self.ring.keys, store_id, known)

    @property
    def failed(self) -> str | None:
        """Return what the object store did not do, empty while it answers; None without one."""
        return None if self.objects is None else self.objects.failed

    def close(self) -> None:
        """Finish what is being removed."""
        if self.objects is not None:
            self.objects.close()

    def wrapped_secret(self) -> WrappedSecret:
        """Return a new secret as its row keeps it."""
        return wrap(self.ring, new_secret())

    def evidence_salt(self, wrapped: WrappedSecret) -> bytes:
        """Return the key under which personal data of a filing stands in the evidence.

        Raises:
            SecretUnreadable: the ring lacks the key.
            SecretDestroyed: the filing was purged.
        """
        return evidence_salt(unwrap(self.ring, wrapped))

    def head_key(self, wrapped: WrappedSecret) -> bytes:
        """Return the key of the MAC over the row of a filing or return message.

        Raises:
            SecretUnreadable: the ring lacks the key.
            SecretDestroyed: it was purged.
        """
        return head_key(unwrap(self.ring, wrapped))

    def adopt(
        self, payload: StoredPayload, sealed: WrappedSecret, wrapped: WrappedSecret, label: bytes
    ) -> bytes:
        """Return the salt under which a payload of another secret opens under this one.

        Args:
            payload: as it was sealed.
            sealed: the secret that it was sealed under.
            wrapped: the secret of the filing that gets it.
            label: what it is, there and here.

        Raises:
            SecretUnreadable: the ring lacks a key.
            SecretDestroyed: the filing was purged.
            PayloadDamaged: it has no key.
        """
        if payload.salt is None:
            raise PayloadDamaged("a payload was not sealed")
        key = payload_key(unwrap(self.ring, sealed), payload.salt, label)
        return adopted(unwrap(self.ring, wrapped), key, label)

    def seal_under(self, wrapped: WrappedSecret, octets: bytes, label: bytes) -> StoredPayload:
        """Seal one more payload under a secret that exists, into its row whatever its size.

        Raises:
            SecretUnreadable: the ring lacks the key.
            SecretDestroyed: the filing was purged.
        """
        return _in_row(unwrap(self.ring, wrapped), octets, label)

    def is_missing(self, place: Place, digest: bytes) -> bool:
        """Return whether it is certain that there is no file or object with this SHA-256."""
        large = self.objects if place == "object" else self.files
        return large is not None and large.is_missing(digest)

    def open(
        self,
        wrapped: WrappedSecret | None,
        payload: StoredPayload,
        label: bytes,
        *,
        unsealed: bool = False,
    ) -> Content:
        """Return a stored payload, a large one as a handle.

        Args:
            wrapped: the secret of the filing or return message that asks for it.
            payload: as its row says it.
            label: what it is there.
            unsealed: it may be of version 3, which sealed nothing.

        Raises:
            PayloadDamaged: it is missing or is not what was stored.
            SecretUnreadable: the ring lacks the key.
            SecretDestroyed: it was purged.
        """
        if payload.place == "gone":
            raise SecretDestroyed("the payload was purged")
        if payload.salt is None and unsealed:
            return self._unsealed(payload)
        if wrapped is None or payload.salt is None:
            raise PayloadDamaged(f"payload {payload.sha256.hex()} is not sealed: restore it")
        secret = unwrap(self.ring, wrapped)
        if payload.content is None:
            key = payload_key(secret, payload.salt, label)
            return self._at(payload.place).open(payload.sha256, payload.size, key)
        content = open_payload(secret, payload.salt, payload.content, label)
        if len(content) != payload.size:
            raise PayloadDamaged(f"payload {payload.sha256.hex()} has another size: restore it")
        return content

    def _unsealed(self, payload: StoredPayload) -> Content:
        if payload.content is None:
            return self._at(payload.place).open(payload.sha256, payload.size, None)
        check_payload(payload.content, payload.sha256, payload.size)
        return payload.content

    def _stored(self, secret: Secret, content: Content, label: bytes) -> StoredPayload:
        if size_of(content) < IN_ROW_BELOW:
            return _in_row(secret, read_content(content), label)
        salt = new_salt()
        large = self.objects or self.files
        if large is None:
            raise StoreFailed("neither a directory nor an object store takes large payloads")
        sealed = large.hold(content, payload_key(secret, salt, label))
        return StoredPayload(salt, sealed.sha256, sealed.size, None, large.place)

    def _at(self, place: Place) -> LargePayloads:
        large = self.objects if place == "object" else self.files
        if large is None:
            key = "store.objects" if place == "object" else "store.payloads"
            raise PayloadDamaged(f"a payload is {place}, and {key} does not say where")
        return large

    def _drop(self, documents: Iterable[StoredPayload]) -> None:
        """Remove what was stored of a filing of which not everything could be."""
        objects = []
        for document in documents:
            if document.place == "file" and self.files is not None:
                self.files.release(document.sha256)
                self.files.remove(document.sha256)
            elif document.place == "object" and self.objects is not None:
                self.objects.release(document.sha256)
                objects.append(document.sha256)
        if objects and self.objects is not None:
            with suppress(RuntimeError):  # the gateway stops: a sweep does it
                self.objects.remove_soon(objects)


def secret_of(ring: str | None, wrapped: bytes | None) -> WrappedSecret | None:
    """Return a secret as its row keeps it; None when there is no row."""
    return None if ring is None else WrappedSecret(RingId(ring), wrapped)


def _in_row(secret: Secret, octets: bytes, label: bytes) -> StoredPayload:
    sealed = seal_payload(secret, octets, label)
    return StoredPayload(sealed.salt, sealed.sha256, sealed.size, sealed.octets, "row")
