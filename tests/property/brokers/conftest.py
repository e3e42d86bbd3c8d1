"""The small exchange of the brokers' tests."""

from tests.integration.brokers.conftest import floor, weekdays

__all__ = ["floor", "weekdays"]
