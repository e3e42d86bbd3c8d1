"""What we hold and may sell, from two answers: holdings as they were this morning, and today's net positions.

Holdings tell neither a price nor, with most brokers, which shares are not delivered yet (`t1_quantity` where they do); and
whether a sale of today is taken off their quantity differs. So they are read so that never more is offered than can surely be
sold: what a net position has sold today is taken off, what it has bought today counts as not delivered, and what is not delivered
is not sellable. Where the broker has taken a sale off already, it counts twice until the next day.

Source: openalgo's documentation of holdings (`quantity`: free, settled shares; `t1_quantity` 0 where a broker does not tell).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

from tradectl.brokers import storable
from tradectl.brokers.openalgo.rows import Moment, Row, concerns, side, symbol_of, whole
from tradectl.brokers.securities import counted_once
from tradectl.model.moment import ist_date
from tradectl.model.order import Holding, Side


def holdings(held: Iterable[Row], positions: Iterable[Row]) -> tuple[Holding, ...]:
    """Every symbol of which there are shares now. A row of holdings is about delivery whatever product it names. The rows of a
    symbol on two exchanges are one holding."""
    free: Counter[str] = Counter()
    fresh: Counter[str] = Counter()
    net: Counter[str] = Counter()
    for row in counted_once(held, lambda row: symbol_of(row["symbol"]), lambda row: whole(row["quantity"])):
        symbol = symbol_of(row["symbol"])
        free[symbol] += whole(row["quantity"])
        fresh[symbol] += whole(row.get("t1_quantity") or 0)
    for row in filter(concerns, positions):
        net[symbol_of(row["symbol"])] += whole(row["quantity"])
    symbols = dict.fromkeys([*free, *net])
    return tuple(item for symbol in symbols if (item := _holding(symbol, free[symbol], fresh[symbol], net[symbol])) is not None)


def positions_of(trades: Iterable[Row], moment: Moment, today: date) -> list[Row]:
    """Return what the positions would tell of a day's trades, as far as `holdings` reads it."""
    return [
        {**row, "quantity": whole(row["quantity"]) if side(row) is Side.BUY else -whole(row["quantity"])}
        for row in trades
        if concerns(row) and ist_date(moment(str(row["timestamp"]))) == today
    ]


def _holding(symbol: str, free: int, fresh: int, net: int) -> Holding | None:
    bought, sold = max(0, net), max(0, -net)
    delivered = max(0, free - sold)
    undelivered = max(0, fresh - max(0, sold - free)) + bought
    return storable.holding(Holding(symbol, delivered, undelivered, delivered)) if delivered + undelivered else None
