"""Name the shipped rule, which the ledger stores for what no strategy file of a user decided."""

REVERSION = "ema9-reversion"
"""The shipped rule: mean reversion to the fast EMA."""
