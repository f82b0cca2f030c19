"""What Alembic runs: the migrations, over the connection of whoever called it.

That connection is in a transaction already, which its owner commits: a version and its number
appear together or not at all.
"""

from alembic import context

from digipoort_wus.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
