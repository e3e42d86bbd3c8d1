"""Broken answers and frames of every broker: no other error than ours, and no value outside its range or other than was sent.

TRADECTL_FUZZ says how many of each kind; the default is a small number. `make fuzz` tries 100,000.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.integration.brokers.kite import samples
from tests.integration.brokers.kite.test_packets import frame as kite_frame
from tests.integration.brokers.kite.test_packets import packet as kite_packet
from tests.integration.brokers.test_kotak_feed import packet as kotak_packet
from tests.support.brokers.fuzzing import broken, broken_bytes, exactly
from tradectl.brokers.dhan import api as dhan_api
from tradectl.brokers.dhan import balances as dhan_balances
from tradectl.brokers.dhan import balances as dhan_money
from tradectl.brokers.dhan import instruments as dhan_instruments
from tradectl.brokers.dhan import login as dhan_login
from tradectl.brokers.dhan import rows as dhan
from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.strict_json import UNREADABLE, read
from tradectl.brokers.http.transport import Reply
from tradectl.brokers.kite import balances, prices
from tradectl.brokers.kite import instruments as kite_instruments
from tradectl.brokers.kite import login as kite_login
from tradectl.brokers.kite import packets as kite_packets
from tradectl.brokers.kite import rows as kite
from tradectl.brokers.kite import ticker as kite_ticker
from tradectl.brokers.kotak_neo import broker as kotak_broker
from tradectl.brokers.kotak_neo import feed
from tradectl.brokers.kotak_neo import instruments as kotak_instruments
from tradectl.brokers.kotak_neo import login as kotak_login
from tradectl.brokers.kotak_neo import rows as kotak
from tradectl.brokers.kotak_neo.api import parsed
from tradectl.brokers.kotak_neo.times import Times
from tradectl.brokers.openalgo import balances as openalgo_balances
from tradectl.brokers.openalgo import prices as openalgo_prices
from tradectl.brokers.openalgo import rows as openalgo
from tradectl.brokers.openalgo import times
from tradectl.brokers.openalgo.api import understood
from tradectl.errors import TradectlError
from tradectl.exchange.sessions import SessionTable
from tradectl.model.market import Bar, Quote
from tradectl.model.odd_rows import odd_of
from tradectl.model.order import Funds, Holding, OrderReport, TradeReport

COUNT = int(os.environ.get("TRADECTL_FUZZ", "60"))
SESSIONS = SessionTable.load()
NOW = datetime(2023, 7, 17, 6, 0, tzinfo=UTC)
"""11:30 in India, on a Monday."""
SHARES, PAISE = 2**31 - 1, 10**9

KITE_QUOTE = {
    "instrument_token": 408065,
    "timestamp": "2023-07-17 11:29:58",
    "last_trade_time": "2023-07-17 11:29:50",
    "last_price": 101.35,
    "volume": 12345,
    "ohlc": {"open": 100.0, "high": 102.0, "low": 99.5, "close": 100.5},
    "lower_circuit_limit": 90.5,
    "upper_circuit_limit": 110.45,
}
KITE_MARGINS = {
    "net": 99725.05, "available": {"opening_balance": 100000.5, "intraday_payin": 0}, "utilised": {"payout": 0, "delivery": 12.5},
}  # fmt: skip
KITE_INSTRUMENTS = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange\n"
    "408065,1594,ACME,ACME LIMITED,0,,0,0.05,1,EQ,NSE,NSE\n738561,2885,RISE-BE,RISE,0,,0,0.01,1,EQ,NSE,NSE\n"
)
KOTAK_ORDER = {
    "nOrdNo": "230717000000123",
    "ordSt": "open",
    "rejRsn": "--",
    "trdSym": "ACME-EQ",
    "exSeg": "nse_cm",
    "trnsTp": "S",
    "prod": "CNC",
    "prc": "101.3500",
    "qty": 7,
    "fldQty": "2",
    "ordDtTm": "17-Jul-2023 09:15:02",
    "ordEntTm": "17-Jul-2023 09:15:02",
    "exCfmTm": "--",
    "hsUpTm": "2023/07/17 10:20:30",
    "boeSec": 1689565502,
    "GuiOrdId": "ABCDEFGHIJKLMNO",
    "prcTp": "L",
}
KOTAK_TRADE = {
    "nOrdNo": "230717000000123", "flId": "77", "avgPrc": "101.3500", "fldQty": 2, "flDt": "17-Jul-2023", "flTm": "09:15:09",
    "trdSym": "ACME-EQ", "trnsTp": "S", "exSeg": "nse_cm", "prod": "CNC",
}  # fmt: skip
KOTAK_HELD = {"symbol": "ACME", "exchangeSegment": "nse_cm", "quantity": 10, "sellableQuantity": 8}
KOTAK_POSITION = {"trdSym": "ACME-EQ", "exSeg": "nse_cm", "prod": "CNC", "series": "EQ", "flBuyQty": "3", "flSellQty": "1"}
KOTAK_QUOTE = {
    "exchange_token": "1594", "ltp": "101.35", "lstup_time": "1689573598", "last_volume": "1200", "low_price_range": "90.5",
    "high_price_range": "110.45", "ohlc": {"open": "100.00", "high": "102.00", "low": "99.50", "close": "100.50"},
}  # fmt: skip
KOTAK_SCRIPS = (
    "pSymbol,pGroup,pExchSeg,pTrdSymbol,pSymbolName,pISIN,dTickSize,lLotSize;\n"
    "1594,EQ,nse_cm,ACME-EQ,ACME,INE000000001,5,1\n2885,BE,nse_cm,RISE-BE,RISE,INE000000002,5.0,1\n"
)
OPENALGO_ORDER = {
    "action": "BUY", "symbol": "ACME", "exchange": "NSE", "orderid": "230717001002736", "product": "CNC", "quantity": "10",
    "price": 101.35, "pricetype": "LIMIT", "order_status": "open", "trigger_price": 0.0, "timestamp": "17-Jul-2023 10:13:45",
}  # fmt: skip
OPENALGO_TRADE = {
    "action": "BUY", "symbol": "ACME", "exchange": "NSE", "orderid": "230717001002736", "product": "CNC", "quantity": 4.0,
    "average_price": 101.3, "timestamp": "10:13:48", "trade_value": 66.0,
}  # fmt: skip
OPENALGO_QUOTE = {
    "symbol": "ACME", "exchange": "NSE",
    "data": {"ltp": 101.35, "open": 100.0, "high": 102.0, "low": 99.5, "prev_close": 100.5, "volume": 5500},
}  # fmt: skip

DHAN_ORDER = {
    "orderId": "112111182198", "correlationId": "ABCDEFGHIJKLMNO", "orderStatus": "PENDING", "transactionType": "SELL",
    "exchangeSegment": "NSE_EQ", "productType": "CNC", "orderType": "LIMIT", "tradingSymbol": "", "securityId": "1594",
    "quantity": 7, "price": 101.35, "filledQty": 2, "afterMarketOrder": False, "omsErrorDescription": "CONFIRMED",
    "createTime": "2023-07-17 09:15:02", "updateTime": "2023-07-17 10:20:30", "exchangeTime": "0001-01-01 00:00:00",
}  # fmt: skip
DHAN_TRADE = {
    "orderId": "112111182198", "exchangeTradeId": "77", "transactionType": "SELL", "exchangeSegment": "NSE_EQ",
    "productType": "CNC", "tradingSymbol": "ACME", "securityId": "1594", "tradedQuantity": 2, "tradedPrice": 101.35,
    "createTime": "2023-07-17 09:15:02", "updateTime": "2023-07-17 09:15:09", "exchangeTime": "2023-07-17 09:15:09",
}  # fmt: skip
DHAN_HELD = {
    "exchange": "ALL", "tradingSymbol": "ACME", "securityId": "1594", "isin": "INE000000001", "totalQty": 10, "t1Qty": 2,
    "availableQty": 8, "collateralQty": 0,
}  # fmt: skip
DHAN_POSITION = {
    "tradingSymbol": "ACME", "securityId": "1594", "exchangeSegment": "NSE_EQ", "productType": "CNC",
    "dayBuyQty": 3, "daySellQty": 1,
}  # fmt: skip
DHAN_QUOTE = {
    "last_price": 101.35, "last_trade_time": "17/07/2023 11:29:50", "volume": 12345, "lower_circuit_limit": 90.5,
    "upper_circuit_limit": 110.45, "ohlc": {"open": 100.0, "high": 102.0, "low": 99.5, "close": 100.5},
}  # fmt: skip
DHAN_LIST = (
    "EXCH_ID,SEGMENT,SECURITY_ID,ISIN,INSTRUMENT,UNDERLYING_SYMBOL,SYMBOL_NAME,SERIES,TICK_SIZE\n"
    "NSE,E,1594,INE000000001,EQUITY,ACME,ACME LIMITED,EQ,5.0000\nNSE,E,2885,INE000000002,EQUITY,RISE,RISE,BE,0.05\n"
)

Check = Callable[[Any, bytes], None]


def check(found: Any) -> None:
    """Fail where a value of an answer is outside its range; the figures are written out here, and not the program's own."""
    match found:
        case OrderReport():
            whole(found.quantity, 1, SHARES), whole(found.filled_quantity, 0, found.quantity), whole(found.price, 0, PAISE)
            named(found.broker_order_id, found.symbol)
            assert found.tag is None or (isinstance(found.tag, str) and 0 < len(found.tag) <= 64)
            dated(found.placed_at), dated(found.updated_at)
        case TradeReport():
            whole(found.quantity, 1, SHARES), whole(found.price, 1, PAISE)
            named(found.broker_order_id, found.symbol)
            assert 0 < len(found.trade_id) <= 64
            dated(found.at)
            assert NOW - timedelta(days=31) <= found.at <= NOW + timedelta(hours=1)
        case Holding():
            named("1", found.symbol)
            for shares_ in (found.quantity, found.t1_quantity, found.sellable, found.pledged):
                whole(shares_, 0, SHARES)
        case Quote():
            whole(found.last, 1, PAISE)
            for price in (found.open, found.high, found.low, found.lower_band, found.upper_band):
                assert price is None or whole(price, 1, PAISE) is None
            assert found.low is None or found.high is None or found.low <= found.high
            assert found.lower_band is None or found.upper_band is None or found.lower_band <= found.upper_band
            dated(found.at)
            assert found.at <= NOW + timedelta(minutes=1)
        case Funds():
            for money in (found.available, found.blocked, found.cash):
                whole(money, -(10**15), 10**15)
        case Bar():
            for price in (found.open, found.high, found.low, found.close):
                whole(price, 1, PAISE)
        case _ if isinstance(found, Mapping):
            for item in found.values():
                check(item)
        case tuple() | list():
            for item in found:
                check(item)
    for row in odd_of(found):
        assert len(row.text) < 400
        assert row.text.isprintable()


