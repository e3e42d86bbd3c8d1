"""A strategy of a Python file: what it becomes, and its mistakes, each one line with the file, the line and the method."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence

import numpy as np
import pytest

from tests.unit.strategy.expressions.panels import history_of
from tradectl.errors import UsageError
from tradectl.strategy.column_rules import Rule, SymbolColumns
from tradectl.strategy.expressions.vocabulary import COLUMNS, FACTS, FUNCTIONS
from tradectl.strategy.python_bars import Bars, Held
from tradectl.strategy.python_form import parse_python
from tradectl.strategy.rule_set import PositionFacts
from tradectl.strategy.strategy import PYTHON
from tradectl.strategy.strategy_forms import strategy_of

ENTRY = "    def entry(self, bars):\n        return bars.close > 100\n"
EXIT = "    def exit(self, bars, held):\n        return held.days_held >= 3\n"
BARS = [history_of([100 + i % 7 for i in range(40)])]


def text_of(*parts: str) -> str:
    return "import numpy as np\n\n\nclass Rule:\n" + "\n".join(parts)


def returning(value: str, name: str = "entry") -> str:
    """Return a text with a method that returns a value: on line 10, or on line 12 beside `max_days`."""
    arguments = "self, bars" if name in {"entry", "score", "size"} else "self, bars, held"
    others = {"entry": EXIT, "exit": ENTRY}.get(name, ENTRY + "\n" + "    max_days = 3\n")
    return text_of(others, f"\n    def {name}({arguments}):\n        return {value}\n")


def columns(text: str) -> SymbolColumns:
    return parse_python("mine", text).rule().columns(BARS)[0]


def decided(text: str, name: str) -> None:
    """Call a method, or those of a position."""
    found = columns(text)
    if name in {"score", "size", "entry"}:
        getattr(found, name)
    else:
        found.held(PositionFacts(100.0, 3), 0, 40)


def error_of(text: str, name: str = "") -> str:
    """Return the error of a text, or of one of its methods on bars."""
    with pytest.raises(UsageError) as caught:
        decided(text, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_is_a_strategy_of_the_form_python() -> None:
    attributes = (
        '    description, source = "What it does", "A book"\n    universe = "nifty50"\n    securities = "shares and funds"\n'
        '    max_days = "longest"\n    parameters = {"longest": {"default": 5, "low": 1, "high": 9},\n'
        '                  "part": {"default": 0.5, "low": 0, "high": 1, "unit": "of the capital"}}\n'
    )
    again = "    reentries = 2\n    def reentry(self, bars, held):\n        return bars.close < held.entry\n"
    size = "    def size(self, bars):\n        half = self.part / 2\n        return half * self.longest\n"
    text = text_of(attributes, ENTRY, again, size)
    found = strategy_of("mine", PYTHON, text)
    assert (found.form, found.text, found.file, found.description, found.source) == (
        "python", text, "mine.py", "What it does", "A book",
    )  # fmt: skip
    assert found.universe == "nifty50"
    assert [(item.name, item.default, item.whole) for item in found.parameters] == [("longest", 5, True), ("part", 0.5, False)]
    rule = found.rule({"longest": "4", "part": "0.25"})
    assert (rule.across, rule.stops, rule.targets, rule.reentries) == (False, False, False, 2)
    assert rule.securities == "shares and funds"
    assert rule.texts == (
        ("entry", "bars.close > 100"), ("reentry 1 to 2", "bars.close < held.entry"), ("size", "mine.py lines 19 to 21"),
        ("max_days", "4"),
    )  # fmt: skip
    made = rule.columns(BARS)[0]
    assert made.size is not None
    assert made.size.tolist() == [0.5] * 40
    held = made.held(PositionFacts(103.0, 10, 2), 12, 16)
    assert held.exit.tolist() == [False, False, True, True]
    assert held.reentry.tolist() == (BARS[0].close[12:16] < 10_300).tolist()
    assert not made.held(PositionFacts(103.0, 10, 3), 12, 16).reentry.any()


def test_all_words_of_the_language_are_there() -> None:
    assert {name for name in FUNCTIONS if callable(getattr(Bars, name, None))} == set(FUNCTIONS)
    bars = probe("bars")
    assert isinstance(bars, Bars)
    assert {name for name in COLUMNS if isinstance(getattr(bars, name), np.ndarray)} == set(COLUMNS)
    assert set(Held.__slots__) == set(FACTS)
    assert str(bars.dates[0]) == str(BARS[0].session(0))
    assert len(bars) == 40


def probe(value: str) -> object:
    """Return a value that a method sees."""
    rule = parse_python(
        "probe", text_of("    def entry(self, bars):\n        self._seen = " + value + "\n        return True\n", EXIT)
    )
    made = rule.rule().columns(BARS)[0]
    assert made.entry.all()
    return made._instance._seen  # type: ignore[attr-defined]


def test_a_rule_of_a_stored_text_goes_to_another_process() -> None:
    rule: Rule = parse_python("mine", text_of(ENTRY, EXIT)).rule()
    for other in (pickle.loads(pickle.dumps(rule)), copy.copy(rule)):
        assert other.columns(BARS)[0].entry.tolist() == rule.columns(BARS)[0].entry.tolist()


def test_a_dataclass_and_a_module_constant_are_usable() -> None:
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\nLEAST = 100\n\n@dataclass\nclass _Level:\n"
        "    price: float\n\nclass _Base:\n    def entry(self, bars):\n        return bars.close > _Level(LEAST).price\n\n"
        "class Rule(_Base):\n    max_days = 3\n"
    )
    rule = parse_python("mine", text).rule()
    assert rule.texts == (("entry", "mine.py line 10"), ("max_days", "3"))
    assert rule.columns(BARS)[0].entry.tolist() == (BARS[0].close > 10_000).tolist()


def test_what_a_file_prints_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    columns("print('read', 1)\n" + text_of(ENTRY, EXIT))
    assert capsys.readouterr() == ("", "read 1\n")


def test_scalars_stand_for_all_bars_and_infinity_is_unknown() -> None:
    entry = "    def entry(self, bars):\n        return True\n"
    stop = "    def stop(self, bars, held):\n        return held.entry * 0.9\n"
    target = "    def target(self, bars, held):\n        return bars.close / (bars.close - 101)\n"
    found = columns(text_of(entry, stop, target))
    assert found.entry.tolist() == [True] * 40
    held = found.held(PositionFacts(100.0, 3), 0, 40)
    assert held.stop.tolist() == [90.0] * 40
    assert np.isnan(held.target).tolist() == (BARS[0].close == 10_100).tolist()


def test_an_unknown_number_is_no_action() -> None:
    found = columns(text_of("    def entry(self, bars):\n        return bars.close > bars.sma(39)\n",
                            "    def stop(self, bars, held):\n        return bars.sma(39)\n"))  # fmt: skip
    assert not found.entry[:38].any()
    assert np.isnan(found.held(PositionFacts(100.0, 3), 0, 38).stop).all()


READ: Sequence[tuple[str, str]] = (
    ("class Rule:\n  def entry(self, bars)\n", "mine.py: line 2: expected ':'"),
    ("x = 1\n", "mine.py: line 1: there is no class; a rule is one class with the method entry(self, bars)"),
    (text_of(ENTRY, EXIT) + "\n\nclass Other:\n    pass\n", "mine.py: line 4: two classes, Rule and Other (line 12); "),
    (text_of(EXIT), "mine.py: line 4: entry is missing"),
    (text_of(ENTRY), "mine.py: line 4: exit, target or stop is missing: a rule says when to sell"),
    (text_of(ENTRY, EXIT, "    def exits(self): ...\n"), "mine.py: line 11: no part of a rule is called exits; did you"),
    (text_of(ENTRY, EXIT, "    max_day = 3\n"), "mine.py: line 11: no part of a rule is called max_day; did you mean max_days?"),
    (text_of(ENTRY, EXIT, "    size = 0.5\n"), "mine.py: line 11: size is a method: write def size(self, bars)"),
    (text_of(ENTRY, "    def exit(self, bars): ...\n"), "mine.py: line 8: exit takes other arguments; write def exit("),
    (text_of(ENTRY, EXIT, "    max_days = 0\n"), "mine.py: line 11: max_days is a whole number from 1"),
    (text_of(ENTRY, EXIT, "    securities = 'gold'\n"), "mine.py: line 11: securities is one of shares, funds"),
    (text_of(ENTRY, EXIT, "    description = 5\n"), "mine.py: line 11: description is text in quotes, not 5"),
    (text_of(ENTRY, EXIT, "    parameters = [5]\n"), "mine.py: line 11: parameters are tables"),
    (text_of(ENTRY, EXIT, "    parameters = {'n': {'default': 5, 'low': 6, 'high': 9}}\n"),
     "mine.py: line 11: parameters.n: default: n lies between 6 and 9, not 5"),
    (text_of(ENTRY, EXIT, "    parameters = {'exit': {'default': 5, 'low': 1, 'high': 9}}\n"),
     "mine.py: line 11: the class has another exit; choose another name for the parameter"),
    (text_of(ENTRY, EXIT, "    reentries = 0\n    def reentry(self, bars, held):\n        return False\n"),
     "mine.py: line 11: reentries is a whole number from 1 to 20, not 0"),
    ("1 / 0\n" + text_of(ENTRY, EXIT), "mine.py: line 1: ZeroDivisionError: division by zero"),
    ("import no_such_module\n" + text_of(ENTRY, EXIT), "mine.py: line 1: ModuleNotFoundError: No module named 'no_such_module'"),
    ("raise SystemExit(3)\n" + text_of(ENTRY, EXIT), "mine.py: line 1: SystemExit: 3"),
    (text_of(ENTRY, EXIT, "    def __init__(self, n): ...\n"), "mine.py: line 4: class Rule: TypeError: "),
    ("\0", "mine.py: "),
    ("x = " + "(" * 500 + ")" * 500, "mine.py: "),
    ("#" * 100_001, "mine.py: the file has 100001 characters; at most 100000 are allowed"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "begin"), READ)
def test_a_file_that_is_no_rule_is_one_line(text: str, begin: str) -> None:
    assert error_of(text).startswith(begin), error_of(text)


CALLED: Sequence[tuple[str, str, str]] = (
    ("bars.close", "entry", "line 9: entry returns float64 values; a condition is true or false: compare, such as x < 10"),
    ("bars.close[1:] > 5", "entry", "line 9: entry returns the shape (39,); a column has one value for each of the 40 bars"),
    ("None", "entry", "line 9: entry: it returns nothing; does it lack `return`?"),
    ("[bars.close > 5, None]", "entry", "line 9: entry: ValueError: setting an array element with a sequence."),
    ("[None] * 40", "entry", "line 9: entry returns object values"),
    ("bars.clsoe > 5", "entry", "line 10: entry: AttributeError: 'Bars' object has no attribute 'clsoe'"),
    ("bars.rsi(0) < 5", "entry", "line 10: entry: n of rsi(14) is a whole number from 1 to 2000, not 0"),
    ("bars.sma(2.5) < 5", "entry", "line 10: entry: n of sma(n) is a whole number from 1 to 2000, not 2.5"),
    ("bars.sma() < 5", "entry", "line 10: entry: n is missing: write bars.sma(n)"),
    ("bars.highest(20) < 5", "entry", "line 10: entry: highest needs a column: write bars.highest(x, n)"),
    ("bars.atr(14, 3) < 5", "entry", "line 10: entry: too many arguments: write bars.atr(14)"),
    ("bars.sma(bars.close[3:], 5) < 5", "entry", "line 10: entry: x has the shape (37,); "),
    ("bars.sma('close', 5) < 5", "entry", "line 10: entry: x is a column of numbers, not str of <U5"),
    ("bars.rank(bars.close) < 5", "entry", "line 10: entry: rank compares the symbols of a list, and a rule in Python sees one"),
    ("bars.close.sort()", "entry", "line 10: entry: ValueError: sort array is read-only"),
    ("bars.sma(5).fill(0)", "entry", "line 10: entry: ValueError: assignment destination is read-only"),
    ("bars.close > 5", "target", "line 11: target returns bool values; it must return numbers"),
    ("1 / (held.buys - 1)", "stop", "line 12: stop: ZeroDivisionError: division by zero"),
    ("held.days_held.fill(9)", "exit", "line 10: exit: ValueError: assignment destination is read-only"),
    ("'1'", "score", "line 11: score returns <U1 values; it must return numbers"),
)


@pytest.mark.parametrize(("value", "name", "message"), CALLED)
def test_a_method_that_is_wrong_is_one_line(value: str, name: str, message: str) -> None:
    text = returning(value, name)
    found = error_of(text, name)
    assert found.startswith(f"mine.py: {message}"), found


def test_a_parameter_outside_its_bounds_is_an_error() -> None:
    found = parse_python("mine", text_of(ENTRY, EXIT, "    parameters = {'n': {'default': 5, 'low': 1, 'high': 9}}\n"))
    with pytest.raises(UsageError, match="n lies between 1 and 9, not 10"):
        found.rule({"n": "10"})
    with pytest.raises(UsageError, match="mine has no parameter 'm'; it has n"):
        found.rule({"m": "10"})


@pytest.mark.parametrize("name", ["entry", "exit", "target", "stop", "reentry", "score", "size"])
def test_a_method_that_reads_a_later_bar_is_seen(name: str) -> None:
    """The check for look-ahead compares `seen` on all bars with `seen` on bars that end there."""
    later = "np.roll(bars.close, -1)" if name in {"target", "stop", "score", "size"} else "np.roll(bars.close, -1) > bars.close"
    rule = parse_python("mine", returning(later, name)).rule()
    honest = parse_python("mine", returning(later.replace("-1", "1"), name)).rule()
    for found, differs in ((rule, True), (honest, False)):
        whole = found.columns(BARS)[0]
        ends = range(20, 30)
        parts = [found.columns([BARS[0].take(slice(end + 1))])[0].seen(end) for end in ends]
        assert ([whole.seen(end) for end in ends] != parts) == differs
