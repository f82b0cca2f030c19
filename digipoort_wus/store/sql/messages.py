"""Statements about return messages, and about messages of agencies."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.store.sql.convert import floor_ms, moment_of, pair_of, party_of, selected
from digipoort_wus.store.sql.filings import FilingReads, FilingWrites
from digipoort_wus.store.values import (
    FilingId,
    InboxRow,
    MessageId,
    MessageRow,
    Prepared,
    Selection,
)

# Both halves have an index; a condition on the joined filing would be a walk through everything.
_OWN_OR_MANDATED = """(message.filing_id IN (SELECT id FROM filing WHERE sender = ?)
    OR (message.belanghebbende_number, lower(message.belanghebbende_type)) IN ({pairs}))"""


class MessageReads(FilingReads):
    """Looks up messages."""

    def message_rows(self, selection: Selection, limit: int | None = None) -> Sequence[MessageRow]:
        """Return return messages without content, oldest first."""
        wanted, values = selected(selection, "message.offered_at", "message")
        if selection.mailboxes:
            wanted.insert(0, _OWN_OR_MANDATED.format(pairs=self._dialect.pairs))
            pairs = sorted((party.number, party.register) for party in selection.mailboxes)
            values.insert(0, json.dumps(pairs))
        else:
            wanted.insert(0, "filing.sender = ?")
        values.insert(0, selection.sender)
        if selection.unseen_by is not None:
            wanted.append(
                """NOT EXISTS (SELECT 1 FROM seen_message AS seen
                WHERE seen.caller = ? AND seen.message_id = message.id)"""
            )
            values.append(selection.unseen_by)
        statement = f"""SELECT message.id, message.kenmerk, message.berichtsoort,
                message.belanghebbende_number, message.belanghebbende_type
            FROM filing JOIN return_message AS message ON message.filing_id = filing.id
            WHERE {" AND ".join(wanted)}
            ORDER BY message.offered_at, message.id"""  # noqa: S608
        if limit is not None:
            statement += " LIMIT ?"
            values.append(limit)
        return [
            MessageRow(MessageId(row[0]), row[1], row[2], Party(row[3], row[4]))
            for row in self._all(statement, values)
        ]

    def message(self, message_id: MessageId) -> ReturnMessage:
        """Return a return message with its documents."""
        row = self._one(
            """SELECT kenmerk, berichtkenmerk, berichtsoort, offered_at,
                belanghebbende_number, belanghebbende_type, rol_belanghebbende,
                aanleverkenmerk, eerder_aanleverkenmerk, aanleveraar,
                ontvanger_number, ontvanger_type, rol_ontvanger, findings, elements
            FROM return_message WHERE id = ?""",
            message_id,
        )
        if row is None:
            raise KeyError(message_id)
        content, *attachments = self._documents_of_message(message_id)
        return ReturnMessage(
            kenmerk=row[0],
            berichtkenmerk=row[1],
            berichtsoort=row[2],
            offered_at=moment_of(row[3]),
            belanghebbende=Party(row[4], row[5]),
            rol_belanghebbende=row[6],
            document=content,
            aanleverkenmerk=row[7],
            eerder_aanleverkenmerk=row[8],
            aanleveraar=row[9],
            ontvanger=party_of(row[10], row[11]),
            rol_ontvanger=row[12],
            attachments=tuple(attachments),
            findings=tuple(Finding(**finding) for finding in json.loads(row[13])),
            elements=tuple((name, value) for name, value in json.loads(row[14])),
        )

    def offered(self, berichtkenmerk: str) -> MessageId | None:
        """Return the return message with this identifier, None when it was not offered."""
        row = self._one("SELECT id FROM return_message WHERE berichtkenmerk = ?", berichtkenmerk)
        return None if row is None else MessageId(row[0])

    def inbox(self, peer: str, message_id: str) -> InboxRow | None:
        """Return what is remembered of an agency's message, None when it is new."""
        row = self._one(
            """SELECT digest, received_at, answer_id FROM inbox
            WHERE peer = ? AND message_id = ?""",
            *(peer, message_id),
        )
        if row is None:
            return None
        answer = self._payload(row[2])
        octets = None if answer is None else read_content(answer)
        return InboxRow(peer, message_id, row[0], moment_of(row[1]), octets)


class MessageWrites(MessageReads, FilingWrites):
    """Keeps messages."""

    def offer(self, message: ReturnMessage, prepared: Prepared | None = None) -> MessageId:
        """Put a return message into the mailbox of who filed its kenmerk."""
        filings = self.filings_of(message.kenmerk)
        if not filings:
            raise KeyError(message.kenmerk)
        documents = (message.document, *message.attachments)
        ready = self._prepared(prepared, documents)
        secret_id = self._add_secret(ready.ring, ready.wrapped)
        message_id = self._insert(
            """INSERT INTO return_message (filing_id, kenmerk, berichtkenmerk, berichtsoort,
                offered_at, belanghebbende_number, belanghebbende_type, rol_belanghebbende,
                aanleverkenmerk, eerder_aanleverkenmerk, aanleveraar, ontvanger_number,
                ontvanger_type, rol_ontvanger, findings, elements, secret_id)
            VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id""",
            *(filings[-1].filing_id, message.kenmerk, message.berichtkenmerk),
            *(message.berichtsoort, floor_ms(message.offered_at)),
            *pair_of(message.belanghebbende),
            *(message.rol_belanghebbende, message.aanleverkenmerk),
            *(message.eerder_aanleverkenmerk, message.aanleveraar),
            *pair_of(message.ontvanger),
            message.rol_ontvanger,
            json.dumps([asdict(finding) for finding in message.findings]),
            json.dumps(message.elements),
            secret_id,
        )
        self._add_documents("return_document", message_id, secret_id, documents, ready.documents)
        return MessageId(message_id)

    def mark_messages(self, caller: str, rows: Iterable[MessageRow]) -> None:
        """Remember that this OIN has been given these messages."""
        for row in rows:
            self._execute(
                """INSERT INTO seen_message (caller, message_id) VALUES (?,?)
                ON CONFLICT DO NOTHING""",
                (caller, row.message_id),
            )

    def add_inbox(self, row: InboxRow, filing_id: FilingId) -> None:
        """Remember an agency's message, and its answer when it has one."""
        answer_id = None
        if row.answer is not None:
            answer_id = self._add_under_filing(filing_id, row.answer)
        self._execute(
            """INSERT INTO inbox (peer, message_id, digest, answer_id, received_at, filing_id)
            VALUES (?,?,?,?,?,?)""",
            (row.peer, row.message_id, row.digest, answer_id, floor_ms(row.received_at), filing_id),
        )

    def answer_inbox(self, peer: str, message_id: str, octets: bytes, filing_id: FilingId) -> None:
        """Keep the answer to an agency's message."""
        answer_id = self._add_under_filing(filing_id, octets)
        changed = self._execute(
            "UPDATE inbox SET answer_id = ? WHERE peer = ? AND message_id = ?",
            (answer_id, peer, message_id),
        )
        if changed.rowcount != 1:
            raise KeyError(message_id)
