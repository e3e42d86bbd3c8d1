"""Define what an engine must know of a rule: when to buy, and when, at which price and on which condition to sell.

A `RuleSet` belongs to one symbol and its bars. The seed's rule (`reversion.Reversion`) and a rule in one line
(`expressions.line_rule.LineRules`) implement it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import History
from tradectl.strategy.features import Features
from tradectl.strategy.parameters import Parameters

Mask = NDArray[np.bool_]
NO_TARGET = 1 << 62
"""A target in paise that no price reaches: the rule has no target."""


@dataclass(frozen=True, slots=True)
class HeldBuys:
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


@dataclass(frozen=True, slots=True)
class SessionLevels:
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
    """Decide for one symbol. `j` is the bar of a session, `last` the bar before it; prices are in paise as traded."""

    @property
    def scored(self) -> bool:
        """Return whether an entry also needs the score of a BUY."""

    @property
    def stops(self) -> bool:
        """Return whether the rule has a stop."""

    @property
    def entries(self) -> Mask:
        """Return the bars on whose close the entry rule holds, without the rules of the universe."""

    def entry_level(self, j: int) -> int:
        """Return the RSI level of an entry on the close of bar `j`; a rule without levels returns 1."""

    def reentry_level(self, held: HeldBuys, j: int) -> int:
        """Return the RSI level of a re-entry on the close of bar `j`; 0 for no re-entry."""

    def reward_gone(self, decided: int, j: int, opened: int, limit: int) -> bool:
        """Return whether a buy is cancelled because the open leaves nothing to gain.

        `decided`: the bar of the decision. `opened`: the open of bar `j`. `limit`: of the buy.
        """

    def exit_due(self, held: HeldBuys, last: int) -> bool:
        """Return whether the close of a bar requires a sale at the next open."""

    def levels(self, held: HeldBuys, j: int, tick: int) -> SessionLevels:
        """Return the sell prices of the session of bar `j`, from the bars before it."""

    def next_event(self, held: HeldBuys, j: int) -> int:
        """Return a bar from `j` on, before or at the first whose session may sell shares, buy more, or has an unknown stop.

        An engine with daily bars may skip the sessions before it. A rule that must see each session returns `j`.
        """

    def seen(self, j: int) -> tuple[object, ...]:
        """Return the values of the rule on a bar, for the check for look-ahead."""


RuleMaker = Callable[[History, Features, Parameters], RuleSet]
"""Return the rules of one symbol."""
