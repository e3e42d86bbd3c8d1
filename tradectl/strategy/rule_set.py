"""Define what an engine must know of a rule: when to buy, and when, at which price and on which condition to sell.

A `RuleSet` belongs to one symbol and its bars. The seed's rule (`reversion.Reversion`) and a rule of columns
(`column_rules.ColumnRules`: one line, a strategy file, a class in Python) implement it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tradectl.model.history import History
from tradectl.strategy.features import Features
from tradectl.strategy.parameters import Parameters

Mask = NDArray[np.bool_]
NO_TARGET = 1 << 62
"""A target in paise that no price reaches: the rule has no target."""
SHARES, FUNDS = ("INE",), ("INF",)
"""The first letters of the ISINs of Indian shares, and of Indian funds such as ETFs."""


class PositionFacts(Struct, frozen=True):
    """Hold what a rule of columns may know about held shares.

    `entry`: average price paid, in adjusted rupees. `entered`: index of the bar of the first buy. `buys`: number of buys."""

    entry: float
    entered: int
    buys: int = 1


class HeldBuys(Struct, frozen=True):
    """Hold the filled buys of a position.

    Attributes:
        buys: Number of buys.
        level: RSI level of the last buy.
        decided: Index of the bar on whose close the last buy was decided.
        entered: Index of the bar of the first buy.
        price: Average price paid, in adjusted rupees (as traded x M).
        shares: Shares bought, adjusted (as traded / M).
    """

    buys: int = 0
    level: int = 0
    decided: int = 0
    entered: int = 0
    price: float = 0.0
    shares: float = 0.0


class SessionLevels(Struct, frozen=True):
    """Hold the sell prices of one session.

    Attributes:
        ema_level: With `target` None: the fast EMA in rupees, from which the target follows the last price.
        target: The target in paise, on the tick, all session; None if it follows the last price.
        stop: The stop in paise, on the tick; None for no stop.
    """

    ema_level: float
    target: int | None = None
    stop: int | None = None


class RuleSet(Protocol):
    """Decide for one symbol. `j` is the bar of a session, `last` the bar before it; prices are in paise as traded.

    `scale` is the multiplier M of a session: an adjusted price is the traded one x M. The session may have no bar yet.
    """

    @property
    def scored(self) -> bool:
        """Return whether an entry also needs the score of a BUY."""

    @property
    def stops(self) -> bool:
        """Return whether the rule has a stop."""

    @property
    def entries(self) -> Mask:
        """Return the bars on whose close the entry rule holds, without the rules of the universe."""

    @property
    def isins(self) -> tuple[str, ...]:
        """Return the first letters of the ISINs that the rule may buy: those of shares, of funds, or both."""

    def score(self, j: int) -> float | None:
        """Return the place of an entry among others, the largest first; None for the order of the average turnover."""

    def size(self, j: int) -> float | None:
        """Return the part of `capital_per_trade` that a buy on the close of bar `j` may cost; None for all of it."""

    def entry_level(self, j: int) -> int:
        """Return the RSI level of an entry on the close of bar `j`; a rule without levels returns 1."""

    def reentry_level(self, held: HeldBuys, j: int) -> int:
        """Return the RSI level of a re-entry on the close of bar `j`; 0 for no re-entry."""

    def reward_gone(self, decided: int, last: int, scale: float, opened: int, limit: int) -> bool:
        """Return whether a buy is cancelled because the open leaves nothing to gain.

        `decided`: the bar of the decision. `last`: the bar before the session. `opened`: its open. `limit`: of the buy.
        """

    def exit_due(self, held: HeldBuys, last: int) -> bool:
        """Return whether the close of a bar requires a sale at the next open."""

    def levels(self, held: HeldBuys, last: int, scale: float, tick: int) -> SessionLevels:
        """Return the sell prices of the session after bar `last`."""

    def next_event(self, held: HeldBuys, j: int) -> int:
        """Return a bar from `j` on, before or at the first whose session may sell shares, buy more, or has an unknown stop.

        An engine with daily bars may skip the sessions before it. A rule that must see each session returns `j`.
        """

    def seen(self, j: int) -> tuple[object, ...]:
        """Return the values of the rule on a bar, for the check for look-ahead."""


RuleMaker = Callable[[History, Features, Parameters], RuleSet]
"""Return the rules of one symbol."""
