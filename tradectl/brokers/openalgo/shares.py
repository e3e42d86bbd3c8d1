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

from tradectl.brokers import storable
from tradectl.brokers.openalgo.rows import NAMES, Row, concerns, symbol_of, whole
from tradectl.brokers.row_reading import clean, read_rows
from tradectl.brokers.storable import SHARES
from tradectl.model.odd_rows import RowKind, Rows
from tradectl.model.order import Holding


def holdings(held: Iterable[Row], positions: Iterable[Row]) -> Rows[Holding]:
    """Every symbol of which there are shares now. A row of holdings is about delivery whatever product it names. Of a symbol with
    a row that cannot be read nothing is known."""
    morning = read_rows(RowKind.HOLDING, held, _readable_holding, NAMES)
    today = read_rows(RowKind.POSITION, positions, _readable_position, NAMES)
    free: Counter[str] = Counter()
    fresh: Counter[str] = Counter()
    net: Counter[str] = Counter()
    for row in morning:
        symbol = symbol_of(row["symbol"])
        free[symbol] += whole(row["quantity"])
        fresh[symbol] += whole(row.get("t1_quantity") or 0)
    for row in today:
        net[symbol_of(row["symbol"])] += whole(row["quantity"])
    shares = {symbol: (free[symbol], fresh[symbol], net[symbol]) for symbol in dict.fromkeys([*free, *net])}
    return clean(shares, _holding, (*morning.odd, *today.odd))


def _readable_holding(row: Row) -> Row:
    storable.symbol(symbol_of(row["symbol"]))
    whole(row["quantity"], "quantity", SHARES)
    whole(row.get("t1_quantity") or 0, "t1_quantity", SHARES)
    return row


def _readable_position(row: Row) -> Row | None:
    if not concerns(row):
        return None
    storable.symbol(symbol_of(row["symbol"]))
    whole(row["quantity"])
    return row


def _holding(symbol: str, told: tuple[int, int, int]) -> Holding | None:
    free, fresh, net = told
    bought, sold = max(0, net), max(0, -net)
    delivered = max(0, free - sold)
    undelivered = max(0, fresh - max(0, sold - free)) + bought
    return storable.holding(Holding(symbol, delivered, undelivered, delivered)) if delivered + undelivered else None
