"""Calculate what the account holds, may sell and may spend, from holdings of the morning, net positions of today, and funds.

Holdings have no price and, with most brokers, do not show which shares are not delivered yet (`t1_quantity` where they do).
Whether a sale of today is taken off their quantity differs. So they are read so that never more is offered than can surely be
sold: what a net position has sold today is taken off, what it has bought today counts as not delivered, and what is not
delivered is not sellable. Where the broker has taken a sale off already, it counts twice until the next day.

`availablecash` has another meaning behind each broker. With Zerodha and Angel it is net + debits - collateral: gross of what is
blocked for resting orders and spent today. So `utiliseddebits` are taken off, unless the adapter of the broker behind is known
to have done it. Behind an unknown broker they may be taken off twice, and a buy is then smaller than the funds allow, never
larger.

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
    """Return every symbol with shares now.

    A row of holdings is about delivery whatever product it names. The rows of a symbol on two exchanges are one holding. A
    symbol with a row that cannot be read has no holding.
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
    """Return the positions that a day's trades make, as far as `holdings` reads them.

    A trade that cannot be read is an odd row, which `holdings` passes on.
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


def _holding(name: str, told: tuple[int, int, int]) -> Holding | None:
    free, fresh, net = told
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
"""Brokers whose `availablecash` is what is left to spend."""
EXACT = frozenset({"angel", "zerodha"})
"""Brokers whose `availablecash` less `utiliseddebits` is what is left to spend, whatever the sign of the debits."""
LISTS_RUPEES = frozenset({"zerodha"})
"""Brokers whose list of instruments has ticks in rupees; others write paise, or 0."""


def available(data: Mapping[str, Any], broker: str) -> int:
    """Return the paise that may be spent on buys now, by a reply to `funds`. Raises KeyError or ValueError where it has no
    figure."""
    if data["availablecash"] is None:
        raise ValueError("availablecash is missing")
    cash, debits = about_paise(data["availablecash"]), about_paise(data.get("utiliseddebits"))
    if broker in NET:
        return cash
    return cash - (debits if broker in EXACT else max(0, debits))
