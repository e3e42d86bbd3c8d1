"""Case 12: one row of the broker's order book cannot be read, an order by hand in a symbol where we hold nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from tests.acceptance.cases.at_kite import OddHoldings, at_kite
from tests.integration.brokers.kite.samples import HOLDING
from tests.integration.cli.conftest import Said
from tests.integration.execution.conftest import trading
from tests.integration.tasks.test_buy import analysed, signal
from tests.integration.tasks.test_preopen_orders import EASY, falling
from tests.property.brokers.test_fuzz import COUNT
from tests.support.brokers.fuzzing import changed as changed_row
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, DAYS, D, T, Trading, entry, stock
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.server import Request, Response
from tradectl.ledger.statistics import DayStatistics
from tradectl.model.order import OrderStatus, Side

__all__ = ["trading"]

FLAT = (9500, 9600, 9300, 9400)
"""A day on which nothing reaches the target."""
ORDERS, TRADES, HOLDINGS, POSITIONS, QUOTES = (
    ("orders",), ("trades",), ("portfolio", "holdings"), ("portfolio", "positions"), ("quote",),
)  # fmt: skip
Changes = dict[tuple[str, ...], Callable[[Any], Any]]


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> Changes:
    """What the broker's server does to its own answers, by path."""
    told = KiteSandbox._data
    found: Changes = {}

    def data(self: KiteSandbox, request: Request, parts: tuple[str, ...]) -> Any:
        answer = told(self, request, parts)
        return found[parts](answer) if parts in found else answer

    monkeypatch.setattr(KiteSandbox, "_data", data)
    return found


@pytest.fixture
def held(trading: Callable[..., Trading]) -> Trading:
    """117 ALPHA and 50 BRAVO, bought yesterday; it is 10:00, and the sell monitor has not run today."""
    market: Trading = trading(*(stock(name, on={D: FLAT, AFTER: FLAT}) for name in ("ALPHA", "BRAVO")))
    market.buy(117, 9600, symbol="ALPHA")
    market.buy(50, 9600, symbol="BRAVO")
    market.to(D, "18:00")
    market.run("eod")
    market.to(AFTER, "10:00")
    assert {position.symbol: position.quantity for position in market.positions} == {"ALPHA": 117, "BRAVO": 50}
    return market


@pytest.fixture
def kite(held: Trading) -> Iterator[OddHoldings]:
    with at_kite(held) as sandbox:
        yield sandbox


@pytest.fixture
def zulu(shared_data: Path) -> dict[str, Any]:
    """The row of the case."""
    file = shared_data.parent / "cases" / "12-one-odd-row" / "orders-price.json"
    (row,) = json.loads(file.read_text(encoding="utf-8"))["data"]
    return dict(row)


def step(market: Trading, at: str, *words: str) -> Said:
    market.to(AFTER, at)
    return operate(market, "sell-monitor", "--once", *words)


def sells(market: Trading) -> dict[str, OrderStatus]:
    return {order.symbol: order.status for order in market.orders(Side.SELL, AFTER)}


def changed(symbol: str, **values: Any) -> Callable[[list[dict[str, Any]]], list[Any]]:
    """Change the rows of a symbol."""
    return lambda rows: [row | values if row["tradingsymbol"] == symbol else row for row in rows]


BOTH = {"ALPHA": OrderStatus.ONGOING, "BRAVO": OrderStatus.ONGOING}
WHAT = "a row of the broker's orders for ZULU, broker order 260824000999999, cannot be read (price 102.345)"


def test_our_sells_are_placed_and_the_row_is_named(held: Trading, kite: OddHoldings, changes: Changes, zulu: Any) -> None:
    changes[ORDERS] = lambda rows: [zulu, *rows]
    said = step(held, "10:01")
    assert (said.code, WHAT in said.err) == (0, True)
    assert step(held, "10:02", "-q").err == ""  # told once
    assert sells(held) == BOTH
    answer = step(held, "10:03", "--json").object
    (row,) = answer["result"]["odd_rows"]
    assert (row["symbol"], row["kind"], row["field"], row["value"], row["stops"]) == ("ZULU", "order", "price", "102.345", False)

    status = operate(held, "status")
    assert (status.code, WHAT in status.words) == (0, True)
    assert [item["symbol"] for item in result_of(held, "status")["odd_rows"]] == ["ZULU"]
    (line,) = held.ledger.logs.list(action="odd_row")
    assert (line.level, line.symbol, WHAT in line.message) == ("warning", "ZULU", True)
    assert "102.345" in operate(held, "why", "ZULU").out
    found = result_of(held, "reconcile")
    assert (found["agrees"], [item["symbol"] for item in found["odd_rows"]]) == (True, ["ZULU"])

    del changes[ORDERS]
    step(held, "10:04")
    assert result_of(held, "status")["odd_rows"] == []
    assert [line.symbol for line in held.ledger.logs.list(action="row_readable")] == ["ZULU"]


