"""Frozen values that every other package uses: no I/O, no clock, no rules."""
