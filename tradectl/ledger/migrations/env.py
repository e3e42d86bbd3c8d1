"""What Alembic runs: the migrations, on the connection that `create_or_upgrade` has open, inside its transaction."""

from __future__ import annotations

from alembic import context

from tradectl.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
