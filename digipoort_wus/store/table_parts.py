"""What the descriptions of tables are made of: columns and conditions that both databases know."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import SchemaItem

metadata = MetaData()

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
# Equal, lower and sorted as SQLite does it: octet by octet, and no case but that of A to Z.
WORDS = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
OCTETS = LargeBinary()


def table(
    name: str, *items: SchemaItem, with_rowid: bool = True, numbers_once: bool = False
) -> Table:
    """Return a table of the one description.

    Args:
        name: of it.
        items: columns, conditions and indexes.
        with_rowid: of SQLite.
        numbers_once: its own number is never given again, also when the row is gone.
    """
    return Table(
        name,
        metadata,
        *items,
        sqlite_strict=True,
        sqlite_with_rowid=with_rowid,
        sqlite_autoincrement=numbers_once,
    )


def own_id() -> "Column[int]":
    """Return the column of a number that the store gives."""
    return Column("id", NUMBER, Identity(), primary_key=True)


def number(name: str, *more: SchemaItem, nullable: bool = False) -> "Column[int]":
    """Return a column of numbers."""
    return Column(name, NUMBER, *more, nullable=nullable)


def words(name: str, *more: SchemaItem, nullable: bool = False) -> "Column[str]":
    """Return a column of text."""
    return Column(name, WORDS, *more, nullable=nullable)


def octets(name: str, *, nullable: bool = False) -> "Column[bytes]":
    """Return a column of octets."""
    return Column(name, OCTETS, nullable=nullable)


def to(column: str) -> ForeignKey:
    """Return that a column refers to another, ``table.column``."""
    return ForeignKey(column)


def is_digest(name: str) -> CheckConstraint:
    """Return that a column holds a SHA-256."""
    return CheckConstraint(f"length({name}) = 32")


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index over the rows of which a condition holds."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def primary(*columns: str) -> SchemaItem:
    """Return that columns are the key of their table."""
    return PrimaryKeyConstraint(*columns)
