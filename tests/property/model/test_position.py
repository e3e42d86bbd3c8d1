from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradectl.model.market import ActionKind
from tradectl.model.order import Fill, Side
from tradectl.model.position import Adjustment, Folded, fold, fraction_cash

DAY = date(2024, 1, 1)


def fill(number: int, side: Side, quantity: int, price: int) -> Fill:
    session = DAY + timedelta(days=number)
    return Fill(f"f{number}", "MADE", side, quantity, price, session, datetime.combine(session, time(4), UTC))


def buy(number: int, quantity: int, price: int) -> Fill:
    return fill(number, Side.BUY, quantity, price)


def sell(number: int, quantity: int, price: int) -> Fill:
    return fill(number, Side.SELL, quantity, price)


def adjustment(
    number: int, kind: ActionKind, *, ratio: Fraction = Fraction(1), kept: Fraction = Fraction(1), cash: int = 0
) -> Adjustment:
    day = DAY + timedelta(days=number)
    return Adjustment(kind, day, datetime.combine(day, time(2, 30), UTC), ratio, kept, cash)


def test_nothing_is_flat() -> None:
    assert fold([]) == Folded()


def test_the_oldest_shares_are_sold_first() -> None:
    found = fold([buy(1, 10, 100), buy(2, 10, 120), sell(3, 15, 130)], charges={"f1": 10, "f2": 21, "f3": 30})
    assert (found.quantity, found.cost, found.bought, found.sold) == (5, 600, 2_200, 1_950)
    assert found.realised == 1_950 - 1_000 - 600
    first, second = found.trades
    assert (first.quantity, first.entry_price, first.gross, first.charges, first.net) == (10, 100, 300, 10 + 20, 270)
    assert (second.quantity, second.entry_price, second.gross) == (5, 120, 50)
    assert second.charges + found.lots[0].charges == 10 + 21
    assert first.entry_session == DAY + timedelta(days=1)
    assert first.exit_session == DAY + timedelta(days=3)
    assert first.cost == 1_000


def test_more_than_is_held_cannot_be_sold() -> None:
    with pytest.raises(ValueError, match="only 10 held"):
        fold([buy(1, 10, 100), sell(2, 11, 100)])


def test_a_split_changes_shares_and_not_cost() -> None:
    found = fold([buy(1, 10, 1_000), sell(3, 40, 110)], [adjustment(2, ActionKind.SPLIT, ratio=Fraction(10))])
    assert (found.quantity, found.cost) == (60, 6_000)
    trade = found.trades[0]
    assert (trade.quantity, trade.entry_quantity, trade.entry_price, trade.gross) == (40, 4, 1_000, 400)


def test_a_fraction_is_paid_in_cash() -> None:
    assert fraction_cash(5, Fraction(3, 2), 1_000) == 333
    found = fold([buy(1, 5, 1_000)], [adjustment(2, ActionKind.BONUS, ratio=Fraction(3, 2), cash=333)])
    assert (found.quantity, found.cost, found.cash_in_lieu) == (7, 5_000, 333)


def test_a_demerger_takes_cost_away_and_leaves_shares() -> None:
    found = fold([buy(1, 10, 1_000), sell(3, 10, 950)], [adjustment(2, ActionKind.DEMERGER, kept=Fraction(9, 10))])
    assert (found.spun_off, found.realised, found.quantity) == (1_000, 500, 0)


def test_dividends_stay_apart() -> None:
    found = fold([buy(1, 10, 1_000)], [adjustment(2, ActionKind.DIVIDEND, cash=70)])
    assert (found.dividends, found.realised, found.cost) == (70, 0, 10_000)


def test_an_action_on_nothing_does_nothing() -> None:
    assert fold([], [adjustment(2, ActionKind.DIVIDEND, cash=70)]) == Folded()


def test_a_lot_that_loses_its_share_leaves_its_cost() -> None:
    bought = [buy(1, 1, 1_000), buy(2, 9, 1_000)]
    found = fold(bought, [adjustment(3, ActionKind.CONSOLIDATION, ratio=Fraction(1, 5))])
    assert (found.quantity, found.cost, len(found.lots)) == (2, 10_000, 1)
    assert found.lots[0].entry_quantity == 10


def test_a_holding_too_small_for_a_consolidation_ends() -> None:
    found = fold([buy(1, 3, 1_000)], [adjustment(2, ActionKind.CONSOLIDATION, ratio=Fraction(1, 10), cash=3_000)])
    assert (found.quantity, found.cost, found.realised, found.cash_in_lieu) == (0, 0, -3_000, 3_000)


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Fill], list[Adjustment], dict[str, int]]:
    """Buys, sells of no more than is held, and corporate actions, one a day."""
    fills: list[Fill] = []
    adjustments: list[Adjustment] = []
    for day in range(draw(st.integers(1, 14))):
        held = fold(fills, adjustments).quantity
        what = draw(st.sampled_from(["buy", "buy", "sell", "sell", "ratio", "demerger", "dividend"]))
        if what == "buy":
            fills.append(buy(day, draw(st.integers(1, 500)), draw(st.integers(1, 500_000))))
        elif what == "sell" and held:
            fills.append(sell(day, draw(st.integers(1, held)), draw(st.integers(1, 500_000))))
        elif what == "ratio":
            ratio = Fraction(draw(st.integers(1, 10)), draw(st.integers(1, 10)))
            adjustments.append(adjustment(day, ActionKind.BONUS, ratio=ratio, cash=draw(st.integers(0, 999))))
        elif what == "demerger":
            adjustments.append(adjustment(day, ActionKind.DEMERGER, kept=Fraction(draw(st.integers(0, 100)), 100)))
        elif what == "dividend":
            adjustments.append(adjustment(day, ActionKind.DIVIDEND, cash=draw(st.integers(0, 9_999))))
    return fills, adjustments, {item.fill_id: draw(st.integers(0, 9_999)) for item in fills}


@settings(max_examples=150, deadline=None)
@given(story=stories())
def test_money_is_conserved_to_the_paisa(story: tuple[list[Fill], list[Adjustment], dict[str, int]]) -> None:
    fills, adjustments, charges = story
    found = fold(fills, adjustments, charges)
    cost_sold = sum(trade.cost for trade in found.trades)
    assert found.bought == sum(item.quantity * item.price for item in fills if item.side is Side.BUY)
    assert found.sold == sum(item.quantity * item.price for item in fills if item.side is Side.SELL)
    assert found.bought == found.cost + cost_sold + found.spun_off
    assert found.realised == found.sold - cost_sold == sum(trade.gross for trade in found.trades)
    assert found.charges == sum(charges.values()) == sum(t.charges for t in found.trades) + sum(lot.charges for lot in found.lots)
    assert all(trade.net == trade.gross - trade.charges for trade in found.trades)
    assert found.quantity == sum(lot.quantity for lot in found.lots)
    assert all(lot.quantity > 0 for lot in found.lots)
    assert found.cost == sum(lot.cost for lot in found.lots)
    traded_in = sum(trade.entry_quantity for trade in found.trades) + sum(lot.entry_quantity for lot in found.lots)
    assert traded_in == sum(item.quantity for item in fills if item.side is Side.BUY)
