"""Add columns: a message's picture, whether an execution ends after one step, and the series of a trade from outside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("picture", sa.Text(), server_default="", nullable=False))
    op.add_column("task_executions", sa.Column("one_step", sa.Integer(), server_default="0", nullable=False))
    op.add_column("outside_trades", sa.Column("series", sa.String(length=4), server_default="", nullable=False))
