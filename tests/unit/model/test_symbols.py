"""A symbol has one spelling; what is none is refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.model.symbols import Spelling, read_symbol, shown, spelled


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ALPHA", Spelling("ALPHA")),
        (" alpha ", Spelling("ALPHA")),
        ("ALPHA-EQ", Spelling("ALPHA", "EQ")),
        ("nse:alpha-be", Spelling("ALPHA", "BE")),
        ("Alpha.NS", Spelling("ALPHA")),
        ("M&M.NS", Spelling("M&M")),
        ("BAJAJ-AUTO", Spelling("BAJAJ-AUTO")),
        ("NSE:BAJAJ-AUTO-EQ", Spelling("BAJAJ-AUTO", "EQ")),
        ("MCDOWELL-N", Spelling("MCDOWELL-N")),
        ("360ONE", Spelling("360ONE")),
        ("\u00a0ITC\t", Spelling("ITC")),
    ],
)
def test_every_spelling_of_a_symbol_is_read(text: str, expected: Spelling) -> None:
    assert read_symbol(text) == expected
    assert spelled(text) == expected.symbol


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("ALPHA.BO", "is of another exchange than NSE"),
        ("BSE:ALPHA", "is of another exchange than NSE"),
        ("NFO:ALPHA", "is of another exchange than NSE"),
        ("=cmd", "is no symbol of NSE"),
        ("@SUM(1)", "is no symbol of NSE"),
        ("-EQ", "is no symbol of NSE"),
        ("ALPHA-EQ-EQ", "is no symbol of NSE"),
        ("NSE:", "is no symbol of NSE"),
        ("AL PHA", "is no symbol of NSE"),
        ("AL_PHA", "is no symbol of NSE"),
        ("A" * 21, "is no symbol of NSE"),
        ("A\x1b[0m", "is no symbol of NSE"),
        ("ıtc", "is no symbol of NSE"),
        ("АСС", "is no symbol of NSE"),
        ("ACC\u200b", "is no symbol of NSE"),
    ],
)
def test_what_is_no_symbol_has_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        read_symbol(text)


@given(st.text(max_size=40))
def test_a_symbol_once_read_reads_the_same(text: str) -> None:
    try:
        found = read_symbol(text)
    except ValueError:
        return
    assert read_symbol(found.symbol).symbol == found.symbol
    assert shown(found.symbol).isprintable()