def whole(number: object, least: int, most: int) -> None:
    assert isinstance(number, int)
    assert not isinstance(number, bool)
    assert least <= number <= most


def named(number: str, symbol: str) -> None:
    assert isinstance(number, str)
    assert 0 < len(number) <= 64
    assert isinstance(symbol, str)
    assert 0 < len(symbol) <= 32
    assert symbol.isprintable()
    assert symbol == symbol.upper()


def dated(moment: datetime) -> None:
    assert moment.tzinfo is not None
    assert 2000 <= moment.year < 9999


def paise(rupees: Decimal) -> Decimal | None:
    return (rupees * 100).quantize(Decimal(1), ROUND_HALF_UP) if rupees.is_finite() and abs(rupees) < 10**12 else None


def same(order_id: str, quantity: str, price: str) -> Check:
    """Return a check that each order or trade says exactly what its row says."""

    def compare(found: Any, content: bytes) -> None:
        rows = {}
        for row in _rows(read(content, exact=True)):
            rows.setdefault(str(row.get(order_id)).strip(), []).append(row)
        for item in found:
            sent = [(exactly(row.get(quantity)), exactly(row.get(price) or 0)) for row in rows[item.broker_order_id]]
            said = [(shares_, paise(rupees)) for shares_, rupees in sent if shares_ is not None and rupees is not None]
            assert (item.quantity, item.price) in said, (item, sent)

    return compare


