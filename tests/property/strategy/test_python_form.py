"""Random rules as expressions and as classes in Python: the same bits on each bar, for one symbol and for many at once."""

from __future__ import annotations

import os

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.strategy.test_expressions import MARKET, conditions, numbers
from tests.support.python_rules import Untranslated, class_of
from tradectl.errors import UsageError
from tradectl.strategy.column_rules import HeldColumns
from tradectl.strategy.expressions.line_rule import LineRule, rule_of
from tradectl.strategy.python_form import parse_python
from tradectl.strategy.rule_set import PositionFacts

EXAMPLES = int(os.environ.get("TRADECTL_EXPRESSIONS", "50"))
NOTHING = st.just("")


@st.composite
def rules(draw: st.DrawFn) -> dict[str, str]:
    """Return the texts of the parts of a rule."""
    texts = {
        "entry": draw(conditions()),
        "exit": draw(conditions(position=True)),
        "target": draw(NOTHING | numbers(position=True, across=False)),
        "stop": draw(NOTHING | numbers(position=True, across=False)),
        "score": draw(NOTHING | numbers(position=False, across=False)),
    }
    return {name: text for name, text in texts.items() if text}


def parsed(texts: dict[str, str]) -> tuple[LineRule, str] | None:
    """Return a rule and its class; None if its texts mix units, or Python cannot say it."""
    try:
        rule = rule_of(texts)
        return rule, class_of(rule)
    except (UsageError, Untranslated):
        return None


def same(left: HeldColumns, right: HeldColumns) -> None:
    assert left.exit.tolist() == right.exit.tolist()
    for name in ("target", "stop"):
        assert np.array_equal(getattr(left, name), getattr(right, name), equal_nan=True)


@settings(max_examples=EXAMPLES, deadline=None)
@given(rules(), st.floats(50, 200), st.integers(0, 60), st.integers(1, 3))
def test_a_class_decides_as_its_expressions_do(texts: dict[str, str], entry: float, entered: int, buys: int) -> None:
    made = parsed(texts)
    if made is None:
        return
    rule, text = made
    python = parse_python("written", text).rule()
    assert [name for name, _ in python.texts] == list(texts)
    facts = PositionFacts(entry, entered, buys)
    for histories in (MARKET, *([history] for history in MARKET)):
        for one, other in zip(rule.columns(histories), python.columns(histories), strict=True):
            assert one.entry.tolist() == other.entry.tolist()
            if one.score is not None:
                assert other.score is not None
                assert np.array_equal(one.score, other.score, equal_nan=True)
            n = len(one.entry)
            same(one.held(facts, 0, n), other.held(facts, 0, n))
            same(one.held(facts, n // 3, n - 1), other.held(facts, n // 3, n - 1))
            assert np.array_equal(one.following("low", 5, n), other.following("low", 5, n), equal_nan=True)
