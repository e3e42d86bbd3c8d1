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
CREATE TABLE journal (
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