@pytest.mark.parametrize("task", ["position-monitor", "eod", "buy"])
def test_every_task_goes_on(held: Trading, kite: OddHoldings, changes: Changes, zulu: Any, task: str) -> None:
    if task == "position-monitor":
        held.monitor(AFTER, "10:20")
    changes[ORDERS] = lambda rows: [zulu, None, 7, *rows] if task == "eod" else [zulu, *rows]
    held.to(AFTER, {"eod": "18:00", "buy": "16:10"}.get(task, "10:30"))
    if task == "buy":
        held.run("analyze")
    said = operate(held, task)
    assert (said.code, WHAT in said.err) == (11 if task == "eod" else 0, True), said


OWN = {
    "quantity 0": ("quantity", 0), "quantity -5": ("quantity", -5), "half a share": ("quantity", 0.5),
    "no quantity": ("quantity", None), "more than ordered": ("quantity", 118), "no end": ("quantity", float("inf")),
    "more filled": ("filled_quantity", 118), "price 0": ("price", 0), "price -1": ("price", -1), "price 1e17": ("price", 10**17),
    "NaN": ("price", float("nan")), "no price": ("price", None), "nested": ("price", {"a": [1]}), "no id": ("order_id", None),
    "long id": ("order_id", "9" * 500), "no time": ("order_timestamp", "soon"), "side": ("transaction_type", 7),
    "later": ("order_timestamp", "2031-01-01 09:15:00"), "exchange": ("exchange", None), "product": ("product", ["CNC"]),
    "tag": ("tag", {"a": 1}),
}  # fmt: skip


def test_a_row_of_ours_stops_its_symbol_alone(held: Trading, kite: OddHoldings, changes: Changes) -> None:
    """The last proved state stands for two minutes, then the order is UNKNOWN, and it goes on when its row can be read."""
    assert step(held, "10:01").code == 0
    (before,) = [order for order in held.orders(Side.SELL, AFTER) if order.symbol == "ALPHA"]
    minute = 2
    for name, (field, value) in OWN.items():
        changes[ORDERS] = changed("ALPHA", **{field: value})
        for later, code, status in ((0, 11, OrderStatus.ONGOING), (3, 7, OrderStatus.UNKNOWN)):
            said = step(held, f"{10 + (minute + later) // 60}:{(minute + later) % 60:02}")
            assert (said.code, "ALPHA" in said.err, "BRAVO" in said.err) == (code, True, False), (name, said)
            assert sells(held) == {"ALPHA": status, "BRAVO": OrderStatus.ONGOING}, name
            (after,) = [order for order in held.orders(Side.SELL, AFTER) if order.symbol == "ALPHA"]
            for what in ("quantity", "price", "filled_quantity"):
                assert getattr(after, what) == getattr(before, what), name
        del changes[ORDERS]
        minute += 4
        assert step(held, f"{10 + minute // 60}:{minute % 60:02}").code == 0, name
        assert sells(held) == BOTH, name
        minute += 1
    assert not held.ledger.logs.list(action="task_failed")


def test_trades_of_ours_that_cannot_be_true_are_not_booked(held: Trading, kite: OddHoldings, changes: Changes) -> None:
    assert step(held, "10:01").code == 0
    (sell,) = [order for order in held.orders(Side.SELL, AFTER) if order.symbol == "ALPHA"]
    trade = {
        "trade_id": "77", "order_id": sell.broker_order_id, "exchange": "NSE", "product": "CNC", "tradingsymbol": "ALPHA",
        "transaction_type": "SELL", "quantity": 10, "average_price": 96.0, "fill_timestamp": "2023-07-19 10:02:00",
    }  # fmt: skip
    wrong = [
        {"quantity": 118}, {"quantity": 0}, {"quantity": -5}, {"quantity": 2.5}, {"average_price": 0}, {"average_price": -1},
        {"average_price": 10**17}, {"average_price": 96.123}, {"fill_timestamp": "2031-01-01 10:02:00"}, {"trade_id": None},
        {"fill_timestamp": None}, {"order_id": None, "quantity": 0}, {"quantity": {}}, {"fill_timestamp": "2001-07-19 10:02:00"},
        {"tradingsymbol": None, "quantity": 0},
    ]  # fmt: skip
    for odd in wrong:
        changes[TRADES] = lambda rows, odd=odd: [*rows, trade | odd]
        said = step(held, "10:02")
        assert (said.code, "BRAVO" in said.err) == (11, False), (odd, said)
        assert {position.symbol: position.quantity for position in held.positions} == {"ALPHA": 117, "BRAVO": 50}, odd
    changes[TRADES] = lambda rows: [*rows, trade]
    assert step(held, "10:03").code == 0
    assert {position.symbol: position.quantity for position in held.positions} == {"ALPHA": 107, "BRAVO": 50}


