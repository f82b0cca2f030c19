"""From octets to what may be believed of a message: one path, in an order that is safe.

Package, envelope, header, agreement, connection, the rest of the headers, payloads, decryption,
signature. What is known of the message id is for who has a store: nothing in here remembers.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.agreed import require_agreed
from digipoort_wus.ebms.cpa_terms import terms as terms_of
from digipoort_wus.ebms.decryption import decrypt
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import DigestReference, Message, MessageHeader, Payload
from digipoort_wus.ebms.packaging import Package, listed_payloads, read_package
from digipoort_wus.ebms.partners import Ours, Partner, require_peer
from digipoort_wus.ebms.reading import (
    look_over_envelope,
    parse_envelope,
    read_header,
    read_message,
)
from digipoort_wus.ebms.signals import Kind, kind_of, require_form
from digipoort_wus.ebms.signature import verify
from digipoort_wus.ebms.surviving import remove, surviving
from digipoort_wus.ebms.terms import EncryptionTerms, Terms
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.content import open_content
from digipoort_wus.names import DS, SOAP
from digipoort_wus.pki.chain import VerifiedCertificate
from digipoort_wus.xmlsafe.apart import apart
from digipoort_wus.xmlsafe.c14n import Form, canonicalize_whole
from digipoort_wus.xmlsafe.lookover import Unparsed

_PIECE = 262_144
_SIGNATURE = f"{{{SOAP}}}Header/{{{DS}}}Signature"
_HEADER = "//Header/MessageHeader"
_NOT_FOR_THE_SENDER = frozenset({checks.EBMS_CPA.id, checks.EBMS_PARTY.id})
"""Who is not a party of an agreement in force gets no answer that only its parties get."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """What came over HTTP, request or answer.

    Args:
        content_type: value of the header, empty without one.
        body: all of it.
        peer: the verified certificate of the other end of the connection.
        at: when it came, aware.
        named: DER of the certificates that a CPA names for the other end; of an answer, those
            of the server. Those that it names for the client are known from the message.
        named_by: CPAId of that one. Under another agreement they prove nothing, or a partner
            could answer in the name of another.
    """

    content_type: str
    body: bytes | memoryview = field(repr=False)
    peer: x509.Certificate | None = field(repr=False)
    at: datetime
    named: tuple[bytes, ...] = field(default=(), repr=False)
    named_by: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that holds, but for what only a store can know.

    Args:
        kind: of message.
        message: what survives the signature; ``sync_reply`` is a hint that nobody signed.
        terms: what was agreed for it.
        partner: from whom it comes.
        payloads: decrypted, in the order of the Manifest.
        references: what a signed acknowledgment repeats; empty when it is not signed.
        signer: who signed; None when it is not signed.
        digest: SHA-256 of what repeats of it have in common.
        envelope: its octets, for who keeps them.
        at: when it came.
    """

    kind: Kind
    message: Message
    terms: Terms
    partner: Partner
    payloads: tuple[Payload, ...]
    references: tuple[DigestReference, ...]
    signer: VerifiedCertificate | None
    digest: bytes
    envelope: bytes = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Turned:
    """A message of a party of an agreement that is refused, and can be told so by a signal.

    Args:
        refusal: why.
        header: of the message; nothing else of it is to be believed.
        partner: from whom it comes.
        terms: what was agreed for it; None where that was not found.
        kind: of message; None for an action of signals that there is not.
        certain: the From party said all of this, so that the refusal may be remembered under
            the message's id.
        at: when it came.
        digest: SHA-256 of what repeats of it have in common; None where it is not certain.
    """

    refusal: EbmsRefusal
    header: MessageHeader
    partner: Partner
    terms: Terms | None
    kind: Kind | None
    certain: bool
    at: datetime
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Parsed:
    """An envelope as it came, what survives of it, and the header in that."""

    envelope: etree._Element
    remains: etree._Element
    header: MessageHeader


def open_message(inbound: Inbound, ours: Ours) -> Opened | Turned:
    """Judge one message.

    One with names that this process does not know is judged in a thread of its own.

    Args:
        inbound: as it came.
        ours: whom it may be for, and from.

    Raises:
        EbmsRefusal: nobody is known whom a signal could go to; it becomes a SOAP fault.
        ConfigurationError: the agreement cannot be used as it is.

    ebMS 2.0 §2 to §4; the order is ours.
    """
    package = read_package(inbound.body, inbound.content_type)
    unparsed = look_over_envelope(package.envelope)

    def opened() -> Opened | Turned:
        return _opened(inbound, ours, package, unparsed)

    found = opened() if unparsed.familiar else apart(opened)
    if isinstance(found, Opened):
        unparsed.make_familiar()
    return found


def _opened(inbound: Inbound, ours: Ours, package: Package, unparsed: Unparsed) -> Opened | Turned:
    envelope = parse_envelope(unparsed)
    remains, header = _header(envelope)
    partner = ours.partner(header.cpa_id)
    named = inbound.named if header.cpa_id == inbound.named_by else ()
    try:
        agreed = terms_of(partner.agreement, header, own=ours.ids, at=inbound.at)
    except EbmsRefusal as refusal:
        if refusal.check.id in _NOT_FOR_THE_SENDER:
            raise
        require_peer(inbound.peer, header.sender.ids, partner, named)
        return Turned(refusal, header, partner, None, _kind(header), False, inbound.at)
    require_peer(inbound.peer, header.sender.ids, partner, (*agreed.sender_tls, *named))
    try:
        return _judged(inbound, ours, package, _Parsed(envelope, remains, header), partner, agreed)
    except EbmsRefusal as refusal:
        certain = agreed.signature is None
        digest = content_digest(surviving(envelope), package.parts) if certain else None
        return Turned(refusal, header, partner, agreed, _kind(header), certain, inbound.at, digest)


