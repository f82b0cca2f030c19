"""Domain values as SQLite rows and back: the only place with SQL about filings."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

from digipoort_wus.filing.filing import Delivery, Document, Filing, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import Status, StatusError
from digipoort_wus.store.payloads import IN_ROW_BELOW, PayloadFiles, check_payload
from digipoort_wus.store.ports import (
    FilingId,
    FilingRow,
    Job,
    LostLease,
    MessageId,
    MessageRow,
    Receipt,
    Selection,
    StatusRow,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_Value = str | int | bytes | None

_FILING_ROW = """id, kenmerk, sender, berichtsoort, aanleverkenmerk,
    belanghebbende_number, belanghebbende_type, ontvanger_number, ontvanger_type"""
_JOB = "filing_id, kenmerk, step, run_at, since, attempts, token"
# Deliveries of one process wait for each other, or their statuses would mix.
_NOT_WAITING = """NOT EXISTS (SELECT 1 FROM job AS older
    WHERE older.kenmerk = job.kenmerk AND older.filing_id < job.filing_id)"""
# Both halves have an index; a condition on the joined filing would be a walk through everything.
_OWN_OR_MANDATED = """(message.filing_id IN (SELECT id FROM filing WHERE sender = ?)
    OR (message.belanghebbende_number, lower(message.belanghebbende_type)) IN
        (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)))"""


class SqliteReader:
    """Implements :class:`~digipoort_wus.store.ports.Reader` over one connection."""

    def __init__(self, connection: sqlite3.Connection, files: PayloadFiles) -> None:
        self._execute = connection.execute
        self._files = files

    def receipt(self, sender: str, message_id: str) -> Receipt | None:
        """Return what is remembered of this sender's message, None when it is new."""
        row = self._execute(
            "SELECT id, body_digest FROM filing WHERE sender = ? AND message_id = ?",
            (sender, message_id),
        ).fetchone()
        return None if row is None else Receipt(FilingId(row[0]), row[1])

    def filing(self, filing_id: FilingId) -> Filing:
        """Return a delivery with its documents."""
        row = self._execute(
            """SELECT kenmerk, berichtkenmerk, sender, received_at, berichtsoort,
                belanghebbende_number, belanghebbende_type, rol_belanghebbende,
                asked_kenmerk, aanleverkenmerk, eerder_aanleverkenmerk,
                ontvanger_number, ontvanger_type, rol_ontvanger, autorisatie_adres, tls_oin
            FROM filing WHERE id = ?""",
            (filing_id,),
        ).fetchone()
        if row is None:
            raise KeyError(filing_id)
        content, *attachments = self._documents(
            """SELECT mime_type, file_name, sha256, size, content FROM filing_document
            JOIN payload ON payload.id = payload_id WHERE filing_id = ? ORDER BY position""",
            filing_id,
        )
        delivery = Delivery(
            berichtsoort=row[4],
            belanghebbende=Party(row[5], row[6]),
            rol_belanghebbende=row[7],
            document=content,
            kenmerk=row[8],
            aanleverkenmerk=row[9],
            eerder_aanleverkenmerk=row[10],
            ontvanger=_party(row[11], row[12]),
            rol_ontvanger=row[13],
            attachments=tuple(attachments),
            autorisatie_adres=row[14],
        )
        return Filing(row[0], row[1], row[2], _moment(row[3]), delivery, row[15])

    def filings_of(self, kenmerk: str) -> Sequence[FilingRow]:
        """Return the deliveries of one process, oldest first."""
        rows = self._execute(
            f"SELECT {_FILING_ROW} FROM filing WHERE kenmerk = ? ORDER BY id",  # noqa: S608
            (kenmerk,),
        )
        return [_filing_row(row) for row in rows]

    def filings(self, sender: str, berichtsoort: str, belanghebbende: Party) -> Sequence[FilingRow]:
        """Return a sender's deliveries for one party, oldest first."""
        rows = self._execute(
            f"""SELECT {_FILING_ROW} FROM filing
            WHERE sender = ? AND berichtsoort = ? AND belanghebbende_number = ?
                AND lower(belanghebbende_type) = lower(?)
            ORDER BY received_at, id""",  # noqa: S608
            (sender, berichtsoort, belanghebbende.number, belanghebbende.type),
        )
        return [_filing_row(row) for row in rows]

    def last_status_at(self, kenmerk: str) -> datetime | None:
        """Return the time of the newest status of a process."""
        row = self._execute(
            """SELECT max(at) FROM filing JOIN status ON status.filing_id = filing.id
            WHERE filing.kenmerk = ?""",
            (kenmerk,),
        ).fetchone()
        return None if row[0] is None else _moment(row[0])

    def statuses(self, selection: Selection) -> Sequence[StatusRow]:
        """Return statuses ordered by time, then in order of insertion."""
        where, values = _conditions(selection, "status.at")
        if selection.unseen_by is not None:
            where += """ AND NOT EXISTS (SELECT 1 FROM seen_status AS seen WHERE seen.caller = ?
                AND seen.filing_id = status.filing_id AND seen.seq = status.seq)"""
            values.append(selection.unseen_by)
        rows = self._execute(
            f"""SELECT filing.id, seq, kenmerk, belanghebbende_number, belanghebbende_type,
                code, at, error_code, error_text, details
            FROM filing JOIN status ON status.filing_id = filing.id
            WHERE {where} ORDER BY at, filing.id, seq""",  # noqa: S608
            values,
        )
        return [
            StatusRow(FilingId(row[0]), row[1], row[2], Party(row[3], row[4]), _status(*row[5:]))
            for row in rows
        ]

    def message_rows(self, selection: Selection) -> Sequence[MessageRow]:
        """Return return messages without content, oldest first."""
        where, values = _conditions(selection, "message.offered_at", "message")
        if selection.unseen_by is not None:
            where += """ AND NOT EXISTS (SELECT 1 FROM seen_message AS seen
                WHERE seen.caller = ? AND seen.message_id = message.id)"""
            values.append(selection.unseen_by)
        rows = self._execute(
            f"""SELECT message.id, message.kenmerk, message.berichtsoort,
                message.belanghebbende_number, message.belanghebbende_type
            FROM filing JOIN return_message AS message ON message.filing_id = filing.id
            WHERE {where} ORDER BY message.offered_at, message.id""",  # noqa: S608
            values,
        )
        return [
            MessageRow(MessageId(row[0]), row[1], row[2], Party(row[3], row[4])) for row in rows
        ]

    def message(self, message_id: MessageId) -> ReturnMessage:
        """Return a return message with its documents."""
        row = self._execute(
            """SELECT kenmerk, berichtkenmerk, berichtsoort, offered_at,
                belanghebbende_number, belanghebbende_type, rol_belanghebbende,
                aanleverkenmerk, eerder_aanleverkenmerk, aanleveraar,
                ontvanger_number, ontvanger_type, rol_ontvanger, findings, elements
            FROM return_message WHERE id = ?""",
            (message_id,),
        ).fetchone()
        if row is None:
            raise KeyError(message_id)
        content, *attachments = self._documents(
            """SELECT mime_type, file_name, sha256, size, content FROM return_document
            JOIN payload ON payload.id = payload_id WHERE message_id = ? ORDER BY position""",
            message_id,
        )
        return ReturnMessage(
            kenmerk=row[0],
            berichtkenmerk=row[1],
            berichtsoort=row[2],
            offered_at=_moment(row[3]),
            belanghebbende=Party(row[4], row[5]),
            rol_belanghebbende=row[6],
            document=content,
            aanleverkenmerk=row[7],
            eerder_aanleverkenmerk=row[8],
            aanleveraar=row[9],
            ontvanger=_party(row[10], row[11]),
            rol_ontvanger=row[12],
            attachments=tuple(attachments),
            findings=tuple(Finding(**finding) for finding in json.loads(row[13])),
            elements=tuple((name, value) for name, value in json.loads(row[14])),
        )

    def next_run_at(self) -> datetime | None:
        """Return when the next job can be claimed, None when there is no job."""
        moments = [
            self._execute(statement).fetchone()
            for statement in (
                f"""SELECT run_at FROM job WHERE lease_until IS NULL AND {_NOT_WAITING}
                ORDER BY run_at LIMIT 1""",  # noqa: S608
                """SELECT max(run_at, lease_until) FROM job WHERE lease_until IS NOT NULL
                ORDER BY lease_until LIMIT 1""",
            )
        ]
        return min((_moment(row[0]) for row in moments if row is not None), default=None)

    def volume(self, oin: str, day: date) -> int:
        """Return how many octets were counted for an OIN on a day."""
        row = self._execute(
            "SELECT bytes FROM volume WHERE oin = ? AND day = ?", (oin, _day(day))
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _documents(self, statement: str, owner: int) -> Iterator[Document]:
        for mime_type, file_name, digest, size, content in self._execute(statement, (owner,)):
            if content is None:
                content = self._files.load(digest, size)
            else:
                check_payload(content, digest, size)
            yield Document(mime_type, file_name, content)


class SqliteTransaction(SqliteReader):
    """Implements :class:`~digipoort_wus.store.ports.Transaction` over the writer's connection."""

    def add_filing(self, filing: Filing, message_id: str, body_digest: bytes) -> FilingId:
        """Keep a delivery and its documents."""
        delivery = filing.delivery
        filing_id = self._insert(
            "INSERT INTO filing VALUES (NULL, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            filing.kenmerk,
            filing.berichtkenmerk,
            filing.sender,
            message_id,
            body_digest,
            floor_ms(filing.received_at),
            delivery.berichtsoort,
            delivery.belanghebbende.number,
            delivery.belanghebbende.type,
            delivery.rol_belanghebbende,
            delivery.kenmerk,
            delivery.aanleverkenmerk,
            delivery.eerder_aanleverkenmerk,
            *_pair(delivery.ontvanger),
            delivery.rol_ontvanger,
            delivery.autorisatie_adres,
            filing.tls_oin,
        )
        for position, document in enumerate((delivery.document, *delivery.attachments)):
            self._insert(
                "INSERT INTO filing_document VALUES (?,?,?,?,?)",
                *(filing_id, position, document.mime_type, document.file_name),
                self._add_payload(document.content),
            )
        return FilingId(filing_id)

    def add_statuses(self, filing_id: FilingId, statuses: Iterable[Status]) -> None:
        """Append statuses to a delivery, in this order."""
        values: list[_Value] = [filing_id, filing_id]
        for status in statuses:
            values += (status.code, floor_ms(status.at), *_error(status), status.details)
        rows = len(values) // 5
        if rows:
            # One statement: at each, the writer hands the interpreter over and waits for it.
            self._insert(_insert_statuses(rows), *values)

    def add_job(self, job: Job) -> None:
        """Keep the first job of a delivery."""
        self._insert(
            "INSERT INTO job VALUES (?,?,?,?,?,0,NULL,0)",
            *(job.filing_id, job.kenmerk, job.step),
            *(floor_ms(job.run_at), floor_ms(job.since)),
        )

    def claim(self, now: datetime, lease_until: datetime, limit: int) -> Sequence[Job]:
        """Lease jobs that are due and not leased, the longest due first."""
        moment, until = floor_ms(now), floor_ms(lease_until)
        rows = self._execute(
            f"""SELECT {_JOB} FROM job
            WHERE run_at <= ? AND lease_until IS NULL AND {_NOT_WAITING}
            UNION ALL SELECT {_JOB} FROM job
            WHERE run_at <= ? AND lease_until <= ? AND {_NOT_WAITING}
            ORDER BY run_at, filing_id LIMIT ?""",  # noqa: S608
            (moment, moment, moment, limit),
        ).fetchall()
        claimed = [replace(_job(row), attempts=row[5] + 1, token=row[6] + 1) for row in rows]
        for job in claimed:
            self._execute(
                "UPDATE job SET attempts = ?, token = ?, lease_until = ? WHERE filing_id = ?",
                (job.attempts, job.token, until, job.filing_id),
            )
        return claimed

    def move(self, job: Job, to: Job, lease_until: datetime | None) -> None:
        """Replace the job held under its token by another, keeping or ending the lease."""
        self._fenced(
            """UPDATE job SET step = ?, run_at = ?, since = ?, attempts = ?, lease_until = ?
            WHERE filing_id = ? AND token = ?""",
            *(to.step, floor_ms(to.run_at), floor_ms(to.since), to.attempts),
            None if lease_until is None else floor_ms(lease_until),
            *(job.filing_id, job.token),
        )

    def finish(self, job: Job) -> None:
        """Remove the job held under its token."""
        self._fenced("DELETE FROM job WHERE filing_id = ? AND token = ?", job.filing_id, job.token)

    def offer(self, message: ReturnMessage) -> MessageId:
        """Put a return message into the mailbox of who filed its kenmerk."""
        filings = self.filings_of(message.kenmerk)
        if not filings:
            raise KeyError(message.kenmerk)
        message_id = self._insert(
            "INSERT INTO return_message VALUES (NULL, ?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            filings[-1].filing_id,
            message.kenmerk,
            message.berichtkenmerk,
            message.berichtsoort,
            floor_ms(message.offered_at),
            message.belanghebbende.number,
            message.belanghebbende.type,
            message.rol_belanghebbende,
            message.aanleverkenmerk,
            message.eerder_aanleverkenmerk,
            message.aanleveraar,
            *_pair(message.ontvanger),
            message.rol_ontvanger,
            json.dumps([asdict(finding) for finding in message.findings]),
            json.dumps(message.elements),
        )
        for position, document in enumerate((message.document, *message.attachments)):
            self._insert(
                "INSERT INTO return_document VALUES (?,?,?,?,?)",
                *(message_id, position, document.mime_type, document.file_name),
                self._add_payload(document.content),
            )
        return MessageId(message_id)

    def mark_statuses(self, caller: str, rows: Iterable[StatusRow]) -> None:
        """Remember that this OIN has been given these statuses."""
        for row in rows:
            self._execute(
                "INSERT OR IGNORE INTO seen_status VALUES (?,?,?)", (caller, row.filing_id, row.seq)
            )

    def mark_messages(self, caller: str, rows: Iterable[MessageRow]) -> None:
        """Remember that this OIN has been given these messages."""
        for row in rows:
            self._execute(
                "INSERT OR IGNORE INTO seen_message VALUES (?,?)", (caller, row.message_id)
            )

    def add_volume(self, oin: str, day: date, size: int) -> int:
        """Count octets for an OIN, and return what the day has so far; other days are forgotten."""
        row = self._execute(
            """INSERT INTO volume VALUES (?,?,?) ON CONFLICT (oin) DO UPDATE SET
                bytes = excluded.bytes + iif(day = excluded.day, bytes, 0), day = excluded.day
            RETURNING bytes""",
            (oin, _day(day), size),
        ).fetchone()
        return int(row[0])

    def remember(self, signature: bytes, valid_until: datetime) -> bool:
        """Remember a signature, and return whether it is new."""
        added = self._execute(
            """INSERT INTO question (signature, valid_until) VALUES (?,?)
            ON CONFLICT (signature) DO NOTHING""",
            (signature, floor_ms(valid_until)),
        )
        return added.rowcount == 1

    def forget(self, before: datetime, most: int) -> int:
        """Forget at most so many signatures that were valid until earlier than this."""
        return self._execute(
            """DELETE FROM question WHERE id IN
            (SELECT id FROM question WHERE valid_until < ? ORDER BY valid_until LIMIT ?)""",
            (floor_ms(before), most),
        ).rowcount

    def _insert(self, statement: str, *values: _Value) -> int:
        return self._execute(statement, values).lastrowid or 0

    def _fenced(self, statement: str, *values: _Value) -> None:
        if self._execute(statement, values).rowcount != 1:
            raise LostLease("the job was claimed by somebody else since")

    def _add_payload(self, content: bytes) -> int:
        if len(content) < IN_ROW_BELOW:
            digest, kept = hashlib.sha256(content).digest(), content
        else:
            digest, kept = self._files.keep(content), None
        return self._insert("INSERT INTO payload VALUES (NULL, ?,?,?)", digest, len(content), kept)


def floor_ms(moment: datetime) -> int:
    """Return milliseconds since 1970; raises TypeError for a naive datetime."""
    return (moment - _EPOCH) // _MILLISECOND


def _ceil_ms(moment: datetime) -> int:
    return -((_EPOCH - moment) // _MILLISECOND)


def _day(day: date) -> int:
    return (day - _EPOCH.date()).days


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MILLISECOND


@cache
def _insert_statuses(rows: int) -> str:
    """Return the statement that appends so many statuses; the number comes from this module."""
    more = ",".join(f"({number},?,?,?,?,?)" for number in range(1, rows + 1))
    return f"""INSERT INTO status SELECT ?, column1 +
        (SELECT coalesce(max(seq), 0) FROM status WHERE filing_id = ?),
        column2, column3, column4, column5, column6 FROM (VALUES {more})"""  # noqa: S608


def _error(status: Status) -> tuple[str | None, str | None]:
    return (None, None) if status.error is None else (status.error.code, status.error.text)


def _pair(party: Party | None) -> tuple[str | None, str | None]:
    return (None, None) if party is None else (party.number, party.type)


def _party(number: str | None, type_: str | None) -> Party | None:
    return None if number is None or type_ is None else Party(number, type_)


def _status(
    code: str, at: int, error_code: str | None, error_text: str | None, details: str | None
) -> Status:
    error = None if error_code is None else StatusError(error_code, error_text or "")
    return Status(code, _moment(at), error, details)


def _filing_row(row: tuple[int, str, str, str, str | None, str, str, str, str]) -> FilingRow:
    return FilingRow(FilingId(row[0]), *row[1:5], Party(row[5], row[6]), _party(row[7], row[8]))


def _job(row: tuple[int, str, str, int, int, int, int]) -> Job:
    return Job(FilingId(row[0]), row[1], row[2], _moment(row[3]), _moment(row[4]), row[5], row[6])


def _conditions(
    selection: Selection, moment: str, table: str = "filing"
) -> tuple[str, list[str | int]]:
    """Return the WHERE text and its values; names of columns come from this module only."""
    conditions: list[str] = ["filing.sender = ?"]
    values: list[str | int] = [selection.sender]
    if selection.mailboxes and table == "message":
        conditions = [_OWN_OR_MANDATED]
        values.append(json.dumps([(party.number, party.register) for party in selection.mailboxes]))
    party, start, end = selection.belanghebbende, selection.start, selection.end
    wanted: tuple[tuple[str, str | int | None], ...] = (
        ("filing.kenmerk = ?", selection.kenmerk),
        (f"{table}.berichtsoort = ?", selection.berichtsoort),
        (f"{table}.belanghebbende_number = ?", None if party is None else party.number),
        (f"lower({table}.belanghebbende_type) = lower(?)", None if party is None else party.type),
        (f"{moment} >= ?", None if start is None else _ceil_ms(start)),
        (f"{moment} <= ?", None if end is None else floor_ms(end)),
    )
    for condition, value in wanted:
        if value is not None:
            conditions.append(condition)
            values.append(value)
    return " AND ".join(conditions), values
