"""What we say: business messages, and the signals about those of others.

A :class:`~digipoort_wus.ebms.message.Message` becomes a :class:`Ready`: signed, encrypted,
packed, the same octets at every attempt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from digipoort_wus.ebms import names
from digipoort_wus.ebms.agreed import asks_for
from digipoort_wus.ebms.encryption import encrypt
from digipoort_wus.ebms.errors import EbmsRefusal, ErrorCode, Severity
from digipoort_wus.ebms.message import (
    Acknowledgment,
    AckRequested,
    DigestReference,
    ManifestReference,
    Message,
    MessageHeader,
    MessageStatus,
    Party,
    Payload,
    ReportedError,
    Service,
    StatusResponse,
)
from digipoort_wus.ebms.opening import Opened, content_digest
from digipoort_wus.ebms.packaging import WrittenPackage, write_package
from digipoort_wus.ebms.partners import Partner
from digipoort_wus.ebms.quirks import SignalRoles
from digipoort_wus.ebms.schedule import time_to_live
from digipoort_wus.ebms.signing import sign
from digipoort_wus.ebms.surviving import surviving
from digipoort_wus.ebms.terms import SignatureTerms, SyncReply, Terms
from digipoort_wus.ebms.writing import octets_of, write_envelope
from digipoort_wus.pki.identity import Identity


@dataclass(frozen=True, slots=True)
class Ready:
    """A message as it is sent.

    Args:
        message: what it says.
        envelope: its octets.
        payloads: as they are sent, encrypted where that was agreed.
        package: all of it.
        references: what a signed acknowledgment of it has to repeat; empty without a signature.
        digest: SHA-256 of what repeats of it have in common, as its receiver computes it; empty
            of an answer, which is kept with what it answers.
    """

    message: Message
    envelope: bytes = field(repr=False)
    payloads: tuple[Payload, ...]
    package: WrittenPackage
    references: tuple[DigestReference, ...]
    digest: bytes


def business(
    terms: Terms,
    *,
    message_id: str,
    conversation_id: str,
    at: datetime,
    payloads: Sequence[Payload] = (),
    ref_to_message_id: str | None = None,
) -> Message:
    """Return a business message that asks for what was agreed.

    Where each message may say it, it asks: for once-only, for an acknowledgment, and for a
    signed one when it is signed itself (ours).

    Args:
        terms: of it.
        message_id: of it, in the form UUID@URI.
        conversation_id: the same in all messages about one thing.
        at: its Timestamp; cut to seconds.
        payloads: that its Manifest lists.
        ref_to_message_id: of the message that it answers.

    ebMS 2.0 §3, §6; Digikoppeling ebMS2 3.3.2.
    """
    timestamp = at.replace(microsecond=0)
    acknowledged = asks_for(terms.ack_requested, when_free=True)
    lives = None
    if acknowledged and terms.reliability is not None:
        lives = time_to_live(timestamp, terms.reliability, terms.persist).replace(microsecond=0)
    signed = asks_for(terms.ack_signed, when_free=terms.signature is not None)
    return Message(
        MessageHeader(
            sender=Party(terms.sender.ids, terms.sender.role),
            receiver=Party(terms.receiver.ids, terms.receiver.role),
            cpa_id=terms.cpa_id,
            conversation_id=conversation_id,
            service=terms.service,
            action=terms.action,
            message_id=message_id,
            timestamp=timestamp,
            ref_to_message_id=ref_to_message_id,
            time_to_live=lives,
            duplicate_elimination=asks_for(terms.duplicate_elimination, when_free=True),
        ),
        sync_reply=terms.sync_reply is not SyncReply.NONE,
        ack_requested=AckRequested(signed, names.ACTOR_TO_PARTY) if acknowledged else None,
        manifest=tuple(ManifestReference(payload.content_id) for payload in payloads),
    )


def acknowledgment(opened: Opened, *, message_id: str, at: datetime) -> Message:
    """Return that a message was received and stored; a signed one repeats its digests.

    Args:
        opened: the message, which asks for it.
        message_id: of the acknowledgment.
        at: when it was stored.

    ebMS 2.0 §6.3.2; Digikoppeling ebMS2 3.3.2: it goes by itself, with no answer to the content.
    """
    asked, about = opened.message.ack_requested, opened.message.header
    signed = asked is not None and asked.signed
    return Message(
        _signal(about, opened.partner, names.ACKNOWLEDGMENT, message_id, at),
        acknowledgment=Acknowledgment(
            timestamp=at.replace(microsecond=0),
            ref_to_message_id=about.message_id,
            sender=about.receiver.ids,
            references=opened.references if signed else (),
            actor=None if asked is None else asked.actor,
        ),
    )


def message_error(
    about: MessageHeader,
    partner: Partner,
    errors: Sequence[ReportedError],
    *,
    message_id: str,
    at: datetime,
) -> Message:
    """Return what was wrong with a message.

    Args:
        about: the header of that message.
        partner: who sent it.
        errors: one or more.
        message_id: of the answer.
        at: when it is made.

    ebMS 2.0 §4.2.
    """
    header = _signal(about, partner, names.MESSAGE_ERROR, message_id, at)
    return Message(header, errors=tuple(errors))


def reported(refusal: EbmsRefusal, *, explain: bool) -> ReportedError:
    """Return a refusal as its sender is told.

    Args:
        refusal: why.
        explain: with what was expected and received; the bare check otherwise.
    """
    text = refusal.explanation() if explain else refusal.check.id
    return ReportedError(refusal.code, refusal.severity, refusal.location, text)


def delivery_failure(*, certain: bool) -> ReportedError:
    """Return that an accepted message was not delivered, or perhaps not (ebMS 2.0 §6.5.7).

    Args:
        certain: it was certainly not.
    """
    severity = Severity.ERROR if certain else Severity.WARNING
    return ReportedError(ErrorCode.DELIVERY_FAILURE, severity)


def ping(terms: Terms, *, message_id: str, conversation_id: str, at: datetime) -> Message:
    """Return the question whether a message handler is there (ebMS 2.0 §8.1)."""
    return Message(_question(terms, names.PING, message_id, conversation_id, at))


def pong(opened: Opened, *, message_id: str, at: datetime) -> Message:
    """Return that this one is (ebMS 2.0 §8.2)."""
    return Message(_signal(opened.message.header, opened.partner, names.PONG, message_id, at))


def status_response(
    opened: Opened,
    status: MessageStatus,
    received_at: datetime | None,
    *,
    message_id: str,
    at: datetime,
) -> Message:
    """Return what became of a message (ebMS 2.0 §7.1.2).

    Args:
        opened: the StatusRequest.
        status: of the message that it asks for.
        received_at: when that came; None where it is not known.
        message_id: of the answer.
        at: when it is made.
    """
    asked = opened.message.status_request
    about = "" if asked is None else asked.ref_to_message_id
    header = _signal(opened.message.header, opened.partner, names.STATUS_RESPONSE, message_id, at)
    return Message(header, status_response=StatusResponse(about, status, received_at))


def finish(
    message: Message,
    partner: Partner,
    *,
    unique: str,
    payloads: Sequence[Payload] = (),
    terms: Terms | None = None,
    signature: SignatureTerms | None = None,
    signer: Identity | None = None,
    is_answer: bool = False,
) -> Ready:
    """Write, sign, encrypt and pack a message.

    Args:
        message: what it says.
        partner: for whom.
        unique: a UUID, for the boundary of its package.
        payloads: that its Manifest lists, in plain.
        terms: of a business message, for its encryption.
        signature: how it is signed; None: it is not.
        signer: who signs.
        is_answer: it is kept with what it answers, or not at all, so it needs no digest.

    Raises:
        ConfigurationError: the terms cannot be used, or a value cannot be written.
    """
    envelope = write_envelope(message, partner.quirks)
    digest = b"" if is_answer else content_digest(surviving(envelope), payloads)
    references: tuple[DigestReference, ...] = ()
    if signature is not None and signer is not None:
        references = sign(
            envelope,
            payloads,
            signer,
            signature,
            canonicalization=partner.quirks.canonicalization.value,
            unsafe_sha1=partner.unsafe_sha1,
        )
    octets = octets_of(envelope)
    sent = tuple(payloads)
    if terms is not None and terms.encryption is not None:
        sent = tuple(encrypt(payload, terms.encryption) for payload in payloads)
    package = write_package(octets, sent, unique=unique, quirks=partner.quirks)
    return Ready(message, octets, sent, package, references, digest)


def _question(
    terms: Terms, action: str, message_id: str, conversation_id: str, at: datetime
) -> MessageHeader:
    return MessageHeader(
        sender=Party(terms.sender.ids),
        receiver=Party(terms.receiver.ids),
        cpa_id=terms.cpa_id,
        conversation_id=conversation_id,
        service=Service(names.SIGNALS),
        action=action,
        message_id=message_id,
        timestamp=at.replace(microsecond=0),
    )


def _signal(
    about: MessageHeader, partner: Partner, action: str, message_id: str, at: datetime
) -> MessageHeader:
    """Return the header of a signal about a message: back to who sent it."""
    echoed = partner.quirks.signal_roles is SignalRoles.ECHOED
    return MessageHeader(
        sender=Party(about.receiver.ids, about.receiver.role if echoed else None),
        receiver=Party(about.sender.ids, about.sender.role if echoed else None),
        cpa_id=about.cpa_id,
        conversation_id=about.conversation_id,
        service=Service(names.SIGNALS),
        action=action,
        message_id=message_id,
        timestamp=at.replace(microsecond=0),
        ref_to_message_id=about.message_id,
    )
