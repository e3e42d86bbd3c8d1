"""Define the tables. The database enforces uniqueness and allowed values by unique keys, CHECKs and foreign keys.

The same schema is created on SQLite and PostgreSQL. Money is integer paise, moments are UTC.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)  # fmt: skip
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex

from tradectl.ledger.types import JsonText, Moment, Paise
from tradectl.model.message_kind import MessageKind
from tradectl.model.order import MOVES, OrderStatus, Purpose, ReasonCode, Side, Variety
from tradectl.model.rule_names import REVERSION

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BigKey = BigInteger().with_variant(Integer, "sqlite")


def one_of(column: str, values: object, name: str) -> CheckConstraint:
    """Return a CHECK that a column has one of `values`."""
    listed = ", ".join(f"'{value}'" for value in values)  # type: ignore[attr-defined]
    return CheckConstraint(f"{column} IN ({listed})", name=name)


def allowed_moves() -> CheckConstraint:
    """Return a CHECK that `previous` and `status` are equal or an allowed move of `model.order.MOVES`."""
    moves = [f"(previous = '{old}' AND {one_of('status', sorted(new), '').sqltext})" for old, new in MOVES.items() if new]
    return CheckConstraint(" OR ".join(["previous IS NULL", "previous = status", *moves]), name="move")


@compiles(CreateIndex)
def create_index(create: CreateIndex, compiler: Any, **how: Any) -> str:
    """Compile a partial index for every database. SQLAlchemy's own option for this would load each dialect."""
    text: str = compiler.visit_create_index(create, **how)
    where = create.element.info.get("where")
    return f"{text} WHERE {where}" if where else text


def _user() -> Column[str]:
    return Column("user", String(64), ForeignKey("users.user"), nullable=False)


EXECUTION_STATUSES = ("running", "completed", "failed", "missed")
VERDICTS = ("STRONG_BUY", "BUY", "WATCH", "AVOID")
SIGNAL_STATUSES = ("active", "used", "expired", "cancelled")

database_info = Table(
    "database_info", metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)  # fmt: skip
"""Facts about this database: mode, clock (system or virtual), last_event_at, created_at."""

