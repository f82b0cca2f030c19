"""The tables, and how an older data directory becomes a current one.

Times are integer milliseconds since 1970 in UTC. Digests are raw bytes. A payload is
either in its row or, when ``content`` is NULL, in the file that its hash names. A day
is the number of days since 1970 in UTC.

``TABLES`` is version 1 and stays as it is; a new data directory goes through the same
upgrades as an old one, so that the two cannot differ.
"""

import sqlite3

from digipoort_wus.errors import ConfigurationError

TABLES = """
CREATE TABLE payload (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    size INTEGER NOT NULL CHECK (size >= 0),
    content BLOB CHECK (content IS NULL OR length(content) = size)
) STRICT;

CREATE TABLE filing (
    id INTEGER PRIMARY KEY,
    kenmerk TEXT NOT NULL,
    berichtkenmerk TEXT NOT NULL,
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    berichtsoort TEXT NOT NULL,
    belanghebbende_number TEXT NOT NULL,
    belanghebbende_type TEXT NOT NULL,
    rol_belanghebbende TEXT NOT NULL,
    asked_kenmerk TEXT,
    aanleverkenmerk TEXT,
    eerder_aanleverkenmerk TEXT,
    ontvanger_number TEXT,
    ontvanger_type TEXT CHECK ((ontvanger_type IS NULL) = (ontvanger_number IS NULL)),
    rol_ontvanger TEXT,
    autorisatie_adres TEXT,
    UNIQUE (sender, message_id)
) STRICT;
CREATE INDEX filing_kenmerk ON filing (kenmerk);
CREATE INDEX filing_party ON filing (sender, berichtsoort, belanghebbende_number);

CREATE TABLE filing_document (
    filing_id INTEGER NOT NULL REFERENCES filing (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    mime_type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    payload_id INTEGER NOT NULL REFERENCES payload (id),
    PRIMARY KEY (filing_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE status (
    filing_id INTEGER NOT NULL REFERENCES filing (id),
    seq INTEGER NOT NULL CHECK (seq > 0),
    code TEXT NOT NULL CHECK (length(code) = 3),
    at INTEGER NOT NULL,
    error_code TEXT,
    error_text TEXT CHECK ((error_text IS NULL) = (error_code IS NULL)),
    details TEXT,
    PRIMARY KEY (filing_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    filing_id INTEGER PRIMARY KEY REFERENCES filing (id),
    kenmerk TEXT NOT NULL,
    step TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    since INTEGER NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    lease_until INTEGER,
    token INTEGER NOT NULL CHECK (token >= 0)
) STRICT;
CREATE INDEX job_free ON job (run_at) WHERE lease_until IS NULL;
CREATE INDEX job_leased ON job (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX job_kenmerk ON job (kenmerk);

CREATE TABLE return_message (
    id INTEGER PRIMARY KEY,
    filing_id INTEGER NOT NULL REFERENCES filing (id),
    kenmerk TEXT NOT NULL,
    berichtkenmerk TEXT NOT NULL UNIQUE,
    berichtsoort TEXT NOT NULL,
    offered_at INTEGER NOT NULL,
    belanghebbende_number TEXT NOT NULL,
    belanghebbende_type TEXT NOT NULL,
    rol_belanghebbende TEXT NOT NULL,
    aanleverkenmerk TEXT,
    eerder_aanleverkenmerk TEXT,
    aanleveraar TEXT,
    ontvanger_number TEXT,
    ontvanger_type TEXT CHECK ((ontvanger_type IS NULL) = (ontvanger_number IS NULL)),
    rol_ontvanger TEXT,
    findings TEXT NOT NULL,
    elements TEXT NOT NULL
) STRICT;
CREATE INDEX return_message_filing ON return_message (filing_id);

CREATE TABLE return_document (
    message_id INTEGER NOT NULL REFERENCES return_message (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    mime_type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    payload_id INTEGER NOT NULL REFERENCES payload (id),
    PRIMARY KEY (message_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen_status (
    caller TEXT NOT NULL,
    filing_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (caller, filing_id, seq),
    FOREIGN KEY (filing_id, seq) REFERENCES status (filing_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen_message (
    caller TEXT NOT NULL,
    message_id INTEGER NOT NULL REFERENCES return_message (id),
    PRIMARY KEY (caller, message_id)
) STRICT, WITHOUT ROWID;
"""

_WHO_CONNECTED_AND_WHO_ASKED = """
ALTER TABLE filing ADD COLUMN tls_oin TEXT;

CREATE INDEX return_message_party
    ON return_message (belanghebbende_number, lower(belanghebbende_type));

CREATE TABLE question (
    id INTEGER PRIMARY KEY,
    signature BLOB NOT NULL UNIQUE CHECK (length(signature) = 32),
    valid_until INTEGER NOT NULL
) STRICT;
CREATE INDEX question_valid_until ON question (valid_until);

CREATE TABLE volume (
    oin TEXT PRIMARY KEY,
    day INTEGER NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT, WITHOUT ROWID;
"""

_WHICH_FILES_ARE_REFERRED_TO = """
CREATE INDEX payload_file ON payload (sha256) WHERE content IS NULL;
"""

UPGRADES: tuple[str, ...] = (_WHO_CONNECTED_AND_WHO_ASKED, _WHICH_FILES_ARE_REFERRED_TO)
"""DDL from version N to N + 1 at index N - 1; the newest schema is one more than these."""

VERSION = len(UPGRADES) + 1
"""What ``PRAGMA user_version`` says of a current data directory."""


def bring_up_to_date(connection: sqlite3.Connection, upgrades: tuple[str, ...] = UPGRADES) -> None:
    """Create the tables, or upgrade older ones, in one transaction each.

    Raises:
        ConfigurationError: the tables were made by a newer version, or are not ours.
    """
    newest = len(upgrades) + 1
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > newest:
        raise ConfigurationError(
            f"the data directory has schema {found}, this version knows up to {newest}: "
            "use the digipoort-wus that wrote it, or a newer one"
        )
    if found == 0:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise ConfigurationError(
                "the database in the data directory was not made by digipoort-wus: "
                "choose an empty directory"
            )
        _apply(connection, "".join((TABLES, *upgrades)), newest)
        return
    for version, ddl in enumerate(upgrades[found - 1 :], start=found + 1):
        _apply(connection, ddl, version)


def _apply(connection: sqlite3.Connection, ddl: str, version: int) -> None:
    """Run the statements and note the version together, so that a crash leaves either."""
    try:
        connection.executescript(f"BEGIN IMMEDIATE;{ddl};PRAGMA user_version = {version};COMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
