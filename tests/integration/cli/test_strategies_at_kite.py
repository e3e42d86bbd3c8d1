"""A month with two strategies at once at Kite's sandbox: the ledger's book equals the exchange's, and no share is sold twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_kite_home import demo_market, live_kite_home
from tradectl.bootstrap.homes import open_world
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.strategies import StoredStrategy, UsedStrategy
from tradectl.strategy.strategy_file import parse_strategy

MONTH = [session.date for session in SessionTable.load().run_between(date(2025, 10, 7), date(2025, 11, 7))]
DIP = """
entry = "rsi(2) < 20"
exit = "close > sma(5)"
target = "entry * 1.04"
stop = "entry - 1.5 * atr(14)"
reentry = ["rsi(2) < 10 and close < entry"]
max_days = 6
size = 0.4
"""
RISE = """
entry = "close > prev(highest(close, 10), 1)"
stop = "entry * 0.97"
max_days = 4
size = 0.5
"""


def rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
        return opened.execute(query).fetchall()


@pytest.mark.slow
def test_two_strategies_trade_a_month_at_kite(tmp_path: Path) -> None:
    market = demo_market(tmp_path / "demo")
    with (
        pytest.MonkeyPatch.context() as patch,
        live_kite_home(tmp_path / "live", market, MONTH[0], patch, universe="demo") as live,
    ):
        use(live.settings, {"dip": DIP, "rise": RISE})
        assert live("schedule", "set", "sell-monitor", "--every", "300").code == 0
        live.trade(MONTH[0], first=True)
        for day in MONTH[1:]:
            live.trade(day)
        assert live.kite.broken == []
        reconciled = live("reconcile", "--json")
        assert (reconciled.code, reconciled.object["outcome"]) == (0, "completed"), reconciled.out
    ledger, exchange = live.home / "ledger.db", live.home.with_name("kite.db")
    ours = rows(ledger, "SELECT symbol, side, quantity, price FROM fills")
    theirs = rows(exchange, "SELECT symbol, side, quantity, price FROM trades")
    assert Counter(ours) == Counter(theirs)
    assert {name for (name,) in rows(ledger, "SELECT DISTINCT strategy FROM positions")} == {"dip", "rise"}
    purposes = {purpose for (purpose,) in rows(ledger, "SELECT DISTINCT purpose FROM orders WHERE filled_quantity > 0")}
    assert {"entry", "exit", "stop"} <= purposes
    assert rows(ledger, "SELECT count(*) FROM adjustments")[0][0] > 0, "a share was split while it was held"
    for _, sold, had in rows(ledger, SOLD):
        assert sold <= had, "a position is sold once"
    spent = sum(quantity * price * (1 if side == "SELL" else -1) for _, side, quantity, price in ours)
    (charges,) = rows(ledger, "SELECT sum(charges) FROM fills")[0]
    paid = rows(exchange, "SELECT sum(amount) FROM cash_entries WHERE kind IN ('buy', 'sell', 'charges')")
    assert paid == [(spent - charges,)]
    assert rows(ledger, "SELECT count(*) FROM orders WHERE status = 'UNKNOWN'") == [(0,)]


SOLD = """
SELECT position_id, sum(CASE side WHEN 'SELL' THEN booked ELSE 0 END),
       sum(CASE side WHEN 'BUY' THEN booked ELSE 0 END) + coalesce(
           (SELECT sum(quantity_after - quantity_before) FROM adjustments WHERE adjustments.position_id = fills.position_id), 0)
FROM fills WHERE position_id IS NOT NULL GROUP BY position_id
"""


def use(settings: Any, texts: dict[str, str]) -> None:
    """Use two strategies with half of the capital each, as `strategy use` does after a passed check."""
    with closing(open_world(settings)) as world:
        for name, text in texts.items():
            strategy, known = parse_strategy(name, text), world.ledger.strategies
            folder = settings.home / "strategies"
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.toml").write_text(text, encoding="utf-8")
            known.store(StoredStrategy(strategy.hash, name, strategy.form, text), world.clock.now())
            known.use(UsedStrategy(name, strategy.hash, Decimal("0.5")), world.clock.now())