@pytest.mark.parametrize("path", [HOLDINGS, POSITIONS])
def test_holdings_of_ours_that_cannot_be_read_are_not_none(
    held: Trading, kite: OddHoldings, changes: Changes, path: tuple[str, ...]
) -> None:
    for minute, value in enumerate((-5, 0.5, 10**12, None, "many", float("nan"), []), 1):
        day = {"exchange": "NSE", "product": "CNC", "tradingsymbol": "ALPHA", "day_buy_quantity": value, "day_sell_quantity": 0}
        if path == HOLDINGS:
            changes[path] = changed("ALPHA", quantity=value)
        else:
            changes[path] = lambda answer, day=day: {**answer, "day": [*answer["day"], day]}
        said = step(held, f"10:{minute:02}")
        what = "ALPHA: 117 of 117 shares have no live sell order (unreadable row)"
        assert (said.code, what in said.err) == (11, True), (value, said)
        assert sells(held) == {"BRAVO": OrderStatus.ONGOING}
    del changes[path]
    assert step(held, "10:10").code == 0
    assert sells(held) == BOTH


@pytest.mark.parametrize("task", ["buy", "eod"])
def test_a_foreign_holding_that_hides_the_equity_is_reported(
    trading: Callable[..., Trading], changes: Changes, task: str
) -> None:
    """A buy is denied because of it, or the day's statistics are left out: it stops something."""
    market: Trading = trading(stock("ACME"), stock("ZULU"))
    market.ledger.statistics.write(DayStatistics(DAYS[0], 0, 0, 10**9, 0, 0, 0, 0, 0, 0, 0, 0, 10**9, 0.0))
    with at_kite(market):
        changes[HOLDINGS] = lambda rows: [*rows, HOLDING | {"tradingsymbol": "ZULU", "quantity": 0.5}]
        if task == "buy":
            analysed(market, signal())
        else:
            market.to(T, "18:00")
        said = operate(market, task)
        what = "a row of the broker's holdings for ZULU cannot be read (quantity 0.5)"
        assert (said.code, what in said.err, "the equity is not known" in said.err) == (11, True, True), said
        if task == "buy":
            assert market.orders(Side.BUY) == []
            assert f"equity_unproved: {what}" in operate(market, "why", "ACME").out
        status = operate(market, "status")
        assert (what in status.words, "the work goes on" in status.words) == (True, False)


def test_a_buy_that_waits_waits_on_while_the_equity_is_hidden(trading: Callable[..., Trading], changes: Changes) -> None:
    """It is not cancelled for a loss that nothing proves, and goes out once the row can be read."""
    market: Trading = trading(falling(), stock("ZULU"), **EASY)
    claim = market.claim("buy", T)
    assert market.trading(claim).path.place(entry(10, 9600), send=False).order is not None
    market.ledger.executions.finish(claim, "completed", {}, now=market.clock.now(), steps=1)
    market.ledger.statistics.write(DayStatistics(DAYS[0], 0, 0, 10**9, 0, 0, 0, 0, 0, 0, 0, 0, 10**9, 0.0))
    market.to(D, "08:00")
    with at_kite(market):
        changes[HOLDINGS] = lambda rows: [*rows, HOLDING | {"tradingsymbol": "ZULU", "quantity": 0.5}]
        said = operate(market, "premarket-retry", "--json")
        assert (said.code, [order.status for order in market.orders(Side.BUY)]) == (11, [OrderStatus.RETRY_PENDING]), said


QUOTE = [
    {"last_price": 0}, {"last_price": -1}, {"last_price": 10**17}, {"last_price": None}, {"last_price": float("inf")},
    {"lower_circuit_limit": 200, "upper_circuit_limit": 100}, {"timestamp": "2031-01-01 09:15:00"}, {"ohlc": None},
    {"timestamp": "2023-07-01 10:00:00"}, {"ohlc": {"open": 1, "high": 2, "low": 3, "close": 4}}, {"volume": -1},
]  # fmt: skip


def test_a_quote_that_cannot_be_true_is_no_price(held: Trading, kite: OddHoldings, changes: Changes) -> None:
    for minute, odd in enumerate(QUOTE, 3):
        changes[QUOTES] = lambda rows, odd=odd: {name: row | odd if name == "NSE:ALPHA" else row for name, row in rows.items()}
        said = step(held, f"10:{minute:02}")
        assert (said.code, "ALPHA" in said.err, "BRAVO" in said.err) == (11, True, False), (odd, said)
        assert sells(held) == {"BRAVO": OrderStatus.ONGOING}


