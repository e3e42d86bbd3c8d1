"""A simulation with changed parameters runs a text with these defaults; what is not a plain number is refused."""

from __future__ import annotations

import pytest

from tradectl.errors import UsageError
from tradectl.strategy.changed_defaults import with_defaults
from tradectl.strategy.strategy import EXPRESSIONS
from tradectl.strategy.strategy_forms import strategy_of

TABLES = """description = "default = 3 [parameters.oversold]"
entry = "rsi(2) < oversold and close > trend * close"
max_days = "longest"
[parameters.oversold]
low = 2
# default = 4
default = 10  # of Connors
high = 30
[parameters.trend]
default = 0.5
low = 0.1
high = 0.9
[ parameters . longest ]
default = 5
low = 1
high = 60
"""
INLINE = 'entry = "rsi(2) < oversold"\nmax_days = 3\n[parameters]\noversold = {low = 2, default = 10, high = 30}\n'
DOTTED = 'entry = "rsi(2) < oversold"\nmax_days = 3\nparameters.oversold = {default = 10, low = 2, high = 30}\n'
SPLIT = 'entry = "rsi(2) < oversold"\nmax_days = 3\nparameters.oversold.default = 10\nparameters.oversold.low = 2\n'


def test_each_changed_parameter_has_its_new_default() -> None:
    old = strategy_of("dip", EXPRESSIONS, TABLES)
    new = with_defaults(old, {"oversold": "5", "trend": "0.25", "longest": "9"})
    assert new.values() == {"oversold": 5.0, "trend": 0.25, "longest": 9.0}
    assert dict(new.rule().texts)["max_days"] == "9"
    assert new.hash != old.hash
    changed = [line for line, before in zip(new.text.splitlines(), TABLES.splitlines(), strict=True) if line != before]
    assert changed == ["default = 5  # of Connors", "default = 0.25", "default = 9"]


@pytest.mark.parametrize("text", [INLINE, DOTTED], ids=["in a table", "with a dot"])
def test_a_table_on_one_line_is_changed(text: str) -> None:
    assert with_defaults(strategy_of("dip", EXPRESSIONS, text), {"oversold": "7"}).values() == {"oversold": 7.0}


def test_a_value_out_of_bounds_or_an_unknown_name_is_refused() -> None:
    strategy = strategy_of("dip", EXPRESSIONS, TABLES)
    with pytest.raises(UsageError, match="oversold lies between 2 and 30, not 31"):
        with_defaults(strategy, {"oversold": "31"})
    with pytest.raises(UsageError, match="dip has no parameter 'oversell'"):
        with_defaults(strategy, {"oversell": "5"})


def test_a_default_that_is_no_plain_number_is_not_guessed() -> None:
    strategy = strategy_of("dip", EXPRESSIONS, SPLIT + "parameters.oversold.high = 30\n")
    with pytest.raises(UsageError, match="change it in a copy of the file"):
        with_defaults(strategy, {"oversold": "5"})
