"""Which rows of a broker's holdings are the security that our market data mean by a symbol.

A depository keeps shares by ISIN, and a broker lists them by symbol. Another ISIN under the symbol of a position is another
security (preference or partly paid shares, another company): its shares are not ours, and never offered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from tradectl.errors import UsageError
from tradectl.model.market import changes_shares
from tradectl.model.odd_rows import Rows, odd_of
from tradectl.model.order import Holding
from tradectl.ports import MarketData

Row = Mapping[str, Any]
_ISIN = re.compile(r"IN[A-Z0-9]{9}[0-9]")
_ISSUER = 9
"""The first characters of an ISIN name the issuer and the kind of security; a split changes those behind them."""
CHANGING = timedelta(days=45)
"""How long after a split or consolidation our market data may still have the ISIN of before."""


def counted_once(rows: Iterable[Row], security: Callable[[Row], str], size: Callable[[Row], int]) -> list[Row]:
    """Return one row for each security of a list of holdings, in the order of the list.

    A security that is listed for two exchanges is one number of shares at the depository: the row of NSE counts, unless it has no
    shares; of several the largest. `security` names it by its ISIN, or by its symbol where the broker tells no ISIN."""
    found: dict[str, Row] = {}

    def weight(row: Row) -> tuple[bool, bool, int]:
        return size(row) > 0, row["exchange"] == "NSE", size(row)

    for row in rows:
        name = security(row)
        if name not in found or weight(row) > weight(found[name]):
            found[name] = row
    return list(found.values())


def of_known_securities(holdings: Iterable[Holding], market: MarketData, day: date) -> Rows[Holding]:
    """Return the holdings, with no shares for a symbol whose shares are of another security; `other_isin` then names it. Rows
    that cannot be read stay beside them."""
    found: dict[str, Holding] = {}
    odd = odd_of(holdings)
    for item in holdings:
        other = _other_isin(item, market, day)
        known = found.get(item.symbol)
        if other:
            found.setdefault(item.symbol, Holding(item.symbol, 0, 0, 0, other_isin=other))
        elif known is None or known.other_isin:
            found[item.symbol] = item
        else:
            found[item.symbol] = replace(
                known,
                quantity=known.quantity + item.quantity,
                t1_quantity=known.t1_quantity + item.t1_quantity,
                sellable=known.sellable + item.sellable,
                pledged=known.pledged + item.pledged,
            )
    return Rows(found.values(), odd)


def _other_isin(item: Holding, market: MarketData, day: date) -> str:
    """Return the ISIN of a holding where it is not the one that our market data have; empty where it is, or nothing tells."""
    if not _ISIN.fullmatch(item.isin):
        return ""
    try:
        instrument = market.instrument(market.find(item.symbol, day), day)
    except UsageError:
        return ""
    known = instrument.isin or ""
    if not _ISIN.fullmatch(known) or known == item.isin:
        return ""
    if known[:_ISSUER] == item.isin[:_ISSUER] and any(
        changes_shares(action) for action in market.actions(instrument.instrument_id, day - CHANGING, day)
    ):
        return ""
    return item.isin
