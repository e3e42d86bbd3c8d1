"""Charges by line: whatever the fills, the lines of fills and of trades sum to the stored charges and to the contract note."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from tradectl.accounts.charge_lines import ChargeLines, lines_of_day, summed
from tradectl.exchange.charges import day_charges, tariff_of
from tradectl.exchange.rates import ZERODHA, shipped
from tradectl.model.order import Fill, Side

DAY = date(2024, 8, 1)
AMOUNTS = st.integers(0, 10_000_00)


@st.composite
def fills(draw: st.DrawFn) -> list[Fill]:
    """One to seven fills of one symbol and day, of both sides and several orders."""
    return [
        Fill(str(number), "ACME", draw(st.sampled_from(Side)), draw(st.integers(1, 5_000)), draw(st.integers(1, 500_000)), DAY,
             datetime(2024, 8, 1, 5, number, tzinfo=UTC), draw(st.integers(1, 3)))
        for number in range(draw(st.integers(1, 7)))
    ]  # fmt: skip


@settings(deadline=None)
@given(of_day=fills(), table=st.sampled_from(["zerodha", "kotak_neo", "dhan", "levies_only"]))
def test_lines_sum_by_fill_and_by_side_as_the_note(of_day: list[Fill], table: str) -> None:
    tariff = shipped(table)
    note = day_charges(DAY, of_day, tariff)
    found = lines_of_day(DAY, of_day, note.by_fill, tariff)
    assert {fill_id: lines.total for fill_id, lines in found.items()} == note.by_fill
    for side, lines in ((Side.BUY, note.buy), (Side.SELL, note.sell)):
        total = summed(found[fill.fill_id] for fill in of_day if fill.side is side)
        assert (total.brokerage, total.stt, total.exchange, total.sebi) == (
            lines.brokerage, lines.stt, lines.transaction, lines.sebi,
        )  # fmt: skip
        assert (total.stamp, total.gst, total.dp, total.ipft, total.other) == (lines.stamp, lines.gst, lines.dp, lines.ipft, 0)


@settings(deadline=None)
@given(of_day=fills(), more=st.lists(AMOUNTS, min_size=7, max_size=7))
def test_what_the_table_does_not_explain_is_other(of_day: list[Fill], more: list[int]) -> None:
    stored = {fill.fill_id: amount for fill, amount in zip(of_day, more, strict=False)}
    assume(tariff_of(DAY, of_day, stored, ZERODHA) is None)
    found = lines_of_day(DAY, of_day, stored, ZERODHA)
    assert {fill_id: lines.total for fill_id, lines in found.items()} == stored
    note, total = day_charges(DAY, of_day, ZERODHA), summed(found.values())
    assert total.other == sum(stored.values()) - note.total
    assert total.stt == note.buy.stt + note.sell.stt


@settings(deadline=None)
@given(of_day=fills(), table=st.sampled_from(["zerodha", "kotak_neo", "dhan", "levies_only"]))
def test_charges_of_an_earlier_broker_have_its_lines(of_day: list[Fill], table: str) -> None:
    """An account that was at another broker on that day: the stored charges are in no line `other`, and that broker's in each."""
    note = day_charges(DAY, of_day, shipped(table))
    found = summed(lines_of_day(DAY, of_day, note.by_fill, shipped("dhan" if table != "dhan" else "zerodha")).values())
    assert (found.total, found.other, found.stt) == (note.total, 0, note.buy.stt + note.sell.stt)


@given(lines=st.builds(ChargeLines, *[AMOUNTS] * 9), cuts=st.lists(st.integers(0, 100), min_size=1, max_size=6))
def test_a_division_loses_nothing_in_any_line(lines: ChargeLines, cuts: list[int]) -> None:
    whole, amounts = lines.total, list[int]()
    for cut in cuts:
        amounts.append((whole - sum(amounts)) * cut // 100)
    amounts.append(whole - sum(amounts))
    parts = lines.divided(amounts)
    assert [part.total for part in parts] == amounts
    assert summed(parts) == lines
    assert all(line >= 0 for part in parts for line in astuple(part))


def test_no_part_is_taken_from_charges_of_nothing() -> None:
    with pytest.raises(ValueError, match="no part of 5"):
        ChargeLines(stt=5, other=-5).part(5)
