"""A rule in one line in the engine: on invented bars each way to sell, on real bars what must hold for all trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from tests.support.world import PARAMETERS, SESSIONS, Candle, action, context, days, history, made_features
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated
from tradectl.backtest.symbol_run import Backtest
from tradectl.model.history import History
from tradectl.model.market import ActionKind
from tradectl.model.order import Side
from tradectl.strategy.column_rules import rules_of
from tradectl.strategy.expressions.line_rule import parse_rule
from tradectl.strategy.features import features

BUY, SELL = Side.BUY, Side.SELL
DAY: Candle = (10_000, 10_050, 9_950, 10_000)
ENTRY = "high == 100.6"
SIGNAL: Candle = (10_000, 10_060, 9_950, 10_000)
"""The only bar on which ENTRY is true. The buy has a limit of 100.50."""


def world(candles: Sequence[Candle], *, exit_: str = "", target: str = "", stop: str = "", **more: object) -> BacktestContext:
    multiplier = more.pop("multiplier", ())
    bars = history(candles, days(len(candles)), multiplier=multiplier)  # type: ignore[arg-type]
    rule = parse_rule(ENTRY, exit_, target, stop)
    assert rule is not None
    known = rules_of(rule, [bars])
    made = context(bars, made_features(bars, rsi={}, ema_fast=100.0), **more)  # type: ignore[arg-type]
    return replace(made, make_rules=lambda bars, _, __: known[bars.instrument_id])


def whole(known: BacktestContext) -> Backtest:
    return gated(known, first=date(2018, 1, 1), last=date(2026, 12, 31))


def traded(done: Backtest) -> list[tuple[int, Side, int]]:
    """Return session number, side and price of every fill."""
    sessions = [session.date for session in SESSIONS.between(date(2023, 1, 2), done.last)]
    return [(sessions.index(fill.session), fill.side, fill.price) for fill in done.fills]


def test_an_exit_at_a_close_sells_at_the_next_open() -> None:
    high: Candle = (10_000, 10_300, 9_990, 10_250)
    done = whole(world([SIGNAL, DAY, high, (10_111, 10_200, 10_000, 10_100), DAY], exit_="close > 102"))
    assert traded(done) == [(1, BUY, 10_000), (3, SELL, 10_111)]


def test_an_exit_that_is_unknown_sells_nothing() -> None:
    assert traded(whole(world([SIGNAL, DAY, DAY, DAY], exit_="not (close < prev(close, 300))"))) == [(1, BUY, 10_000)]


def test_days_held_count_from_the_buy() -> None:
    done = whole(world([DAY, SIGNAL, DAY, DAY, DAY, DAY, DAY], exit_="days_held >= 2"))
    assert traded(done) == [(2, BUY, 10_000), (5, SELL, 10_000)]


def test_a_target_is_on_the_tick_above_and_fixed_for_a_session() -> None:
    done = whole(world([SIGNAL, DAY, (10_000, 10_200, 9_800, 9_900), DAY], target="entry * 1.0123"))
    assert traded(done) == [(1, BUY, 10_000), (2, SELL, 10_125)]


def test_an_open_above_the_target_sells_at_the_open() -> None:
    done = whole(world([SIGNAL, DAY, (10_400, 10_500, 10_400, 10_450), DAY], target="entry + 2"))
    assert traded(done) == [(1, BUY, 10_000), (2, SELL, 10_400)]


def test_a_target_may_sell_on_the_day_of_the_buy() -> None:
    done = whole(world([SIGNAL, (10_000, 10_250, 9_990, 10_200), DAY], target="entry + 2"))
    assert traded(done) == [(1, BUY, 10_000), (1, SELL, 10_200)]


def test_a_buy_at_or_above_its_target_is_not_made() -> None:
    assert traded(whole(world([SIGNAL, DAY, DAY], target="close * 0.99"))) == []
    assert traded(whole(world([DAY, SIGNAL, DAY, DAY], target="close"))) == []


def test_a_stop_is_on_the_tick_below() -> None:
    done = whole(world([SIGNAL, DAY, (10_000, 10_010, 9_500, 9_600), DAY], stop="entry - 2.02"))
    assert traded(done) == [(1, BUY, 10_000), (2, SELL, 9_790)]
    assert (done.ambiguous, done.without_stop) == ((), ())


def test_a_gap_below_the_stop_sells_at_the_open() -> None:
    done = whole(world([SIGNAL, DAY, (9_500, 9_900, 9_400, 9_600), DAY], stop="entry - 2"))
    assert traded(done) == [(1, BUY, 10_000), (2, SELL, 9_500)]


def test_a_stop_may_sell_on_the_day_of_the_buy() -> None:
    done = whole(world([SIGNAL, (10_000, 10_010, 9_700, 9_750), DAY], stop="entry - 2"))
    assert traded(done) == [(1, BUY, 10_000), (1, SELL, 9_795)]


def test_a_dip_is_bought_and_stopped_on_the_same_way_down() -> None:
    candle: Candle = (10_080, 10_090, 9_700, 9_750)
    done = whole(world([SIGNAL, candle, DAY], stop="entry - 2"))
    assert traded(done) == [(1, BUY, 10_050), (1, SELL, 9_850)]
    assert done.fills[0].at < done.fills[1].at


def test_a_bar_with_stop_and_target_follows_its_path() -> None:
    """The extreme nearer to the open comes first, as on the paper exchange. The result says that the bar does not tell."""
    high_first: Candle = (10_000, 10_250, 9_700, 10_100)
    low_first: Candle = (10_000, 10_350, 9_700, 10_100)
    for both, price in ((high_first, 10_200), (low_first, 9_795)):
        done = whole(world([SIGNAL, DAY, both, DAY], target="entry + 2", stop="entry - 2"))
        assert traded(done) == [(1, BUY, 10_000), (2, SELL, price)]
        assert done.ambiguous == (done.fills[1].session,)


def test_a_stop_below_zero_is_known_and_never_reached() -> None:
    done = whole(world([SIGNAL, DAY, (5_000, 5_010, 100, 200)], stop="entry - 500"))
    assert traded(done) == [(1, BUY, 10_000)]
    assert done.without_stop == ()


def test_an_unknown_stop_is_counted() -> None:
    done = whole(world([SIGNAL, DAY, DAY, (9_000, 9_010, 8_000, 8_100)], stop="entry - 0.1 * (close - prev(close, 3))"))
    assert traded(done) == [(1, BUY, 10_000)]
    assert len(done.without_stop) == 3, "each stop comes from a bar that has no third bar before it"


@pytest.mark.parametrize("stop", ["entry * 0.97", "entry - 1.5"])
def test_levels_follow_a_split(stop: str) -> None:
    """The shares are split 1:2 before the third session: the entry of 100 is 50 then. A plain number means rupees of the day."""
    after: Candle = (5_000, 5_010, 4_950, 5_000)
    split = action(ActionKind.SPLIT, days(3)[2], ratio=Fraction(2))
    candles = [SIGNAL, DAY, after, (5_000, 5_010, 4_800, 4_850)]
    done = whole(world(candles, stop=stop, multiplier=[1, 1, 2, 2], actions=[split]))
    assert traded(done) == [(1, BUY, 10_000), (3, SELL, 4_850)]


RULES = {
    "reversion": ("rsi(2) < 10 and close > sma(200)", "close > sma(5)", "ema(9)", "entry - 3 * atr(14)"),
    "breakout": ("close > prev(highest(high, 20), 1)", "close < prev(lowest(low, 55), 1)", "", "entry - 2 * atr(20)"),
    "tight": ("close > open", "", "entry * 1.01", "entry * 0.99"),
}


@pytest.fixture(scope="module")
def real(real_histories: Mapping[str, History]) -> dict[str, History]:
    return {name: real_histories[name] for name in ("RELIANCE", "SBIN", "TATASTEEL")}


def backtests(texts: tuple[str, str, str, str], bars: History) -> tuple[BacktestContext, Backtest]:
    rule = parse_rule(*texts)
    assert rule is not None
    known = rules_of(rule, [bars])
    made = context(bars, features(bars, PARAMETERS), parameters=PARAMETERS)
    made = replace(made, make_rules=lambda history, _, __: known[history.instrument_id])
    return made, whole(made)


@pytest.mark.parametrize("texts", RULES.values(), ids=RULES)
@pytest.mark.parametrize("name", ["RELIANCE", "SBIN", "TATASTEEL"])
def test_decisions_do_not_change_with_later_bars(texts: tuple[str, str, str, str], name: str, real: dict[str, History]) -> None:
    bars = real[name]
    _, done = backtests(texts, bars)
    assert done.trades
    for n in range(400, len(bars), 311):
        _, cut = backtests(texts, bars.take(slice(n)))
        end = bars.session(n - 1)
        assert cut.fills == tuple(fill for fill in done.fills if fill.session <= end)
        assert cut.orders == tuple(order for order in done.orders if order.decided < n)


@pytest.mark.parametrize("texts", RULES.values(), ids=RULES)
def test_a_fill_is_a_price_of_its_session(texts: tuple[str, str, str, str], real: dict[str, History]) -> None:
    for bars in real.values():
        _, done = backtests(texts, bars)
        for fill in done.fills:
            bar = bars.bar(bars.index(fill.session))  # type: ignore[arg-type]
            assert bar.low <= fill.price <= bar.high
        for earlier, later in zip(done.fills, done.fills[1:], strict=False):
            assert earlier.at <= later.at
            assert earlier.side is not later.side, "a position is bought once and sold once"
        assert all(later.decided > earlier.decided for earlier, later in zip(done.orders, done.orders[1:], strict=False))


@pytest.mark.parametrize(
    "texts", [*RULES.values(), ("rsi(3) < 20", "days_held >= 15", "", "entry - atr(14) * prev(roc(300), 1) / 5")]
)
def test_skipped_sessions_change_nothing(texts: tuple[str, str, str, str], real: dict[str, History]) -> None:
    """A run that visits each session, and one that jumps to the next session in which the rule may trade."""
    for bars in real.values():
        known, _ = backtests(texts, bars)
        paid = tuple(action(ActionKind.DIVIDEND, bars.session(j), dividend=100) for j in range(300, len(bars), 37))
        visited = whole(replace(known, actions=paid))
        skipped = whole(replace(known, actions=paid, minute_sessions=frozenset))
        assert visited == skipped
        some = frozenset(bars.session(j) for j in range(0, len(bars), 11))
        assert whole(replace(known, actions=paid, minute_sessions=lambda some=some: some)) == visited
        assert visited.adjustments
