"""Decisions: pure functions over numbers, without I/O, clock or database."""
