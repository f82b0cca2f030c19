"""What an example agency keeps: the filings that it took, and how far it is with each.

One SQLite file, plain: this is an example, for filings that are nobody's. What is taken is
committed before it is answered, and what was decided before it is reported, so that an agency
that is killed goes on where it was.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from digipoort_wus import checks
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.party import Party

_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS taken (
    id INTEGER PRIMARY KEY,
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    kenmerk TEXT NOT NULL,
    berichtkenmerk TEXT NOT NULL,
    berichtsoort TEXT NOT NULL,
    aanleverkenmerk TEXT,
    nummer TEXT NOT NULL,
    type TEXT NOT NULL,
    rol TEXT NOT NULL,
    aanleveraar TEXT,
    taken_at INTEGER NOT NULL,
    content BLOB NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    verdict TEXT,
    judged_at INTEGER,
    reported INTEGER NOT NULL DEFAULT 0,
    offered INTEGER NOT NULL DEFAULT 0,
    UNIQUE (sender, message_id),
    UNIQUE (sender, berichtkenmerk)
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An ``afleverRequest`` as it arrived.

    Args:
        sender: OIN of the gateway that signed it.
        message_id: its wsa:MessageID.
        digest: SHA-256 of the canonical element in its Body.
        aanleveraar: OIN of who filed.
        content: of ``berichtInhoud``.
    """

    sender: str
    message_id: str
    digest: bytes
    kenmerk: str
    berichtkenmerk: str
    berichtsoort: str
    aanleverkenmerk: str | None
    belanghebbende: Party
    rol_belanghebbende: str
    aanleveraar: str | None
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """What an agency has of a filing.

    Args:
        taken_at: when it came for the first time.
        times: how often it came.
        verdict: ``500`` or ``510``; None before it was judged.
    """

    id: int
    arrival: Arrival
    taken_at: datetime
    times: int
    verdict: str | None
    judged_at: datetime | None
    reported: bool
    offered: bool


class Inbox:
    """The filings of one agency; for any thread.

    Args:
        directory: made when it is not there.

    Raises:
        ConfigurationError: nothing can be kept there.
    """

    def __init__(self, directory: Path) -> None:
        self._lock = Lock()
        path = directory / "agency.db"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The statements are in turns, so the threads may share it.
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"An agency cannot keep anything in {directory} ({error}): give another directory."
            ) from error
        self._database.row_factory = sqlite3.Row

    def take(self, arrival: Arrival, at: datetime) -> Taken:
        """Keep a filing, once: what comes again is found again.

        Args:
            at: now, aware.

        Raises:
            Refusal: MESSAGE-ID-REUSED: its MessageID or berichtkenmerk came before, with
                something else.
        """
        with self._writing() as database:
            known = database.execute(
                "SELECT id, digest FROM taken WHERE sender = ? "
                "AND (message_id = ? OR berichtkenmerk = ?)",
                (arrival.sender, arrival.message_id, arrival.berichtkenmerk),
            ).fetchall()
            if any(row["digest"] != arrival.digest for row in known) or len(known) > 1:
                raise Refusal(checks.MESSAGE_ID_REUSED)
            if known:
                database.execute(
                    "UPDATE taken SET times = times + 1 WHERE id = ?", (known[0]["id"],)
                )
                return self._taken(known[0]["id"])
            added = database.execute(
                "INSERT INTO taken (sender, message_id, digest, kenmerk, berichtkenmerk, "
                "berichtsoort, aanleverkenmerk, nummer, type, rol, aanleveraar, taken_at, content) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (
                    arrival.sender,
                    arrival.message_id,
                    arrival.digest,
                    arrival.kenmerk,
                    arrival.berichtkenmerk,
                    arrival.berichtsoort,
                    arrival.aanleverkenmerk,
                    arrival.belanghebbende.number,
                    arrival.belanghebbende.type,
                    arrival.rol_belanghebbende,
                    arrival.aanleveraar,
                    _milliseconds(at),
                    arrival.content,
                ),
            ).fetchone()
            return self._taken(added["id"])

    def unfinished(self) -> tuple[int, ...]:
        """Return which filings the gateway has yet to hear of, oldest first."""
        with self._lock:
            found = self._database.execute(
                "SELECT id FROM taken WHERE NOT reported OR NOT offered ORDER BY id"
            ).fetchall()
        return tuple(row["id"] for row in found)

    def get(self, id_: int) -> Taken:
        """Return a filing."""
        with self._lock:
            return self._taken(id_)

    def all(self) -> tuple[Taken, ...]:
        """Return everything, in order of arrival."""
        with self._lock:
            found = self._database.execute("SELECT id FROM taken ORDER BY id").fetchall()
            return tuple(self._taken(row["id"]) for row in found)

    def judge(self, taken: Taken, verdict: str, at: datetime) -> None:
        """Keep a verdict, before anybody hears of it."""
        with self._writing() as database:
            database.execute(
                "UPDATE taken SET verdict = ?, judged_at = ? WHERE id = ?",
                (verdict, _milliseconds(at), taken.id),
            )

    def note_reported(self, taken: Taken) -> None:
        """Keep that the gateway has the verdict."""
        with self._writing() as database:
            database.execute("UPDATE taken SET reported = 1 WHERE id = ?", (taken.id,))

    def note_offered(self, taken: Taken) -> None:
        """Keep that the gateway has the return message, or needs none."""
        with self._writing() as database:
            database.execute("UPDATE taken SET offered = 1 WHERE id = ?", (taken.id,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _taken(self, id_: int) -> Taken:
        with closing(self._database.execute("SELECT * FROM taken WHERE id = ?", (id_,))) as found:
            row = found.fetchone()
        return Taken(
            id=row["id"],
            arrival=Arrival(
                sender=row["sender"],
                message_id=row["message_id"],
                digest=row["digest"],
                kenmerk=row["kenmerk"],
                berichtkenmerk=row["berichtkenmerk"],
                berichtsoort=row["berichtsoort"],
                aanleverkenmerk=row["aanleverkenmerk"],
                belanghebbende=Party(row["nummer"], row["type"]),
                rol_belanghebbende=row["rol"],
                aanleveraar=row["aanleveraar"],
                content=row["content"],
            ),
            taken_at=_moment(row["taken_at"]),
            times=row["times"],
            verdict=row["verdict"],
            judged_at=None if row["judged_at"] is None else _moment(row["judged_at"]),
            reported=bool(row["reported"]),
            offered=bool(row["offered"]),
        )


def _milliseconds(moment: datetime) -> int:
    # Never upwards: what is sent drops the rest as well, and both have to say the same.
    return (moment - _EPOCH) // _MILLISECOND


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + milliseconds * _MILLISECOND
