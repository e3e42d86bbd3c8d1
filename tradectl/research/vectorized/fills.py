"""Record the fills of lanes, and compute their trades with charges by date. The trades equal those of `model.position.fold`.

All fills of a position, from its first buy to its last sale, have one *holding* number. Most holdings consist of buys and one
sale of all shares; their trades are computed with arrays. The others (corporate actions, sales in parts) are computed by `fold`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tradectl.exchange.charge_rows import by_rates, side_charges
from tradectl.exchange.charges import day_charges
from tradectl.exchange.corporate_actions import BEFORE_THE_DAY
from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.model.history import Ints
from tradectl.model.moment import at_ist
from tradectl.model.order import Fill, Side
from tradectl.model.position import Adjustment, Folded, Trade, fold


@dataclass(frozen=True, eq=False)
class TradeColumns:
    """Hold closed trades as columns, one row per `model.position.Trade`, ordered by setting, exit and instrument.

    `setting` and `instrument`: indices. Sessions are ordinals. Amounts are in paise; `cost` is without charges.
    """

    setting: Ints
    instrument: Ints
    entry_session: Ints
    exit_session: Ints
    quantity: Ints
    entry_quantity: Ints
    entry_price: Ints
    exit_price: Ints
    gross: Ints
    charges: Ints
    net: Ints
    cost: Ints

    def __len__(self) -> int:
        return len(self.setting)

    def take(self, rows: NDArray[np.bool_] | Ints) -> TradeColumns:
        """Return some rows, by a mask or indices."""
        return TradeColumns(*(getattr(self, item.name)[rows] for item in fields(self)))

    def trade(self, row: int, symbol: str) -> Trade:
        """Return one row as a `Trade`."""
        entry, exit_ = (date.fromordinal(int(column[row])) for column in (self.entry_session, self.exit_session))
        amounts = (self.quantity, self.entry_quantity, self.entry_price, self.exit_price, self.gross, self.charges, self.net)
        return Trade(symbol, entry, exit_, *(int(column[row]) for column in amounts))

    @classmethod
    def joined(cls, parts: Sequence[TradeColumns]) -> TradeColumns:
        """Return the rows of all parts in the order of this class."""
        columns = [np.concatenate([getattr(part, item.name) for part in parts] or [_NONE]) for item in fields(cls)]
        found = cls(*columns)
        keys = (found.quantity, found.entry_price, found.entry_session, found.instrument, found.exit_session, found.setting)
        return found.take(np.lexsort(keys))


class FillColumns(NamedTuple):
    """Hold fills as columns, those of a lane in order of time.

    `holding`: number of the position. `row`: row of the session. `buy`: True for a buy. `price`: paise."""

    holding: Ints
    lane: Ints
    row: Ints
    buy: NDArray[np.bool_]
    quantity: Ints
    price: Ints

    def take(self, rows: NDArray[Any] | slice) -> FillColumns:
        """Return some rows, by a mask, indices or a slice."""
        return FillColumns(*(column[rows] for column in self))  # type: ignore[arg-type]  # columns are of two kinds


class OpenPosition(Struct, frozen=True):
    """Hold the open position of a lane at the end of a run."""

    lane: int
    folded: Folded


_NONE: Ints = np.empty(0, dtype=np.int64)


class FillLog:
    """Record the fills of all lanes, session after session."""

    def __init__(self, lanes: int) -> None:
        self._fills: list[tuple[int, bool, Ints, Ints, Ints, Ints]] = []
        self._holding = np.full(lanes, -1, dtype=np.int64)
        self._next = 0
        self.adjustments: dict[int, list[Adjustment]] = {}

    def add(self, side: Side, row: int, lanes: Ints, quantity: Ints, price: Ints, *, opens: Ints = _NONE) -> None:
        """Add one fill for each of these lanes. It must be later than all recorded fills.

        `opens`: the lanes whose buy begins a new holding. A buy on the day of the last sale stays in that holding, because both
        share the charges of the day.
        """
        self._holding[opens] = np.arange(self._next, self._next + len(opens))
        self._next += len(opens)
        self._fills.append((row, side is Side.BUY, self._holding[lanes], lanes, quantity, price))

    def adjust(self, lane: int, booked: Iterable[Adjustment]) -> None:
        """Add the adjustments of a lane's position by corporate actions."""
        self.adjustments.setdefault(int(self._holding[lane]), []).extend(booked)

    def fills(self) -> FillColumns:
        """Return all fills, sorted by holding and then time."""
        if not self._fills:
            return FillColumns(_NONE, _NONE, _NONE, np.empty(0, dtype=np.bool_), _NONE, _NONE)
        rows, buys, *columns = zip(*self._fills, strict=True)
        holding, lane, quantity, price = (np.concatenate(parts, dtype=np.int64) for parts in columns)
        lengths = [len(part) for part in columns[0]]
        found = FillColumns(holding, lane, np.repeat(rows, lengths), np.repeat(buys, lengths), quantity, price)
        return found.take(np.argsort(found.holding, kind="stable"))


