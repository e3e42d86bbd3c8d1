"""Apply corporate actions to the lots of an account: splits, bonuses, consolidations, demergers and new names.

A fraction of a share that an action leaves is sold for the cash that the company paid for it, where that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from fractions import Fraction

from msgspec.structs import replace

from tradectl.model.moment import at_ist
from tradectl.model.money import Paise, share_out
from tradectl.model.order import Side
from tradectl.tax.events import ActionType, ShareAction, Trade
from tradectl.tax.lot import Disposal, Lot, LotAccount, held_from, split_treated
from tradectl.tax.rules import GRANDFATHERED, Treated


def apply(account: LotAccount, action: ShareAction) -> None:
    """Change the lots of an account by an action, and sell the fraction of a share that it leaves."""
    held = account.of(action.instrument)
    if action.kind is ActionType.RENAME:
        moved = [replace(lot, instrument=action.to, symbol=action.to, isin=action.to_isin or lot.isin) for lot in held]
        account.lots[action.instrument] = []
        account.lots[action.to] = sorted([*account.of(action.to), *moved], key=held_from)
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
        after = [*held, *bonus]
        if _fraction(held, action) and _paid(held, action):
            account.disposals.append(_sold_fraction(_bonus(held[0], action, 0), action, action.cash or 0))
        account.lots[action.instrument] = after if _paid(held, action) else _with_fraction(held, after, action)
    elif _fraction(held, action) and _paid(held, action):
        rest, sold = _without_fraction(held, action)
        cash = share_out(action.cash or 0, [int(share * action.ratio.denominator) for _, share in sold])
        account.disposals += [_sold_fraction(lot, action, part) for (lot, _), part in zip(sold, cash, strict=True)]
        account.lots[action.instrument] = _scaled(held, rest, action)
    else:
        whole = [(lot, lot.quantity * action.ratio) for lot in held]
        account.lots[action.instrument] = _with_fraction(held, _scaled(held, whole, action), action)
    account.lots[action.instrument] = [*empty, *account.of(action.instrument)]


def _with_fraction(before: Sequence[Lot], after: list[Lot], action: ShareAction) -> list[Lot]:
    """Return the lots after an action, with a doubt if it gave a fraction of a share: companies pay that in cash."""
    if not _fraction(before, action):
        return after
    return [replace(lot, doubts=tuple(dict.fromkeys([*lot.doubts, "fraction_in_cash"]))) for lot in after]


def _fraction(held: Sequence[Lot], action: ShareAction) -> Fraction:
    """Return the fraction of a share that an action leaves."""
    return sum(lot.quantity for lot in held) * action.ratio % 1


def _paid(held: Sequence[Lot], action: ShareAction) -> bool:
    """Return whether the cash for the fraction is known: it was paid for exactly these shares."""
    return action.cash is not None and action.held == sum(lot.quantity for lot in held)


def _without_fraction(held: Sequence[Lot], action: ShareAction) -> tuple[list[tuple[Lot, Fraction]], list[tuple[Lot, Fraction]]]:
    """Return the lots with their exact shares after an action, and the parts that make up its fraction: of the oldest shares."""
    left = _fraction(held, action)
    rest: list[tuple[Lot, Fraction]] = []
    sold: list[tuple[Lot, Fraction]] = []
    for lot in sorted(held, key=held_from):
        shares = lot.quantity * action.ratio
        taken = min(left, shares)
        left -= taken
        weights = [int(taken * action.ratio.denominator), int((shares - taken) * action.ratio.denominator)]
        (cost, kept), (entry, entry_kept) = share_out(lot.cost, weights), share_out(lot.entry_quantity, weights)
        charges, charges_kept = split_treated(lot.charges, weights)
        fair = lot.fair_shares * taken / shares
        if taken:
            part = replace(lot, quantity=0, entry_quantity=entry, cost=cost, charges=charges, fair_shares=fair)
            sold.append((part, taken))
        if taken < shares:
            stays = replace(lot, entry_quantity=entry_kept, cost=kept, charges=charges_kept, fair_shares=lot.fair_shares - fair)
            rest.append((stays, shares - taken))
    return rest, sold


def _sold_fraction(lot: Lot, action: ShareAction, cash: Paise) -> Disposal:
    """Return the sale of a fraction of a share for cash, without charges, on the ex-date or the day of allotment."""
    day = max(action.ex_date, lot.acquired or action.ex_date)
    name = f"fraction {action.ex_date} {lot.symbol}"
    sale = Trade(name, lot.instrument, lot.symbol, Side.SELL, 0, 0, day, at_ist(day, time()), isin=lot.isin, source=action.source)
    return Disposal(lot, sale, 0, cash, Treated(), tuple(dict.fromkeys([*lot.doubts, "fraction_by_close"])))


def _bonus(of: Lot, action: ShareAction, quantity: int) -> Lot:
    day = action.allotted or action.ex_date
    return replace(
        of, trade_id=f"bonus {action.ex_date} {of.symbol}", acquired=day, quantity=quantity, entry_quantity=quantity,
        entry_price=0, cost=0, charges=Treated(), fair_shares=Fraction(quantity if day <= GRANDFATHERED else 0),
        origin="bonus", source=action.source,
        doubts=action.doubts if action.allotted else ("bonus_from_ex_date", *action.doubts),
    )  # fmt: skip


def _scaled(held: Sequence[Lot], rest: Sequence[tuple[Lot, Fraction]], action: ShareAction) -> list[Lot]:
    """Return the lots of a split or consolidation: other shares, the same cost and dates. `rest`: lots, their exact shares."""
    if not rest:
        return []
    total = sum(lot.quantity for lot in held) * action.ratio.numerator // action.ratio.denominator
    counts = share_out(total, [int(shares * action.ratio.denominator) for _, shares in rest])
    early = action.ex_date <= GRANDFATHERED
    doubts = ("split_rule_unsure",)
    lots = [
        replace(
            lot, quantity=count, fair_shares=lot.fair_shares * action.ratio if early else lot.fair_shares,
            doubts=tuple(dict.fromkeys([*lot.doubts, *doubts])),
        )
        for (lot, _), count in zip(rest, counts, strict=True)
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


def _demerge(account: LotAccount, action: ShareAction, held: list[Lot]) -> None:
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
    account.lots[action.to] = sorted([*account.of(action.to), *new], key=held_from)
