"""The backtest of many lanes at once, a lane being one instrument under one setting: the tool's own strategy, or another rule.

One loop over sessions (`lane_loop`) for whatever rule. Settings that share their indicators share the tables of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.model.position import Folded
from tradectl.research.vectorized.fills import LaneTrades, trades_of
from tradectl.research.vectorized.loop import Loop, Rule
from tradectl.research.vectorized.market import Candidates, Columns, LaneMarket
from tradectl.research.vectorized.score_gate import ScoreGate
from tradectl.research.vectorized.strategy import Gate, Strategy
from tradectl.strategy.features import INDICATOR_SETTINGS
from tradectl.strategy.parameters import Parameters

Tell = Callable[[int, int, date], None]
"""Is told how many sessions are done, of how many, and which was the last."""

TABLE = 500
"""Columns of indicators that may lie side by side."""


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
    watch: Callable[[Strategy], Rule] = lambda rule: rule,
) -> LaneRun:
    """The tool's own strategy: every setting on every instrument from `first` to `last`, both included, as `backtest.gated` of
    each, or as `backtest.run` where not `scored`. `watch` may stand between the loop and the strategy, to see what it does."""
    runs = []
    tariff = settings[0].tariff if settings else ZERODHA
    for batch in _batches(settings, len(market.instruments)):
        numbers = [number for part in batch for number in part]
        rule = _strategies(market, [[settings[number] for number in part] for part in batch])
        gate = None
        if scored:
            past = run_rule(market, rule(None), first=date.min, last=date.max, progress=progress, tariff=tariff)
            gate = ScoreGate(past.trades, len(market.instruments))
        watched = watch(rule(gate))
        runs.append(run_rule(market, watched, first=first, last=last, numbers=numbers, progress=progress, tariff=tariff))
    held = {key: folded for run in runs for key, folded in run.held.items()}
    return LaneRun(LaneTrades.joined([run.trades for run in runs]), held)


def run_rule(
    market: LaneMarket,
    rule: Rule,
    *,
    first: date,
    last: date,
    numbers: Sequence[int] | None = None,
    progress: Tell | None = None,
    tariff: Tariff = ZERODHA,
) -> LaneRun:
    """Whatever rule from `first` to `last`, both included. `numbers` are those of its settings in the result; from 0 on unless
    told."""
    width = len(market.instruments)
    own = range(rule.lanes // max(width, 1)) if numbers is None else numbers
    loop = Loop(market, rule)
    loop.run(first, last, progress)
    closed, still_open = trades_of(loop.ledger, market.days, width, own, tariff=tariff)
    return LaneRun(closed, {(own[item.lane // width], item.lane % width): item.folded for item in still_open})


def _strategies(market: LaneMarket, parts: Sequence[Sequence[Parameters]]) -> Callable[[Gate | None], Strategy]:
    """Makes the strategy of these settings, those of a part seeing the same indicators, behind whatever gate."""
    tables, candidates, width = [], [], len(market.instruments)
    before = 0
    for own in parts:
        table, made = market.columns(own[0])
        found = market.candidates(made, own)
        tables.append(table)
        candidates.append(found._replace(lane=found.lane + before * width))
        before += len(own)
    settings = [item for own in parts for item in own]
    seen = [number for number, own in enumerate(parts) for _ in own]
    columns, possible = Columns.beside(tables), Candidates.joined(candidates)
    return lambda gate: Strategy(market, settings, columns, possible, tables=seen, gate=gate)


def _batches(settings: Sequence[Parameters], width: int) -> Iterator[list[list[int]]]:
    """The numbers of settings that run in one loop, in parts that share their indicators: a session costs the same for few lanes
    as for some hundreds, and tables cost memory."""
    parts: dict[tuple[object, ...], list[int]] = {}
    for number, item in enumerate(settings):
        parts.setdefault(tuple(getattr(item, name) for name in INDICATOR_SETTINGS), []).append(number)
    known, many = list(parts.values()), max(1, TABLE // max(width, 1))
    for begin in range(0, len(known), many):
        yield known[begin : begin + many]
