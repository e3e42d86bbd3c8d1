"""Add columns: an order's sender, absence and previous status, and the last session of a trading state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
MOVE = (
    "previous IS NULL OR previous = status"
    " OR (previous = 'PENDING' AND status IN ('CANCELLED', 'EXECUTED', 'ONGOING', 'REJECTED', 'RETRY_PENDING', 'UNKNOWN'))"
    " OR (previous = 'ONGOING' AND status IN ('CANCELLED', 'EXECUTED', 'REJECTED', 'UNKNOWN'))"
    " OR (previous = 'UNKNOWN' AND status IN ('CANCELLED', 'EXECUTED', 'ONGOING', 'PENDING', 'REJECTED', 'RETRY_PENDING'))"
    " OR (previous = 'RETRY_PENDING' AND status IN ('CANCELLED', 'PENDING'))"
    " OR (previous = 'REJECTED' AND status IN ('UNKNOWN'))"
    " OR (previous = 'CANCELLED' AND status IN ('UNKNOWN'))"
)


def upgrade() -> None:
    op.add_column("users", sa.Column("state_until", sa.Date(), nullable=True))
    op.add_column("orders", sa.Column("sender", sa.String(length=160), nullable=True))
    op.add_column("orders", sa.Column("absent_since", MOMENT, nullable=True))
    if op.get_context().dialect.name == "sqlite":  # SQLite adds a CHECK only together with a column
        op.execute(f"ALTER TABLE orders ADD COLUMN previous VARCHAR(16) CONSTRAINT ck_orders_move CHECK ({MOVE})")
    else:
        op.add_column("orders", sa.Column("previous", sa.String(length=16), nullable=True))
        op.create_check_constraint(op.f("ck_orders_move"), "orders", MOVE)
