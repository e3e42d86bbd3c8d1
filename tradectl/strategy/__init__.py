"""Define the trading rules as pure functions of numbers, without I/O, clock, database or engine."""
