"""The one verification path of a signed message: numbered steps, a result or a refusal."""

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.clock import format_utc
from digipoort_wus.errors import Refusal
from digipoort_wus.names import SHA256
from digipoort_wus.pki.chain import VerifiedCertificate
from digipoort_wus.soap.addressing import Addressing
from digipoort_wus.soap.envelope import Envelope, local_name
from digipoort_wus.wss.header import (
    WSU_ID,
    Reference,
    SecurityHeader,
    Timestamp,
    read_security,
    read_unsigned_security,
    require_unique_ids,
)
from digipoort_wus.wss.policy import (
    DIGESTS,
    HASHES,
    PADDINGS,
    SUITE_SHA1,
    SUITES_PSS,
    SUITES_SHA2,
    Confirmation,
    Expires,
    SecurityPolicy,
    Suite,
    TokenReference,
)
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.splice import LargeTexts

Trust = Callable[[x509.Certificate, datetime], VerifiedCertificate]
"""Judges a signer's certificate at a moment: chain, purpose, revocation, OIN; raises Refusal."""

SignedParts = Mapping[str, etree._Element]
"""The elements that References may name, by wsu:Id, each found by its position."""

_SUITES = {
    (suite.signature, suite.digest): suite for suite in (SUITE_SHA1, *SUITES_SHA2, *SUITES_PSS)
}
_ELEMENTS = etree.XPath("count(descendant-or-self::*)")


class SignatureEngine(Protocol):
    """Decides whether SignatureValue and every digest of a message are right.

    It is called when form, algorithms, targets and certificate have been judged. Who needs
    the tree as it came restores the large texts.
    """

    def __call__(self, header: SecurityHeader, parts: SignedParts, texts: LargeTexts) -> None:
        """Return when everything verifies; raise Refusal otherwise."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What later code may read of a message: only what was signed, and who signed it.

    Args:
        body_child: the element in the signed Body.
        addressing: the signed addressing values.
        signer: the judged certificate of the signature.
        timestamp: the signed Created and Expires.
        suite: how an answer to this message is signed.
        signature_value: the decoded SignatureValue.
        body_digest: SHA-256 of the canonical element in the Body. Not of the Body itself:
            stacks give that another Id when they sign the same content again.
    """

    body_child: etree._Element
    addressing: Addressing
    signer: VerifiedCertificate
    timestamp: Timestamp
    suite: Suite
    signature_value: bytes
    body_digest: bytes


def verify_envelope(
    envelope: Envelope,
    addressing: Addressing,
    *,
    policy: SecurityPolicy,
    trust: Trust,
    now: datetime,
    engine: SignatureEngine | None = None,
    texts: LargeTexts | None = None,
    confirms: bytes | None = None,
) -> Verified:
    """Verify the signature of one message under a policy.

    Args:
        envelope: read by position from the one parse of the message.
        addressing: the addressing headers of that envelope.
        policy: what signature and timestamp must meet.
        trust: judges the signer's certificate.
        now: the moment of receipt, aware.
        engine: does the cryptography; the native one when None.
        texts: of the Body; when it is given, they are out of the tree afterwards.
        confirms: the SignatureValue of the request that this message answers; None for a
            request, which confirms nothing.

    Raises:
        Refusal: the first check that failed.

    Digikoppeling WUS WB001 to WB014; Digipoort WSDL 1.2 documentation.
    """
    # (1) Form: one header, one of each part, unique Ids.
    require_unique_ids(envelope.root)
    texts = texts if texts is not None else LargeTexts(None)
    header = read_security(envelope)
    _require_token_order(header, policy)
    if policy.confirmation is Confirmation.IN_ANSWERS and confirms is not None:
        require_confirmation(header, confirms)
    elif header.confirmations:
        raise Refusal(checks.WSS_CHILDREN, received="SignatureConfirmation too many")
    # (2) Algorithms, before any of them runs.
    _require_algorithms(header, policy)
    # (3) Targets and coverage: position decides what may and what must be signed.
    parts = _signable_parts(envelope, addressing, header)
    _require_coverage(envelope, addressing, header, parts)
    _require_few_elements(header, parts)
    # (4) Certificate: chain, purpose, revocation, OIN.
    signer = trust(header.certificate, now)
    # (5) SignatureValue and digests.
    (engine or verify_signature)(header, parts, texts)
    # (6) Freshness: only now is the Timestamp known to be the signer's.
    _require_fresh(header.timestamp, policy, now)
    return Verified(
        body_child=envelope.body_child,
        addressing=addressing,
        signer=signer,
        timestamp=header.timestamp,
        suite=_suite_of(header, envelope.body),
        signature_value=header.signature_value,
        body_digest=_digest(SHA256, texts.octets(envelope.body_child)),
    )


