"""Compute a position from its fills and adjustments: first in, first out, exact to the paisa.

Only fills and adjustments are stored. Charges are an input, because they are known for a day and not for a fill. They are split
over lots and sales so that every sum agrees exactly:

    bought = cost (still held) + cost of what was sold + spun_off          realised = sold - cost of what was sold
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from tradectl.model.market import ActionKind
from tradectl.model.money import Paise, share_out
from tradectl.model.order import Fill, Side


class Adjustment(Struct, frozen=True):
    """The effect of one corporate action on one position.

    Attributes:
        kind: A value of ActionKind.
        at: The moment at which it applies.
        ratio: Shares after the action for one share before (bonus 1:1: 2).
        cost_kept: The share of the cost that stays (demerger).
        cash: Paise paid for a fraction of a share, or as the dividend.
    """

    kind: str
    ex_date: date
    at: datetime
    ratio: Fraction = Fraction(1)
    cost_kept: Fraction | float = Fraction(1)
    cash: Paise = 0


class Lot(Struct, frozen=True):
    """The shares of one buy that are still held. Amounts are in paise.

    Attributes:
        quantity: Shares after splits and bonuses.
        entry_quantity: The same shares as they were bought.
        cost: Without charges.
        charges: The part of the buy's charges for these shares.
    """

    fill_id: str
    symbol: str
    session: date
    quantity: int
    entry_quantity: int
    entry_price: Paise
    cost: Paise
    charges: Paise


@dataclass(frozen=True, slots=True)
class Trade:
    """A lot, or a part of it, that one fill sold. Prices are as traded; amounts are in paise.

    Attributes:
        quantity: Shares as sold.
        entry_quantity: Shares as bought, which differ after a split.
        gross: exit_price x quantity - cost.
        net: gross - charges.
        exit_fill: The id of the fill that sold it; empty where no fill did.
        entry_fill: The id of the fill that bought it.
        entry_charges: The part of `charges` that the buy caused; the rest is of the sale.
    """

    symbol: str
    entry_session: date
    exit_session: date
    quantity: int
    entry_quantity: int
    entry_price: Paise
    exit_price: Paise
    gross: Paise
    charges: Paise
    net: Paise
    exit_fill: str = field(default="", compare=False, kw_only=True)
    entry_fill: str = field(default="", compare=False, kw_only=True)
    entry_charges: Paise = field(default=0, compare=False, kw_only=True)

    @property
    def cost(self) -> Paise:
        """Return the cost of the sold shares, without charges."""
        return self.exit_price * self.quantity - self.gross


class Folded(Struct, frozen=True):
    """The state of a position after its fills. Amounts are in paise.

    Attributes:
        cost: The cost of the shares held, without charges.
        realised: The gross result of all sales.
        charges: The charges of all fills.
        spun_off: The cost that demergers moved to other securities.
        dividends, cash_in_lieu: Cash received, which is not part of `realised`.
    """

    quantity: int = 0
    cost: Paise = 0
    bought: Paise = 0
    sold: Paise = 0
    realised: Paise = 0
    charges: Paise = 0
    spun_off: Paise = 0
    dividends: Paise = 0
    cash_in_lieu: Paise = 0
    lots: tuple[Lot, ...] = ()
    trades: tuple[Trade, ...] = ()


@dataclass(slots=True)
class _Running:
    """The mutable state of a position while `fold` runs."""

    lots: list[Lot] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    bought: Paise = 0
    sold: Paise = 0
    charges: Paise = 0
    spun_off: Paise = 0
    dividends: Paise = 0
    cash_in_lieu: Paise = 0

    @property
    def quantity(self) -> int:
        return sum(lot.quantity for lot in self.lots)


def fold(fills: Iterable[Fill], adjustments: Iterable[Adjustment] = (), charges: Mapping[str, Paise] | None = None) -> Folded:
    """Return the position after the fills and adjustments of one symbol, applied in order of time.

    At the same moment, adjustments come before fills. `charges`: paise by fill id. Raises ValueError if a fill sells more shares
    than are held.
    """
    by_fill = charges or {}
    events: list[Fill | Adjustment] = sorted([*adjustments, *fills], key=lambda event: event.at)
    run = _Running()
    for event in events:
        if isinstance(event, Adjustment):
            _adjust(run, event)
        else:
            _trade(run, event, by_fill.get(event.fill_id, 0))
    return Folded(
        quantity=run.quantity,
        cost=sum(lot.cost for lot in run.lots),
        bought=run.bought,
        sold=run.sold,
        realised=sum(trade.gross for trade in run.trades),
        charges=run.charges,
        spun_off=run.spun_off,
        dividends=run.dividends,
        cash_in_lieu=run.cash_in_lieu,
        lots=tuple(run.lots),
        trades=tuple(run.trades),
    )


def shares_after(quantity: int, ratio: Fraction) -> int:
    """Return the number of whole shares after an action. A fraction is paid in cash."""
    return quantity * ratio.numerator // ratio.denominator


def fraction_cash(quantity: int, ratio: Fraction, previous_close: Paise | Fraction) -> Paise:
    """Return the paise for the fraction of a share that remains after an action, rounded half up.

    `previous_close`: the last close before the action, adjusted only for earlier actions of the same day.
    """
    left = quantity * ratio - shares_after(quantity, ratio)
    return int(left * previous_close / ratio + Fraction(1, 2))


def _trade(run: _Running, fill: Fill, charges: Paise) -> None:
    run.charges += charges
    if fill.side is Side.BUY:
        cost = fill.quantity * fill.price
        run.bought += cost
        run.lots.append(Lot(fill.fill_id, fill.symbol, fill.session, fill.quantity, fill.quantity, fill.price, cost, charges))
        return
    if fill.quantity > run.quantity:
        raise ValueError(f"{fill.symbol}: {fill.quantity} sold on {fill.session}, only {run.quantity} held")
    run.sold += fill.quantity * fill.price
    closed, run.lots = _take(run.lots, fill.quantity)
    parts = share_out(charges, [lot.quantity for lot in closed])
    run.trades += [_closed(lot, fill.session, fill.price, part, fill.fill_id) for lot, part in zip(closed, parts, strict=True)]


def _take(lots: Sequence[Lot], quantity: int) -> tuple[list[Lot], list[Lot]]:
    """Return the oldest `quantity` shares as lots, and the lots that stay."""
    taken: list[Lot] = []
    rest = list(lots)
    while quantity > 0:
        lot = rest.pop(0)
        if lot.quantity > quantity:
            lot, left = _split(lot, quantity)
            rest.insert(0, left)
        taken.append(lot)
        quantity -= lot.quantity
    return taken, rest


def _split(lot: Lot, quantity: int) -> tuple[Lot, Lot]:
    """Return a lot as two, with cost, charges and bought shares split in proportion."""
    weights = [quantity, lot.quantity - quantity]
    shares, costs, charges = (share_out(total, weights) for total in (lot.entry_quantity, lot.cost, lot.charges))
    first, second = (
        replace(lot, quantity=weights[i], entry_quantity=shares[i], cost=costs[i], charges=charges[i]) for i in (0, 1)
    )
    return first, second


def _closed(lot: Lot, session: date, price: Paise, sell_charges: Paise, exit_fill: str = "") -> Trade:
    gross = price * lot.quantity - lot.cost
    charges = lot.charges + sell_charges
    return Trade(
        symbol=lot.symbol,
        entry_session=lot.session,
        exit_session=session,
        quantity=lot.quantity,
        entry_quantity=lot.entry_quantity,
        entry_price=lot.entry_price,
        exit_price=price,
        gross=gross,
        charges=charges,
        net=gross - charges,
        exit_fill=exit_fill,
        entry_fill=lot.fill_id,
        entry_charges=lot.charges,
    )


def _adjust(run: _Running, event: Adjustment) -> None:
    if not run.lots:
        return
    if event.kind == ActionKind.DIVIDEND:
        run.dividends += event.cash
        return
    run.cash_in_lieu += event.cash
    if event.kind == ActionKind.DEMERGER:
        kept = Fraction(event.cost_kept)
        for i, lot in enumerate(run.lots):
            stays = round(lot.cost * kept)
            run.spun_off += lot.cost - stays
            run.lots[i] = replace(lot, cost=stays)
    if event.ratio != 1:
        run.lots = _scaled(run.lots, shares_after(run.quantity, event.ratio))
        if not run.quantity:  # a consolidation paid all shares in cash: the lots close at price 0
            run.trades += [_closed(lot, event.ex_date, 0, 0) for lot in run.lots]
            run.lots = []


def _scaled(lots: Sequence[Lot], total: int) -> list[Lot]:
    """Return the lots scaled to `total` shares in the same proportions, with the same total cost.

    A lot without a whole share is merged into the largest lot, so that its cost is not lost.
    """
    quantities = share_out(total, [lot.quantity for lot in lots])
    if total == 0:
        return [replace(lot, quantity=0) for lot in lots]
    scaled = [replace(lot, quantity=quantity) for lot, quantity in zip(lots, quantities, strict=True)]
    largest = max(range(len(scaled)), key=lambda i: scaled[i].quantity)
    for lot in scaled:
        if lot.quantity == 0:
            receiver = scaled[largest]
            scaled[largest] = replace(
                receiver,
                cost=receiver.cost + lot.cost,
                charges=receiver.charges + lot.charges,
                entry_quantity=receiver.entry_quantity + lot.entry_quantity,
            )
    return [lot for lot in scaled if lot.quantity]
