"""Lessons are tested in the same trading world as the order path."""

from tests.execution.conftest import trading

__all__ = ["trading"]
