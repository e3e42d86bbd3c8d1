"""Write the text of a new strategy file: one with comments to begin with, or one from the parts of a rule in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping

TEMPLATE = """\
# {name}: your own rule. Change the text in quotes, and save the file.
# A line that begins with # has no effect. Remove the # to use such a line.
#
#   tradectl help expressions             the words that a rule may use
#   tradectl backtest {universe} --strategy {name}
#   tradectl strategy check {name}
#   tradectl strategy use {name}

description = "Buy a short dip in a rising share"
# source = "the book or the page from which the rule is"

# A condition at a close. Where it is true, the share is bought in the next
# session, at most 0.5 % above the close.
entry = "rsi(2) < oversold and close > sma(trend)"

# A condition at a close. Where it is true, the shares are sold at the next open.
exit = "close > sma(5)"

# A price. A sell order rests there in the next session.
# target = "entry * 1.05"

# A price. The shares are sold when the price falls to it.
stop = "entry - 3 * atr(14)"

# Sell at the open after so many sessions.
# max_days = 20

# Buy a second time, a third time and so on, each on its condition.
# reentry = ["rsi(2) < oversold / 2 and close < entry * 0.97"]

# Of an evening's candidates, the largest is bought first.
# score = "roc(60)"

# The part of the setting capital_per_trade that a buy may cost.
# size = 0.5

# The list of symbols; without it, the list of your setting `universe`.
# universe = "nifty50"

# Numbers with a name. The rule is also tried at low and at high, and one step
# up and down.
[parameters.oversold]
default = 10
low = 2
high = 30
step = 2
unit = "RSI"
meaning = "entry below this RSI of 2 bars"

[parameters.trend]
default = 200
low = 50
high = 250
step = 25
unit = "bars"
meaning = "the share is rising above the mean of so many bars"
"""


def template(name: str, universe: str) -> str:
    """Return the text of a new file, a rule that works and a comment on each key. `universe`: the list of its first backtest."""
    return TEMPLATE.format(name=name, universe=universe)


def saved_text(parts: Mapping[str, str], description: str = "") -> str:
    """Return the text of a file with the parts of a rule in one line, which are not checked here.

    `parts`: the texts by key, such as `entry`; an empty one is left out.
    """
    written = {"description": description} | dict(parts)
    lines = [f"{key} = {_quoted(text)}" for key, text in written.items() if text]
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    """Return text in the quotes of TOML, whose basic strings are those of JSON but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
