"""Match sales with purchases: first in, first out, over the delivered shares of one account, exact to the paisa.

    cost of all buys = cost of open lots + cost of disposals, also across splits, bonuses, demergers and renames

Shares bought and sold on one day never reach the account: `matched` takes them apart as speculative pairs. In a trade-for-trade
series they do: a sale there takes shares of earlier days only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

from tradectl.model.money import Paise, share_out
from tradectl.model.order import Side
from tradectl.tax.events import ActionType, ShareAction, Trade, TradePart
from tradectl.tax.rules import GRANDFATHERED, Treated, treated


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares of one purchase that are still held. Amounts are paise.

    Attributes:
        trade_id: The trade that bought them; of bonus and demerged shares, that of the shares they came from.
        acquired: The day from which they are held; None if the purchase is not recorded.
        quantity: Shares now; `entry_quantity` the same shares as they were bought.
        cost: What was paid, without charges.
        charges: The charges of the purchase by their treatment.
        fair_shares: How many shares of 2018-01-31 these are, for lots bought until then; else 0.
        origin: bought, bonus, demerger or unknown.
    """

    trade_id: str
    instrument: str
    symbol: str
    isin: str
    acquired: date | None
    quantity: int
    entry_quantity: int
    entry_price: Paise
    cost: Paise
    charges: Treated
    fair_shares: Fraction = Fraction(0)
    origin: str = "bought"
    source: str = "ledger"
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disposal:
    """A lot, or a part of it, that one trade sold. `proceeds`: quantity x price, paise. `charges`: those of the sale."""

    lot: Lot
    sale: Trade
    quantity: int
    proceeds: Paise
    charges: Treated
    doubts: tuple[str, ...] = ()

    @property
    def sold(self) -> date:
        """Return the date of the contract note."""
        return self.sale.session


@dataclass(frozen=True, slots=True)
class SpeculativeTrade:
    """Shares that were bought and sold on one day. Amounts are paise; charges are those of both sides."""

    buy: Trade
    sale: Trade
    quantity: int
    cost: Paise
    proceeds: Paise
    buy_charges: Treated
    sale_charges: Treated
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matched:
    """All lots still held, all disposals, and all same-day trades, in the order of their dates."""

    lots: tuple[Lot, ...] = ()
    disposals: tuple[Disposal, ...] = ()
    speculative: tuple[SpeculativeTrade, ...] = ()


@dataclass(slots=True)
class _Account:
    lots: dict[str, list[Lot]] = field(default_factory=dict)
    disposals: list[Disposal] = field(default_factory=list)

    def of(self, instrument: str) -> list[Lot]:
        return self.lots.setdefault(instrument, [])


def matched(delivered: Iterable[TradePart], netted: Iterable[TradePart], actions: Iterable[ShareAction] = ()) -> Matched:
    """Return lots, disposals and speculative trades.

    Args:
        delivered: The delivered part of each trade.
        netted: The part of each trade that was bought and sold on one day.
        actions: Corporate actions in any order. They apply before the trades of their ex-date.
    """
    account = _Account()
    events: list[tuple[date, int, object]] = [(item.ex_date, 0, item) for item in actions]
    ordered = sorted(delivered, key=lambda part: (part.trade.session, part.trade.at, part.trade.trade_id))
    events += [(part.trade.session, 1, part) for part in ordered if part.quantity]
    for _, _, event in sorted(events, key=lambda item: item[:2]):
        if isinstance(event, ShareAction):
            _apply(account, event)
        elif isinstance(event, TradePart):
            _trade(account, event)
    lots = [lot for held in account.lots.values() for lot in held]
    return Matched(
        tuple(sorted(lots, key=lambda lot: (lot.symbol, lot.acquired or date.min))),
        tuple(account.disposals),
        tuple(_pairs(netted)),
    )


def _trade(account: _Account, part: TradePart) -> None:
    trade, charges = part.trade, treated(part.lines, part.trade.session)
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


