"""Whether the database of a data directory has the tables that it should, and nothing beside them.

A trigger or a view in it would run within the gateway. What was restored or copied here may have
been in other hands, so everything in it is compared with a database that is made for that.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.store import migrations

_STATEMENTS = Path(migrations.__file__).parent / "versions"
_EACH = "version_*.sqlite.sql"
_ITEMS = "SELECT type, name, tbl_name, sql FROM sqlite_master"
_VERSIONS = ("table", "alembic_version")
_SHOWN = 60
Item = tuple[str, str]


def require_shape(connection: sqlite3.Connection) -> None:
    """Refuse a database with other tables, or with anything beside them.

    Raises:
        ConfigurationError: it is so; the sentence names one thing.
    """
    for problem in shape_problems(connection):
        raise ConfigurationError(
            f"The database is not as this version makes it, so it may do what it should not: "
            f"{problem}. Remove that, or restore a backup that you trust."
        )


def shape_problems(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield in what a database of this schema differs from a new one."""
    found, wanted = _items(connection), _wanted()
    for item in sorted(wanted.keys() | found.keys()):
        kind, name = item[0], ascii(item[1])[:_SHOWN]
        if item not in found:
            yield f"it lacks the {kind} {name}"
        elif item not in wanted:
            yield f"it has the {kind} {name}, which is not ours"
        elif found[item] != wanted[item]:
            yield f"the {kind} {name} is not as it should be"


@cache
def _wanted() -> dict[Item, object]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statements in sorted(_STATEMENTS.glob(_EACH)):
            connection.executescript(statements.read_text("utf-8"))
        # Alembic makes this one, each version of it in words of its own.
        return {**_items(connection), _VERSIONS: None}


def _items(connection: sqlite3.Connection) -> dict[Item, object]:
    items: dict[Item, object] = {}
    for kind, name, table, text in connection.execute(_ITEMS):
        # What SQLite makes by itself: indexes of conditions, and statistics where somebody asked.
        own = name.startswith("sqlite_") and kind in ("table", "index")
        if not own:
            items[kind, name] = (table, text)
    if _VERSIONS in items:
        items[_VERSIONS] = None
    return items
