"""Define the settings of the strategy: default, unit, bounds and meaning. The table `user_trading_config` stores changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields, replace
from datetime import time
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Protocol

from tradectl.errors import UsageError
from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.strategy.own_shares import parse_own_shares

INDEX_LISTS = ("nifty50", "nifty100", "nifty200", "nifty500")
"""Universes that NSE publishes: known before their members are stored."""
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{2})*,\d{3}(\.\d+)?|[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
"""Matches a number with separators in Indian (`12,34,567`) or international (`1,234,567`) places."""


def _number(default: float | None, unit: str, low: float, high: float, meaning: str) -> Any:
    return field(default=default, metadata={"unit": unit, "low": low, "high": high, "meaning": meaning})


def _switch(default: bool, meaning: str) -> Any:
    return field(default=default, metadata={"unit": "on/off", "meaning": meaning})


def _choice(default: str, choices: tuple[str, ...], meaning: str) -> Any:
    return field(default=default, metadata={"unit": "|".join(choices), "choices": choices, "meaning": meaning})


def _text(default: str, meaning: str, check: Callable[[str], object] = str) -> Any:
    return field(default=default, metadata={"unit": "text", "meaning": meaning, "check": check})


def time_of_day(text: str) -> time:
    """Return a text such as `21:00` as a time of day. Raises UsageError for any other text."""
    try:
        if len(text) != 5:
            raise ValueError("HH:MM")
        return time.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time of day: write HH:MM, Indian time") from error


@dataclass(frozen=True, slots=True)
class Parameters:
    """The settings of one user. Amounts are in rupees; the unit `share` is a fraction (0.02 is 2 %)."""

    universe: str = _text("nifty200", "list scanned by analyze: nifty50/100/200/500, all, a file, or symbols joined by commas")
    signals_from: str = _text(
        "", "the user of the signals that buy reads; empty: your own if analyze is enabled, else the admin's"
    )

    capital_per_trade: int = _number(100_000, "Rs", 1, 1e9, "maximum cost of one buy, charges included")
    max_order_value: int = _number(500_000, "Rs", 1, 1e9, "maximum cost of any one order, charges included")
    turnover_share: float = _number(0.10, "share", 0.0001, 1, "maximum share of the average daily turnover for one order")
    max_positions: int = _number(6, "positions", 1, 10_000, "maximum number of open positions and entries in flight")
    max_symbol_multiple: float = _number(3, "x capital_per_trade", 1, 1000, "maximum cost of all buys of one symbol")
    daily_loss_limit: float = _number(
        0.03, "share of equity", 0, 1, "no new buys after this loss in a session; 1 switches the limit off"
    )
    own_shares: str = _text(
        "",
        "your own shares in the account, such as ITC:100,TCS:25; a symbol is not bought if the broker reports more shares than "
        "these and the position",
        parse_own_shares,
    )
    max_buy_orders: int = _number(30, "orders", 0, 100_000, "maximum number of new buy orders a day")
    limit_distance: float = _number(0.02, "share", 0, 1, "largest distance of a buy's limit from the last close")

    rsi_period: int = _number(10, "bars", 2, 200, "period of the RSI")
    ema_fast: int = _number(9, "bars", 2, 200, "period of the fast EMA, the target")
    ema_slow: int = _number(200, "bars", 2, 1000, "period of the slow EMA, the trend")
    average_window: int = _number(50, "bars", 1, 500, "window of average volume and turnover")
    min_bars: int = _number(250, "bars", 2, 5000, "a symbol with fewer bars is not scanned")
    full_bars: int = _number(600, "bars", 2, 5000, "a symbol with fewer bars is bought only above the slow EMA, and flagged")
    min_turnover: int = _number(10_000_000, "Rs", 0, 1e12, "minimum median daily turnover")
    min_price: float = _number(10, "Rs", 0, 1e7, "minimum close")
    max_price: float = _number(0, "Rs", 0, 1e7, "maximum close; 0: no limit")

    rsi_entry_above: float = _number(30, "RSI", 0, 100, "entry below this RSI when the close is above the slow EMA")
    rsi_entry_below: float = _number(20, "RSI", 0, 100, "entry below this RSI when the close is not above the slow EMA")
    allow_below_ema200: bool = _switch(True, "whether a close at or below the slow EMA may be bought at all")
    min_volume_ratio: float = _number(0.5, "x average", 0, 100, "minimum volume of the signal's session")
    min_quality: float = _number(50, "points", 0, 100, "minimum chart quality")

    quality_window: int = _number(60, "bars", 2, 500, "chart quality: window of gaps and ranges")
    quality_gaps_many: float = _number(0.25, "share", 0, 1, "chart quality: more full gaps than this cost 30 points")
    quality_gaps_some: float = _number(0.10, "share", 0, 1, "chart quality: more full gaps than this cost 15 points")
    quality_range_flat: float = _number(
        0.01, "share", 0, 1, "chart quality: a smaller mean daily range, with a flat price range, costs 25 points"
    )
    quality_price_range: float = _number(0.15, "share", 0, 10, "chart quality: a smaller price range counts as flat")
    quality_range_small: float = _number(0.02, "share", 0, 1, "chart quality: a smaller mean daily range costs 10 points")
    quality_candle_window: int = _number(30, "bars", 2, 500, "chart quality: window of extreme candles")
    quality_candle_multiple: float = _number(3, "x mean range", 0, 100, "chart quality: a larger body is an extreme candle")
    quality_candle_body: float = _number(
        0.05, "share", 0, 10, "chart quality: a body larger than this share of the open is an extreme candle, too"
    )
    quality_candles_many: float = _number(0.20, "share", 0, 1, "chart quality: more extreme candles than this cost 25 points")
    quality_candles_some: float = _number(0.10, "share", 0, 1, "chart quality: more extreme candles than this cost 15 points")

    strength_share: float = _number(
        0.7, "share", 0, 1, "weight of the strength in the combined score; the rest is the weight of the backtest"
    )
    strong_buy_score: float = _number(65, "points", 0, 100, "minimum combined score of a STRONG_BUY")
    buy_score: float = _number(50, "points", 0, 100, "minimum combined score of a BUY")
    strong_buy_trades: int = _number(5, "trades", 0, 10_000, "minimum number of backtest trades of a STRONG_BUY")
    backtest_years: int = _number(5, "years", 1, 50, "number of past years whose backtest trades count")
    prior_trades: int = _number(5, "trades", 0, 1000, "weight of the rule's average in the backtest score, as a number of trades")
    prior_win: float = _number(75, "%", 0, 100, "the rule's average share of winners")
    prior_net: float = _number(1, "%", -100, 100, "the rule's average net result of a trade")

    allow_stale: bool = _switch(
        False, "whether analyze may use the last stored bars if today's bars are missing; the result reports it"
    )
    actions_max_age: int = _number(
        3, "sessions", 0, 10_000, "an older list of corporate actions stops analyze in a home on the machine's clock"
    )
    isolated: bool = _switch(False, "whether analyze scans in a separate process, so that a crash or hang does no harm")
    scan_limit: int = _number(600, "seconds", 1, 86_400, "an isolated scan that takes longer is stopped")
    log_days: int = _number(180, "days", 1, 36_500, "how long eod keeps log lines and sent messages")
    recording_days: int = _number(
        60, "days", 0, 36_500, "how long the recordings of sessions with live prices are kept, for `replay`; 0 records nothing"
    )
    entry_premium: float = _number(0.005, "share", 0, 0.2, "distance of a buy's limit above the signal's close")
    amo_cancel_ratio: float = _number(
        0.99, "x EMA9", 0, 10, "amo-adjust cancels a buy if the pre-open price is above this multiple of the fast EMA"
    )
    amo_adjust_step: float = _number(
        0.02, "share", 0, 1, "a smaller change of quantity than this (or than one share) is not sent"
    )
    amo_adjust_reprice: bool = _switch(False, "whether amo-adjust may lower the limit to the pre-open price")
    preopen_orders: bool = _switch(
        False,
        "at a broker without after-market orders: whether buys wait overnight and are sent at 09:05; if off, they are not sent",
    )
    buy_approval: str = _choice(
        "off",
        ("off", "send", "skip"),
        "whether buy waits until a paired phone approves its list; without an answer the list is sent, or skipped",
    )
    buy_approval_until: str = _text("21:00", "until when buy waits for the approval, HH:MM in Indian time", time_of_day)
    freeze: str = _choice("session", ("session", "position"), "how long a lowered sell target stays lowered")
    quote_max_age: int = _number(120, "seconds", 1, 86_400, "an older quote is ignored")
    rsi_exit: float = _number(50, "RSI", 0, 100, "a position whose RSI closed above this is sold on the next session")
    exit_discount: float = _number(0.005, "share", 0, 0.2, "distance of an RSI exit's limit below the last price")
    reentry_first: int = _number(30, "RSI", 0, 100, "first RSI level of a buy cycle; a close with RSI above it ends the cycle")
    reentry_second: int = _number(20, "RSI", 0, 100, "second RSI level of a buy cycle")
    reentry_third: int = _number(10, "RSI", 0, 100, "third RSI level of a buy cycle")
    max_buys: int = _number(3, "buys", 1, 100, "maximum number of buys of one position")
    reentry_least: float = _number(0.5, "x capital_per_trade", 0, 1, "a smaller re-entry is skipped")
    charges: str = _text(
        "zerodha",
        "table of charges (see `broker tables`) for paper homes and research; a live home uses that of its broker",
    )
    tariff: Tariff = ZERODHA
    """The table that `charges` names. It is not a setting: it is set when a home is opened."""

    participation: float = _number(
        1, "share", 0, 1, "paper: maximum share of a minute's volume that one order may take; 1: no limit"
    )


class ArrayValued(Protocol):
    """Many sets of parameters at once: each attribute of `Parameters` is a number or an array of numbers."""

    def __getattr__(self, name: str) -> Any: ...


@lru_cache(maxsize=4096)
def exact(value: float) -> Fraction:
    """Return a setting as the exact decimal number that the user wrote (0.005 = 1/200), so that prices in paise are exact."""
    return Fraction(str(value))


def names() -> tuple[str, ...]:
    """Return the names of all settings."""
    return tuple(item.name for item in setting_fields())


def setting_fields() -> tuple[Field[Any], ...]:
    """Return the fields of `Parameters` that are settings of a user."""
    return tuple(item for item in fields(Parameters) if "unit" in item.metadata)


def parse(name: str, text: str) -> int | float | bool | str:
    """Return the value of a setting from text. Raises UsageError for an unknown setting or a value outside its bounds."""
    known = {item.name: item for item in setting_fields()}
    if name not in known:
        raise UsageError(f"no setting is called {name!r}; see `tradectl config list`")
    item = known[name]
    kind, meta = item.type, item.metadata
    if kind == "bool":
        lowered = text.strip().lower()
        if lowered in {"on", "true", "yes", "1"}:
            return True
        if lowered in {"off", "false", "no", "0"}:
            return False
        raise UsageError(f"{name} is on or off, not {text!r}")
    if kind == "str":
        if "choices" in meta and text not in meta["choices"]:
            raise UsageError(f"{name} is one of {', '.join(meta['choices'])}, not {text!r}")
        if "check" in meta:
            meta["check"](text)
        return text
    digits = text.replace(",", "") if _GROUPED.fullmatch(text.strip()) else text
    try:
        value: int | float = int(digits) if kind == "int" else float(digits)
    except ValueError as error:
        whole = "a whole number" if kind == "int" else "a number"
        raise UsageError(f"{name} is {whole} ({meta['unit']}), not {text!r}") from error
    if not meta["low"] <= value <= meta["high"]:
        raise UsageError(f"{name} lies between {bounds(item).replace(' to ', ' and ')} {meta['unit']}, not {show(value)}")
    return value


def show(value: float | str | bool) -> str:
    """Return the value of a setting exactly as it is, as text that `parse` reads: `0.004`, `100000`, `on`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return format(Decimal(str(value)).normalize(), "f") if isinstance(value, float) else str(value)


