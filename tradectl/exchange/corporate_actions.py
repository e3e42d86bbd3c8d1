"""Apply corporate actions to held shares before a session begins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, time
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from tradectl.exchange.bonus_lockup import release_session
from tradectl.exchange.sessions import SessionTable
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.moment import at_ist
from tradectl.model.position import Adjustment, fraction_cash, shares_after

BEFORE_THE_DAY = time(8, 0)
"""The time (IST) at which corporate actions are booked on their ex-date: before all orders of that day."""


class HeldShares(Struct, frozen=True):
    """Hold the shares of one symbol.

    Args:
        locked: Pairs (session, shares): these shares cannot be sold before that session.
        ceiling: The lowest target so far (paise), None without one.
    """

    quantity: int
    locked: tuple[tuple[date, int], ...] = ()
    ceiling: int | None = None

    def free(self, day: date) -> int:
        """Return the shares that may be sold on a session."""
        return self.quantity - sum(shares for release, shares in self.locked if release > day)


class BarStep(Struct, frozen=True):
    """Hold what lies between two bars: the last close and the next open (paise), and the tick (paise) of the new session.

    `multiplier_before` and `multiplier` are the adjustment factor M on the earlier and the later bar.
    """

    close: int
    open: int
    multiplier_before: float
    multiplier: float
    tick: int


def apply_actions(
    holding: HeldShares, actions: Sequence[CorporateAction], step: BarStep, sessions: SessionTable
) -> tuple[HeldShares, tuple[Adjustment, ...]]:
    """Return the shares after all actions since the previous bar, and the adjustments to book.

    `actions` have an ex-date after the previous bar, oldest first.
    """
    close: Fraction = Fraction(step.close)
    entitled = holding.quantity
    booked: list[Adjustment] = []
    for action in actions:
        if action.dividend:
            booked.append(_adjustment(ActionKind.DIVIDEND, action, cash=action.dividend * entitled))
        if action.ratio != 1:
            cash = fraction_cash(holding.quantity, action.ratio, close)
            booked.append(_adjustment(action.kind, action, ratio=action.ratio, cash=cash))
            close /= action.ratio
            holding = _scaled(holding, action, sessions)
    demerger = next((action for action in actions if action.kind is ActionKind.DEMERGER), None)
    if demerger is not None:
        booked.append(_adjustment(demerger.kind, demerger, kept=min(Fraction(1), Fraction(step.open) / close)))
    if holding.ceiling is not None and actions:
        ceiling = rescaled(holding.ceiling, step.multiplier_before, step.multiplier, step.tick)
        holding = replace(holding, ceiling=ceiling)
    return holding, tuple(booked)


def rescaled(price: int, multiplier_before: float, multiplier: float, tick: int) -> int:
    """Return a sell price (paise) at the scale of a later session, rounded up to its tick.

    `multiplier_before` is the adjustment factor M on the session of the price, `multiplier` that on the later session.
    """
    return -int(-Fraction(price) * Fraction(multiplier_before) / Fraction(multiplier) // tick) * tick


def _adjustment(
    kind: ActionKind, action: CorporateAction, *, ratio: Fraction = Fraction(1), kept: Fraction = Fraction(1), cash: int = 0
) -> Adjustment:
    at = at_ist(action.ex_date, BEFORE_THE_DAY).astimezone(UTC)
    return Adjustment(kind, action.ex_date, at, ratio, kept, cash)


def _scaled(holding: HeldShares, action: CorporateAction, sessions: SessionTable) -> HeldShares:
    """Return the shares after a split, bonus or consolidation. New shares are locked until they are credited."""
    quantity = shares_after(holding.quantity, action.ratio)
    if action.ratio > 1:
        new = (release_session(action, sessions), quantity - holding.quantity)
        return replace(holding, quantity=quantity, locked=(*holding.locked, new))
    locked = tuple((release, shares_after(shares, action.ratio)) for release, shares in holding.locked)
    return replace(holding, quantity=quantity, locked=locked)
