"""Make the `Backtest` of each symbol of a run: the same objects as `SymbolRun.run` makes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import numpy as np
from msgspec.structs import replace

from tradectl.backtest.symbol_run import Backtest, PlannedBuy
from tradectl.exchange.corporate_actions import BarStep, HeldShares, apply_actions
from tradectl.exchange.sessions import Session
from tradectl.model.history import Ints
from tradectl.model.order import Fill, Side
from tradectl.model.position import Adjustment, fold
from tradectl.research.line_engine.bars import Terms
from tradectl.research.line_engine.engine import LineRun, SpecialPosition
from tradectl.research.line_engine.fill_times import Paths
from tradectl.research.line_engine.positions import Positions, charges_of, positions_of


def backtests_of(run: LineRun, span: tuple[date, date], terms: Terms) -> list[Backtest]:
    """Return the backtest of each symbol. `span`: as of the run."""
    return _Results(run, span, terms).all()


class _Results:
    """Make the results of all symbols. Times of fills are computed at once for all of them."""

    def __init__(self, run: LineRun, span: tuple[date, date], terms: Terms) -> None:
        self.run, self.bars, self.terms = run, run.bars, terms
        sessions = self.bars.contexts[0].sessions
        self.span = max(span[0], sessions.first), min(span[1], sessions.last)
        self.held = positions_of(run)
        self.sessions: dict[int, Session] = {}
        self.opened: dict[int, datetime] = {}
        self.buy_seconds, self.sell_seconds = self._seconds()

    def all(self) -> list[Backtest]:
        """Return the backtest of each symbol."""
        count = len(self.bars.contexts)
        of_held = np.searchsorted(self.held.symbol, np.arange(count + 1)).tolist()
        taken_symbol = self.bars.symbol[self.run.orders.decided[self.run.taken]]
        of_taken = np.searchsorted(taken_symbol, np.arange(count + 1)).tolist()
        return [
            self._backtest(n, slice(of_held[n], of_held[n + 1]), self.run.taken[of_taken[n] : of_taken[n + 1]])
            for n in range(count)
        ]

    def _backtest(self, n: int, rows: slice, taken: Ints) -> Backtest:
        held, specials = self.held.take(rows), self.run.special.get(n, [])
        fills: list[Fill] = []
        charges: dict[str, int] = {}
        adjustments: list[Adjustment] = []
        orders: dict[int, tuple[PlannedBuy, ...]] = {number: (order,) for number, order in self._orders(n, taken)}
        ambiguous, without_stop = list[date](), list[date]()
        for special in specials:
            orders[special.number] = special.orders
            ambiguous += special.ambiguous
            without_stop += special.without_stop
        symbols = self._symbols(n, held)
        waiting = iter(specials)
        following = next(waiting, None)
        for i, number in enumerate(held.number.tolist()):
            while following is not None and following.number < number:
                self._add_special(following, fills, charges, adjustments)
                following = next(waiting, None)
            self._add(n, rows.start + i, symbols, fills, charges)
            adjustments += self._adjusted(n, held, i)
        while following is not None:
            self._add_special(following, fills, charges, adjustments)
            following = next(waiting, None)
        return Backtest(
            *self.span,
            tuple(fills),
            tuple(adjustments),
            charges,
            fold(fills, adjustments, charges),
            orders=tuple(order for number in sorted(orders) for order in orders[number]),
            ambiguous=tuple(sorted(ambiguous)),
            without_stop=tuple(without_stop),
        )

    def _orders(self, n: int, taken: Ints) -> Iterable[tuple[int, PlannedBuy]]:
        orders, begin = self.run.orders, int(self.bars.begins[n])
        columns = (orders.session[taken], orders.decided[taken] - begin, orders.limit[taken], orders.quantity[taken])
        for number, session, decided, limit, quantity in zip(
            taken.tolist(), *(column.tolist() for column in columns), strict=True
        ):
            yield number, PlannedBuy(date.fromordinal(session), decided, limit, quantity, 1)

    def _symbols(self, n: int, held: Positions) -> dict[int, str]:
        """Return the symbol of each session with a fill."""
        places = np.unique(np.concatenate([held.bought, held.sold[held.sold >= 0]]))
        days = self.bars.sessions[places]
        name = self.bars.contexts[n].history.instrument_id
        return dict(zip(days.tolist(), self.terms.symbols_on(name, days), strict=True))

    def _add(self, n: int, row: int, symbols: dict[int, str], fills: list[Fill], charges: dict[str, int]) -> None:
        """Add the fills of the position in a row of `held`."""
        held = self.held
        quantity = int(held.quantity[row])
        parts = [(Side.BUY, held.bought, held.paid, held.buy_charges, self.buy_seconds)]
        if held.sold[row] >= 0:
            parts.append((Side.SELL, held.sold, held.received, held.sell_charges, self.sell_seconds))
        for side, places, prices, charged, seconds in parts:
            day, number = int(self.bars.sessions[places[row]]), len(fills) + 1
            fill_id = f"{self.bars.contexts[n].history.instrument_id}-{number}"
            at = self._open_at(day) + timedelta(seconds=int(seconds[row]))
            session = date.fromordinal(day)
            fills.append(Fill(fill_id, symbols[day], side, quantity, int(prices[row]), session, at, number))
            charges[fill_id] = int(charged[row])

    def _add_special(
        self, special: SpecialPosition, fills: list[Fill], charges: dict[str, int], adjustments: list[Adjustment]
    ) -> None:
        """Add the fills of a position of `SymbolRun`, numbered after those before."""
        added = []
        for number, fill in enumerate(special.fills, len(fills) + 1):
            name = fill.fill_id.rpartition("-")[0]
            added.append(replace(fill, fill_id=f"{name}-{number}", order_id=number))
        fills += added
        charges.update(charges_of(self.bars, tuple(added)))
        adjustments += special.adjustments

    def _adjusted(self, n: int, held: Positions, i: int) -> tuple[Adjustment, ...]:
        """Return the dividends of a position. Other actions make a position special."""
        context, sold = self.bars.contexts[n], int(held.sold[i])
        after = int(self.bars.sessions[held.bought[i]])
        through = int(self.bars.sessions[sold if sold >= 0 else self.bars.closes[n] - 1])
        actions = [action for action in context.actions if after < action.ex_date.toordinal() <= through]
        if not actions:
            return ()
        step = BarStep(close=0, open=0, multiplier_before=1.0, multiplier=1.0, tick=1)
        return apply_actions(HeldShares(int(held.quantity[i])), actions, step, context.sessions)[1]

    # --- times

    def _session(self, day: int) -> Session:
        found = self.sessions.get(day)
        if found is None:
            session = self.bars.contexts[0].sessions.session(date.fromordinal(day))
            if session is None:
                raise AssertionError(f"a fill on {date.fromordinal(day)}, which is no session")
            found = self.sessions[day] = session
        return found

    def _open_at(self, day: int) -> datetime:
        found = self.opened.get(day)
        if found is None:
            found = self.opened[day] = self._session(day).open_at()
        return found

    def _minutes(self, places: Ints) -> Ints:
        """Return the length of the session of each place for its symbol."""
        found = []
        for place, day in zip(places.tolist(), self.bars.sessions[places].tolist(), strict=True):
            session = self._session(day)
            length = session.minutes(closing_auction=False)
            if length != session.minutes(closing_auction=True):
                instrument = self.bars.contexts[int(self.bars.symbol[place])].instrument(session.date)
                length = session.minutes(instrument.closing_auction)
            found.append(length)
        return np.array(found, dtype=np.int64)

    def _paths(self, places: Ints) -> Paths:
        bars = self.bars
        prices = np.stack([column[places] for column in (bars.open, bars.high, bars.low, bars.close)])
        return Paths.of(prices, self._minutes(places))

    def _seconds(self) -> tuple[Ints, Ints]:
        """Return the second of each buy and of each sale, counted from the open; 0 at the open."""
        held, firsts, exits = self.held, self.run.firsts, self.run.exits
        number, same_day = held.number, held.sold == held.bought
        buys, sells = np.zeros(len(number), dtype=np.int64), np.zeros(len(number), dtype=np.int64)
        late = np.flatnonzero(~firsts.buy_at_open[number])
        paths = self._paths(held.bought[late])
        buys[late] = paths.first_at_or_below(held.paid[late], buys[late])
        at_open = np.where(same_day, firsts.sell_at_open[number], exits.at_open[number])
        late = np.flatnonzero((held.sold >= 0) & ~at_open)
        paths, level = self._paths(held.sold[late]), held.received[late]
        low_first = paths.prices[1] <= paths.prices[2]
        rises = np.where(low_first, paths.seconds[1], np.where(_bought_late(self, late, same_day), paths.seconds[2], 0))
        sells[late] = paths.first_at_or_above(level, rises)
        return buys, sells


def _bought_late(results: _Results, rows: Ints, same_day: Ints) -> Ints:
    """Return which sales are of shares that were bought on the same day after the open."""
    held = results.held.take(rows)
    late: Ints = same_day[rows] & ~results.run.firsts.buy_at_open[held.number]
    return late
