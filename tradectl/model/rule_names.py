"""Name the shipped rule, which the ledger stores for what no strategy file of a user decided."""

REVERSION = "ema9-reversion"
"""The shipped rule: mean reversion to the fast EMA."""
MOST_REENTRIES = 20
"""How often an own strategy may buy a position again."""
