"""Statements about messages of ebMS: what came, what goes, and what became of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Document
from digipoort_wus.store import binding, ebms_binding
from digipoort_wus.store.ebms_values import (
    Direction,
    EbmsAnswer,
    EbmsContent,
    EbmsHead,
    EbmsId,
    EbmsKey,
    EbmsMessage,
    EbmsPart,
    EbmsRow,
    EbmsWanted,
    Incoming,
    Known,
    Received,
    Repeats,
    StateChanged,
)
from digipoort_wus.store.secrets import RingId, WrappedSecret
from digipoort_wus.store.sql.base import PAYLOAD, stored
from digipoort_wus.store.sql.convert import (
    conditions,
    floor_ms,
    moment_of,
    optional_moment,
    optional_ms,
)
from digipoort_wus.store.sql.ebms_events import EbmsEventReads, EbmsEventWrites
from digipoort_wus.store.sql.ebms_tasks import EbmsTaskReads, EbmsTaskWrites
from digipoort_wus.store.sql.session import Row
from digipoort_wus.store.values import PayloadDamaged, Prepared, Purged

_HEAD = """direction, cpa_id, sender, message_id, receiver, conversation_id, service, service_type,
    action, timestamp, at, persist_until, digest, ref_to_message_id, time_to_live, content_type,
    packaging"""
"""Columns of :func:`_head`."""
_ROW = f"id, copy, {_HEAD}, state, settled_at, processed_at, answered_at"
"""Columns of :func:`_row`."""
_BY_KEY = "direction = ? AND cpa_id = ? AND message_id = ? AND sender = ?"
_AT_REST = "settled_at IS NOT NULL OR (processed_at IS NOT NULL AND direction = 'in')"


class EbmsReads(EbmsTaskReads, EbmsEventReads):
    """Looks up messages."""

    def ebms_known(self, key: EbmsKey) -> EbmsRow | None:
        """Return the first message that came or went under a key, None when there is none."""
        row = self._one(
            f"SELECT {_ROW} FROM ebms_message WHERE {_BY_KEY} ORDER BY copy LIMIT 1",  # noqa: S608
            *_key(key),
        )
        return None if row is None else _row(row)

    def ebms_answered_with(self, message_id: str) -> EbmsRow | None:
        """Return the message that came in and was answered with a signal of this MessageId."""
        row = self._one(
            f"""SELECT {_ROW} FROM ebms_message
            WHERE answer_message_id = ? AND direction = 'in' ORDER BY id LIMIT 1""",  # noqa: S608
            message_id,
        )
        return None if row is None else _row(row)

    def ebms(self, ebms_id: EbmsId) -> EbmsRow:
        """Return a message without its contents."""
        row = self._one(f"SELECT {_ROW} FROM ebms_message WHERE id = ?", ebms_id)  # noqa: S608
        if row is None:
            raise KeyError(ebms_id)
        return _row(row)

    def ebms_messages(self, wanted: EbmsWanted) -> Sequence[EbmsRow]:
        """Return messages without their contents, oldest first."""
        terms, values = conditions(
            (
                ("direction = ?", wanted.direction and wanted.direction.value),
                ("cpa_id = ?", wanted.cpa_id),
                ("sender = ?", wanted.sender),
                ("receiver = ?", wanted.receiver),
                ("service = ?", wanted.service),
                ("action = ?", wanted.action),
                ("conversation_id = ?", wanted.conversation_id),
                ("message_id = ?", wanted.message_id),
                ("ref_to_message_id = ?", wanted.ref_to_message_id),
                ("state = ?", wanted.state),
                ("id > ?", wanted.after),
            )
        )
        if wanted.unprocessed:
            terms.append("processed_at IS NULL AND direction = 'in'")
        where = f"WHERE {' AND '.join(terms)}" if terms else ""
        rows = self._all(
            f"SELECT {_ROW} FROM ebms_message {where} ORDER BY id LIMIT ?",  # noqa: S608
            (*values, wanted.limit),
        )
        return [_row(row) for row in rows]

    def ebms_content(self, ebms_id: EbmsId) -> EbmsContent:
        """Return what a message held, if its row is the one that was written."""
        row = self._one(
            f"""SELECT secret.ring, secret.wrapped, mac, envelope_id, copy, {_HEAD}
            FROM ebms_message JOIN secret ON secret.id = secret_id
            WHERE ebms_message.id = ?""",  # noqa: S608
            ebms_id,
        )
        if row is None:
            raise KeyError(ebms_id)
        wrapped = WrappedSecret(RingId(row[0]), row[1])
        parts = list(self._parts(ebms_id, wrapped))
        said = ebms_binding.message_head(
            _head(row[5:]), row[4], parts, has_envelope=row[3] is not None
        )
        if not binding.is_mac(self._vault.head_key(wrapped), said, row[2]):
            raise PayloadDamaged("a message of ebMS is not what was kept: restore its row")
        envelope = self._payload(row[3], "ebms_message", ebms_id, binding.REQUEST)
        return EbmsContent(None if envelope is None else read_content(envelope), parts)

    def ebms_answer(self, ebms_id: EbmsId) -> EbmsAnswer | None:
        """Return the signal that is kept with a message, None when there is none."""
        row = self._one(
            """SELECT answer_id, answer_type, answer_message_id, answered_at
            FROM ebms_message WHERE id = ?""",
            ebms_id,
        )
        if row is None:
            raise KeyError(ebms_id)
        content = self._payload(row[0], "ebms_message", ebms_id, ebms_binding.ANSWER)
        if content is None:
            return None
        return EbmsAnswer(read_content(content), row[1], row[2], moment_of(row[3]))

    def ebms_forgettable(
        self, before: datetime, limit: int, after: EbmsId | None = None
    ) -> Sequence[EbmsId]:
        """Return messages at rest whose ids need not be known any more, in order."""
        rows = self._all(
            f"""SELECT id FROM ebms_message WHERE id > ? AND persist_until < ? AND ({_AT_REST})
                AND NOT EXISTS (SELECT 1 FROM ebms_task
                    WHERE ebms_task.message_id = ebms_message.id)
                AND NOT EXISTS (SELECT 1 FROM ebms_event
                    WHERE ebms_event.message_id = ebms_message.id
                    AND ebms_event.processed_at IS NULL)
            ORDER BY id LIMIT ?""",  # noqa: S608
            (after or 0, floor_ms(before), limit),
        )
        return [EbmsId(row[0]) for row in rows]

    def _parts(self, ebms_id: EbmsId, wrapped: WrappedSecret) -> Iterable[EbmsPart]:
        rows = self._all(
            f"""SELECT content_id, media_type, name, {PAYLOAD} FROM ebms_part
            JOIN payload ON payload.id = ebms_part.payload_id
            LEFT JOIN secret ON secret.id = payload.secret_id
            WHERE ebms_part.message_id = ? ORDER BY position""",  # noqa: S608
            (ebms_id,),
        )
        for position, (content_id, media_type, name, *payload) in enumerate(rows):
            label = binding.document_label(position, Document(media_type, content_id, b""))
            # Under the secret of the message, whatever the row of the payload says.
            content = self._vault.open(wrapped, stored(tuple(payload)), label)
            yield EbmsPart(content_id, media_type, content, name)


class EbmsWrites(EbmsReads, EbmsTaskWrites, EbmsEventWrites):
    """Keeps messages."""

    destroyed: bool

    def receive_ebms(self, incoming: Incoming, prepared: Prepared | None = None) -> Received:
        """Keep a message that came in with all that goes with it, unless it is known."""
        head = incoming.message.head
        rows = self._all(
            f"SELECT id, digest FROM ebms_message WHERE {_BY_KEY} ORDER BY copy",  # noqa: S608
            _key(head.key),
        )
        if rows:
            first = EbmsId(rows[0][0])
            if any(row[1] != head.digest for row in rows):
                return Received(first, Known.OTHER, None)
            if incoming.repeats is Repeats.LEFT_OUT:
                return self._again(first, incoming.send_at)
        settled_at = head.at if incoming.settled else None
        ebms_id, secret_id, wrapped = self._add_message(
            incoming.message, len(rows), incoming.state, settled_at, prepared
        )
        if incoming.answer is not None:
            self._put_answer(ebms_id, secret_id, wrapped, incoming.answer)
            if incoming.send_at is not None:
                self.put_ebms_task(ebms_id, incoming.send_at)
        if incoming.event is not None:
            self.add_ebms_event(ebms_id, incoming.event, head.at)
        self._tell(str(ebms_id))
        return Received(ebms_id, Known.NEW, incoming.answer)

    def send_ebms(
        self, message: EbmsMessage, state: str, run_at: datetime, prepared: Prepared | None = None
    ) -> EbmsId:
        """Keep a message that goes out, and the task to send it."""
        ebms_id, *_ = self._add_message(message, 0, state, None, prepared)
        self.put_ebms_task(ebms_id, run_at)
        return ebms_id

    def change_ebms(
        self,
        ebms_id: EbmsId,
        before: str,
        after: str,
        *,
        settled_at: datetime | None = None,
        processed_at: datetime | None = None,
    ) -> None:
        """Bring a message from one state into another."""
        changed = self._execute(
            """UPDATE ebms_message SET state = ?, settled_at = coalesce(?, settled_at),
                processed_at = coalesce(?, processed_at) WHERE id = ? AND state = ?""",
            (after, optional_ms(settled_at), optional_ms(processed_at), ebms_id, before),
        )
        if changed.rowcount != 1:
            raise StateChanged("the message is no longer in the state that this begins from")

    def answer_ebms(self, ebms_id: EbmsId, answer: EbmsAnswer, *, replace: bool = False) -> bool:
        """Keep a signal with a message, unless it has one; tells whether it is kept."""
        row = self._one(
            """SELECT answer_id, secret.id, secret.ring, secret.wrapped FROM ebms_message
            JOIN secret ON secret.id = secret_id WHERE ebms_message.id = ?""",
            ebms_id,
        )
        if row is None:
            raise KeyError(ebms_id)
        if row[0] is not None and not replace:
            return False
        self._put_answer(ebms_id, row[1], WrappedSecret(RingId(row[2]), row[3]), answer)
        if row[0] is not None:
            # Not deleted: that would look for its number in every table.
            self._execute("UPDATE payload SET content = NULL, place = 'gone' WHERE id = ?", row[:1])
        return True

    def forget_ebms(self, ids: Iterable[EbmsId]) -> Purged:
        """Destroy messages at rest."""
        files: list[bytes] = []
        payloads = 0
        for ebms_id in ids:
            found = self._one("SELECT secret_id FROM ebms_message WHERE id = ?", ebms_id)
            for table in ("ebms_event", "ebms_attempt", "ebms_part"):
                self._execute(f"DELETE FROM {table} WHERE message_id = ?", (ebms_id,))  # noqa: S608
            self._execute("DELETE FROM ebms_message WHERE id = ?", (ebms_id,))
            if found is not None:
                gone, number = self._destroy_secret(found[0])
                files += gone
                payloads += number
        return Purged(tuple(files), payloads)

    def _destroy_secret(self, secret_id: int) -> tuple[Sequence[bytes], int]:
        self.destroyed = True
        self._execute("UPDATE secret SET wrapped = NULL WHERE id = ?", (secret_id,))
        rows = self._all(
            """SELECT sha256 FROM payload
            WHERE secret_id = ? AND place IN ('file', 'object')""",
            (secret_id,),
        )
        changed = self._execute(
            """UPDATE payload SET content = NULL, place = 'gone'
            WHERE secret_id = ? AND place <> 'gone'""",
            (secret_id,),
        )
        return [row[0] for row in rows], changed.rowcount

    def _again(self, ebms_id: EbmsId, send_at: datetime | None) -> Received:
        answer = self.ebms_answer(ebms_id)
        if answer is not None and send_at is not None:
            # One whose attempts are over, and that nobody has ended yet, would send nothing.
            self._execute(
                "DELETE FROM ebms_task WHERE message_id = ? AND lease_until IS NULL", (ebms_id,)
            )
            self.put_ebms_task(ebms_id, send_at)
        return Received(ebms_id, Known.AGAIN, answer)

    def _put_answer(
        self, ebms_id: EbmsId, secret_id: int, wrapped: WrappedSecret, answer: EbmsAnswer
    ) -> None:
        sealed = self._vault.seal_under(wrapped, answer.octets, ebms_binding.ANSWER)
        payload_id = self._add_payload(secret_id, sealed)
        self._execute(
            """UPDATE ebms_message SET answer_id = ?, answer_type = ?, answer_message_id = ?,
                answered_at = ? WHERE id = ?""",
            (
                *(payload_id, answer.content_type, answer.message_id, floor_ms(answer.at)),
                ebms_id,
            ),
        )

    def _add_message(
        self,
        message: EbmsMessage,
        copy: int,
        state: str,
        settled_at: datetime | None,
        prepared: Prepared | None,
    ) -> tuple[EbmsId, int, WrappedSecret]:
        head = message.head
        ready = prepared or self._prepared_message(message)
        if (ready.request is None) != (message.envelope is None):
            raise ValueError("an envelope is prepared as the request of its message")
        self._reserve("secret", *["payload"] * (len(ready.documents) + (ready.request is not None)))
        secret_id = self._add_secret(ready.ring, ready.wrapped)
        envelope_id = None if ready.request is None else self._add_payload(secret_id, ready.request)
        said = ebms_binding.message_head(
            head, copy, message.parts, has_envelope=envelope_id is not None
        )
        ebms_id = EbmsId(
            self._insert(
                f"""INSERT INTO ebms_message ({_HEAD}, copy, secret_id, envelope_id, mac, state,
                    settled_at)
                VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id""",  # noqa: S608
                *(head.key.direction.value, head.key.cpa_id, head.key.sender, head.key.message_id),
                *(head.receiver, head.conversation_id, head.service, head.service_type),
                *(head.action, floor_ms(head.timestamp), floor_ms(head.at)),
                *(floor_ms(head.persist_until), head.digest, head.ref_to_message_id),
                *(optional_ms(head.time_to_live), head.content_type, head.packaging),
                *(copy, secret_id, envelope_id, binding.mac(ready.head_key, said)),
                *(state, optional_ms(settled_at)),
            )
        )
        for position, (part, payload) in enumerate(
            zip(message.parts, ready.documents, strict=True)
        ):
            payload_id = self._add_payload(secret_id, payload)
            self._execute(
                """INSERT INTO ebms_part
                    (message_id, position, content_id, media_type, name, payload_id)
                VALUES (?,?,?,?,?,?)""",
                (ebms_id, position, part.content_id, part.media_type, part.name, payload_id),
            )
        return ebms_id, secret_id, WrappedSecret(RingId(ready.ring), ready.wrapped)

    def _prepared_message(self, message: EbmsMessage) -> Prepared:
        """Prepare a message now, at the price of everybody's waiting."""
        made = self._vault.prepare(message.documents, message.envelope)
        # Nobody else knows its files; if the work fails, a sweep removes them.
        self._vault.release(made)
        return made


def _key(key: EbmsKey) -> tuple[str, str, str, str]:
    return key.direction.value, key.cpa_id, key.message_id, key.sender


def _head(row: Row) -> EbmsHead:
    return EbmsHead(
        key=EbmsKey(Direction(row[0]), row[1], row[2], row[3]),
        receiver=row[4],
        conversation_id=row[5],
        service=row[6],
        service_type=row[7],
        action=row[8],
        timestamp=moment_of(row[9]),
        at=moment_of(row[10]),
        persist_until=moment_of(row[11]),
        digest=row[12],
        ref_to_message_id=row[13],
        time_to_live=optional_moment(row[14]),
        content_type=row[15],
        packaging=row[16],
    )


def _row(row: Row) -> EbmsRow:
    return EbmsRow(
        ebms_id=EbmsId(row[0]),
        copy=row[1],
        head=_head(row[2:19]),
        state=row[19],
        settled_at=optional_moment(row[20]),
        processed_at=optional_moment(row[21]),
        answered_at=optional_moment(row[22]),
    )
