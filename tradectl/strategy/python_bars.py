"""Give a rule in Python the bars of one symbol as numpy columns, and the words of the language of expressions as methods.

`bars.close > bars.sma(200)` is the expression `close > sma(200)`, with the same bits. A word of a column or of another word is
calculated for all symbols of a block at once; a word of a column that the rule calculated itself, for its symbol alone. Results
are kept by content. All columns are read-only, so a rule cannot change the bars.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tradectl.errors import UsageError
from tradectl.model.history import Floats, History
from tradectl.strategy.expressions.calendar import dates
from tradectl.strategy.expressions.evaluation import BarCalculation
from tradectl.strategy.expressions.tree import Expression
from tradectl.strategy.expressions.vocabulary import COLUMNS, FUNCTIONS, Function, Setting
from tradectl.strategy.rule_set import Mask

Word = Callable[..., Floats]
KEPT = 256
"""Number of results that are kept of columns that a rule calculated itself: those with facts of a position are always new."""


class Held(Struct, frozen=True):
    """Hold the facts of a position for a method of a rule.

    Attributes:
        entry: Average price paid, in adjusted rupees.
        days_held: Sessions of the symbol since the buy, on each bar; 0 on the day of the buy and before it.
        buys: Number of buys.
    """

    entry: float
    days_held: Floats
    buys: int


def _word(name: str) -> Word:
    """Return the method of a function of the language: `bars.sma(20)`, or `bars.sma(x, 20)` of a column."""
    function = FUNCTIONS[name]

    def method(self: Bars, *arguments: Any) -> Floats:
        return self._value(function, arguments)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"Return the {function.meaning}."
    return method


class Bars:
    """The bars of one symbol as columns, and the functions of the language. A value is NaN where it is unknown.

    Args:
        calculation: The bars of a block of symbols.
        symbol: Index of the symbol in the block.
        history: The bars of the symbol.
    """

    def __init__(self, calculation: BarCalculation, symbol: int, history: History) -> None:
        self._calculation, self._symbol, self._length = calculation, symbol, len(history)
        self._expressions: dict[bytes, Expression] = {}
        self._alone: dict[tuple[object, ...], Floats] = {}
        columns = {name: self._of_block(Expression(name, scale=word.scale)) for name, word in COLUMNS.items()}
        self.open, self.high, self.low, self.close = (columns[name] for name in ("open", "high", "low", "close"))
        """Adjusted prices in rupees."""
        self.volume, self.turnover = columns["volume"], columns["turnover"]
        """Adjusted shares, and rupees."""
        self.month, self.day, self.weekday = (columns[name] for name in ("month", "day", "weekday"))
        self.multiplier = read_only(history.multiplier.astype(np.float64))
        """M of each bar: a price as traded x M is an adjusted price."""
        self.dates: NDArray[np.datetime64] = dates(history.sessions)
        """The date of each bar."""
        self.dates.flags.writeable = False

    def __len__(self) -> int:
        return self._length

    prev = _word("prev")
    highest = _word("highest")
    lowest = _word("lowest")
    mean = _word("mean")
    sma = _word("sma")
    ema = _word("ema")
    wma = _word("wma")
    rsi = _word("rsi")
    roc = _word("roc")
    kama = _word("kama")
    macd = _word("macd")
    macd_signal = _word("macd_signal")
    macd_diff = _word("macd_diff")
    bollinger_high = _word("bollinger_high")
    bollinger_mid = _word("bollinger_mid")
    bollinger_low = _word("bollinger_low")
    atr = _word("atr")
    adx = _word("adx")
    adx_pos = _word("adx_pos")
    adx_neg = _word("adx_neg")
    cci = _word("cci")
    stoch = _word("stoch")
    stoch_signal = _word("stoch_signal")
    williams_r = _word("williams_r")
    aroon_up = _word("aroon_up")
    aroon_down = _word("aroon_down")
    donchian_high = _word("donchian_high")
    donchian_low = _word("donchian_low")
    keltner_high = _word("keltner_high")
    keltner_mid = _word("keltner_mid")
    keltner_low = _word("keltner_low")
    obv = _word("obv")
    mfi = _word("mfi")

    def cross(self, a: Any, b: Any) -> Mask:
        """Return where `a` crosses above `b`: a > b, and a <= b on the bar before. Where a value is unknown it is False."""
        first, second = self._column("a", a), self._column("b", b)
        found: Mask = (first > second) & (self.prev(first, 1) <= self.prev(second, 1))
        return found

    def rank(self, *_: Any) -> Floats:
        """Raise UsageError: a rule in Python sees one symbol."""
        raise UsageError("rank compares the symbols of a list, and a rule in Python sees one symbol; write it as an expression")

    def _value(self, function: Function, arguments: tuple[Any, ...]) -> Floats:
        """Return the values of a function. Raises UsageError for wrong arguments."""
        series, numbers = None, list(arguments)
        if function.series:
            if numbers and not _is_number(numbers[0]):
                series = self._column("x", numbers.pop(0))
            elif function.usual:
                series = self.close
            else:
                raise UsageError(f"{function.name} needs a column: write bars.{function.usage}")
        settings = self._settings(function, numbers)
        known = None if series is None else self._expressions.get(_digest(series))
        if series is not None and known is None:
            return self._of_series(function, series, settings)
        operands = tuple(Expression(name, scale=COLUMNS[name].scale) for name in function.columns) if known is None else (known,)
        scale = function.scale if function.scale is not None else operands[0].scale
        return self._of_block(Expression(function.name, operands, settings, scale=scale))

    def _of_block(self, expression: Expression) -> Floats:
        """Return the values of an expression for this symbol. They are calculated for all symbols of the block."""
        found = read_only(self._calculation.number(expression)[: self._length, self._symbol])
        self._expressions.setdefault(_digest(found), expression)
        return found

    def _of_series(self, function: Function, series: Floats, settings: tuple[float, ...]) -> Floats:
        """Return the values of a function of a column that the rule calculated."""
        key = function.name, _digest(series), settings
        if key not in self._alone:
            if len(self._alone) >= KEPT:
                self._alone.clear()
            numbers = [int(value) if item.whole else value for item, value in zip(function.settings, settings, strict=True)]
            with np.errstate(all="ignore"):
                found = function.calculate(known(series)[:, None], *numbers)[:, 0]
            self._alone[key] = read_only(known(found))
        return self._alone[key]

    def _column(self, name: str, value: Any) -> Floats:
        """Return a column of numbers, one a bar. Raises UsageError for anything else."""
        found = np.asarray(value)
        if found.dtype.kind not in "biuf":
            raise UsageError(f"{name} is a column of numbers, not {type(value).__name__} of {found.dtype}")
        if found.ndim == 0:
            return np.full(self._length, float(found))
        if found.shape != (self._length,):
            raise UsageError(f"{name} has the shape {found.shape}; a column has one number for each of the {self._length} bars")
        return found.astype(np.float64)

    @staticmethod
    def _settings(function: Function, given: list[Any]) -> tuple[float, ...]:
        """Return the numbers of a function, with its defaults. Raises UsageError."""
        if len(given) > len(function.settings):
            raise UsageError(f"too many arguments: write bars.{function.usage}")
        numbers = []
        for i, setting in enumerate(function.settings):
            value = given[i] if i < len(given) else setting.default
            if value is None:
                raise UsageError(f"{setting.name} is missing: write bars.{function.usage}")
            numbers.append(_checked(function, setting, value))
        return tuple(numbers)


def _checked(function: Function, setting: Setting, value: Any) -> float:
    fits = _is_number(value) and setting.low <= value <= setting.high and (not setting.whole or float(value).is_integer())
    if not fits:
        kind = "a whole number" if setting.whole else "a number"
        bounds = f"from {setting.low:g} to {setting.high:g}"
        raise UsageError(f"{setting.name} of {function.usage} is {kind} {bounds}, not {str(value)[:40]}")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _digest(values: Floats) -> bytes:
    return blake2b(values.tobytes(), digest_size=16).digest()


def known(values: Floats) -> Floats:
    """Return the values, with NaN for infinite ones, which the language calls unknown."""
    return np.where(np.isfinite(values), values, np.nan)


def read_only(values: Floats) -> Floats:
    """Return a copy of a column that cannot be changed."""
    found = np.array(values, dtype=np.float64)
    found.flags.writeable = False
    return found
