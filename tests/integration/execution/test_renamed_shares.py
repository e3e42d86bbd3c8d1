"""A rename as a broker reports it: under the old symbol or the new one, before our list of renames has it or after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from tests.acceptance.cases.at_kite import OddHoldings, at_kite
from tests.support.hands import Opaque, operate, result_of
from tests.support.trading import AFTER, DAYS, D, T, Trading, entry, ist, stock
from tradectl.brokers.account.securities import under_symbols_of
from tradectl.execution.tags import client_tag
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import OddRow, RowKind, Rows, odd_of
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus, Purpose, Side, TradeReport, Variety

Make = Callable[..., Trading]
ISIN = "INE758T01015"
FALLS = {D: (9500, 9600, 9300, 9400), AFTER: (9500, 9600, 9300, 9400)}


def renamed(on: date | None, symbol: str = "NEW") -> Any:
    """A stock that has its last name as its id, as every instrument; `on`: the day of the rename, None for a list without it."""
    listing = stock(symbol, on=FALLS)
    listing.instrument = replace(listing.instrument, isin=ISIN)
    listing.names = [(date(2020, 1, 1), "OLD"), (on, symbol)] if on is not None else []
    return listing


class Named(Opaque):
    """A broker whose lists show one symbol, whatever the exchange calls the share."""

    symbol = "OLD"

    def orders(self) -> Sequence[OrderReport]:
        return [replace(item, symbol=self.symbol) for item in self.exchange.orders()]

    def trades(self) -> Sequence[TradeReport]:
        return [replace(item, symbol=self.symbol) for item in self.exchange.trades()]


class Ahead(Named):
    """A broker that knows the rename before our list."""

    symbol = "NEW"


def test_reports_under_the_old_symbol_are_of_the_renamed_order(trading: Make) -> None:
    market = trading(renamed(D))
    claim = market.claim("test", T)
    market.trading(claim).path.place(replace(entry(100, 9600, symbol="NEW"), symbol="OLD"))
    market.ledger.executions.finish(claim, "failed", {}, now=market.clock.now(), steps=1)
    market.world = replace(market.world, broker=Named(market.broker))  # type: ignore[arg-type]
    market.ledger.book.rename("NEW", "NEW")  # as premarket-retry does
    market.to(D, "09:16")
    market.monitor(D, "09:30")
    [position] = market.positions
    assert (position.instrument_id, position.quantity) == ("NEW", 100)
    assert [row.external for row in market.ledger.book.fills()] == [False]
    assert [order.status for order in market.orders(Side.SELL)] == [OrderStatus.ONGOING]


def test_a_buy_of_ours_counts_under_a_symbol_that_we_do_not_know(trading: Make) -> None:
    """Its tag proves it: the shares become a position, and no purchase by hand."""
    market = trading(renamed(None, "OLD"))
    market.buy(100, 9600, symbol="OLD")
    market.world = replace(market.world, broker=Ahead(market.broker))  # type: ignore[arg-type]
    market.to(D, "09:16")
    market.monitor(D, "09:30")
    assert [(position.instrument_id, position.quantity) for position in market.positions] == [("OLD", 100)]
    assert [row.external for row in market.ledger.book.fills()] == [False]
    assert [order.status for order in market.orders(Side.BUY)] == [OrderStatus.EXECUTED]


def test_a_lost_order_with_a_tag_of_the_former_id_is_ours(trading: Make) -> None:
    market = trading(renamed(D))
    before = entry(100, 9600, symbol="OLD")
    tag = client_tag("asha", before, 0)
    market.broker.place(OrderRequest(tag, "OLD", Side.BUY, 100, 9600, variety=before.variety))
    market.to(D, "09:16")
    market.monitor(D, "09:30")
    [order] = market.orders(Side.BUY)
    assert (order.tag, order.instrument_id, order.purpose) == (tag, "NEW", Purpose.ENTRY)
    assert [position.instrument_id for position in market.positions] == ["NEW"]


@pytest.fixture
def held(trading: Make) -> Trading:
    """100 OLD, bought yesterday at a broker that lists them as NEW today; the list of renames has nothing."""
    market: Trading = trading(renamed(None, "OLD"))
    market.buy(100, 9600, symbol="OLD")
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "10:00")
    assert [position.quantity for position in market.positions] == [100]
    return market


def as_new(kite: OddHoldings, isin: str = ISIN, symbol: str = "NEW") -> None:
    row = {"tradingsymbol": symbol, "exchange": "NSE", "isin": isin, "quantity": 100, "t1_quantity": 0, "realised_quantity": 100}
    more = {"used_quantity": 0, "authorised_quantity": 0, "collateral_quantity": 0, "product": "CNC", "average_price": 94.0}
    kite.held = [row | more]


FOUND = f"OLD is probably NEW now: the broker lists 100 shares of its ISIN {ISIN} under that symbol"


def test_a_rename_that_only_the_broker_knows_is_named(held: Trading) -> None:
    with at_kite(held) as kite:
        as_new(kite)
        held.to(AFTER, "10:01")
        said = operate(held, "sell-monitor", "--once")
        assert (said.code, FOUND in said.err, "(renamed)" in said.err, "symbolchange.csv" in said.err) == (11, True, True, True)
        assert [item["cause"] for item in result_of(held, "status", code=11)["unprotected"]] == ["renamed"]
        told = operate(held, "reconcile").out
        assert (FOUND[:20] in told, "own_shares" in told) == (True, False)
        held.to(AFTER, "18:00")
        assert result_of(held, "eod")["external_trades"] == 0
    with held.ledger.database.read() as connection:
        [body] = connection.exec_driver_sql(f"SELECT body FROM outbox WHERE deduplicate = 'eod:{AFTER}'").scalars().all()
    [line] = [line for line in body.splitlines() if "MISMATCH" in line]
    assert line.startswith(f"MISMATCH OLD: ledger 100, broker 0; {FOUND}")
    assert "NOT COUNTED" not in body


def test_shares_of_another_isin_are_no_rename(held: Trading) -> None:
    with at_kite(held) as kite:
        as_new(kite, "INE009A01021")
        held.to(AFTER, "10:01")
        said = operate(held, "sell-monitor", "--once")
        assert (said.code, "probably" in said.err, "(missing)" in said.err) == (11, False, True)
        held.to(AFTER, "18:00")
        operate(held, "eod")
    with held.ledger.database.read() as connection:
        [body] = connection.exec_driver_sql(f"SELECT body FROM outbox WHERE deduplicate = 'eod:{AFTER}'").scalars().all()
    assert "MISMATCH OLD: ledger 100, broker 0\n" in body
    assert "NOT COUNTED NEW: the broker holds 100 NEW" in body


@pytest.mark.parametrize("shown", ["OLD", "NEW"])
def test_holdings_under_either_symbol_are_of_the_position(trading: Make, shown: str) -> None:
    """Our list has the rename; the broker's list of holdings may still have the old symbol."""
    market = trading(renamed(AFTER))
    claim = market.claim("test", T)
    market.trading(claim).path.place(replace(entry(100, 9600, symbol="NEW"), symbol="OLD"))
    market.ledger.executions.finish(claim, "failed", {}, now=market.clock.now(), steps=1)
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "10:00")
    assert [(position.symbol, position.quantity) for position in market.positions] == [("OLD", 100)]
    with at_kite(market) as kite:
        as_new(kite, symbol=shown)
        market.to(AFTER, "10:01")
        said = operate(market, "sell-monitor", "--once")
        assert said.code == 0, said
        [form] = kite.posted
        assert (form["tradingsymbol"], form["transaction_type"], form["quantity"]) == ("NEW", "SELL", "100")
        assert result_of(market, "status")["unprotected"] == []
        market.to(AFTER, "18:00")
        assert result_of(market, "eod")["mismatches"] == 0


def test_a_broker_that_is_late_is_read_under_the_new_symbol(trading: Make) -> None:
    """Orders under today's symbol, trades under that of their day; rows that need no change are the broker's own object."""
    market = trading(renamed(D))
    row = OrderReport(
        "1", "TAG", "OLD", Side.BUY, 1, 100, 0, OrderStatus.PENDING, "", Variety.AMO, ist(T, "16:00"), ist(T, "16:00")
    )
    trades = [TradeReport(str(day), "1", "OLD", Side.BUY, 1, 100, ist(day, "10:00")) for day in (T, D, DAYS[-1])]
    late = Rows([row, replace(row, symbol="OTHER")], [OddRow(RowKind.ORDER, "OLD", "price", "x")])
    found = under_symbols_of(late, market.market, lambda _: D)
    assert ([item.symbol for item in found], odd_of(found)) == (["NEW", "OTHER"], late.odd)
    assert [item.symbol for item in under_symbols_of(trades, market.market, lambda item: ist_date(item.at))] == [
        "OLD",
        "NEW",
        "NEW",
    ]
    assert under_symbols_of(found, market.market, lambda _: D) is found
    assert under_symbols_of(late, market.market, lambda _: T) is late
