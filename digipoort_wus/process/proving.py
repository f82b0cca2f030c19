"""Evidence as a store holds it, as the values that verification and export are given."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from cryptography import x509

from digipoort_wus.errors import Refusal
from digipoort_wus.evidence import rows
from digipoort_wus.evidence.blinded import blind
from digipoort_wus.evidence.chains import entry_of
from digipoort_wus.evidence.entry import Entry
from digipoort_wus.evidence.export import Exported
from digipoort_wus.evidence.kept import Kept, KeptMessage, KeptRequest, Row
from digipoort_wus.evidence.verify import Chain, Sealed
from digipoort_wus.filing.content import Content
from digipoort_wus.filing.filing import Document
from digipoort_wus.process.recording import CERTIFICATE, CRL
from digipoort_wus.process.sealing import batch_of
from digipoort_wus.process.signed import read_signed
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.store.binding import Binding, Bound
from digipoort_wus.store.ports import (
    BatchRow,
    EvidenceRow,
    FilingId,
    FilingRow,
    Material,
    MessageId,
    Overview,
    PayloadDamaged,
    Reader,
    Selection,
)
from digipoort_wus.store.secrets import SecretDestroyed, SecretUnreadable
from digipoort_wus.wss.header import read_security
from digipoort_wus.xmlsafe.parse import parse_message

_AT_ONCE = 500
_ROWS = {
    Binding.HOLDS: Row.WRITTEN,
    Binding.BROKEN: Row.CHANGED,
    Binding.NONE: Row.UNKNOWN,
}
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
    entries = reader.evidence(kenmerk)
    rows_of = [entry_row(entry) for entry in entries]
    return Chain(
        kenmerk, rows_of, kept_of(reader, kenmerk, entries), messages_of(reader, kenmerk, entries)
    )


def kept_of(reader: Reader, kenmerk: str, entries: Sequence[EvidenceRow]) -> Mapping[str, Kept]:
    """Return what is kept of each filing of a kenmerk, by its berichtkenmerk.

    What cannot be read any more is left out, and verification says that it is not what it was.

    Args:
        reader: of the store.
        kenmerk: whose.
        entries: its whole chain.
    """
    kept = [_kept(reader, row, entries) for row in reader.filings_of(kenmerk)]
    return {each.bericht: each for each in kept}


def messages_of(
    reader: Reader, kenmerk: str, entries: Sequence[EvidenceRow]
) -> Mapping[str, KeptMessage]:
    """Return what is kept of the return messages of a kenmerk, by their berichtkenmerk.

    Args:
        reader: of the store.
        kenmerk: whose.
        entries: its whole chain.
    """
    kept: dict[str, KeptMessage] = {}
    for row in entries:
        entry = entry_of(entry_row(row)) if row.kind == "offered" else None
        number = None if entry is None else reader.offered(entry.bericht)
        if entry is not None and number is not None:
            kept[entry.bericht] = _message(reader, row.filing_id, entry, number)
    for number, bericht in reader.messages_about(kenmerk):
        if bericht not in kept:
            head, row_is = _bound(partial(reader.message_bound, number))
            kept[bericht] = KeptMessage(bericht, None, head=head, row=row_is)
    return kept


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
        kept=kept_of(reader, kenmerk, entries),
        messages=messages_of(reader, kenmerk, entries),
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


def _kept(reader: Reader, row: FilingRow, entries: Sequence[EvidenceRow]) -> Kept:
    bericht = reader.filing(row.filing_id, NO_DOCUMENTS).berichtkenmerk
    salt = _salt(reader, row.filing_id)
    head, row_is = _bound(partial(reader.filing_bound, row.filing_id))
    if salt is None:
        return Kept(bericht, None, row=row_is)
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
        certificates=_certificates(materials),
        crls=_crls(materials),
        answer_certificate=None if answer is None else _signer_of(answer),
        reports=tuple(_reports(reader, row.filing_id, salt, entries)),
        head=head,
        row=row_is,
    )


def _bound(look: Callable[[], Bound]) -> tuple[bytes | None, Row]:
    """Return what a row says, and whether it was written so."""
    try:
        found = look()
    except (SecretDestroyed, SecretUnreadable, ValueError, TypeError):
        # Nobody but who has the database writes such a row.
        return None, Row.CHANGED
    return found.head, _ROWS[found.binding]


def _salt(reader: Reader, filing_id: FilingId) -> bytes | None:
    try:
        return reader.evidence_salt(filing_id)
    except SecretDestroyed:
        return None


def _reports(
    reader: Reader, filing_id: FilingId, salt: bytes, entries: Sequence[EvidenceRow]
) -> Iterator[KeptRequest]:
    """Yield the request of each entry about a report, found by its MessageID."""
    told = [
        entry
        for row in entries
        if row.kind == "reported" and row.filing_id == filing_id
        if (entry := entry_of(entry_row(row))) is not None
    ]
    if not told:
        return
    try:
        known = {
            str(blind(salt, "message_id", one.message_id.encode())): one.request
            for one in reader.inbox_of(filing_id)
        }
    except PayloadDamaged:
        known = {}
    for entry in told:
        kept = known.get(str(entry.facts.get("message_id")))
        yield _signed(reader, entry, kept, ())


def _message(reader: Reader, filing_id: FilingId, entry: Entry, number: MessageId) -> KeptMessage:
    salt = _salt(reader, filing_id)
    if salt is None:
        return KeptMessage(entry.bericht, None)
    head, row_is = _bound(partial(reader.message_bound, number))
    try:
        message = reader.message(number)
        kept = reader.message_request(number)
    except PayloadDamaged:
        return KeptMessage(entry.bericht, salt, head=head, row=row_is)
    except SecretDestroyed:
        # Of a process with several deliveries it may have gone with another one.
        return KeptMessage(entry.bericht, None)
    contents = tuple(one.content for one in (message.document, *message.attachments))
    offered = _signed(reader, entry, kept, contents) if "request" in entry.facts else None
    return KeptMessage(entry.bericht, salt, contents, offered, head, row_is)


def _signed(
    reader: Reader, entry: Entry, kept: bytes | None, contents: Sequence[Content]
) -> KeptRequest:
    """Return a request of an agency, with what the entry says that it was judged by."""
    named = [_digest(one) for name in ("certificates", "crls") for one in _texts(entry, name)]
    found = {one.sha256: one for one in reader.named_materials(named)}
    materials = [found[digest] for digest in named if digest in found]
    try:
        request = None if kept is None else read_signed(kept, contents)
    except PayloadDamaged:
        request = None
    return KeptRequest(request, _certificates(materials), _crls(materials))


def _texts(entry: Entry, name: str) -> Sequence[str]:
    values = entry.facts.get(name, ())
    return [str(one) for one in values] if isinstance(values, list | tuple) else []


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("sha256:"))
    except ValueError:
        return b""


def _certificates(materials: Sequence[Material]) -> tuple[x509.Certificate, ...]:
    ders = (one.content for one in materials if one.kind == CERTIFICATE)
    return tuple(map(x509.load_der_x509_certificate, ders))


def _crls(materials: Sequence[Material]) -> tuple[x509.CertificateRevocationList, ...]:
    ders = (one.content for one in materials if one.kind == CRL)
    return tuple(map(x509.load_der_x509_crl, ders))


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
