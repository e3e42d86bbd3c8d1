"""The results of the commands of own strategies."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from tradectl.cli.contract.values import Count, Day, Detail, Moment, Open, Setting, Shares

Hash = Annotated[str, Detail({"pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the text of the file"})]
Form = Literal["expressions", "python"]
Share = Annotated[str, Detail({"description": "part of the capital, exact, as text: 0.5"})]


class WrittenStrategy(TypedDict):
    """A new strategy file."""

    name: str
    form: Form
    file: str
    hash: Hash


class StrategyParameterEntry(TypedDict):
    """A parameter of a strategy."""

    name: str
    default: Setting
    low: Setting
    high: Setting
    step: Setting
    unit: str
    meaning: str


class StrategyEntry(TypedDict):
    """A strategy, or the error of its file. `used_hash`: the text that is used; null for the shipped rule."""

    name: str
    form: Form | None
    file: str | None
    description: str
    source: str
    universe: str
    parameters: list[StrategyParameterEntry]
    hash: Hash | None
    check: Literal["shipped", "passed", "failed", "not checked", "changed since"]
    checked_at: Moment | None
    share: Share | None
    used_hash: Hash | None
    error: str | None


class RuleParts(TypedDict):
    """The texts of a rule; null for a part that it does not have."""

    entry: str | None
    exit: str | None
    target: str | None
    stop: str | None
    reentry: str | None
    max_days: str | None
    score: str | None
    size: str | None


class StrategyPosition(TypedDict):
    """An open position of a strategy. `hash`: the text that opened it; empty for the shipped rule."""

    symbol: str
    quantity: Shares
    opened: Day
    hash: str


class ShownStrategy(StrategyEntry):
    """A strategy with its parts, the failures of its check, and its open positions."""

    path: str | None
    parts: RuleParts
    failures: list[str]
    positions: list[StrategyPosition]


class SingleCheck(TypedDict):
    """One of the checks of a strategy."""

    name: str
    status: Literal["passed", "warning", "failed", "not made"]
    sentence: str
    details: list[str]
    figures: Open


class CheckedStrategy(TypedDict("_Span", {"from": Day | None, "to": Day | None})):
    """What `strategy check` found about one text. `sample`: symbols of the checks that run the rule many times."""

    name: str
    form: Form
    hash: Hash
    universe: str | None
    symbols: Count
    sample: Count
    passed: bool
    looks_ahead: bool
    failures: list[str]
    checks: list[SingleCheck]
    reason: NotRequired[str]


class UsedShare(TypedDict):
    """A used strategy and its share."""

    name: str
    share: Share


class UseResult(TypedDict):
    """A strategy that is used now, and what is left of the capital."""

    name: str
    hash: Hash | None
    share: Share
    left: Share
    used: list[UsedShare]


class DropResult(TypedDict):
    """A strategy that is no longer used, and the number of its open positions."""

    name: str
    positions: Count
    used: list[UsedShare]
