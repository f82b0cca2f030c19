"""A zip with all that a third party needs to check one kenmerk, without this package.

The same evidence makes the same octets: fixed times, fixed order, no compression. Names in
the zip are ours alone; what a sender called his files is in his request.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from shutil import copyfileobj
from types import MappingProxyType
from typing import IO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.evidence.batch import batch_octets
from digipoort_wus.evidence.canonical import canonical
from digipoort_wus.evidence.chains import entry_of
from digipoort_wus.evidence.entry import status_octets
from digipoort_wus.evidence.guide import guide
from digipoort_wus.evidence.kept import Kept, KeptMessage, KeptRequest
from digipoort_wus.evidence.merkle import proof_of
from digipoort_wus.evidence.rows import EntryRow, SealingBatch
from digipoort_wus.filing.content import Content, open_content

_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
_UNIX = 3

File = tuple[str, Content]


@dataclass(frozen=True, slots=True)
class Exported:
    """What is exported.

    Args:
        kenmerk: whose evidence.
        rows: its entries, in order, every one of them sealed.
        kept: of its filings, by berichtkenmerk.
        messages: its return messages, by berichtkenmerk.
        batches: those that the entries name, by number.
        signers: certificates that signed the batches, by the SHA-256 of their DER.
        roots: that the exporter believes; the reader shall have his own.
        issuers: of the gateway's certificates, roots not needed.
        stamp_roots: of time stamping authorities.
    """

    kenmerk: str
    rows: Sequence[EntryRow]
    kept: Mapping[str, Kept]
    batches: Mapping[int, SealingBatch]
    signers: Mapping[bytes, x509.Certificate]
    roots: tuple[x509.Certificate, ...]
    issuers: tuple[x509.Certificate, ...] = ()
    stamp_roots: tuple[x509.Certificate, ...] = ()
    messages: Mapping[str, KeptMessage] = field(default_factory=lambda: MappingProxyType({}))


def write_export(exported: Exported, target: IO[bytes]) -> None:
    """Write the zip; what is wrong with the evidence is written as it is.

    Args:
        exported: what.
        target: can be written and sought.

    Raises:
        ConfigurationError: there is nothing to export, or an entry is not sealed, or its batch
            or signer was not given.
        DigipoortError: a content cannot be read where it is kept; the zip is not complete.
    """
    _require_complete(exported)
    # Not compressed: what compression makes of something depends on a library's version.
    with ZipFile(target, "w", ZIP_STORED) as archive:
        for name, content in _files(exported):
            info = ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = _UNIX, _READABLE
            with open_content(content) as source, archive.open(info, "w") as file:
                copyfileobj(source, file)


def verify_script() -> bytes:
    """Return the script that verifies an export; the same for every export of a version."""
    return files(__package__).joinpath("verify.sh").read_bytes()


def _require_complete(exported: Exported) -> None:
    if not exported.rows:
        raise ConfigurationError(
            f"There is no evidence of {exported.kenmerk}: check the kenmerk; filings from "
            "before evidence was kept have none."
        )
    for row in exported.rows:
        if row.batch is None or row.leaf is None:
            raise ConfigurationError(
                f"Entry {row.seq} of {exported.kenmerk} is not sealed yet: seal a batch first, or "
                "wait until the gateway does."
            )
        sealing = exported.batches.get(row.batch)
        if sealing is None or not 0 <= row.leaf < len(sealing.leaves):
            raise ConfigurationError(
                f"Batch {row.batch}, which seals entry {row.seq} of {exported.kenmerk}, is not "
                "there: verify the evidence of the store."
            )
        if sealing.row.batch.signer not in exported.signers:
            raise ConfigurationError(
                f"The certificate that signed batch {row.batch} is not there: give that "
                "certificate of the gateway, even when it has ended."
            )


def _files(exported: Exported) -> Iterator[File]:
    entries = [entry for row in exported.rows if (entry := entry_of(row)) is not None]
    received = [entry for entry in entries if entry.kind == "received"]
    shown = [
        kept
        for entry in received
        if (kept := exported.kept.get(entry.bericht)) is not None and kept.salt is not None
    ]
    messages = [
        message
        for entry in entries
        if entry.kind == "offered"
        if (message := exported.messages.get(entry.bericht)) and message.salt is not None
    ]
    text = guide(exported.kenmerk, entries, shown, messages, _used(exported))
    yield "VERIFY.md", text.encode()
    yield "verify.sh", verify_script()
    yield "chain.jsonl", b"".join(row.octets + b"\n" for row in exported.rows)
    for number, kept in enumerate(shown, 1):
        yield from ((f"filings/{number}/{name}", content) for name, content in _filing(kept))
    for number, back in enumerate(messages, 1):
        yield from ((f"messages/{number}/{name}", content) for name, content in _message(back))
    for sealing in _used(exported):
        yield from _batch(sealing, exported.signers)
    for row in exported.rows:
        yield f"proofs/{row.seq}.json", _proof(row, exported.batches)
    yield "trust/roots.pem", _pem(exported.roots)
    yield "trust/issuers.pem", _pem((*exported.issuers, *exported.roots))
    if exported.stamp_roots:
        yield "trust/stamps.pem", _pem(exported.stamp_roots)


def _used(exported: Exported) -> list[SealingBatch]:
    numbers = {row.batch for row in exported.rows if row.batch is not None}
    return [exported.batches[number] for number in sorted(numbers)]


def _filing(kept: Kept) -> Iterator[File]:
    yield "bericht.txt", f"{kept.bericht}\n".encode()
    yield "salt.hex", f"{(kept.salt or b'').hex()}\n".encode()
    yield from _signed(KeptRequest(kept.request, kept.certificates, kept.crls))
    if kept.answer is not None:
        yield "answer.xml", kept.answer
    if kept.answer_certificate is not None:
        yield "answer.pem", _pem((kept.answer_certificate,))
    for number, report in enumerate(kept.reports, 1):
        yield from ((f"reports/{number}/{name}", content) for name, content in _signed(report))
    for number, content in enumerate(kept.contents, 1):
        yield f"contents/{number}.bin", content
    # JSON, with one status on each line, for tools that know lines only.
    lines = b",\n".join(status_octets(status) for status in kept.statuses)
    yield "statuses.json", b"[\n" + lines + b"\n]\n"


def _message(kept: KeptMessage) -> Iterator[File]:
    yield "bericht.txt", f"{kept.bericht}\n".encode()
    yield "salt.hex", f"{(kept.salt or b'').hex()}\n".encode()
    if kept.offered is not None:
        yield from _signed(kept.offered)
    for number, content in enumerate(kept.contents, 1):
        yield f"contents/{number}.bin", content


def _signed(kept: KeptRequest) -> Iterator[File]:
    """Yield a request, and what its signature was judged by."""
    if kept.request is not None:
        yield "request.xml", kept.request
    for number, certificate in enumerate(kept.certificates, 1):
        yield f"certificates/{number}.pem", _pem((certificate,))
    for number, crl in enumerate(kept.crls, 1):
        yield f"crls/{number}.pem", crl.public_bytes(Encoding.PEM)


def _batch(sealing: SealingBatch, signers: Mapping[bytes, x509.Certificate]) -> Iterator[File]:
    batch = sealing.row.batch
    stem = f"batches/{batch.number}"
    yield f"{stem}.json", batch_octets(batch)
    yield f"{stem}.sig", sealing.row.signature
    yield f"{stem}.pem", _pem((signers[batch.signer],))
    if sealing.row.stamp is not None:
        yield f"{stem}.tsr", sealing.row.stamp


def _proof(row: EntryRow, batches: Mapping[int, SealingBatch]) -> bytes:
    number, leaf = row.batch or 0, row.leaf or 0
    path = proof_of(batches[number].leaves, leaf)
    return canonical({"batch": number, "leaf": leaf, "path": [step.hex() for step in path]})


def _pem(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
