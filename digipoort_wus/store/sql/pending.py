"""Rows that wait for the end of their transaction, so that one statement adds many of them.

At each statement the writer hands the interpreter over and waits for it, and on PostgreSQL for
the server as well. See docs/adr/0024-fewer-writes-per-filing.md.
"""

from collections.abc import Iterator, Mapping

from digipoort_wus.store.sql.session import Value

_MOST = 64
"""Rows of one statement: with more, little is gained."""


class Gathered:
    """A kind of rows that are added, or changes that are made, many with one statement.

    Args:
        row: one row of VALUES.
        begin: the statement up to them; ``{clock}`` stands for that of leases.
        end: the statement behind them.
        changes: each row has to change one; otherwise a fence has held.
        numbered: the second column counts rows of the same first value in the statement.
    """

    def __init__(
        self, row: str, begin: str, end: str = "", *, changes: bool = False, numbered: bool = False
    ) -> None:
        self.changes = changes
        self._columns = row.count("?") - numbered
        self._numbered = numbered
        self._row = row
        self._begin = begin
        self._end = end
        self._statements: dict[tuple[int, str], str] = {}

    def parts(self, values: list[Value], clock: str) -> Iterator[tuple[str, list[Value], int]]:
        """Yield statements for all these values, each with its own and how many rows they are.

        There are few such numbers, so that few statements have to be prepared.
        """
        start, rows = 0, len(values) // self._columns
        while rows:
            part = min(_MOST, 1 << (rows.bit_length() - 1))
            end = start + part * self._columns
            given = values if part == rows and not start else values[start:end]
            yield self._statement(part, clock), self._numbers(given), part
            start, rows = end, rows - part

    def whole(self, values: list[Value], clock: str) -> tuple[str, list[Value], int]:
        """Return one statement for all these values, its own, and how many rows they are."""
        rows = len(values) // self._columns
        return self._statement(rows, clock), self._numbers(values), rows

    def _statement(self, rows: int, clock: str) -> str:
        known = self._statements.get((rows, clock))
        if known is None:
            begin = self._begin.replace("{clock}", clock)
            known = f"{begin} {','.join([self._row] * rows)}{self._end}"
            self._statements[rows, clock] = known
        return known

    def _numbers(self, values: list[Value]) -> list[Value]:
        if not self._numbered:
            return values
        seen: dict[Value, int] = {}
        counted: list[Value] = []
        for start in range(0, len(values), self._columns):
            first, *others = values[start : start + self._columns]
            seen[first] = seen.get(first, 0) + 1
            counted += (first, seen[first], *others)
        return counted


