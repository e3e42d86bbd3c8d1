"""Write the reference of the language of rules from its declarations."""

from __future__ import annotations

from collections.abc import Iterable

from tradectl.strategy.expressions.parsing import DEEPEST, LONGEST
from tradectl.strategy.expressions.vocabulary import COLUMNS, FACTS, FORMS, FUNCTIONS, LONGEST_PERIOD, Function

UNITS = {1: "price", -1: "shares", 0: "number"}
HEAD = """# Expressions: the language of a rule in one line

`tradectl backtest SYMBOL --entry CONDITION --exit CONDITION --target PRICE --stop PRICE` takes four expressions
([your own rule in one line](../how-to/your-own-rule.md)). A *condition* is true or false, such as `rsi(2) < 10 and
close > sma(200)`. A *price* is a number of rupees, such as `entry - 3 * atr(14)`. Capital letters make no difference.
"""
OF_POSITION = "Only in `--exit`, `--target` and `--stop`, and not inside a function of several bars."
OF_TA = """Each has the same bits as the class of the library `ta` 0.11 (with pandas 3), compared on 200 symbols of real bars.
The numbers in brackets are the defaults: `macd()` is `macd(12, 26)`. On bars on which `ta` writes 0 because it has no
value yet (ATR, ADX), the value is unknown."""
RULES = f"""## How it is calculated

- **Values.** An expression has one value on each bar of each symbol, from that bar and earlier bars. Sessions in
  which a symbol did not trade are not counted: `prev(close, 1)` is the close of its previous bar.
- **Prices** are adjusted for splits, bonuses and demergers of the past, as `price x M`, so an average never jumps on
  an ex-date; volume is divided by M. A plain number next to a price means rupees as traded on that day, next to a
  volume shares of that day: `close > 50`, `entry + 5`, `volume > 100000`. Levels become prices as traded before an
  order is made.
- **Units.** Prices, shares and numbers without a unit cannot be added or compared with each other: `close > volume`
  and `close > rsi(2)` are errors. They can be multiplied and divided: `close * volume` is rupees, `close / sma(200)`
  a number.
- **Unknown values.** Too few bars, or a division by zero, give an unknown value. A comparison with it is unknown, and
  `not` of unknown stays unknown. `and` is false if one side is false; `or` is true if one side is true. A rule acts
  only where its condition is true, so `not (close < sma(200))` buys nothing while there are fewer than 200 bars.
- **Functions of a series** take `x`, any number that is not a fact of the position. Without one they use the close:
  `sma(20)` is `sma(close, 20)`. A simple or weighted average, and `prev`, `highest`, `lowest` and `mean`, are unknown
  if one of their values is. The functions that carry on from bar to bar (`ema`, `rsi`, `kama`, `macd`) skip unknown
  values.
- **Numbers of functions** are literals: whole numbers from 1 to {LONGEST_PERIOD}, and decimal numbers for the width
  of bands. There is no negative `prev`, so nothing can look ahead.
- **Operators**: `+ - * /`, `< <= > >= == !=` (also chained: `10 < rsi(14) < 30`), `and`, `or`, `not`, brackets.
- **Limits**: {LONGEST} characters, {DEEPEST} levels of nesting.

The text is parsed, never executed. An error is one line with the number of the character.
"""


def expressions() -> str:
    """Return the page of the language."""
    own = [function for function in FUNCTIONS.values() if not function.ta]
    of_ta = [function for function in FUNCTIONS.values() if function.ta]
    columns = _table(
        ("word", "unit", "meaning"), ((f"`{word.name}`", UNITS[word.scale], word.meaning) for word in COLUMNS.values())
    )
    facts = _table(("word", "unit", "meaning"), ((f"`{word.name}`", UNITS[word.scale], word.meaning) for word in FACTS.values()))
    basic = _table(
        ("function", "value"),
        [*((f"`{item.usage}`", item.meaning) for item in own), *((f"`{item.usage}`", item.meaning) for item in FORMS.values())],
    )
    technical = _table(
        ("function", "series", "unit", "value", "class of `ta`"),
        ((f"`{item.usage}`", _series(item), _unit(item), item.meaning, f"`{item.ta}`") for item in of_ta),
    )
    return "\n".join(
        [
            HEAD,
            f"## Columns\n\n{columns}",
            f"## Facts of the position\n\n{OF_POSITION}\n\n{facts}",
            f"## Functions of the language\n\n{basic}",
            f"## Indicators\n\n{OF_TA}\n\n{technical}",
            RULES,
        ]
    )


def _series(function: Function) -> str:
    return "x" if function.series else ", ".join(function.columns)


def _unit(function: Function) -> str:
    return "as x" if function.scale is None else UNITS[function.scale]


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(titles)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
