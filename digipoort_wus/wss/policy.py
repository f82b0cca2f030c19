"""Security policies as values: what a message must meet, by name.

There is never one lenient verifier: whoever verifies says under which policy. A
policy is a row of a table: every rule is a field, and code that enforces a rule
reads it there.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from types import MappingProxyType

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from digipoort_wus.names import (
    PSS_SHA256,
    PSS_SHA384,
    PSS_SHA512,
    RSA_SHA1,
    RSA_SHA256,
    RSA_SHA384,
    RSA_SHA512,
    SHA1,
    SHA256,
    SHA384,
    SHA512,
)
from digipoort_wus.soap.addressing import DIGIKOPPELING, DIGIPOORT, AddressingRules
from digipoort_wus.soap.envelope import Hygiene
from digipoort_wus.soap.fault import FaultForm


@dataclass(frozen=True, slots=True)
class Suite:
    """A signature algorithm and the digest algorithm that goes with it when we sign."""

    name: str
    signature: str
    digest: str


SUITE_SHA1 = Suite("sha1", RSA_SHA1, SHA1)
SUITE_SHA256 = Suite("sha256", RSA_SHA256, SHA256)
SUITE_SHA384 = Suite("sha384", RSA_SHA384, SHA384)
SUITE_SHA512 = Suite("sha512", RSA_SHA512, SHA512)
SUITE_PSS_SHA256 = Suite("pss-sha256", PSS_SHA256, SHA256)
SUITE_PSS_SHA384 = Suite("pss-sha384", PSS_SHA384, SHA384)
SUITE_PSS_SHA512 = Suite("pss-sha512", PSS_SHA512, SHA512)
SUITES_SHA2 = (SUITE_SHA256, SUITE_SHA384, SUITE_SHA512)
SUITES_PSS = (SUITE_PSS_SHA256, SUITE_PSS_SHA384, SUITE_PSS_SHA512)
SUITES = {suite.name: suite for suite in (SUITE_SHA1, SUITE_SHA256)}
"""Those of Digipoort, by name."""

HASHES: dict[str, hashes.HashAlgorithm] = {
    SHA1: hashes.SHA1(),
    SHA256: hashes.SHA256(),
    SHA384: hashes.SHA384(),
    SHA512: hashes.SHA512(),
    RSA_SHA1: hashes.SHA1(),
    RSA_SHA256: hashes.SHA256(),
    RSA_SHA384: hashes.SHA384(),
    RSA_SHA512: hashes.SHA512(),
    PSS_SHA256: hashes.SHA256(),
    PSS_SHA384: hashes.SHA384(),
    PSS_SHA512: hashes.SHA512(),
}
"""Hash of each digest and signature algorithm."""

DIGESTS = {
    SHA1: hashlib.sha1,
    SHA256: hashlib.sha256,
    SHA384: hashlib.sha384,
    SHA512: hashlib.sha512,
}
"""Makes the running digest of each digest algorithm, in less time than by its name."""

PADDINGS: dict[str, padding.PKCS1v15 | padding.PSS] = {
    # RFC 6931 §2.3.10: MGF1 and the salt are of the same hash.
    suite.signature: padding.PSS(
        padding.MGF1(HASHES[suite.digest]), HASHES[suite.digest].digest_size
    )
    for suite in SUITES_PSS
} | {suite.signature: padding.PKCS1v15() for suite in (SUITE_SHA1, *SUITES_SHA2)}
"""RSA padding of each signature algorithm."""


class Signature(Enum):
    """Whether messages are signed."""

    REQUIRED = "Body, Timestamp and every wsa header are signed"
    NONE = "nobody signs; who sends is who set up the TLS connection"


class Expires(Enum):
    """Whether a Timestamp must say when it ends."""

    OPTIONAL = "without it, the age of Created is bounded"
    REQUIRED = "every Timestamp has one"


class Confirmation(Enum):
    """Whether answers repeat the SignatureValue of their request (WS-Security 1.1 §8.5)."""

    NEVER = "no message has a SignatureConfirmation"
    IN_ANSWERS = "an answer has one, signed, for the signature of its request"


class TokenReference(Enum):
    """How KeyInfo names the signer's certificate."""

    DIRECT = "a direct reference to the BinarySecurityToken, which may stand anywhere"
    DIRECT_BACK = "a direct reference to the BinarySecurityToken, which stands before it"


class SoapAction(Enum):
    """What the HTTP header SOAPAction may say."""

    LENIENT = "absent, empty, wsa:Action with or without quotes, or its last segment"
    QUOTED = "present and in quotes: empty, or wsa:Action"


class Charset(Enum):
    """What the Content-Type may say of the encoding, which is UTF-8 in any case."""

    OPTIONAL = "utf-8, or nothing"
    REQUIRED = "utf-8"


class Replay(Enum):
    """What happens to a question that was asked before with the same signature."""

    REFUSED = "refused while its Timestamp is valid"
    UNSEEN = "answered again: without a signature there is nothing to know it by"