def test_a_row_without_an_owner_stops_buys_and_no_clean_exit(held: Trading, kite: OddHoldings, changes: Changes) -> None:
    for nameless in (None, 7, [], {}, {"exchange": "NSE", "product": "CNC", "tradingsymbol": 5}):
        changes[ORDERS] = lambda rows, odd=nameless: [odd, *rows]
        said = step(held, "10:01")
        assert (said.code, "No buy is sent" in said.err) == (11, True)
        assert sells(held) == BOTH
    held.to(AFTER, "10:02")
    claim = held.claim("test", AFTER)
    trading_session = held.trading(claim)
    trading_session.reconcile()
    answer = trading_session.path.place(entry(1, 9000, session=AFTER, symbol="BRAVO"))
    assert (str(answer.status), "cannot be read" in answer.reason) == ("blocked", True)


def test_a_row_by_hand_without_a_symbol_stops_nothing(held: Trading, kite: OddHoldings, changes: Changes) -> None:
    changes[ORDERS] = lambda rows: [{"exchange": "NSE", "product": "CNC", "tradingsymbol": None, "tag": "byhand"}, *rows]
    assert step(held, "10:01").code == 0
    assert sells(held) == BOTH


@pytest.mark.parametrize("symbol", ["ALPHA", None])
def test_a_lost_order_that_may_be_the_odd_row_is_not_sent_again(
    held: Trading, kite: OddHoldings, changes: Changes, monkeypatch: pytest.MonkeyPatch, symbol: str | None
) -> None:
    changes[ORDERS] = lambda rows: [row | {"tag": None, "order_id": None, "tradingsymbol": symbol} for row in rows]
    kite.loses = True
    assert step(held, "10:01").code == 7
    kite.loses = False
    for at in ("10:02", "10:05", "10:20"):
        assert step(held, at).code == 7
    at_broker = [report.symbol for report in held.broker.orders() if report.side is Side.SELL]
    assert sorted(at_broker) == ["ALPHA", "BRAVO"], "each was sent once"


def test_our_exits_go_on_whatever_the_rows_of_others_look_like(
    held: Trading, kite: OddHoldings, changes: Changes, zulu: Any
) -> None:
    random = Random(12)
    for number in range(min(200, max(5, COUNT // 10))):
        rows = [changed_row(random, dict(zulu)) for _ in range(3)]
        changes[ORDERS] = lambda found, rows=rows: [*rows, *found]
        held.to(AFTER, "10:01")
        said = operate(held, "sell-monitor", "--once")
        assert (said.code in {0, 11}, "bug" in said.err) == (True, False), (number, rows, said)
        assert sells(held) == BOTH


def test_shares_that_are_readable_again_are_sold(held: Trading, kite: OddHoldings, changes: Changes) -> None:
    asked: list[None] = []

    def later(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        asked.append(None)
        return [row | {"quantity": 0.5} if row["tradingsymbol"] == "ALPHA" and len(asked) < 8 else row for row in rows]

    changes[HOLDINGS] = later
    assert held.monitor(AFTER, "10:20").exit_code == 0
    assert sells(held) == BOTH
    assert [line.symbol for line in held.ledger.logs.list(action="row_readable")] == ["ALPHA"]


def test_an_odd_row_under_a_lost_tag_needs_a_person(held: Trading, kite: OddHoldings, changes: Changes, zulu: Any) -> None:
    changes[ORDERS] = lambda rows: [zulu | {"tag": "ABCDEFGHIJKLMN2"}, *rows]
    said = step(held, "10:01")
    assert (said.code, "Nothing is sent or changed for ZULU" in said.err) == (11, True)
    assert sells(held) == BOTH


def test_a_sell_that_is_not_listed_leaves_the_other_exits(
    held: Trading, kite: OddHoldings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of ALPHA in the list of instruments has no tick."""
    answered = KiteSandbox.answer

    def answer(self: KiteSandbox, request: Request) -> Response:
        found = answered(self, request)
        if not request.path.startswith("/instruments"):
            return found
        lines = found.body.decode().splitlines(keepends=True)
        return replace(found, body="".join(re.sub(r",0\.05,", ",-,", x) if ",ALPHA," in x else x for x in lines).encode())

    monkeypatch.setattr(KiteSandbox, "answer", answer)
    assert step(held, "10:03").code == 11
    assert sells(held)["BRAVO"] is OrderStatus.ONGOING
    assert sells(held).get("ALPHA") in {None, OrderStatus.REJECTED}
