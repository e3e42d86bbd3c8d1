"""Any text of a strategy file is a strategy, or an error of one line."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tradectl.errors import UsageError
from tradectl.strategy.strategy_file import KEYS, PARAMETER_KEYS, parse_strategy

EXPRESSIONS = st.sampled_from(
    ("close > 3", "rsi(2) < n", "sma(n)", "entry * 1.1", "days_held >= n", "rank(close) < 3", "n", "0", "(", "klose", "close / 0")
)
VALUES = st.one_of(
    EXPRESSIONS.map(lambda text: f'"{text}"'),
    st.floats().map(repr),
    st.integers(-3, 300).map(str),
    st.sampled_from(("true", "[]", '["close > 3"]', "[3]", "{}", "2024-01-01", '""', "'''a\nb'''", "x")),
)
LINES = st.tuples(st.sampled_from((*KEYS, "other")), VALUES).map(" = ".join)
PARAMETERS = st.tuples(
    st.sampled_from(("n", "m", "sma", "N", "if")), st.lists(st.tuples(st.sampled_from((*PARAMETER_KEYS, "other")), VALUES))
).map(lambda item: "\n".join([f"[parameters.{item[0]}]", *(f"{key} = {value}" for key, value in item[1])]))
FILES = st.tuples(st.lists(LINES, max_size=8), st.lists(PARAMETERS, max_size=2)).map(lambda item: "\n".join([*item[0], *item[1]]))


def outcome(text: str) -> None:
    """Read a text. Anything but a strategy or an error of one line fails."""
    strategy, lines = None, [""]
    try:
        strategy = parse_strategy("any", text)
    except UsageError as wrong:
        lines = str(wrong).splitlines()
    if strategy is None:
        assert len(lines) == 1
        assert lines[0].startswith("any.toml: ")
        return
    assert strategy.rule() == strategy.rule({item.name: repr(item.default) for item in strategy.parameters})
    assert parse_strategy("any", strategy.text).hash == strategy.hash


@given(FILES)
@settings(max_examples=400)
def test_any_lines_are_a_strategy_or_one_line(text: str) -> None:
    outcome(text)


@given(st.text(max_size=300))
def test_any_text_is_a_strategy_or_one_line(text: str) -> None:
    outcome(text)