def _take(lots: Sequence[Lot], quantity: int, sale: Trade) -> tuple[list[Lot], list[Lot]]:
    """Return the oldest shares as lots, at most `quantity`, and the lots that stay.

    A lot without a share stays. So do bonus shares whose allotment is after the day of the sale, and in a trade-for-trade series
    the shares that were bought on that day.
    """

    def stays(lot: Lot) -> bool:
        of_today = sale.trade_for_trade and lot.acquired == sale.session and lot.origin == "bought"
        return not lot.quantity or _held_from(lot) > sale.session or of_today

    ordered = sorted(lots, key=_held_from)
    rest, other = [lot for lot in ordered if not stays(lot)], [lot for lot in ordered if stays(lot)]
    taken: list[Lot] = []
    while quantity > 0 and rest:
        lot = rest.pop(0)
        if lot.quantity > quantity:
            lot, left = _divided(lot, [quantity, lot.quantity - quantity])
            rest.insert(0, left)
        taken.append(lot)
        quantity -= lot.quantity
    return taken, [*rest, *other]


def _held_from(lot: Lot) -> date:
    return lot.acquired or date.min


def _divided(lot: Lot, quantities: list[int]) -> list[Lot]:
    """Return a lot as several, with cost and charges in proportion to their shares."""
    entries, costs = share_out(lot.entry_quantity, quantities), share_out(lot.cost, quantities)
    charges = split_treated(lot.charges, quantities)
    return [
        replace(
            lot, quantity=count, entry_quantity=entries[i], cost=costs[i], charges=charges[i],
            fair_shares=lot.fair_shares * count / lot.quantity,
        )
        for i, count in enumerate(quantities)
    ]  # fmt: skip


def split_treated(charges: Treated, weights: list[int]) -> list[Treated]:
    """Return charges divided in proportion to the weights; each part adds up exactly."""
    parts = [share_out(amount, weights) for amount in (charges.deducted, charges.not_deducted, charges.doubtful)]
    return [Treated(*(part[i] for part in parts)) for i in range(len(weights))]


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


@dataclass(frozen=True, slots=True)
class _Piece:
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
        for size, charges in zip(own, split_treated(treated(part.lines, part.trade.session), own), strict=True):
            yield part, _Piece(size, charges)


# -- corporate actions ----------------------------------------------------------------------------------------------------


def _apply(account: _Account, action: ShareAction) -> None:
    held = account.of(action.instrument)
    if action.kind is ActionType.RENAME:
        moved = [replace(lot, instrument=action.to, symbol=action.to, isin=action.to_isin or lot.isin) for lot in held]
        account.lots[action.instrument] = []
        account.lots[action.to] = sorted([*account.of(action.to), *moved], key=_held_from)
        return
    empty, held = [lot for lot in held if not lot.quantity], [lot for lot in held if lot.quantity]
    if not held:
        return
    if action.doubts:
        held = [replace(lot, doubts=tuple(dict.fromkeys([*lot.doubts, *action.doubts]))) for lot in held]
    account.lots[action.instrument] = held
    if action.kind is ActionType.DEMERGER:
        _demerge(account, action, held)
    elif action.kind is ActionType.BONUS:
        total = sum(lot.quantity for lot in held)
        new = total * action.ratio.numerator // action.ratio.denominator - total
        bonus = [_bonus(held[0], action, new)] if new > 0 else []
        account.lots[action.instrument] = _with_fraction(held, [*held, *bonus], action)
    else:
        account.lots[action.instrument] = _with_fraction(held, _scaled(held, action), action)
    account.lots[action.instrument] = [*empty, *account.of(action.instrument)]


def _with_fraction(before: Sequence[Lot], after: list[Lot], action: ShareAction) -> list[Lot]:
    """Return the lots after an action, with a doubt if it gave a fraction of a share: companies pay that in cash."""
    if (sum(lot.quantity for lot in before) * action.ratio).denominator == 1:
        return after
    return [replace(lot, doubts=tuple(dict.fromkeys([*lot.doubts, "fraction_in_cash"]))) for lot in after]


