"""What a filing was judged by, in the form in which it is kept for the evidence."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.pki.chain import VerifiedCertificate
from digipoort_wus.process.recording import CERTIFICATE, CRL, Proof
from digipoort_wus.process.signed import SignedRequest
from digipoort_wus.server.judge import Judged
from digipoort_wus.store.ports import Material
from digipoort_wus.wss.policy import SecurityPolicy

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _Remembered(Generic[K, V]):
    """What was made of objects, by which object it was: to compare them would cost as much.

    Args:
        make: makes it.
        most: the one that was used longest ago makes room.
    """

    make: Callable[[K], V]
    most: int
    _made: "OrderedDict[int, tuple[K, V]]" = field(default_factory=OrderedDict, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def __call__(self, item: K) -> V:
        with self._lock:
            found = self._made.get(id(item))
            if found is not None:
                self._made.move_to_end(id(item))
                return found[1]
        made = self.make(item)
        with self._lock:
            # The object is held as well, so that no other one gets its number.
            self._made[id(item)] = (item, made)
            while len(self._made) > self.most:
                self._made.popitem(last=False)
        return made


def _certificate(certificate: x509.Certificate) -> Material:
    octets = certificate.public_bytes(Encoding.DER)
    return Material(sha256(octets).digest(), CERTIFICATE, octets)


def _crl(crl: x509.CertificateRevocationList) -> Material:
    octets = crl.public_bytes(Encoding.DER)
    return Material(sha256(octets).digest(), CRL, octets)


# A list has megabytes, and is that of many signers.
_crl_once = _Remembered(_crl, 32)


def _materials(signer: VerifiedCertificate) -> tuple[Material, ...]:
    return (*map(_certificate, signer.chain), *map(_crl_once, signer.crls))


materials_of = _Remembered(_materials, 1024)
"""Returns what a judgement of a certificate rested on: its chain, the root last, and the CRLs."""


def with_proof(judged: Judged, policy: SecurityPolicy, request: SignedRequest) -> Judged:
    """Return a judgement whose caller brings what shows it later.

    Args:
        judged: who sends the message.
        policy: that it met.
        request: the message as it was signed.
    """
    value = judged.signature_value
    proof = Proof(
        policy.name,
        judged.caller.body_digest,
        request,
        request.kept(),
        None if value is None else sha256(value).digest(),
        None if judged.suite is None else judged.suite.signature,
        () if judged.signer is None else materials_of(judged.signer),
    )
    return replace(judged, caller=replace(judged.caller, proof=proof))
