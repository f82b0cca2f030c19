"""Schema 6: agreements, messages and tasks of ebMS.

The statements are frozen beside this module.
"""

from pathlib import Path

from alembic import op

revision = "6"
down_revision = "5"


def upgrade() -> None:
    """Make the tables; there are no rows for them yet."""
    connection = op.get_bind()
    name = f"version_6.{connection.dialect.name}.sql"
    for statement in Path(__file__).with_name(name).read_text("utf-8").split(";\n\n"):
        connection.exec_driver_sql(statement.strip().removesuffix(";"))