def verify_unsigned(
    envelope: Envelope, *, policy: SecurityPolicy, now: datetime
) -> Timestamp | None:
    """Verify what an unsigned message may say about itself: when it was made.

    Args:
        policy: one without signatures.
        now: the moment of receipt, aware.

    Returns:
        The Timestamp, which nobody signed; None without one.

    Raises:
        Refusal: WSS-UNEXPECTED, WSS-TIMESTAMP-FORM or WSS-EXPIRED.

    Digikoppeling WUS WB011.
    """
    timestamp = read_unsigned_security(envelope)
    if timestamp is not None:
        _require_fresh(timestamp, policy, now)
    return timestamp


def require_confirmation(header: SecurityHeader, sent: bytes) -> None:
    """Require that an answer confirms the signature of its request; coverage is judged apart.

    Args:
        header: of the answer.
        sent: decoded SignatureValue of the request.

    Raises:
        Refusal: WSS-CONFIRMATION.

    Digikoppeling WUS WB014; WS-Security 1.1 §8.5.
    """
    values = [confirmed.value for confirmed in header.confirmations]
    if len(values) != 1 or values[0] is None or not hmac.compare_digest(values[0], sent):
        raise Refusal(
            checks.WSS_CONFIRMATION,
            expected="the SignatureValue of the request",
            received="another one" if len(values) == 1 else f"{len(values)} confirmations",
        )


def verify_signature(header: SecurityHeader, parts: SignedParts, texts: LargeTexts) -> None:
    """Verify SignatureValue and digests with lxml's c14n and cryptography: the native engine.

    Raises:
        Refusal: WSS-SIGNATURE, WSS-DIGEST, WSS-REF-LIMIT, PKI-KEY or XML-CANONICAL.

    XML Signature §3.2; RFC 8017 §8.1.2 and §8.2.2 (RSASSA-PSS and RSASSA-PKCS1-v1_5).
    """
    # RSA first: it is cheap, and nobody unauthenticated makes us digest 28 MB.
    octets = canonicalize(header.signed_info, header.signed_info_prefixes)
    if len(octets) > limits.SIGNED_INFO_MAX_BYTES:
        raise Refusal(
            checks.WSS_REF_LIMIT,
            expected=f"a SignedInfo of at most {limits.SIGNED_INFO_MAX_BYTES} bytes",
            received=str(len(octets)),
        )
    try:
        signing_key(header.certificate).verify(
            header.signature_value,
            octets,
            PADDINGS[header.signature_algorithm],
            HASHES[header.signature_algorithm],
        )
    except InvalidSignature:
        raise Refusal(checks.WSS_SIGNATURE) from None
    digested: dict[str, Reference] = {}
    for reference in header.references:
        # Who signs twice says the same twice: it is digested once.
        if digested.get(reference.target_id) == reference:
            continue
        digested[reference.target_id] = reference
        part = parts[reference.target_id]
        octets_of_part = texts.octets(part, reference.prefixes)
        digest = _digest(reference.digest_algorithm, octets_of_part)
        if not hmac.compare_digest(digest, reference.digest):
            raise Refusal(checks.WSS_DIGEST, received=f"another digest of {local_name(part)}")


def _digest(algorithm: str, pieces: Iterable[bytes]) -> bytes:
    # Lets SHA-1 work where FIPS mode hides it; the policy decides.
    running = DIGESTS[algorithm](usedforsecurity=False)
    for piece in pieces:
        running.update(piece)
    return running.digest()


