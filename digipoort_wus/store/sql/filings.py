"""Statements about filings, their answers and what their signatures were judged by."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache

from digipoort_wus.errors import DigipoortError
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.store import binding
from digipoort_wus.store.binding import Binding, Bound
from digipoort_wus.store.reader import ToAnswer
from digipoort_wus.store.secrets import RingId, WrappedSecret
from digipoort_wus.store.sql.base import PAYLOAD
from digipoort_wus.store.sql.contents import ContentReads
from digipoort_wus.store.sql.convert import (
    ENTRY_OF_CHAIN,
    FILING_ROW,
    entry_of,
    filing_row,
    floor_ms,
    moment_of,
    optional_moment,
    pair_of,
    party_of,
)
from digipoort_wus.store.sql.pending import (
    ANSWER,
    FILING,
    FILING_DOCUMENT,
    FILING_MATERIAL,
    Gathered,
)
from digipoort_wus.store.sql.session import Row
from digipoort_wus.store.values import (
    Answer,
    FilingId,
    FilingRow,
    Material,
    PayloadDamaged,
    Prepared,
    Receipt,
    StoredPayload,
)
from digipoort_wus.store.vault import secret_of

_FILING = """kenmerk, berichtkenmerk, sender, received_at, berichtsoort,
    belanghebbende_number, belanghebbende_type, rol_belanghebbende,
    asked_kenmerk, aanleverkenmerk, eerder_aanleverkenmerk,
    ontvanger_number, ontvanger_type, rol_ontvanger, autorisatie_adres, tls_oin,
    message_id, body_digest, mac"""
"""Columns of :func:`_filing`, and what its MAC is over beside them."""
_BOUND_BEFORE = "SELECT 1 FROM filing WHERE id < ? AND mac IS NOT NULL LIMIT 1"

_TO_ANSWER = f"""SELECT filing.id, filing.kenmerk, filing.berichtkenmerk, answer.payload_id,
        answer.valid_until, secret.id, secret.ring, secret.wrapped, {ENTRY_OF_CHAIN}
    FROM filing LEFT JOIN answer ON answer.filing_id = filing.id
    LEFT JOIN secret ON secret.id = filing.secret_id
    LEFT JOIN evidence ON evidence.kenmerk = filing.kenmerk AND evidence.seq =
        (SELECT max(seq) FROM evidence AS last WHERE last.kenmerk = filing.kenmerk)
    WHERE filing.sender = ? AND filing.message_id = ?"""  # noqa: S608, columns of this package


_NOTHING = Document("", "", b"")


class FilingReads(ContentReads):
    """Looks up filings."""

    def receipt(self, sender: str, message_id: str) -> Receipt | None:
        """Return what is remembered of this sender's message, None when it is new."""
        waiting = self._receipts.get((sender, message_id))
        if waiting is not None:
            return waiting
        row = self._beside(
            "SELECT id, body_digest FROM filing WHERE sender = ? AND message_id = ?",
            *(sender, message_id),
        )
        return None if row is None else Receipt(FilingId(row[0]), row[1])

    def to_answer(self, sender: str, message_id: str) -> ToAnswer | None:
        """Return what is needed to answer this sender's message, None when it is new."""
        message = sender, message_id
        if message in self._receipts or message in self._answered:
            self.flush()
        row = self._beside(_TO_ANSWER, *message)
        if row is None:
            return None
        self._answered.add(message)
        filing_id, kenmerk = FilingId(row[0]), row[1]
        secret = secret_of(row[6], row[7])
        if secret is not None:
            self._secrets[filing_id] = int(row[5]), secret
        if row[3] is None:
            self._unanswered.add(filing_id)
        last = self._heads.get(kenmerk) or (None if row[8] is None else entry_of(row[8:]))
        return ToAnswer(filing_id, kenmerk, row[2], optional_moment(row[4]), last)

    def filing(self, filing_id: FilingId, documents: Sequence[Document] | None = None) -> Filing:
        """Return a delivery with its documents."""
        row = self._one(f"SELECT {_FILING} FROM filing WHERE id = ?", filing_id)  # noqa: S608
        if row is None:
            raise KeyError(filing_id)
        if documents:
            return _filing(row, documents)
        filing = _filing(row, list(self._documents_of_filing(filing_id)))
        found = self._secret_of(filing_id)
        self._require_bound(filing_id, row, filing, None if found is None else found[1])
        return filing

    def filing_bound(self, filing_id: FilingId) -> Bound:
        """Return what the row of a delivery says, and whether it was written so."""
        row = self._one(
            f"""SELECT (SELECT count(*) FROM filing_document AS document
                WHERE document.filing_id = filing.id), purged_at, {_FILING}
            FROM filing WHERE id = ?""",  # noqa: S608
            filing_id,
        )
        if row is None:
            raise KeyError(filing_id)
        found = self._secret_of(filing_id)
        head = _head(row[2:], _filing(row[2:], [_NOTHING]), row[0])
        if row[1] is not None:
            return Bound(head, Binding.NONE)
        return Bound(
            head, self._binding(filing_id, row[-1], head, None if found is None else found[1])
        )

    def _require_bound(
        self, filing_id: FilingId, row: Row, filing: Filing, wrapped: WrappedSecret | None
    ) -> None:
        """Refuse a row that is not the one that was written with its secret."""
        head = _head(row, filing, 1 + len(filing.delivery.attachments))
        if self._binding(filing_id, row[-1], head, wrapped) is Binding.BROKEN:
            raise PayloadDamaged("a filing is not what was accepted: restore its row")

    def _binding(
        self, filing_id: FilingId, mac: bytes | None, head: bytes, wrapped: WrappedSecret | None
    ) -> Binding:
        if mac is None:
            # Version 3 stored none after those that version 4 did.
            is_old = filing_id > 0 and self._one(_BOUND_BEFORE, filing_id) is None
            return Binding.NONE if is_old else Binding.BROKEN
        if wrapped is None:
            return Binding.BROKEN
        holds = binding.is_mac(self._vault.head_key(wrapped), head, mac)
        return Binding.HOLDS if holds else Binding.BROKEN

    def loaded(self, filing_ids: Sequence[FilingId]) -> Mapping[FilingId, tuple[Filing, bytes]]:
        """Return deliveries with their documents, and the salts of their evidence."""
        rows = self._all(_loaded(len(filing_ids)), filing_ids)
        kept: dict[FilingId, list[Row]] = {}
        for row in self._all(_documents_of(len(filing_ids)), filing_ids):
            kept.setdefault(row[0], []).append(row)
        found: dict[FilingId, tuple[Filing, bytes]] = {}
        for row in rows:
            filing_id, secret = row[0], secret_of(row[1], row[2])
            # Who asks for one that cannot be read by itself is told why.
            with suppress(DigipoortError, OSError, LookupError):
                if secret is not None:
                    salt = self._vault.evidence_salt(secret)
                    documents = [
                        self._document(position, one[1:])
                        for position, one in enumerate(kept[filing_id])
                    ]
                    filing = _filing(row[3:], documents)
                    self._require_bound(filing_id, row[3:], filing, secret)
                    found[filing_id] = filing, salt
        return found

    def filing_row(self, filing_id: FilingId) -> FilingRow:
        """Return a delivery without its documents."""
        statement = f"SELECT {FILING_ROW} FROM filing WHERE id = ?"  # noqa: S608
        row = self._one(statement, filing_id)
        if row is None:
            raise KeyError(filing_id)
        return filing_row(row)

    def filings_of(self, kenmerk: str) -> Sequence[FilingRow]:
        """Return the deliveries of one process, oldest first."""
        statement = f"SELECT {FILING_ROW} FROM filing WHERE kenmerk = ? ORDER BY id"  # noqa: S608
        return [filing_row(row) for row in self._all(statement, (kenmerk,))]

    def filings(
        self,
        sender: str,
        berichtsoort: str,
        belanghebbende: Party,
        limit: int | None = None,
    ) -> Sequence[FilingRow]:
        """Return a sender's deliveries for one party, oldest first; at most so many."""
        most = () if limit is None else (limit,)
        rows = self._all(
            f"""SELECT {FILING_ROW} FROM filing
            WHERE sender = ? AND berichtsoort = ? AND belanghebbende_number = ?
                AND lower(belanghebbende_type) = ?
            ORDER BY received_at, id {"LIMIT ?" if most else ""}""",  # noqa: S608
            (sender, berichtsoort, belanghebbende.number, belanghebbende.register, *most),
        )
        return [filing_row(row) for row in rows]

    def request(self, filing_id: FilingId) -> bytes | None:
        """Return what shows the signed request again, None when it was not kept."""
        row = self._one("SELECT request_id FROM filing WHERE id = ?", filing_id)
        if row is None:
            raise KeyError(filing_id)
        content = self._payload(row[0], "filing", filing_id, binding.REQUEST)
        return None if content is None else read_content(content)

    def answer(self, filing_id: FilingId) -> Answer | None:
        """Return the answer that was kept, None when there is none."""
        row = self._one("SELECT payload_id, valid_until FROM answer WHERE filing_id = ?", filing_id)
        if row is None:
            return None
        content = self._payload(row[0], "filing", filing_id, binding.ANSWER)
        return None if content is None else Answer(read_content(content), moment_of(row[1]))

    def materials(self, filing_id: FilingId) -> Sequence[Material]:
        """Return what the signature was judged by, in the order in which it was kept."""
        rows = self._all(
            """SELECT material.sha256, kind, content FROM filing_material
            JOIN material ON material.sha256 = filing_material.sha256
            WHERE filing_id = ? ORDER BY position""",
            (filing_id,),
        )
        return [Material(*row) for row in rows]

    def named_materials(self, digests: Sequence[bytes]) -> Sequence[Material]:
        """Return what is kept of these SHA-256, in any order."""
        if not digests:
            return []
        rows = self._all(
            f"""SELECT sha256, kind, content FROM material
            WHERE sha256 IN ({",".join("?" * len(digests))})""",  # noqa: S608
            list(digests),
        )
        return [Material(*row) for row in rows]


