"""Calculate what the account holds, may sell and may spend, from the morning's holdings, today's net positions, and funds.

Most brokers do not show which shares are undelivered (`t1_quantity` if they do). Only some reduce the holdings by today's sales.
So only shares that can surely be sold count as sellable: shares sold today are subtracted, and shares bought today or undelivered
are not sellable. If the broker already subtracted a sale, the sale counts twice until the next day.

The meaning of `availablecash` depends on the broker behind OpenAlgo. At Zerodha and Angel it is net + debits - collateral, so it
includes money that open orders block or that was spent today. So `utiliseddebits` are subtracted, unless OpenAlgo's adapter for
the broker is known to do that. For an unknown broker they may be subtracted twice: a buy is then too small, but never too large.

Sources: openalgo's documentation of holdings (`quantity`: free, settled shares; `t1_quantity` 0 where a broker does not report
it); marketcalls/openalgo 60156bc, broker/*/api/funds.py (read one by one) and services/symbol_service.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from tradectl.brokers.account.securities import counted_once
from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.row_reading import read_field, read_rows, readable_holdings
from tradectl.brokers.http.value_ranges import SHARES
from tradectl.brokers.openalgo.rows import NAMES, Moment, Row, about_paise, concerns, side, symbol, whole
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import RowKind, Rows
from tradectl.model.order import Holding, Side


def holdings(held: Iterable[Row], positions: Iterable[Row]) -> Rows[Holding]:
    """Return the holdings with shares now.

    Every row of `held` counts as delivery, whatever its product is. Rows of a symbol on two exchanges are one holding. A symbol
    with an unreadable row has no holding.
    """
    morning = read_rows(RowKind.HOLDING, held, _readable_holding, NAMES)
    today = read_rows(RowKind.POSITION, positions, _readable_position, NAMES)
    free: Counter[str] = Counter()
    fresh: Counter[str] = Counter()
    net: Counter[str] = Counter()
    for row in counted_once(morning, symbol, lambda row: whole(row["quantity"])):
        free[symbol(row)] += whole(row["quantity"])
        fresh[symbol(row)] += whole(row.get("t1_quantity") or 0)
    for row in today:
        net[symbol(row)] += whole(row["quantity"])
    shares = {name: (free[name], fresh[name], net[name]) for name in dict.fromkeys([*free, *net])}
    return readable_holdings(shares.items(), _holding, (*morning.odd, *today.odd))


def positions_of(trades: Iterable[Row], moment: Moment, today: date) -> Rows[Row]:
    """Return one position row for each trade of today, with the fields that `holdings` reads.

    A trade that cannot be read becomes an odd row.
    """

    def read(row: Row) -> Row | None:
        if not concerns(row):
            return None
        shares, sign = whole(row["quantity"]), 1 if side(row) is Side.BUY else -1
        at = read_field(row, "timestamp", lambda text: moment(str(text)))
        return {**row, "quantity": sign * shares} if ist_date(at) == today else None

    return read_rows(RowKind.POSITION, trades, read, NAMES)


def _readable_holding(row: Row) -> Row:
    symbol(row)
    whole(row["quantity"], "quantity", SHARES)
    whole(row.get("t1_quantity") or 0, "t1_quantity", SHARES)
    if not isinstance(row["exchange"], str):
        raise value_ranges.OddValue("exchange", row["exchange"])
    return row


def _readable_position(row: Row) -> Row | None:
    if not concerns(row):
        return None
    symbol(row)
    whole(row["quantity"])
    return row


def _holding(name: str, counts: tuple[int, int, int]) -> Holding | None:
    free, fresh, net = counts
    bought, sold = max(0, net), max(0, -net)
    delivered = max(0, free - sold)
    undelivered = max(0, fresh - max(0, sold - free)) + bought
    return value_ranges.holding(Holding(name, delivered, undelivered, delivered)) if delivered + undelivered else None


NET = frozenset(
    {
        "arrow", "compositedge", "dhan", "dhan_sandbox", "firstock", "fivepaisa", "fivepaisaxts", "flattrade", "hdfcsecurities",
        "hdfcsky", "ibulls", "iifl", "indmoney", "jainamxts", "mstock", "nubra", "pocketful", "rmoney", "samco", "shoonya",
        "tradejini", "tradesmart", "wisdom", "zebu",
    }
)  # fmt: skip
"""Brokers whose `availablecash` is the money that may be spent."""
EXACT = frozenset({"angel", "zerodha"})
"""Brokers whose `availablecash` minus `utiliseddebits` is the money that may be spent, also with negative debits."""
LISTS_RUPEES = frozenset({"zerodha"})
"""Brokers whose list of instruments has tick sizes in rupees. Other lists have paise, or 0."""


def available(data: Mapping[str, Any], broker: str) -> int:
    """Return the paise that may be spent on buys now, from a reply to `funds`. Raises KeyError or ValueError without amounts."""
    if data["availablecash"] is None:
        raise ValueError("availablecash is missing")
    cash, debits = about_paise(data["availablecash"]), about_paise(data.get("utiliseddebits"))
    if broker in NET:
        return cash
    return cash - (debits if broker in EXACT else max(0, debits))
