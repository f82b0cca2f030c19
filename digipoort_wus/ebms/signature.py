"""The one verification path of a signed ebMS message: a value or a refusal.

What is handed on is the very octets that the signer digested, read again, without what is
addressed to somebody on the way.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import DigestReference
from digipoort_wus.ebms.signature_form import (
    AT,
    Canonicalization,
    EnvelopeReference,
    PayloadReference,
    SignatureForm,
    read_signature,
    signature_of,
)
from digipoort_wus.ebms.surviving import prune, remove, whole
from digipoort_wus.ebms.terms import SignatureTerms
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.content import Content, open_content
from digipoort_wus.names import (
    RSA_SHA1,
    RSA_SHA256,
    RSA_SHA384,
    RSA_SHA512,
    SHA1,
    SHA256,
    SHA384,
    SHA512,
)
from digipoort_wus.pki.chain import VerifiedCertificate
from digipoort_wus.soap.multipart import read_cid
from digipoort_wus.wss.policy import DIGESTS, HASHES, PADDINGS
from digipoort_wus.xmlsafe.c14n import (
    Form,
    canonicalize,
    canonicalize_inclusive,
    canonicalize_whole,
    read_own,
)

T = TypeVar("T")

Trust = Callable[[x509.Certificate, Sequence[x509.Certificate], datetime], VerifiedCertificate]
"""Judges a signer's certificate, with others beside it, at a moment; raises Refusal."""

SIGNATURES = frozenset({RSA_SHA256, RSA_SHA384, RSA_SHA512})
"""Accepted signature algorithms: those that the profiles of Digikoppeling name for RSA. Nobody
was seen to use PSS or ECDSA, and half of the verifiers in use have neither."""
DIGEST_METHODS = frozenset({SHA256, SHA384, SHA512})
"""Accepted digest algorithms."""
_PIECE = 262_144
_ACK_AT = "//Header/Acknowledgment/Reference"


@dataclass(frozen=True, slots=True)
class Verified:
    """What later code may read of a signed message, and who signed it.

    Args:
        tree: the envelope that was digested, without the Signature and without what is
            addressed to nextMSH or to the next actor.
        references: what a signed acknowledgment of this message repeats, in order.
        signer: the judged certificate.
    """

    tree: etree._Element
    references: tuple[DigestReference, ...]
    signer: VerifiedCertificate


def verify(
    envelope: etree._Element,
    parts: Mapping[str, Content],
    terms: SignatureTerms,
    *,
    at: datetime,
    trust: Trust,
    unsafe_sha1: bool = False,
    survived: etree._Element | None = None,
) -> Verified:
    """Verify the signature of one message as its CPA says.

    Args:
        envelope: root of the parsed message, as it came; not changed.
        parts: the decoded octets of every part beside the envelope, by its Content-ID without
            brackets. That these are the parts of the Manifest is for the caller to require.
        terms: algorithms and certificate of the CPA; only its first certificate signs.
        at: the moment of receipt, aware; never a moment that the message names.
        trust: judges that certificate: chain, purpose, revocation.
        unsafe_sha1: accept SHA-1 where the terms name it.
        survived: what survives of it, without the Signature, where that was made already; not
            changed. It is digested, and handed on, where the signature has the XPath of ebMS.

    Raises:
        EbmsRefusal: the first check that failed.
        ConfigurationError: the terms cannot be used.

    ebMS 2.0 §4.1.3; XML Signature §3.2.
    """
    check_terms(terms, unsafe_sha1=unsafe_sha1)
    certificate, beside = signing_certificates(terms)
    # (1) Form: one signature, and nothing in it that is not known here.
    tree = whole(envelope) if survived is None else envelope
    form = read_signature(tree)
    # (2) Algorithms, before any of them runs.
    _require_algorithms(form, terms)
    # (3) Coverage: the envelope, and every part once.
    _require_coverage(form.payloads, parts)
    # (4) The signer: whom the CPA names, and nobody that the message brings along.
    _require_same_key(form, certificate, terms.certificates[0])
    signer = _judged(certificate, beside, terms, at, trust)
    # (5) SignatureValue, and then the digests: no stranger makes us digest what is large.
    _require_value(form, certificate)
    octets, signed = _signed(tree, form, survived)
    _require_digest(form.envelope, octets, "the envelope")
    for reference in form.payloads:
        _require_digest(reference, parts[reference.content_id], "a payload")
    # (6) What was digested is what is handed on.
    if signed is None:
        signed = _canonical(lambda: read_own(octets))
        prune(signed)
    return Verified(signed, form.references, signer)


