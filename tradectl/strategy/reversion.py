"""Define the seed's rule, mean reversion to the fast EMA, as a rule set of one symbol."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tradectl.model.history import History
from tradectl.strategy.entry import Mask, entry_mask, reward_gone
from tradectl.strategy.exits import rsi_exit_due, target_price
from tradectl.strategy.features import Features, at_scale
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.reentry import level_at_entry, levels, next_level
from tradectl.strategy.rule_set import SHARES, HeldBuys, SessionLevels


@dataclass(frozen=True, eq=False)
class Reversion:
    """Decide for one symbol by the settings of `Parameters`. The methods are those of `RuleSet`."""

    history: History
    features: Features
    parameters: Parameters
    scored = True
    stops = False
    isins = SHARES

    @cached_property
    def entries(self) -> Mask:
        """Return the bars on whose close the entry rule holds."""
        return entry_mask(self.features, self.parameters)

    def entry_level(self, j: int) -> int:
        """Return the RSI level of an entry on the close of bar `j`."""
        return level_at_entry(float(self.features.rsi[j]), self.parameters)

    def reentry_level(self, held: HeldBuys, j: int) -> int:
        """Return the RSI level of a re-entry on the close of bar `j`; 0 for no re-entry."""
        table, parameters = self.features, self.parameters
        if held.buys >= parameters.max_buys:
            return 0
        above = bool(table.close[j] > table.ema_slow[j])
        return next_level(held.level, table.rsi[held.decided + 1 : j + 1], float(table.rsi[j]), above, parameters)

    def score(self, j: int) -> float | None:  # noqa: ARG002 - RuleSet
        """Return None: `strategy.score` ranks the entries."""
        return None

    def size(self, j: int) -> float | None:  # noqa: ARG002 - RuleSet
        """Return None: each buy may cost all of `capital_per_trade`."""
        return None

    def reward_gone(self, decided: int, last: int, scale: float, opened: int, limit: int) -> bool:  # noqa: ARG002 - RuleSet
        """Return whether the open is too close to the fast EMA of the decision, or above it."""
        ema_level = at_scale(float(self.features.ema_fast[decided]), scale)
        return bool(reward_gone(opened, ema_level, self.parameters))

    def exit_due(self, held: HeldBuys, last: int) -> bool:  # noqa: ARG002 - RuleSet
        """Return whether the RSI at the close of a bar requires a sale."""
        return rsi_exit_due(float(self.features.rsi[last]), self.parameters)

    def levels(self, held: HeldBuys, last: int, scale: float, tick: int) -> SessionLevels:  # noqa: ARG002 - RuleSet
        """Return the fast EMA of bar `last`, from which the target follows the last price."""
        return SessionLevels(at_scale(float(self.features.ema_fast[last]), scale))

    def next_event(self, held: HeldBuys, j: int) -> int:
        """Return the first bar from `j` on whose session may sell, or on whose close a re-entry is decided."""
        sales, low = self._sales, self._low_closes
        k = bisect_left(sales, j)
        sale = sales[k] if k < len(sales) else len(self.history)
        again = (i for i in low[bisect_left(low, j) : bisect_left(low, sale)] if self.reentry_level(held, i))
        return next(again, sale)

    @cached_property
    def _sales(self) -> list[int]:
        """Return the bars whose session may sell: the RSI requires it, or the high reaches the lowest target of the session.

        That is the target at the low. Its tick is unknown here: on a tick of one paisa it is at most one paisa higher. A session
        without an average counts as one that may sell.
        """
        history, table, found = self.history, self.features, np.ones(len(self.history), dtype=np.bool_)
        level = at_scale(table.ema_fast[:-1], history.multiplier[1:])
        with np.errstate(invalid="ignore"):  # without an average there is no target
            lowest = target_price(level, history.low[1:], 1, self.parameters) - 1
        reached = (history.high[1:] >= lowest) | np.isnan(level)
        found[1:] = reached | rsi_exit_due(table.rsi[:-1], self.parameters)
        return _indices(found)

    @cached_property
    def _low_closes(self) -> list[int]:
        """Return the bars with an RSI below a level of re-entries."""
        return _indices(self.features.rsi < max(levels(self.parameters)))

    def seen(self, j: int) -> tuple[object, ...]:  # noqa: ARG002 - the features are compared elsewhere
        """Return nothing: the rule has no values beyond the features."""
        return ()


def _indices(mask: Mask) -> list[int]:
    found: list[int] = np.flatnonzero(mask).tolist()
    return found
