"""List the settings of a sweep: all combinations of the given values, or a random sample of them.

Values stay text in the form of `config set`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from itertools import product
from math import prod

import numpy as np
from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.strategy.parameters import OF_REVERSION, Parameters, parse
from tradectl.strategy.strategy import Strategy, StrategyParameter

MOST = 100_000
"""Maximum number of combinations of a full grid."""
PARTS = 100
"""Number of steps of a range of fractions without a given step."""
INERT = frozenset(
    {
        "universe",
        "signals_from",
        "own_shares",
        "max_positions",
        "max_symbol_multiple",
        "daily_loss_limit",
        "max_buy_orders",
        "strong_buy_score",
        "strong_buy_trades",
        "allow_stale",
        "quote_max_age",
        "exit_discount",
        "participation",
    }
)
"""Settings that have no effect on the trades of a symbol without limits of funds and portfolio."""

Changes = dict[str, str]


class Axis(Struct, frozen=True):
    """Hold the name of one setting and its different values as text."""

    name: str
    values: tuple[str, ...]


def parse_values(text: str, strategy: Strategy | None = None) -> Axis:
    """Return the axis of a text such as `rsi_entry_above=25,30,35`. Raises UsageError.

    `strategy`: an own strategy, whose parameters may be named, too, and not the settings of the shipped rule.
    """
    name, values = _named(text, "NAME=VALUE,VALUE", strategy)
    return _axis(name, values.split(","), strategy)


def parse_range(text: str, strategy: Strategy | None = None) -> Axis:
    """Return the axis of a text such as `ema_fast=5:15:2`, both ends included. Raises UsageError.

    The default step is 1 for whole numbers, and a hundredth of the range for fractions; for a parameter of a strategy, its own.
    """
    name, values = _named(text, "NAME=FROM:TO:STEP", strategy)
    parameter, parts = _parameter_of(strategy, name), values.split(":")
    try:
        low, high, *rest = (Decimal(part) for part in parts)
        whole = parameter.whole if parameter is not None else _is_whole(name)
        own = Decimal(str(parameter.step)) if parameter is not None and parameter.step else None
        [step] = rest or [own or (Decimal(1) if whole or low == high else (high - low) / PARTS)]
        count = int((high - low) / step) + 1 if step > 0 and high >= low else 0
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise UsageError(f"a range is written NAME=FROM:TO:STEP, not {text!r}") from error
    if not 0 < count <= MOST:
        raise UsageError(f"{text!r} is a range of {count} values; allowed are 1 to {MOST}")
    return _axis(name, [f"{(low + i * step).normalize():f}" for i in range(count)], strategy)


def grid(axes: Sequence[Axis]) -> list[Changes]:
    """Return all combinations; the values of the last axis change fastest. Raises UsageError for more than `MOST`."""
    count = combinations(axes)
    if count > MOST:
        raise UsageError(f"{count} settings are too many: --random NUMBER tries a sample")
    return [dict(zip(_names(axes), values, strict=True)) for values in product(*(axis.values for axis in axes))]


def sample(axes: Sequence[Axis], count: int, random: np.random.Generator) -> list[Changes]:
    """Return `count` different random combinations, all equally likely; all combinations if there are not more."""
    if combinations(axes) <= count:
        return grid(axes)
    drawn: dict[tuple[str, ...], None] = {}
    while len(drawn) < count:
        drawn[tuple(axis.values[int(random.integers(len(axis.values)))] for axis in axes)] = None
    return [dict(zip(_names(axes), values, strict=True)) for values in drawn]


def combinations(axes: Sequence[Axis]) -> int:
    """Return the number of combinations."""
    return prod(len(axis.values) for axis in axes)


def _names(axes: Sequence[Axis]) -> list[str]:
    return [axis.name for axis in axes]


def _parameter_of(strategy: Strategy | None, name: str) -> StrategyParameter | None:
    """Return the parameter of a strategy; None if it has none of this name."""
    return next((item for item in strategy.parameters if item.name == name), None) if strategy is not None else None


def _named(text: str, form: str, strategy: Strategy | None) -> tuple[str, str]:
    """Return the name and the values of NAME=VALUES. Raises UsageError for another form and for a setting without effect."""
    name, equals, values = text.partition("=")
    if not equals:
        raise UsageError(f"write {form}, not {text!r}")
    if _parameter_of(strategy, name) is not None:
        return name, values
    if strategy is not None and name in OF_REVERSION:
        raise UsageError(f"{name} belongs to ema9-reversion; it has no effect on {strategy.name}")
    if name == "charges":
        raise UsageError("a sweep uses the same charges for every setting; `tradectl config set charges NAME` sets the table")
    if name in INERT:
        raise UsageError(f"{name} does not change the trades of a single symbol, so a sweep cannot vary it")
    return name, values


def _axis(name: str, values: Sequence[str], strategy: Strategy | None) -> Axis:
    """Return an axis without equal values such as `30` and `30.0`. Raises UsageError for an invalid value."""
    meant: dict[int | float | bool | str, str] = {}
    parameter = _parameter_of(strategy, name)
    for value in values:
        number = parameter.parse(value.strip()) if parameter is not None else parse(name, value.strip())
        meant.setdefault(number, value.strip())
    return Axis(name, tuple(meant.values()))


def _is_whole(name: str) -> bool:
    return any(item.name == name and item.type == "int" for item in fields(Parameters))
