"""Compute tax lots and gains of listed shares: trades and corporate actions in, lots and disposals out. No I/O but the rules."""
