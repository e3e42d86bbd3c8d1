"""The reference trades that a process keeps in memory are those of a run from the first bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.unit.backtest.test_settled_trades import EAGER, context
from tradectl.backtest import engine
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import SettledTrades, reference
from tradectl.model.history import History
from tradectl.model.position import Trade
from tradectl.screener.readings import Readings


class Market:
    """A market of which only the edition is read."""

    name = "first"

    def edition(self) -> str:
        return self.name


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def readings(market: Market) -> Readings:
    return Readings(market, EAGER)  # type: ignore[arg-type]


def cut(history: History, end: int) -> History:
    return history.through(history.session(end))


def test_sessions_in_any_order_find_the_trades_of_a_whole_run(readings: Readings, real_histories: Mapping[str, History]) -> None:
    history, found = real_histories["TATASTEEL"], 0
    for end in (900, 901, 940, 1200, 1100, 1201, 700, 1300):
        part = context(cut(history, end), EAGER)
        trades = readings.trades(part)
        assert trades == reference(part), end
        found += len(trades)
    assert found > 50


def test_a_longer_history_is_run_from_where_nothing_was_held(
    readings: Readings, real_histories: Mapping[str, History], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[SettledTrades | None] = []
    settled = engine.settled

    def noting(context: BacktestContext, past: SettledTrades | None = None) -> tuple[tuple[Trade, ...], SettledTrades | None]:
        given.append(past)
        return settled(context, past)

    monkeypatch.setattr(engine, "settled", noting)
    history = real_histories["TATASTEEL"]
    first, later = (context(cut(history, end), EAGER) for end in (1000, 1001))
    assert readings.trades(first) is readings.trades(first)
    readings.trades(later)
    [whole, continued] = given
    assert whole is None
    assert continued is not None
    assert continued.trades


def test_another_edition_of_the_bars_is_run_from_the_first_bar(
    readings: Readings, market: Market, real_histories: Mapping[str, History]
) -> None:
    """The panel store was derived anew: prices of the past may have changed."""
    history = real_histories["TATASTEEL"]
    readings.trades(context(cut(history, 1000), EAGER))
    fallen = replace(history, close=history.close - 1)
    market.name = "second"
    changed = context(cut(fallen, 1001), EAGER)
    assert readings.trades(changed) == reference(changed)
    assert reference(changed) != reference(context(cut(history, 1001), EAGER))
