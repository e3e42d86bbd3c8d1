"""The result of a backtest of several symbols: each symbol's figures, and their sums."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.support.world import context, days, history, made_features
from tradectl.backtest.engine import run
from tradectl.model.market import Instrument
from tradectl.model.money import to_paise
from tradectl.research.reports.backtest import SymbolResult, result

FLAT = (9_500, 9_550, 9_450, 9_500)
RISE = (9_500, 10_100, 9_500, 10_050)


def test_every_symbol_has_its_figures_and_they_add_up() -> None:
    listed = []
    for name, candles in {"A": [FLAT, FLAT, FLAT, RISE], "B": [FLAT] * 4, "C": [FLAT, FLAT, RISE, RISE]}.items():
        bars = replace(history(candles, days(4)), instrument_id=name)
        one = context(bars, made_features(bars, rsi={} if name == "B" else {0: 25.0}, ema_fast=100.0))
        listed.append(replace(one, instrument=lambda _, name=name: Instrument(name, name, "EQ", "INE000A01010", 5)))
    first, last = days(4)[0], days(4)[3]
    tested = [SymbolResult.of(one, run(one, first=first, last=last), last) for one in listed]
    found = result("A,B,C", tested, first, last)
    assert [trade["symbol"] for trade in found["trades"]] == ["C", "A"]
    assert [(item["symbol"], item["trades"], item["open"]) for item in found["symbols"]] == [
        ("A", 1, 0),
        ("B", 0, 0),
        ("C", 1, 0),
    ]
    for name in ("gross", "charges", "net"):
        assert to_paise(found["total"][name]) == sum(to_paise(item[name]) for item in found["symbols"]) != 0
        assert to_paise(found["total"][name]) == sum(to_paise(trade[name]) for trade in found["trades"])


def test_what_is_still_held_is_said() -> None:
    bars = replace(history([FLAT] * 3, days(3)), instrument_id="A")
    one = context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0))
    done = run(one, first=date(2018, 1, 1), last=date(2026, 12, 31))
    found = SymbolResult.of(one, done, days(3)[2])
    assert found.trades == ()
    assert found.held == sum(lot.quantity for lot in found.lots) > 0
