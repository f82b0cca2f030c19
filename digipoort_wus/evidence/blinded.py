"""What may be said of personal data in evidence: an HMAC that only a key can tie to it.

The key is derived from the secret of a filing. Who has it can show that a value is the one
that was meant; once the secret is destroyed nobody can, not even by trying every value.
"""

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from digipoort_wus.filing.content import Content, open_content

SALT_SIZE = 32
_PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Blinded:
    """HMAC-SHA256 of a value under the salt of a filing; made by :func:`blind`."""

    mac: bytes

    def __post_init__(self) -> None:
        if len(self.mac) != SALT_SIZE:
            raise ValueError("an HMAC-SHA256 has 32 octets")

    def __str__(self) -> str:
        return f"hmac-sha256:{self.mac.hex()}"


@dataclass(frozen=True, slots=True)
class Digest:
    """SHA-256 of what nobody can guess and is about nobody: certificates, CRLs, signatures."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != SALT_SIZE:
            raise ValueError("a SHA-256 has 32 octets")

    def __str__(self) -> str:
        return f"sha256:{self.value.hex()}"


def digest_of(octets: bytes) -> Digest:
    """Return the SHA-256 of octets that are not personal data."""
    return Digest(hashlib.sha256(octets).digest())


def blind(salt: bytes, name: str, value: Content) -> Blinded:
    """Return the HMAC of a value under what it is called, so that equal values do not show.

    Args:
        salt: of the filing, 32 octets that are derived from its secret and destroyed with it.
        name: what the value is, such as ``message_id``; ASCII, without NUL.
        value: the octets, or a handle for them; personal data may be among them.

    Raises:
        ValueError: the salt has another size, or the name other characters.
    """
    if len(salt) != SALT_SIZE:
        raise ValueError(f"a salt has {SALT_SIZE} octets")
    prefix = _prefix(name)
    if isinstance(value, bytes) and len(value) <= _PIECE:
        return Blinded(hmac.digest(salt, prefix + value, "sha256"))
    running = hmac.new(salt, prefix, hashlib.sha256)
    with open_content(value) as file:
        while piece := file.read(_PIECE):
            running.update(piece)
    return Blinded(running.digest())


@lru_cache(maxsize=64)
def _prefix(name: str) -> bytes:
    if not name.isascii() or not name.isprintable():
        raise ValueError("a name is of printable ASCII")
    return name.encode() + b"\0"
