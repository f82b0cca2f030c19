"""Encrypting the payloads of an ebMS message: after it was signed, each part by itself."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast
from xml.sax.saxutils import quoteattr

import pybase64
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import XMLENC, XMLENC11
from digipoort_wus.ebms.terms import EncryptionTerms
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.content import Content, open_content, size_of
from digipoort_wus.names import DS, SHA1

AES128_GCM = XMLENC11 + "aes128-gcm"
AES256_GCM = XMLENC11 + "aes256-gcm"
KEY_SIZES = {AES128_GCM: 16, AES256_GCM: 32}
"""Octets of the key of each algorithm that we encrypt with."""
RSA_OAEP_MGF1P = XMLENC + "rsa-oaep-mgf1p"
IV_SIZE, TAG_SIZE = 12, 16
"""Octets before and behind the encrypted ones (XML Encryption 1.1 §5.2.4)."""
ENCRYPTED_TYPE = "application/xml"
"""Media type of a part that is encrypted."""
_SMALL = 65_536
# Of three octets four characters come, without any left over.
_PIECE = 3 * 65_536


def encrypt(payload: Payload, terms: EncryptionTerms) -> Payload:
    """Return an encrypted part for a payload; whoever signs it has to do so before.

    Each call takes a fresh key. The octets of the result are the same at each reading: those of
    a large payload are made anew each time, piece by piece, so that it is never in memory.

    Args:
        payload: the part as it is signed.
        terms: algorithm, and the certificate that only its receiver can use.

    Raises:
        ConfigurationError: the terms cannot be used.

    XML Encryption 1.1; RSA-OAEP with SHA-1 as its label hash, which every decrypter that was
    tried understands, and on whose collisions nothing depends.
    """
    size = KEY_SIZES.get(terms.algorithm)
    if size is None:
        raise ConfigurationError(
            "The CPA names an algorithm for encryption that is not used here: agree on "
            f"{AES256_GCM}."
        )
    key, iv = os.urandom(size), os.urandom(IV_SIZE)
    before = _before(payload.media_type, terms, _wrapped(key, terms.certificate))
    sealed = _Encrypted(payload.content, key, iv, before, _BEHIND)
    content: Content = sealed.read() if size_of(payload.content) <= _SMALL else sealed
    return replace(payload, media_type=ENCRYPTED_TYPE, content=content)


def _wrapped(key: bytes, der: bytes) -> bytes:
    try:
        public_key = x509.load_der_x509_certificate(der).public_key()
    except ValueError:
        public_key = None
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise ConfigurationError(
            "The certificate for encryption in the CPA cannot be used: put one with an RSA key "
            "there."
        )
    return public_key.encrypt(
        key,
        padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None),  # noqa: S303
    )


_BEHIND = b"</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"


def _before(media_type: str, terms: EncryptionTerms, wrapped: bytes) -> bytes:
    """Return what stands before the encrypted octets.

    No Type: with the one for elements, which others write for octets as well, some libraries
    take what they decrypted for XML.
    """
    certificate = pybase64.b64encode_as_string(terms.certificate)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<xenc:EncryptedData xmlns:xenc="{XMLENC}" MimeType={quoteattr(media_type)}>'
        f'<xenc:EncryptionMethod Algorithm="{terms.algorithm}"/>'
        f'<ds:KeyInfo xmlns:ds="{DS}"><xenc:EncryptedKey>'
        f'<xenc:EncryptionMethod Algorithm="{RSA_OAEP_MGF1P}">'
        f'<ds:DigestMethod Algorithm="{SHA1}"/></xenc:EncryptionMethod>'
        f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}"
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        f"<xenc:CipherData><xenc:CipherValue>{pybase64.b64encode_as_string(wrapped)}"
        "</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>"
        "<xenc:CipherData><xenc:CipherValue>"
    ).encode()


@dataclass(frozen=True, slots=True)
class _Encrypted:
    """An encrypted part that is made while it is read: a StoredContent.

    Args:
        content: what is encrypted; the same octets at each reading, as of every content. With
            others the same key and iv would give both away.
        key: for this part only.
        iv: as well.
        before: octets before the base64.
        behind: octets behind it.
    """

    content: Content = field(repr=False)
    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    before: bytes = field(repr=False)
    behind: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """How many octets there are."""
        octets = IV_SIZE + size_of(self.content) + TAG_SIZE
        return len(self.before) + (octets + 2) // 3 * 4 + len(self.behind)

    def open(self) -> BinaryIO:
        """Open the octets from the start."""
        return cast(BinaryIO, io.BufferedReader(_Reading(self._pieces()), _PIECE))

    def read(self) -> bytes:
        """Return all octets."""
        return b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        yield self.before
        encryptor = Cipher(AES(self.key), GCM(self.iv)).encryptor()
        left = self.iv
        with open_content(self.content) as file:
            while piece := file.read(_PIECE):
                left += encryptor.update(piece)
                whole = len(left) - len(left) % 3
                yield pybase64.b64encode(left[:whole])
                left = left[whole:]
        left += encryptor.finalize()
        yield pybase64.b64encode(left + encryptor.tag)
        yield self.behind


class _Reading(io.RawIOBase):
    """The pieces of an iterator as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        into = memoryview(cast(bytearray, buffer)).cast("B")
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(into), len(self._left))
        into[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
