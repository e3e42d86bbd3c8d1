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
) WITHOUT ROWID;
