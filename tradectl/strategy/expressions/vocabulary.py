"""Declare the words of the language: columns, facts of the position, and functions with their parameters.

The reference in the documentation is written from these declarations, and the tests compare each function that names a class of
`ta` with that class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from tradectl.model.history import Floats
from tradectl.strategy.expressions import calendar, moving, technical

LONGEST_PERIOD = 2000
SAME = None
"""The scale of a function whose value has the scale of its series."""
Calculate = Callable[..., Floats]


class Word(Struct, frozen=True):
    """Describe a column or a fact. `scale`: as in `Expression`."""

    name: str
    scale: int
    meaning: str


class Setting(Struct, frozen=True):
    """Describe a number of a function, written as a literal. `default`: None if it must be given."""

    name: str
    default: float | None = None
    low: float = 1
    high: float = LONGEST_PERIOD
    whole: bool = True


class Function(Struct, frozen=True):
    """Describe a function.

    Attributes:
        settings: Its numbers, in order.
        meaning: What it returns.
        calculate: Takes the series (or the columns), shaped (bars, symbols), and the settings.
        columns: The columns that it always uses.
        series: Whether its first argument is an expression.
        usual: The series if none is written; empty if it must be written.
        scale: The scale of the value; SAME for that of the series.
        ta: The class and the method of `ta` with the same values; empty for a definition of the language itself.
    """

    name: str
    settings: tuple[Setting, ...]
    meaning: str
    calculate: Calculate
    columns: tuple[str, ...] = ()
    series: bool = False
    usual: str = ""
    scale: int | None = 0
    ta: str = ""

    @property
    def usage(self) -> str:
        """Return a call with its parameters, such as `sma(n)` or `macd(12, 26)`."""
        numbers = [item.name if item.default is None else f"{item.default:g}" for item in self.settings]
        return f"{self.name}({', '.join(['x'] * (self.series and not self.usual) + numbers)})"


COLUMNS: Mapping[str, Word] = {
    word.name: word
    for word in (
        Word("open", 1, "first price of the session"),
        Word("high", 1, "highest price of the session"),
        Word("low", 1, "lowest price of the session"),
        Word("close", 1, "close of the session"),
        Word("volume", -1, "shares traded in the session"),
        Word("turnover", 0, "close x volume in rupees"),
        Word("month", 0, "month of the session, 1 to 12; `month != prev(month, 1)` is true on the first session of a month"),
        Word("day", 0, "day of the month of the session, 1 to 31"),
        Word("weekday", 0, "day of the week of the session, 1 for Monday"),
    )
}
CALENDAR: Mapping[str, Calculate] = {"month": calendar.month, "day": calendar.day, "weekday": calendar.weekday}
"""The columns that come from the dates of the bars, and take them as ordinals."""
FACTS: Mapping[str, Word] = {
    word.name: word
    for word in (
        Word("entry", 1, "average price paid for the shares"),
        Word("days_held", 0, "sessions of the symbol since the buy; 0 on the day of the buy"),
        Word("buys", 0, "number of buys of the position"),
    )
}
BARS = ("high", "low", "close")


def _n(default: int | None = None, low: int = 1) -> Setting:
    return Setting("n", default, low)


def _of_series(name: str, meaning: str, calculate: Calculate, ta: str, *settings: Setting, scale: int | None = SAME) -> Function:
    return Function(name, settings, meaning, calculate, series=True, usual="close", scale=scale, ta=ta)


def _of_bars(
    name: str, meaning: str, calculate: Calculate, ta: str, *settings: Setting, columns: tuple[str, ...] = BARS, scale: int = 0
) -> Function:
    return Function(name, settings, meaning, calculate, columns=columns, scale=scale, ta=ta)


def _own(name: str, meaning: str, calculate: Calculate, *settings: Setting) -> Function:
    return Function(name, settings, meaning, calculate, series=True, scale=SAME)


_MACD = (Setting("fast", 12), Setting("slow", 26))
_BANDS = (_n(20), Setting("deviations", 2, 0.01, 100, whole=False))
_BOLLINGER, _KELTNER, _DONCHIAN = "volatility.BollingerBands", "volatility.KeltnerChannel", "volatility.DonchianChannel"
_STOCHASTIC = "momentum.StochasticOscillator"

FUNCTIONS: Mapping[str, Function] = {
    item.name: item
    for item in (
        _own("prev", "the value of x n bars earlier", moving.shifted, _n(1)),
        _own("highest", "the highest x of the last n bars, this one included", moving.highest, _n()),
        _own("lowest", "the lowest x of the last n bars, this one included", moving.lowest, _n()),
        _own("mean", "the mean of x over the last n bars, this one included", moving.mean, _n()),
        _of_series("sma", "simple moving average", technical.sma, "trend.SMAIndicator.sma_indicator", _n()),
        _of_series("ema", "exponential moving average", technical.ema, "trend.EMAIndicator.ema_indicator", _n()),
        _of_series("wma", "linearly weighted moving average", technical.wma, "trend.WMAIndicator.wma", _n()),
        _of_series(
            "rsi", "relative strength index (Wilder), 0 to 100", technical.rsi, "momentum.RSIIndicator.rsi", _n(14), scale=0
        ),
        _of_series("roc", "change over n bars in per cent", technical.roc, "momentum.ROCIndicator.roc", _n(12), scale=0),
        _of_series(
            "kama", "adaptive moving average (Kaufman)", technical.kama, "momentum.KAMAIndicator.kama",
            _n(10), Setting("fast", 2), Setting("slow", 30),
        ),
        _of_series("macd", "fast EMA - slow EMA", technical.macd, "trend.MACD.macd", *_MACD),
        _of_series(
            "macd_signal", "EMA of the MACD", technical.macd_signal, "trend.MACD.macd_signal", *_MACD, Setting("signal", 9)
        ),
        _of_series("macd_diff", "MACD - its signal", technical.macd_diff, "trend.MACD.macd_diff", *_MACD, Setting("signal", 9)),
        _of_series("bollinger_high", "upper Bollinger band", technical.bollinger_high, f"{_BOLLINGER}.bollinger_hband", *_BANDS),
        _of_series("bollinger_mid", "middle Bollinger band", technical.bollinger_mid, f"{_BOLLINGER}.bollinger_mavg", *_BANDS),
        _of_series("bollinger_low", "lower Bollinger band", technical.bollinger_low, f"{_BOLLINGER}.bollinger_lband", *_BANDS),
        _of_bars(
            "atr", "average true range (Wilder)", technical.atr, "volatility.AverageTrueRange.average_true_range", _n(14), scale=1
        ),
        _of_bars("adx", "average directional index, 0 to 100", technical.adx, "trend.ADXIndicator.adx", _n(14)),
        _of_bars("adx_pos", "positive directional indicator", technical.adx_pos, "trend.ADXIndicator.adx_pos", _n(14)),
        _of_bars("adx_neg", "negative directional indicator", technical.adx_neg, "trend.ADXIndicator.adx_neg", _n(14)),
        _of_bars("cci", "commodity channel index", technical.cci, "trend.CCIIndicator.cci", _n(20)),
        _of_bars("stoch", "stochastic %K, 0 to 100", technical.stoch, f"{_STOCHASTIC}.stoch", _n(14)),
        _of_bars(
            "stoch_signal", "stochastic %D", technical.stoch_signal, f"{_STOCHASTIC}.stoch_signal", _n(14), Setting("smooth", 3)
        ),
        _of_bars("williams_r", "Williams %R, -100 to 0", technical.williams_r, "momentum.WilliamsRIndicator.williams_r", _n(14)),
        _of_bars(
            "aroon_up", "how recent the highest high is", technical.aroon_up, "trend.AroonIndicator.aroon_up", _n(25),
            columns=("high",),
        ),
        _of_bars(
            "aroon_down", "how recent the lowest low is", technical.aroon_down, "trend.AroonIndicator.aroon_down", _n(25),
            columns=("low",),
        ),
        _of_bars(
            "donchian_high", "highest high of n bars", technical.donchian_high, f"{_DONCHIAN}.donchian_channel_hband", _n(20),
            columns=("high",), scale=1,
        ),
        _of_bars(
            "donchian_low", "lowest low of n bars", technical.donchian_low, f"{_DONCHIAN}.donchian_channel_lband", _n(20),
            columns=("low",), scale=1,
        ),
        _of_bars(
            "keltner_high", "upper Keltner band", technical.keltner_high, f"{_KELTNER}.keltner_channel_hband", _n(20), scale=1
        ),
        _of_bars(
            "keltner_mid", "middle Keltner band", technical.keltner_mid, f"{_KELTNER}.keltner_channel_mband", _n(20), scale=1
        ),
        _of_bars(
            "keltner_low", "lower Keltner band", technical.keltner_low, f"{_KELTNER}.keltner_channel_lband", _n(20), scale=1
        ),
        _of_bars(
            "obv", "on-balance volume", technical.obv, "volume.OnBalanceVolumeIndicator.on_balance_volume",
            columns=("close", "volume"), scale=-1,
        ),
        _of_bars(
            "mfi", "money flow index, 0 to 100", technical.mfi, "volume.MFIIndicator.money_flow_index", _n(14),
            columns=(*BARS, "volume"),
        ),
    )
}  # fmt: skip


class Form(Struct, frozen=True):
    """Describe a function whose arguments are expressions only. It is calculated in `evaluation`."""

    name: str
    usage: str
    meaning: str
    least: int
    most: int


FORMS: Mapping[str, Form] = {
    item.name: item
    for item in (
        Form("abs", "abs(x)", "x without its sign", 1, 1),
        Form("min", "min(a, b, ...)", "the smallest of its arguments", 2, 10),
        Form("max", "max(a, b, ...)", "the largest of its arguments", 2, 10),
        Form("cross", "cross(a, b)", "true on the bar on which a crosses above b: a > b, and a <= b on the bar before", 2, 2),
        Form("rank", "rank(x)", "the place of x, as traded, among all symbols of the list with a bar: 1 for the largest", 1, 1),
    )
}
LIMITLESS = ("abs", "min", "max")
"""The forms that may use facts of the position: they need only one bar."""
WORDS = (*COLUMNS, *FACTS, *FUNCTIONS, *FORMS, "and", "or", "not")