class FilingWrites(FilingReads):
    """Keeps filings."""

    def add_filing(
        self,
        filing: Filing,
        message_id: str,
        body_digest: bytes,
        prepared: Prepared | None = None,
        *,
        head: bytes | None = None,
    ) -> FilingId:
        """Keep a delivery and its documents."""
        delivery = filing.delivery
        documents = (delivery.document, *delivery.attachments)
        ready = self._prepared(prepared, documents)
        payloads = len(ready.documents) + (ready.request is not None)
        self._reserve("secret", "filing", *["payload"] * payloads)
        secret_id = self._add_secret(ready.ring, ready.wrapped)
        request_id = None if ready.request is None else self._add_payload(secret_id, ready.request)
        filing_id = FilingId(self._number("filing"))
        if head is None:
            head = binding.filing_head(filing, message_id, body_digest, len(documents))
        self._add(
            FILING,
            filing_id,
            *(filing.kenmerk, filing.berichtkenmerk, filing.sender, message_id, body_digest),
            *(floor_ms(filing.received_at), delivery.berichtsoort),
            *pair_of(delivery.belanghebbende),
            *(delivery.rol_belanghebbende, delivery.kenmerk),
            *(delivery.aanleverkenmerk, delivery.eerder_aanleverkenmerk),
            *pair_of(delivery.ontvanger),
            *(delivery.rol_ontvanger, delivery.autorisatie_adres, filing.tls_oin),
            *(secret_id, request_id, binding.mac(ready.head_key, head)),
        )
        self._add_documents(FILING_DOCUMENT, filing_id, secret_id, documents, ready.documents)
        self._receipts[filing.sender, message_id] = Receipt(filing_id, body_digest)
        self._processes.add(filing.kenmerk)
        return filing_id

    def mend(self, filing_id: FilingId, prepared: Prepared) -> None:
        """Keep the documents of a delivery that came again, where the first ones are missing."""
        rows = self._all(
            """SELECT document.position, payload.id, payload.sha256, payload.size, payload.place,
                document.mime_type, document.file_name
            FROM filing_document AS document JOIN payload ON payload.id = document.payload_id
            WHERE document.filing_id = ? AND payload.place IN ('file', 'object')""",
            (filing_id,),
        )
        sealed = WrappedSecret(RingId(prepared.ring), prepared.wrapped)
        for position, payload_id, digest, size, place, *named in rows:
            again = prepared.documents[position]
            if again.size == size and self._vault.is_missing(place, digest):
                secret_id, wrapped = self._given_secret(filing_id)
                label = binding.document_label(position, Document(named[0], named[1], b""))
                salt = self._vault.adopt(again, sealed, wrapped, label)
                self._execute(
                    """UPDATE payload SET secret_id = ?, salt = ?, sha256 = ?, place = ?
                    WHERE id = ?""",
                    (secret_id, salt, again.sha256, again.place, payload_id),
                )

    def put_answer(self, filing_id: FilingId, octets: bytes, valid_until: datetime) -> None:
        """Keep the answer to a delivery, instead of an earlier one."""
        payload_id = self._add_under_filing(filing_id, octets, binding.ANSWER)
        if filing_id in self._unanswered:
            self._unanswered.remove(filing_id)
            self._add(ANSWER, filing_id, payload_id, floor_ms(valid_until))
            return
        earlier = self._one("SELECT payload_id FROM answer WHERE filing_id = ?", filing_id)
        self._execute(
            """INSERT INTO answer (filing_id, payload_id, valid_until) VALUES (?,?,?)
            ON CONFLICT (filing_id) DO UPDATE
            SET payload_id = excluded.payload_id, valid_until = excluded.valid_until""",
            (filing_id, payload_id, floor_ms(valid_until)),
        )
        if earlier is not None:
            self._execute("DELETE FROM payload WHERE id = ?", (earlier[0],))

    def add_materials(self, filing_id: FilingId, materials: Iterable[Material]) -> None:
        """Keep what the signature of a delivery was judged by, each once."""
        items = list(materials)
        self.keep_materials(items)
        for position, item in enumerate(items):
            self._add(FILING_MATERIAL, filing_id, position, item.sha256)

    def keep_materials(self, materials: Iterable[Material]) -> None:
        """Keep what a signature was judged by, each once."""
        items = list(materials)
        if not items:
            return
        marks = ",".join("?" * len(items))
        # Most are there, and a CRL is large: it is not handed over to be thrown away.
        there = self._run(
            f"SELECT sha256 FROM material WHERE sha256 IN ({marks})",  # noqa: S608
            [item.sha256 for item in items],
        )
        known = {bytes(row[0]) for row in there}
        for item in items:
            if item.sha256 not in known:
                self._run(
                    """INSERT INTO material (sha256, kind, content) VALUES (?,?,?)
                    ON CONFLICT DO NOTHING""",
                    (item.sha256, item.kind, item.content),
                )

    def hold_process(self, kenmerk: str) -> None:
        """Let nobody else write to the process before this transaction ends."""
        for statement in self._dialect.hold:
            self._execute(statement, (kenmerk,))

    def _add_documents(
        self,
        kind: Gathered,
        owner: int,
        secret_id: int,
        documents: Sequence[Document],
        payloads: Sequence[StoredPayload],
    ) -> None:
        for position, (document, payload) in enumerate(zip(documents, payloads, strict=True)):
            payload_id = self._add_payload(secret_id, payload)
            self._add(kind, owner, position, document.mime_type, document.file_name, payload_id)


