"""Describe the work of a check and its results. Processes send these objects to each other."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tradectl.model.money import Paise
from tradectl.ports import StrategyText
from tradectl.settings import Settings

TradeRow = dict[str, Any]
"""A trade as JSON values."""


class Status(StrEnum):
    """The outcome of one check. With FAILED the strategy cannot be used."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    NOT_MADE = "not made"


class Name(StrEnum):
    """The checks, in the order of the report."""

    ISOLATION = "no clock, network or file"
    FUTURE = "no future"
    DETERMINISTIC = "deterministic"
    ENGINES = "same trades in each engine"
    SIMULATION = "same trades in simulate"
    BOUNDS = "parameters inside bounds"
    SPEED = "speed"
    TRADES = "number of trades"
    SENSITIVITY = "one step up and down"
    LUCK = "luck"


class CheckWork(Struct, frozen=True):
    """Describe what is checked.

    Attributes:
        universe: The list; empty for that of the strategy, else that of the user.
        first, last: The span; None for all stored bars.
        capital: Of the account in paise.
        trades_only: Only make the trades, for the comparison of two processes.
    """

    settings: Settings
    text: StrategyText
    universe: str = ""
    first: date | None = None
    last: date | None = None
    capital: Paise = 0
    trades_only: bool = False


class CheckResult(Struct, frozen=True):
    """Hold the outcome of one check. `sentence`: what was found. `details`: one line each."""

    name: Name
    status: Status
    sentence: str
    details: tuple[str, ...] = ()
    figures: dict[str, Any] = {}


class CheckOutcome(Struct, frozen=True):
    """Hold what a process found. `trades`: those of the strategy with its default parameters."""

    checks: tuple[CheckResult, ...]
    trades: tuple[TradeRow, ...] = ()
    about: dict[str, Any] = {}
