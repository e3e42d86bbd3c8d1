"""Add the table of the rate limits of requests to brokers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    op.create_table(
        "rate_limits",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("broker", sa.String(length=32), nullable=False),
        sa.Column("bucket", sa.String(length=32), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.user"], name=op.f("fk_rate_limits_user")),
        sa.UniqueConstraint("user", "broker", "bucket", "seconds", name=op.f("uq_rate_limits_user_broker_bucket_seconds")),
    )
