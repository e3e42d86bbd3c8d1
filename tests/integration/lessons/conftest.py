"""Lessons are tested in the same trading world as the order path."""

from tests.integration.execution.conftest import trading

__all__ = ["trading"]
