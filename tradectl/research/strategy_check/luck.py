"""Estimate how good the result of a strategy could be by chance, with the tests of `sweep`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from tradectl.backtest.engine import run
from tradectl.model.history import Floats
from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.grid import Changes
from tradectl.research.strategy_check.runs import Runs
from tradectl.research.sweep_results import Criterion, Findings, find
from tradectl.strategy.entry import admission_mask

DRAWS, SEED = 1000, 1
POOLS, PART = 4, 0.1
"""Random entries are drawn from so many runs, each of which may buy on this part of the bars."""


class Chance(Struct, frozen=True):
    """Hold the tests of a strategy with its default parameters. `tried`: how many settings the reality check counts."""

    findings: Findings
    tried: int


def chance_of(runs: Runs, own: ClosedTrades, near: Sequence[tuple[Changes, ClosedTrades]]) -> Chance:
    """Return the tests. `own`: the trades of the sample. `near`: the settings one step away, which count as tried."""
    tried: list[tuple[Changes, ClosedTrades]] = [({}, own), *near]
    possible = possible_positions(runs)
    alone = find([({}, own)], own, possible, runs.sessions, (), by=Criterion.NET, draws=DRAWS, seed=SEED)
    together = find(tried, own, None, runs.sessions, (), by=Criterion.NET, draws=DRAWS, seed=SEED)
    return Chance(
        Findings(alone.tried, alone.own, together.luck, alone.order, alone.sample, alone.timing, None), len(tried)
    )  # fmt: skip


def possible_positions(runs: Runs) -> ClosedTrades:
    """Return positions of the rule's exits with entries on random bars on which the universe allows a buy."""
    found, span = ClosedTrades.of_trades({}), runs.request.span
    random = np.random.default_rng(SEED)
    for number, context in runs.contexts(runs.request.rule, runs.sample).items():
        allowed = admission_mask(context.history, context.features, context.parameters, context.excluded) & context.trusted
        for _ in range(POOLS):
            drawn: Floats = random.random(len(allowed))
            done = run(context, first=span.first, last=span.last, entries=allowed & (drawn < PART))
            found += ClosedTrades.of_trades({number: done.trades}).positions()
    return found
