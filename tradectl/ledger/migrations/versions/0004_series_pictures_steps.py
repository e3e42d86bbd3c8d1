"""Add columns: a message's picture, whether an execution ends after one step, and the series of a trade from outside.

Programs of one day made some of them in a new database of revision 0003. So a column that is there is left as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _add("outbox", sa.Column("picture", sa.Text(), server_default="", nullable=False))
    _add("task_executions", sa.Column("one_step", sa.Integer(), server_default="0", nullable=False))
    _add("outside_trades", sa.Column("series", sa.String(length=4), server_default="", nullable=False))


def _add(table: str, column: sa.Column[object]) -> None:
    inspector = sa.inspect(op.get_bind())
    found = {item["name"] for item in inspector.get_columns(table)} if inspector.has_table(table) else set()
    if column.name not in found:
        op.add_column(table, column)
