"""Payloads on their way into their rows and files, and back: sealed, opened, and where they are.

Everything here runs in the thread of whoever asks, never for everybody in the writer, but for
what is small and asked for there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from digipoort_wus.filing.content import Content, read_content, size_of
from digipoort_wus.store.files import IN_ROW_BELOW, PayloadFiles, check_payload
from digipoort_wus.store.secrets import (
    KeyRing,
    RingId,
    Secret,
    SecretDestroyed,
    WrappedSecret,
    evidence_salt,
    new_salt,
    new_secret,
    open_payload,
    payload_key,
    seal_payload,
    unwrap,
    wrap,
)
from digipoort_wus.store.values import PayloadDamaged, Prepared, StoredPayload


@dataclass(frozen=True, slots=True)
class Vault:
    """The key ring and the files.

    Args:
        ring: wraps the secrets.
        files: for what is too large for a row.
    """

    ring: KeyRing
    files: PayloadFiles

    def prepare(self, contents: Iterable[Content], request: bytes | None = None) -> Prepared:
        """Seal contents under a new secret, large ones durably into files.

        Somebody must :meth:`release` the files once the write has its outcome.

        Args:
            contents: of the documents, in their order.
            request: what shows the signed request again.
        """
        secret = new_secret()
        documents: list[StoredPayload] = []
        try:
            for content in contents:
                documents.append(self._stored(secret, content))
            kept = None if request is None else self._stored(secret, request)
        except BaseException:
            for document in documents:
                if document.place == "file":
                    self.files.release(document.sha256)
                    self.files.remove(document.sha256)
            raise
        wrapped = wrap(self.ring, secret)
        if wrapped.wrapped is None:
            raise PayloadDamaged("a new secret was not wrapped")
        salt = evidence_salt(secret)
        return Prepared(wrapped.ring, wrapped.wrapped, tuple(documents), kept, salt)

    def release(self, prepared: Prepared) -> None:
        """Stop holding what was written; a file to which no row refers may be removed now."""
        for digest in prepared.files:
            self.files.release(digest)

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

    def seal_under(self, wrapped: WrappedSecret, octets: bytes) -> StoredPayload:
        """Seal one more payload under a secret that exists, into its row whatever its size.

        Raises:
            SecretUnreadable: the ring lacks the key.
            SecretDestroyed: the filing was purged.
        """
        return _in_row(unwrap(self.ring, wrapped), octets)

    def is_missing(self, digest: bytes) -> bool:
        """Return whether there is no file with this SHA-256."""
        try:
            self.files.open(digest, 0, None)
        except PayloadDamaged:
            return True
        return False

    def open(self, wrapped: WrappedSecret | None, payload: StoredPayload) -> Content:
        """Return a stored payload, a large one as a handle.

        Args:
            wrapped: the secret; None for what version 3 stored.
            payload: as its row says it.

        Raises:
            PayloadDamaged: it is missing or is not what was stored.
            SecretUnreadable: the ring lacks the key.
            SecretDestroyed: it was purged.
        """
        if payload.place == "gone":
            raise SecretDestroyed("the payload was purged")
        if wrapped is None or payload.salt is None:
            return self._unsealed(payload)
        secret = unwrap(self.ring, wrapped)
        if payload.content is None:
            key = payload_key(secret, payload.salt)
            return self.files.open(payload.sha256, payload.size, key)
        content = open_payload(secret, payload.salt, payload.content)
        if len(content) != payload.size:
            raise PayloadDamaged(f"payload {payload.sha256.hex()} has another size: restore it")
        return content

    def _unsealed(self, payload: StoredPayload) -> Content:
        if payload.content is None:
            return self.files.open(payload.sha256, payload.size, None)
        check_payload(payload.content, payload.sha256, payload.size)
        return payload.content

    def _stored(self, secret: Secret, content: Content) -> StoredPayload:
        if size_of(content) < IN_ROW_BELOW:
            return _in_row(secret, read_content(content))
        salt = new_salt()
        sealed = self.files.hold(content, payload_key(secret, salt))
        return StoredPayload(salt, sealed.sha256, sealed.size, None, "file")


def secret_of(ring: str | None, wrapped: bytes | None) -> WrappedSecret | None:
    """Return a secret as its row keeps it; None when there is no row."""
    return None if ring is None else WrappedSecret(RingId(ring), wrapped)


def _in_row(secret: Secret, octets: bytes) -> StoredPayload:
    sealed = seal_payload(secret, octets)
    return StoredPayload(sealed.salt, sealed.sha256, sealed.size, sealed.octets, "row")
