"""Security policies as values: what a message must meet, by name.

There is never one lenient verifier: whoever verifies says under which policy.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from cryptography.hazmat.primitives import hashes

from digipoort_wus.names import RSA_SHA1, RSA_SHA256, SHA1, SHA256


@dataclass(frozen=True, slots=True)
class Suite:
    """A signature algorithm and the digest algorithm that goes with it when we sign."""

    name: str
    signature: str
    digest: str


SUITE_SHA1 = Suite("sha1", RSA_SHA1, SHA1)
SUITE_SHA256 = Suite("sha256", RSA_SHA256, SHA256)
SUITES = {suite.name: suite for suite in (SUITE_SHA1, SUITE_SHA256)}

HASHES: dict[str, hashes.HashAlgorithm] = {
    SHA1: hashes.SHA1(),
    SHA256: hashes.SHA256(),
    RSA_SHA1: hashes.SHA1(),
    RSA_SHA256: hashes.SHA256(),
}
"""Hash of each digest and signature algorithm; all signatures are RSASSA-PKCS1-v1_5."""


@dataclass(frozen=True, slots=True)
class SecurityPolicy:
    """What the signature and timestamp of a message must meet.

    Args:
        suites: the accepted suites; digest and signature must be of these, and
            a message may mix them only where both are accepted.
        skew: how far the sender's clock may differ from ours.
        max_age: how old a message without Expires may be.
        max_window: the longest accepted time between Created and Expires.
        expires_required: whether the Timestamp must have an Expires.
    """

    name: str
    suites: tuple[Suite, ...]
    skew: timedelta = timedelta(seconds=300)
    max_age: timedelta = timedelta(seconds=600)
    max_window: timedelta = timedelta(hours=24)
    expires_required: bool = False

    @property
    def signature_algorithms(self) -> frozenset[str]:
        """Return the accepted signature algorithm URIs."""
        return frozenset(suite.signature for suite in self.suites)

    @property
    def digest_algorithms(self) -> frozenset[str]:
        """Return the accepted digest algorithm URIs."""
        return frozenset(suite.digest for suite in self.suites)


DIGIPOORT_1_2 = SecurityPolicy("digipoort-1.2", (SUITE_SHA256, SUITE_SHA1))
"""What Digipoort clients send: RSA-SHA256, and still RSA-SHA1 as the public WSDL says."""


def without_sha1(policy: SecurityPolicy) -> SecurityPolicy:
    """Return the same policy without the suites that use SHA-1."""
    return replace(policy, suites=tuple(s for s in policy.suites if s is not SUITE_SHA1))
