"""A strategy file: what it may contain, and one line for each mistake."""

from __future__ import annotations

import pytest

from tradectl.errors import UsageError
from tradectl.strategy.strategy_file import LONGEST, parse_strategy
from tradectl.strategy.strategy_template import saved_text, template

RULE = 'entry = "rsi(2) < 10"\nexit = "close > sma(5)"\n'
NUMBER = "[parameters.n]\ndefault = {default}\nlow = {low}\nhigh = {high}\n"


def number(default: str = "5", low: str = "2", high: str = "9", more: str = "") -> str:
    return f"{RULE}{NUMBER.format(default=default, low=low, high=high)}{more}\n"


MISTAKES = {
    "an unknown key": (f"{RULE}entri = 3\n", "no key is called 'entri'; did you mean entry?"),
    "an unknown key like no other": (f"{RULE}zzz = 3\n", "no key is called 'zzz'; description, source, "),
    "an unknown key of a parameter": (number(more="heigh = 3"), "parameters.n: no key is called 'heigh'; did you mean high?"),
    "a key twice": (f'{RULE}entry = "close > 3"\n', "Cannot overwrite a value"),
    "a table twice": (f"{number()}{NUMBER.format(default=1, low=0, high=2)}", "Cannot declare ('parameters', 'n') twice"),
    "no quotes": ("entry = rsi(2) < 10\n", "write each part in quotes, such as entry = "),
    "a number as a description": (f"{RULE}description = 3\n", "description is text in quotes, not 3"),
    "a list as an entry": ('entry = ["close > 3"]\nexit = "close > 3"\n', "entry is text in quotes, not ['close > 3']"),
    "a truth as a target": (f"{RULE}target = true\n", "target is text in quotes, not True"),
    "a table as an entry": ('[entry]\nrule = "close > 3"\n', "entry is text in quotes, not {"),
    "a date as a stop": (f"{RULE}stop = 2024-01-01\n", "stop is text in quotes, not datetime.date(2024, 1, 1)"),
    "an empty entry": ('entry = " "\nexit = "close > 3"\n', "entry is empty; write an expression, or remove the line"),
    "an empty file": ("", "wrong.toml: entry is missing: a rule says when to buy"),
    "a file of comments": ("# nothing\n", "a rule says when to buy"),
    "no way out": ('entry = "close > 3"\n', "exit, target, stop and max_days are missing: a rule says when to sell"),
    "a long file": (f"{RULE}# {'x' * LONGEST}\n", f"at most {LONGEST} are allowed"),
    "a nested table": (f"{number()}[parameters.n.m]\nx = 3\n", "parameters.n: no key is called 'm'"),
    "deep arrays": (f"description = {'[' * 9000}\n", "write each part in quotes"),
    "parameters as a list": (f"{RULE}parameters = [3]\n", "parameters are tables, such as [parameters.oversold]"),
    "a parameter as a number": (f"{RULE}[parameters]\nn = 3\n", "parameters.n is a table with default, low and high"),
    "a parameter named as a function": (
        f"{RULE}[parameters.sma]\ndefault = 3\nlow = 1\nhigh = 9\n",
        "sma is a word of the language",
    ),
    "a parameter named as a column": (f"{RULE}[parameters.close]\ndefault = 3\nlow = 1\nhigh = 9\n", "close is a word of the"),
    "a parameter named as a fact": (f"{RULE}[parameters.entry]\ndefault = 3\nlow = 1\nhigh = 9\n", "entry is a word of the"),
    "a parameter named as a keyword": (
        f"{RULE}[parameters.lambda]\ndefault = 3\nlow = 1\nhigh = 9\n",
        "a name has small letters",
    ),
    "a parameter in capitals": (
        f"{RULE}[parameters.N]\ndefault = 3\nlow = 1\nhigh = 9\n",
        "a name has small letters, digits and",
    ),
    "a parameter without bounds": (f"{RULE}[parameters.n]\ndefault = 3\n", "parameters.n: low is missing"),
    "a default below": (number(default="1"), "parameters.n: default: n lies between 2 and 9, not 1"),
    "a default above": (number(default="10"), "parameters.n: default: n lies between 2 and 9, not 10"),
    "bounds in the wrong order": (number(low="9", high="2"), "low is not above high"),
    "a step below 0": (number(more="step = -1"), "step is not below 0"),
    "a default that is text": (number(default='"5"'), "parameters.n: default is a number, not '5'"),
    "a default that is true": (number(default="true"), "parameters.n: default is a number, not True"),
    "a default that is no number": (number(default="nan"), "parameters.n: default is a number, not nan"),
    "an infinite bound": (number(high="inf"), "parameters.n: high is a number, not inf"),
    "max_days of no parameter": (
        f'{RULE}max_days = "n"\n',
        "max_days is a whole number from 1, or the name of a whole parameter",
    ),
    "max_days of a broken number": (f'max_days = "n"\n{number(default="5.5")}', "the name of a whole parameter from 1, not 'n'"),
    "max_days of a parameter from 0": (f'max_days = "n"\n{number(low="0")}', "the name of a whole parameter from 1, not 'n'"),
    "max_days of 0": (f"{RULE}max_days = 0\n", "max_days is a whole number from 1"),
    "max_days of true": (f"{RULE}max_days = true\n", "max_days is a whole number from 1"),
    "max_days of 1.5": (f"{RULE}max_days = 1.5\n", "max_days is a whole number from 1"),
    "a reentry that is a number": (f"{RULE}reentry = 3\n", 'reentry is a list of conditions, such as reentry = ["rsi(2) < 5"]'),
    "a reentry of numbers": (f"{RULE}reentry = [3]\n", "reentry is a list of conditions"),
    "an empty reentry": (f'{RULE}reentry = ["close < 3", ""]\n', "reentry is a list of conditions"),
    "a wrong second reentry": (f'{RULE}reentry = ["close < 3", "klose < 3"]\n', "reentry 2: character 1"),
    "many reentries": (f"{RULE}reentry = {['close < 3'] * 21}\n", "at most 20 are allowed"),
    "unknown securities": (f'{RULE}securities = "bonds"\n', "securities is one of shares, funds, shares and funds, not 'bonds'"),
    "an unknown word": (
        'entry = "rsj(2) < n"\nexit = "close > 3"\n',
        "entry: character 1, 'rsj(2) < n': no function is called 'rsj'",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_the_file(mistake: str) -> None:
    text, line = MISTAKES[mistake]
    with pytest.raises(UsageError) as raised:
        parse_strategy("wrong", text)
    said = str(raised.value)
    assert line in said
    assert said.startswith("wrong.toml: ")
    assert "\n" not in said


@pytest.mark.parametrize(
    "change", [lambda text: f"\ufeff{text}", lambda text: text.replace("\n", "\r\n"), lambda text: text.rstrip()]
)
def test_a_file_of_any_editor_is_read(change: object) -> None:
    """A mark of the sequence of bytes, line ends of Windows, no line end at the end of the file."""
    assert callable(change)
    plain, edited = parse_strategy("dip", number()), parse_strategy("dip", change(number()))
    assert edited.rule() == plain.rule()
    assert edited.parameters == plain.parameters
    assert edited.hash != plain.hash


def test_the_number_of_sessions_may_be_a_parameter() -> None:
    strategy = parse_strategy("dip", f'max_days = "n"\n{number()}')
    assert dict(strategy.rule().texts)["max_days"] == "5"
    assert dict(strategy.rule({"n": "7"}).texts)["max_days"] == "7"


def test_one_reentry_may_be_text() -> None:
    one, listed = (parse_strategy("dip", f"{RULE}reentry = {value}\n") for value in ('"close < 3"', '["close < 3"]'))
    assert one.rule() == listed.rule()
    assert one.rule().reentries == 1


def test_a_number_is_an_expression() -> None:
    assert dict(parse_strategy("dip", f"{RULE}size = 0.5\n").rule().texts)["size"] == "0.5"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"n": "10"}, "n lies between 2 and 9, not 10"),
        ({"n": "2.5"}, "n is a whole number, not 2.5"),
        ({"n": "many"}, "n is a whole number, not 'many'"),
        ({"n": "nan"}, "n is a whole number, not nan"),
        ({"n": "inf"}, "n is a whole number, not inf"),
        ({"m": "3"}, "dip has no parameter 'm'; it has n"),
    ],
)
def test_a_changed_value_lies_inside_its_bounds(changes: dict[str, str], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        parse_strategy("dip", number()).rule(changes)


def test_the_template_is_a_rule() -> None:
    strategy = parse_strategy("dip", template("dip", "nifty50"))
    assert [item.name for item in strategy.parameters] == ["oversold", "trend"]
    assert all(item.meaning and item.step for item in strategy.parameters)


@pytest.mark.parametrize("text", ['a "quoted" word', "a \\ and a \ttab", "a\nline", "Rs 5 ₹ \u2028", "\x7f", "#"])
def test_each_text_is_stored_as_it_is(text: str) -> None:
    stored = saved_text({"entry": "close > 3", "exit": "close > 3", "stop": ""}, text)
    strategy = parse_strategy("dip", stored)
    assert (strategy.description, dict(strategy.rule().texts)) == (text, {"entry": "close > 3", "exit": "close > 3"})