users = Table(
    "users", metadata,
    Column("user", String(64), primary_key=True),
    Column("role", String(8), nullable=False),
    Column("trading_state", String(8), nullable=False, server_default="ACTIVE"),
    Column("state_reason", Text, nullable=False, server_default=""),
    Column("capital", Paise, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("state_until", Date),                 # last session of a REDUCING by a daily limit; NULL: until `resume`
    one_of("role", ("admin", "user"), "role"),
    one_of("trading_state", ("ACTIVE", "REDUCING", "HALTED"), "trading_state"),
)  # fmt: skip

user_trading_config = Table(
    "user_trading_config", metadata,
    _user(), Column("key", String(64), nullable=False), Column("value", Text, nullable=False),
    UniqueConstraint("user", "key"),
)  # fmt: skip

user_settings = Table(
    "user_settings", metadata,
    _user(), Column("key", String(64), nullable=False), Column("value", Text, nullable=False),
    Column("secret", Boolean, nullable=False, server_default="0"),
    UniqueConstraint("user", "key"),
)  # fmt: skip

task_schedules = Table(
    "task_schedules", metadata,
    _user(), Column("task", String(32), nullable=False),
    Column("times", Text, nullable=False),      # "08:00 08:40", IST
    Column("until", String(16), nullable=False),  # "08:55" or "09:07:30", IST; or "last-fill"
    Column("every", Integer),                    # seconds between the steps of a continuous task
    Column("enabled", Boolean, nullable=False),
    UniqueConstraint("user", "task"),
)  # fmt: skip

task_executions = Table(
    "task_executions", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("task", String(32), nullable=False),
    Column("session_date", Date, nullable=False), Column("slot", String(8), nullable=False),
    Column("status", String(16), nullable=False), Column("attempt", Integer, nullable=False),
    Column("owner", String(160)),                # process identity; NULL: no process works on the row
    Column("beat_at", Moment),                   # machine time of the last heartbeat
    Column("started_at", Moment, nullable=False), Column("finished_at", Moment),
    Column("duration", Float), Column("steps", Integer, nullable=False, server_default="0"),
    Column("trigger", String(16), nullable=False),
    Column("forced", Integer, nullable=False, server_default="0"),
    Column("one_step", Integer, nullable=False, server_default="0"),  # 1: the owner does one step of a monitor and ends
    Column("result", JsonText, nullable=False), Column("error", Text, nullable=False, server_default=""),
    UniqueConstraint("user", "task", "session_date", "slot"),
    one_of("status", EXECUTION_STATUSES, "status"),
    one_of("trigger", ("cron", "daemon", "manual", "simulate"), "trigger"),
)  # fmt: skip

service_status = Table(
    "service_status", metadata,
    _user(), Column("service", String(16), nullable=False), Column("owner", String(160), nullable=False),
    Column("status", String(16), nullable=False), Column("started_at", Moment, nullable=False),
    Column("beat_at", Moment, nullable=False), Column("detail", Text, nullable=False, server_default=""),
    UniqueConstraint("user", "service"),
    one_of("service", ("daemon", "run-due"), "service"),
    one_of("status", ("running", "stopped"), "status"),
)  # fmt: skip

user_logs = Table(
    "user_logs", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("at", Moment, nullable=False), Column("level", String(8), nullable=False),
    Column("action", String(32), nullable=False), Column("task", String(32), nullable=False, server_default=""),
    Column("symbol", String(32), nullable=False, server_default=""), Column("message", Text, nullable=False),
    Index("ix_user_logs_user_at", "user", "at"),
)  # fmt: skip

instruments = Table(
    "instruments", metadata,
    _user(), Column("instrument_id", String(32), nullable=False), Column("symbol", String(32), nullable=False),
    Column("series", String(4), nullable=False), Column("isin", String(12)), Column("tick_size", Paise, nullable=False),
    Column("lot_size", Integer, nullable=False), Column("as_of", Date, nullable=False),
    UniqueConstraint("user", "instrument_id"),
)  # fmt: skip
"""The instruments that a user has traded or holds. All instruments of the exchange are in the market folder."""

signals = Table(
    "signals", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("instrument_id", String(32), nullable=False), Column("symbol", String(32), nullable=False),
    Column("analysed", Date, nullable=False),    # the session whose close decided
    Column("for_session", Date, nullable=False),  # the run session of the buy
    Column("verdict", String(12), nullable=False), Column("rank", Integer, nullable=False),
    Column("close", Paise, nullable=False), Column("limit_price", Paise, nullable=False),
    Column("rsi", Float, nullable=False), Column("ema9", Float, nullable=False), Column("level", Integer, nullable=False),
    Column("strength", Float, nullable=False), Column("backtest", Float, nullable=False),
    Column("combined", Float, nullable=False), Column("trades", Integer, nullable=False),
    Column("bars", Integer, nullable=False), Column("average_turnover", Paise, nullable=False),
    Column("data_state", String(16), nullable=False),  # final | provisional
    Column("data_date", Date, nullable=False),
    Column("status", String(12), nullable=False), Column("created_at", Moment, nullable=False),
    Column("strategy", String(32), nullable=False, server_default=REVERSION),  # the strategy that decided it
    Column("strategy_hash", String(64), nullable=False, server_default=""),  # of its file; empty: the shipped rule
    UniqueConstraint("user", "analysed", "instrument_id"),
    one_of("verdict", ("STRONG_BUY", "BUY"), "verdict"),
    one_of("status", SIGNAL_STATUSES, "status"),
    one_of("data_state", ("final", "provisional"), "data_state"),
)  # fmt: skip

decisions = Table(
    "decisions", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("at", Moment, nullable=False), Column("session_date", Date, nullable=False),
    Column("task", String(32), nullable=False), Column("slot", String(8), nullable=False, server_default=""),
    Column("instrument_id", String(32), nullable=False), Column("symbol", String(32), nullable=False),
    Column("verdict", String(24), nullable=False),  # STRONG_BUY, AVOID, placed, skipped_limit, lowered, HOLD ...
    Column("rule", String(48), nullable=False),      # the rule that decided
    Column("reason", Text, nullable=False),          # one line for a person
    Column("inputs", JsonText, nullable=False),
    # The only index: an index by instrument would write a page for each of 2,000 symbols every evening.
    UniqueConstraint("user", "task", "session_date", "slot", "instrument_id", "rule"),
)  # fmt: skip

positions = Table(
    "positions", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("instrument_id", String(32), nullable=False), Column("symbol", String(32), nullable=False),
    Column("status", String(8), nullable=False), Column("quantity", Integer, nullable=False),
    Column("cost", Paise, nullable=False),         # of the shares still held, without charges
    Column("bought", Paise, nullable=False), Column("sold", Paise, nullable=False),  # totals, without charges
    Column("buys", Integer, nullable=False),       # buy orders with a fill
    Column("level", Integer, nullable=False),      # RSI level of the last buy
    Column("level_session", Date, nullable=False),  # session whose close decided the last buy
    Column("realised", Paise, nullable=False),     # of the sold shares, before charges
    Column("charges", Paise, nullable=False),
    Column("dividends", Paise, nullable=False, server_default="0"),
    Column("spun_off", Paise, nullable=False, server_default="0"),  # cost that left with a demerged company
    Column("opened_session", Date, nullable=False), Column("closed_session", Date),
    Column("opened_at", Moment, nullable=False), Column("closed_at", Moment),
    Column("strategy", String(32), nullable=False, server_default=REVERSION),  # the strategy that decided it
    Column("strategy_hash", String(64), nullable=False, server_default=""),  # of its file; empty: the shipped rule
    Index("uq_positions_open", "user", "instrument_id", unique=True, info={"where": "status = 'open'"}),
    one_of("status", ("open", "closed"), "status"),
    CheckConstraint("quantity >= 0", name="quantity"),
)  # fmt: skip

orders = Table(
    "orders", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("tag", String(20), nullable=False),
    Column("instrument_id", String(32), nullable=False), Column("symbol", String(32), nullable=False),
    Column("side", String(4), nullable=False), Column("purpose", String(12), nullable=False),
    Column("quantity", Integer, nullable=False), Column("price", Paise, nullable=False),
    Column("order_type", String(8), nullable=False), Column("variety", String(8), nullable=False),
    Column("product", String(4), nullable=False, server_default="CNC"),
    Column("validity", String(4), nullable=False, server_default="DAY"),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),  # text for people
    Column("reason_code", String(16)),               # value that code branches on; NULL: none
    Column("session_date", Date, nullable=False),    # the session in which it should trade
    Column("decided", Date, nullable=False),         # the session whose close decided the order
    Column("leg", String(32), nullable=False), Column("generation", Integer, nullable=False),
    Column("position_id", BigKey, ForeignKey("positions.id")), Column("signal_id", BigKey, ForeignKey("signals.id")),
    Column("execution_id", BigKey, ForeignKey("task_executions.id")),
    Column("level", Integer, nullable=False, server_default="0"),
    Column("broker_order_id", String(64)), Column("filled_quantity", Integer, nullable=False, server_default="0"),
    Column("modifications", Integer, nullable=False, server_default="0"),
    Column("created_at", Moment, nullable=False), Column("sending_at", Moment), Column("sent_at", Moment),
    Column("updated_at", Moment, nullable=False),
    Column("sender", String(160)),               # the process that may be sending the order now; NULL: none
    Column("absent_since", Moment),              # since when reads of the broker's book do not show it
    Column("previous", String(16)),              # the status before this one
    Column("strategy", String(32), nullable=False, server_default=REVERSION),  # the strategy that decided it
    Column("strategy_hash", String(64), nullable=False, server_default=""),  # of its file; empty: the shipped rule
    UniqueConstraint("user", "tag"),
    UniqueConstraint("user", "session_date", "purpose", "instrument_id", "leg", "generation"),
    Index("uq_orders_broker_order_id", "user", "broker_order_id", unique=True),
    Index("ix_orders_user_status", "user", "status"),
    one_of("status", OrderStatus, "status"), allowed_moves(), one_of("reason_code", ReasonCode, "reason_code"),
    one_of("side", Side, "side"), one_of("purpose", Purpose, "purpose"), one_of("variety", Variety, "variety"),
    CheckConstraint("quantity > 0 AND filled_quantity >= 0 AND filled_quantity <= quantity", name="quantity"),
    CheckConstraint("status <> 'EXECUTED' OR filled_quantity = quantity", name="executed"),
)  # fmt: skip

