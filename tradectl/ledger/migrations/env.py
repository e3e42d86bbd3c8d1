"""Run the migrations, on the open connection of `create_or_upgrade` and inside its transaction. Alembic imports this file."""

from __future__ import annotations

from alembic import context

from tradectl.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
