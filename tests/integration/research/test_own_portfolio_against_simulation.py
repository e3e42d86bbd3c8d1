"""`backtest --portfolio --strategy` and `simulate --strategy` of one strategy make the same fills, cash and equity.

The rules are one with an exit only, one with every part but a stop, and one with a target and a stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.research.world import simulated
from tradectl.backtest.context import Span
from tradectl.backtest.portfolio import Portfolio
from tradectl.bootstrap.simulated_strategies import SimulatedStrategy
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.rows import Position
from tradectl.marketdata.store import Store
from tradectl.model.money import to_rupees
from tradectl.research.backtests import candidates_of
from tradectl.research.rule_books import RuleBook
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.strategy import EXPRESSIONS, Strategy
from tradectl.strategy.strategy_forms import strategy_of

SYMBOLS = (
    "HDFCBANK", "ICICIBANK", "KOTAKBANK", "AXISBANK", "SBIN", "INDUSINDBK", "ITC", "TITAN", "RELIANCE", "DRREDDY",
)  # fmt: skip
TEXTS = {
    "exit-only": 'entry = "rsi(3) < 30"\nexit = "close > sma(5)"\n',
    "every-part": (
        'entry = "rsi(3) < 35 or rank(rsi(5)) <= 2"\nexit = "close > sma(20)"\ntarget = "ema(9) * 1.01"\n'
        'score = "0 - rsi(14)"\nsize = "min(1, 20 / rsi(14))"\nmax_days = 6\nreentry = ["close < entry * 0.99", "rsi(3) < 20"]\n'
    ),
    "target-and-stop": 'entry = "rsi(3) < 35"\ntarget = "entry * 1.02"\nstop = "entry - 1.5 * atr(14)"\n',
}
CAPITAL = 260_000_00


@dataclass(frozen=True)
class Case:
    """`every`: minutes between two steps of the monitor. A stop is seen at a step, and the backtest has one each minute."""

    name: str
    last: date
    every: int = 30

    def __str__(self) -> str:
        return f"{self.name} to {self.last}"

    @property
    def strategy(self) -> Strategy:
        return strategy_of(self.name, EXPRESSIONS, TEXTS[self.name])

    @property
    def span(self) -> Span:
        return Span(date(2023, 1, 17), self.last)


CASES = (
    Case("exit-only", date(2023, 2, 3)), Case("every-part", date(2023, 1, 31)), Case("target-and-stop", date(2023, 1, 31), 1),
)  # fmt: skip
LONG = (
    Case("exit-only", date(2023, 2, 15)), Case("every-part", date(2023, 2, 15)), Case("target-and-stop", date(2023, 2, 3), 1),
)  # fmt: skip


@pytest.mark.parametrize("case", [*CASES, *(pytest.param(case, marks=pytest.mark.slow) for case in LONG)], ids=str)
def test_both_make_the_same_fills(case: Case, tmp_path: Path, real_market: Path, sessions: SessionTable) -> None:
    own = SimulatedStrategy.of(case.strategy, Decimal(1))
    run = simulated(
        tmp_path,
        real_market,
        case.span.first,
        case.span.last,
        universe=SYMBOLS,
        capital=CAPITAL,
        every=case.every,
        strategies=[own],
    )
    book, result = run.world.ledger.book, run.result()
    assert result["reconciled"], result["differences"]
    assert not result["troubles"]
    portfolio = lived(Store(real_market, sessions), case)
    theirs = [
        (fill.session, fill.symbol, str(fill.side), fill.quantity, fill.price)
        for done in portfolio.results()
        for fill in done.fills
    ]
    mine = [(fill.session_date, fill.symbol, fill.side, fill.quantity, fill.price) for fill in book.fills()]
    assert sorted(mine) == sorted(theirs)
    assert len(theirs) > 12
    end = portfolio.equity_curve[-1]
    assert (result["cash"], result["equity"]) == (to_rupees(end.cash), to_rupees(end.equity))
    assert origins(book.positions()) == {(case.name, case.strategy.hash)}


def lived(store: Store, case: Case) -> Portfolio:
    members = store.universe(",".join(SYMBOLS))
    rules = RuleBook(case.strategy.rule(), store, members)
    portfolio = Portfolio(candidates_of(store, Parameters(), members, case.span, make_rules=rules), case.span, CAPITAL)
    portfolio.run()
    return portfolio


def origins(positions: Sequence[Position]) -> set[tuple[str, str]]:
    return {(position.strategy, position.strategy_hash) for position in positions}
