"""Schema 4: secrets, answers, evidence; the first that PostgreSQL has.

The statements are frozen beside this module. In a data directory of schema 3 each table is
made anew and its rows are copied: SQLite cannot change the conditions of a table.
"""

import secrets
from pathlib import Path

from alembic import op
from sqlalchemy.engine import Connection

revision = "4"
down_revision = None

_OLD: dict[str, str] = {
    "payload": "id, sha256, size, content",
    "filing": """id, kenmerk, berichtkenmerk, sender, message_id, body_digest, received_at,
        berichtsoort, belanghebbende_number, belanghebbende_type, rol_belanghebbende,
        asked_kenmerk, aanleverkenmerk, eerder_aanleverkenmerk, ontvanger_number,
        ontvanger_type, rol_ontvanger, autorisatie_adres, tls_oin""",
    "filing_document": "filing_id, position, mime_type, file_name, payload_id",
    "status": "filing_id, seq, code, at, error_code, error_text, details",
    "job": "filing_id, kenmerk, step, run_at, since, attempts, lease_until, token",
    "return_message": """id, filing_id, kenmerk, berichtkenmerk, berichtsoort, offered_at,
        belanghebbende_number, belanghebbende_type, rol_belanghebbende, aanleverkenmerk,
        eerder_aanleverkenmerk, aanleveraar, ontvanger_number, ontvanger_type, rol_ontvanger,
        findings, elements""",
    "return_document": "message_id, position, mime_type, file_name, payload_id",
    "seen_status": "caller, filing_id, seq",
    "seen_message": "caller, message_id",
    "question": "id, signature, valid_until",
    "volume": "oin, day, bytes",
}
_ADDED: dict[str, tuple[str, str]] = {
    "payload": ("place", "CASE WHEN content IS NULL THEN 'file' ELSE 'row' END"),
    "job": ("state, crashes", "'ready', 0"),
}


def upgrade() -> None:
    """Make the tables, and fill them with the rows of schema 3 where there are any."""
    connection = op.get_bind()
    old = _set_apart(connection) if connection.dialect.name == "sqlite" else ()
    name = f"version_4.{connection.dialect.name}.sql"
    for statement in Path(__file__).with_name(name).read_text("utf-8").split(";\n\n"):
        connection.exec_driver_sql(statement.strip().removesuffix(";"))
    connection.exec_driver_sql(f"INSERT INTO identity (id) VALUES ('{secrets.token_hex(16)}')")  # noqa: S608
    for table in old:
        columns, (more, values) = _OLD[table], _ADDED.get(table, ("", ""))
        into, values = (f"{columns}, {more}", f"{columns}, {values}") if more else (columns,) * 2
        connection.exec_driver_sql(
            f"INSERT INTO {table} ({into}) SELECT {values} FROM old_{table}"  # noqa: S608
        )
    for table in reversed(old):
        connection.exec_driver_sql(f"DROP TABLE old_{table}")


def _set_apart(connection: Connection) -> tuple[str, ...]:
    """Give the tables of schema 3 other names, and return what they were called."""
    found = {
        row[0]
        for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    old = tuple(table for table in _OLD if table in found)
    for table in old:
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO old_{table}")
    indexes = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for (index,) in indexes:
        connection.exec_driver_sql(f"DROP INDEX {index}")
    return old
