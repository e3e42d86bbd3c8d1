"""Random rules in the engine: no crash, fills inside the bars, no look-ahead, and the same trades if sessions are skipped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.strategy.test_expressions import conditions, numbers
from tests.support.world import PARAMETERS, context
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated
from tradectl.backtest.symbol_run import Backtest
from tradectl.errors import UsageError
from tradectl.model.history import History
from tradectl.strategy.column_rules import rules_of
from tradectl.strategy.expressions.line_rule import LineRule, parse_rule
from tradectl.strategy.features import features

EXAMPLES = int(os.environ.get("TRADECTL_EXPRESSIONS", "60"))
LEVELS = st.floats(-0.1, 0.1).map(lambda share: f"entry * {1 + share:.3f}") | st.sampled_from(
    [
        "ema(9)",
        "entry - 3 * atr(14)",
        "donchian_low(20)",
        "bollinger_high(20, 2)",
        "entry - 0.1 * days_held",
        "highest(high, 5) * 2",
    ]
)
"""Levels near the price; other texts are rarely reached."""


def rule_of(entry: str, exit_: str, target: str, stop: str) -> LineRule | None:
    """Return a rule; None if its texts mix prices and shares."""
    try:
        return parse_rule(entry, exit_, target, stop)
    except UsageError:
        return None


def whole(known: BacktestContext) -> Backtest:
    return gated(known, first=date(2018, 1, 1), last=date(2026, 12, 31))


def world(rule: LineRule, bars: History) -> BacktestContext:
    known = rules_of(rule, [bars])
    made = context(bars, features(bars, PARAMETERS), parameters=PARAMETERS)
    return replace(made, make_rules=lambda history, _, __: known[history.instrument_id], minute_sessions=frozenset)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    conditions(),
    st.just("") | conditions(position=True),
    st.just("") | LEVELS | numbers(position=True, across=False),
    st.just("") | LEVELS | numbers(position=True, across=False),
    st.sampled_from(["SBIN", "TATASTEEL", "YESBANK"]),
    st.integers(400, 900),
)
def test_a_random_rule_trades_inside_the_bars_and_sees_no_future(
    real_histories: Mapping[str, History], entry: str, exit_: str, target: str, stop: str, name: str, cut: int
) -> None:
    rule = rule_of(entry, exit_, target, stop)
    if rule is None:
        return
    bars = real_histories[name].take(slice(1000))
    known = world(rule, bars)
    done = whole(known)
    for fill in done.fills:
        bar = bars.bar(bars.index(fill.session))  # type: ignore[arg-type]
        assert bar.low <= fill.price <= bar.high
    assert whole(replace(known, minute_sessions=None)) == done
    end = bars.session(cut - 1)
    part = whole(world(rule, bars.take(slice(cut))))
    assert part.fills == tuple(fill for fill in done.fills if fill.session <= end)
    assert part.orders == tuple(order for order in done.orders if order.decided < cut)
    assert part.ambiguous == tuple(day for day in done.ambiguous if day <= end)
    assert part.without_stop == tuple(day for day in done.without_stop if day <= end)
