"""Schema 5: what each validation of a filing found, and what ran.

The statements are frozen beside this module.
"""

from pathlib import Path

from alembic import op

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Make the table; what was judged before has no rows in it."""
    connection = op.get_bind()
    name = f"version_5.{connection.dialect.name}.sql"
    for statement in Path(__file__).with_name(name).read_text("utf-8").split(";\n\n"):
        connection.exec_driver_sql(statement.strip().removesuffix(";"))
