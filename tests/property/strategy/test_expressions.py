"""Random expressions: all symbols at once = each alone = row by row; later bars change nothing; a bad text is one line."""

from __future__ import annotations

import os

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.strategy.expressions.panels import history_of
from tradectl.errors import UsageError
from tradectl.model.history import History
from tradectl.strategy.expressions.evaluation import BarCalculation, BarColumns, HeldCalculation, PositionFacts
from tradectl.strategy.expressions.parsing import parse_condition, parse_price
from tradectl.strategy.expressions.tree import Expression
from tradectl.strategy.expressions.vocabulary import COLUMNS, FUNCTIONS, Function

EXAMPLES = int(os.environ.get("TRADECTL_EXPRESSIONS", "150"))
"""Number of random expressions of each test."""
cases = settings(max_examples=EXAMPLES, deadline=None)
PERIODS = st.integers(1, 30)
FIRST = 738_000


@st.composite
def calls(draw: st.DrawFn, function: Function, inner: st.SearchStrategy[str]) -> str:
    numbers = [f"{draw(st.floats(0.5, 3)):.2f}" if not item.whole else str(draw(PERIODS)) for item in function.settings]
    series = [f"1 * {draw(inner)}"] if function.series and (not function.usual or draw(st.booleans())) else []
    return f"{function.name}({', '.join([*series, *numbers])})"


def numbers(position: bool, across: bool) -> st.SearchStrategy[str]:
    """Return texts of numbers. `position`: with facts; these never go into a function of several bars."""
    plain = st.sampled_from(sorted(COLUMNS)) | st.integers(0, 200).map(str) | st.floats(0.1, 9).map(lambda value: f"{value:.3f}")
    facts = plain | st.sampled_from(("entry", "days_held")) if position else plain

    def extended(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, inner)
        found = (
            st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda item: f"({item[0]} {item[1]} {item[2]})")
            | inner.map(lambda item: f"-{item}")
            | inner.map(lambda item: f"abs({item})")
            | pair.map(lambda item: f"min({item[0]}, {item[1]})")
            | pair.map(lambda item: f"max({item[0]}, {item[1]})")
        )
        source = plain if position else inner
        found |= st.sampled_from(sorted(FUNCTIONS)).flatmap(lambda name: calls(FUNCTIONS[name], source))
        return found | inner.map(lambda item: f"rank({item})") if across else found

    return st.recursive(facts, extended, max_leaves=6)


def conditions(position: bool = False, across: bool = False) -> st.SearchStrategy[str]:
    number = numbers(position, across)
    compared = st.tuples(number, st.sampled_from(("<", "<=", ">", ">=", "==", "!=")), number).map(
        lambda item: f"{item[0]} {item[1]} {item[2]}"
    )
    base = compared if position else compared | st.tuples(number, number).map(lambda item: f"cross({item[0]}, {item[1]})")
    return st.recursive(
        base,
        lambda inner: (
            st.tuples(inner, st.sampled_from(("and", "or")), inner).map(lambda item: f"({item[0]}) {item[1]} ({item[2]})")
            | inner.map(lambda item: f"not ({item})")
        ),
        max_leaves=3,
    )


def readable(text: str, *, position: bool = False) -> Expression | None:
    """Return a condition; None if prices and shares are mixed in it, which is one line. Nothing else may go wrong."""
    error = ""
    try:
        return parse_condition(text, "--entry", position=position)
    except UsageError as caught:
        error = str(caught)
    assert "\n" not in error
    assert "compared, added or subtracted" in error or "too many prices" in error, error
    return None


