"""The line engine gives the backtests of `SymbolRun`, to the paisa and to the second: on invented markets, then on real ones."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.research.test_engine import worlds
from tests.property.strategy.test_expressions import conditions, numbers
from tests.property.strategy.test_random_rules import LEVELS, rule_of
from tests.support.world import PARAMETERS, context
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated
from tradectl.backtest.symbol_run import Backtest
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.model.history import History
from tradectl.research.line_engine.bars import TermsByContext
from tradectl.research.line_engine.engine import LineRun, run_line_rule, runs_in_arrays
from tradectl.research.line_engine.positions import trades_of
from tradectl.research.line_engine.results import backtests_of
from tradectl.research.rule_books import RuleBook, line_contexts, run_lines
from tradectl.strategy.column_rules import rules_of
from tradectl.strategy.expressions.line_rule import LineRule, parse_rule
from tradectl.strategy.features import features
from tradectl.strategy.parameters import Parameters, with_changes

EXAMPLES = int(os.environ.get("TRADECTL_LINE_RULES", "30"))
SPAN = date(2018, 1, 1), date(2026, 12, 31)
SETTINGS = (
    PARAMETERS,
    with_changes(PARAMETERS, {"amo_adjust_reprice": "on", "entry_premium": "0.0123", "amo_adjust_step": "0"}),
    with_changes(PARAMETERS, {"capital_per_trade": "37000", "turnover_share": "0.0001", "limit_distance": "0.01"}),
)
ENTRIES = ("close > 0", "close < prev(close, 1)", "low < 94.5", "close > open")
EXITS = ("", "days_held >= 2", "close > prev(close, 1)", "close < entry")
TARGETS = ("", "entry * 1.004", "prev(high, 1)", "close + 0.3", "entry + 0.2 * days_held")
STOPS = ("", "entry * 0.996", "prev(low, 1)", "entry - 0.5", "lowest(low, 3)", "lowest(low, 2) - 0.3")


def parsed(texts: Sequence[str]) -> LineRule:
    rule = parse_rule(*texts)
    assert rule is not None
    return rule


def compared(listed: Sequence[BacktestContext], rule: LineRule, span: tuple[date, date] = SPAN) -> tuple[LineRun, list[Backtest]]:
    """Return the run and the backtests of `SymbolRun`, after a comparison of both."""
    rules = list(rules_of(rule, [item.history for item in listed]).values())
    ready = [replace(item, made_rules=own) for item, own in zip(listed, rules, strict=True)]
    terms = TermsByContext(ready)
    run = run_line_rule(ready, rules, span, terms)
    single = [gated(item, first=span[0], last=span[1]) for item in ready]
    for found, done in zip(backtests_of(run, span, terms), single, strict=True):
        assert found == done
    closed = trades_of(run)
    assert int(closed.net.sum()) == sum(trade.net for done in single for trade in done.trades)
    assert len(closed) == sum(len(done.trades) for done in single)
    return run, single


@settings(max_examples=3 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(worlds(), min_size=1, max_size=3),
    st.sampled_from(ENTRIES),
    st.sampled_from(EXITS),
    st.sampled_from(TARGETS),
    st.sampled_from(STOPS),
    st.sampled_from(SETTINGS),
    st.booleans(),
)
def test_an_invented_market_trades_as_each_symbol_alone(
    made: list[BacktestContext], entry: str, exit_: str, target: str, stop: str, parameters: Parameters, cut: bool
) -> None:
    if not exit_ + target + stop:
        return
    listed = []
    for number, item in enumerate(made):
        history = replace(item.history, instrument_id=f"MADE{number}")
        days = [history.session(i) for i in range(len(history))]
        with_minutes = frozenset(day for day in days if item.minutes(day))
        listed.append(replace(item, history=history, parameters=parameters, minute_sessions=lambda found=with_minutes: found))
    newest = max(item.history.session(len(item.history) - 1) for item in listed)
    compared(listed, parsed((entry, exit_, target, stop)), (SPAN[0], newest if cut else SPAN[1]))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    conditions(),
    st.just("") | conditions(position=True),
    st.just("") | LEVELS | numbers(position=True, across=False),
    st.just("") | LEVELS | numbers(position=True, across=False),
    st.integers(300, 900),
    st.sampled_from(SETTINGS),
)
def test_a_random_rule_trades_as_in_each_symbol_alone(
    real_histories: Mapping[str, History], entry: str, exit_: str, target: str, stop: str, begin: int, parameters: Parameters
) -> None:
    rule = rule_of(entry, exit_, target, stop)
    if rule is None:
        return
    listed = []
    for name in ("SBIN", "TATASTEEL", "YESBANK"):
        bars = real_histories[name].take(slice(begin, begin + 600))
        bars = replace(bars, multiplier=bars.multiplier / bars.multiplier[0])
        made = context(bars, features(bars, PARAMETERS), parameters=parameters)
        listed.append(replace(made, minute_sessions=frozenset))
    compared(listed, rule)


def test_a_market_without_an_entry_has_no_orders() -> None:
    bars = replace(_flat(40), instrument_id="MADE")
    run, _ = compared([_alone(bars)], parsed(("close > 1000", "close > 0", "", "")))
    assert not len(run.taken)


def test_a_position_that_is_never_sold_stays_open() -> None:
    run, [done] = compared([_alone(_flat(300))], parsed(("close > 0", "close > 1000", "entry * 3", "")))
    assert done.open_position is not None
    assert len(run.taken) == 1
    assert not run.special


def test_a_ceiling_of_the_position_needs_the_one_symbol_engine() -> None:
    rule = parsed(("close > 0", "close > 1", "", ""))
    assert runs_in_arrays(rule, PARAMETERS)
    assert not runs_in_arrays(rule, with_changes(PARAMETERS, {"freeze": "position"}))


def _flat(count: int) -> History:
    from tests.support.world import days, history

    return history([(10_000, 10_050, 9_950, 10_000)] * count, days(count))


def _alone(bars: History) -> BacktestContext:
    from tests.support.world import made_features

    return replace(context(bars, made_features(bars, rsi={}, ema_fast=100.0)), minute_sessions=frozenset)


# --- real symbols, with their actions, minute bars, renames and tick sizes

EXAMPLE_RULES = {
    "short dip": ("rsi(2) < 10 and close > sma(200)", "close > sma(5)", "", ""),
    "new high": ("close > prev(highest(high, 20), 1)", "close < prev(lowest(low, 55), 1)", "", "entry - 2 * atr(20)"),
    "lower band": ("close < bollinger_low(20, 2)", "close > bollinger_mid(20)", "", ""),
    "MACD": ("cross(macd(), macd_signal())", "cross(macd_signal(), macd())", "", ""),
    "gap down": ("open < 0.97 * prev(close, 1) and close > open", "days_held >= 3", "", "entry * 0.95"),
    "strongest": ("rank(roc(252)) <= 10", "rank(roc(252)) > 20", "", ""),
    "with all parts": ("rsi(2) < 10 and close > sma(200)", "close > sma(5)", "ema(9)", "entry - 3 * atr(14)"),
}
"""The six rules of the page `your-own-rule.md`, and the rule at its beginning."""


@pytest.mark.parametrize(
    ("universe", "texts"),
    [
        ("nifty50", EXAMPLE_RULES["with all parts"]),
        *(pytest.param("nifty50", texts, marks=pytest.mark.slow) for texts in EXAMPLE_RULES.values()),
    ],
)
def test_a_real_list_trades_as_each_symbol_alone(
    real_market: Path, sessions: SessionTable, universe: str, texts: tuple[str, str, str, str]
) -> None:
    store = Store(real_market, sessions)
    names = [name for name in store.universe(universe) if store.history(name) is not None]
    book = RuleBook(parsed(texts), store, names)
    trades = 0
    for contexts in line_contexts(store, book, Parameters(), names):
        for item, found in zip(contexts, run_lines(store, book, contexts, SPAN), strict=True):
            assert found == gated(item, first=SPAN[0], last=SPAN[1]), item.history.instrument_id
            trades += len(found.trades)
    assert trades > 2 * len(names)


def test_terms_of_many_sessions_are_those_of_one(real_market: Path, sessions: SessionTable) -> None:
    store = Store(real_market, sessions)
    terms = store.terms()
    for name in store.universe("nifty50"):
        bars = store.history(name)
        assert bars is not None
        chosen = np.unique(np.concatenate([bars.sessions[::29], bars.sessions[-40:], _of_january_2024(bars)]))
        described = [store.instrument(name, date.fromordinal(day)) for day in chosen.tolist()]
        assert terms.tick_sizes(name, chosen).tolist() == [item.tick_size for item in described]
        assert list(terms.symbols_on(name, chosen)) == [item.symbol for item in described]


def _of_january_2024(bars: History) -> np.ndarray:
    """Return the sessions of a month with an instrument dump."""
    first, last = date(2024, 1, 1).toordinal(), date(2024, 1, 31).toordinal()
    return bars.sessions[(bars.sessions >= first) & (bars.sessions <= last)]
