# ruff: noqa: INP001 - Alembic runs the files of this folder by their path
"""Run by Alembic with the connection that `pql.store.migrate` hands over, inside its transaction."""

from alembic import context

from pql.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter much in place; Alembic then copies the table.
    render_as_batch=True,
)
context.run_migrations()
