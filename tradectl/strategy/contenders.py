"""The symbols that share an account, each with its signals: what `analyze` would have said of it, evening by evening.

Signals do not depend on what the account holds, so they are found once, whatever becomes of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from tradectl.strategy.backtest import reference
from tradectl.strategy.entry import Mask, admission_mask, entry_mask, is_share
from tradectl.strategy.facts import Facts
from tradectl.strategy.score import Verdict, backtest_score, combined, rank, strength, verdict

Rank = tuple[int, float, str]
"""As `score.rank` has it: smaller is bought first."""


@dataclass(frozen=True, eq=False)
class Contender:
    """A symbol and the ranks of its signals, by bar; `entries` marks the same bars."""

    facts: Facts
    signals: Mapping[int, Rank]
    entries: Mask

    @classmethod
    def of(cls, facts: Facts, first: date, last: date) -> Contender:
        """With its signals on the closes from `first` to `last`, both included."""
        history, parameters = facts.history, facts.parameters
        rule = entry_mask(facts.features, parameters) & admission_mask(history, facts.features, parameters)
        spanned = (history.sessions >= first.toordinal()) & (history.sessions <= last.toordinal())
        bars = [j for j in (rule & spanned).nonzero()[0].tolist() if is_share(facts.instrument(history.session(j)).isin)]
        signals = _ranked(facts, bars) if bars else {}
        entries = np.zeros(len(history), dtype=np.bool_)
        entries[list(signals)] = True
        return cls(facts, signals, entries)


def _ranked(facts: Facts, bars: list[int]) -> dict[int, Rank]:
    """The ranks of those bars that are worth a signal."""
    trades, parameters = reference(facts), facts.parameters
    found = {}
    for j in bars:
        reading = facts.features.reading(facts.history, j)
        past = backtest_score(trades, reading.session, parameters)
        score = float(combined(strength(reading, parameters), past.score, parameters))
        said = verdict(score, past.k, parameters)
        if said in {Verdict.STRONG_BUY, Verdict.BUY}:
            found[j] = rank(said, score, facts.instrument(reading.session).symbol)
    return found
