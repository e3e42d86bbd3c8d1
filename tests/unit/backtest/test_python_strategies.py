"""The classes of the how-to on real bars: the trades of the same rule as expressions, and a stop that only rises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import numpy as np

from tests.conftest import ROOT
from tests.support.world import PARAMETERS, context
from tradectl.backtest.engine import gated
from tradectl.backtest.symbol_run import Backtest
from tradectl.model.history import History
from tradectl.strategy.column_rules import Rule, rules_of
from tradectl.strategy.features import features
from tradectl.strategy.python_form import parse_python
from tradectl.strategy.rule_set import PositionFacts
from tradectl.strategy.strategy_file import parse_strategy

PAGE = (ROOT / "docs" / "how-to" / "strategies-in-python.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TOML = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
SYMBOLS = ("SBIN", "RELIANCE", "TATASTEEL", "INFY", "YESBANK", "NESTLEIND", "BAJFINANCE", "ITC")


def runs(rule: Rule, histories: Mapping[str, History]) -> dict[str, Backtest]:
    """Return the backtest of each symbol."""
    known = rules_of(rule, list(histories.values()))
    found = {}
    for name, bars in histories.items():
        made = context(bars, features(bars, PARAMETERS), parameters=PARAMETERS)
        made = replace(made, make_rules=lambda history, _, __: known[history.instrument_id], minute_sessions=frozenset)
        found[name] = gated(made, first=date(2018, 1, 1), last=date(2026, 12, 31))
    return found


def test_the_example_trades_as_the_same_rule_as_expressions(real_histories: Mapping[str, History]) -> None:
    chosen = {name: real_histories[name] for name in SYMBOLS}
    python, expressions = parse_python("dip", PYTHON[0]), parse_strategy("dip", TOML[0])
    assert PYTHON[0].count("\n") <= 40
    assert [item.name for item in python.parameters] == [item.name for item in expressions.parameters]
    rule, other = python.rule(), expressions.rule()
    trades = runs(rule, chosen)
    assert trades == runs(other, chosen)
    assert sum(len(done.fills) for done in trades.values()) > 200
    for one, same in zip(rule.columns(list(chosen.values())), other.columns(list(chosen.values())), strict=True):
        assert np.array_equal(one.score, same.score, equal_nan=True)  # type: ignore[arg-type]
        assert np.array_equal(one.size, same.size, equal_nan=True)  # type: ignore[arg-type]
    changed = {"oversold": "5", "longest": "3"}
    assert runs(python.rule(changed), chosen) == runs(expressions.rule(changed), chosen) != trades


def test_the_trailing_stop_rises_with_the_highest_price(real_histories: Mapping[str, History]) -> None:
    bars = real_histories["RELIANCE"]
    columns = parse_python("trailing", PYTHON[1]).rule().columns([bars])[0]
    held = columns.held(PositionFacts(500.0, 300), 301, 600)
    high = np.maximum.accumulate(np.maximum(bars.high[301:600] / 100 * bars.multiplier[301:600], 500.0))
    assert (held.stop < high).all()
    assert held.stop[-1] > held.stop[0]
    done = runs(parse_python("trailing", PYTHON[1]).rule(), {"RELIANCE": bars})["RELIANCE"]
    cut = bars.take(slice(1200))
    part = runs(parse_python("trailing", PYTHON[1]).rule(), {"RELIANCE": cut})["RELIANCE"]
    end = cut.session(len(cut) - 1)
    assert part.fills == tuple(fill for fill in done.fills if fill.session <= end)
    assert len(part.fills) > 10
