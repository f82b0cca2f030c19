"""Statements about return messages, and about messages of agencies."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.store import binding
from digipoort_wus.store.binding import Binding, Bound
from digipoort_wus.store.sql.convert import floor_ms, moment_of, pair_of, party_of, selected
from digipoort_wus.store.sql.filings import FilingReads, FilingWrites
from digipoort_wus.store.sql.pending import RETURN_DOCUMENT, RETURN_MESSAGE
from digipoort_wus.store.sql.session import Row
from digipoort_wus.store.values import (
    FilingId,
    InboxRow,
    MessageId,
    MessageRow,
    PayloadDamaged,
    Prepared,
    Selection,
)
from digipoort_wus.store.vault import secret_of

_MESSAGE = """SELECT message.kenmerk, message.berichtkenmerk, message.berichtsoort, offered_at,
        message.belanghebbende_number, message.belanghebbende_type, message.rol_belanghebbende,
        message.aanleverkenmerk, message.eerder_aanleverkenmerk, aanleveraar,
        message.ontvanger_number, message.ontvanger_type, message.rol_ontvanger,
        findings, elements, message.mac, message.filing_id, filing.sender,
        secret.ring, secret.wrapped, filing.purged_at,
        (SELECT count(*) FROM return_document WHERE message_id = message.id)
    FROM return_message AS message JOIN filing ON filing.id = message.filing_id
    LEFT JOIN secret ON secret.id = message.secret_id WHERE message.id = ?"""
_BOUND_BEFORE = "SELECT 1 FROM return_message WHERE id < ? AND mac IS NOT NULL LIMIT 1"
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
        # Of what was purged there is nothing to fetch any more.
        wanted.append("filing.purged_at IS NULL")
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
        row = self._one(_MESSAGE, message_id)
        if row is None:
            raise KeyError(message_id)
        message = _message(row, list(self._documents_of_message(message_id)))
        head = binding.message_head(message, 1 + len(message.attachments))
        if self._binding_of(message_id, row, head) is Binding.BROKEN:
            raise PayloadDamaged("a return message is not what was offered: restore its row")
        return message

    def message_bound(self, message_id: MessageId) -> Bound:
        """Return what the row of a return message says, and whether it was written so."""
        row = self._one(_MESSAGE, message_id)
        if row is None:
            raise KeyError(message_id)
        head = binding.message_head(_message(row, [Document("", "", b"")]), row[21])
        return Bound(head, self._binding_of(message_id, row, head))

    def messages_about(self, kenmerk: str) -> Sequence[tuple[MessageId, str]]:
        """Return number and berichtkenmerk of the return messages of a process, oldest first."""
        rows = self._all(
            "SELECT id, berichtkenmerk FROM return_message WHERE kenmerk = ? OR filing_id IN"
            " (SELECT id FROM filing WHERE kenmerk = ?) ORDER BY id",
            (kenmerk, kenmerk),
        )
        return [(MessageId(row[0]), row[1]) for row in rows]

    def _binding_of(self, message_id: MessageId, row: Row, head: bytes) -> Binding:
        mac, filing_id, sender, ring, wrapped, purged_at = row[15:21]
        if purged_at is not None:
            return Binding.NONE
        if mac is None:
            # Version 3 stored none after those that version 4 did.
            is_old = message_id > 0 and self._one(_BOUND_BEFORE, message_id) is None
            return Binding.NONE if is_old else Binding.BROKEN
        secret = secret_of(ring, wrapped)
        if secret is None:
            return Binding.BROKEN
        octets = binding.of_filing(head, moment_of(row[3]), filing_id, sender)
        holds = binding.is_mac(self._vault.head_key(secret), octets, mac)
        return Binding.HOLDS if holds else Binding.BROKEN

    def offered(self, berichtkenmerk: str) -> MessageId | None:
        """Return the return message with this identifier, None when it was not offered."""
        row = self._one("SELECT id FROM return_message WHERE berichtkenmerk = ?", berichtkenmerk)
        return None if row is None else MessageId(row[0])

    def is_purged(self, message_id: MessageId, kenmerk: str) -> bool:
        """Return whether a return message is of this process, and was purged with its filing."""
        row = self._one(
            """SELECT 1 FROM return_message AS message JOIN filing ON filing.id = message.filing_id
            WHERE message.id = ? AND message.kenmerk = ? AND filing.purged_at IS NOT NULL""",
            *(message_id, kenmerk),
        )
        return row is not None

    def inbox(self, peer: str, message_id: str) -> InboxRow | None:
        """Return what is remembered of an agency's message, None when it is new."""
        row = self._one(
            """SELECT digest, received_at, answer_id, filing_id FROM inbox
            WHERE peer = ? AND message_id = ?""",
            *(peer, message_id),
        )
        if row is None:
            return None
        label = binding.inbox_label(peer, message_id, binding.ANSWER)
        octets = self._octets_of(row[2], row[3], label)
        return InboxRow(peer, message_id, row[0], moment_of(row[1]), octets)

    def inbox_of(self, filing_id: FilingId) -> Sequence[InboxRow]:
        """Return the messages of agencies about a delivery, each with its request."""
        rows = self._all(
            """SELECT peer, message_id, digest, received_at, request_id FROM inbox
            WHERE filing_id = ? ORDER BY received_at, peer, message_id""",
            (filing_id,),
        )
        return [
            InboxRow(
                *(row[0], row[1], row[2], moment_of(row[3])),
                request=self._octets_of(
                    row[4], filing_id, binding.inbox_label(row[0], row[1], binding.REQUEST)
                ),
            )
            for row in rows
        ]

    def message_request(self, message_id: MessageId) -> bytes | None:
        """Return what shows the signed request that brought a return message."""
        row = self._one("SELECT request_id FROM return_message WHERE id = ?", message_id)
        if row is None:
            raise KeyError(message_id)
        content = self._payload(row[0], "return_message", message_id, binding.REQUEST)
        return None if content is None else read_content(content)

    def _octets_of(self, payload_id: int | None, filing_id: int, label: bytes) -> bytes | None:
        content = self._payload(payload_id, "filing", filing_id, label)
        return None if content is None else read_content(content)