class FaultSignature(Enum):
    """Whether faults are signed."""

    NEVER = "unsigned"
    ALWAYS = "signed as answers are"


@dataclass(frozen=True, slots=True)
class SecurityPolicy:
    """What a message must meet, and what its answer will.

    Args:
        name: as it stands in configuration and documentation.
        suites: the accepted suites; digest and signature must be of these, and
            a message may mix them only where both are accepted.
        signature: whether messages are signed.
        skew: how far the sender's clock may differ from ours.
        max_age: how old a message without Expires may be.
        max_window: the longest accepted time between Created and Expires.
        expires: whether the Timestamp must have an Expires.
        confirmation: whether answers confirm the request's signature.
        token_reference: how KeyInfo names the certificate.
        soap_action: what the HTTP header SOAPAction may say.
        charset: what the Content-Type of text/xml may say.
        hygiene: which rules of WS-I Basic Profile hold for the envelope.
        addressing: what WS-Addressing headers may say.
        replay: what happens to the same question twice.
        faults: what a fault looks like.
        fault_signature: whether faults are signed.
        fault_status: HTTP status of faults: 500, or 200 for some clients of Digipoort.
    """

    name: str
    suites: tuple[Suite, ...]
    signature: Signature = Signature.REQUIRED
    skew: timedelta = timedelta(seconds=300)
    max_age: timedelta = timedelta(seconds=600)
    max_window: timedelta = timedelta(hours=24)
    expires: Expires = Expires.OPTIONAL
    confirmation: Confirmation = Confirmation.NEVER
    token_reference: TokenReference = TokenReference.DIRECT
    soap_action: SoapAction = SoapAction.LENIENT
    charset: Charset = Charset.OPTIONAL
    hygiene: Hygiene = Hygiene.ENVELOPE
    addressing: AddressingRules = DIGIPOORT
    replay: Replay = Replay.REFUSED
    faults: FaultForm = FaultForm.DIGIPOORT
    fault_signature: FaultSignature = FaultSignature.NEVER
    fault_status: int = 500
    signature_algorithms: frozenset[str] = field(init=False)
    """The accepted signature algorithm URIs."""
    digest_algorithms: frozenset[str] = field(init=False)
    """The accepted digest algorithm URIs."""

    def __post_init__(self) -> None:
        signatures = frozenset(suite.signature for suite in self.suites)
        object.__setattr__(self, "signature_algorithms", signatures)
        digests = frozenset(suite.digest for suite in self.suites)
        object.__setattr__(self, "digest_algorithms", digests)


DIGIPOORT_1_2 = SecurityPolicy("digipoort-1.2", (SUITE_SHA256, SUITE_SHA1))
"""What Digipoort clients send: RSA-SHA256, and still RSA-SHA1 as the public WSDL says."""

DIGIKOPPELING_3_0_BE_S = SecurityPolicy(
    "digikoppeling-3.0-be-S",
    SUITES_SHA2,
    max_age=timedelta(seconds=300),
    confirmation=Confirmation.IN_ANSWERS,
    token_reference=TokenReference.DIRECT_BACK,
    soap_action=SoapAction.QUOTED,
    charset=Charset.REQUIRED,
    hygiene=Hygiene.BASIC_PROFILE,
    addressing=DIGIKOPPELING,
    faults=FaultForm.DIGIKOPPELING,
    fault_signature=FaultSignature.ALWAYS,
)
"""Digikoppeling 2W-be-S: signed in both directions, with the SHA-2 algorithms only."""

DIGIKOPPELING_3_0_BE = replace(
    DIGIKOPPELING_3_0_BE_S,
    name="digikoppeling-3.0-be",
    suites=(),
    signature=Signature.NONE,
    confirmation=Confirmation.NEVER,
    replay=Replay.UNSEEN,
    fault_signature=FaultSignature.NEVER,
)
"""Digikoppeling 2W-be: unsigned; a Timestamp is checked when there is one."""

POLICIES = MappingProxyType(
    {
        policy.name: policy
        for policy in (DIGIPOORT_1_2, DIGIKOPPELING_3_0_BE, DIGIKOPPELING_3_0_BE_S)
    }
)
"""Every policy, by name."""


def without_sha1(policy: SecurityPolicy) -> SecurityPolicy:
    """Return the same policy without the suites that use SHA-1."""
    return replace(policy, suites=tuple(s for s in policy.suites if s is not SUITE_SHA1))


def with_pss(policy: SecurityPolicy) -> SecurityPolicy:
    """Return the same policy with RSASSA-PSS as well, where it accepts signatures.

    SIGN004 names hashes and no padding, so PSS is neither required nor excluded; few
    stacks can make or verify it.
    """
    if policy.signature is Signature.NONE:
        return policy
    return replace(policy, suites=(*policy.suites, *SUITES_PSS))
