"""Make a strategy from the text of its file, in each of the forms."""

from __future__ import annotations

from tradectl.errors import ConfigurationError
from tradectl.strategy.python_form import parse_python
from tradectl.strategy.strategy import EXPRESSIONS, PYTHON, Strategy
from tradectl.strategy.strategy_file import parse_strategy


def strategy_of(name: str, form: str, text: str, file: str = "") -> Strategy:
    """Return a strategy from the text of its file, as it was read or as the ledger keeps it. A text in Python is run."""
    if form == EXPRESSIONS:
        return parse_strategy(name, text, file)
    if form == PYTHON:
        return parse_python(name, text, file)
    raise ConfigurationError(f"{file or name}: this form of a strategy is not known: {form}")
