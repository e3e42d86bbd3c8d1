"""What we hold and may sell, from two replies: holdings as they were this morning, and the day's positions.

A buy of today is in the positions only, and in `t1Qty` of the holdings from the next session on (`totalQty` counts it; measured
2026-08). So shares = holdings + bought today - sold today. A sale takes the day's own shares first, then delivered ones.
`availableQty` may or may not be reduced by today's sales: the smaller of it and what is left is offered. Whether shares are
authorised for sale (without a DDPI) is left to Dhan, which rejects.

Source: dhanhq.co/docs/v2/portfolio.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tradectl.brokers import storable
from tradectl.brokers.dhan.rows import Named, Row, concerns, whole
from tradectl.model.order import Holding


def holdings(held: Iterable[Row], positions: Iterable[Row], named: Named, restricted: frozenset[str]) -> tuple[Holding, ...]:
    """Return every symbol of which there are shares now. `restricted`: symbols whose shares cannot be sold on the day they were
    bought (trade for trade)."""
    total: Counter[str] = Counter()
    fresh: Counter[str] = Counter()
    free: Counter[str] = Counter()
    pledged: Counter[str] = Counter()
    bought: Counter[str] = Counter()
    sold: Counter[str] = Counter()
    for row in held:
        symbol = named(row)
        total[symbol] += whole(row["totalQty"])
        fresh[symbol] += whole(row["t1Qty"])
        free[symbol] += whole(row["availableQty"])
        pledged[symbol] += whole(row.get("collateralQty") or 0)
    for row in filter(concerns, positions):
        symbol = named(row)
        bought[symbol] += whole(row["dayBuyQty"])
        sold[symbol] += whole(row["daySellQty"])
    symbols = dict.fromkeys([*total, *bought, *sold])
    found = (
        _holding(
            symbol,
            whole_morning=total[symbol] - pledged[symbol],
            fresh=fresh[symbol],
            free=free[symbol],
            pledged=pledged[symbol],
            bought=bought[symbol],
            sold=sold[symbol],
            restricted=symbol in restricted,
        )
        for symbol in symbols
    )
    return tuple(item for item in found if item is not None)


def _holding(
    symbol: str, *, whole_morning: int, fresh: int, free: int, pledged: int, bought: int, sold: int, restricted: bool
) -> Holding | None:
    total = whole_morning + bought - sold
    if total <= 0:
        return Holding(symbol, 0, 0, 0, pledged) if pledged else None
    from_before = max(0, sold - bought)
    of_today = max(0, bought - sold)
    delivered = min(total, max(0, whole_morning - fresh - from_before))
    sellable = min(free, whole_morning - from_before) + (0 if restricted else of_today)
    return storable.holding(Holding(symbol, delivered, total - delivered, sellable, pledged))
