"""The only callers of the broker's commands: the order path and the reconciliation."""
