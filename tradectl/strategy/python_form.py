"""Make a strategy of the text of a Python file: one class, its methods the parts of the rule, columns in and columns out.

class Dip:
    description = "Buy a short dip in a rising share"
    parameters = {"oversold": {"default": 10, "low": 2, "high": 30, "unit": "RSI", "meaning": "entry below this RSI"}}

    def entry(self, bars):
        return (bars.rsi(2) < self.oversold) & (bars.close > bars.sma(200))

    def exit(self, bars, held):
        return bars.close > bars.sma(5)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.strategy.column_rules import SECURITIES, Rule
from tradectl.strategy.python_class import PythonClass, read_class
from tradectl.strategy.python_rule import PythonRule
from tradectl.strategy.strategy import PYTHON, Strategy, check_name
from tradectl.strategy.strategy_file import read_days, read_parameters, read_text


def parse_python(name: str, text: str, file: str = "") -> Strategy:
    """Return a strategy from the text of its file. Raises UsageError in one line, with the file and the line.

    The text is run. `file`: what errors call it; empty for `NAME.py`.
    """
    file = file or f"{check_name(name)}.py"
    read = read_class(name, text, file)
    found = {key: _attribute(read, key) for key in ("description", "source", "universe", "securities", "parameters")}
    found |= {"max_days": getattr(read.made, "max_days", None)}
    texts = {key: read_text(read.at(key), found, key) for key in ("description", "source", "universe", "securities")}
    securities = texts.pop("securities") or "shares"
    if securities not in SECURITIES:
        raise UsageError(f"{read.at('securities')}: securities is one of {', '.join(SECURITIES)}, not {securities!r}")
    parameters = read_parameters(read.at("parameters"), found["parameters"] or {})
    whole = frozenset(item.name for item in parameters if item.whole)
    written = _Written(read, whole, read_days(read.at("max_days"), found, parameters), securities)
    made = Strategy(name=name, form=PYTHON, text=text, file=file, make=written.rule, parameters=parameters, **texts)
    read.check_methods(written.typed(made.values()))
    made.rule()
    return made


def _attribute(read: PythonClass, name: str) -> Any:
    found = getattr(read.made, name, None)
    return "" if found is None else found


class _Written(Struct, frozen=True):
    """The class and the attributes as they stand in a file. `max_days`: a number, or the name of a parameter."""

    read: PythonClass
    whole: frozenset[str]
    max_days: str | int | None
    securities: str

    def typed(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the values, a whole parameter as int, so that a method can use it as a number of bars."""
        return {name: int(value) if name in self.whole else value for name, value in values.items()}

    def rule(self, values: Mapping[str, float]) -> Rule:
        """Return the rule with the values of all parameters."""
        days = int(values[self.max_days]) if isinstance(self.max_days, str) else self.max_days
        return PythonRule(self.read, tuple(self.typed(values).items()), days, self.securities, self.read.reentries)
