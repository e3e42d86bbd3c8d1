"""A held symbol whose number of shares is in doubt: nothing is sold or bought of it, and the position is a finding."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.acceptance.cases.at_kite import at_kite
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, D, Trading, stock
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.order import Side
from tradectl.strategy.parameters import with_changes

HOLDINGS = Path(__file__).parents[2] / "acceptance" / "cases" / "11-unprotected-position" / "holdings.json"
ROW: dict[str, Any] = json.loads(HOLDINGS.read_text(encoding="utf-8"))["data"][0] | {"collateral_quantity": 0}
FLAT = (9500, 9600, 9300, 9400)
FIFTH = (1900, 1920, 1860, 1880)
"""The prices after a split of five for one; nothing reaches the target."""


def held(trading: Callable[..., Trading], action: CorporateAction, prices: tuple[int, int, int, int]) -> Trading:
    """117 ALPHA, bought on D; it is the morning of the ex-date, the session after."""
    listing = stock("ALPHA", on={D: FLAT, AFTER: prices})
    listing.actions = [action]
    listing.bars = [bar for bar in listing.bars if bar.session <= AFTER]
    market: Trading = trading(listing)
    market.buy(117, 9600, symbol="ALPHA")
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "10:00")
    return market


def unknown() -> CorporateAction:
    return CorporateAction("ALPHA", AFTER, ActionKind.UNKNOWN, subject="Stock Split 1:5")


def test_an_unknown_action_stops_the_sell_and_is_reported(trading: Callable[..., Trading]) -> None:
    market = held(trading, unknown(), FLAT)
    said = operate(market, "sell-monitor", "--once")
    text = "the corporate action of 2023-07-19 is unknown and may have changed the shares (Stock Split 1:5)"
    assert (said.code, f"(corporate action): {text}" in said.err) == (11, True)
    assert market.orders(Side.SELL, AFTER) == []
    assert [item["cause"] for item in result_of(market, "status", code=11)["unprotected"]] == ["corporate_action"]


def test_a_text_at_noon_takes_the_sell_back_until_decided(trading: Callable[..., Trading]) -> None:
    market = held(trading, unknown(), FLAT)
    (listing,) = (market.market._listings["ALPHA"],)
    told, listing.actions = listing.actions, []
    assert operate(market, "sell-monitor", "--once").code == 0
    assert [order.alive for order in market.orders(Side.SELL, AFTER)] == [True]
    listing.actions = told
    market.to(AFTER, "12:00")
    assert operate(market, "sell-monitor", "--once").code == 11
    assert [order.alive for order in market.orders(Side.SELL, AFTER)] == [False]
    listing.actions = [CorporateAction("ALPHA", AFTER, ActionKind.ACCEPTED)]
    market.to(AFTER, "12:05")
    assert operate(market, "sell-monitor", "--once").code == 0
    assert [order.alive for order in market.orders(Side.SELL, AFTER)] == [False, True]


def test_other_shares_at_the_broker_stop_an_ex_date(trading: Callable[..., Trading]) -> None:
    """117 before a split of five for one: the broker may show 117 still or 585 already, and nothing else."""
    split = CorporateAction("ALPHA", AFTER, ActionKind.SPLIT, ratio=Fraction(5), subject="Face Value Split From Rs 10 To Rs 2")
    market = held(trading, split, FIFTH)
    with at_kite(market) as kite:
        for minute, shown, code in (("10:05", 300, 11), ("10:10", 117, 0), ("10:15", 700, 11)):
            market.to(AFTER, minute)
            counts = dict.fromkeys(("quantity", "realised_quantity", "authorised_quantity", "opening_quantity"), shown)
            kite.held = [ROW | counts]
            said = operate(market, "sell-monitor", "--once")
            assert (shown, said.code) == (shown, code), said
            if code:
                assert f"the broker shows {shown} shares, the ledger has 585 (117 before it)" in said.err
            live = [order.remaining for order in market.orders(Side.SELL, AFTER) if order.alive]
            assert live == ([] if code else [117])


def counts(shown: object) -> dict[str, object]:
    """The row of ALPHA at Kite with so many shares."""
    return ROW | dict.fromkeys(("quantity", "realised_quantity", "authorised_quantity", "opening_quantity"), shown)


def test_an_unreadable_row_on_an_ex_date_leaves_the_sell(trading: Callable[..., Trading]) -> None:
    split = CorporateAction("ALPHA", AFTER, ActionKind.SPLIT, ratio=Fraction(5), subject="Face Value Split From Rs 10 To Rs 2")
    market = held(trading, split, FIFTH)
    with at_kite(market) as kite:
        kite.held = [counts(117)]
        assert operate(market, "sell-monitor", "--once").code == 0
        kite.held = [counts("many")]
        market.to(AFTER, "10:05")
        assert operate(market, "sell-monitor", "--once").code == 11
        assert [order.remaining for order in market.orders(Side.SELL, AFTER) if order.alive] == [117]
        assert len(market.orders(Side.SELL, AFTER)) == 1, "it was neither withdrawn nor placed again"


def test_shares_of_the_users_own_are_no_mismatch_on_an_ex_date(trading: Callable[..., Trading]) -> None:
    """50 of one's own beside 117: before the split 167, after it 835, or 635 where they were declared anew."""
    split = CorporateAction("ALPHA", AFTER, ActionKind.SPLIT, ratio=Fraction(5), subject="Face Value Split From Rs 10 To Rs 2")
    market = held(trading, split, FIFTH)
    assert operate(market, "config", "set", "own_shares", "ALPHA:50").code == 0
    market.world = replace(market.world, parameters=with_changes(market.parameters, {"own_shares": "ALPHA:50"}))
    with at_kite(market) as kite:
        for minute, shown, stops in (("10:05", 167, False), ("10:10", 835, False), ("10:15", 635, False), ("10:20", 585, True)):
            market.to(AFTER, minute)
            kite.held = [counts(shown)]
            said = operate(market, "sell-monitor", "--once")
            assert (shown, "(corporate action)" in said.err) == (shown, stops)
