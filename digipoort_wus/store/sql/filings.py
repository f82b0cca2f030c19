"""Statements about filings, their documents, answers and what their signatures were judged by."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from digipoort_wus.filing.content import Content, read_content
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.store.sql.base import PAYLOAD, PAYLOAD_JOINED, Rows, stored
from digipoort_wus.store.sql.convert import (
    FILING_ROW,
    filing_row,
    floor_ms,
    moment_of,
    pair_of,
    party_of,
)
from digipoort_wus.store.sql.session import Value
from digipoort_wus.store.values import (
    Answer,
    FilingId,
    FilingRow,
    Material,
    Prepared,
    Receipt,
    StoredPayload,
)
from digipoort_wus.store.vault import secret_of

_DOCUMENTS = """SELECT document.mime_type, document.file_name, {columns}
    FROM {owner}_document AS document JOIN payload ON payload.id = document.payload_id
    LEFT JOIN secret ON secret.id = payload.secret_id
    WHERE document.{key} = ? ORDER BY document.position"""
_FILING_DOCUMENTS = _DOCUMENTS.format(columns=PAYLOAD, owner="filing", key="filing_id")
_RETURN_DOCUMENTS = _DOCUMENTS.format(columns=PAYLOAD, owner="return", key="message_id")


class ContentReads(Rows):
    """Documents of filings and of return messages."""

    def _documents_of_filing(self, filing_id: int) -> Iterator[Document]:
        return self._documents(_FILING_DOCUMENTS, filing_id)

    def _documents_of_message(self, message_id: int) -> Iterator[Document]:
        return self._documents(_RETURN_DOCUMENTS, message_id)

    def _documents(self, statement: str, owner: int) -> Iterator[Document]:
        for mime_type, file_name, *payload in self._all(statement, (owner,)):
            wrapped = secret_of(payload[0], payload[1])
            content = self._vault.open(wrapped, stored(tuple(payload)))
            yield Document(mime_type, file_name, content)

    def _payload(self, payload_id: int | None) -> Content | None:
        """Return a payload by its number."""
        if payload_id is None:
            return None
        row = self._one(
            f"SELECT {PAYLOAD} FROM {PAYLOAD_JOINED} WHERE payload.id = ?",  # noqa: S608
            payload_id,
        )
        return None if row is None else self._vault.open(secret_of(row[0], row[1]), stored(row))


class FilingReads(ContentReads):
    """Looks up filings."""

    def receipt(self, sender: str, message_id: str) -> Receipt | None:
        """Return what is remembered of this sender's message, None when it is new."""
        row = self._one(
            "SELECT id, body_digest FROM filing WHERE sender = ? AND message_id = ?",
            *(sender, message_id),
        )
        return None if row is None else Receipt(FilingId(row[0]), row[1])

    def filing(self, filing_id: FilingId, documents: Sequence[Document] | None = None) -> Filing:
        """Return a delivery with its documents."""
        row = self._one(
            """SELECT kenmerk, berichtkenmerk, sender, received_at, berichtsoort,
                belanghebbende_number, belanghebbende_type, rol_belanghebbende,
                asked_kenmerk, aanleverkenmerk, eerder_aanleverkenmerk,
                ontvanger_number, ontvanger_type, rol_ontvanger, autorisatie_adres, tls_oin
            FROM filing WHERE id = ?""",
            filing_id,
        )
        if row is None:
            raise KeyError(filing_id)
        content, *attachments = documents or self._documents_of_filing(filing_id)
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
        content = self._payload(row[0])
        return None if content is None else read_content(content)

    def answer(self, filing_id: FilingId) -> Answer | None:
        """Return the answer that was kept, None when there is none."""
        row = self._one("SELECT payload_id, valid_until FROM answer WHERE filing_id = ?", filing_id)
        if row is None:
            return None
        content = self._payload(row[0])
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