def bounds(item: Field[Any]) -> str:
    """Return the bounds of a setting as text such as `0.0001 to 1`; empty for a setting without bounds."""
    if "low" not in item.metadata:
        return ""
    low, high = (show(float(item.metadata[name])) for name in ("low", "high"))
    return f"{low} to {high}"


def with_changes(base: Parameters, changes: dict[str, str]) -> Parameters:
    """Return `base` with changed settings, given as text as in `user_trading_config`. Raises UsageError, as `parse` does."""
    return replace(base, **{name: parse(name, text) for name, text in changes.items()})  # type: ignore[arg-type]


WITHOUT_LIMITS = {
    "max_positions": "10000",
    "max_symbol_multiple": "1000",
    "daily_loss_limit": "1",
    "max_buy_orders": "100000",
}
"""Changes that switch off the limits of the portfolio, for a backtest of one symbol."""

OF_REVERSION = frozenset(
    {
        *(name for name in names() if name.startswith(("quality_", "rsi_", "reentry_"))),
        "ema_fast",
        "ema_slow",
        "full_bars",
        "allow_below_ema200",
        "min_volume_ratio",
        "min_quality",
        "strength_share",
        "strong_buy_score",
        "buy_score",
        "strong_buy_trades",
        "backtest_years",
        "prior_trades",
        "prior_win",
        "prior_net",
        "amo_cancel_ratio",
        "exit_discount",
        "max_buys",
    }
)
"""Settings that only the rule ema9-reversion reads. They have no effect on another rule."""

NOT_OF_A_SYMBOL = frozenset(
    {
        "universe",
        "signals_from",
        "own_shares",
        "allow_stale",
        "actions_max_age",
        "isolated",
        "scan_limit",
        "log_days",
        "recording_days",
        "preopen_orders",
        "buy_approval",
        "buy_approval_until",
    }
)
"""Settings that do not change the trades of a symbol: they select what to scan and how."""
