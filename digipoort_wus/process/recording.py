"""Evidence of what happens to filings: entries in the transaction of what they speak of, batches.

What a sender or an operator wrote goes in as HMAC, under a salt that is derived from the
filing's secret. See docs/adr/0017-evidence.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from digipoort_wus.clock import format_utc
from digipoort_wus.evidence import events
from digipoort_wus.evidence.blinded import Blinded, Digest, blind
from digipoort_wus.evidence.entry import Head, append, new_chain, status_octets
from digipoort_wus.evidence.events import KINDS, TEXT_MAX, Event
from digipoort_wus.filing.content import Content
from digipoort_wus.filing.filing import Delivery, ReturnMessage
from digipoort_wus.filing.status import Status
from digipoort_wus.process.agency import Delivered
from digipoort_wus.store.binding import message_head
from digipoort_wus.store.ports import (
    EvidenceRow,
    FilingId,
    Material,
    Transaction,
)

HERE = "local"
"""In place of the OIN of an agency that is in this process."""
CERTIFICATE, CRL = "certificate", "crl"
"""Kinds of what a signature was judged by."""
_ROWS_MAX = 100
"""Entries that are handed to the store together."""
UNSIGNED = "none"
"""In place of the policy where nobody signed: the program that embeds us filed."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows what was filed and by whom, as the gate verified it.

    Args:
        policy: name of the security policy that it met.
        body: SHA-256 of the canonical element in the signed Body.
        request: the envelope as it was signed, which can be read more than once.
        kept: what the store keeps of the request, beside the contents.
        signature: SHA-256 of the SignatureValue, decoded; None where nobody signed.
        algorithm: URI of the signature algorithm.
        materials: the signer's certificate and its issuers, the root last, then the CRLs that
            were used; of the kinds CERTIFICATE and CRL.
    """

    policy: str
    body: bytes = field(repr=False)
    request: Content = field(repr=False)
    kept: bytes | None = field(default=None, repr=False)
    signature: bytes | None = None
    algorithm: str | None = None
    materials: tuple[Material, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """What entries are about.

    Args:
        kenmerk: whose chain.
        filing_id: the delivery.
        bericht: its berichtkenmerk.
        salt: of its HMACs, 32 octets.
    """

    kenmerk: str
    filing_id: FilingId
    bericht: str
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that is to be recorded.

    Args:
        at: when.
        event: what.
        bericht: berichtkenmerk of a return message that it is about; None: of the delivery.
    """

    at: datetime
    event: Event
    bericht: str | None = None


# --- Entries ----------------------------------------------------------------------------


def record(transaction: Transaction, subject: Subject, happened: Iterable[Happened]) -> None:
    """Append entries to the chain of a kenmerk, in this order.

    Args:
        transaction: of what they speak of; they are kept together or not at all.
        subject: what they are about.
        happened: one for each entry.
    """
    last = transaction.last_evidence(subject.kenmerk)
    record_behind(transaction, subject, last, happened)


def record_behind(
    transaction: Transaction,
    subject: Subject,
    last: EvidenceRow | None,
    happened: Iterable[Happened],
) -> None:
    """Append entries behind the last one of a chain, which this transaction has looked up."""
    head = None if last is None else Head(subject.kenmerk, last.seq, last.at, last.hash)
    _append(transaction, subject, happened, head or new_chain(subject.kenmerk))


def record_first(transaction: Transaction, subject: Subject, happened: Iterable[Happened]) -> None:
    """Begin the chain of a kenmerk that nobody had before, as :func:`record` goes on with one."""
    _append(transaction, subject, happened, new_chain(subject.kenmerk))


def _append(
    transaction: Transaction, subject: Subject, happened: Iterable[Happened], head: Head
) -> None:
    rows: list[EvidenceRow] = []
    for one in happened:
        bericht = one.bericht or subject.bericht
        entry, head = append(head, one.event, bericht=bericht, at=one.at)
        rows.append(
            EvidenceRow(
                kenmerk=head.kenmerk,
                seq=head.seq,
                filing_id=subject.filing_id,
                # The entry says it so: later than asked for where a clock went back.
                at=head.at or one.at,
                kind=KINDS[type(one.event)],
                entry=entry,
                hash=head.hash,
            )
        )
    for start in range(0, len(rows), _ROWS_MAX):
        transaction.add_evidence(*rows[start : start + _ROWS_MAX])


def subject_of(transaction: Transaction, filing_id: FilingId, bericht: str) -> Subject:
    """Return what entries about a filing need, in a transaction that writes some.

    Raises:
        KeyError: there is no such filing.
        SecretDestroyed: it was purged.
    """
    kenmerk = transaction.filing_row(filing_id).kenmerk
    return Subject(kenmerk, filing_id, bericht, transaction.evidence_salt(filing_id))


