"""A reference run that continues from a session without shares makes the trades of a run from the first bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import numpy as np
from msgspec import structs

from tests.support.world import PARAMETERS, SESSIONS
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import SettledTrades, reference, settled
from tradectl.model.history import History
from tradectl.model.market import Instrument
from tradectl.strategy.features import features
from tradectl.strategy.parameters import Parameters

EAGER = replace(PARAMETERS, rsi_entry_above=45, rsi_entry_below=45, min_quality=0, min_volume_ratio=0, freeze="position")
"""Settings with which a symbol is nearly always held."""


def context(history: History, parameters: Parameters) -> BacktestContext:
    instrument = Instrument(history.instrument_id, history.instrument_id, "EQ", "INE000A01010", 5)
    return BacktestContext(history, features(history, parameters), lambda _: instrument, (), SESSIONS, parameters)


def test_trades_are_the_same_however_often_a_run_breaks_off(real_histories: Mapping[str, History]) -> None:
    random = np.random.default_rng(5)
    trades = resumed = 0
    for symbol in sorted(real_histories)[::25]:
        history = real_histories[symbol]
        for parameters in (PARAMETERS, EAGER):
            past: SettledTrades | None = None
            for end in [*sorted(random.integers(1, len(history) + 1, 8)), len(history)]:
                part = context(history.through(history.session(int(end) - 1)), parameters)
                found, past = settled(part, past)
                assert found == reference(part), (symbol, end)
                assert past is not None
                assert past.flat_on <= part.history.session(len(part.history) - 1)
                resumed += past.flat_on > history.session(0)
            trades += len(found)
    assert trades > 300
    assert resumed > 80


def test_without_a_bar_there_is_nothing_to_go_on_from(real_histories: Mapping[str, History]) -> None:
    nothing = context(real_histories["INFY"].through(date(2000, 1, 1)), PARAMETERS)
    assert settled(nothing) == ((), None)


def test_a_wrong_last_bar_leaves_nothing_behind(real_histories: Mapping[str, History]) -> None:
    """A provisional bar, and then the final one."""
    history = real_histories["TATASTEEL"]
    for end in range(1200, 1230):
        part = history.through(history.session(end))
        bar = part.bar(end)
        before = part.through(part.session(end - 1))
        seen = before.with_bar(structs.replace(bar, close=bar.high, volume=bar.volume // 2), float(part.multiplier[end]))
        _, past = settled(context(seen, EAGER))
        assert reference(context(part, EAGER), past) == reference(context(part, EAGER))