def trades_of(
    fill_log: FillLog, days: Ints, width: int, numbers: Sequence[int], *, tariff: Tariff = ZERODHA
) -> tuple[TradeColumns, Callable[[], list[OpenPosition]]]:
    """Return the closed trades, and a function that returns the open positions, because most callers need only the trades.

    Args:
        fill_log: The recorded fills.
        days: Date of each row (ordinals).
        width: Number of instruments.
        numbers: Index of each setting in the result.
        tariff: The table of charges.
    """
    fills = fill_log.fills()
    bounds = np.flatnonzero(np.r_[True, fills.holding[1:] != fills.holding[:-1]]) if len(fills.holding) else _NONE
    plain = _plain(fills, bounds, fill_log.adjustments)
    in_plain = np.repeat(plain, np.diff(np.r_[bounds, len(fills.holding)]))
    parts = [_sold_whole(fills.take(in_plain), days, width, tariff)]
    sold = np.add.reduceat((~fills.buy).astype(np.int64), bounds) > 0 if len(bounds) else plain

    def folded(chosen: NDArray[np.bool_]) -> list[OpenPosition]:
        """Return the positions of some holdings, also those without shares."""
        made = []
        ends = np.r_[bounds[1:], len(fills.holding)]
        for start, stop in zip(bounds[chosen].tolist(), ends[chosen].tolist(), strict=True):
            own = fills.take(slice(start, stop))
            adjustments = fill_log.adjustments.get(int(own.holding[0]), ())
            made.append(OpenPosition(int(own.lane[0]), _folded(own, adjustments, days, tariff)))
        return made

    in_parts = folded(~plain & sold)
    parts += [trade_columns(item.folded.trades, item.lane, width) for item in in_parts]
    found = TradeColumns.joined(parts)
    settings = np.asarray(numbers, dtype=np.int64)[found.setting] if len(found) else found.setting
    closed = TradeColumns(settings, *(getattr(found, item.name) for item in fields(found)[1:]))
    return closed, lambda: [item for item in (*in_parts, *folded(~sold)) if item.folded.quantity]


def _plain(fills: FillColumns, bounds: Ints, adjusted: Iterable[int]) -> NDArray[np.bool_]:
    """Return which holdings consist of buys on different days and then one sale of all shares."""
    if not len(bounds):
        return np.empty(0, dtype=np.bool_)
    signed = np.where(fills.buy, fills.quantity, -fills.quantity)
    last = np.r_[bounds[1:], len(fills.holding)] - 1
    twice = np.r_[False, fills.buy[1:] & fills.buy[:-1] & (fills.row[1:] == fills.row[:-1])]
    one_sale = (np.add.reduceat((~fills.buy).astype(np.int64), bounds) == 1) & ~fills.buy[last]
    whole = (np.add.reduceat(signed, bounds) == 0) & (np.add.reduceat(twice.astype(np.int64), bounds) == 0)
    plain: NDArray[np.bool_] = one_sale & whole & ~np.isin(fills.holding[bounds], list(adjusted))
    return plain


