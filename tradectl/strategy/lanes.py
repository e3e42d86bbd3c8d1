"""The backtest of many lanes at once, a lane being one instrument under one setting: the tool's own strategy, or another rule.

One loop over sessions (`lane_loop`) for whatever rule. Settings that share their indicators run together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tradectl.model.position import Folded
from tradectl.strategy.lane_fills import LaneTrades, trades_of
from tradectl.strategy.lane_loop import Loop, Rule
from tradectl.strategy.lane_market import INDICATOR_SETTINGS, LaneMarket
from tradectl.strategy.lane_score import ScoreGate
from tradectl.strategy.lane_strategy import Strategy
from tradectl.strategy.parameters import Parameters

Tell = Callable[[int, int, date], None]
"""Is told how many sessions are done, of how many, and which was the last."""


@dataclass(frozen=True, eq=False)
class LaneRun:
    """What a run made: closed trades, and positions that are still held, by (setting, instrument)."""

    trades: LaneTrades
    held: dict[tuple[int, int], Folded]


def run_lanes(
    market: LaneMarket,
    settings: Sequence[Parameters],
    *,
    first: date,
    last: date,
    scored: bool = True,
    progress: Tell | None = None,
) -> LaneRun:
    """The tool's own strategy: every setting on every instrument from `first` to `last`, both included, as `backtest.gated` of
    each, or as `backtest.run` where not `scored`."""
    trades: list[LaneTrades] = []
    held: dict[tuple[int, int], Folded] = {}
    for numbers, own in groups(settings, INDICATOR_SETTINGS):
        columns, made = market.columns(own[0])
        candidates = market.candidates(made, own)
        del made
        gate = None
        if scored:
            reference = Strategy(market, own, columns, candidates)
            past = run_rule(market, reference, first=date.min, last=date.max, progress=progress)
            gate = ScoreGate(past.trades, len(market.instruments))
        found = run_rule(
            market,
            Strategy(market, own, columns, candidates, gate=gate),
            first=first,
            last=last,
            numbers=numbers,
            progress=progress,
        )
        trades.append(found.trades)
        held |= found.held
    return LaneRun(LaneTrades.joined(trades), held)


def run_rule(
    market: LaneMarket,
    rule: Rule,
    *,
    first: date,
    last: date,
    numbers: Sequence[int] | None = None,
    progress: Tell | None = None,
) -> LaneRun:
    """Whatever rule from `first` to `last`, both included. `numbers` are those of its settings in the result; from 0 on unless
    told."""
    width = len(market.instruments)
    own = range(rule.lanes // max(width, 1)) if numbers is None else numbers
    loop = Loop(market, rule)
    loop.run(first, last, progress)
    closed, still_open = trades_of(loop.ledger, market.days, width, own)
    return LaneRun(closed, {(own[item.lane // width], item.lane % width): item.folded for item in still_open})


def groups(settings: Sequence[Parameters], names: Sequence[str]) -> Iterator[tuple[list[int], list[Parameters]]]:
    """Settings that agree in these names, with their numbers."""
    found: dict[tuple[object, ...], list[int]] = {}
    for number, item in enumerate(settings):
        found.setdefault(tuple(getattr(item, name) for name in names), []).append(number)
    for numbers in found.values():
        yield numbers, [settings[number] for number in numbers]
