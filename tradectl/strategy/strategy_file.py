"""Read a strategy from the text of a TOML file: each part an expression, with parameters that the expressions name.

description = "Buy a short dip in a rising share"
entry = "rsi(2) < oversold and close > sma(trend)"
exit = "close > sma(5)"
reentry = ["rsi(2) < oversold / 2"]

[parameters.oversold]
default = 10
low = 2
high = 30
unit = "RSI"
meaning = "entry below this RSI"
"""

from __future__ import annotations

import keyword
import math
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.strategy.column_rules import SECURITIES, Rule
from tradectl.strategy.expressions.line_rule import PARTS, rule_of
from tradectl.strategy.expressions.vocabulary import WORDS
from tradectl.strategy.strategy import EXPRESSIONS, Strategy, StrategyParameter, check_name

KEYS: Mapping[str, str] = {
    "description": "what the rule does, in a sentence",
    "source": "where the rule comes from: a book, a paper, an address",
    "universe": "the list that it scans; without it, that of the user",
    "securities": "what it buys: shares (without it), funds, or shares and funds",
    "entry": "a condition at a close: buy in the next session",
    "exit": "a condition at a close: sell at the next open",
    "target": "a price: a sell order rests there in the next session",
    "stop": "a price: sell when the price falls to it in the next session",
    "max_days": "a whole number, or the name of a parameter: sell at the open after so many sessions",
    "reentry": "a list of conditions at a close: buy a second time, a third time and so on",
    "score": "a number: of an evening's candidates, the largest is bought first; without it, the largest turnover",
    "size": "a number or an expression: the part of capital_per_trade that a buy may cost; without it, all",
    "parameters": "tables of numbers that the expressions name",
}
"""The keys of a file and their meaning, in the order of the documentation."""
PARAMETER_KEYS: Mapping[str, str] = {
    "default": "the value",
    "low": "the lowest value",
    "high": "the highest value",
    "unit": "its unit",
    "meaning": "what it does",
    "step": "the distance of two values in `strategy check` and `sweep`",
}
LONGEST = 20_000
"""The longest text of a file, in characters."""
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,31}")


def parse_strategy(name: str, text: str, file: str = "") -> Strategy:
    """Return a strategy from the text of its file. Raises UsageError in one line, with the file, the key and the character.

    `file`: what errors call it; empty for `NAME.toml`.
    """
    file = file or f"{check_name(name)}.toml"
    if len(text) > LONGEST:
        raise UsageError(f"{file}: the file has {len(text)} characters; at most {LONGEST} are allowed")
    try:
        table = tomllib.loads(text.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f'{file}: {error}; write each part in quotes, such as entry = "rsi(2) < 10"') from None
    _known(file, "key", table, KEYS)
    texts = {part: read_text(file, table, part) for part in PARTS if part in table}
    parameters = read_parameters(file, table.get("parameters", {}))
    securities = read_text(file, table, "securities") or "shares"
    if securities not in SECURITIES:
        raise UsageError(f"{file}: securities is one of {', '.join(SECURITIES)}, not {securities!r}")
    written = _Written(file, texts, tuple(_reentries(file, table)), read_days(file, table, parameters), securities)
    found = Strategy(
        name=name, form=EXPRESSIONS, text=text, file=file, make=written.rule, parameters=parameters,
        **{key: read_text(file, table, key) for key in ("description", "source", "universe")},
    )  # fmt: skip
    found.rule()
    return found


