"""The tables of schema 5, for SQLite and PostgreSQL: the one description of them.

Times are integer milliseconds since 1970 in UTC, digests raw bytes, days the number of days
since 1970 in UTC. What the process runs on is fixed SQL in :mod:`digipoort_wus.store.rows`;
from here come the migrations, and what compares a database with them.

A *secret* is the key of everything personal in one filing or one return message, wrapped by a
key of the ring; when ``wrapped`` is NULL it was destroyed, and with it every payload under it.
A payload without a secret was stored by version 3 or earlier, as it was.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable, SchemaItem

metadata = MetaData()

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
# Equal, lower and sorted as SQLite does it: octet by octet, and no case but that of A to Z.
_WORDS = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
_OCTETS = LargeBinary()


def _table(name: str, *items: SchemaItem, with_rowid: bool = True) -> Table:
    return Table(name, metadata, *items, sqlite_strict=True, sqlite_with_rowid=with_rowid)


def _id() -> "Column[int]":
    return Column("id", _NUMBER, Identity(), primary_key=True)


def _number(name: str, *more: SchemaItem, nullable: bool = False) -> "Column[int]":
    return Column(name, _NUMBER, *more, nullable=nullable)


def _words(name: str, *more: SchemaItem, nullable: bool = False) -> "Column[str]":
    return Column(name, _WORDS, *more, nullable=nullable)


def _octets(name: str, *, nullable: bool = False) -> "Column[bytes]":
    return Column(name, _OCTETS, nullable=nullable)


def _to(column: str) -> ForeignKey:
    return ForeignKey(column)


def _is_digest(name: str) -> CheckConstraint:
    return CheckConstraint(f"length({name}) = 32")


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _part_of(owner: str, column: str) -> Table:
    """Return the table that says which payloads are the documents of an owner."""
    return _table(
        f"{owner.removesuffix('_message')}_document",
        _number(column, _to(f"{owner}.id")),
        _number("position", CheckConstraint("position >= 0")),
        _words("mime_type"),
        _words("file_name"),
        _number("payload_id", _to("payload.id")),
        _primary(column, "position"),
        with_rowid=False,
    )


def _primary(*columns: str) -> SchemaItem:
    return PrimaryKeyConstraint(*columns)


# One row, made with the tables: what a directory of payloads, or a bucket, says it belongs to.
identity = _table("identity", Column("id", _WORDS, primary_key=True))

secret = _table("secret", _id(), _words("ring"), _octets("wrapped", nullable=True))

payload = _table(
    "payload",
    _id(),
    _number("secret_id", _to("secret.id"), nullable=True),
    _octets("salt", nullable=True),
    _octets("sha256"),
    _number("size", CheckConstraint("size >= 0")),
    _octets("content", nullable=True),
    _words("place", CheckConstraint("place IN ('row', 'file', 'object', 'gone')")),
    _is_digest("sha256"),
    CheckConstraint("(content IS NOT NULL) = (place = 'row')"),
    Index("payload_secret", "secret_id"),
    _partial("payload_file", "sha256", where="place = 'file'"),
    _partial("payload_object", "sha256", where="place = 'object'"),
)

filing = _table(
    "filing",
    _id(),
    _words("kenmerk"),
    _words("berichtkenmerk"),
    _words("sender"),
    _words("message_id"),
    _octets("body_digest"),
    _number("received_at"),
    _words("berichtsoort"),
    _words("belanghebbende_number"),
    _words("belanghebbende_type"),
    _words("rol_belanghebbende"),
    _words("asked_kenmerk", nullable=True),
    _words("aanleverkenmerk", nullable=True),
    _words("eerder_aanleverkenmerk", nullable=True),
    _words("ontvanger_number", nullable=True),
    _words("ontvanger_type", nullable=True),
    _words("rol_ontvanger", nullable=True),
    _words("autorisatie_adres", nullable=True),
    _words("tls_oin", nullable=True),
    _number("secret_id", _to("secret.id"), nullable=True),
    _number("request_id", _to("payload.id"), nullable=True),
    # Over the columns above, under the secret; what version 3 stored has none.
    _octets("mac", nullable=True),
    _number("purged_at", nullable=True),
    _words("hold", nullable=True),
    # How often an operator gave it a job: their fencing tokens are never those of another job.
    Column(
        "resent", _NUMBER, CheckConstraint("resent >= 0"), nullable=False, server_default=text("0")
    ),
    CheckConstraint("(ontvanger_type IS NULL) = (ontvanger_number IS NULL)"),
    UniqueConstraint("sender", "message_id"),
    Index("filing_kenmerk", "kenmerk"),
    Index("filing_party", "sender", "berichtsoort", "belanghebbende_number"),
    Index("filing_received", "received_at"),
)

filing_document = _part_of("filing", "filing_id")

answer = _table(
    "answer",
    Column("filing_id", _NUMBER, _to("filing.id"), primary_key=True, autoincrement=False),
    _number("payload_id", _to("payload.id")),
    _number("valid_until"),
)

material = _table(
    "material",
    Column("sha256", _OCTETS, CheckConstraint("length(sha256) = 32"), primary_key=True),
    _words("kind"),
    _octets("content"),
)

filing_material = _table(
    "filing_material",
    _number("filing_id", _to("filing.id")),
    _number("position"),
    Column("sha256", _OCTETS, _to("material.sha256"), nullable=False),
    _primary("filing_id", "position"),
    with_rowid=False,
)

status = _table(
    "status",
    _number("filing_id", _to("filing.id")),
    _number("seq", CheckConstraint("seq > 0")),
    _words("code", CheckConstraint("length(code) = 3")),
    _number("at"),
    _words("error_code", nullable=True),
    _words("error_text", nullable=True),
    _words("details", nullable=True),
    CheckConstraint("(error_text IS NULL) = (error_code IS NULL)"),
    _primary("filing_id", "seq"),
    with_rowid=False,
)

# One row for each time that a filing was judged; a purge takes the report away.
validation = _table(
    "validation",
    _number("filing_id", _to("filing.id")),
    _number("seq", CheckConstraint("seq > 0")),
    _words("stage"),
    _number("attempt", CheckConstraint("attempt > 0")),
    _number("at"),
    _words("outcome"),
    _octets("report", nullable=True),
    _primary("filing_id", "seq"),
    with_rowid=False,
)

job = _table(
    "job",
    Column("filing_id", _NUMBER, _to("filing.id"), primary_key=True, autoincrement=False),
    _words("kenmerk"),
    _words("step"),
    _number("run_at"),
    _number("since"),
    _number("attempts", CheckConstraint("attempts >= 0")),
    _number("lease_until", nullable=True),
    _number("token", CheckConstraint("token >= 0")),
    _words("state", CheckConstraint("state IN ('ready', 'aside')")),
    _number("crashes", CheckConstraint("crashes >= 0")),
    _words("reason", nullable=True),
    _partial("job_free", "run_at", "filing_id", where="lease_until IS NULL AND state = 'ready'"),
    _partial("job_leased", "lease_until", where="lease_until IS NOT NULL"),
    _partial("job_aside", "filing_id", where="state = 'aside'"),
    Index("job_kenmerk", "kenmerk"),
)

return_message = _table(
    "return_message",
    _id(),
    _number("filing_id", _to("filing.id")),
    _words("kenmerk"),
    _words("berichtkenmerk"),
    _words("berichtsoort"),
    _number("offered_at"),
    _words("belanghebbende_number"),
    _words("belanghebbende_type"),
    _words("rol_belanghebbende"),
    _words("aanleverkenmerk", nullable=True),
    _words("eerder_aanleverkenmerk", nullable=True),
    _words("aanleveraar", nullable=True),
    _words("ontvanger_number", nullable=True),
    _words("ontvanger_type", nullable=True),
    _words("rol_ontvanger", nullable=True),
    _words("findings"),
    _words("elements"),
    _number("secret_id", _to("secret.id"), nullable=True),
    _number("request_id", _to("payload.id"), nullable=True),
    _octets("mac", nullable=True),
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

seen_status = _table(
    "seen_status",
    _words("caller"),
    _number("filing_id"),
    _number("seq"),
    ForeignKeyConstraint(["filing_id", "seq"], ["status.filing_id", "status.seq"]),
    _primary("caller", "filing_id", "seq"),
    with_rowid=False,
)

seen_message = _table(
    "seen_message",
    _words("caller"),
    _number("message_id", _to("return_message.id")),
    _primary("caller", "message_id"),
    with_rowid=False,
)

question = _table(
    "question",
    _id(),
    _octets("signature"),
    _number("valid_until"),
    _is_digest("signature"),
    UniqueConstraint("signature"),
    Index("question_valid_until", "valid_until"),
)

volume = _table(
    "volume",
    Column("oin", _WORDS, primary_key=True),
    _number("day"),
    _number("bytes", CheckConstraint("bytes >= 0")),
    with_rowid=False,
)

inbox = _table(
    "inbox",
    _words("peer"),
    _words("message_id"),
    _octets("digest"),
    _number("answer_id", _to("payload.id"), nullable=True),
    _number("request_id", _to("payload.id"), nullable=True),
    _number("received_at"),
    _number("filing_id", _to("filing.id")),
    _primary("peer", "message_id"),
    Index("inbox_filing", "filing_id"),
    with_rowid=False,
)

batch = _table(
    "batch",
    Column("id", _NUMBER, primary_key=True, autoincrement=False),
    _number("sealed_at"),
    _number("leaves", CheckConstraint("leaves > 0")),
    _octets("root"),
    _octets("previous"),
    _octets("signature"),
    _octets("signer_sha256"),
    _octets("token", nullable=True),
    _number("stamped_at", nullable=True),
    CheckConstraint("(token IS NULL) = (stamped_at IS NULL)"),
    _is_digest("root"),
    _is_digest("signer_sha256"),
    # Two that seal at the same moment cannot both follow the same batch.
    UniqueConstraint("previous"),
    _partial("batch_unstamped", "id", where="token IS NULL"),
)

evidence = _table(
    "evidence",
    _id(),
    _words("kenmerk"),
    _number("seq"),
    _number("filing_id", _to("filing.id")),
    _number("at"),
    _words("kind"),
    _words("entry"),
    _octets("hash"),
    _number("batch_id", _to("batch.id"), nullable=True),
    _number("leaf", nullable=True),
    _is_digest("hash"),
    CheckConstraint("(leaf IS NULL) = (batch_id IS NULL)"),
    UniqueConstraint("kenmerk", "seq"),
    _partial("evidence_unsealed", "id", where="batch_id IS NULL"),
    _partial("evidence_batch", "batch_id", "leaf", where="batch_id IS NOT NULL", unique=True),
)


def ddl(dialect: Dialect) -> str:
    """Return the statements that make all tables, each ended by a semicolon."""
    statements: list[str] = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    if dialect.name == "postgresql":
        # What is encrypted does not get smaller.
        statements.append("ALTER TABLE payload ALTER COLUMN content SET STORAGE EXTERNAL")
    return "\n\n".join(f"{_tidy(statement)};" for statement in statements) + "\n"


def _tidy(statement: str) -> str:
    lines = (line.rstrip() for line in statement.expandtabs(4).strip().split("\n"))
    return "\n".join(lines).replace("\n)\n", "\n)")