def _sold_whole(fills: FillColumns, days: Ints, width: int, tariff: Tariff) -> TradeColumns:
    """Return the trades of plain holdings: one per buy, with its share of the charges of the sale."""
    sale = np.flatnonzero(~fills.buy)
    lot = np.flatnonzero(fills.buy)
    of = np.searchsorted(sale, lot)  # the sale that ends the holding of each buy
    sold_row, price, quantity = fills.row[sale][of], fills.price[sale][of], fills.quantity[lot]
    same_day = fills.row[lot] == sold_row
    cost = quantity * fills.price[lot]
    bought = _charges(Side.BUY, cost, days[fills.row[lot]], same_day, tariff)
    intraday = np.bincount(of, weights=np.where(same_day, quantity, 0), minlength=len(sale)).astype(np.int64)
    charges = bought + _share_out(_sale_charges(fills, sale, intraday, days, tariff), of, quantity)
    gross = quantity * price - cost
    lane = fills.lane[lot]
    return TradeColumns(
        setting=lane // width,
        instrument=lane % width,
        entry_session=days[fills.row[lot]],
        exit_session=days[sold_row],
        quantity=quantity,
        entry_quantity=quantity,
        entry_price=fills.price[lot],
        exit_price=price,
        gross=gross,
        charges=charges,
        net=gross - charges,
        cost=cost,
    )


def _sale_charges(fills: FillColumns, sale: Ints, intraday: Ints, days: Ints, tariff: Tariff) -> Ints:
    """Return the charges of each sale in paise. `intraday`: number of its shares that were bought on the same day."""
    quantity, price = fills.quantity[sale], fills.price[sale]
    total = _charges(Side.SELL, quantity * price, days[fills.row[sale]], intraday == quantity, tariff)
    for i in np.flatnonzero((intraday > 0) & (intraday < quantity)).tolist():
        end = int(sale[i])
        own = fills.take(slice(end - 1, end + 1))  # the last buy is that of the same day
        day, of_day = _as_fills(own, days)
        total[i] = day_charges(day, of_day, tariff).sell.total
    return total


def _charges(side: Side, values: Ints, days: Ints, intraday: NDArray[np.bool_], tariff: Tariff) -> Ints:
    """Return the charges of fills in paise, by value and date. `intraday`: intraday or delivery rates."""
    total = np.zeros(len(values), dtype=np.int64)
    for table, rows in by_rates(days, tariff):
        for part in (False, True):
            own = rows[intraday[rows] == part]
            if len(own):
                total[own] = side_charges(side, values[own], table, intraday=part)
    return total


def _share_out(totals: Ints, of: Ints, weights: Ints) -> Ints:
    """Return the parts of many totals, as `model.money.share_out`. `of`: index of the total of each weight, ascending."""
    whole = np.bincount(of, weights=weights, minlength=len(totals)).astype(np.int64)
    parts = totals[of] * weights // whole[of]
    left = totals - np.bincount(of, weights=parts, minlength=len(totals)).astype(np.int64)
    order = np.lexsort((-(totals[of] * weights % whole[of]), of))
    start = np.searchsorted(of, np.arange(len(totals)))
    rank = np.empty(len(of), dtype=np.int64)
    rank[order] = np.arange(len(of)) - start[of]
    parts[rank < left[of]] += 1
    return parts


def _as_fills(fills: FillColumns, days: Ints) -> tuple[date, list[Fill]]:
    """Return the date of the first fill, and the fills as `Fill` objects in order."""
    found = []
    for i, (row, buy, quantity, price) in enumerate(zip(*(column.tolist() for column in fills[2:]), strict=True), 1):
        day = date.fromordinal(int(days[row]))
        at = at_ist(day, BEFORE_THE_DAY).astimezone(UTC) + timedelta(hours=2, seconds=i)
        found.append(Fill(str(i), "", Side.BUY if buy else Side.SELL, quantity, price, day, at, i))
    return found[0].session, found


def _folded(fills: FillColumns, adjustments: Iterable[Adjustment], days: Ints, tariff: Tariff) -> Folded:
    _, found = _as_fills(fills, days)
    charges: dict[str, int] = {}
    for day, of_day in groupby(found, key=lambda fill: fill.session):
        charges.update(day_charges(day, list(of_day), tariff).by_fill)
    return fold(found, adjustments, charges)


def trade_columns(trades: Sequence[Trade], lane: int, width: int) -> TradeColumns:
    """Return the trades of one lane as columns. `width`: number of instruments."""
    rows = [
        (
            lane // width,
            lane % width,
            item.entry_session.toordinal(),
            item.exit_session.toordinal(),
            item.quantity,
            item.entry_quantity,
            item.entry_price,
            item.exit_price,
            item.gross,
            item.charges,
            item.net,
            item.cost,
        )
        for item in trades
    ]
    return TradeColumns(*np.array(rows, dtype=np.int64).reshape(len(rows), len(fields(TradeColumns))).T)
