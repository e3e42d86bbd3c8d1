"""Notifications: one adapter per module. The runner sends the messages of the ledger's outbox through one of them."""
