"""The keys of what is stored: one secret for each filing, wrapped by a key of the ring.

A key ring is a file outside of the database. Its keys wrap secrets of 32 octets, one of
each filing and of each return message; a secret gives each payload a key of its own.
To destroy a secret is to destroy every payload under it, in the files, too.

Names of the layers: *ring key* (in the file), *secret* (wrapped, in its row), *payload
key* (derived, nowhere). See docs/adr/0016-a-key-for-each-payload.md.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from digipoort_wus.errors import DigipoortError
from digipoort_wus.store.values import PayloadDamaged

RingId = NewType("RingId", str)
"""Names a key of the ring without telling it: the first 8 hex digits of its SHA-256."""

KEY_SIZE = 32
"""Octets of a ring key, of a secret, and of what is derived from one."""
SALT_SIZE = 16
"""Octets of the salt of one payload."""
NONCE_SIZE = 12
SEALED_SMALL_MORE = NONCE_SIZE + 16
"""Octets that :func:`seal_small` adds."""
_PAYLOAD = b"digipoort-wus payload 1"
_EVIDENCE = b"digipoort-wus evidence 1"
_HEAD = b"digipoort-wus head 1"
_MENDED = b"digipoort-wus mended 1"


class SecretUnreadable(DigipoortError):
    """A secret cannot be unwrapped: its key is not in the ring, or it was damaged."""


class SecretDestroyed(DigipoortError):
    """A secret was destroyed on purpose; what was sealed under it is gone."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The secret of one filing or return message, unwrapped; never shown in a repr."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WrappedSecret:
    """A secret as its row keeps it.

    Args:
        ring: names the key that wrapped it.
        wrapped: 40 octets; None when it was destroyed.
    """

    ring: RingId
    wrapped: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The ring keys; made by :func:`key_ring`.

    Args:
        current: wraps what is new.
        keys: every key that may still be asked for, of 32 octets.
    """

    current: RingId
    keys: Mapping[RingId, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedPayload:
    """A small payload as its row keeps it.

    Args:
        salt: with the secret it gives the key.
        octets: what is stored.
        sha256: of ``octets``.
        size: of the payload, before it was sealed.
    """

    salt: bytes
    octets: bytes = field(repr=False)
    sha256: bytes
    size: int


# --- The ring -----------------------------------------------------------------


def ring_id(key: bytes) -> RingId:
    """Return the name of a ring key."""
    return RingId(hashlib.sha256(key).hexdigest()[:8])


def key_ring(current: bytes, *others: bytes) -> KeyRing:
    """Return the ring of these keys, of which the first wraps what is new.

    Raises:
        ValueError: a key is not of 32 octets, or two have the same name.
    """
    keys = (current, *others)
    if any(len(key) != KEY_SIZE for key in keys):
        raise ValueError(f"a key of the ring has {KEY_SIZE} octets")
    named = {ring_id(key): key for key in keys}
    if len(named) != len(keys):
        raise ValueError("two keys of the ring have the same name")
    return KeyRing(ring_id(current), MappingProxyType(named))


def wrap(ring: KeyRing, secret: Secret) -> WrappedSecret:
    """Wrap a secret with the current key of the ring (AES key wrap, RFC 3394)."""
    return WrappedSecret(ring.current, aes_key_wrap(ring.keys[ring.current], secret.octets))


def unwrap(ring: KeyRing, wrapped: WrappedSecret) -> Secret:
    """Return the secret that a row keeps.

    Raises:
        SecretDestroyed: it was destroyed.
        SecretUnreadable: the ring lacks its key, or the row was damaged.
    """
    if wrapped.wrapped is None:
        raise SecretDestroyed("the secret was destroyed: nothing can be read under it any more")
    key = ring.keys.get(wrapped.ring)
    if key is None:
        raise SecretUnreadable(f"the key ring lacks the key {wrapped.ring}: put it back")
    try:
        return Secret(aes_key_unwrap(key, wrapped.wrapped))
    except InvalidUnwrap:
        raise SecretUnreadable(
            f"a secret under the key {wrapped.ring} was damaged: restore its row from a backup"
        ) from None


def rewrap(
    ring: KeyRing, rows: Iterable[tuple[int, WrappedSecret]]
) -> Iterator[tuple[int, WrappedSecret]]:
    """Wrap secrets anew with the current key; yields the rows that change.

    Destroyed secrets and those under the current key stay as they are.

    Args:
        ring: has the old key and the new.
        rows: number and secret; the numbers are passed on.

    Raises:
        SecretUnreadable: the ring lacks a key, or a row was damaged.
    """
    for number, wrapped in rows:
        if wrapped.wrapped is not None and wrapped.ring != ring.current:
            yield number, wrap(ring, unwrap(ring, wrapped))


# --- Secrets and what they give -----------------------------------------------


def new_secret() -> Secret:
    """Return a secret that nobody has."""
    return Secret(os.urandom(KEY_SIZE))


def new_salt() -> bytes:
    """Return the salt of one more payload."""
    return os.urandom(SALT_SIZE)


def payload_key(secret: Secret, salt: bytes, label: bytes) -> bytes:
    """Return the key of the one payload with this salt, of 32 octets.

    Args:
        secret: of its filing or return message.
        salt: of its row; of a payload that was sealed anew, see :func:`adopted`.
        label: what it is there, by :mod:`digipoort_wus.store.binding`: under another one it
            does not open.

    Raises:
        PayloadDamaged: a salt by :func:`adopted` is of another secret or label.
    """
    if len(salt) == KEY_SIZE + 8:
        try:
            return aes_key_unwrap(_mended(secret, label), salt)
        except InvalidUnwrap:
            raise PayloadDamaged("a payload is not where it belongs: restore it") from None
    return HKDF(SHA256(), KEY_SIZE, salt, _PAYLOAD + b"\0" + label).derive(secret.octets)


def adopted(secret: Secret, key: bytes, label: bytes) -> bytes:
    """Return what stands for a salt where a payload was sealed under another secret before.

    It is the payload's key, wrapped under the secret that is its from now on.

    Args:
        secret: of the filing.
        key: of the payload.
        label: what it is there.
    """
    return aes_key_wrap(_mended(secret, label), key)


def _mended(secret: Secret, label: bytes) -> bytes:
    return HKDF(SHA256(), KEY_SIZE, None, _MENDED + b"\0" + label).derive(secret.octets)


def head_key(secret: Secret) -> bytes:
    """Return the key of the MAC that ties a row to its secret, of 32 octets."""
    return HKDF(SHA256(), KEY_SIZE, None, _HEAD).derive(secret.octets)


def evidence_salt(secret: Secret) -> bytes:
    """Return the key under which personal data stands in the evidence, of 32 octets."""
    return HKDF(SHA256(), KEY_SIZE, None, _EVIDENCE).derive(secret.octets)


def seal_payload(secret: Secret, octets: bytes, label: bytes) -> SealedPayload:
    """Seal a payload that is small enough for its row, under a key of its own."""
    salt = new_salt()
    sealed = seal_small(payload_key(secret, salt, label), octets)
    return SealedPayload(salt, sealed, hashlib.sha256(sealed).digest(), len(octets))


def open_payload(secret: Secret, salt: bytes, sealed: bytes, label: bytes) -> bytes:
    """Return what :func:`seal_payload` sealed.

    Raises:
        PayloadDamaged: it is not what was sealed, or not under this secret, salt and label.
    """
    return open_small(payload_key(secret, salt, label), sealed)


def seal_small(key: bytes, octets: bytes, associated: bytes = b"") -> bytes:
    """Return octets sealed with AES-256-GCM: a nonce, what is hidden, a tag.

    Args:
        key: 32 octets.
        octets: are hidden and authenticated.
        associated: octets that are not kept, and must be the same to open it.
    """
    nonce = os.urandom(NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, octets, associated)


def open_small(key: bytes, sealed: bytes, associated: bytes = b"") -> bytes:
    """Return what :func:`seal_small` sealed.

    Raises:
        PayloadDamaged: key, octets or ``associated`` are others.
    """
    nonce, hidden = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
    try:
        # What is too short for a nonce has no tag either.
        return AESGCM(key).decrypt(nonce.ljust(NONCE_SIZE), hidden, associated)
    except InvalidTag:
        raise PayloadDamaged("a payload is not what was sealed: restore it") from None