def _rows(document: Any) -> Iterable[Mapping[str, Any]]:
    rest = [document]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            yield item
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)


def of_kite(make: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    return lambda content: kite.parsed(content, make)


def of_kotak(make: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    return lambda content: parsed(lambda: make(kotak_broker._data(Reply(200, content), bare=True)), "answer")


def of_dhan(make: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    return lambda content: dhan_api.understood("answer", content, make)


def listed_at_dhan(row: Mapping[str, Any]) -> dhan_instruments.DhanInstrument | None:
    listing = dhan_instruments.DhanInstrumentList(dhan_instruments.parse(DHAN_LIST.encode()))
    return listing.of_id(str(row["securityId"])) or listing.of_isin(row.get("isin"))


def of_openalgo(make: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    return lambda content: understood("answer", lambda: make(read(content, exact=True)))


def moment(text: Any) -> datetime:
    if not isinstance(text, str):
        raise value_ranges.OddValue("timestamp", text)
    return times.moment(text, SESSIONS, NOW)


def nothing(found: Any, content: bytes) -> None:
    """What is read has no numbers to compare."""


def data(*rows: Any) -> Any:
    return {"status": "success", "stat": "Ok", "stCode": 200, "data": list(rows)}


def _read_kotak_login(content: bytes) -> None:
    found = Reply(200, content).object().get("data")
    if isinstance(found, dict):
        kotak_login._word(found, "token")
        kotak_login._base_url(found)


KITE_ORDERS = data(samples.ORDER, samples.ORDER | {"order_id": "230717000000002", "tradingsymbol": "RISE", "exchange": "BSE"})
JSON: dict[str, tuple[Any, Callable[[bytes], Any], Check]] = {
    "kite orders": (KITE_ORDERS, of_kite(lambda found: kite.orders(found, NOW)), same("order_id", "quantity", "price")),
    "kite trades": (
        data(samples.TRADE, samples.TRADE | {"trade_id": "2"}),
        of_kite(lambda found: kite.trades(found, NOW)),
        same("order_id", "quantity", "average_price"),
    ),
    "kite order": (
        data(samples.ORDER | {"status": "REJECTED", "status_message": "no"}),
        of_kite(lambda found: (kite.refused(found), kite.is_of_another(found, "A", "ACME", "BUY"))[:0]),
        nothing,  # type: ignore[arg-type]
    ),
    "kite holdings": (
        {"data": {"held": [samples.HOLDING], "day": [samples.POSITION]}},
        of_kite(lambda found: balances.holdings(found["held"], found)),
        nothing,
    ),
    "kite quotes": (
        {"data": {"NSE:ACME": KITE_QUOTE}},
        of_kite(lambda found: kite.quotes(found, {"NSE:ACME": "ACME"}, NOW)),
        nothing,
    ),
    "kite funds": ({"data": KITE_MARGINS}, of_kite(lambda found: balances.funds(found, (), NOW.date())), nothing),
    "kite profile": (
        {"data": {"exchanges": ["NSE"], "products": ["CNC"], "meta": {"demat_consent": "consent"}}},
        of_kite(lambda found: balances.profile_remarks(dict(found))),
        nothing,
    ),
    "kite login": (
        {"data": {"access_token": "x" * 32, "user_id": "AB1234", "user_name": "Asha"}},
        of_kite(lambda found: (kite_login._access_token(found), kite_login._names(found))),
        nothing,
    ),
    "kite candles": (
        {"data": {"candles": [["2023-07-14T00:00:00+0530", 100.5, 101, 99.95, 100, 1200]]}},
        of_kite(lambda found: [Bar(at.date(), *prices, volume) for at, prices, volume in map(prices._candle, found["candles"])]),
        nothing,
    ),
    "kotak orders": (
        data(KOTAK_ORDER, KOTAK_ORDER | {"nOrdNo": "2"}),
        of_kotak(lambda rows: kotak.orders(rows, NOW)),
        same("nOrdNo", "qty", "prc"),
    ),
    "kotak trades": (data(KOTAK_TRADE), of_kotak(lambda rows: kotak.trades(rows, NOW)), same("nOrdNo", "fldQty", "avgPrc")),
    "kotak holdings": (
        data({"held": KOTAK_HELD, "day": KOTAK_POSITION}),
        of_kotak(lambda rows: kotak.holdings([row["held"] for row in rows], [row["day"] for row in rows])),
        nothing,
    ),
    "kotak quotes": (
        [KOTAK_QUOTE],
        lambda content: parsed(lambda: kotak.quotes(Reply(200, content).json(), {"1594": "ACME"}, NOW), "quotes"),
        nothing,
    ),
    "kotak funds": (
        {"Net": "1941.41", "MarginUsed": "18.78"},
        lambda content: parsed(lambda: kotak.funds(Reply(200, content).json()), "limits"),
        nothing,
    ),
    "kotak files": (
        {"data": {"filesPaths": ["https://x/nse_cm-v1.csv"]}},
        lambda content: parsed(lambda: kotak_instruments.path_of(Reply(200, content).json()), "files"),
        nothing,
    ),
    "kotak login": ({"data": {"token": "t", "sid": "s", "baseUrl": "https://x"}}, _read_kotak_login, nothing),
    "kotak order frames": (
        {"type": "order", "data": KOTAK_ORDER},
        lambda content: feed.order_of(content.decode(errors="replace")),
        nothing,
    ),
    "kotak greeting": (
        {"message_code": 1117, "exchanges": {"a": {"value": 1, "divider": 100}}},
        lambda content: feed.dividers(content.decode(errors="replace")),
        nothing,
    ),
    "dhan orders": (
        [DHAN_ORDER, DHAN_ORDER | {"orderId": "2", "securityId": "2885"}],
        of_dhan(lambda found: dhan.orders(found, listed_at_dhan, lambda _: False, NOW)),
        same("orderId", "quantity", "price"),
    ),
    "dhan trades": (
        [DHAN_TRADE, DHAN_TRADE | {"exchangeTradeId": "78"}],
        of_dhan(lambda found: dhan.trades(found, listed_at_dhan, NOW)),
        same("orderId", "tradedQuantity", "tradedPrice"),
    ),
    "dhan holdings": (
        {"held": [DHAN_HELD], "day": [DHAN_POSITION]},
        of_dhan(lambda found: dhan_balances.holdings(found["held"], found["day"], listed_at_dhan)),
        nothing,
    ),
    "dhan holdings by trades": (
        {"held": [DHAN_HELD], "day": [DHAN_TRADE]},
        of_dhan(
            lambda found: dhan_balances.holdings(
                found["held"], dhan_balances.positions_of(found["day"], NOW.date(), listed_at_dhan), listed_at_dhan
            )
        ),
        nothing,
    ),
    "dhan quotes": (
        {"data": {"NSE_EQ": {"1594": DHAN_QUOTE}}},
        of_dhan(lambda found: dhan.quotes(found["data"]["NSE_EQ"], {"1594": "ACME"}, lambda at: at, NOW)),
        nothing,
    ),
    "dhan funds": (
        {"availabelBalance": 99725.05, "sodLimit": 100000.5, "receiveableAmount": 0.0},
        of_dhan(lambda found: dhan_money.funds(found, -12345)),
        nothing,
    ),
    "dhan profile": (
        {"dhanClientId": "1000000001", "tokenValidity": "18/07/2023 09:00", "ddpi": "Active", "dataPlan": "Active"},
        of_dhan(lambda found: (dhan_login._validity(found), dhan_login.remarks(found))[:0]),
        nothing,
    ),
    "openalgo orders": (
        {"data": {"orders": [OPENALGO_ORDER, OPENALGO_ORDER | {"orderid": "2"}]}},
        of_openalgo(lambda found: openalgo.orders(found["data"]["orders"], (), moment, NOW)),
        same("orderid", "quantity", "price"),
    ),
    "openalgo trades": (
        data(OPENALGO_TRADE),
        of_openalgo(lambda found: openalgo.trades(found["data"], moment, NOW)),
        same("orderid", "quantity", "average_price"),
    ),
    "openalgo holdings": (
        {
            "held": [{"symbol": "ACME", "exchange": "NSE", "quantity": 10, "product": "CNC", "t1_quantity": 0}],
            "day": [{"symbol": "ACME", "exchange": "NSE", "product": "CNC", "quantity": "-3"}],
        },
        of_openalgo(lambda found: openalgo_balances.holdings(found["held"], found["day"])),
        nothing,
    ),
    "openalgo quotes": (
        {"results": [OPENALGO_QUOTE]},
        of_openalgo(lambda found: openalgo_prices.quotes(found["results"], SESSIONS, NOW)),
        nothing,
    ),
    "openalgo funds": (
        {"data": {"availablecash": "1234.56"}},
        of_openalgo(lambda found: openalgo.about_paise(found["data"]["availablecash"])),
        nothing,
    ),
}


@pytest.mark.parametrize("kind", JSON)
def test_no_answer_breaks_its_reader(kind: str) -> None:
    document, make, compare = JSON[kind]
    right = make(json.dumps(document).encode())
    check(right)
    assert not odd_of(right), "the answer from which the others are made is read"
    random = Random(kind)
    for _ in range(COUNT):
        content = broken(random, document)
        try:
            found = make(content)
        except TradectlError as error:
            if len(str(error)) > 600:
                pytest.fail(f"{content!r}: {error}")
        else:
            check(found)
            compare(found, content)


def _kite_frame(content: bytes) -> list[Quote]:
    quotes = (kite_ticker._quote("ACME", tick) for tick in kite_packets.ticks(content))
    return [value_ranges.quote(quote, NOW) for quote in quotes if quote is not None]


def _kotak_frame(content: bytes) -> list[Quote]:
    clock, found = Times(), []
    for tick in feed.ticks(content, {1: 100}):
        at = clock.moment(tick.last_trade_at, NOW)
        if at is not None:
            found.append(
                value_ranges.quote(
                    Quote(tick.token, tick.last, at, "", open=tick.open, high=tick.high, low=tick.low, volume=tick.volume), NOW
                )
            )
    return found


FRAMES: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
    "kite": (kite_frame(kite_packet(), kite_packet(size=44), kite_packet(size=8)), _kite_frame),
    "kotak": (kotak_packet(bytes(170)) * 2, _kotak_frame),
}


@pytest.mark.parametrize("broker", FRAMES)
def test_no_frame_breaks_its_reader(broker: str) -> None:
    """What a stream passes over (`strict_json.UNREADABLE`) is no tick."""
    content, make = FRAMES[broker]
    random = Random(broker)
    for _ in range(COUNT):
        try:
            check(make(broken_bytes(random, content)))
        except UNREADABLE:
            continue


LISTS: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "kite": (KITE_INSTRUMENTS, lambda content: list(kite_instruments.listed(content).values())),
    "dhan": (DHAN_LIST, dhan_instruments.parse),
    "kotak": (KOTAK_SCRIPS, lambda content: list(kotak_instruments._scrips(content)._by_symbol.values())),
}


@pytest.mark.parametrize("broker", LISTS)
def test_no_list_of_instruments_breaks_its_reader(broker: str, tmp_path: Path) -> None:
    text, make = LISTS[broker]
    rows = list(csv.reader(io.StringIO(text)))
    random = Random(broker)
    assert make(text.encode())
    for _ in range(COUNT):
        row, column = random.randrange(1, len(rows)), random.randrange(len(rows[0]))
        made = [list(line) for line in rows]
        made[row][column] = random.choice(
            ("", "0", "-1", "0.5", "NaN", "inf", "1e400", "x" * 200_000, "\x00", '"', "9" * 30, "=cmd", "٣")
        )
        content = io.StringIO()
        csv.writer(content).writerows(made)
        sent = content.getvalue().encode()
        try:
            found = make(broken_bytes(random, sent) if random.random() < 0.2 else sent)
        except TradectlError:
            continue
        for item in found:
            for listed in item if isinstance(item, list) else [item]:
                whole(listed.tick_size, 1, 10_000)
                named("1", listed.tradingsymbol if broker == "kite" else listed.symbol)
