"""Accept entries whose combined score was a BUY on the evening of the decision, as `backtest.engine.gated` does."""

from __future__ import annotations

from datetime import date

import numpy as np

from tradectl.model.history import Floats, Ints
from tradectl.research.vectorized.fills import TradeColumns
from tradectl.research.vectorized.market import EntryBars, Mask
from tradectl.research.vectorized.settings import ParameterArrays
from tradectl.strategy.score import backtest_score, combined, since

_LATER = 2**22
"""A number above all ordinals of sessions."""


class ScoreGate:
    """Compute the scores of lanes from their reference trades. They equal those of `strategy.score` bit for bit."""

    def __init__(self, trades: TradeColumns, width: int) -> None:
        """Create the gate. `trades`: reference trades, whose `setting` is the index within these lanes; `width`: instruments."""
        lane = trades.setting * width + trades.instrument
        order = np.lexsort((trades.exit_session, trades.entry_session, lane))
        trades, lane = trades.take(order), lane[order]
        same = (np.diff(lane, prepend=-1) == 0) & (np.diff(trades.entry_session, prepend=-1) == 0)
        parts = np.flatnonzero(same & (np.diff(trades.exit_session, prepend=-1) != 0))
        self._in_parts = set(lane[parts].tolist())
        self._trades, self._lane = trades, lane
        first = np.flatnonzero(~same)
        net, cost = (np.add.reduceat(column, first) if len(first) else column for column in (trades.net, trades.cost))
        self._entry = lane[first] * _LATER + trades.entry_session[first]
        self._exit = lane[first] * _LATER + trades.exit_session[first]
        self._wins = np.r_[0, np.cumsum(net > 0)]
        with np.errstate(divide="ignore", invalid="ignore"):
            self._percent = np.where(cost > 0, 100 * net / cost, 0.0)

    def accept(self, day: int, chosen: EntryBars, parameters: ParameterArrays) -> Mask:
        """Return which entries have the combined score of a BUY."""
        past = self.scores(day, chosen.lane, parameters)
        taken: Mask = combined(chosen.strength, past, parameters) >= parameters.buy_score
        return taken

    def scores(self, day: int, lanes: Ints, parameters: ParameterArrays) -> Floats:
        """Return the `backtest_score` of each lane as of a session. `day`: its ordinal."""
        as_of = date.fromordinal(day)
        years = np.broadcast_to(parameters.backtest_years, lanes.shape)
        after = np.zeros(len(lanes), dtype=np.int64)
        for span in np.unique(years).tolist():
            after[years == span] = since(as_of, span).toordinal()
        start = np.searchsorted(self._entry, lanes * _LATER + after, side="right")
        stop = np.searchsorted(self._exit, lanes * _LATER + day, side="right")
        k = np.maximum(0, stop - start)
        earned = np.zeros(len(lanes))
        for i in range(int(k.max(initial=0))):  # oldest first, because floating-point sums depend on the order
            more = np.flatnonzero(i < k)
            earned[more] += self._percent[start[more] + i]
        prior = np.broadcast_to(parameters.prior_trades, lanes.shape)
        won = 100.0 * (self._wins[start + k] - self._wins[start])
        with np.errstate(divide="ignore", invalid="ignore"):
            win = (won + prior * parameters.prior_win) / (k + prior)
            net = (earned + prior * parameters.prior_net) / (k + prior)
        score = np.where(k + prior == 0, 0.0, (np.clip(50 + 25 * (net - 1), 0, 100) + win) / 2)
        for i, lane in enumerate(lanes.tolist()):
            if lane in self._in_parts:
                score[i] = self._score_of_parts(lane, as_of, parameters, i)
        return score

    def _score_of_parts(self, lane: int, as_of: date, parameters: ParameterArrays, i: int) -> float:
        """Return the score of a lane in which one buy was sold on several days."""
        rows = np.flatnonzero(self._lane == lane)
        return backtest_score([self._trades.trade(row, "") for row in rows.tolist()], as_of, parameters.one(i)).score
