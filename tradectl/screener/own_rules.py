"""Calculate the rules of an own strategy on the bars that are known at a close, and on no later bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from msgspec import Struct

from tradectl.model.history import History
from tradectl.model.market import Bar
from tradectl.ports import MarketData
from tradectl.screener.readings import same_prices
from tradectl.strategy.column_rules import ColumnRules, Rule, rules_of

BLOCK = 200
"""Number of symbols that are calculated together. A rule that compares the symbols of a list needs all of them at once."""


class KnownBars(Struct, frozen=True):
    """The bars up to the close of a session.

    Attributes:
        bars: Bars of the session that are not final, by instrument id; None if the stored bars are used.
    """

    market: MarketData
    session: date
    bars: Mapping[str, Bar] | None = None

    def history(self, instrument_id: str) -> History | None:
        """Return the bars of an instrument up to the close; None without bars."""
        stored = self.market.history(instrument_id)
        if stored is None:
            return None
        found = stored.through(self.session) if self.bars is None else self._with_bar(stored, self.bars.get(instrument_id))
        return found if len(found) else None

    def _with_bar(self, stored: History, bar: Bar | None) -> History:
        """Return the stored bars before the session, and its bar that is not final; a stored bar with its prices is used."""
        before = stored.through(self.session - timedelta(days=1))
        if bar is None:
            return before
        index = stored.index(bar.session)
        if index is not None and same_prices(stored.bar(index), bar):
            return stored.through(bar.session)
        return before.with_bar(bar, self._multiplier(before, bar))

    def _multiplier(self, before: History, bar: Bar) -> float:
        """Return the multiplier of a new bar: that of the last bar, unless there was an action since."""
        name = before.instrument_id
        if len(before) and not self.market.actions(name, before.session(len(before) - 1), bar.session):
            return float(before.multiplier[-1])
        found = self.market.multiplier(name, bar.session, bar.open)
        return 1.0 if found is None else found


def own_rules(rule: Rule, known: KnownBars, instruments: Iterable[str], universe: Sequence[str]) -> dict[str, ColumnRules]:
    """Return the rules of some instruments, each on its bars up to the close; an instrument without bars is left out.

    `universe`: the list among whose symbols the rule compares.
    """
    wanted = list(dict.fromkeys(instruments))
    names = list(dict.fromkeys([*universe, *wanted])) if rule.across else wanted
    size = max(1, len(names)) if rule.across else BLOCK
    found: dict[str, ColumnRules] = {}
    for begin in range(0, len(names), size):
        histories = (known.history(name) for name in names[begin : begin + size])
        found |= rules_of(rule, [history for history in histories if history is not None])
    return {name: found[name] for name in wanted if name in found}