class _Written(Struct, frozen=True):
    """The parts of a rule as they stand in a file. `max_days`: a number, or the name of a parameter."""

    file: str
    texts: Mapping[str, str]
    reentry: tuple[str, ...]
    max_days: str | int | None
    securities: str

    def rule(self, values: Mapping[str, float]) -> Rule:
        """Return the rule with the values of all parameters. Raises UsageError."""
        if "entry" not in self.texts:
            raise UsageError(f"{self.file}: entry is missing: a rule says when to buy")
        if not self.texts.keys() & {"exit", "target", "stop"} and self.max_days is None:
            raise UsageError(f"{self.file}: exit, target, stop and max_days are missing: a rule says when to sell")
        return rule_of(
            self.texts,
            reentry=self.reentry,
            max_days=int(values[self.max_days]) if isinstance(self.max_days, str) else self.max_days,
            constants=values,
            securities=self.securities,
            label=f"{self.file}: ",
        )


def _known(file: str, kind: str, table: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Raise UsageError for a key that a table may not have."""
    for key in table:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            raise UsageError(f"{file}: no {kind} is called {key!r}; {f'did you mean {close[0]}?' if close else ', '.join(known)}")


def read_text(file: str, table: Mapping[str, Any], key: str) -> str:
    """Return the text of a key; a number for an expression is text, too. Empty without the key. Raises UsageError."""
    value = table.get(key, "")
    if key in PARTS and isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    if not isinstance(value, str):
        raise UsageError(f"{file}: {key} is text in quotes, not {value!r}")
    if key in PARTS and not value.strip():
        raise UsageError(f"{file}: {key} is empty; write an expression, or remove the line")
    return value


def _reentries(file: str, table: Mapping[str, Any]) -> list[str]:
    found = table.get("reentry", [])
    found = [found] if isinstance(found, str) else found
    if not isinstance(found, list) or not all(isinstance(item, str) and item.strip() for item in found):
        raise UsageError(f'{file}: reentry is a list of conditions, such as reentry = ["rsi(2) < 5"]')
    return found


def read_days(file: str, table: Mapping[str, Any], parameters: tuple[StrategyParameter, ...]) -> str | int | None:
    """Return the limit of sessions: a number, or the name of a whole parameter; None without one. Raises UsageError."""
    value = table.get("max_days")
    named = {item.name: item for item in parameters}
    if isinstance(value, str) and value in named and named[value].whole and named[value].low >= 1:
        return value
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10_000):
        return value
    raise UsageError(f"{file}: max_days is a whole number from 1, or the name of a whole parameter from 1, not {value!r}")


def read_parameters(file: str, tables: Any) -> tuple[StrategyParameter, ...]:
    """Return the parameters of a rule, each from its table. Raises UsageError."""
    if not isinstance(tables, dict):
        raise UsageError(f"{file}: parameters are tables, such as [parameters.oversold]")
    return tuple(_parameter(file, name, table) for name, table in tables.items())


def _parameter(file: str, name: str, table: Any) -> StrategyParameter:
    where = f"{file}: parameters.{name}"
    if not _PARAMETER.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(f"{where}: a name has small letters, digits and underscores")
    if name in WORDS:
        raise UsageError(f"{where}: {name} is a word of the language; choose another name")
    if not isinstance(table, dict):
        raise UsageError(f"{where} is a table with default, low and high")
    _known(where, "key", table, PARAMETER_KEYS)
    numbers = {key: _number(where, table, key) for key in ("default", "low", "high", "step") if key in table}
    lacking = next((key for key in ("default", "low", "high") if key not in numbers), None)
    if lacking is not None:
        raise UsageError(f"{where}: {lacking} is missing")
    unit, meaning = (read_text(where, table, key) for key in ("unit", "meaning"))
    found = StrategyParameter(
        name, numbers["default"], numbers["low"], numbers["high"], unit, meaning,
        whole=isinstance(table["default"], int), step=numbers.get("step", 0.0),
    )  # fmt: skip
    if found.low > found.high or found.step < 0:
        raise UsageError(f"{where}: low is not above high, and step is not below 0")
    try:
        found.checked(found.default)
    except UsageError as error:
        raise UsageError(f"{where}: default: {error}") from None
    return found


def _number(where: str, table: Mapping[str, Any], key: str) -> float:
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f"{where}: {key} is a number, not {value!r}")
    return float(value)
