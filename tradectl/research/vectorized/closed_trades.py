"""The engine of a study: all settings on all instruments in one loop over sessions. `single` says what it must come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np

from tradectl.model.history import Ints
from tradectl.research.closed import Closed
from tradectl.research.single import any_rsi
from tradectl.research.vectorized.engine import run_lanes, run_rule
from tradectl.research.vectorized.fills import LaneTrades
from tradectl.research.vectorized.market import Candidates, LaneMarket
from tradectl.research.vectorized.settings import LaneParameters
from tradectl.research.vectorized.strategy import Strategy
from tradectl.strategy.entry import Mask
from tradectl.strategy.parameters import Parameters

COPIES = 40
"""Lanes among which the possible entries of an instrument are dealt out, so that few of them find shares held already."""


def backtests(market: LaneMarket, settings: Sequence[Parameters], *, first: date, last: date, scored: bool) -> list[Closed]:
    """The closed trades of each setting."""
    trades = run_lanes(market, settings, first=first, last=last, scored=scored).trades
    bounds = np.searchsorted(trades.setting, np.arange(len(settings) + 1))
    rows = [np.arange(begin, end) for begin, end in pairwise(bounds.tolist())]
    return [_closed(trades.take(own), trades.instrument[own]) for own in rows]


def positions(market: LaneMarket, parameters: Parameters, *, first: date, last: date) -> Closed:
    """What every entry would have come to that the rule, its timing apart, allows: one row a position, as `single.positions`.

    The entries of an instrument are dealt out to copies of it. One that finds shares held waits for the next round.
    """
    width = len(market.instruments)
    settings = [any_rsi(parameters)] * COPIES
    columns, made = market.columns(settings[0])
    waiting = market.candidates(made, settings[:1])
    found = Closed.of_trades({})
    while len(waiting.lane):
        tried = _Tried()
        dealt = _dealt(waiting, width)
        rule = Strategy(market, settings, columns, dealt, gate=tried)
        trades = run_rule(market, rule, first=first, last=last, tariff=parameters.tariff).trades
        apart = _closed(trades, trades.setting * width + trades.instrument).positions()
        found += replace(apart, instrument=apart.instrument % width)
        left = ~tried.among(dealt, market.days)
        if left.all():
            break
        waiting = dealt.take(left)
    return found


class _Tried:
    """A gate that lets every entry pass, and remembers which there were."""

    def __init__(self) -> None:
        self.seen: list[Ints] = []

    def accept(self, day: int, chosen: Candidates, parameters: LaneParameters) -> Mask:  # noqa: ARG002
        self.seen.append(_named(np.int64(day), chosen.lane))
        return np.ones(len(chosen.lane), dtype=np.bool_)

    def among(self, candidates: Candidates, days: Ints) -> Mask:
        """Which of these were tried."""
        names = _named(days[candidates.row], candidates.lane)
        return np.isin(names, np.concatenate([np.empty(0, dtype=np.int64), *self.seen]))


def _named(day: Ints | np.int64, lane: Ints) -> Ints:
    named: Ints = (day << 32) + lane
    return named


def _dealt(waiting: Candidates, width: int) -> Candidates:
    """Each instrument's candidates, one after the other to the next copy."""
    column = waiting.lane % width
    order = np.lexsort((waiting.row, column))
    first = np.searchsorted(column[order], column[order])
    copy = np.empty(len(order), dtype=np.int64)
    copy[order] = (np.arange(len(order)) - first) % COPIES
    lane = copy * width + column
    return Candidates(waiting.row, lane, waiting.strength).take(np.lexsort((lane, waiting.row)))


def _closed(trades: LaneTrades, instrument: Ints) -> Closed:
    return Closed.of(
        {
            "instrument": instrument,
            "entry": trades.entry_session,
            "exit": trades.exit_session,
            "quantity": trades.quantity,
            "gross": trades.gross,
            "charges": trades.charges,
            "cost": trades.cost,
        }
    )
