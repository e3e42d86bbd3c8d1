"""Each function of the language that names a class of `ta` has the same bits as that class, on real symbols."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from tests.unit.strategy.expressions.panels import numbers_of
from tradectl.model.history import Floats, History
from tradectl.strategy.expressions.evaluation import BarColumns
from tradectl.strategy.expressions.vocabulary import FUNCTIONS, Function

NAMES = {
    "n": "window", "fast": "window_fast", "slow": "window_slow", "signal": "window_sign", "deviations": "window_dev",
    "smooth": "smooth_window",
}  # fmt: skip
"""The name in `ta` of each parameter of the language."""
OTHER_NAMES = {"williams_r": {"n": "lbp"}, "kama": {"fast": "pow1", "slow": "pow2"}}
TAKES = {
    **dict.fromkeys(("donchian_high", "donchian_low"), ("high", "low", "close")),
    **dict.fromkeys(("aroon_up", "aroon_down"), ("high", "low")),
}
"""Functions whose class takes columns that the formula does not use."""
PERIODS = {1: 1.0, 2: 2.0, 5: 2.0, 20: 2.5, 200: 2.0}
"""Periods, and the width of the bands that goes with each."""
ZERO_BEFORE = ("atr", "adx", "adx_pos", "adx_neg")
"""Functions for which `ta` writes 0 on bars that have no value yet; the language has no value there."""
EARLY = ("keltner_high", "keltner_low")
"""Functions for which `ta` has values of windows that are not full."""
OF_TA = [function for function in FUNCTIONS.values() if function.ta]


def calls(function: Function, periods: Mapping[int, float]) -> Iterator[tuple[float, ...]]:
    """Yield the numbers of several calls: the defaults, and some periods."""
    if all(item.default is not None for item in function.settings):
        yield tuple(float(item.default) for item in function.settings if item.default is not None)
    if function.settings:
        for n, width in periods.items():
            at = {"n": n, "fast": n, "slow": 2 * n, "signal": 3, "smooth": 4, "deviations": width}
            yield tuple(at[item.name] for item in function.settings)


def expected(function: Function, numbers: Sequence[float], columns: Mapping[str, pd.Series]) -> Floats:
    """Return the values that `ta` returns for one symbol."""
    module, kind, method = function.ta.split(".")
    words: dict[str, object] = {"close": columns["close"]} if function.series else {}
    words |= {name: columns[name] for name in TAKES.get(function.name, function.columns)}
    names = {**NAMES, **OTHER_NAMES.get(function.name, {})}
    for setting, value in zip(function.settings, numbers, strict=True):
        words[names[setting.name]] = int(value) if setting.whole else value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = getattr(getattr(import_module(f"ta.{module}"), kind)(**words), method)()
    return np.array(found, dtype=np.float64)


def differences(histories: Sequence[History], function: Function, periods: Mapping[int, float] = PERIODS) -> Iterator[str]:
    """Yield one line for each symbol and call with another value than `ta`."""
    bars = BarColumns.of(histories)
    for numbers in calls(function, periods):
        text = ", ".join(f"{value:g}" for value in numbers)
        ours = numbers_of(f"{function.name}({text})", bars)
        for symbol, history in enumerate(histories):
            n = len(history)
            series = {name: pd.Series(values[:n, symbol]) for name, values in bars.columns.items()}
            mine, theirs = ours[:n, symbol], expected(function, numbers, series)
            known = np.flatnonzero(~np.isnan(mine))
            first = int(known[0]) if len(known) else n
            if function.name in (*ZERO_BEFORE, *EARLY):
                theirs[:first] = np.nan
            theirs[~np.isfinite(theirs)] = np.nan
            if not np.array_equal(mine, theirs, equal_nan=True):
                yield f"{history.instrument_id} {function.name}({text})"


def sample(histories: Mapping[str, History], count: int, least: int = 450) -> list[History]:
    """Return symbols with more than `least` bars, spread over the alphabet."""
    long = [history for history in histories.values() if len(history) > least]
    return long[:: max(1, len(long) // count)][:count]


@pytest.mark.parametrize("function", OF_TA, ids=lambda function: function.name)
def test_a_function_has_the_bits_of_ta(function: Function, real_histories: Mapping[str, History]) -> None:
    histories = [history.take(slice(600)) for history in sample(real_histories, 20)]
    assert len(histories) == 20
    assert list(differences(histories, function)) == []


@pytest.mark.slow
@pytest.mark.parametrize("function", OF_TA, ids=lambda function: function.name)
def test_a_function_has_the_bits_of_ta_on_200(function: Function, real_histories: Mapping[str, History]) -> None:
    histories = sample(real_histories, 200, 100)
    assert (len(histories), list(differences(histories, function, {20: 2.0}))) == (200, [])


OWN: Mapping[str, Callable[[pd.Series], pd.Series]] = {
    "prev(close, 3)": lambda close: close.shift(3),
    "highest(close, 7)": lambda close: close.rolling(7).max(),
    "lowest(close, 8)": lambda close: close.rolling(8).min(),
    "highest(close, 1)": lambda close: close,
    "mean(close, 6)": lambda close: close.rolling(6).mean(),
    "mean(close, 1)": lambda close: close,
    "mean(close - prev(close, 1), 5)": lambda close: close.diff().rolling(5).mean(),
}


@pytest.mark.parametrize("text", OWN)
def test_own_functions_have_the_bits_of_pandas(text: str, real_histories: Mapping[str, History]) -> None:
    histories = sample(real_histories, 20)
    bars = BarColumns.of(histories)
    ours = numbers_of(text, bars)
    for symbol, history in enumerate(histories):
        close = pd.Series(bars.columns["close"][: len(history), symbol])
        assert np.array_equal(ours[: len(history), symbol], OWN[text](close).to_numpy(), equal_nan=True), history.instrument_id