fills = Table(
    "fills", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("trade_id", String(64), nullable=False),
    Column("order_id", BigKey, ForeignKey("orders.id")),        # NULL: not one of our orders
    Column("position_id", BigKey, ForeignKey("positions.id")),  # NULL: changes no position
    Column("instrument_id", String(32), nullable=False), Column("symbol", String(32), nullable=False),
    Column("side", String(4), nullable=False), Column("quantity", Integer, nullable=False),
    Column("booked", Integer, nullable=False),                   # how many of the shares change our position
    Column("price", Paise, nullable=False), Column("charges", Paise, nullable=False, server_default="0"),
    Column("session_date", Date, nullable=False), Column("at", Moment, nullable=False),
    Column("external", Boolean, nullable=False, server_default="0"),
    UniqueConstraint("user", "trade_id"),
    Index("ix_fills_user_position_id", "user", "position_id"),
    one_of("side", Side, "side"),
    CheckConstraint("quantity > 0 AND price > 0", name="positive"),
)  # fmt: skip

adjustments = Table(
    "adjustments", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("position_id", BigKey, ForeignKey("positions.id"), nullable=False),
    Column("kind", String(16), nullable=False), Column("ex_date", Date, nullable=False),
    Column("ratio", String(48), nullable=False, server_default="1"),   # new shares for one old, as a fraction
    Column("cost_kept", String(48), nullable=False, server_default="1"),  # fraction of the cost that stays after a demerger
    Column("quantity_before", Integer, nullable=False), Column("quantity_after", Integer, nullable=False),
    Column("cash", Paise, nullable=False, server_default="0"),         # dividend, or cash for a fraction of a share
    Column("at", Moment, nullable=False),
    UniqueConstraint("user", "position_id", "kind", "ex_date"),
    one_of("kind", ("split", "bonus", "consolidation", "demerger", "dividend"), "kind"),
)  # fmt: skip
"""The effects of corporate actions on positions. Positions are computed from these and from `fills`."""

