"""Evidence as a store holds it, as the values that verification and export are given."""

from collections.abc import Iterator, Mapping, Sequence

from cryptography import x509

from digipoort_wus.errors import Refusal
from digipoort_wus.evidence import rows
from digipoort_wus.evidence.export import Exported
from digipoort_wus.evidence.kept import Kept
from digipoort_wus.evidence.verify import Chain, Sealed
from digipoort_wus.filing.content import Content
from digipoort_wus.filing.filing import Document
from digipoort_wus.process.recording import CERTIFICATE, CRL, batch_of
from digipoort_wus.process.signed import read_signed
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.store.ports import (
    BatchRow,
    EvidenceRow,
    FilingId,
    FilingRow,
    Overview,
    PayloadDamaged,
    Reader,
    Selection,
)
from digipoort_wus.store.secrets import SecretDestroyed
from digipoort_wus.wss.header import read_security
from digipoort_wus.xmlsafe.parse import parse_message

_AT_ONCE = 500
NO_DOCUMENTS = (Document("", "", b""),)
"""For who wants a filing without its documents: none of them is read."""


def kenmerken(reader: Reader) -> Iterator[str]:
    """Yield every kenmerk of which there is a filing or evidence, each once."""
    told: set[str] = set()
    for kenmerk in (*_of_filings(reader), *_of_batches(reader)):
        if kenmerk not in told:
            told.add(kenmerk)
            yield kenmerk


def sealed_batches(reader: Reader) -> Iterator[Sealed]:
    """Yield every batch with its entries, in order of their number."""
    for batch in _batches(reader):
        entries = reader.evidence_of_batch(batch.number)
        yield Sealed(batch_row(batch), [entry_row(entry) for entry in entries])


def chain_of(reader: Reader, kenmerk: str) -> Chain:
    """Return the chain of a kenmerk, and what is kept of its filings."""
    entries = [entry_row(entry) for entry in reader.evidence(kenmerk)]
    return Chain(kenmerk, entries, kept_of(reader, kenmerk))


def kept_of(reader: Reader, kenmerk: str) -> Mapping[str, Kept]:
    """Return what is kept of each filing of a kenmerk, by its berichtkenmerk.

    What cannot be read any more is left out, and verification says that it is not what it was.
    """
    kept = [_kept(reader, row) for row in reader.filings_of(kenmerk)]
    return {each.bericht: each for each in kept}


def exported(
    reader: Reader,
    kenmerk: str,
    *,
    signers: Mapping[bytes, x509.Certificate],
    roots: tuple[x509.Certificate, ...],
    issuers: tuple[x509.Certificate, ...],
    stamp_roots: tuple[x509.Certificate, ...] = (),
) -> Exported:
    """Return what an export of a kenmerk holds.

    Args:
        reader: of the store.
        kenmerk: whose evidence.
        signers: certificates of the gateway that signed batches, by the SHA-256 of their DER.
        roots: that the exporter believes.
        issuers: of the gateway's certificates.
        stamp_roots: of time stamping authorities.
    """
    entries = reader.evidence(kenmerk)
    wanted = {entry.batch_id for entry in entries}
    batches = {batch.number: batch for batch in _batches(reader) if batch.number in wanted}
    return Exported(
        kenmerk=kenmerk,
        rows=[entry_row(entry) for entry in entries],
        kept=kept_of(reader, kenmerk),
        batches={
            number: rows.SealingBatch(
                batch_row(batch), [entry.hash for entry in reader.evidence_of_batch(number)]
            )
            for number, batch in batches.items()
        },
        signers=signers,
        roots=roots,
        issuers=issuers,
        stamp_roots=stamp_roots,
    )


def entry_row(entry: EvidenceRow) -> rows.EntryRow:
    """Return a stored entry as the evidence knows it."""
    return rows.EntryRow(
        entry.kenmerk,
        entry.seq,
        entry.at,
        entry.kind,
        entry.entry,
        entry.hash,
        entry.batch_id,
        entry.leaf,
    )


def batch_row(row: BatchRow) -> rows.BatchRow:
    """Return a stored batch as the evidence knows it."""
    return rows.BatchRow(batch_of(row), row.signature, row.token, row.stamped_at)


def _of_filings(reader: Reader) -> Iterator[str]:
    page: Sequence[FilingId] = ()
    while True:
        wanted = Overview(limit=_AT_ONCE, before=page[-1] if page else None)
        found = reader.overview(wanted)
        if not found:
            return
        yield from (summary.filing.kenmerk for summary in found)
        page = [summary.filing.filing_id for summary in found]


def _of_batches(reader: Reader) -> Iterator[str]:
    for batch in _batches(reader):
        yield from (entry.kenmerk for entry in reader.evidence_of_batch(batch.number))


def _batches(reader: Reader) -> Iterator[BatchRow]:
    after = 0
    while found := reader.batches(after, _AT_ONCE):
        yield from found
        after = found[-1].number


def _kept(reader: Reader, row: FilingRow) -> Kept:
    bericht = reader.filing(row.filing_id, NO_DOCUMENTS).berichtkenmerk
    try:
        salt = reader.evidence_salt(row.filing_id)
    except SecretDestroyed:
        salt = None
    if salt is None:
        return Kept(bericht, None)
    contents = _contents(reader, row.filing_id)
    answer = _answer(reader, row.filing_id)
    materials = reader.materials(row.filing_id)
    found = reader.statuses(Selection(row.sender, kenmerk=row.kenmerk))
    return Kept(
        bericht,
        salt,
        request=_request(reader, row.filing_id, contents),
        answer=answer,
        contents=contents,
        statuses=tuple(one.status for one in found if one.filing_id == row.filing_id),
        certificates=tuple(
            x509.load_der_x509_certificate(one.content)
            for one in materials
            if one.kind == CERTIFICATE
        ),
        crls=tuple(x509.load_der_x509_crl(one.content) for one in materials if one.kind == CRL),
        answer_certificate=None if answer is None else _signer_of(answer),
    )


def _contents(reader: Reader, filing_id: FilingId) -> tuple[Content, ...]:
    try:
        delivery = reader.filing(filing_id).delivery
    except PayloadDamaged:
        return ()
    return tuple(each.content for each in (delivery.document, *delivery.attachments))


def _request(reader: Reader, filing_id: FilingId, contents: Sequence[Content]) -> Content | None:
    try:
        kept = reader.request(filing_id)
        # Where no gate was passed nobody signed, and the entry is over nothing.
        return b"" if kept is None else read_signed(kept, contents)
    except PayloadDamaged:
        return None


def _answer(reader: Reader, filing_id: FilingId) -> bytes | None:
    try:
        answer = reader.answer(filing_id)
    except PayloadDamaged:
        return None
    return None if answer is None else answer.octets


def _signer_of(answer: bytes) -> x509.Certificate | None:
    """Return the certificate that an answer of ours names as its signer's."""
    try:
        return read_security(read_envelope(parse_message(answer))).certificate
    except Refusal:
        return None