def _bonus(of: Lot, action: ShareAction, quantity: int) -> Lot:
    day = action.allotted or action.ex_date
    return replace(
        of, trade_id=f"bonus {action.ex_date} {of.symbol}", acquired=day, quantity=quantity, entry_quantity=quantity,
        entry_price=0, cost=0, charges=Treated(), fair_shares=Fraction(quantity if day <= GRANDFATHERED else 0),
        origin="bonus", source=action.source,
        doubts=action.doubts if action.allotted else ("bonus_from_ex_date", *action.doubts),
    )  # fmt: skip


def _scaled(held: Sequence[Lot], action: ShareAction) -> list[Lot]:
    """Return the lots of a split or consolidation: other shares, the same cost and dates."""
    before = [lot.quantity for lot in held]
    counts = share_out(sum(before) * action.ratio.numerator // action.ratio.denominator, before)
    early = action.ex_date <= GRANDFATHERED
    doubts = ("split_rule_unsure",)
    lots = [
        replace(
            lot, quantity=count, fair_shares=lot.fair_shares * action.ratio if early else lot.fair_shares,
            doubts=tuple(dict.fromkeys([*lot.doubts, *doubts])),
        )
        for lot, count in zip(held, counts, strict=True)
    ]  # fmt: skip
    return _without_empty(lots)


def _without_empty(lots: list[Lot]) -> list[Lot]:
    """Return the lots that have a share. The cost of the others joins the largest lot, so that no paisa is lost.

    If none has a share, one lot without a share keeps the cost: no sale takes it.
    """
    if all(lot.quantity for lot in lots):
        return lots
    place = max(range(len(lots)), key=lambda i: lots[i].quantity)
    largest = lots[place]
    if not largest.quantity:
        largest = replace(largest, doubts=tuple(dict.fromkeys([*largest.doubts, "no_whole_share"])))
    for i, lot in enumerate(lots):
        if not lot.quantity and i != place:
            largest = replace(
                largest, cost=largest.cost + lot.cost, charges=largest.charges + lot.charges,
                entry_quantity=largest.entry_quantity + lot.entry_quantity,
                doubts=tuple(dict.fromkeys([*largest.doubts, *lot.doubts, "merged_lots"])),
            )  # fmt: skip
    lots[place] = largest
    return [lot for i, lot in enumerate(lots) if lot.quantity or i == place]


def _demerge(account: _Account, action: ShareAction, held: list[Lot]) -> None:
    """Move the published part of each lot's cost to lots of the other company, which are held from the same day."""
    if action.cost_moved is None or not action.to:
        doubt = "demerger_ratio_missing"
        account.lots[action.instrument] = [replace(lot, doubts=tuple(dict.fromkeys([*lot.doubts, doubt]))) for lot in held]
        return
    before = [lot.quantity for lot in held]
    counts = share_out(sum(before) * action.ratio.numerator // action.ratio.denominator, before)
    if not sum(counts):
        account.lots[action.instrument] = _with_fraction(held, held, action)
        return
    stays, new = [], []
    for lot, count in zip(held, counts, strict=True):
        cost, deducted, other, doubtful = (
            int(amount * action.cost_moved + Fraction(1, 2))
            for amount in (lot.cost, lot.charges.deducted, lot.charges.not_deducted, lot.charges.doubtful)
        )
        moved = Treated(deducted, other, doubtful)
        kept = Treated(lot.charges.deducted - deducted, lot.charges.not_deducted - other, lot.charges.doubtful - doubtful)
        stays.append(replace(lot, cost=lot.cost - cost, charges=kept))
        old = lot.acquired is not None and lot.acquired <= GRANDFATHERED
        doubts = [*lot.doubts, *(["demerger_fair_value"] if old else [])]
        new.append(
            replace(
                lot, instrument=action.to, symbol=action.to, isin=action.to_isin, quantity=count, entry_quantity=count,
                entry_price=0, cost=cost, charges=moved, origin="demerger", fair_shares=Fraction(0),
                doubts=tuple(dict.fromkeys(doubts)),
            )
        )  # fmt: skip
    new = _with_fraction(held, _without_empty(new), action)
    account.lots[action.instrument] = stays
    account.lots[action.to] = sorted([*account.of(action.to), *new], key=_held_from)
