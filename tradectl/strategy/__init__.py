"""The rules of trading as pure functions over numbers: no I/O, no clock, no database, no engine."""