class MessageWrites(MessageReads, FilingWrites):
    """Keeps messages."""

    def offer(self, message: ReturnMessage, prepared: Prepared | None = None) -> MessageId:
        """Put a return message into the mailbox of who filed its kenmerk."""
        if message.kenmerk in self._processes:
            self.flush()
        row = self._beside(
            "SELECT id, sender FROM filing WHERE kenmerk = ? ORDER BY id DESC LIMIT 1",
            message.kenmerk,
        )
        if row is None:
            raise KeyError(message.kenmerk)
        documents = (message.document, *message.attachments)
        ready = self._prepared(prepared, documents)
        secret_id = self._add_secret(ready.ring, ready.wrapped)
        request_id = None if ready.request is None else self._add_payload(secret_id, ready.request)
        message_id = self._number("return_message")
        head = binding.message_head(message, len(documents))
        self._add(
            RETURN_MESSAGE,
            message_id,
            *(row[0], message.kenmerk, message.berichtkenmerk),
            *(message.berichtsoort, floor_ms(message.offered_at)),
            *pair_of(message.belanghebbende),
            *(message.rol_belanghebbende, message.aanleverkenmerk),
            *(message.eerder_aanleverkenmerk, message.aanleveraar),
            *pair_of(message.ontvanger),
            message.rol_ontvanger,
            json.dumps([asdict(finding) for finding in message.findings]),
            json.dumps(message.elements),
            *(secret_id, request_id),
            binding.mac(ready.head_key, binding.of_filing(head, message.offered_at, *row)),
        )
        self._add_documents(RETURN_DOCUMENT, message_id, secret_id, documents, ready.documents)
        return MessageId(message_id)

    def mark_messages(self, caller: str, rows: Iterable[MessageRow]) -> int:
        """Remember that this OIN has been given these messages; return how many it had not."""
        return sum(
            self._execute(
                """INSERT INTO seen_message (caller, message_id) VALUES (?,?)
                ON CONFLICT DO NOTHING""",
                (caller, row.message_id),
            ).rowcount
            for row in rows
        )

    def add_inbox(self, row: InboxRow, filing_id: FilingId) -> None:
        """Remember an agency's message, and its answer when it has one."""
        answer_id, request_id = (
            None
            if octets is None
            else self._add_under_filing(
                filing_id, octets, binding.inbox_label(row.peer, row.message_id, what)
            )
            for octets, what in ((row.answer, binding.ANSWER), (row.request, binding.REQUEST))
        )
        self._execute(
            """INSERT INTO inbox
                (peer, message_id, digest, answer_id, request_id, received_at, filing_id)
            VALUES (?,?,?,?,?,?,?)""",
            (
                *(row.peer, row.message_id, row.digest, answer_id, request_id),
                *(floor_ms(row.received_at), filing_id),
            ),
        )

    def answer_inbox(self, peer: str, message_id: str, octets: bytes, filing_id: FilingId) -> None:
        """Keep the answer to an agency's message."""
        label = binding.inbox_label(peer, message_id, binding.ANSWER)
        answer_id = self._add_under_filing(filing_id, octets, label)
        changed = self._execute(
            "UPDATE inbox SET answer_id = ? WHERE peer = ? AND message_id = ?",
            (answer_id, peer, message_id),
        )
        if changed.rowcount != 1:
            raise KeyError(message_id)


def _message(row: Row, documents: Sequence[Document]) -> ReturnMessage:
    content, *attachments = documents
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