def _head(row: Row, filing: Filing, documents: int) -> bytes:
    return binding.filing_head(filing, row[16], row[17], documents)


def _filing(row: Row, documents: Sequence[Document]) -> Filing:
    content, *attachments = documents
    delivery = Delivery(
        berichtsoort=row[4],
        belanghebbende=Party(row[5], row[6]),
        rol_belanghebbende=row[7],
        document=content,
        kenmerk=row[8],
        aanleverkenmerk=row[9],
        eerder_aanleverkenmerk=row[10],
        ontvanger=party_of(row[11], row[12]),
        rol_ontvanger=row[13],
        attachments=tuple(attachments),
        autorisatie_adres=row[14],
    )
    return Filing(row[0], row[1], row[2], moment_of(row[3]), delivery, row[15])


@cache
def _loaded(filings: int) -> str:
    marks = ",".join("?" * filings)
    return f"""SELECT filing.id, secret.ring, secret.wrapped, {_FILING}
        FROM filing JOIN secret ON secret.id = filing.secret_id
        WHERE filing.id IN ({marks})"""  # noqa: S608


@cache
def _documents_of(filings: int) -> str:
    marks = ",".join("?" * filings)
    return f"""SELECT document.filing_id, document.mime_type, document.file_name,
            owner.mac IS NULL, {PAYLOAD}
        FROM filing_document AS document JOIN filing AS owner ON owner.id = document.filing_id
        JOIN payload ON payload.id = document.payload_id
        LEFT JOIN secret ON secret.id = owner.secret_id
        WHERE document.filing_id IN ({marks}) ORDER BY document.position"""  # noqa: S608
