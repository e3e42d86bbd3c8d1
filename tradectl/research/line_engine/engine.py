"""Find the trades of a rule in one line over many symbols: first what each entry would lead to, then which entries are taken.

What follows from an entry does not depend on what came before it, because an entry needs a symbol without shares and without an
order. So the outcomes are computed as arrays, for many entries at once, and each symbol is then followed from trade to trade.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from msgspec import Struct

from tradectl.backtest.context import BacktestContext
from tradectl.backtest.symbol_run import PlannedBuy, SymbolRun
from tradectl.model.history import Ints
from tradectl.model.order import Fill
from tradectl.model.position import Adjustment
from tradectl.research.line_engine.bars import Bars, Terms
from tradectl.research.line_engine.exits import Exits, ExitSearch
from tradectl.research.line_engine.first_session import FirstSessions, Outcome, first_sessions
from tradectl.research.line_engine.levels import Held, Rule
from tradectl.research.line_engine.orders import Orders, admitted_entries, orders_of
from tradectl.strategy.column_rules import ColumnRules
from tradectl.strategy.column_rules import Rule as OwnRule
from tradectl.strategy.expressions.line_rule import LineColumns, LineRule
from tradectl.strategy.parameters import Parameters

AHEAD = 16
"""The number of entries of a symbol whose sales are found at once, where a sale depends on facts of the position."""
LARGEST = 10**7 * 10**2 * 10**3
"""The largest order in paise (Rs 1,000 crore) for which charges fit 64 bits."""


class SpecialPosition(Struct, frozen=True):
    """Hold what `SymbolRun` made of one order: `number` is its index in the orders."""

    number: int
    fills: tuple[Fill, ...]
    adjustments: tuple[Adjustment, ...]
    orders: tuple[PlannedBuy, ...]
    ambiguous: tuple[date, ...]
    without_stop: tuple[date, ...]


@dataclass(frozen=True, eq=False)
class LineRun:
    """Hold the run of a rule over some symbols.

    Attributes:
        bars: The symbols.
        orders, firsts, exits: What each entry would lead to; `exits` is known for the positions that were held.
        taken: The indices of the orders that were made, ascending. Those in `special` are not among them.
        special: By symbol, the positions that `SymbolRun` ran, oldest first.
    """

    bars: Bars
    orders: Orders
    firsts: FirstSessions
    exits: Exits
    taken: Ints
    special: dict[int, list[SpecialPosition]]


def runs_in_arrays(rule: OwnRule, parameters: Parameters) -> bool:
    """Return whether this engine can run a rule with these settings."""
    if not isinstance(rule, LineRule):
        return False
    if rule.reentry or rule.size is not None or rule.securities != "shares":
        return False
    most = min(parameters.capital_per_trade, parameters.max_order_value) * 100
    return parameters.freeze != "position" and most <= LARGEST


def run_line_rule(
    contexts: Sequence[BacktestContext], rules: Sequence[ColumnRules], span: tuple[date, date], terms: Terms
) -> LineRun:
    """Return the run of one rule from `span[0]` to `span[1]`, both included.

    `contexts`: at least one, all with known minute sessions. `rules`: those of each context, all with one `BarCalculation`.
    """
    sessions, parameters = contexts[0].sessions, contexts[0].parameters
    first, last = max(span[0], sessions.first), min(span[1], sessions.last)
    columns = [item.columns for item in rules if isinstance(item.columns, LineColumns)]
    base, parsed = columns[0].calculation, columns[0].rule
    bars = Bars.of(contexts, [item.symbol for item in columns], first, last, terms)
    rule = Rule(parsed, base, bars)
    places = np.arange(len(bars.sessions))
    entries = base.condition(parsed.entry)[0][bars.rows(places), bars.column[bars.symbol]]
    orders = orders_of(bars, admitted_entries(bars, entries, parameters), parameters)
    firsts = first_sessions(bars, rule, orders, parameters)
    exits = Exits.unknown(len(orders.decided))
    chain = _Chain(bars, orders, firsts, span)
    search = ExitSearch(bars, rule)
    while len(pending := chain.follow(AHEAD if rule.of_position else len(orders.decided))):
        held = Held(firsts.entry[pending], bars.rows(orders.place[pending]))
        found = search.find(orders.place[pending], held)
        exits.put(pending, found)
        chain.learn(pending, found)
    return LineRun(bars, orders, firsts, exits, np.array(sorted(chain.taken), dtype=np.int64), chain.special)


class _Chain:
    """Follow each symbol from order to order.

    `taken`: the orders that were made. `special`: the positions that `SymbolRun` ran, by symbol.
    """

    def __init__(self, bars: Bars, orders: Orders, firsts: FirstSessions, span: tuple[date, date]) -> None:
        self.bars, self.orders, self.span = bars, orders, span
        self.taken: list[int] = []
        self.special: dict[int, list[SpecialPosition]] = {}
        self.runs: dict[int, SymbolRun] = {}
        self.outcome = firsts.outcome.tolist()
        self.ends = np.searchsorted(orders.decided, [*bars.begins[1:].tolist(), len(bars.sessions)]).tolist()
        begins = [0, *self.ends[:-1]]
        self.at = {n: begin for n, (begin, end) in enumerate(zip(begins, self.ends, strict=True)) if begin < end}
        self.following = np.searchsorted(orders.decided, self._resumes(firsts)).tolist()

    def _resumes(self, firsts: FirstSessions) -> Ints:
        """Return the place from which an entry may follow an order without shares at the close of its session.

        An order for a session without a bar expires on the next run session with a bar.
        """
        orders, bars = self.orders, self.bars
        found: Ints = orders.place + (firsts.outcome == Outcome.SOLD)
        for i in np.flatnonzero(~orders.there).tolist():
            end, place = int(bars.closes[bars.symbol[orders.decided[i]]]), int(found[i])
            while place < end and not bars.runs[place]:
                place += 1
            found[i] = place
        return found

    def learn(self, held: Ints, exits: Exits) -> None:
        """Take over the sales of some positions, after which each of them is SOLD or SPECIAL."""
        following = np.searchsorted(self.orders.decided, exits.place + 1).tolist()
        for k, then, special in zip(held.tolist(), following, exits.special.tolist(), strict=True):
            self.following[k], self.outcome[k] = then, Outcome.SPECIAL if special else Outcome.SOLD

    def follow(self, ahead: int) -> Ints:
        """Follow each symbol up to a position whose sale is unknown. Return these positions, and up to `ahead` later ones."""
        pending: list[int] = []
        for n, k in list(self.at.items()):
            at, end = self._follow(n, k), self.ends[n]
            if at >= end:
                del self.at[n]
                continue
            self.at[n] = at
            pending += [i for i in range(at, min(at + ahead, end)) if self.outcome[i] == Outcome.HELD]
        return np.array(pending, dtype=np.int64)

    def _follow(self, n: int, k: int) -> int:
        """Return the first order of symbol `n` from `k` on whose sale is unknown; that after its last one if there is none."""
        end, outcomes, following, taken = self.ends[n], self.outcome, self.following, self.taken
        while k < end:
            outcome = outcomes[k]
            if outcome == Outcome.SPECIAL:
                k = self._run(n, k)
            elif outcome == Outcome.HELD:
                return k
            else:
                taken.append(k)
                k = following[k]
        return k

    def _run(self, n: int, k: int) -> int:
        """Run one order of symbol `n` in `SymbolRun`. Return the next order."""
        context = self.bars.contexts[n]
        run = self.runs.get(n)
        if run is None:
            run = self.runs[n] = SymbolRun(context, *self.span, admitted=())
        fills, adjustments, orders = len(run.fills), len(run.adjustments), len(run.orders)
        ambiguous, without_stop = len(run.ambiguous), len(run.without_stop)
        begin = int(self.bars.begins[n])
        place = begin + run.run_from(int(self.orders.decided[k]) - begin)
        found = SpecialPosition(
            number=k,
            fills=tuple(run.fills[fills:]),
            adjustments=tuple(run.adjustments[adjustments:]),
            orders=tuple(run.orders[orders:]),
            ambiguous=tuple(run.ambiguous[ambiguous:]),
            without_stop=tuple(run.without_stop[without_stop:]),
        )
        self.special.setdefault(n, []).append(found)
        following = int(np.searchsorted(self.orders.decided, place))
        return min(following, int(self.ends[n]))