def _header(envelope: etree._Element) -> tuple[etree._Element, MessageHeader]:
    """Return what survives of an envelope, and the one header in it."""
    try:
        remains = surviving(envelope)
        return remains, read_header(envelope, survived=remains)
    except EbmsRefusal:
        # Nobody is to be told by a signal, so everything may be looked at to find what is wrong.
        read_message(envelope)
        raise


def _kind(header: MessageHeader) -> Kind | None:
    try:
        return kind_of(header)
    except EbmsRefusal:
        return None


def _judged(
    inbound: Inbound, ours: Ours, package: Package, parsed: _Parsed, partner: Partner, agreed: Terms
) -> Opened:
    envelope, remains = parsed.envelope, parsed.remains
    message = read_message(envelope, survived=remains, header=parsed.header)
    kind = kind_of(message.header)
    require_form(message, kind)
    if kind is Kind.BUSINESS:
        require_agreed(message, agreed)
    payloads = listed_payloads(message.manifest, package.parts)
    if kind is Kind.BUSINESS and agreed.encryption is not None:
        payloads = _decrypted(payloads, ours, partner, agreed.encryption)
    signer: VerifiedCertificate | None = None
    references: tuple[DigestReference, ...] = ()
    must_be_verified = _must_be_verified(kind, agreed, remains)
    read = _without_signature(remains)
    if must_be_verified and agreed.signature is not None:
        verified = verify(
            envelope,
            {payload.content_id: payload.content for payload in payloads},
            agreed.signature,
            at=inbound.at,
            trust=ours.trust,
            unsafe_sha1=partner.unsafe_sha1,
            survived=remains,
        )
        signer, references = verified.signer, verified.references
        # What was read is what was signed. Nothing can make them differ; should it ever, nothing
        # is believed.
        if _without_signature(verified.tree) != read:
            raise EbmsRefusal(
                checks.EBMS_SIGNATURE_COVERAGE,
                at=_HEADER,
                expected="the headers that were signed",
            )
    return Opened(
        kind=kind,
        message=message,
        terms=agreed,
        partner=partner,
        payloads=payloads,
        references=references,
        signer=signer,
        digest=_digest(read, payloads),
        envelope=package.envelope,
        at=inbound.at,
    )


def _decrypted(
    payloads: Sequence[Payload], ours: Ours, partner: Partner, terms: EncryptionTerms
) -> tuple[Payload, ...]:
    unsafe = partner.unsafe_cbc_and_rsa_1_5

    def decrypted() -> tuple[Payload, ...]:
        return tuple(
            decrypt(payload, ours.identities, terms, unsafe_cbc_and_rsa_1_5=unsafe)
            for payload in payloads
        )

    # They are XML as well, and nobody has looked at its names.
    return apart(decrypted)


def _must_be_verified(kind: Kind, agreed: Terms, remains: etree._Element) -> bool:
    """Return whether a message has to be signed, or is and can be judged.

    A signal need not be: whether an acknowledgment has to, is said by the message that it is
    about. A signature that nobody agreed on proves nothing and is passed over: TLS says who
    it is (ours).
    """
    if agreed.signature is None:
        return False
    return kind is Kind.BUSINESS or remains.find(_SIGNATURE) is not None


def content_digest(remains: etree._Element, payloads: Sequence[Payload]) -> bytes:
    """Return SHA-256 of what repeats of a message have in common.

    Of the canonical envelope without signature and without what is for somebody on the way, and
    of each payload decrypted: both may be made anew at every attempt (inferred of peers that do).

    Args:
        remains: what survives of the envelope; its Signature is taken out of it.
        payloads: in any order; the Manifest, which is in the envelope, has its own.

    Raises:
        EbmsRefusal: EBMS-XML.
    """
    return _digest(_without_signature(remains), payloads)


def _without_signature(remains: etree._Element) -> bytes:
    """Take the Signature out of what survives of an envelope, and return its canonical form.

    Raises:
        EbmsRefusal: EBMS-XML; it has none, which is no mistake of ours that may pass.
    """
    for signature in remains.findall(_SIGNATURE):
        remove(signature)
    try:
        return canonicalize_whole(remains, Form.EXCLUSIVE)
    except Refusal as refusal:
        raise EbmsRefusal(
            checks.EBMS_XML,
            at="/Envelope",
            expected="namespace names that are absolute URIs",
            received="what has no canonical form",
        ) from refusal


def _digest(canonical: bytes, payloads: Sequence[Payload]) -> bytes:
    whole = hashlib.sha256(canonical)
    for payload in sorted(payloads, key=lambda each: each.content_id):
        found = hashlib.sha256()
        with open_content(payload.content) as octets:
            while piece := octets.read(_PIECE):
                found.update(piece)
        whole.update(found.digest())
    return whole.digest()


def as_refusal(error: ConfigurationError) -> EbmsRefusal:
    """Return what a sender is told of an agreement of ours that cannot be used."""
    del error
    return EbmsRefusal(checks.EBMS_CHANNEL, at="//Header/MessageHeader/CPAId")