SECRET = Gathered("(?,?,?)", "INSERT INTO secret (id, ring, wrapped) VALUES")
PAYLOAD_ROWS = Gathered(
    "(?,?,?,?,?,?,?)",
    "INSERT INTO payload (id, secret_id, salt, sha256, size, content, place) VALUES",
)
FILING = Gathered(
    "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    """INSERT INTO filing (id, kenmerk, berichtkenmerk, sender, message_id, body_digest,
        received_at, berichtsoort, belanghebbende_number, belanghebbende_type,
        rol_belanghebbende, asked_kenmerk, aanleverkenmerk, eerder_aanleverkenmerk,
        ontvanger_number, ontvanger_type, rol_ontvanger, autorisatie_adres, tls_oin,
        secret_id, request_id, mac) VALUES""",
)
FILING_DOCUMENT = Gathered(
    "(?,?,?,?,?)",
    "INSERT INTO filing_document (filing_id, position, mime_type, file_name, payload_id) VALUES",
)
FILING_MATERIAL = Gathered(
    "(?,?,?)", "INSERT INTO filing_material (filing_id, position, sha256) VALUES"
)
ANSWER = Gathered("(?,?,?)", "INSERT INTO answer (filing_id, payload_id, valid_until) VALUES")
RETURN_MESSAGE = Gathered(
    "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    """INSERT INTO return_message (id, filing_id, kenmerk, berichtkenmerk, berichtsoort,
        offered_at, belanghebbende_number, belanghebbende_type, rol_belanghebbende,
        aanleverkenmerk, eerder_aanleverkenmerk, aanleveraar, ontvanger_number,
        ontvanger_type, rol_ontvanger, findings, elements, secret_id, request_id, mac) VALUES""",
)
RETURN_DOCUMENT = Gathered(
    "(?,?,?,?,?)",
    "INSERT INTO return_document (message_id, position, mime_type, file_name, payload_id) VALUES",
)
STATUS = Gathered(
    "(?,?,?,?,?,?,?)",
    """INSERT INTO status (filing_id, seq, code, at, error_code, error_text, details)
        SELECT column1, column2 + (SELECT coalesce(max(seq), 0) FROM status
            WHERE filing_id = column1), column3, column4, column5, column6, column7
        FROM (VALUES""",
    ") AS new",
    numbered=True,
)
VALIDATION = Gathered(
    "(?,?,?,?,?,?,?)",
    """INSERT INTO validation (filing_id, seq, stage, attempt, at, outcome, report)
        SELECT column1, column2 + (SELECT coalesce(max(seq), 0) FROM validation
            WHERE filing_id = column1), column3, column4, column5, column6, column7
        FROM (VALUES""",
    ") AS new",
    numbered=True,
)
EVIDENCE = Gathered(
    "(?,?,?,?,?,?,?)",
    "INSERT INTO evidence (kenmerk, seq, filing_id, at, kind, entry, hash) VALUES",
)
JOB_ROWS = Gathered(
    "(?,?,?,?,?,0,NULL,0,'ready',0,NULL)",
    """INSERT INTO job (filing_id, kenmerk, step, run_at, since, attempts, lease_until, token,
        state, crashes, reason) VALUES""",
)
_MOVED = """UPDATE job SET step = given.column3, run_at = given.column4, since = given.column5,
        attempts = given.column6, crashes = given.column7, reason = given.column8,
        lease_until = """
_HELD = """) AS given WHERE job.filing_id = given.column1 AND job.token = given.column2
        AND job.state = 'ready'"""
LET_GO = Gathered("(?,?,?,?,?,?,?,?)", f"{_MOVED} NULL FROM (VALUES", _HELD, changes=True)
"""Jobs that go on later: number, token, step, run_at, since, attempts, crashes, reason."""
HELD_ON = Gathered(
    "(?,?,?,?,?,?,?,?,?)",
    f"{_MOVED} {{clock}} + given.column9 FROM (VALUES",
    _HELD,
    changes=True,
)
"""Jobs that go on under the same claim: as LET_GO, and the milliseconds of their lease."""
FINISHED = Gathered(
    "(?,?)",
    """DELETE FROM job WHERE state = 'ready' AND filing_id IN (
        SELECT held.filing_id FROM (VALUES""",
    """) AS given JOIN job AS held
        ON held.filing_id = given.column1 AND held.token = given.column2)""",
    changes=True,
)
"""Jobs that are done: number, token."""

IN_ORDER = (
    *(SECRET, PAYLOAD_ROWS, FILING, FILING_DOCUMENT, FILING_MATERIAL, ANSWER),
    *(RETURN_MESSAGE, RETURN_DOCUMENT, STATUS, VALIDATION, EVIDENCE, JOB_ROWS),
    *(LET_GO, HELD_ON, FINISHED),
)
"""What is added, each behind what it refers to, and what is changed."""


def at_once(
    pending: Mapping[Gathered, list[Value]], clock: str
) -> tuple[str, list[Value], list[int]]:
    """Return one statement for all that waits, its values, and what it is to return.

    That is one row: how many rows each kind of change has changed.
    """
    parts: list[str] = []
    counts: list[str] = []
    values: list[Value] = []
    expected: list[int] = []
    for number, kind in enumerate(IN_ORDER):
        waiting = pending.get(kind)
        if waiting is None:
            continue
        statement, given, rows = kind.whole(waiting, clock)
        values += given
        if kind.changes:
            parts.append(f"part_{number} AS ({statement} RETURNING 1)")
            counts.append(f"(SELECT count(*) FROM part_{number})")  # noqa: S608, a number
            expected.append(rows)
        else:
            parts.append(f"part_{number} AS ({statement})")
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts) or '0'}", values, expected
