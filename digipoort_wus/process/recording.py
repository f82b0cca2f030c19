"""Evidence of what happens to filings: entries in the transaction of what they speak of, batches.

What a sender or an operator wrote goes in as HMAC, under a salt that is derived from the
filing's secret. See docs/adr/0017-evidence.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from digipoort_wus._crash import crash_point
from digipoort_wus.clock import format_utc
from digipoort_wus.evidence import events
from digipoort_wus.evidence.batch import Batch, seal, sign_batch
from digipoort_wus.evidence.blinded import Digest, blind
from digipoort_wus.evidence.entry import Head, append, new_chain, status_octets
from digipoort_wus.evidence.events import KINDS, TEXT_MAX, Event
from digipoort_wus.filing.content import Content
from digipoort_wus.filing.filing import Delivery, ReturnMessage
from digipoort_wus.filing.status import Status
from digipoort_wus.pki.identity import Identity
from digipoort_wus.process.agency import Delivered
from digipoort_wus.store.ports import (
    BatchRow,
    EvidenceRow,
    FilingId,
    Material,
    Reader,
    Store,
    Transaction,
)

BATCH_MAX = 1_000
"""Entries in one batch; so many are sealed at once."""
SEALED_WITHIN = timedelta(seconds=60)
"""An entry that is so old is sealed, in however small a batch."""
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
    row = transaction.last_evidence(subject.kenmerk)
    head = None if row is None else Head(subject.kenmerk, row.seq, row.at, row.hash)
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
    event = events.Delivered(outcome.agency or HERE, outcome.message_id, attempt, receipt)
    return Happened(at, event)


def offered(salt: bytes, message: ReturnMessage, agency: str, at: datetime) -> Happened:
    """Return the entry of a return message that was put into the mailbox; reads its contents.

    Args:
        salt: of the filing that it is about.
        message: with its documents.
        agency: OIN of who offered it; empty for one in this process.
        at: when.
    """
    documents = (message.document, *message.attachments)
    contents = tuple(blind(salt, "content", document.content) for document in documents)
    event = events.Offered(agency or HERE, message.berichtsoort[:TEXT_MAX], contents)
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
    """
    event = events.Reported(
        agency,
        blind(salt, "message_id", message_id.encode()),
        code,
        blind(salt, "report", report),
        format_utc(judged_at),
    )
    return Happened(at, event)


# --- Batches ----------------------------------------------------------------------------


def seal_due(store: Store, signer: Identity, now: datetime) -> datetime:
    """Seal what is due, and return when to look again.

    Due are as many entries as fill a batch, and any that is a minute old.

    Raises:
        StoreFailed: the store takes no writes; nothing of the last batch was kept.
    """
    while True:
        oldest = store.read(lambda reader: reader.unsealed(BATCH_MAX))
        if not oldest:
            return now + SEALED_WITHIN
        is_old = not now - SEALED_WITHIN < oldest[0].at <= now + SEALED_WITHIN
        if len(oldest) < BATCH_MAX and not is_old:
            return oldest[0].at + SEALED_WITHIN
        seal_batch(store, signer, now)


def seal_batch(store: Store, signer: Identity, now: datetime) -> BatchRow | None:
    """Seal the oldest entries that are in no batch; None when there are none.

    Args:
        store: takes the batch; a worker beside this one may take it first.
        signer: signs it.
        now: moment of sealing.

    Raises:
        StoreFailed: the store takes no writes.
    """
    sealed = store.write(partial(_seal, signer=signer, now=now)).result()
    if sealed is not None:
        crash_point("evidence.after_seal")
    return sealed


def _seal(transaction: Transaction, signer: Identity, now: datetime) -> BatchRow | None:
    # In the transaction, so that who collides with another begins anew behind his batch.
    rows = transaction.unsealed(BATCH_MAX)
    if not rows:
        return None
    batch = seal(
        _last_batch(transaction),
        [row.hash for row in rows],
        latest=max(row.at for row in rows),
        at=now,
        signer=signer.certificate,
    )
    made = BatchRow(
        number=batch.number,
        sealed_at=batch.sealed_at,
        leaves=batch.leaves,
        root=batch.root,
        previous=batch.previous,
        signature=sign_batch(batch, signer.private_key),
        signer_sha256=batch.signer,
    )
    transaction.add_batch(made, rows)
    crash_point("evidence.before_seal")
    return made


def _last_batch(reader: Reader) -> Batch | None:
    row = reader.last_batch()
    return None if row is None else batch_of(row)


def batch_of(row: BatchRow) -> Batch:
    """Return what was signed of a stored batch."""
    return Batch(
        number=row.number,
        sealed_at=row.sealed_at,
        leaves=row.leaves,
        root=row.root,
        previous=row.previous,
        signer=row.signer_sha256,
    )
