"""The official clients trade; then they and our adapters read one account. Kite's test: `tests/lab/sandboxes/test_kite.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.lab.witnesses import kotak_neo, openalgo
from tests.lab.witnesses.script import TAGS, Client, Stand
from tradectl.lab.sandboxes.fixture import MONDAY, ist
from tradectl.model.moment import to_ist
from tradectl.model.order import OrderReport, OrderStatus, Side, TradeReport

S = OrderStatus


def trade(stand: Stand, client: Client) -> str:
    """One order in each state: filled, filled in part, resting, cancelled. Return the number of the resting one."""
    client.login()
    if client.amo:
        client.place(Side.BUY, 10, 100_50, TAGS[0], amo=True)
    stand.to("10:00")
    client.login()
    if not client.amo:
        client.place(Side.BUY, 10, 100_50, TAGS[0], amo=False)
    client.place(Side.BUY, 500, 105_00, TAGS[1], "THIN", amo=False)
    resting = client.place(Side.SELL, 5, 105_35, TAGS[2], amo=False)
    client.cancel(client.place(Side.BUY, 3, 95_05, TAGS[3], amo=False), amo=False)
    stand.to("10:05")
    return resting


def paise(rupees: Any) -> int:
    amount = Decimal(str(rupees)) * 100
    assert amount == int(amount)
    return int(amount)


def shown(report: OrderReport) -> tuple[Any, ...]:
    side, at = report.side.value, to_ist(report.placed_at).replace(tzinfo=None)
    return (report.broker_order_id, report.symbol, side, report.quantity, report.filled_quantity, report.price, report.status, at)


def traded(report: TradeReport) -> tuple[Any, ...]:
    at = to_ist(report.at).replace(tzinfo=None)
    return report.broker_order_id, report.symbol, report.side.value, report.quantity, report.price, at


KOTAK = {"open": S.ONGOING, "complete": S.EXECUTED, "cancelled": S.CANCELLED}
SIDES = {"B": "BUY", "S": "SELL"}


def moment(text: str) -> datetime:
    """Return an Indian time as Kotak and OpenAlgo write it, without a zone."""
    if text[:4].isdigit():
        return datetime.fromisoformat(text)
    return datetime.strptime(f"{text} +0530", "%d-%b-%Y %H:%M:%S %z").replace(tzinfo=None)


def kotak_order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    at = moment(row["ordDtTm"])
    filled, word = (row["qty"], row["fldQty"]), KOTAK[row["ordSt"]]
    return (row["nOrdNo"], row["trdSym"].removesuffix("-EQ"), SIDES[row["trnsTp"]], *filled, paise(row["prc"]), word, at)


def kotak_trade(row: Mapping[str, Any]) -> tuple[Any, ...]:
    at = moment(f"{row['flDt']} {row['flTm']}")
    symbol = row["trdSym"].removesuffix("-EQ")
    return row["nOrdNo"], symbol, SIDES[row["trnsTp"]], int(row["fldQty"]), paise(row["avgPrc"]), at


def test_kotaks_client_and_our_adapter_read_one_account(tmp_path: Path) -> None:
    with kotak_neo.KotakStand(tmp_path) as stand:
        client, ours = kotak_neo.Official(stand), kotak_neo.Ours(stand)
        number = trade(stand, client)
        looks = client.reads(number)
        orders, trades, funds, positions = (looks[name]() for name in ("orders", "trades", "funds", "positions"))
        (quote,), tick, update = (looks[name]() for name in ("quotes", "stream", "order stream"))
        ours.login()
        reports, ticks = ours.neo.orders(), ours.reads(number)["stream"]()
        assert [kotak_order(row) for row in orders] == [shown(item) for item in reports]
        assert {row["ordSt"] for row in orders} == set(KOTAK)
        assert [item.tag for item in reports] == [row["GuiOrdId"].partition("-")[0] for row in orders] == list(TAGS[:4])
        assert [kotak_trade(row) for row in trades] == [traded(item) for item in ours.neo.trades()]
        assert len(trades) > 2
        fresh = {row["sym"]: int(row["flBuyQty"]) - int(row["flSellQty"]) for row in positions}
        assert fresh == {item.symbol: item.t1_quantity for item in ours.neo.holdings()}
        assert (paise(funds["Net"]), paise(funds["MarginUsed"])) == (ours.neo.funds().available, ours.neo.funds().blocked)
        asked, (pushed, heard) = ours.neo.quotes(["ACME"])["ACME"], ticks
        day, told = quote["ohlc"], (asked.last, asked.open, asked.high, asked.low, asked.volume)
        named = (quote["ltp"], day["open"], day["high"], day["low"])
        assert (*map(paise, named), int(quote["last_volume"])) == told
        assert (paise(quote["low_price_range"]), paise(quote["high_price_range"])) == (asked.lower_band, asked.upper_band)
        seen = pushed["ACME"]
        assert tuple(map(paise, (tick.last_traded_price, tick.open_price, tick.high_price, tick.low_price))) == (
            seen.last, seen.open, seen.high, seen.low,
        )  # fmt: skip
        assert (tick.volume_traded_today, datetime.fromtimestamp(tick.last_trade_time, UTC)) == (seen.volume, seen.at)
        assert kotak_order(update.data.model_dump(by_alias=True)) in [shown(item) for item in heard]
        stand.fixture.clock.move_to(ist(MONDAY, "10:00"))
        client.login()
        held = client.reads(number)["holdings"]()
        ours.login()
        assert [(row["symbol"], row["quantity"], row["sellableQuantity"]) for row in held] == [
            (item.symbol, item.quantity, item.sellable) for item in ours.neo.holdings()
        ]
        assert {row["symbol"] for row in held} == {"ACME", "THIN"}
        client.close()
        ours.close()


OPENALGO = {"open": S.ONGOING, "complete": S.EXECUTED, "cancelled": S.CANCELLED}


def test_openalgos_client_and_our_adapter_read_one_account(tmp_path: Path) -> None:
    with openalgo.OpenAlgoStand(tmp_path) as stand:
        client, ours = openalgo.Official(stand), openalgo.Ours(stand)
        number = trade(stand, client)
        looks = client.reads(number)
        orders, trades, funds, quotes = (looks[name]() for name in ("orders", "trades", "funds", "quotes"))
        ours.login()
        filled = {row["orderid"]: 0 for row in orders}
        for row in trades:
            filled[row["orderid"]] += int(row["quantity"])
        rows = [
            (
                row["orderid"], row["symbol"], row["action"], int(row["quantity"]), filled[row["orderid"]], paise(row["price"]),
                OPENALGO[row["order_status"]], moment(row["timestamp"]),
            )
            for row in orders
        ]  # fmt: skip
        assert rows == [shown(item) for item in ours.broker.orders()]
        assert {row["order_status"] for row in orders} == set(OPENALGO)
        mine = [traded(item) for item in ours.broker.trades()]
        assert [
            (row["orderid"], row["symbol"], row["action"], int(row["quantity"]), paise(row["average_price"]), row["timestamp"])
            for row in trades
        ] == [(*item[:5], f"{item[5]:%H:%M:%S}") for item in mine]
        assert len(trades) > 2
        assert paise(funds["availablecash"]) - paise(funds["utiliseddebits"]) == ours.broker.funds().available
        (quote,), asked = quotes, ours.broker.quotes(["ACME"])["ACME"]
        told = tuple(map(paise, (quote["data"][name] for name in ("ltp", "open", "high", "low"))))
        assert (*told, quote["data"]["volume"]) == (asked.last, asked.open, asked.high, asked.low, asked.volume)
        assert looks["quote"]() == quote["data"]
        assert looks["order"]() == {**next(row for row in orders if row["orderid"] == number), "average_price": 0.0}
        today = {row["symbol"]: int(row["quantity"]) for row in looks["positions"]()}
        assert today == {item.symbol: item.t1_quantity for item in ours.broker.holdings()}
        assert looks["holdings"]() == []
        stand.fixture.clock.move_to(ist(MONDAY, "10:00"))
        ours.login()
        held = {row["symbol"]: row["quantity"] for row in looks["holdings"]()}
        assert held == {item.symbol: item.quantity for item in ours.broker.holdings()}
        assert set(held) == {"ACME", "THIN"}
        ours.close()
