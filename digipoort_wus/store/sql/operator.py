"""Statements for who runs the gateway: what is there, what is held, what is to go."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from digipoort_wus.store.sql.base import Rows
from digipoort_wus.store.sql.convert import (
    FILING_ROW,
    JOB,
    ceil_ms,
    conditions,
    filing_row,
    floor_ms,
    job_of,
    moment_of,
    optional_moment,
)
from digipoort_wus.store.sql.session import Row
from digipoort_wus.store.values import (
    Aged,
    FilingId,
    NotPurgeable,
    Overview,
    Position,
    Purged,
    StoredPayload,
    Summary,
)

_LAST_STATUS = """(SELECT status.code FROM status WHERE status.filing_id = filing.id
    ORDER BY status.seq DESC LIMIT 1)"""
_NEWEST_RINGS = """SELECT DISTINCT ring FROM
    (SELECT ring FROM secret WHERE wrapped IS NOT NULL ORDER BY id DESC LIMIT 100) AS newest"""
_NO_DIGEST = bytes(32)
# The place is no value of the statement: then SQLite would not look into the small index.
_ANY_AT: Mapping[str, str] = MappingProxyType(
    {
        "file": "SELECT 1 FROM payload WHERE place = 'file' LIMIT 1",
        "object": "SELECT 1 FROM payload WHERE place = 'object' LIMIT 1",
    }
)
_WITH_AGENCY = "400"
"""Last status of what an agency has, and has not judged."""
# Of the filing itself, then what stands in other tables; a status keeps its code and moment.
_BLANKED = (
    """UPDATE filing SET belanghebbende_number = '', belanghebbende_type = '',
        aanleverkenmerk = NULL, eerder_aanleverkenmerk = NULL, asked_kenmerk = NULL
    WHERE id = ?""",
    "UPDATE filing_document SET file_name = '' WHERE filing_id = ?",
    "UPDATE validation SET report = NULL WHERE filing_id = ?",
    "UPDATE status SET details = NULL WHERE filing_id = ? AND details IS NOT NULL",
    "UPDATE status SET error_text = '' WHERE filing_id = ? AND error_text IS NOT NULL",
    """UPDATE return_document SET file_name = '' WHERE message_id IN
        (SELECT id FROM return_message WHERE filing_id = ?)""",
    """UPDATE return_message SET belanghebbende_number = '', belanghebbende_type = '',
        aanleverkenmerk = NULL, eerder_aanleverkenmerk = NULL, findings = '[]',
        elements = '[]' WHERE filing_id = ?""",
    # As of the filing itself: the digest of a report with few possible values would tell them.
    "DELETE FROM inbox WHERE filing_id = ?",
    # Of what is purged nothing is new to anybody any more.
    "DELETE FROM seen_status WHERE filing_id = ?",
    """DELETE FROM seen_message WHERE message_id IN
        (SELECT id FROM return_message WHERE filing_id = ?)""",
)
_SECRETS = """SELECT secret_id FROM filing WHERE id = ?
    UNION SELECT secret_id FROM return_message WHERE filing_id = ?
    UNION SELECT secret_id FROM filing_document JOIN payload ON payload.id = payload_id
        WHERE filing_id = ?"""
_UNSEALED = """SELECT payload.id FROM filing_document JOIN payload ON payload.id = payload_id
        WHERE filing_id = ? AND payload.secret_id IS NULL
    UNION SELECT payload.id FROM return_message
        JOIN return_document ON message_id = return_message.id
        JOIN payload ON payload.id = payload_id
        WHERE filing_id = ? AND payload.secret_id IS NULL"""


class OperatorReads(Rows):
    """Looks over filings."""

    def schema(self) -> int:
        """Return the schema of the tables, which another process may have changed since."""
        row = self._one("SELECT version_num FROM alembic_version")
        return 0 if row is None else int(row[0])

    def keys_lacking(self) -> Sequence[str]:
        """Return the names of keys that the ring lacks, and that wrapped what was kept last."""
        found = {str(row[0]) for row in self._all(_NEWEST_RINGS)}
        return sorted(found - self._vault.ring.keys.keys())

    def overview(self, wanted: Overview) -> Sequence[Summary]:
        """Return filings, newest first."""
        terms, values = conditions(
            (
                ("filing.kenmerk = ?", wanted.kenmerk),
                ("filing.sender = ?", wanted.sender),
                ("filing.berichtsoort = ?", wanted.berichtsoort),
                ("filing.id < ?", wanted.before),
                (
                    "filing.received_at >= ?",
                    None if wanted.start is None else ceil_ms(wanted.start),
                ),
                ("filing.received_at <= ?", None if wanted.end is None else floor_ms(wanted.end)),
                (f"{_LAST_STATUS} = ?", wanted.status),
                ("job.state = ?", wanted.aside and "aside"),
            )
        )
        where = f"WHERE {' AND '.join(terms)}" if terms else ""
        rows = self._all(
            f"""SELECT {FILING_ROW}, filing.message_id, filing.received_at, {_LAST_STATUS},
                filing.hold, filing.purged_at, {JOB}
            FROM filing LEFT JOIN job ON job.filing_id = filing.id
            {where} ORDER BY filing.id DESC LIMIT ?""",  # noqa: S608
            (*values, wanted.limit),
        )
        return [_summary(row) for row in rows]

    def expired(self, aged: Aged, limit: int) -> Sequence[Position]:
        """Return filings that may be purged, oldest first: at rest, judged, and not held."""
        terms, values = conditions(
            (
                ("filing.received_at < ?", floor_ms(aged.before)),
                ("filing.berichtsoort = ?", aged.berichtsoort),
            )
        )
        for other in aged.but:
            terms.append("filing.berichtsoort <> ?")
            values.append(other)
        if aged.after is not None:
            terms.append("(filing.received_at, filing.id) > (?, ?)")
            values += [floor_ms(aged.after.received_at), aged.after.filing_id]
        rows = self._all(
            f"""SELECT filing.received_at, filing.id FROM filing WHERE {" AND ".join(terms)}
                AND filing.purged_at IS NULL AND filing.hold IS NULL
                AND NOT EXISTS (SELECT 1 FROM job WHERE job.filing_id = filing.id)
                AND coalesce({_LAST_STATUS}, '') <> '{_WITH_AGENCY}'
            ORDER BY filing.received_at, filing.id LIMIT ?""",  # noqa: S608
            (*values, limit),
        )
        return [Position(moment_of(row[0]), FilingId(row[1])) for row in rows]

    def payloads(self, after: int, limit: int) -> Sequence[tuple[int, StoredPayload]]:
        """Return payloads with a number above this one, as their rows say them, in order."""
        rows = self._all(
            """SELECT id, salt, sha256, size, content, place FROM payload
            WHERE id > ? ORDER BY id LIMIT ?""",
            (after, limit),
        )
        return [(int(row[0]), StoredPayload(*row[1:])) for row in rows]

    def is_file(self, digest: bytes) -> bool:
        """Return whether a row says that its payload is the file with this SHA-256."""
        row = self._one("SELECT 1 FROM payload WHERE sha256 = ? AND place = 'file' LIMIT 1", digest)
        return row is not None

    def is_used(self, place: Literal["file", "object"]) -> bool:
        """Return whether a row says that its payload is in this place."""
        return self._one(_ANY_AT[place]) is not None

    def is_object(self, digest: bytes) -> bool:
        """Return whether a row says that its payload is the object with this SHA-256."""
        row = self._one(
            "SELECT 1 FROM payload WHERE sha256 = ? AND place = 'object' LIMIT 1", digest
        )
        return row is not None


class OperatorWrites(OperatorReads):
    """Holds and purges filings.

    Attributes:
        destroyed: something was, and may still be read from the disk.
    """

    destroyed = False

    def take_turn(self) -> bool:
        """Return whether nobody else purges; then nobody does before this transaction ends."""
        if not self._dialect.turn:
            return True
        row = self._one(self._dialect.turn)
        return row is not None and bool(row[0])

    def set_hold(self, filing_id: FilingId, reason: str | None) -> None:
        """Keep a filing from being purged for this reason, or let it go with None."""
        changed = self._execute("UPDATE filing SET hold = ? WHERE id = ?", (reason, filing_id))
        if changed.rowcount != 1:
            raise KeyError(filing_id)

    def purge(self, filing_id: FilingId, at: datetime) -> Purged:
        """Destroy what is personal of a filing and its return messages, and how to read it."""
        row = self._one(
            """SELECT hold, (SELECT count(*) FROM job WHERE job.filing_id = filing.id), purged_at
            FROM filing WHERE id = ?""",
            filing_id,
        )
        if row is None:
            raise KeyError(filing_id)
        if row[0] is not None:
            raise NotPurgeable("the filing is held: let it go first")
        if row[1]:
            raise NotPurgeable("the filing is still being worked on: cancel it first")
        files, payloads = self._destroy(filing_id)
        for statement in _BLANKED:
            self._execute(statement, (filing_id,))
        # A digest of a body with few possible values would still tell them. A repeat of the
        # message is refused from now on: nothing is left that it could be compared with.
        self._execute(
            "UPDATE filing SET body_digest = ?, purged_at = coalesce(purged_at, ?) WHERE id = ?",
            (b"", floor_ms(at), filing_id),
        )
        return Purged(files, payloads)

    def _destroy(self, filing_id: FilingId) -> tuple[tuple[bytes, ...], int]:
        """Destroy secrets and payloads; return what nobody needs outside, and how many went."""
        self.destroyed = True
        files: list[bytes] = []
        payloads = 0
        for (secret_id,) in self._all(_SECRETS, (filing_id,) * 3):
            if secret_id is None:
                continue
            self._execute("UPDATE secret SET wrapped = NULL WHERE id = ?", (secret_id,))
            files += self._gone("secret_id", secret_id)
            payloads += self._execute(
                """UPDATE payload SET content = NULL, place = 'gone'
                WHERE secret_id = ? AND place <> 'gone'""",
                (secret_id,),
            ).rowcount
        for (payload_id,) in self._all(_UNSEALED, (filing_id, filing_id)):
            files += self._gone("id", payload_id)
            # Stored by version 3: its digest is that of the plain octets.
            payloads += self._execute(
                """UPDATE payload SET content = NULL, place = 'gone', sha256 = ?
                WHERE id = ? AND place <> 'gone'""",
                (_NO_DIGEST, payload_id),
            ).rowcount
        needed = (self.is_file, self.is_object)
        return tuple(it for it in files if not any(ask(it) for ask in needed)), payloads

    def _gone(self, column: str, value: int) -> list[bytes]:
        rows = self._all(
            f"""SELECT sha256 FROM payload
            WHERE {column} = ? AND place IN ('file', 'object')""",  # noqa: S608
            (value,),
        )
        return [row[0] for row in rows]


def _summary(row: Row) -> Summary:
    return Summary(
        filing=filing_row(row[:9]),
        message_id=row[9],
        received_at=moment_of(row[10]),
        status=row[11],
        hold=row[12],
        purged_at=optional_moment(row[13]),
        job=None if row[14] is None else job_of(row[14:]),
    )
