"""Compare an account's result with buy and hold, and with the same account with its candidates in random order.

Buy and hold buys fractions of shares, without charges. Dividends are kept as cash. Shares received from a demerger are sold, and
the money is invested in the parent company again. So the worth of an investment grows like close x multiplier M.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from msgspec import Struct

from tradectl.backtest.candidates import Candidate
from tradectl.backtest.context import Span
from tradectl.backtest.portfolio import Portfolio
from tradectl.model.history import Floats, History
from tradectl.model.market import CorporateAction
from tradectl.model.money import Paise
from tradectl.ports import Tell, silence

Held = tuple[History, Sequence[CorporateAction]]
"""An instrument's history and its corporate actions, oldest first."""


class BuyAndHold(Struct, frozen=True):
    """Hold the result of buy and hold.

    Attributes:
        worth: Paise at the close of each session.
        symbols: Number of symbols bought.
        later: Number of symbols that were not bought, because they had no bar yet.
        name: Name of an index; else empty.
    """

    worth: Floats
    symbols: int
    later: int
    name: str = ""


def buy_and_hold(listed: Sequence[Held], sessions: Sequence[date], capital: Paise, name: str = "") -> BuyAndHold | None:
    """Return the worth of `capital` (paise), split equally over the instruments with a bar by the first session.

    They are bought at the close of that session and never sold. None if no instrument has a bar.
    """
    days = np.array([session.toordinal() for session in sessions], dtype=np.int64)
    grown = [_grown(history, actions, days) for history, actions in listed if history.last_index(sessions[0]) >= 0]
    if not grown:
        return None
    return BuyAndHold(capital * np.mean(grown, axis=0), len(grown), len(listed) - len(grown), name)


def _grown(history: History, actions: Sequence[CorporateAction], days: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """Return the worth of one invested rupee on each day, at the last close, with dividends as cash."""
    at = np.searchsorted(history.sessions, days, side="right") - 1
    level = history.close[at] * history.multiplier[at]
    shares = 1 / level[0]
    worth: Floats = shares * level
    for action in actions:
        ex_date = action.ex_date.toordinal()
        if action.dividend and days[0] < ex_date:
            before = max(int(np.searchsorted(history.sessions, ex_date)) - 1, 0)
            worth = worth + np.where(days >= ex_date, shares * history.multiplier[before] * action.dividend, 0.0)
    return worth


class RandomOrders(Struct, frozen=True):
    """Hold the final equity of an account (`own`), and of the same account with random sequences of candidates, in paise."""

    own: Paise
    drawn: tuple[Paise, ...]

    @property
    def worse(self) -> float:
        """Return the share of random orders that ended with less equity than the account."""
        return sum(equity < self.own for equity in self.drawn) / len(self.drawn)

    @property
    def equal(self) -> float:
        """Return the share of random orders that ended with the same equity."""
        return sum(equity == self.own for equity in self.drawn) / len(self.drawn)


def random_orders(
    candidates: Sequence[Candidate], span: Span, own: Portfolio, *, count: int, seed: int, tell: Tell = silence
) -> RandomOrders:
    """Run `count` accounts like `own`, each with a random order of candidates. `own` must have run to its end.

    The n-th order depends only on `seed`, not on `count`.
    """
    drawn = []
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        portfolio = Portfolio(candidates, span, own.capital, generator.shuffle)
        portfolio.run()
        drawn.append(portfolio.equity_curve[-1].equity)
        tell("", number + 1, count)
    return RandomOrders(own.equity_curve[-1].equity, tuple(drawn))
