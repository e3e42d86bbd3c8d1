"""The ledger: what was decided, sent, filled and done, for every user, in SQLite or PostgreSQL."""
