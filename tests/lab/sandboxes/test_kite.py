"""Zerodha's own client trades in the sandbox, and reads there the same book as our adapter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_errors

from tests.support.brokers.exchange import CASH, bar, ist, listing, quiet
from tests.support.zerodha import KEY, SECRET, House, house
from tradectl.model.moment import IST, ist_date, to_ist
from tradectl.model.order import OrderStatus, Side, Variety

FRIDAY, MONDAY, TUESDAY = (date(2023, 7, day) for day in (14, 17, 18))
DAYS = [date(2023, 7, 13), FRIDAY, MONDAY, TUESDAY]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    moving = listing(
        "BETA",
        [*(bar(day, *[5000] * 4, series="BE") for day in DAYS[:2]), bar(MONDAY, 5000, 5100, 4950, 5050, series="BE")],
        series="BE",
    )
    with house(tmp_path, quiet("ACME", DAYS), moving, at=ist(FRIDAY, "16:05")) as made:
        yield made


@pytest.fixture
def official(home: House) -> KiteConnect:
    client = KiteConnect(KEY, root=home.sandbox.url)
    client.generate_session(home.sandbox.tokens.request(), SECRET)
    return client


def naive(day: date, at: str) -> datetime:
    """Indian time without a zone, as the official client has it."""
    return to_ist(ist(day, at)).replace(tzinfo=None)


def limit(client: KiteConnect, side: str, quantity: int, price: float, variety: str = "regular", **more: Any) -> str:
    """A limit order for delivery; its id."""
    facts = {"exchange": "NSE", "tradingsymbol": "ACME", "product": "CNC", "order_type": "LIMIT", **more}
    order_id: str = client.place_order(variety, transaction_type=side, quantity=quantity, price=price, **facts)
    return order_id


def test_the_official_client_logs_in_and_out(home: House, official: KiteConnect) -> None:
    client = KiteConnect(KEY, root=home.sandbox.url)
    session = client.generate_session(home.sandbox.tokens.request(), SECRET)
    assert session["login_time"] == naive(FRIDAY, "16:05")
    assert (client.profile()["user_name"], session["user_id"]) == ("Asha Rao", "AB1234")
    assert client.invalidate_access_token() is True
    with pytest.raises(kite_errors.TokenException):
        client.orders()
    assert official.orders() == []


def test_a_request_token_is_good_once_and_for_some_minutes(home: House) -> None:
    client, used, old = KiteConnect(KEY, root=home.sandbox.url), home.sandbox.tokens.request(), home.sandbox.tokens.request()
    client.generate_session(used, SECRET)
    home.clock.sleep(301)
    for token in (used, old, "invented"):
        with pytest.raises(kite_errors.TokenException):
            client.generate_session(token, SECRET)
    with pytest.raises(kite_errors.InputException):
        client.generate_session(home.sandbox.tokens.request(), "wrong")


def test_the_official_client_trades_a_day(home: House, official: KiteConnect) -> None:
    bought = limit(official, "BUY", 10, 100.5, "amo", tag="first")
    dropped = limit(official, "BUY", 5, 99, "amo")
    assert official.modify_order("amo", bought, quantity=12) == bought
    assert official.cancel_order("amo", dropped) == dropped
    assert [(row["order_id"], row["status"], row["quantity"], row["tag"]) for row in official.orders()] == [
        (bought, "AMO REQ RECEIVED", 12, "first"),
        (dropped, "CANCELLED AMO", 5, None),
    ]
    home.clock.move_to(ist(MONDAY, "08:30"))
    official.generate_session(home.sandbox.tokens.request(), SECRET)
    home.clock.move_to(ist(MONDAY, "09:05"))
    with pytest.raises(kite_errors.NetworkException):
        official.modify_order("amo", bought, quantity=11)
    official.modify_order("regular", bought, quantity=11)
    home.clock.move_to(ist(MONDAY, "10:00"))
    (row,) = official.orders()
    assert (row["status"], row["variety"], row["filled_quantity"], row["average_price"]) == ("COMPLETE", "amo", 11, 100.0)
    (trade,) = official.order_trades(bought)
    assert (trade["quantity"], trade["average_price"], trade["fill_timestamp"]) == (11, 100.0, naive(MONDAY, "09:12"))
    assert official.trades() == [trade]
    resting = limit(official, "SELL", 6, 105)
    sold = limit(official, "SELL", 5, 100)
    assert official.order_history(resting)[-1]["status"] == "OPEN"
    official.cancel_order("regular", resting)
    assert [row["status"] for row in official.order_history(sold)] == ["PUT ORDER REQ RECEIVED", "COMPLETE"]
    assert official.positions()["day"][0]["quantity"] == 6
    assert official.holdings() == []
    assert official.margins("equity")["available"]["opening_balance"] == CASH / 100
    assert official.margins()["equity"]["net"] < CASH / 100 - 600
    home.clock.move_to(ist(TUESDAY, "08:00"))
    official.generate_session(home.sandbox.tokens.request(), SECRET)
    (held,) = official.holdings()
    assert (held["tradingsymbol"], held["quantity"], held["t1_quantity"], held["opening_quantity"]) == ("ACME", 6, 0, 6)
    assert (official.orders(), official.trades(), official.positions()) == ([], [], {"net": [], "day": []})


def test_the_official_client_reads_the_market(home: House, official: KiteConnect) -> None:
    home.clock.move_to(ist(MONDAY, "10:00"))
    official.generate_session(home.sandbox.tokens.request(), SECRET)
    listed = {row["tradingsymbol"]: row for row in official.instruments("NSE")}
    assert set(listed) == {"ACME", "BETA-BE"}
    assert official.instruments() == list(listed.values())
    token = listed["BETA-BE"]["instrument_token"]
    quote = official.quote("NSE:BETA-BE", "NSE:NOBODY")
    assert list(quote) == ["NSE:BETA-BE"]
    assert (quote["NSE:BETA-BE"]["ohlc"]["open"], quote["NSE:BETA-BE"]["ohlc"]["close"]) == (50.0, 50.0)
    assert quote["NSE:BETA-BE"]["timestamp"] == naive(MONDAY, "10:00")
    assert official.ltp("NSE:ACME")["NSE:ACME"] == {"instrument_token": listed["ACME"]["instrument_token"], "last_price": 100.0}
    assert set(official.ohlc(["NSE:ACME"])["NSE:ACME"]) == {"instrument_token", "last_price", "ohlc"}
    days = official.historical_data(token, naive(DAYS[0], "00:00"), naive(MONDAY, "23:00"), "day")
    assert [row["date"].date() for row in days] == DAYS[:2]
    home.clock.move_to(ist(MONDAY, "16:00"))
    assert official.historical_data(token, "2023-07-17", "2023-07-18", "day")[0]["high"] == 51.0
    notes = official.get_virtual_contract_note(
        [{"order_id": "1", "exchange": "NSE", "tradingsymbol": "ACME", "transaction_type": "BUY", "variety": "regular",
          "product": "CNC", "order_type": "LIMIT", "quantity": 10, "average_price": 100.0}]
    )  # fmt: skip
    assert (notes[0]["charges"]["transaction_tax"], notes[0]["charges"]["stamp_duty"]) == (1.0, 0.15)


@pytest.mark.parametrize(
    ("facts", "error", "said"),
    [
        ({"tradingsymbol": "NOBODY"}, kite_errors.InputException, "does not exist"),
        ({"tag": "a tag of more than twenty"}, kite_errors.InputException, "tag"),
        ({"product": "MIS"}, kite_errors.InputException, "product"),
        ({"order_type": "MARKET"}, kite_errors.InputException, "market protection"),
        ({"price": 100.02}, kite_errors.InputException, "tick size"),
        ({"price": 150}, kite_errors.InputException, "circuit limit"),
        ({"variety": "amo"}, kite_errors.InputException, "after market orders are not accepted"),
        ({"variety": "iceberg"}, kite_errors.GeneralException, "not allowed"),
        # the official client has no class for these two types
        ({"quantity": 10_000_000}, kite_errors.GeneralException, "Margin Exceeds"),
        ({"transaction_type": "SELL"}, kite_errors.GeneralException, "insufficient holdings"),
    ],
)
def test_what_the_exchange_refuses_comes_as_kites_errors(
    home: House, official: KiteConnect, facts: dict[str, Any], error: type[Exception], said: str
) -> None:
    home.clock.move_to(ist(MONDAY, "10:00"))
    official.generate_session(home.sandbox.tokens.request(), SECRET)
    asked = {"variety": "regular", "exchange": "NSE", "tradingsymbol": "ACME", "transaction_type": "BUY", "quantity": 10,
             "product": "CNC", "order_type": "LIMIT", "price": 100} | facts  # fmt: skip
    with pytest.raises(error, match=said):
        official.place_order(**asked)
    assert official.orders() == []


def test_a_repeated_tag_is_a_second_order(home: House, official: KiteConnect) -> None:
    one, two = (limit(official, "BUY", 1, 99, "amo", tag="again") for _ in range(2))
    assert one != two
    assert [row["tag"] for row in official.orders()] == ["again", "again"]


def test_a_command_from_an_unlisted_address_is_not_permitted(tmp_path: Path) -> None:
    with house(tmp_path, quiet("ACME", DAYS), at=ist(FRIDAY, "16:05"), allowed=["10.0.0.1"]) as home:
        client = KiteConnect(KEY, root=home.sandbox.url)
        client.generate_session(home.sandbox.tokens.request(), SECRET)
        with pytest.raises(kite_errors.PermissionException, match="IP"):
            limit(client, "BUY", 1, 99, "amo")
        assert client.orders() == []


def test_tokens_end_and_the_books_are_emptied_in_the_morning(home: House, official: KiteConnect) -> None:
    waiting, dropped = limit(official, "BUY", 1, 99, "amo"), limit(official, "BUY", 2, 99, "amo")
    official.cancel_order("amo", dropped)
    home.clock.move_to(ist(MONDAY, "07:29"))
    with pytest.raises(kite_errors.TokenException):  # Saturday's flush
        official.orders()
    official.generate_session(home.sandbox.tokens.request(), SECRET)
    assert [row["order_id"] for row in official.orders()] == [waiting]
    home.clock.sleep(60)
    with pytest.raises(kite_errors.TokenException):
        official.orders()


def test_our_adapter_and_the_official_client_read_the_same_book(home: House, official: KiteConnect) -> None:
    """Orders that wait, rest, are filled, cancelled and in another series; what one places the other sees."""
    ours = home.log_in()
    limit(official, "BUY", 20, 100.5, "amo", tag="OFFICIAL")
    home.clock.move_to(ist(MONDAY, "08:00"))
    ours = home.log_in()
    official.generate_session(home.sandbox.tokens.request(), SECRET)
    home.clock.move_to(ist(MONDAY, "10:00"))
    limit(official, "SELL", 5, 100)
    limit(official, "SELL", 5, 108.35)
    official.cancel_order("regular", limit(official, "BUY", 3, 48.5, tradingsymbol="BETA-BE"))
    rows, reports = official.orders(), ours.orders()
    assert len(rows) == len(reports) == 4
    words = {"OPEN": OrderStatus.ONGOING, "COMPLETE": OrderStatus.EXECUTED, "CANCELLED": OrderStatus.CANCELLED}
    for row, report in zip(rows, reports, strict=True):
        assert (row["order_id"], row["tag"], row["tradingsymbol"].removesuffix("-BE")) == (
            report.broker_order_id, report.tag, report.symbol
        )  # fmt: skip
        assert (row["quantity"], row["filled_quantity"]) == (report.quantity, report.filled_quantity)
        assert (words[row["status"]], Side(row["transaction_type"])) == (report.status, report.side)
        assert (round(row["price"] * 100), Variety(row["variety"].upper())) == (report.price, report.variety)
        assert row["order_timestamp"].replace(tzinfo=IST) == report.placed_at
    for row, trade in zip(official.trades(), ours.trades(), strict=True):
        assert f"{MONDAY:%Y%m%d}-NSE-{row['trade_id']}" == trade.trade_id
        assert (row["order_id"], round(row["average_price"] * 100), row["quantity"]) == (
            trade.broker_order_id, trade.price, trade.quantity
        )  # fmt: skip
        assert row["fill_timestamp"] == to_ist(trade.at).replace(tzinfo=None)
    assert round(official.margins("equity")["net"] * 100) == ours.funds().available
    (position,), (holding,) = official.positions()["net"], ours.holdings()
    assert position["quantity"] == holding.sellable == 15
    quote = official.quote("NSE:BETA-BE")["NSE:BETA-BE"]
    assert ours.quotes(["BETA"])["BETA"].last == round(quote["last_price"] * 100)
    token = official.instruments("NSE")[0]["instrument_token"]
    theirs = official.historical_data(token, FRIDAY - timedelta(days=1), MONDAY, "day")
    assert [(row["date"].date(), round(row["close"] * 100)) for row in theirs] == [
        (item.session, item.close) for item in ours.prices.daily("ACME", DAYS[0], ist_date(home.clock.now()))
    ]