@lru_cache(maxsize=256)
def signing_key(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    """Return the RSA key of a certificate.

    Raises:
        Refusal: PKI-KEY.
    """
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise Refusal(checks.PKI_KEY, expected="RSA", received=type(key).__name__)
    return key


def _require_token_order(header: SecurityHeader, policy: SecurityPolicy) -> None:
    if policy.token_reference is TokenReference.DIRECT_BACK and (
        header.element.index(header.token) > header.element.index(header.signature)
    ):
        raise Refusal(
            checks.WSS_KEY_INFO,
            expected="the BinarySecurityToken before the Signature",
            received="behind it",
        )


def _require_algorithms(header: SecurityHeader, policy: SecurityPolicy) -> None:
    if header.signature_algorithm not in policy.signature_algorithms:
        raise Refusal(
            checks.WSS_ALGORITHM,
            expected=" or ".join(sorted(policy.signature_algorithms)),
            received=header.signature_algorithm,
        )
    for reference in header.references:
        if reference.digest_algorithm not in policy.digest_algorithms:
            raise Refusal(
                checks.WSS_ALGORITHM,
                expected=" or ".join(sorted(policy.digest_algorithms)),
                received=reference.digest_algorithm,
            )


def _signable_parts(
    envelope: Envelope, addressing: Addressing, header: SecurityHeader
) -> dict[str, etree._Element]:
    confirmations = (confirmed.element for confirmed in header.confirmations)
    candidates = (
        envelope.body,
        header.timestamp.element,
        header.token,
        *addressing.blocks,
        *confirmations,
    )
    return {part_id: part for part in candidates if (part_id := part.get(WSU_ID))}


def _require_coverage(
    envelope: Envelope, addressing: Addressing, header: SecurityHeader, parts: SignedParts
) -> None:
    covered: dict[str, Reference] = {}
    for reference in header.references:
        if reference.target_id not in parts:
            raise Refusal(checks.WSS_REF_TARGET, received=f"#{reference.target_id}")
        # CXF signs the Timestamp twice, when the WSDL's policy names it in two places.
        earlier = covered.setdefault(reference.target_id, reference)
        if earlier is not reference and earlier != reference:
            raise Refusal(checks.WSS_REF_UNIQUE, received=f"#{reference.target_id} twice")
    confirmations = (confirmed.element for confirmed in header.confirmations)
    required = (envelope.body, header.timestamp.element, *addressing.blocks, *confirmations)
    # Elements are equal when they are the same one.
    signed = {parts[part_id] for part_id in covered}
    for part in required:
        if part not in signed:
            raise Refusal(checks.WSS_COVERAGE, received=f"{local_name(part)} is not signed")


def _require_few_elements(header: SecurityHeader, parts: SignedParts) -> None:
    """Bound what canonicalisation has to look at: anybody with a certificate can sign.

    Without prefixes and repetitions the limits of a message do.
    """
    references = header.references
    once = len({reference.target_id for reference in references}) == len(references)
    if once and not any(reference.prefixes for reference in references):
        return
    elements = sum(
        int(_ELEMENTS(parts[reference.target_id])) * (1 + len(reference.prefixes))
        for reference in references
    )
    if elements > limits.REFERENCED_ELEMENTS_MAX:
        raise Refusal(
            checks.WSS_REF_LIMIT,
            expected=f"at most {limits.REFERENCED_ELEMENTS_MAX} elements, each time that a "
            "Reference names them, and for each prefix of its PrefixList",
            received=str(elements),
        )


def _suite_of(header: SecurityHeader, body: etree._Element) -> Suite:
    """Return the algorithms of a request, so that its answer can use the same.

    Clients that were told one digest in a policy and another in a setting mix suites,
    and check that their answers do.
    """
    signature = header.signature_algorithm
    digest = next(
        reference.digest_algorithm
        for reference in header.references
        if reference.target_id == body.get(WSU_ID)
    )
    return _SUITES.get((signature, digest)) or Suite("mixed", signature, digest)


def _require_fresh(timestamp: Timestamp, policy: SecurityPolicy, now: datetime) -> None:
    created, expires = timestamp.created, timestamp.expires
    if expires is None and policy.expires is Expires.REQUIRED:
        raise Refusal(checks.WSS_EXPIRED, expected="Expires")
    # First: from here on Created is near enough for arithmetic with it.
    if created > now + policy.skew:
        raise Refusal(
            checks.WSS_EXPIRED,
            expected=f"Created at most {_seconds(policy.skew)} after {format_utc(now)}",
            received=format_utc(created),
        )
    end = _end(timestamp, policy)
    if end - created > policy.max_window:
        raise Refusal(
            checks.WSS_EXPIRED,
            expected=f"at most {_seconds(policy.max_window)} from Created to Expires",
            received=_seconds(end - created),
        )
    if now > end + policy.skew:
        raise Refusal(
            checks.WSS_EXPIRED,
            expected=f"not expired at {format_utc(now)} (skew {_seconds(policy.skew)})",
            received=f"valid until {format_utc(end)}",
        )


def valid_until(timestamp: Timestamp, policy: SecurityPolicy) -> datetime:
    """Return when a fresh Timestamp no longer is: its end and the skew of the policy."""
    return _end(timestamp, policy) + policy.skew


def _end(timestamp: Timestamp, policy: SecurityPolicy) -> datetime:
    return (
        timestamp.expires if timestamp.expires is not None else timestamp.created + policy.max_age
    )


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f} s"