def same_references(
    sent: Sequence[DigestReference], acknowledged: Sequence[DigestReference]
) -> None:
    """Require that a signed acknowledgment repeats the digests of the message that was sent.

    The order is free, and so are the transforms: those that were sent are known.

    Args:
        sent: what :func:`~digipoort_wus.ebms.signing.sign` returned.
        acknowledged: of the verified acknowledgment.

    Raises:
        EbmsRefusal: EBMS-ACK-REFERENCES.

    ebMS 2.0 §6.3.2.5.
    """
    expected, received = (sorted(map(_said, each)) for each in (sent, acknowledged))
    if expected != received:
        raise EbmsRefusal(
            checks.EBMS_ACK_REFERENCES,
            at=_ACK_AT,
            expected=f"the {len(expected)} digests of the message",
            received=f"{len(received)}, and not the same",
        )


def _said(reference: DigestReference) -> tuple[str, str, bytes]:
    # The same part may be written with other characters percent-encoded.
    content_id = read_cid(reference.uri)
    part = reference.uri if content_id is None else f"cid:{content_id}"
    return part, reference.digest_method, reference.digest


def check_terms(terms: SignatureTerms, *, unsafe_sha1: bool) -> None:
    """Require that what a CPA says of signatures can be done here.

    Raises:
        ConfigurationError: it cannot, and what to do.
    """
    if (terms.algorithm == RSA_SHA1 or terms.digest == SHA1) and not unsafe_sha1:
        raise ConfigurationError(
            "The CPA names SHA-1 for signatures: agree on SHA-256, or set unsafe_sha1 for this "
            "partner until then."
        )
    methods = DIGEST_METHODS | {SHA1}
    if terms.algorithm not in SIGNATURES | {RSA_SHA1} or terms.digest not in methods:
        raise ConfigurationError(
            "The CPA names an algorithm for signatures that is not known here: agree on "
            f"{RSA_SHA256} with {SHA256}."
        )


def signing_certificates(
    terms: SignatureTerms,
) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    """Return the signer's certificate and the others that the CPA has with it.

    Raises:
        ConfigurationError: there is none, or one cannot be read.
    """
    if not terms.certificates:
        raise ConfigurationError(
            "The CPA names no certificate for signatures: add a SigningCertificateRef."
        )
    own, *others = (_certificate(der) for der in terms.certificates)
    return own, tuple(others)


