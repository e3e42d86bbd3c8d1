"""Frozen values that everybody shares: no I/O, no clock, no rules."""
