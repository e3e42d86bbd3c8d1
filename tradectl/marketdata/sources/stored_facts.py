"""Read the stored facts about a symbol for a source that adjusts prices. The facts are empty if nothing is stored yet."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import UsageError
from tradectl.exchange.ticks import tick_size
from tradectl.marketdata.reading import read_archive
from tradectl.marketdata.schema import ARCHIVE
from tradectl.marketdata.sources.restoring import Known
from tradectl.model.market import changes_shares

if TYPE_CHECKING:
    from tradectl.marketdata.store import Store

SINGLE_PAISA_SINCE = date(2024, 6, 10)
"""Date from which some shares have a tick size of Rs 0.01. From then on, an unknown tick size is taken as Rs 0.01."""


class Stored:
    """Read the facts from the archive of a folder. `store` is used only if there is an archive."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._store = store
        self._archive = read_archive(folder) if (folder / ARCHIVE).exists() else None
        self._found: dict[str, Known] = {}

    def of(self, symbol: str, today: date) -> Known:
        if symbol not in self._found:
            self._found[symbol] = self._look(symbol, today)
        return self._found[symbol]

    def _look(self, symbol: str, today: date) -> Known:
        try:
            instrument_id = self._store.find(symbol, today) if self._archive is not None else None
        except UsageError:
            instrument_id = None
        if instrument_id is None:
            return Known(lambda _: symbol, _finest, {}, {}, listed=None if self._has_actions(symbol) else self._listed)
        store, owner = self._store, instrument_id
        history = store.history(owner)

        def name_on(day: date) -> str:
            return store.instrument(owner, day).symbol

        def tick_on(day: date, price: int) -> int:
            return _finest(day, price) if history is None else store.instrument(owner, day).tick_size

        others = [action for action in store.actions(owner, date.min, today) if not changes_shares(action)]
        return Known(name_on, tick_on, self._closes(owner), self._ratios(owner, today), others, self._listed)

    def _has_actions(self, symbol: str) -> bool:
        """Return whether the list has actions of a symbol. For an unknown instrument, they cannot be assigned to its bars."""
        if self._archive is None:
            return False
        return self._archive.execute("SELECT 1 FROM actions WHERE symbol = ?", (symbol,)).fetchone() is not None

    @cached_property
    def _listed(self) -> tuple[date, date] | None:
        if self._archive is None:
            return None
        oldest, newest = self._archive.execute("SELECT min(ex_date), max(ex_date) FROM actions").fetchone()
        return (date.fromisoformat(oldest), date.fromisoformat(newest)) if oldest else None

    def _closes(self, instrument_id: str) -> dict[date, int]:
        """Return the final closes in paise, by session."""
        history = self._store.history(instrument_id)
        if history is None or self._archive is None:
            return {}
        names = {self._store.instrument(instrument_id, history.session(index)).symbol for index in range(len(history))}
        marks = ", ".join("?" for _ in names)
        query = f"SELECT session, symbol, close FROM bars WHERE symbol IN ({marks}) AND NOT provisional"
        held = {history.session(index) for index in range(len(history))}
        rows = self._archive.execute(query, sorted(names))
        return {day: int(close) for text, _, close in rows if (day := date.fromisoformat(text)) in held}

    def _ratios(self, instrument_id: str, today: date) -> dict[date, Fraction]:
        """Return new shares for one old, by ex-date; ratios of the same date are multiplied."""
        ratios: defaultdict[date, Fraction] = defaultdict(lambda: Fraction(1))
        for action in self._store.actions(instrument_id, date.min, today):
            if changes_shares(action):
                ratios[action.ex_date] *= action.ratio
        return dict(ratios)


def _finest(day: date, price: int) -> int:
    """Return the finest tick size in paise that a share of this price may have had on a date."""
    return 1 if day >= SINGLE_PAISA_SINCE else tick_size(day, price)
