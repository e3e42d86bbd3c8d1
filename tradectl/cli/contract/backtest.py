"""The results of `backtest` and `sweep`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from tradectl.cli.contract.values import Count, Day, Detail, Open, Percent, Ratio, Rupees, Setting, Shares


class Trade(TypedDict):
    """A completed trade."""

    symbol: str
    entry_session: Day
    exit_session: Day
    quantity: Shares
    entry_quantity: Shares
    entry_price: Rupees
    exit_price: Rupees
    gross: Rupees
    charges: Rupees
    net: Rupees


class TradeFigures(TypedDict):
    """The figures of several trades."""

    trades: Count
    wins: Count
    gross: Rupees
    charges: Rupees
    net: Rupees
    win_rate: Percent | None
    profit_factor: Ratio | None
    average_percent: Percent | None
    best_percent: NotRequired[Percent | None]
    worst_percent: NotRequired[Percent | None]
    average_days: float | None


class SymbolFigures(TradeFigures):
    """The figures of one symbol."""

    symbol: str
    open: Count


class OpenLot(TypedDict):
    """Shares that are still held at the end."""

    symbol: str
    quantity: Shares
    entry_session: Day
    entry_quantity: Shares
    entry_price: Rupees
    last_price: Rupees
    last_session: Day
    unrealised: Rupees
    charges: Rupees
    sale_charges: Rupees
    unrealised_after_charges: Rupees


class OpenTotal(TypedDict):
    """All shares that are still held at the end."""

    lots: Count
    unrealised: Rupees
    unrealised_after_charges: Rupees


class Curve(TypedDict):
    """The figures of an equity curve."""

    growth: Ratio | None
    cagr: Ratio | None
    drawdown: Ratio | None
    drawdown_from: Day | None
    drawdown_to: Day | None
    sharpe: Ratio | None


class AccountFigures(Curve):
    """The figures of one account."""

    exposure: Ratio | None
    turnover: Ratio | None
    cost_share: Ratio | None
    trades: Count
    wins: Count
    average_days: float | None


class Benchmark(Curve):
    """What the money would have earned without trading."""

    name: str
    symbols: Count
    later: Count
    equity: Rupees


class Benchmarks(TypedDict):
    """The benchmarks of an account."""

    hold: Benchmark | None
    index: Benchmark | None


class RandomOrder(TypedDict):
    """The equity with the candidates in random orders."""

    orders: Count
    worse: Ratio
    equal: Ratio
    lowest: Rupees
    median: Rupees
    highest: Rupees


class TunedSettings(TypedDict):
    """How many settings could be fitted to the past, and which were changed."""

    tunable: Count
    changed: dict[str, Setting]


class LookAhead(TypedDict):
    """The comparison of decisions with and without later bars."""

    compared: Count
    sessions: Count
    engine: str
    parts: list[str]
    differences: list[str]


class ChargesOf(TypedDict):
    """The table of charges."""

    table: str
    title: str


class BacktestRule(TypedDict):
    """The rule of a backtest: `ema9-reversion`, or `one-line` or the name of a strategy with its texts.

    `ambiguous` counts the sessions in which a bar reached the stop and the target. `without_stop` counts those whose stop was
    unknown.
    """

    name: str
    entry: str | None
    exit: str | None
    target: str | None
    stop: str | None
    reentry: str | None
    max_days: str | None
    score: str | None
    size: str | None
    ambiguous: Count
    without_stop: Count


class BacktestResult(TypedDict("_Span", {"from": Day, "to": Day})):
    """What the rules would have traded."""

    universe: NotRequired[str]
    symbol: NotRequired[str]
    trades: list[Trade]
    symbols: NotRequired[list[SymbolFigures]]
    total: TradeFigures
    open_lots: list[OpenLot]
    open_total: OpenTotal
    rule: BacktestRule
    notes: list[str]
    capital: NotRequired[Rupees]
    cash: NotRequired[Rupees]
    equity: NotRequired[Rupees]
    figures: NotRequired[AccountFigures]
    benchmarks: NotRequired[Benchmarks]
    random_order: NotRequired[RandomOrder | None]
    curve: NotRequired[list[list[str]]]
    settings: TunedSettings
    look_ahead: LookAhead
    charges_of: ChargesOf
    surveillance_since: Day | None
    net: NotRequired[Rupees]
    charges: NotRequired[Rupees]
    winners: NotRequired[Count]
    open: NotRequired[Count]
    report: NotRequired[str]
    reason: NotRequired[str]


class TriedSettings(TypedDict):
    """One combination of settings."""

    rank: int | None
    changes: dict[str, Setting]
    trades: Count
    wins: Count
    net: Rupees
    gross: Rupees
    charges: Rupees
    win_rate: Percent | None
    profit_factor: Ratio | None
    average_percent: Percent | None
    average_days: float | None
    fall: Rupees
    sharpe: Ratio | None


class Luck(TypedDict):
    """How often the best of as many worthless settings looks as good."""

    p: Ratio
    method: str


class SweepResult(TypedDict("_Span", {"from": Day, "to": Day})):
    """The results of a sweep over settings, best first."""

    instruments: Count
    scored: bool
    strategy: str
    by: Literal["net", "sharpe"]
    draws: Count
    seed: int
    combinations: Count
    tried: Count
    settings: list[TriedSettings]
    own: TriedSettings
    luck: Luck
    monte_carlo: Open
    random_entries: Open | None
    walk_forward: Annotated[Any, Detail({"description": "the figures of each split and of all; null without one"})]
    notes: list[str]
    report: NotRequired[str]
