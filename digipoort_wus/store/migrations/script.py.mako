"""${message}"""

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Lead to schema ${up_revision}."""
    ${upgrades if upgrades else "pass"}