def statuses_reached(salt: bytes, statuses: Iterable[Status]) -> Sequence[Happened]:
    """Return the entries of statuses that are written."""
    return [
        Happened(
            status.at,
            events.StatusReached(
                status.code,
                blind(salt, "status", status_octets(status)),
                None if status.error is None else status.error.code[:TEXT_MAX],
            ),
        )
        for status in statuses
    ]


def received(
    salt: bytes,
    delivery: Delivery,
    proof: Proof | None,
    *,
    sender: str,
    message_id: str,
    tls_oin: str | None,
) -> events.Received:
    """Return the entry of an accepted delivery; reads its contents, so not in the writer.

    Where nobody signed, ``body`` and ``request`` are over nothing.

    Args:
        salt: of the filing.
        delivery: as it was sent.
        proof: what shows that; None where the delivery came without a gate.
        sender: OIN of who signed.
        message_id: wsa:MessageID.
        tls_oin: OIN of the TLS peer.
    """
    shown = proof or Proof(UNSIGNED, b"", b"")
    documents = (delivery.document, *delivery.attachments)
    return events.Received(
        berichtsoort=delivery.berichtsoort,
        sender=sender,
        policy=shown.policy,
        message_id=blind(salt, "message_id", message_id.encode()),
        body=blind(salt, "body", shown.body),
        request=blind(salt, "request", shown.request),
        contents=tuple(blind(salt, "content", document.content) for document in documents),
        signature=None if shown.signature is None else Digest(shown.signature),
        algorithm=shown.algorithm,
        certificates=_digests(shown, CERTIFICATE),
        crls=_digests(shown, CRL),
        tls_oin=tls_oin,
    )


def _digests(proof: Proof, kind: str) -> tuple[Digest, ...]:
    return tuple(Digest(one.sha256) for one in proof.materials if one.kind == kind)


def delivered(outcome: Delivered, attempt: int, at: datetime) -> Happened:
    """Return the entry of a delivery that the agency took."""
    receipt = None if outcome.receipt is None else Digest(outcome.receipt)
    acknowledged = None if outcome.acknowledgment is None else Digest(outcome.acknowledgment)
    event = events.Delivered(
        outcome.agency or HERE, outcome.message_id, attempt, receipt, acknowledged
    )
    return Happened(at, event)


def offered(
    salt: bytes,
    message: ReturnMessage,
    agency: str,
    at: datetime,
    *,
    message_id: str | None = None,
    proof: Proof | None = None,
) -> Happened:
    """Return the entry of a return message that was put into the mailbox; reads its contents.

    Args:
        salt: of the filing that it is about.
        message: with its documents.
        agency: OIN of who offered it; empty for one in this process.
        at: when.
        message_id: wsa:MessageID of the request that brought it; None: none did.
        proof: what shows that request; None where no gate was passed.
    """
    documents = (message.document, *message.attachments)
    event = events.Offered(
        agency or HERE,
        message.berichtsoort[:TEXT_MAX],
        tuple(blind(salt, "content", document.content) for document in documents),
        None if message_id is None else blind(salt, "message_id", message_id.encode()),
        *_shown(salt, proof),
        head=blind(salt, "head", message_head(message, len(documents))),
    )
    return Happened(at, event, message.berichtkenmerk)


def reported(
    salt: bytes,
    agency: str,
    message_id: str,
    code: str,
    report: bytes,
    *,
    judged_at: datetime,
    at: datetime,
    proof: Proof | None = None,
) -> Happened:
    """Return the entry of what an agency told of a filing.

    Args:
        salt: of the filing.
        agency: its OIN.
        message_id: wsa:MessageID of the report.
        code: the status that it reports.
        report: SHA-256 of the canonical element in its signed Body.
        judged_at: when it judged, as it says.
        at: when it came.
        proof: what shows the request; None where no gate was passed.
    """
    event = events.Reported(
        agency,
        blind(salt, "message_id", message_id.encode()),
        code,
        blind(salt, "report", report),
        format_utc(judged_at),
        *_shown(salt, proof),
    )
    return Happened(at, event)


_Shown = tuple[
    Blinded | None, Digest | None, str | None, tuple[Digest, ...] | None, tuple[Digest, ...] | None
]


def _shown(salt: bytes, proof: Proof | None) -> _Shown:
    """Return what entries say of a signed request: itself, its signature, and who signed."""
    if proof is None:
        return None, None, None, None, None
    return (
        blind(salt, "request", proof.request),
        None if proof.signature is None else Digest(proof.signature),
        proof.algorithm,
        _digests(proof, CERTIFICATE),
        _digests(proof, CRL),
    )
