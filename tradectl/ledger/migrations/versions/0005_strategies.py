"""Add the strategies of a user: which strategy decided a signal, an order and a position; texts, checks and the used ones.

An order may be the exit or the stop of a strategy. SQLite cannot change a CHECK: its text in the schema is replaced, as
https://sqlite.org/lang_altertable.html describes, so that no row is copied.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tradectl.ledger.types import JsonText, Moment

revision = "0005"
down_revision = "0004"

BEFORE = "purpose IN ('entry', 'reentry', 'target', 'rsi_exit', 'seed', 'unidentified')"
PURPOSES = "purpose IN ('entry', 'reentry', 'target', 'rsi_exit', 'exit', 'stop', 'seed', 'unidentified')"


def upgrade() -> None:
    for table in ("signals", "positions", "orders"):
        op.add_column(table, sa.Column("strategy", sa.String(length=32), server_default="ema9-reversion", nullable=False))
        op.add_column(table, sa.Column("strategy_hash", sa.String(length=64), server_default="", nullable=False))
    if op.get_context().dialect.name == "sqlite":
        _replace_check()
    else:
        op.drop_constraint(op.f("ck_orders_purpose"), "orders")
        op.create_check_constraint(op.f("ck_orders_purpose"), "orders", PURPOSES)
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


def _replace_check() -> None:
    """Replace the CHECK of the purpose in the schema of SQLite. Raises AssertionError if it is not the expected one."""
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    done = connection.execute(
        sa.text("UPDATE sqlite_master SET sql = replace(sql, :before, :after) WHERE name = 'orders' AND instr(sql, :before) > 0"),
        {"before": BEFORE, "after": PURPOSES},
    )
    if done.rowcount != 1:
        raise AssertionError("the table of orders has another CHECK of the purpose")
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def _key(name: str, length: int) -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("user", sa.String(length=64), sa.ForeignKey("users.user"), nullable=False),
        sa.Column(name, sa.String(length=length), nullable=False),
    )
