"""Define the tables of the paper exchange's file. SQLite's user_version holds `VERSION`."""

from __future__ import annotations

VERSION = 4
"""Version 2 added the quote snapshots (`seen`), version 3 the identity of the file and the change count of each account, version
4 the shares that were read without a trade (`untraded`), the corporate actions that were applied, and whether the closing auction
excluded an order; it renamed `journal` to `cash_entries`."""

SCHEMA = """
CREATE TABLE accounts (
    account TEXT PRIMARY KEY,
    opened_at TEXT NOT NULL,
    settled_at TEXT NOT NULL,
    day TEXT NOT NULL
);
CREATE TABLE orders (
    account TEXT NOT NULL REFERENCES accounts,
    order_id TEXT NOT NULL,
    tag TEXT,
    instrument_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    price INTEGER NOT NULL CHECK (price >= 0),
    order_type TEXT NOT NULL CHECK (order_type IN ('LIMIT', 'MARKET')),
    variety TEXT NOT NULL CHECK (variety IN ('REGULAR', 'AMO')),
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'ONGOING', 'EXECUTED', 'REJECTED', 'CANCELLED')),
    placed_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    active_at TEXT NOT NULL,
    session TEXT,
    filled INTEGER NOT NULL CHECK (filled BETWEEN 0 AND quantity),
    passive INTEGER NOT NULL CHECK (passive IN (0, 1)),
    modifications INTEGER NOT NULL,
    blocked INTEGER NOT NULL CHECK (blocked >= 0),
    reason TEXT NOT NULL,
    PRIMARY KEY (account, order_id)
);
CREATE INDEX orders_by_update ON orders (account, updated_at);
CREATE TABLE trades (
    account TEXT NOT NULL REFERENCES accounts,
    trade_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    price INTEGER NOT NULL CHECK (price > 0),
    at TEXT NOT NULL,
    session TEXT NOT NULL,
    realised INTEGER NOT NULL,
    unsettled INTEGER NOT NULL,
    PRIMARY KEY (account, trade_id),
    FOREIGN KEY (account, order_id) REFERENCES orders
);
CREATE INDEX trades_by_time ON trades (account, at);
CREATE TABLE lots (
    account TEXT NOT NULL REFERENCES accounts,
    lot_id INTEGER NOT NULL,
    instrument_id TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    cost INTEGER NOT NULL CHECK (cost >= 0),
    bought_on TEXT NOT NULL,
    delivered INTEGER NOT NULL CHECK (delivered IN (0, 1)),
    locked INTEGER NOT NULL CHECK (locked >= 0),
    PRIMARY KEY (account, lot_id)
);
CREATE TABLE cash_entries (
    account TEXT NOT NULL REFERENCES accounts,
    entry_id INTEGER NOT NULL,
    at TEXT NOT NULL,
    session TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('deposit', 'buy', 'sell', 'charges', 'dividend', 'cash_in_lieu', 'spun_off')),
    amount INTEGER NOT NULL,
    instrument_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (account, entry_id)
);
CREATE TABLE charges (
    account TEXT NOT NULL REFERENCES accounts,
    session TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    total INTEGER NOT NULL CHECK (total >= 0),
    PRIMARY KEY (account, session, instrument_id)
);
"""


SEEN = """
CREATE TABLE seen (
    session TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    at TEXT NOT NULL,
    last INTEGER NOT NULL CHECK (last > 0),
    open INTEGER NOT NULL CHECK (open > 0),
    high INTEGER NOT NULL,
    low INTEGER NOT NULL,
    volume INTEGER NOT NULL CHECK (volume >= 0),
    PRIMARY KEY (session, instrument_id, at)
) WITHOUT ROWID
"""

IDENTITY = """
CREATE TABLE identity (identity TEXT NOT NULL);
ALTER TABLE accounts ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN series TEXT NOT NULL DEFAULT ''
"""
"""`series` is a part of order and trade numbers after `sandbox accept`: a restored or new file must not use a number twice."""

UNTRADED = """
CREATE TABLE untraded (
    session TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (session, instrument_id)
) WITHOUT ROWID
"""
"""The last moment at which a live source showed that an instrument had no trade in the session yet."""

APPLIED = """
CREATE TABLE applied_actions (
    account TEXT NOT NULL REFERENCES accounts,
    instrument_id TEXT NOT NULL,
    ex_date TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (account, instrument_id, ex_date, kind, subject)
) WITHOUT ROWID
"""

EXCLUDED = """
ALTER TABLE orders ADD COLUMN out_of_auction INTEGER NOT NULL DEFAULT 0 CHECK (out_of_auction IN (0, 1))
"""
