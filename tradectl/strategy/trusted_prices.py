"""Decide whether the prices of a symbol can be trusted. Three rules exclude a symbol with incomplete or inconsistent data.

- `unknown_action`: from the ex-date of an unknown corporate action until a person decides about it.
- `unexplained_jump`: in the last `MEMORY` bars there is an opening gap that no corporate action explains, or a factor that the
prices do not show. After 600 bars, earlier prices have a weight of 0.25 % in an EMA200.
- `missing_bars`: in the last `WINDOW` sessions of the market the listed symbol has a session without a bar.

A jump is measured from the previous close to the open, because the exchange limits that gap by the day's band (`gap_limit`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tradectl.model.gap_limit import LIMIT, within_band
from tradectl.model.history import History, Ints
from tradectl.model.market import ActionKind, CorporateAction

Mask = NDArray[np.bool_]
UNKNOWN_ACTION, UNEXPLAINED_JUMP, MISSING_BARS = "unknown_action", "unexplained_jump", "missing_bars"
MEMORY = 600
"""The number of bars for which a jump excludes a symbol."""
WINDOW = 100
"""The number of sessions for which a missing bar excludes a symbol. The windows of the rules are up to 60 bars, older bars have a
weight of 0.003 % in RSI10, and one missing bar changes an EMA200 by at most 0.4 % of its distance from the price of that day.
Measured on 25 evenings of real data: a session missing 40 or 59 sessions ago changed a strength by 2 points, one 80 ago by
0.003, one 120 ago by 0."""
SMALL = 0.05
"""A smaller price change by an action looks like an ordinary opening gap (standard deviation 1.1 %), so it is ignored."""


class Jump(Struct, frozen=True):
    """A bar whose open does not fit the previous close.

    Attributes:
        index: The index of the bar.
        session, before: The sessions of the bar and of the previous bar.
        opened: The open / the previous close, as traded.
        expected: The price factor of the corporate actions between the two bars.
        applied: A factor was applied, but the prices do not show it.
        actions: The corporate actions between the two bars.
    """

    index: int
    session: date
    before: date
    opened: float
    expected: float
    applied: bool
    actions: tuple[CorporateAction, ...]


def suspicious(open_price: Any, base: Any, step: Any) -> Any:
    """Return where an open contradicts its base. Takes numbers or arrays.

    An open contradicts if the gap is wider than any band, or if it fits the previous close better without the factor.

    Args:
        open_price: In paise.
        base: The previous close in paise, at the scale of this session.
        step: The factor by which M changed.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        left, unadjusted = np.abs(np.log(open_price / base)), np.abs(np.log(open_price / (base * step)))
    return ~within_band(open_price, base) | ((np.abs(np.log(step)) > SMALL) & (unadjusted < left) & (left > SMALL))


def jumps(history: History, actions: Sequence[CorporateAction]) -> tuple[Jump, ...]:
    """Return the jumps of a history that its actions do not explain. Both are sorted, oldest first.

    A dividend explains a fall by its amount. A rights issue explains a fall down to the price at which the new shares cost
    nothing. A date that a person accepted explains any gap.
    """
    if len(history) < 2:
        return ()
    step = history.multiplier[1:] / history.multiplier[:-1]
    base = history.close[:-1] / step
    found = []
    days = [action.ex_date for action in actions]
    for i in np.flatnonzero(suspicious(history.open[1:], base, step)).tolist():
        before, session = history.session(i), history.session(i + 1)
        of_gap = tuple(actions[bisect_right(days, before) : bisect_right(days, session)])
        if _explains(of_gap, int(history.open[i + 1]), float(base[i]), float(step[i])):
            continue
        opened = float(history.open[i + 1] / history.close[i])
        applied = abs(np.log(step[i])) > SMALL and abs(np.log(opened)) < abs(np.log(opened * step[i]))
        found.append(Jump(i + 1, session, before, opened, float(1 / step[i]), bool(applied), of_gap))
    return tuple(found)


def opening_jump(history: History, opened: int, scale: float, actions: Sequence[CorporateAction]) -> str:
    """Return why the open of a session after the last bar does not fit its close; empty where it does, or is explained.

    Args:
        opened: Paise, as traded.
        scale: M of the session.
        actions: Those with an ex-date after the last bar, up to the session.
    """
    step = scale / float(history.multiplier[-1])
    base = float(history.close[-1]) / step
    if not suspicious(*map(np.float64, (opened, base, step))) or _explains(actions, opened, base, step):
        return ""
    day = history.session(len(history) - 1)
    return f"it opened at {opened / 100:.2f} after a close of {base / 100:.2f} on {day}, and no corporate action explains it"


