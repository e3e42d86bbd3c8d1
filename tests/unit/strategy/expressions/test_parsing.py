"""What is an expression, and one line at the character for everything else."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tradectl.errors import UsageError
from tradectl.strategy.expressions.parsing import DEEPEST, LONGEST, parse_condition, parse_price
from tradectl.strategy.expressions.vocabulary import FORMS, FUNCTIONS

GOOD = (
    "rsi(2) < 10 and close > sma(200)",
    "RSI(2) < 10 AND Close > SMA(200)",
    "  close > prev(highest(high, 20), 1)",
    "30 > rsi(14) > 10",
    "not (volume < 2 * mean(volume, 50)) or cross(ema(9), ema(21))",
    "macd() > macd_signal() and macd(5, 35) != 0",
    "close < bollinger_low(20, 2.5)",
    "sma(volume, 5) > 1e5",
    "close > 50 and turnover > 1_000_000",
    "(close - low) / (high - low) < 0.2",
    "rank(roc(252)) <= 10",
    "abs(close / prev(close, 1) - 1) > 0.05 and min(open, close, low) > -5",
)


@pytest.mark.parametrize("text", GOOD)
def test_a_condition_is_read(text: str) -> None:
    assert parse_condition(text, "--entry").condition


BAD = {
    "low and 3": "--entry: character 1, 'low and 3': this is a number, but a condition is needed here; compare it with < or >",
    "rsi(2)": "--entry: 'rsi(2)' is a number, not a condition; compare it, such as `rsi(2) < 10`",
    "rsj(2) < 10": "--entry: character 1, 'rsj(2) < 10': no function is called 'rsj'; did you mean rsi?",
    "low > klose": "--entry: character 7, 'klose': no word is called 'klose'; did you mean close?",
    "close > zzzz": "--entry: character 9, 'zzzz': no word is called 'zzzz'; see `tradectl help expressions`",
    "close > sma": "--entry: character 9, 'sma': 'sma' is a function: write sma(n)",
    "macd > 0": "--entry: character 1, 'macd > 0': 'macd' is a function: write macd(12, 26)",
    "close(5) > 3": "--entry: character 1, 'close(5) > 3': 'close' has no arguments; for an earlier value write prev(close, 1)",
    "close > entry": "--entry: character 9, 'entry': 'entry' is known only while shares are held; it cannot be used here",
    "(close > 3) > 2": "--entry: character 2, 'close > 3) > 2': this is a condition, but a number is needed here",
    "low > volume": (
        "--entry: character 1, 'low > volume': a price and a number of shares cannot be compared, added or subtracted"
    ),
    "close > rsi(2)": (
        "--entry: character 1, 'close > rsi(2)': a price and a number without a unit cannot be compared, added or subtracted"
    ),
    "sma(0) < close": "--entry: character 5, '0) < close': n of sma(n) is a whole number from 1 to 2000",
    "sma(2001) < close": "--entry: character 5, '2001) < close': n of sma(n) is a whole number from 1 to 2000",
    "sma(-5) < close": "--entry: character 5, '-5) < close': n of sma(n) is a whole number from 1 to 2000",
    "sma(2.5) < close": "--entry: character 5, '2.5) < close': n of sma(n) is a whole number from 1 to 2000",
    "sma(True) < close": "--entry: character 5, 'True) < close': no word is called 'true'; see `tradectl help expressions`",
    "prev(close, -1) > 3": "--entry: character 13, '-1) > 3': n of prev(x, 1) is a whole number from 1 to 2000",
    "prev(close, n) > 3": "--entry: character 13, 'n) > 3': n of prev(x, 1) is a whole number from 1 to 2000",
    "highest(close) > 3": "--entry: character 1, 'highest(close) > 3': n is missing: write highest(x, n)",
    "highest() > 3": "--entry: character 1, 'highest() > 3': write highest(x, n)",
    "sma(close, 5, 6) > 3": "--entry: character 15, '6) > 3': too many arguments: write sma(n)",
    "max(close) > 4": "--entry: character 1, 'max(close) > 4': write max(a, b, ...), with two to ten arguments",
    "rsi(n=2) < 3": "--entry: character 1, 'rsi(n=2) < 3': write the arguments of rsi by their order, without a name and `=`",
    "close = 5": "--entry: character 7, '= 5': write == to compare",
    "close >": "--entry: character 8, the end: the expression ends too early",
    "close 5": "--entry: character 7, '5': this does not continue the expression",
    "(close > 5": "--entry: character 1, '(close > 5': this bracket is never closed",
    "close > 10,000": (
        "--entry: character 1, 'close > 10,000': a comma separates arguments only; write 10000000 without commas"
    ),
    "low > 1 & high > 2": "--entry: character 7, '1 & high > 2': write `and` between conditions",
    "close ** 2 > 4": "--entry: character 1, 'close ** 2 > 4': only + - * / are allowed",
    "close in low": "--entry: character 1, 'close in low': only < <= > >= == != compare",
    "close is 3": "--entry: character 1, 'close is 3': only < <= > >= == != compare",
    "close > '5'": "--entry: character 9, \"'5'\": only numbers such as 10 or 2.5 are allowed",
    "close > 1e999": "--entry: character 9, '1e999': the number is too large",
    "close > é": "--entry: character 9, 'é': only letters without accents, digits and signs are allowed",
    "": "--entry: the expression is empty",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_an_error_names_the_character(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_condition(text, "--entry")
    assert str(caught.value) == BAD[text]


CODE = (
    "__import__('os').system('true')",
    "close.__class__ > 3",
    "(lambda: 1)() > 0",
    "[close][0] > 3",
    "close[0] > 3",
    "{close} > 3",
    "close > 3 if low else high > 3",
    "(x := close) > 3",
    "f'{close}' > 3",
    "[c for c in close] > 3",
    "close > ...",
    "await close > 3",
    "~close > 3",
    "max(*close, 3) > 2",
    "sma(5)(6) > 3",
    "1j > 3",
    "b'5' > 3",
    "close @ low > 3",
    "close // 2 > 3",
    "close % 2 > 3",
    "eval(close) > 3",
    "open('x') > 3",
)


@pytest.mark.parametrize("text", CODE)
def test_python_beyond_the_language_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--entry: character \d+.*$"):
        parse_condition(text, "--entry")


def test_length_and_depth_are_limited() -> None:
    with pytest.raises(UsageError, match="at most 500 are allowed"):
        parse_condition("close > 1 " + "or close > 1" * LONGEST, "--entry")
    with pytest.raises(UsageError, match="nested"):
        parse_condition("-" * 480 + "close > 1", "--entry")
    with pytest.raises(UsageError, match="--entry"):
        parse_condition("(" * 240 + "close" + ")" * 240 + " > 1", "--entry")
    assert parse_condition("-" * (DEEPEST - 3) + "close > 1", "--entry").condition


@settings(deadline=None)
@given(st.text(max_size=80))
@example("\x00close")
@example("close\n> 3")
@example("close > 0x_")
@example("1 if 2 else 3")
def test_any_text_is_an_expression_or_one_line(text: str) -> None:
    error = error_of(text)
    assert error is None or (error.startswith("--entry: ") and "\n" not in error)


def error_of(text: str) -> str | None:
    try:
        parse_condition(text, "--entry")
    except UsageError as error:
        return str(error)
    return None


PRICES = {
    "rsi(2)": "--stop: 'rsi(2)' is a number without a unit, not a price",
    "volume": "--stop: 'volume' is a number of shares, not a price",
    "close * close": "--stop: 'close * close' is a product of prices, not a price",
    "close > 3": "--stop: 'close > 3' is a condition, not a price",
    "110": "--stop: '110' is a number without a unit, not a price",
    "highest(entry, 3)": "highest looks at several bars or symbols, so facts of the position cannot be used in it",
    "rank(entry) * close": "rank looks at several bars or symbols, so facts of the position cannot be used in it",
    "entry - days_held * rsi(2)": "a price and a number without a unit cannot be compared, added or subtracted",
}


@pytest.mark.parametrize("text", PRICES)
def test_a_level_must_be_a_price(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_price(text, "--stop")
    assert PRICES[text] in str(caught.value)


@pytest.mark.parametrize(
    "text", ["entry * 1.05", "ema(9)", "entry - 3 * atr(14)", "entry + 5", "max(entry, sma(20))", "entry - days_held"]
)
def test_a_price_may_use_the_position(text: str) -> None:
    assert parse_price(text, "--stop").scale == 1


def test_no_word_has_two_meanings() -> None:
    assert not set(FUNCTIONS) & set(FORMS)
