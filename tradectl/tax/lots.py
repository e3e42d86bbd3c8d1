"""Match sales with purchases: first in, first out, over the delivered shares of one account, exact to the paisa.

    cost of all buys = cost of open lots + cost of disposals, also across splits, bonuses, demergers and renames

Shares bought and sold on one day never reach the account: `matched` takes them apart as speculative pairs. In a trade-for-trade
series they do: a sale there takes shares of earlier days only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction

from msgspec import Struct

from tradectl.model.money import Paise
from tradectl.model.order import Side
from tradectl.tax.events import ShareAction, Trade, TradePart
from tradectl.tax.lot import Disposal, Lot, LotAccount, divided, held_from, split_treated
from tradectl.tax.lot_actions import apply
from tradectl.tax.rules import GRANDFATHERED, Treated, treated, with_difference


class SpeculativeTrade(Struct, frozen=True):
    """Shares that were bought and sold on one day. Amounts are paise; charges are those of both sides."""

    buy: Trade
    sale: Trade
    quantity: int
    cost: Paise
    proceeds: Paise
    buy_charges: Treated
    sale_charges: Treated
    doubts: tuple[str, ...] = ()


class Matched(Struct, frozen=True):
    """All lots still held, all disposals, and all same-day trades, in the order of their dates."""

    lots: tuple[Lot, ...] = ()
    disposals: tuple[Disposal, ...] = ()
    speculative: tuple[SpeculativeTrade, ...] = ()


def matched(delivered: Iterable[TradePart], netted: Iterable[TradePart], actions: Iterable[ShareAction] = ()) -> Matched:
    """Return lots, disposals and speculative trades.

    Args:
        delivered: The delivered part of each trade.
        netted: The part of each trade that was bought and sold on one day.
        actions: Corporate actions in any order. They apply before the trades of their ex-date.
    """
    account = LotAccount()
    events: list[tuple[date, int, object]] = [(item.ex_date, 0, item) for item in actions]
    ordered = sorted(delivered, key=lambda part: (part.trade.session, part.trade.at, part.trade.trade_id))
    events += [(part.trade.session, 1, part) for part in ordered if part.quantity]
    for _, _, event in sorted(events, key=lambda item: item[:2]):
        if isinstance(event, ShareAction):
            apply(account, event)
        elif isinstance(event, TradePart):
            _trade(account, event)
    lots = [lot for held in account.lots.values() for lot in held]
    return Matched(
        tuple(sorted(lots, key=lambda lot: (lot.symbol, lot.acquired or date.min))),
        tuple(account.disposals),
        tuple(_pairs(netted)),
    )


def _trade(account: LotAccount, part: TradePart) -> None:
    trade, charges = part.trade, _treated(part)
    if trade.side is Side.BUY:
        fair = Fraction(part.quantity if trade.session <= GRANDFATHERED else 0)
        account.of(trade.instrument).append(
            Lot(
                trade_id=trade.trade_id,
                instrument=trade.instrument,
                symbol=trade.symbol,
                isin=trade.isin,
                acquired=trade.session,
                quantity=part.quantity,
                entry_quantity=part.quantity,
                entry_price=trade.price,
                cost=part.value,
                charges=charges,
                fair_shares=fair,
                source=trade.source,
                doubts=part.doubts,
            )
        )
        return
    held = account.of(trade.instrument)
    kept = () if all(lot.quantity for lot in held) else ("no_whole_share",)
    taken, account.lots[trade.instrument] = _take(held, part.quantity, trade)
    missing = part.quantity - sum(lot.quantity for lot in taken)
    if missing:
        waiting = any(lot.quantity for lot in account.of(trade.instrument))  # bonus shares that are not allotted yet
        taken.append(
            Lot(
                trade_id="",
                instrument=trade.instrument,
                symbol=trade.symbol,
                isin=trade.isin,
                acquired=None,
                quantity=missing,
                entry_quantity=missing,
                entry_price=0,
                cost=0,
                charges=Treated(),
                origin="unknown",
                source="",
                doubts=("purchase_unknown", "bonus_not_allotted") if waiting else ("purchase_unknown",),
            )
        )
    shares = [lot.quantity for lot in taken]
    for lot, own in zip(taken, split_treated(charges, shares), strict=True):
        doubts = tuple(dict.fromkeys([*lot.doubts, *part.doubts, *kept]))
        account.disposals.append(Disposal(lot, trade, lot.quantity, lot.quantity * trade.price, own, doubts))


def _treated(part: TradePart) -> Treated:
    return with_difference(treated(part.lines, part.trade.session), part.difference)


def _take(lots: Sequence[Lot], quantity: int, sale: Trade) -> tuple[list[Lot], list[Lot]]:
    """Return the oldest shares as lots, at most `quantity`, and the lots that stay.

    A lot without a share stays. So do bonus shares whose allotment is after the day of the sale, and in a trade-for-trade series
    the shares that were bought on that day.
    """

    def stays(lot: Lot) -> bool:
        of_today = sale.trade_for_trade and lot.acquired == sale.session and lot.origin == "bought"
        return not lot.quantity or held_from(lot) > sale.session or of_today

    ordered = sorted(lots, key=held_from)
    rest, other = [lot for lot in ordered if not stays(lot)], [lot for lot in ordered if stays(lot)]
    taken: list[Lot] = []
    while quantity > 0 and rest:
        lot = rest.pop(0)
        if lot.quantity > quantity:
            lot, left = divided(lot, [quantity, lot.quantity - quantity])
            rest.insert(0, left)
        taken.append(lot)
        quantity -= lot.quantity
    return taken, [*rest, *other]


def _pairs(netted: Iterable[TradePart]) -> Iterable[SpeculativeTrade]:
    """Yield the netted shares of each instrument and day as pairs of a buy and a sale, the first with the first."""
    by_day: dict[tuple[date, str], tuple[list[TradePart], list[TradePart]]] = {}
    for part in sorted(netted, key=lambda part: (part.trade.at, part.trade.trade_id)):
        if part.quantity:
            sides = by_day.setdefault((part.trade.session, part.trade.instrument), ([], []))
            sides[part.trade.side is Side.SELL].append(part)
    for (day, _), (buys, sales) in sorted(by_day.items(), key=lambda item: item[0]):
        if sum(part.quantity for part in buys) != sum(part.quantity for part in sales):
            raise ValueError(f"the netted shares of {day} do not balance")
        cuts = sorted({*_ends(buys), *_ends(sales)})
        sizes = [end - start for start, end in zip([0, *cuts[:-1]], cuts, strict=True)]
        for (buy, own), (sale, other) in zip(_cut(buys, sizes), _cut(sales, sizes), strict=True):
            quantity = own.quantity
            yield SpeculativeTrade(
                buy.trade, sale.trade, quantity, quantity * buy.trade.price, quantity * sale.trade.price,
                own.charges, other.charges, tuple(dict.fromkeys([*buy.doubts, *sale.doubts])),
            )  # fmt: skip


class _Piece(Struct, frozen=True):
    quantity: int
    charges: Treated


def _ends(parts: Sequence[TradePart]) -> list[int]:
    ends, total = [], 0
    for part in parts:
        total += part.quantity
        ends.append(total)
    return ends


def _cut(parts: Sequence[TradePart], sizes: Sequence[int]) -> Iterable[tuple[TradePart, _Piece]]:
    """Yield the parts cut into pieces of these sizes; no piece crosses the end of a part."""
    left = list(sizes)
    for part in parts:
        own: list[int] = []
        while sum(own) < part.quantity:
            own.append(left.pop(0))
        for size, charges in zip(own, split_treated(_treated(part), own), strict=True):
            yield part, _Piece(size, charges)
