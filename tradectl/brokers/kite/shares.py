"""What we hold and may sell, from two answers: holdings as they were this morning, and what was traded today.

A CNC buy of today is in the positions only; a CNC sell of today is a negative position and the `used_quantity` of its holding.
So shares = holdings + bought today - sold today. As at the paper exchange a sale takes the day's own shares first, then the
delivered ones.

How many shares a row of holdings stands for is told twice: `quantity` with or without `t1_quantity` (documentation and mocks
disagree), and `opening_quantity`, which in the mocks is quantity + t1. The smaller of the two readings is taken, and of
`used_quantity` and the day's sells the larger, so that never more is offered than could surely be sold. Whether shares are
authorised for sale (without a power of attorney) is left to Kite, which refuses.

Source: kiteconnect-mocks holdings.json (rows SBIN, RELIANCE: t1_quantity 7 and 2) and positions.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tradectl.brokers import storable
from tradectl.brokers.kite.rows import NAMES, Row, concerns, symbol_of
from tradectl.brokers.row_reading import clean, read_rows
from tradectl.brokers.storable import SHARES, whole
from tradectl.model.odd_rows import RowKind, Rows
from tradectl.model.order import Holding

TRADE_FOR_TRADE = ("-BE", "-BZ")
"""Shares of these series cannot be sold on the day they were bought."""


@dataclass(frozen=True, slots=True)
class _Shares:
    """Of one symbol: `whole` this morning, `fresh` of them not delivered, `used` sold by the holdings' own count. `pledged`
    (`collateral_quantity`) shares are not in `quantity`."""

    whole: int = 0
    fresh: int = 0
    used: int = 0
    bought: int = 0
    sold: int = 0
    pledged: int = 0
    trade_for_trade: bool = False


def holdings(held: Iterable[Row], positions: Mapping[str, Any]) -> Rows[Holding]:
    """Every symbol of which there are shares now, by GET /portfolio/holdings and /portfolio/positions. Of a symbol with a row
    that cannot be read nothing is known."""
    morning = read_rows(RowKind.HOLDING, held, _readable(_OF_HOLDING), NAMES)
    today = read_rows(RowKind.POSITION, positions["day"], _readable(_OF_DAY), NAMES)
    found: dict[str, _Shares] = {}
    for row in morning:
        symbol, quantity, fresh = symbol_of(row["tradingsymbol"]), whole(row["quantity"]), whole(row["t1_quantity"])
        told = row.get("opening_quantity")
        opening = min(quantity + fresh, whole(told) if told is not None else quantity)
        before = found.get(symbol, _Shares())
        found[symbol] = replace(
            before,
            whole=before.whole + opening,
            fresh=before.fresh + fresh,
            used=before.used + whole(row["used_quantity"]),
            pledged=before.pledged + whole(row.get("collateral_quantity") or 0),
            trade_for_trade=before.trade_for_trade or _restricted(row),
        )
    for row in today:
        symbol = symbol_of(row["tradingsymbol"])
        before = found.get(symbol, _Shares())
        found[symbol] = replace(
            before,
            bought=before.bought + whole(row["day_buy_quantity"]),
            sold=before.sold + whole(row["day_sell_quantity"]),
            trade_for_trade=before.trade_for_trade or _restricted(row),
        )
    return clean(found, _holding, (*morning.odd, *today.odd))


_OF_HOLDING = ("quantity", "t1_quantity", "used_quantity")
_OF_DAY = ("day_buy_quantity", "day_sell_quantity")
_MAY_BE_ABSENT = ("opening_quantity", "collateral_quantity")


def _readable(fields: Sequence[str]) -> Callable[[Row], Row | None]:
    """Return the check of a row: None for a row of another exchange or product. OddValue where it cannot be read."""

    def check(row: Row) -> Row | None:
        if not concerns(row):
            return None
        storable.symbol(symbol_of(row["tradingsymbol"]), "tradingsymbol")
        for name in fields:
            whole(row[name], name, SHARES)
        for name in _MAY_BE_ABSENT:
            if row.get(name) is not None:
                whole(row[name], name, SHARES)
        return row

    return check


def _restricted(row: Row) -> bool:
    return str(row["tradingsymbol"]).endswith(TRADE_FOR_TRADE)


def _holding(symbol: str, shares: _Shares) -> Holding | None:
    sold = max(shares.sold, shares.used)
    total = shares.whole + shares.bought - sold
    if total <= 0:
        return Holding(symbol, 0, 0, 0, shares.pledged) if shares.pledged else None
    of_today = max(0, shares.bought - sold)
    delivered = min(total, max(0, shares.whole - shares.fresh - max(0, sold - shares.bought)))
    sellable = total - of_today if shares.trade_for_trade else total
    return storable.holding(Holding(symbol, delivered, total - delivered, sellable, shares.pledged))
