"""Compare the trades of one account in `backtest --portfolio` with those of `simulate`, to the paisa."""

from __future__ import annotations

import re
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from tradectl import bootstrap
from tradectl.backtest.context import Span
from tradectl.backtest.portfolio import Portfolio
from tradectl.ledger.strategies import StoredStrategy, UsedStrategy
from tradectl.model.moment import at_ist
from tradectl.model.money import to_rupees
from tradectl.ports import Tell
from tradectl.report import simulation
from tradectl.research.strategy_check.runs import Runs, Trades, rows_of
from tradectl.research.strategy_check.work import CheckWork, TradeRow
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.simulate import simulate
from tradectl.strategy.strategy import text_hash

TASK_MODULES = ("tradectl.screener.own_screen", "tradectl.execution.position_rules")
"""The modules with which the tasks of the day buy and sell by an own strategy."""
SIMULATES_STRATEGIES = all(find_spec(name) is not None for name in TASK_MODULES)
"""Whether the tasks of the day run own strategies."""
SESSIONS = 60
"""The sessions of the compared span."""
EVERY = 25
"""Minutes between two steps of the sell monitor; the daily price paths turn on multiples of it, in both. A stop sells at the
first step that sees it, and `backtest` looks each minute, so a rule with a stop has one step a minute."""
STOP = re.compile(r"^\s*(def\s+)?stop\b", re.MULTILINE)
"""A stop in a strategy file: the key of a TOML file, or the method of a class."""
STARTS = time(7, 30)


class BothAccounts(Struct, frozen=True):
    """Hold the trades of the same account, and its equity at the end, in `backtest` and in `simulate`."""

    span: Span
    backtest: list[TradeRow]
    simulation: list[TradeRow]
    equity: tuple[str, str]
    troubles: tuple[str, ...]


def busiest_span(runs: Runs, trades: Trades) -> Span:
    """Return the span of `SESSIONS` sessions with the most entries, the latest of equal ones."""
    sessions = runs.sessions
    entered = np.array([trade.entry_session.toordinal() for those in trades.values() for trade in those], dtype=np.int64)
    counts = np.bincount(np.searchsorted(sessions, entered), minlength=len(sessions))[: len(sessions)]
    width = min(SESSIONS, len(sessions))
    sums = np.convolve(counts, np.ones(width, dtype=np.int64), "valid")
    begin = len(sums) - 1 - int(sums[::-1].argmax())
    return Span(date.fromordinal(int(sessions[begin])), date.fromordinal(int(sessions[begin + width - 1])))


def both_accounts(work: CheckWork, runs: Runs, span: Span, tell: Tell) -> BothAccounts:
    """Run the account of a check over a span in both ways."""
    request = replace(runs.request, span=span, known=[])
    account = Portfolio(request.candidates(), span, work.capital)
    account.run()
    with tempfile.TemporaryDirectory(prefix="tradectl-check-") as folder:
        found = simulated(work, request.name, span, Path(folder), tell)
    troubles = tuple(f"{item['session']} {item['task']}: {item['error']}" for item in found["troubles"])
    rows = rows_of([done.trades for done in account.results()])
    equity = to_rupees(account.equity_curve[-1].equity)
    simulated_rows = sorted(found["trades"], key=lambda row: tuple(map(str, row.values())))
    return BothAccounts(span, rows, simulated_rows, (equity, found["equity"]), (*found["differences"], *troubles))


def simulated(work: CheckWork, universe: str, span: Span, folder: Path, tell: Tell) -> dict[str, Any]:
    """Simulate the strategy over a span in a folder, and return the JSON result of `simulate`."""
    every = 1 if STOP.search(work.text.text) else EVERY
    world = bootstrap.open_simulation(
        work.settings,
        folder,
        start=at_ist(span.first, STARTS),
        capital=work.capital,
        changes={"universe": universe},
        step=every,
        alone=True,
    )
    with closing(world):
        text, now, hash_ = work.text, world.clock.now(), text_hash(work.text.text)
        world.ledger.strategies.store(StoredStrategy(hash_, text.name, text.form, text.text), now)
        world.ledger.strategies.use(UsedStrategy(text.name, hash_, Decimal(1)), now)
        done = simulate(
            world, all_tasks(), span.first, span.last, every=every * 60,
            progress=lambda number, total, session: tell(f"simulate {session}", number, total),
        )  # fmt: skip
        return simulation.result(world, done, world.broker.statement(), 0.0)
