"""Find how corporate actions changed lots: the lots before and after each split, bonus, consolidation or demerger."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.accounts.trade_history import position_rows
from tradectl.ledger.positions import folded
from tradectl.model.market import ActionKind
from tradectl.model.money import Paise
from tradectl.model.position import Lot

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger


class LotChange(Struct, frozen=True):
    """What one action did to the lots of one position.

    Attributes:
        spun_off: The cost that left with a demerged company (paise).
        ended: The cost of shares that a consolidation paid in cash (paise): no share of the position is left.
    """

    position_id: int
    instrument_id: str
    kind: ActionKind
    ex_date: date
    at: datetime
    before: tuple[Lot, ...]
    after: tuple[Lot, ...]
    spun_off: Paise
    ended: Paise


def lot_changes(ledger: Ledger) -> list[LotChange]:
    """Return the changes of all positions of the ledger's user, by time. Raises DatabaseError."""
    fills_of, actions_of = position_rows(ledger)
    found: list[LotChange] = []
    for position_id, actions in actions_of.items():
        ordered = sorted(actions, key=lambda row: (row.at, row.id))
        for place, row in enumerate(ordered):
            if row.kind == ActionKind.DIVIDEND:
                continue
            fills = [fill for fill in fills_of.get(position_id, []) if fill.at < row.at]
            before, after = folded(fills, ordered[:place]), folded(fills, ordered[: place + 1])
            if before.lots:
                ended = sum(trade.cost for trade in after.trades) - sum(trade.cost for trade in before.trades)
                spun_off = after.spun_off - before.spun_off
                instrument_id = fills[0].instrument_id
                found.append(
                    LotChange(
                        position_id=position_id,
                        instrument_id=instrument_id,
                        kind=ActionKind(row.kind),
                        ex_date=row.ex_date,
                        at=row.at,
                        before=before.lots,
                        after=after.lots,
                        spun_off=spun_off,
                        ended=ended,
                    )
                )
    return sorted(found, key=lambda item: (item.at, item.position_id))