def market() -> list[History]:
    """Return symbols of different length, with equal closes, jumps, a split, a late listing and sessions without volume."""
    rng = np.random.default_rng(7)
    walks = [100 * np.exp(np.cumsum(rng.normal(0, 0.02, n))) for n in (90, 70, 90, 40)]
    walks[1][20:45] = walks[1][20]
    walks[2][50:] *= 1.4
    scales = [[1.0] * 90, [1.0] * 70, [1.0] * 30 + [2.0] * 60, [1.0] * 40]
    firsts = (FIRST, FIRST, FIRST, FIRST + 50)
    found = []
    for number, (walk, scale, first) in enumerate(zip(walks, scales, firsts, strict=True)):
        made = history_of((walk / np.array(scale)).round(2).tolist(), name=f"S{number}", first=first, multiplier=scale)
        n = len(made)
        made.high[:], made.low[:] = made.close + rng.integers(0, 300, n), made.close - rng.integers(0, 300, n)
        made.open[:] = rng.integers(made.low, made.high + 1)
        made.volume[:] = rng.integers(0, 3, n) * rng.integers(1, 10_000, n)
        found.append(made)
    return found


MARKET = market()
WHOLE = BarColumns.of(MARKET)


def truth(condition: Expression, histories: list[History], symbol: int = 0) -> tuple[list[bool], list[bool]]:
    """Return where a condition is true and false on the bars of one symbol."""
    true, false = BarCalculation(BarColumns.of(histories)).condition(condition)
    n = len(histories[symbol])
    return true[:n, symbol].tolist(), false[:n, symbol].tolist()


@cases
@given(conditions())
def test_all_symbols_at_once_are_each_alone(text: str) -> None:
    condition = readable(text)
    if condition is not None:
        for symbol, history in enumerate(MARKET):
            assert truth(condition, MARKET, symbol) == truth(condition, [history])


@cases
@given(conditions(across=True), st.integers(1, 89))
def test_later_bars_change_nothing(text: str, bars: int) -> None:
    condition = readable(text)
    if condition is not None:
        cut = [history.through(MARKET[0].session(bars - 1)) for history in MARKET]
        for symbol, history in enumerate(cut):
            whole = truth(condition, MARKET, symbol)
            assert truth(condition, cut, symbol) == tuple(part[: len(history)] for part in whole)


@cases
@given(conditions())
def test_each_row_alone_decides_as_all_rows(text: str) -> None:
    """The last row of every prefix, as a live evening would calculate it."""
    condition = readable(text)
    if condition is not None:
        true, false = truth(condition, [MARKET[1]])
        for bars in (1, 2, 3, 29, 50, 70):
            part = truth(condition, [MARKET[1].take(slice(bars))])
            assert (part[0][-1], part[1][-1]) == (true[bars - 1], false[bars - 1])


@cases
@given(conditions(position=True), st.floats(50, 200), st.integers(0, 60), st.integers(0, 3))
def test_a_position_is_decided_block_by_block_as_row_by_row(text: str, entry: float, entered: int, symbol: int) -> None:
    condition = readable(text, position=True)
    if condition is not None:
        base, facts = BarCalculation(WHOLE), PositionFacts(entry, entered)
        n = len(MARKET[symbol])
        whole = HeldCalculation(base, symbol, 0, n, facts).condition(condition)
        for row in range(0, n, 7):
            alone = HeldCalculation(base, symbol, row, row + 1, facts).condition(condition)
            assert [bool(part[0]) for part in alone] == [bool(part[row]) for part in whole]


@cases
@given(conditions())
def test_true_and_false_exclude_each_other(text: str) -> None:
    condition, opposite = readable(text), readable(f"not ({text})")
    if condition is not None and opposite is not None:
        true, false = BarCalculation(WHOLE).condition(condition)
        assert not (true & false).any()
        again, never = BarCalculation(WHOLE).condition(opposite)
        assert np.array_equal(again, false)
        assert np.array_equal(never, true)


@cases
@given(numbers(position=True, across=False))
def test_a_level_is_a_price_or_one_line(text: str) -> None:
    error, level = "", None
    try:
        level = parse_price(text, "--stop")
    except UsageError as caught:
        error = str(caught)
    assert "\n" not in error
    if level is None:
        return
    values = HeldCalculation(BarCalculation(WHOLE), 0, 0, 90, PositionFacts(100.0, 5)).number(level)
    assert values.shape == (90,)
    assert not np.isinf(values).any()
