"""Add the strategies of a user: which strategy decided a signal, an order and a position; texts, checks and the used ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradectl.ledger.types import JsonText, Moment

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for table in ("signals", "positions", "orders"):
        op.add_column(table, sa.Column("strategy", sa.String(length=32), server_default="ema9-reversion", nullable=False))
        op.add_column(table, sa.Column("strategy_hash", sa.String(length=64), server_default="", nullable=False))
    op.create_table(
        "strategy_texts",
        *_key("hash", 64),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("form", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stored_at", Moment(), nullable=False),
        sa.UniqueConstraint("user", "hash", name=op.f("uq_strategy_texts_user_hash")),
        sa.CheckConstraint("form IN ('expressions', 'python')", name=op.f("ck_strategy_texts_form")),
    )
    op.create_table(
        "strategy_checks",
        *_key("hash", 64),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("checked_at", Moment(), nullable=False),
        sa.Column("result", JsonText(), nullable=False),
        sa.UniqueConstraint("user", "hash", name=op.f("uq_strategy_checks_user_hash")),
    )
    op.create_table(
        "user_strategies",
        *_key("name", 32),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("share", sa.String(length=16), nullable=False),
        sa.Column("used_at", Moment(), nullable=False),
        sa.UniqueConstraint("user", "name", name=op.f("uq_user_strategies_user_name")),
    )


def _key(name: str, length: int) -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("user", sa.String(length=64), sa.ForeignKey("users.user"), nullable=False),
        sa.Column(name, sa.String(length=length), nullable=False),
    )
