"""The result of a backtest of several symbols: each symbol's figures, and their sums."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.research.vectorized.test_engine import market
from tests.strategy.world import PARAMETERS, context, days, history, made_features
from tradectl.model.money import to_paise
from tradectl.research.reports.backtest import by_symbol, result
from tradectl.research.vectorized.engine import run_settings

FLAT = (9_500, 9_550, 9_450, 9_500)
RISE = (9_500, 10_100, 9_500, 10_050)


def test_every_symbol_has_its_figures_and_they_add_up() -> None:
    listed = []
    for name, candles in {"A": [FLAT, FLAT, FLAT, RISE], "B": [FLAT] * 4, "C": [FLAT, FLAT, RISE, RISE]}.items():
        bars = replace(history(candles, days(4)), instrument_id=name)
        listed.append(context(bars, made_features(bars, rsi={} if name == "B" else {0: 25.0}, ema_fast=100.0)))
    lanes = market(listed)
    run = run_settings(lanes, [PARAMETERS], first=days(4)[0], last=days(4)[3], scored=False)
    tested = by_symbol(run, lanes.instruments, lambda item, session: f"{item}-{session.year}", days(4)[3])
    found = result("A,B,C", tested, days(4)[0], days(4)[3])
    assert [trade["symbol"] for trade in found["trades"]] == ["C-2023", "A-2023"]
    assert [(item["symbol"], item["trades"], item["open"]) for item in found["symbols"]] == [
        ("A-2023", 1, 0),
        ("B-2023", 0, 0),
        ("C-2023", 1, 0),
    ]
    for name in ("gross", "charges", "net"):
        assert to_paise(found["total"][name]) == sum(to_paise(item[name]) for item in found["symbols"]) != 0
        assert to_paise(found["total"][name]) == sum(to_paise(trade[name]) for trade in found["trades"])


def test_what_is_still_held_is_said() -> None:
    bars = replace(history([FLAT] * 3, days(3)), instrument_id="A")
    lanes = market([context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0))])
    run = run_settings(lanes, [PARAMETERS], first=date(2018, 1, 1), last=date(2026, 12, 31), scored=False)
    (only,) = by_symbol(run, lanes.instruments, lambda item, _: item, days(3)[2])
    assert only.trades == ()
    assert only.held == next(iter(run.held.values())).quantity > 0