@lru_cache(maxsize=256)
def _certificate(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise ConfigurationError(
            "A certificate in the CPA cannot be read: put the partner's X.509 certificate there."
        ) from error


def digest(method: str, content: Content) -> bytes:
    """Return the digest of some octets, which are read piece by piece.

    Args:
        method: URI of a digest algorithm that is known here.
        content: at hand or kept elsewhere.
    """
    running = DIGESTS[method](usedforsecurity=False)
    if isinstance(content, bytes):
        running.update(content)
        return running.digest()
    with open_content(content) as file:
        while piece := file.read(_PIECE):
            running.update(piece)
    return running.digest()


def canonical(element: etree._Element, canonicalization: Canonicalization) -> bytes:
    """Return the canonical form of a part of a message, where it stands.

    Raises:
        Refusal: XML-CANONICAL.
    """
    if canonicalization.form is Form.INCLUSIVE:
        return canonicalize_inclusive(element)
    return canonicalize(element, canonicalization.prefixes)


def _require_algorithms(form: SignatureForm, terms: SignatureTerms) -> None:
    if form.algorithm != terms.algorithm:
        raise EbmsRefusal(
            checks.EBMS_SIGNATURE_ALGORITHM,
            at=f"{AT}/SignedInfo/SignatureMethod/@Algorithm",
            expected=terms.algorithm,
            received=_named(form.algorithm),
        )
    for number, reference in enumerate(form.references, 1):
        if reference.digest_method != terms.digest:
            raise EbmsRefusal(
                checks.EBMS_SIGNATURE_ALGORITHM,
                at=f"{AT}/SignedInfo/Reference[{number}]/DigestMethod/@Algorithm",
                expected=terms.digest,
                received=_named(reference.digest_method),
            )


def _named(algorithm: str) -> str:
    """Return an algorithm that is known; any other may be a text of any kind and length."""
    known = SIGNATURES | DIGEST_METHODS | {RSA_SHA1, SHA1}
    return algorithm if algorithm in known else "another algorithm"


def _require_coverage(references: Sequence[PayloadReference], parts: Mapping[str, Content]) -> None:
    seen: set[str] = set()
    for reference in references:
        problem = ""
        if reference.content_id in seen:
            problem = "a part twice"
        elif reference.content_id not in parts:
            problem = "a part that the message does not have"
        if problem:
            raise EbmsRefusal(
                checks.EBMS_SIGNATURE_COVERAGE, at=f"{reference.at}/@URI", received=problem
            )
        seen.add(reference.content_id)
    for content_id in parts:
        if content_id not in seen:
            raise EbmsRefusal(
                checks.EBMS_SIGNATURE_COVERAGE,
                at=f"cid:{content_id}",
                received="a part that is not signed",
            )


def _require_same_key(form: SignatureForm, certificate: x509.Certificate, der: bytes) -> None:
    """Compare KeyInfo with the CPA; it decides nothing."""
    if form.certificates and der not in form.certificates:
        raise EbmsRefusal(
            checks.EBMS_SIGNER,
            at=f"{AT}/KeyInfo/X509Data/X509Certificate",
            expected="the certificate of the CPA",
            received="another one",
        )
    if not form.keys:
        return
    numbers = _key(certificate).public_numbers()
    if form.keys != ((numbers.n, numbers.e),):
        raise EbmsRefusal(
            checks.EBMS_SIGNER,
            at=f"{AT}/KeyInfo/KeyValue",
            expected="the key of the CPA's certificate",
            received="another one",
        )


def _judged(
    certificate: x509.Certificate,
    beside: Sequence[x509.Certificate],
    terms: SignatureTerms,
    at: datetime,
    trust: Trust,
) -> VerifiedCertificate:
    try:
        signer = trust(certificate, beside, at)
    except Refusal as refusal:
        raise EbmsRefusal(
            checks.EBMS_SIGNER,
            at=AT,
            expected=refusal.expected,
            received=f"{refusal.check.id}: {refusal.received}",
        ) from refusal
    anchors = {link.public_bytes(Encoding.DER) for link in signer.chain} if terms.trust else set()
    if terms.trust and anchors.isdisjoint(terms.trust):
        raise EbmsRefusal(
            checks.EBMS_SIGNER,
            at=AT,
            expected="a chain to an anchor that the CPA names",
            received="a chain to another one",
        )
    return signer


def _key(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise ConfigurationError(
            "The certificate for signatures in the CPA has no RSA key: put one there that has."
        )
    return key


def _require_value(form: SignatureForm, certificate: x509.Certificate) -> None:
    octets = _canonical(lambda: canonical(form.signed_info, form.canonicalization))
    if len(octets) > limits.SIGNED_INFO_MAX_BYTES:
        raise EbmsRefusal(
            checks.EBMS_SIGNATURE_FORM,
            at=f"{AT}/SignedInfo",
            expected=f"at most {limits.SIGNED_INFO_MAX_BYTES} octets",
            received=str(len(octets)),
        )
    try:
        _key(certificate).verify(
            form.value, octets, PADDINGS[form.algorithm], HASHES[form.algorithm]
        )
    except InvalidSignature:
        raise EbmsRefusal(checks.EBMS_SIGNATURE_VALUE, at=f"{AT}/SignatureValue") from None


def _signed(
    envelope: etree._Element, form: SignatureForm, survived: etree._Element | None
) -> tuple[bytes, etree._Element | None]:
    """Return what the transforms make of the envelope, and of which tree, if that is at hand."""
    how, tree = form.envelope.canonicalization, survived
    if tree is None or not form.envelope.prunes:
        tree = envelope if survived is None else whole(envelope)
        remove(signature_of(tree))
        if form.envelope.prunes:
            prune(tree)
    octets = _canonical(partial(canonicalize_whole, tree, how.form, how.prefixes))
    return octets, tree if tree is survived else None


def _require_digest(
    reference: EnvelopeReference | PayloadReference, content: Content, what: str
) -> None:
    values = reference.values
    if not hmac.compare_digest(digest(values.digest_method, content), values.digest):
        raise EbmsRefusal(
            checks.EBMS_SIGNATURE_DIGEST,
            at=f"{reference.at}/DigestValue",
            received=f"another digest of {what}",
        )


def _canonical(work: Callable[[], T]) -> T:
    """Do something with canonical forms; who sent what has none is refused as for any form."""
    try:
        return work()
    except Refusal as refusal:
        raise EbmsRefusal(
            checks.EBMS_SIGNATURE_FORM, at=AT, received="what has no canonical form"
        ) from refusal
