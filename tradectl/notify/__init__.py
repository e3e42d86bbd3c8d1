"""Telling people: one adapter a file. The runner sends what the ledger's outbox holds through one of them."""