def _explains(actions: Sequence[CorporateAction], open_price: int, base: float, step: float) -> bool:
    """Return whether dividends, rights or an accepted date explain the gap from a base price to an open (both paise)."""
    if any(action.kind is ActionKind.ACCEPTED for action in actions):
        return True
    paid = sum(action.dividend for action in actions) / step
    offered = float(sum((action.offered for action in actions), Fraction(0)))
    if not paid and not offered:
        return False
    highest = max(base - paid, 0.0)
    return bool(highest / (1 + offered) * (1 - LIMIT) <= open_price <= highest * (1 + LIMIT) or within_band(open_price, highest))


def undecided_from(actions: Iterable[CorporateAction]) -> date | None:
    """Return the first ex-date of an action that a person must decide about; None if there is none."""
    return min((action.ex_date for action in actions if action.kind is ActionKind.UNKNOWN), default=None)


def excluded_by(history: History, actions: Sequence[CorporateAction], traded: Ints | None = None) -> list[tuple[str, Mask]]:
    """Return, for each rule, a mask of the bars on whose close it excludes the symbol.

    `traded`: the sessions of the market, as ordinals; None: missing bars are not checked.
    """
    n = len(history)
    unknown, jumped, lacking = (np.zeros(n, dtype=np.bool_) for _ in range(3))
    undecided = undecided_from(actions)
    if undecided is not None:
        unknown[bisect_left(history.sessions, undecided.toordinal()) :] = True
    for jump in jumps(history, actions):
        jumped[jump.index : jump.index + MEMORY] = True
    if traded is not None and n:
        at = np.searchsorted(traded, history.sessions)
        holes = np.flatnonzero(np.diff(at) > 1)
        for i in holes.tolist():
            lacking |= (at > at[i]) & (at - WINDOW < at[i + 1] - 1)
    return [(UNKNOWN_ACTION, unknown), (UNEXPLAINED_JUMP, jumped), (MISSING_BARS, lacking)]


def trusted_mask(history: History, actions: Sequence[CorporateAction], traded: Ints | None = None) -> Mask:
    """Return a mask of the bars on whose close no rule of this module excludes the symbol."""
    mask: Mask = ~np.logical_or.reduce([mask for _, mask in excluded_by(history, actions, traded)])
    return mask


def rule_against(history: History, actions: Sequence[CorporateAction], traded: Ints | None, following: date) -> tuple[str, str]:
    """Return the first rule that forbids a buy for the session `following`, on the close of the last bar, and its reason.

    Return two empty texts if the buy is allowed. `actions`: all actions of the instrument up to `following`.
    """
    since = history.session(0) if len(history) else date.min
    actions = [action for action in actions if action.ex_date > since]
    undecided = undecided_from(actions)
    if undecided is not None and undecided <= following:
        return UNKNOWN_ACTION, why_undecided(undecided)
    found = [name for name, mask in excluded_by(history, actions, traded) if len(mask) and mask[-1]]
    if not found:
        return "", ""
    if found[0] == UNEXPLAINED_JUMP:
        recent = [jump for jump in jumps(history, actions) if jump.index + MEMORY >= len(history)]
        return found[0], f"{describe(recent[-1])}; {DECIDE}"
    return found[0], why_missing(lacking_sessions(history, history.sessions if traded is None else traded))


def lacking_sessions(history: History, traded: Ints) -> Ints:
    """Return the sessions (ordinals) without a bar of a symbol, in the WINDOW sessions of the market up to its last bar."""
    if not len(history):
        return traded[:0]
    at = np.searchsorted(traded, history.sessions)
    days: Ints = traded[np.setdiff1d(np.arange(max(at[0], at[-1] - WINDOW + 1), at[-1]), at)]
    return days


def why_missing(days: Ints) -> str:
    """Return the reason of `missing_bars`. `days`: the sessions without a bar (ordinals), oldest first, at least one."""
    first, last = (date.fromordinal(int(day)) for day in (days[0], days[-1]))
    more = f" (and of {len(days) - 1} more sessions)" if len(days) > 1 else ""
    return (
        f"no bar of {last}{more}, when others traded: RSI and averages may be wrong, so it is not bought; "
        f"`tradectl data fetch --since {first} --to {last} --replace` fetches these sessions again, also where NSE's file was "
        "cut off; a suspended symbol has no bar"
    )


DECIDE = "`tradectl data actions list` shows open actions, `tradectl data actions set` or `ignore` decides one"


def why_undecided(undecided: date) -> str:
    """Return the reason text of the rule `unknown_action`."""
    return f"an unknown corporate action of {undecided} may have changed the shares; {DECIDE}"


def describe(jump: Jump) -> str:
    """Return one line about a jump: the move of the price, and the factor and texts of the actions."""
    subjects = " | ".join(action.subject or str(action.kind) for action in jump.actions)
    moved = f"opened at {jump.opened:.3g} of the close of {jump.before}"
    if jump.applied:
        return f"{jump.session}: {moved}, but the factor is {jump.expected:.3g} ({subjects}): are the bars already adjusted?"
    if jump.actions:
        return f"{jump.session}: {moved}, but corporate actions explain {jump.expected:.3g} ({subjects})"
    return f"{jump.session}: {moved}, and no corporate action explains it"
