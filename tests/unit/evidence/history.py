"""A small store of evidence in memory: real requests, real signatures, real stamps."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.evidence.batch import believed, seal, sign_batch, stamped_octets
from digipoort_wus.evidence.blinded import Blinded, Digest, blind, digest_of
from digipoort_wus.evidence.entry import Head, append, new_chain, status_octets
from digipoort_wus.evidence.events import (
    Answered,
    Delivered,
    Event,
    Fetched,
    Held,
    Offered,
    Purged,
    Received,
    Released,
    Reported,
    Resent,
    StatusReached,
)
from digipoort_wus.evidence.kept import Kept, KeptMessage, KeptRequest
from digipoort_wus.evidence.rows import BatchRow, EntryRow, SealingBatch
from digipoort_wus.evidence.stamp import stamp_query, verify_stamp
from digipoort_wus.evidence.verify import Chain, Report, Sealed, Trust, verify_history
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.names import DS, RSA_SHA256
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.pki.testpki import TestPki
from tests import messages
from tests.unit.evidence.authority import StampAuthority

A, B, C = "kenmerk-a", "kenmerk-b", "kenmerk-c"
Shown = tuple[Blinded, Digest, str, tuple[Digest, ...], tuple[Digest, ...]]
_SECOND = timedelta(seconds=1)
_SIGNATURE_VALUE = f".//{{{DS}}}SignatureValue"


@dataclass(repr=False)
class History:
    """Rows as a store would hold them; ``verify`` reads them in the order of their columns."""

    pki: TestPki
    now: datetime
    entries: list[EntryRow] = field(default_factory=list)
    batches: list[BatchRow] = field(default_factory=list)
    kept: dict[str, dict[str, Kept]] = field(default_factory=dict)
    messages: dict[str, dict[str, KeptMessage]] = field(default_factory=dict)
    trust: Trust = field(default_factory=lambda: Trust({}))
    heads: dict[str, Head] = field(default_factory=dict)

    @property
    def signing(self) -> Identity:
        return self.pki.identities["gateway-signing"]

    def add(self, kenmerk: str, bericht: str, event: Event) -> None:
        self.now += _SECOND
        head = self.heads.get(kenmerk, new_chain(kenmerk))
        octets, head = append(head, event, bericht=bericht, at=self.now)
        self.heads[kenmerk] = head
        assert head.at is not None
        kind = str(octets).split('"kind":"')[1].split('"')[0]
        self.entries.append(EntryRow(kenmerk, head.seq, head.at, kind, octets, head.hash))

    def seal(self, authority: StampAuthority | None = None) -> None:
        """Seal what is not sealed yet."""
        waiting = [row for row in self.entries if row.batch is None]
        before = self.batches[-1].batch if self.batches else None
        hashes = [row.hash for row in waiting]
        certificate = self.signing.certificate
        batch = seal(before, hashes, at=self.now, signer=certificate)
        row = BatchRow(batch, sign_batch(batch, self.signing.private_key))
        if authority is not None:
            stamped = stamped_octets(batch, row.signature)
            answer = authority.answer(stamp_query(stamped).octets)
            stamp = verify_stamp(answer, stamped, (authority.root,))
            row = replace(row, stamp=stamp.octets, stamped_at=stamp.at)
        self.batches.append(row)
        self.entries = [
            replace(entry, batch=batch.number, leaf=waiting.index(entry))
            if entry.batch is None
            else entry
            for entry in self.entries
        ]

    def copy(self) -> "History":
        kept = {kenmerk: dict(filings) for kenmerk, filings in self.kept.items()}
        returned = {kenmerk: dict(found) for kenmerk, found in self.messages.items()}
        return replace(
            self,
            entries=list(self.entries),
            batches=list(self.batches),
            kept=kept,
            messages=returned,
            heads=dict(self.heads),
        )

    def chains(self) -> list[Chain]:
        kenmerken = sorted({row.kenmerk for row in self.entries})
        return [
            Chain(k, self.rows_of(k), self.kept.get(k, {}), self.messages.get(k, {}))
            for k in kenmerken
        ]

    def rows_of(self, kenmerk: str) -> list[EntryRow]:
        rows = [row for row in self.entries if row.kenmerk == kenmerk]
        return sorted(rows, key=lambda row: row.seq)

    def leaves_of(self, number: int) -> list[EntryRow]:
        rows = [row for row in self.entries if row.batch == number]
        return sorted(rows, key=lambda row: -1 if row.leaf is None else row.leaf)

    def sealed(self) -> list[Sealed]:
        ordered = sorted(self.batches, key=lambda row: row.batch.number)
        return [Sealed(row, self.leaves_of(row.batch.number)) for row in ordered]

    def sealing(self) -> Mapping[int, SealingBatch]:
        return {
            row.batch.number: SealingBatch(
                row, [leaf.hash for leaf in self.leaves_of(row.batch.number)]
            )
            for row in self.batches
        }

    def verify(self, trust: Trust | None = None) -> Report:
        return verify_history(self.sealed(), self.chains(), trust or self.trust, self.now)


def receive(
    history: History, kenmerk: str, bericht: str, content: bytes, *, sender: str = ""
) -> Kept:
    """Let a vendor's signed request come in, be confirmed and get its first statuses.

    Args:
        sender: another OIN than that of the certificate, for a gateway that lies.
    """
    history.now += _SECOND
    vendor = history.pki.identities["vendor-a"]
    root = messages.envelope(messages.aanlever_body(content), message_id=f"urn:uuid:{bericht}")
    request = messages.signed(vendor, root, created=history.now)
    answer = messages.signed(
        history.signing,
        messages.envelope("<x xmlns='urn:x'/>", message_id=f"urn:uuid:answer-{bericht}"),
        created=history.now,
    )
    salt = bericht.encode().ljust(32)
    authorities = history.pki.authorities
    chain = (*vendor.chain, authorities["root"].certificate)
    kept = Kept(
        bericht=bericht,
        salt=salt,
        request=request,
        answer=answer,
        contents=(content,),
        certificates=(vendor.certificate, *chain),
        crls=tuple(history.pki.crls[name] for name in ("issuing-ca", "intermediate", "root")),
        answer_certificate=history.signing.certificate,
    )
    tree = etree.fromstring(request, etree.XMLParser(huge_tree=True))
    signature = tree.findtext(_SIGNATURE_VALUE)
    assert signature is not None
    received = Received(
        berichtsoort="Omzetbelasting",
        sender=sender or oin_of(vendor.certificate),
        policy="digipoort-1.2",
        message_id=blind(salt, "message_id", f"urn:uuid:{bericht}".encode()),
        body=blind(salt, "body", b"the canonical Body"),
        request=blind(salt, "request", request),
        contents=(blind(salt, "content", content),),
        signature=digest_of(base64.b64decode(signature)),
        algorithm=RSA_SHA256,
        certificates=tuple(digest_of(c.public_bytes(Encoding.DER)) for c in kept.certificates),
        crls=tuple(digest_of(c.public_bytes(Encoding.DER)) for c in kept.crls),
        tls_oin="00000099000000002000",
    )
    history.add(kenmerk, bericht, received)
    history.kept.setdefault(kenmerk, {})[bericht] = kept
    history.add(kenmerk, bericht, Answered(blind(salt, "answer", answer)))
    for code in ("105", "100", "110"):
        reach(history, kenmerk, bericht, Status(code, history.now))
    return kept


def reach(history: History, kenmerk: str, bericht: str, status: Status) -> None:
    """Write a status."""
    kept = history.kept[kenmerk][bericht]
    assert kept.salt is not None
    error = None if status.error is None else status.error.code
    told = blind(kept.salt, "status", status_octets(status))
    history.add(kenmerk, bericht, StatusReached(status.code, told, error))
    statuses = (*kept.statuses, status)
    history.kept[kenmerk][bericht] = replace(kept, statuses=statuses)


def by_agency(history: History, salt: bytes, message_id: str) -> tuple[KeptRequest, Shown]:
    """Let an agency sign a request now; return what is kept of it, and what an entry says."""
    history.now += _SECOND
    agency = history.pki.identities["agency"]
    root = messages.envelope("<x xmlns='urn:x'/>", message_id=message_id)
    request = messages.signed(agency, root, created=history.now)
    kept = KeptRequest(
        request,
        (agency.certificate, *agency.chain, history.pki.authorities["root"].certificate),
        tuple(history.pki.crls[name] for name in ("issuing-ca", "intermediate", "root")),
    )
    value = etree.fromstring(request).findtext(_SIGNATURE_VALUE)
    assert value is not None
    shown = (
        blind(salt, "request", request),
        digest_of(base64.b64decode(value)),
        RSA_SHA256,
        tuple(digest_of(c.public_bytes(Encoding.DER)) for c in kept.certificates),
        tuple(digest_of(c.public_bytes(Encoding.DER)) for c in kept.crls),
    )
    return kept, shown


def report(history: History, kenmerk: str, bericht: str) -> None:
    """Let the agency report on a delivery."""
    kept = history.kept[kenmerk][bericht]
    assert kept.salt is not None
    request, shown = by_agency(history, kept.salt, "urn:uuid:report")
    event = Reported(
        oin_of(history.pki.identities["agency"].certificate),
        blind(kept.salt, "message_id", b"urn:uuid:report"),
        "500",
        blind(kept.salt, "report", b"<report/>"),
        "2026-06-01T11:00:00.000Z",
        *shown,
    )
    history.add(kenmerk, bericht, event)
    history.kept[kenmerk][bericht] = replace(kept, reports=(*kept.reports, request))


def offer(history: History, kenmerk: str, bericht: str, salt: bytes, content: bytes) -> None:
    """Let the agency offer a return message."""
    request, shown = by_agency(history, salt, "urn:uuid:offer")
    event = Offered(
        oin_of(history.pki.identities["agency"].certificate),
        "Bericht",
        (blind(salt, "content", content),),
        blind(salt, "message_id", b"urn:uuid:offer"),
        *shown,
    )
    history.add(kenmerk, bericht, event)
    message = KeptMessage(bericht, salt, (content,), request)
    history.messages.setdefault(kenmerk, {})[bericht] = message


def purge(history: History, kenmerk: str, bericht: str) -> None:
    history.add(kenmerk, bericht, Purged("retention", 3))
    history.kept[kenmerk][bericht] = Kept(bericht, None)


def story(pki: TestPki, now: datetime, authority: StampAuthority | None) -> History:
    """Make three kenmerken in three batches: one ends well, one is purged, one goes on."""
    signers = believed(pki.identities["gateway-signing"].certificate)
    roots: Sequence[x509.Certificate] = () if authority is None else (authority.root,)
    history = History(pki, now - timedelta(minutes=30), trust=Trust(signers, tuple(roots)))
    a = receive(history, A, "bericht-a1", b"<xbrl>a</xbrl>").salt
    assert a is not None
    b = receive(history, B, "bericht-b1", b"<xbrl>b</xbrl>").salt
    assert b is not None
    history.seal(authority)
    receive(history, C, "bericht-c1", b"<xbrl>c</xbrl>")
    reach(history, A, "bericht-a1", Status("400", history.now))
    history.add(A, "bericht-a1", Delivered("00000099000000004000", "urn:uuid:d1", 1, digest_of(a)))
    report(history, A, "bericht-a1")
    details = 'Akkoord: "Jansen", BSN 123456782\nregel 2 \\ één'
    reach(history, A, "bericht-a1", Status("500", history.now, None, details))
    operator, why = blind(b, "operator", b"Pietersen"), blind(b, "reason", b"on request")
    history.add(B, "bericht-b1", Resent(operator, why))
    history.add(B, "bericht-b1", Held(operator, why))
    error = StatusError("AFS600", "De uitvragende partij was niet bereikbaar.")
    reach(history, B, "bericht-b1", Status("420", history.now, error))
    history.seal(authority)
    offer(history, A, "bericht-a2", a, b"<back/>")
    history.add(A, "bericht-a2", Fetched("00000099000000002000"))
    history.add(B, "bericht-b1", Released(operator, why))
    purge(history, B, "bericht-b1")
    receive(history, C, "bericht-c2", b"<xbrl>c, again</xbrl>")
    history.seal(authority)
    return history