class FilingWrites(FilingReads):
    """Keeps filings."""

    def add_filing(
        self,
        filing: Filing,
        message_id: str,
        body_digest: bytes,
        prepared: Prepared | None = None,
    ) -> FilingId:
        """Keep a delivery and its documents."""
        delivery = filing.delivery
        documents = (delivery.document, *delivery.attachments)
        ready = self._prepared(prepared, documents)
        secret_id = self._add_secret(ready.ring, ready.wrapped)
        request_id = None if ready.request is None else self._add_payload(secret_id, ready.request)
        filing_id = self._insert(
            """INSERT INTO filing (kenmerk, berichtkenmerk, sender, message_id, body_digest,
                received_at, berichtsoort, belanghebbende_number, belanghebbende_type,
                rol_belanghebbende, asked_kenmerk, aanleverkenmerk, eerder_aanleverkenmerk,
                ontvanger_number, ontvanger_type, rol_ontvanger, autorisatie_adres, tls_oin,
                secret_id, request_id)
            VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id""",
            *(filing.kenmerk, filing.berichtkenmerk, filing.sender, message_id, body_digest),
            *(floor_ms(filing.received_at), delivery.berichtsoort),
            *pair_of(delivery.belanghebbende),
            *(delivery.rol_belanghebbende, delivery.kenmerk),
            *(delivery.aanleverkenmerk, delivery.eerder_aanleverkenmerk),
            *pair_of(delivery.ontvanger),
            *(delivery.rol_ontvanger, delivery.autorisatie_adres, filing.tls_oin),
            *(secret_id, request_id),
        )
        self._add_documents("filing_document", filing_id, secret_id, documents, ready.documents)
        return FilingId(filing_id)

    def mend(self, filing_id: FilingId, prepared: Prepared) -> None:
        """Keep the documents of a delivery that came again, where the first ones are missing."""
        rows = self._all(
            """SELECT document.position, payload.id, payload.sha256, payload.size
            FROM filing_document AS document JOIN payload ON payload.id = document.payload_id
            WHERE document.filing_id = ? AND payload.place = 'file'""",
            (filing_id,),
        )
        for position, payload_id, digest, size in rows:
            again = prepared.documents[position]
            if again.size == size and self._vault.is_missing(digest):
                secret_id = self._add_secret(prepared.ring, prepared.wrapped)
                self._execute(
                    """UPDATE payload SET secret_id = ?, salt = ?, sha256 = ?, place = ?
                    WHERE id = ?""",
                    (secret_id, again.salt, again.sha256, again.place, payload_id),
                )

    def put_answer(self, filing_id: FilingId, octets: bytes, valid_until: datetime) -> None:
        """Keep the answer to a delivery, instead of an earlier one."""
        payload_id = self._add_under_filing(filing_id, octets)
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
        if not items:
            return
        marks = ",".join("?" * len(items))
        # Most are there, and a CRL is large: it is not handed over to be thrown away.
        there = self._all(
            f"SELECT sha256 FROM material WHERE sha256 IN ({marks})",  # noqa: S608
            [item.sha256 for item in items],
        )
        known = {bytes(row[0]) for row in there}
        for item in items:
            if item.sha256 not in known:
                self._execute(
                    """INSERT INTO material (sha256, kind, content) VALUES (?,?,?)
                    ON CONFLICT DO NOTHING""",
                    (item.sha256, item.kind, item.content),
                )
        rows = ",".join(["(?,?,?)"] * len(items))
        values: list[Value] = []
        for position, item in enumerate(items):
            values += (filing_id, position, item.sha256)
        self._execute(
            f"INSERT INTO filing_material (filing_id, position, sha256) VALUES {rows}",  # noqa: S608
            values,
        )

    def hold_process(self, kenmerk: str) -> None:
        """Let nobody else write to the process before this transaction ends."""
        for statement in self._dialect.hold:
            self._execute(statement, (kenmerk,))

    def _add_documents(
        self,
        table: str,
        owner: int,
        secret_id: int,
        documents: Sequence[Document],
        payloads: Sequence[StoredPayload],
    ) -> None:
        key = "filing_id" if table == "filing_document" else "message_id"
        for position, (document, payload) in enumerate(zip(documents, payloads, strict=True)):
            payload_id = self._add_payload(secret_id, payload)
            self._execute(
                f"""INSERT INTO {table} ({key}, position, mime_type, file_name, payload_id)
                VALUES (?,?,?,?,?)""",  # noqa: S608
                (owner, position, document.mime_type, document.file_name, payload_id),
            )
