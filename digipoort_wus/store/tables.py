"""The tables of schema 6, for SQLite and PostgreSQL: the one description of them.

Times are integer milliseconds since 1970 in UTC, digests raw bytes, days the number of days
since 1970 in UTC. What the process runs on is fixed SQL in :mod:`digipoort_wus.store.rows`;
from here come the migrations, and what compares a database with them. Those of ebMS stand in
:mod:`digipoort_wus.store.ebms_tables`.

A *secret* is the key of everything personal in one filing, return message or message of ebMS,
wrapped by a key of the ring; when ``wrapped`` is NULL it was destroyed, and with it every payload
under it. A payload without a secret was stored by version 3 or earlier, as it was.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

# Its tables are among those of the one description.
from digipoort_wus.store import ebms_tables as _ebms_tables  # noqa: F401
from digipoort_wus.store.table_parts import (
    NUMBER,
    OCTETS,
    WORDS,
    is_digest,
    metadata,
    number,
    octets,
    own_id,
    partial,
    primary,
    table,
    to,
    words,
)

__all__ = ["ddl", "metadata"]


def _part_of(owner: str, column: str) -> Table:
    """Return the table that says which payloads are the documents of an owner."""
    return table(
        f"{owner.removesuffix('_message')}_document",
        number(column, to(f"{owner}.id")),
        number("position", CheckConstraint("position >= 0")),
        words("mime_type"),
        words("file_name"),
        number("payload_id", to("payload.id")),
        primary(column, "position"),
        with_rowid=False,
    )


# One row, made with the tables: what a directory of payloads, or a bucket, says it belongs to.
identity = table("identity", Column("id", WORDS, primary_key=True))

secret = table("secret", own_id(), words("ring"), octets("wrapped", nullable=True))

payload = table(
    "payload",
    own_id(),
    number("secret_id", to("secret.id"), nullable=True),
    octets("salt", nullable=True),
    octets("sha256"),
    number("size", CheckConstraint("size >= 0")),
    octets("content", nullable=True),
    words("place", CheckConstraint("place IN ('row', 'file', 'object', 'gone')")),
    is_digest("sha256"),
    CheckConstraint("(content IS NOT NULL) = (place = 'row')"),
    Index("payload_secret", "secret_id"),
    partial("payload_file", "sha256", where="place = 'file'"),
    partial("payload_object", "sha256", where="place = 'object'"),
)

filing = table(
    "filing",
    own_id(),
    words("kenmerk"),
    words("berichtkenmerk"),
    words("sender"),
    words("message_id"),
    octets("body_digest"),
    number("received_at"),
    words("berichtsoort"),
    words("belanghebbende_number"),
    words("belanghebbende_type"),
    words("rol_belanghebbende"),
    words("asked_kenmerk", nullable=True),
    words("aanleverkenmerk", nullable=True),
    words("eerder_aanleverkenmerk", nullable=True),
    words("ontvanger_number", nullable=True),
    words("ontvanger_type", nullable=True),
    words("rol_ontvanger", nullable=True),
    words("autorisatie_adres", nullable=True),
    words("tls_oin", nullable=True),
    number("secret_id", to("secret.id"), nullable=True),
    number("request_id", to("payload.id"), nullable=True),
    # Over the columns above, under the secret; what version 3 stored has none.
    octets("mac", nullable=True),
    number("purged_at", nullable=True),
    words("hold", nullable=True),
    # How often an operator gave it a job: their fencing tokens are never those of another job.
    Column(
        "resent", NUMBER, CheckConstraint("resent >= 0"), nullable=False, server_default=text("0")
    ),
    CheckConstraint("(ontvanger_type IS NULL) = (ontvanger_number IS NULL)"),
    UniqueConstraint("sender", "message_id"),
    Index("filing_kenmerk", "kenmerk"),
    Index("filing_party", "sender", "berichtsoort", "belanghebbende_number"),
    Index("filing_received", "received_at"),
)

filing_document = _part_of("filing", "filing_id")

answer = table(
    "answer",
    Column("filing_id", NUMBER, to("filing.id"), primary_key=True, autoincrement=False),
    number("payload_id", to("payload.id")),
    number("valid_until"),
)

material = table(
    "material",
    Column("sha256", OCTETS, CheckConstraint("length(sha256) = 32"), primary_key=True),
    words("kind"),
    octets("content"),
)

filing_material = table(
    "filing_material",
    number("filing_id", to("filing.id")),
    number("position"),
    Column("sha256", OCTETS, to("material.sha256"), nullable=False),
    primary("filing_id", "position"),
    with_rowid=False,
)

status = table(
    "status",
    number("filing_id", to("filing.id")),
    number("seq", CheckConstraint("seq > 0")),
    words("code", CheckConstraint("length(code) = 3")),
    number("at"),
    words("error_code", nullable=True),
    words("error_text", nullable=True),
    words("details", nullable=True),
    CheckConstraint("(error_text IS NULL) = (error_code IS NULL)"),
    primary("filing_id", "seq"),
    with_rowid=False,
)

# One row for each time that a filing was judged; a purge takes the report away.
validation = table(
    "validation",
    number("filing_id", to("filing.id")),
    number("seq", CheckConstraint("seq > 0")),
    words("stage"),
    number("attempt", CheckConstraint("attempt > 0")),
    number("at"),
    words("outcome"),
    octets("report", nullable=True),
    primary("filing_id", "seq"),
    with_rowid=False,
)

job = table(
    "job",
    Column("filing_id", NUMBER, to("filing.id"), primary_key=True, autoincrement=False),
    words("kenmerk"),
    words("step"),
    number("run_at"),
    number("since"),
    number("attempts", CheckConstraint("attempts >= 0")),
    number("lease_until", nullable=True),
    number("token", CheckConstraint("token >= 0")),
    words("state", CheckConstraint("state IN ('ready', 'aside')")),
    number("crashes", CheckConstraint("crashes >= 0")),
    words("reason", nullable=True),
    partial("job_free", "run_at", "filing_id", where="lease_until IS NULL AND state = 'ready'"),
    partial("job_leased", "lease_until", where="lease_until IS NOT NULL"),
    partial("job_aside", "filing_id", where="state = 'aside'"),
    Index("job_kenmerk", "kenmerk"),
)

return_message = table(
    "return_message",
    own_id(),
    number("filing_id", to("filing.id")),
    words("kenmerk"),
    words("berichtkenmerk"),
    words("berichtsoort"),
    number("offered_at"),
    words("belanghebbende_number"),
    words("belanghebbende_type"),
    words("rol_belanghebbende"),
    words("aanleverkenmerk", nullable=True),
    words("eerder_aanleverkenmerk", nullable=True),
    words("aanleveraar", nullable=True),
    words("ontvanger_number", nullable=True),
    words("ontvanger_type", nullable=True),
    words("rol_ontvanger", nullable=True),
    words("findings"),
    words("elements"),
    number("secret_id", to("secret.id"), nullable=True),
    number("request_id", to("payload.id"), nullable=True),
    octets("mac", nullable=True),
    CheckConstraint("(ontvanger_type IS NULL) = (ontvanger_number IS NULL)"),
    UniqueConstraint("berichtkenmerk"),
    Index("return_message_filing", "filing_id"),
)
Index(
    "return_message_party",
    return_message.c.belanghebbende_number,
    func.lower(return_message.c.belanghebbende_type),
)

return_document = _part_of("return_message", "message_id")

seen_status = table(
    "seen_status",
    words("caller"),
    number("filing_id"),
    number("seq"),
    ForeignKeyConstraint(["filing_id", "seq"], ["status.filing_id", "status.seq"]),
    primary("caller", "filing_id", "seq"),
    with_rowid=False,
)

seen_message = table(
    "seen_message",
    words("caller"),
    number("message_id", to("return_message.id")),
    primary("caller", "message_id"),
    with_rowid=False,
)

question = table(
    "question",
    own_id(),
    octets("signature"),
    number("valid_until"),
    is_digest("signature"),
    UniqueConstraint("signature"),
    Index("question_valid_until", "valid_until"),
)

volume = table(
    "volume",
    Column("oin", WORDS, primary_key=True),
    number("day"),
    number("bytes", CheckConstraint("bytes >= 0")),
    with_rowid=False,
)

inbox = table(
    "inbox",
    words("peer"),
    words("message_id"),
    octets("digest"),
    number("answer_id", to("payload.id"), nullable=True),
    number("request_id", to("payload.id"), nullable=True),
    number("received_at"),
    number("filing_id", to("filing.id")),
    primary("peer", "message_id"),
    Index("inbox_filing", "filing_id"),
    with_rowid=False,
)

batch = table(
    "batch",
    Column("id", NUMBER, primary_key=True, autoincrement=False),
    number("sealed_at"),
    number("leaves", CheckConstraint("leaves > 0")),
    octets("root"),
    octets("previous"),
    octets("signature"),
    octets("signer_sha256"),
    octets("token", nullable=True),
    number("stamped_at", nullable=True),
    CheckConstraint("(token IS NULL) = (stamped_at IS NULL)"),
    is_digest("root"),
    is_digest("signer_sha256"),
    # Two that seal at the same moment cannot both follow the same batch.
    UniqueConstraint("previous"),
    partial("batch_unstamped", "id", where="token IS NULL"),
)

evidence = table(
    "evidence",
    own_id(),
    words("kenmerk"),
    number("seq"),
    number("filing_id", to("filing.id")),
    number("at"),
    words("kind"),
    words("entry"),
    octets("hash"),
    number("batch_id", to("batch.id"), nullable=True),
    number("leaf", nullable=True),
    is_digest("hash"),
    CheckConstraint("(leaf IS NULL) = (batch_id IS NULL)"),
    UniqueConstraint("kenmerk", "seq"),
    partial("evidence_unsealed", "id", where="batch_id IS NULL"),
    partial("evidence_batch", "batch_id", "leaf", where="batch_id IS NOT NULL", unique=True),
)


def ddl(dialect: Dialect) -> str:
    """Return the statements that make all tables, each ended by a semicolon."""
    statements: list[str] = []
    for each in metadata.sorted_tables:
        statements.append(str(CreateTable(each).compile(dialect=dialect)))
        indexes = sorted(each.indexes, key=lambda index: str(index.name))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    if dialect.name == "postgresql":
        # What is encrypted does not get smaller.
        statements.append("ALTER TABLE payload ALTER COLUMN content SET STORAGE EXTERNAL")
    return "\n\n".join(f"{_tidy(statement)};" for statement in statements) + "\n"


def _tidy(statement: str) -> str:
    lines = (line.rstrip() for line in statement.expandtabs(4).strip().split("\n"))
    return "\n".join(lines).replace("\n)\n", "\n)")
