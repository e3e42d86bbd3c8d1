"""Divide the charges of fills among the trades that closed their shares, and the lots that are still held, line by line.

A charge belongs to one trade only. The charges of a buy follow its shares: they are divided among the trades that sell them, and
the lots that are still held. The charges of a sale belong to the trades that it closes. Fills of a ledger and of a backtest are
read in this one way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from msgspec import Struct

from tradectl.accounts.charge_lines import ChargeLines, summed
from tradectl.model.money import Paise
from tradectl.model.order import Side
from tradectl.model.position import Folded, Lot, Trade

BY_HAND, CORPORATE_ACTION = "by_hand", "corporate_action"
"""The purposes of exits without an order of ours: sold outside tradectl, and shares that a consolidation paid in cash."""


class ChargedFill(Struct, frozen=True):
    """A fill with its charges by line. Amounts in paise.

    Attributes:
        booked: The shares that change a position of ours; less than `quantity` for a sale outside tradectl.
        purpose: The purpose of its order; `by_hand` without an order.
        lines: The charges of the whole fill.
        booked_lines: The charges of the booked shares.
    """

    id: int
    trade_id: str
    order_id: int | None
    position_id: int | None
    instrument_id: str
    symbol: str
    side: Side
    quantity: int
    booked: int
    price: Paise
    session: date
    at: datetime
    external: bool
    purpose: str
    lines: ChargeLines
    booked_lines: ChargeLines


class ClosedTrade(Struct, frozen=True):
    """A lot, or a part of it, that was sold.

    Attributes:
        exit: None for shares that a consolidation paid in cash.
        lines: The charges of both sides; their sum is `trade.charges`.
    """

    position_id: int
    instrument_id: str
    trade: Trade
    entry: ChargedFill
    exit: ChargedFill | None
    lines: ChargeLines

    @property
    def id(self) -> str:
        """Return the id: the ids of the fills that bought and sold it, such as `12-15`."""
        return f"{self.entry.id}-{self.exit.id if self.exit else 0}"

    @property
    def exit_purpose(self) -> str:
        """Return the purpose of the sale."""
        return self.exit.purpose if self.exit else CORPORATE_ACTION


class OpenLot(Struct, frozen=True):
    """A lot that is held, with the charges of its buy by line."""

    position_id: int
    instrument_id: str
    lot: Lot
    entry: ChargedFill
    lines: ChargeLines


def charged_trades(
    position_id: int, state: Folded, charged: Mapping[str, ChargedFill]
) -> tuple[list[ClosedTrade], list[OpenLot]]:
    """Return the closed trades and the open lots of one position.

    Args:
        state: The position, folded from these fills.
        charged: Its fills by the id that `fold` knew them by, the oldest first.
    """
    buys = [fill.booked_lines for fill in charged.values() if fill.side is Side.BUY]
    paid = _drawn(buys, [trade.entry_charges for trade in state.trades] + [lot.charges for lot in state.lots])
    sold = _sale_lines(state.trades, charged)
    trades = [
        ClosedTrade(
            position_id=position_id,
            instrument_id=charged[trade.entry_fill].instrument_id,
            trade=trade,
            entry=charged[trade.entry_fill],
            exit=charged.get(trade.exit_fill),
            lines=bought + sale,
        )
        for trade, bought, sale in zip(state.trades, paid, sold, strict=False)
    ]
    lots = [
        OpenLot(position_id, charged[lot.fill_id].instrument_id, lot, charged[lot.fill_id], part)
        for lot, part in zip(state.lots, paid[len(state.trades) :], strict=True)
    ]
    return trades, lots


def _drawn(buys: Iterable[ChargeLines], amounts: Iterable[Paise]) -> list[ChargeLines]:
    """Divide the charges of a position's buys, the oldest first, into parts of these amounts, which sum to all charges.

    Shares are sold first in, first out, so each part comes from the buy of its shares. Only a lot that a consolidation merged
    into another one has its charges in the next part.
    """
    rest = deque(buys)
    parts: list[ChargeLines] = []
    for amount in amounts:
        part = ChargeLines()
        while rest and rest[0].total <= amount - part.total:
            part += rest.popleft()
        if rest and (left := amount - part.total):
            taken = rest[0].part(left)
            rest[0] -= taken
            part += taken
        parts.append(part)
    if parts and rest:  # lines that sum to 0: a levy that the table has and the ledger has not
        parts[-1] += summed(rest)
    return parts


def _sale_lines(trades: Sequence[Trade], charged: Mapping[str, ChargedFill]) -> list[ChargeLines]:
    """Return the charges of the sale of each trade. One fill may close several lots."""
    by_fill: dict[str, list[int]] = {}
    for place, trade in enumerate(trades):
        by_fill.setdefault(trade.exit_fill, []).append(place)
    found = [ChargeLines()] * len(trades)
    for fill_id, places in by_fill.items():
        if fill_id:
            amounts = [trades[place].charges - trades[place].entry_charges for place in places]
            for place, part in zip(places, charged[fill_id].booked_lines.divided(amounts), strict=True):
                found[place] = part
    return found
