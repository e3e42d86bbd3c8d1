"""tradectl: an automated swing-trading day on NSE, one idempotent command per task of the day."""

__version__ = "0.1.0"
