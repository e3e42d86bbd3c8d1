"""Calculate what the account holds, may sell and may spend, from the holdings of the morning and the positions of today.

Today's buys are in the positions only. From the next session they are in the holdings: in `totalQty` and `t1Qty` (measured
2026-08). So shares = holdings + bought today - sold today. A sale first takes shares bought today, then delivered ones.
Dhan does not document whether `availableQty` falls with today's sales. So the smaller of `availableQty` and the shares left
counts as sellable. Without a DDPI a sell needs an authorisation: Dhan checks it and rejects the order.

Sources: dhanhq.co/docs/v2/portfolio and /funds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.brokers.account.securities import counted_once
from tradectl.brokers.dhan.rows import NAMES, SERIES_KEY, Known, Row, about_paise, concerns, named, symbol, traded_at
from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.row_reading import read_rows, readable_holdings
from tradectl.brokers.http.value_ranges import QUANTITY, SHARES, OddValue, holding, whole
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import RowKind, Rows
from tradectl.model.order import ALIVE, Funds, Holding, OrderReport, Side

_OF_HOLDING = ("totalQty", "t1Qty", "availableQty")
_OF_DAY = ("dayBuyQty", "daySellQty")


class _Shares(Struct, frozen=True):
    """Hold the share counts of one security.

    Attributes:
        whole: All shares of this morning, with the pledged ones.
        fresh: Those of `whole` that are not delivered yet.
        free: Those of `whole` that may be sold.
        bought, sold: Shares traded today.
        restricted: Shares bought today cannot be sold today (trade for trade).
    """

    whole: int = 0
    fresh: int = 0
    free: int = 0
    pledged: int = 0
    bought: int = 0
    sold: int = 0
    restricted: bool = False


def holdings(held: Any, positions: Any, known: Known) -> Rows[Holding]:
    """Return the holdings with shares now. A security on two exchanges counts once.

    A position has a symbol: it counts for each held security of that symbol. A symbol with an odd row has no holding.
    """
    morning = read_rows(RowKind.HOLDING, named(held, known), _readable_holding, NAMES)
    today = read_rows(RowKind.POSITION, named(positions, known), _readable_position, NAMES)
    found: dict[tuple[str, str], _Shares] = {}
    for row in counted_once(morning, lambda row: row.get("isin") or symbol(row), lambda row: whole(row["totalQty"])):
        found[symbol(row), row.get("isin") or ""] = _Shares(
            whole=whole(row["totalQty"]),
            fresh=whole(row["t1Qty"]),
            free=whole(row["availableQty"]),
            pledged=whole(row.get("collateralQty") or 0),
            restricted=_restricted(row),
        )
    for row in today:
        name = symbol(row)
        for key in [key for key in found if key[0] == name] or [(name, row.get("isin") or "")]:
            before = found.get(key, _Shares())
            found[key] = replace(
                before,
                bought=before.bought + whole(row["dayBuyQty"]),
                sold=before.sold + whole(row["daySellQty"]),
                restricted=before.restricted or _restricted(row),
            )
    counts = [(name, (isin, shares)) for (name, isin), shares in found.items()]
    return readable_holdings(counts, _holding, (*morning.odd, *today.odd))


def positions_of(trades: Sequence[Any], today: date, known: Known) -> Rows[Row]:
    """Return one position row for each trade of today (GET /trades), with the fields that `holdings` reads.

    A trade that cannot be read becomes an odd row.
    """

    def read(row: Row) -> Row | None:
        if not concerns(row):
            return None
        shares = whole(row["tradedQuantity"], "tradedQuantity", QUANTITY)
        bought = Side(row["transactionType"]) is Side.BUY
        if ist_date(traded_at(row)) != today:
            return None
        return {**row, "dayBuyQty": shares if bought else 0, "daySellQty": 0 if bought else shares}

    return read_rows(RowKind.POSITION, named(trades, known), read, NAMES)


def _readable_holding(row: Row) -> Row:
    symbol(row)
    for name in _OF_HOLDING:
        whole(row[name], name, SHARES)
    whole(row.get("collateralQty") or 0, "collateralQty", SHARES)
    _assert_texts(row, "isin", "exchange")
    return {"exchange": "", **row}


def _readable_position(row: Row) -> Row | None:
    if not concerns(row):
        return None
    symbol(row)
    for name in _OF_DAY:
        whole(row[name], name, SHARES)
    _assert_texts(row, "isin")
    return row


def _assert_texts(row: Row, *names: str) -> None:
    """Raise OddValue for the first of these fields that is present and not text."""
    for name in names:
        if row.get(name) is not None and not isinstance(row[name], str):
            raise OddValue(name, row[name])


def _restricted(row: Mapping[str, Any]) -> bool:
    return row.get(SERIES_KEY) not in {None, "EQ"}


def _holding(name: str, counts: tuple[str, _Shares]) -> Holding | None:
    isin, shares = counts
    morning = shares.whole - shares.pledged
    total = morning + shares.bought - shares.sold
    if total <= 0:
        return Holding(name, 0, 0, 0, shares.pledged, isin) if shares.pledged else None
    from_before = max(0, shares.sold - shares.bought)
    of_today = max(0, shares.bought - shares.sold)
    delivered = min(total, max(0, morning - shares.fresh - from_before))
    sellable = max(0, min(shares.free, morning - from_before)) + (0 if shares.restricted else of_today)
    return holding(Holding(name, delivered, total - delivered, sellable, shares.pledged, isin))


def funds(limit: Row, flow: int) -> Funds:
    """Return the funds in paise. Cash = the balance of the morning + `flow`, the cash that today's trades and charges moved."""
    available, withheld = _spendable(limit)
    cash = about_paise(limit["sodLimit"], "sodLimit") + flow
    return value_ranges.funds(Funds(available, max(0, cash - available - withheld), cash))


def funds_without_trades(limit: Row, orders: Iterable[OrderReport]) -> Funds:
    """Return the funds in paise if some trade of today cannot be read.

    Cash = what may be spent + proceeds not yet released + what open buy orders block.
    """
    available, withheld = _spendable(limit)
    resting = [item for item in orders if item.side is Side.BUY and item.status in ALIVE]
    blocked = sum((item.quantity - item.filled_quantity) * item.price for item in resting)
    return value_ranges.funds(Funds(available, blocked, available + withheld + blocked))


def _spendable(limit: Row) -> tuple[int, int]:
    """Return the paise that may be spent, and the proceeds of today's sales that may not be spent yet."""
    withheld = about_paise(limit["receiveableAmount"], "receiveableAmount")
    return about_paise(limit["availabelBalance"], "availabelBalance"), withheld