daily_stats = Table(
    "daily_stats", metadata,
    _user(), Column("session_date", Date, nullable=False),
    Column("cash", Paise, nullable=False), Column("holdings_value", Paise, nullable=False),
    Column("equity", Paise, nullable=False),
    Column("realised", Paise, nullable=False), Column("unrealised", Paise, nullable=False),
    Column("charges", Paise, nullable=False), Column("dividends", Paise, nullable=False, server_default="0"),
    Column("trades", Integer, nullable=False), Column("winners", Integer, nullable=False),
    Column("open_positions", Integer, nullable=False), Column("mismatches", Integer, nullable=False),
    Column("peak_equity", Paise, nullable=False), Column("drawdown", Float, nullable=False),
    UniqueConstraint("user", "session_date"),
)  # fmt: skip

outbox = Table(
    "outbox", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("created_at", Moment, nullable=False), Column("kind", String(16), nullable=False),
    Column("title", Text, nullable=False), Column("body", Text, nullable=False),
    Column("sent_at", Moment), Column("tries", Integer, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Column("deduplicate", String(96), nullable=False),
    Column("claimed_until", Moment),                 # no other process sends it before, in machine time
    Column("picture", Text, nullable=False, server_default=""),  # the path of a PNG that is sent, with the text as its caption
    UniqueConstraint("user", "deduplicate"),
    one_of("kind", MessageKind, "kind"),
)  # fmt: skip

rate_limits = Table(
    "rate_limits", metadata,
    _user(), Column("broker", String(32), nullable=False), Column("bucket", String(32), nullable=False),
    Column("seconds", Float, nullable=False),        # the period of the limit
    Column("tokens", Float, nullable=False), Column("at", Moment, nullable=False),  # `tokens` left at `at`
    UniqueConstraint("user", "broker", "bucket", "seconds"),
)  # fmt: skip

strategy_texts = Table(
    "strategy_texts", metadata,
    _user(), Column("hash", String(64), nullable=False), Column("name", String(32), nullable=False),
    Column("form", String(16), nullable=False), Column("text", Text, nullable=False), Column("stored_at", Moment, nullable=False),
    UniqueConstraint("user", "hash"),
    one_of("form", ("expressions", "python"), "form"),
)  # fmt: skip
"""The files of own strategies that were used: a position stays with the text that opened it."""

strategy_checks = Table(
    "strategy_checks", metadata,
    _user(), Column("hash", String(64), nullable=False), Column("name", String(32), nullable=False),
    Column("passed", Boolean, nullable=False), Column("checked_at", Moment, nullable=False),
    Column("result", JsonText, nullable=False),
    UniqueConstraint("user", "hash"),
)  # fmt: skip
"""The last result of `strategy check` for each file, by its hash."""

user_strategies = Table(
    "user_strategies", metadata,
    _user(), Column("name", String(32), nullable=False), Column("hash", String(64), nullable=False),
    Column("share", String(16), nullable=False),     # of the capital, as a decimal: 0.5
    Column("used_at", Moment, nullable=False),
    UniqueConstraint("user", "name"),
)  # fmt: skip
"""The strategies that `analyze` runs, in the order of `used_at`. Without a row it is the shipped rule, with all the capital."""

telegram_updates = Table(
    "telegram_updates", metadata,
    _user(), Column("update_id", BigInteger, nullable=False), Column("chat_id", BigInteger, nullable=False),
    Column("command", String(16), nullable=False), Column("handled_at", Moment, nullable=False),
    UniqueConstraint("user", "update_id"),
)  # fmt: skip
"""The messages from Telegram that were handled, so that none is handled twice."""

buy_approvals = Table(
    "buy_approvals", metadata,
    _user(), Column("session_date", Date, nullable=False),   # the session whose `buy` waits
    Column("for_session", Date, nullable=False),             # the session of the buys
    Column("list_hash", String(16), nullable=False), Column("lines", JsonText, nullable=False),
    Column("asked_at", Moment, nullable=False), Column("until", Moment, nullable=False),
    Column("shown_at", Moment),                              # when a phone got the list; NULL: not yet
    Column("verdict", String(8)), Column("decided_at", Moment),  # NULL: no answer yet
    Column("decided_by", String(64), nullable=False, server_default=""),
    UniqueConstraint("user", "session_date"),
    one_of("verdict", ("approved", "rejected", "expired"), "verdict"),
)  # fmt: skip

journal = Table(
    "journal", metadata,
    Column("seq", BigKey, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False), Column("actor", String(128), nullable=False),
    Column("user", String(64), nullable=False),              # empty: a fact of the whole database
    Column("record", String(32), nullable=False), Column("row_key", String(160), nullable=False),
    Column("change", String(8), nullable=False), Column("content", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)  # fmt: skip
"""The changes of the rows that `journal_triggers` watches, in order. Each hash covers the hash before it. No row ever changes."""

journal_pending = Table(
    "journal_pending", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("user", String(64), nullable=False),
    Column("record", String(32), nullable=False), Column("row_key", String(160), nullable=False),
    Column("change", String(8), nullable=False), Column("content", Text, nullable=False),
)  # fmt: skip
"""The changes of the current transaction, which the commit moves into `journal`."""

journal_head = Table(
    "journal_head", metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigKey, nullable=False), Column("hash", String(64), nullable=False),
    CheckConstraint("id = 1", name="one"),
)  # fmt: skip
"""Number and hash of the last entry of `journal`."""

notes = Table(
    "notes", metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    _user(), Column("at", Moment, nullable=False), Column("symbol", String(32), nullable=False),
    Column("order_id", BigKey, ForeignKey("orders.id")),          # NULL: a note on a trade
    Column("entry_trade_id", String(64)), Column("exit_trade_id", String(64)),  # NULL: a note on an order
    Column("text", Text, nullable=False), Column("tags", JsonText, nullable=False),
    Index("ix_notes_user_order_id", "user", "order_id"),
    CheckConstraint("(order_id IS NULL) = (entry_trade_id IS NOT NULL AND exit_trade_id IS NOT NULL)", name="subject"),
)  # fmt: skip
"""What a person wrote about an order, or about a trade: a lot that one fill bought and another sold."""

outside_trades = Table(
    "outside_trades", metadata,
    _user(), Column("session_date", Date, nullable=False), Column("exchange", String(8), nullable=False),
    Column("trade_id", String(96), nullable=False), Column("symbol", String(32), nullable=False),
    Column("isin", String(12), nullable=False, server_default=""), Column("side", String(4), nullable=False),
    Column("quantity", Integer, nullable=False), Column("price", Paise, nullable=False),
    Column("at", Moment, nullable=False), Column("order_id", String(64), nullable=False, server_default=""),
    Column("buyback", Boolean, nullable=False, server_default="0"),
    Column("series", String(4), nullable=False, server_default=""),
    Column("source", Text, nullable=False), Column("row", Integer, nullable=False),  # the file and its line
    Column("imported_at", Moment, nullable=False),
    UniqueConstraint("user", "session_date", "exchange", "trade_id"),
    one_of("side", Side, "side"),
    CheckConstraint("quantity > 0 AND price > 0", name="positive"),
)  # fmt: skip
"""Trades of a broker's tradebook, or entered by hand, for lots and taxes. They change no position and no cash."""
