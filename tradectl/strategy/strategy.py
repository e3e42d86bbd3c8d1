"""Define a strategy: an own rule with a name, parameters with bounds, and the file that it comes from.

`strategy_file` reads the form of expressions, `python_form` the form of a class. The shipped rule, ema9-reversion, is no such
file: its parameters are the settings of the user (`parameters`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.model.rule_names import REVERSION
from tradectl.strategy.column_rules import Rule
from tradectl.strategy.parameters import show

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
EXPRESSIONS, PYTHON = "expressions", "python"
"""The forms of a strategy."""


def text_hash(text: str) -> str:
    """Return the SHA-256 of the text of a file, in hexadecimal digits."""
    return sha256(text.encode()).hexdigest()


class StrategyParameter(Struct, frozen=True):
    """Describe a number that a rule names. `whole`: whether it is a whole number, as its default is. `step`: of a sweep."""

    name: str
    default: float
    low: float
    high: float
    unit: str = ""
    meaning: str = ""
    whole: bool = False
    step: float = 0.0

    def parse(self, text: str) -> float:
        """Return a value from text. Raises UsageError for another text, or outside the bounds."""
        try:
            value = float(text.replace(",", ""))
        except ValueError:
            raise UsageError(f"{self.name} is {self._kind}, not {text!r}") from None
        return self.checked(value)

    def checked(self, value: float) -> float:
        """Return a value. Raises UsageError if it is outside the bounds, or is not whole where it must be."""
        if self.whole and not float(value).is_integer():
            raise UsageError(f"{self.name} is a whole number, not {value:g}")
        if not self.low <= value <= self.high:
            bounds = f"{show(float(self.low))} and {show(float(self.high))}"
            raise UsageError(f"{self.name} lies between {bounds}{f' {self.unit}' if self.unit else ''}, not {value:g}")
        return float(value)

    @property
    def _kind(self) -> str:
        return "a whole number" if self.whole else "a number"


@dataclass(frozen=True)
class Strategy:
    """Hold a strategy as it stands in its file.

    Attributes:
        form: EXPRESSIONS or PYTHON.
        text: The whole text of the file.
        file: What an error names, such as `rsi2.toml`.
        source: Where the rule comes from.
        universe: The list that it scans; empty for that of the user.
        make: Makes the rule from the values of all parameters. Raises UsageError.
    """

    name: str
    form: str
    text: str
    file: str
    make: Callable[[Mapping[str, float]], Rule] = field(repr=False, compare=False)
    description: str = ""
    source: str = ""
    universe: str = ""
    parameters: tuple[StrategyParameter, ...] = ()

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the text, in hexadecimal digits."""
        return text_hash(self.text)

    def values(self, changes: Mapping[str, str] | None = None) -> dict[str, float]:
        """Return the value of each parameter: its default, or the changed one from text. Raises UsageError."""
        given = dict(changes or {})
        found = {item.name: item.parse(given.pop(item.name)) if item.name in given else item.default for item in self.parameters}
        if given:
            known = ", ".join(item.name for item in self.parameters) or "none"
            raise UsageError(f"{self.name} has no parameter {next(iter(given))!r}; it has {known}")
        return found

    def rule(self, changes: Mapping[str, str] | None = None) -> Rule:
        """Return the rule with the default values, or with changed ones (text by name). Raises UsageError."""
        return self.make(self.values(changes))


def check_name(name: str) -> str:
    """Return the name of an own strategy. Raises UsageError for another text, or for the name of the shipped rule."""
    if name == REVERSION:
        raise UsageError(f"{REVERSION} is the shipped rule; its settings are in `tradectl config list`")
    if not NAME.fullmatch(name):
        raise UsageError(f"the name of a strategy has small letters, digits and hyphens, such as rsi2-dip, not {name!r}")
    return name
