"""Compute the forward multiplier M: the product of the factors of all splits, bonuses, consolidations and demergers so far.

A share change multiplies M by its ratio (new shares for one old). A demerger has no ratio: it multiplies M by previous close /
open of its ex-date, which includes that day's share changes. If a demerger cannot explain the gap, the gap is ignored and the
operator decides. On an ex-date without a bar, ratios apply from the next bar, and a demerger is ignored: it has no open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby

import numpy as np

from tradectl.model.gap_limit import LIMIT
from tradectl.model.history import Ints
from tradectl.model.market import ActionKind, CorporateAction

Step = tuple[date, float]
"""An ex-date and the factor by which it multiplies M."""


def step(actions: Sequence[CorporateAction], previous_close: int | None, open_price: int | None) -> float:
    """Return the factor by which the actions of one ex-date multiply M.

    Prices are in paise as traded; None if there is no bar."""
    factor = 1.0
    for action in actions:
        factor *= float(action.ratio)
    demergers = [action for action in actions if action.kind is ActionKind.DEMERGER]
    if previous_close and open_price and demergers:
        named = any(not action.subject or _NAMED.search(action.subject) for action in demergers)
        if _is_demerger(open_price / previous_close * factor, named=named):
            return previous_close / open_price
    return factor


_NAMED = re.compile(r"de[\s-]*merge|spin|hive", re.IGNORECASE)
_USUAL = (1 / 2, 2 / 3, 3 / 4)
"""New price / old price after the usual share changes whose gap could be mistaken for a demerger."""


def _is_demerger(left: float, *, named: bool) -> bool:
    """Return whether a demerger can explain an opening gap. `left`: open / previous close, times that day's share ratio.

    The largest known falls are about two thirds (Raymond and Aditya Birla Fashion in May 2025, from memory). `named`: the text
    contains the term demerger. Otherwise `left` must be at least 0.4 and not within 1.5 % of a value in `_USUAL`."""
    if named:
        return 0.25 <= left <= 1 + LIMIT
    return 0.4 <= left <= 1 + LIMIT and all(abs(left / usual - 1) > 0.015 for usual in _USUAL)


def moving(actions: Iterable[CorporateAction]) -> Iterator[tuple[date, list[CorporateAction]]]:
    """Yield each ex-date with its actions that may change M. `actions`: oldest first."""
    may_move = [action for action in actions if action.ratio != 1 or action.kind is ActionKind.DEMERGER]
    for ex_date, of_day in groupby(may_move, key=lambda action: action.ex_date):
        yield ex_date, list(of_day)


def steps(actions: Sequence[CorporateAction], sessions: Ints, opens: Ints, closes: Ints) -> tuple[Step, ...]:
    """Return one step for each ex-date that may change M, oldest first.

    `actions`: oldest first. `sessions`: ordinals; `opens` and `closes`: paise as traded, as in History."""
    result = []
    for ex_date, of_day in moving(actions):
        at = int(np.searchsorted(sessions, ex_date.toordinal()))
        traded = at < len(sessions) and int(sessions[at]) == ex_date.toordinal()
        opened = int(opens[at]) if traded else None
        result.append((ex_date, step(of_day, int(closes[at - 1]) if at else None, opened)))
    return tuple(result)
