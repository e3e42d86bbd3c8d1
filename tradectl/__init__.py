"""Run an automated swing-trading day on NSE, with one idempotent command for each task of the day."""

__version__ = "0.1.0"
