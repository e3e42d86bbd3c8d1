"""The forward multiplier M: the product of 1/price factor of every split, bonus, consolidation and demerger up to a session.

A share change counts by its ratio. A demerger has none: it counts by previous close / open of its ex-date, which holds the share
changes of that day already. What falls on a hole counts from the next bar, a demerger there by nothing: its open was never seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby

import numpy as np

from tradectl.model.history import Ints
from tradectl.model.market import ActionKind, CorporateAction

Step = tuple[date, float]
"""An ex-date and by what it multiplies M."""


def step(actions: Sequence[CorporateAction], previous_close: int | None, open_price: int | None) -> float:
    """What the actions of one ex-date multiply M by. Prices in paise as traded, None where there is no bar."""
    if previous_close and open_price and any(action.kind is ActionKind.DEMERGER for action in actions):
        return previous_close / open_price
    factor = 1.0
    for action in actions:
        factor *= float(action.ratio)
    return factor


def moving(actions: Iterable[CorporateAction]) -> Iterator[tuple[date, list[CorporateAction]]]:
    """The actions that may move M, by their ex-date. `actions` oldest first."""
    may_move = [action for action in actions if action.ratio != 1 or action.kind is ActionKind.DEMERGER]
    for ex_date, of_day in groupby(may_move, key=lambda action: action.ex_date):
        yield ex_date, list(of_day)


def steps(actions: Sequence[CorporateAction], sessions: Ints, opens: Ints, closes: Ints) -> tuple[Step, ...]:
    """One step for each ex-date that moves M, oldest first. `actions` oldest first, the columns as in History."""
    result = []
    for ex_date, of_day in moving(actions):
        at = int(np.searchsorted(sessions, ex_date.toordinal()))
        traded = at < len(sessions) and int(sessions[at]) == ex_date.toordinal()
        opened = int(opens[at]) if traded else None
        result.append((ex_date, step(of_day, int(closes[at - 1]) if at else None, opened)))
    return tuple(result)
