"""`tradectl sandbox NAME` in a process of its own, with the broker's official client as its only caller."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from kiteconnect import KiteConnect
from neo_api_client import NeoAPI, SFeedScrip, WsToken

from tests.integration.cli.test_sandbox import Serving
from tests.lab.witnesses.kite import TICKER
from tests.lab.witnesses.kotak_neo import Redirect, said
from tests.lab.witnesses.openalgo import official_client
from tradectl.brokers.kotak_neo import login
from tradectl.settings import parse_moment

EVENING, MORNING = "2023-07-14 16:10", "2023-07-17 10:00"
Serve = Callable[..., Iterator[Serving]]


@pytest.fixture
def serve(real_market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Iterator[Serving]]:
    """Serve a paper home at a moment; the home is the same each time."""
    (tmp_path / "tradectl.toml").write_text(f'market = "{real_market}"\n', encoding="utf-8")
    monkeypatch.setenv("NEO_HOLDINGS_CACHE_DIR", str(tmp_path / "kotak"))

    @contextmanager
    def at(moment: str, broker: str) -> Iterator[Serving]:
        monkeypatch.setenv("TRADECTL_AT", moment)
        serving = Serving(tmp_path, broker)
        try:
            yield serving
        finally:
            code, out = serving.stop()
            assert (code, out.endswith("requests answered\n")) == (130, True)

    return at


def kite(serving: Serving) -> KiteConnect:
    """Zerodha's client, logged in."""
    key, secret = (line.partition("=")[2] for line in serving.stdin.split())
    client = KiteConnect(key, root=serving.addresses["api"])
    with urlopen(f"{serving.addresses['login']}?api_key={key}&v=3") as page:
        client.generate_session(page.read().decode().partition("request_token=")[2], secret)
    return client


def test_kiteconnect_trades_at_the_command(serve: Serve) -> None:
    terms = {"exchange": "NSE", "tradingsymbol": "ITC", "transaction_type": "BUY", "product": "CNC", "order_type": "LIMIT"}
    with serve(EVENING, "kite") as serving:
        client = kite(serving)
        price = client.ltp("NSE:ITC")["NSE:ITC"]["last_price"]
        bought = client.place_order("amo", quantity=10, price=price, tag="ITCAMO", **terms)
        dropped = client.place_order("amo", quantity=5, price=price - 5, **terms)
        client.modify_order("amo", bought, quantity=12, price=price + 5)
        client.cancel_order("amo", dropped)
        assert [(row["order_id"], row["status"]) for row in client.orders()] == [
            (bought, "AMO REQ RECEIVED"), (dropped, "CANCELLED AMO"),
        ]  # fmt: skip
    with serve(MORNING, "kite") as serving:
        client = kite(serving)
        (row,) = client.orders()
        assert (row["order_id"], row["status"], row["filled_quantity"], row["tag"]) == (bought, "COMPLETE", 12, "ITCAMO")
        assert sum(trade["quantity"] for trade in client.order_trades(bought)) == 12
        sell = client.place_order("regular", quantity=12, price=price + 20, **{**terms, "transaction_type": "SELL"})
        assert client.modify_order("regular", sell, price=price + 15) == client.cancel_order("regular", sell) == sell
        assert client.positions()["net"][0]["quantity"] == 12
        assert client.margins("equity")["available"]["opening_balance"] == 10_00_000
        quote = client.quote("NSE:ITC")["NSE:ITC"]
        token = quote["instrument_token"]
        words = [sys.executable, "-c", TICKER, client.api_key, client.access_token, serving.addresses["stream"], str(token)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as ticker:
            assert ticker.stdout is not None
            (tick,) = json.loads(ticker.stdout.readline())
            ticker.terminate()
        assert (tick["last_price"], tick["volume_traded"]) == (quote["last_price"], quote["volume"])
        assert len(client.historical_data(token, "2023-07-10 00:00:00", "2023-07-16 00:00:00", "day")) == 5


def kotak(serving: Serving, moment: str) -> NeoAPI:
    """Kotak's client, logged in."""
    told = dict(line.split("=", 1) for line in serving.stdin.split())
    client = NeoAPI(told["consumer_key"], transport=Redirect(urlsplit(serving.addresses["login"]).netloc))
    said(
        client.totp_login(told["mobile_number"], told["ucc"], login.one_time_password(told["totp_secret"], parse_moment(moment)))
    )
    said(client.totp_validate(told["mpin"]))
    return client


async def first_tick(client: NeoAPI, serving: Serving, token: str) -> SFeedScrip:
    """Return what the price feed says first of a share, at the address that is looked up."""
    async with client.create_websocket() as feed:
        await feed.subscribe_scrips([WsToken("nse_cm", token)])
        found = await asyncio.wait_for(anext(feed), 20)
        assert isinstance(found, SFeedScrip)
        return found


def test_kotakneoapi_trades_at_the_command(serve: Serve) -> None:
    def order(client: NeoAPI, side: str, quantity: int, price: str, *, amo: str) -> str:
        placed = client.place_order("nse_cm", "CNC", price, "L", str(quantity), "DAY", "ITC-EQ", side, amo=amo, tag=f"T{price}")
        return str(said(placed)["nOrdNo"])

    with serve(EVENING, "kotak_neo") as serving:
        client = kotak(serving, EVENING)
        assert said(client.scrip_master("nse_cm")).endswith("nse_cm-v1.csv")
        bought, dropped = order(client, "B", 10, "475.00", amo="YES"), order(client, "B", 5, "470.00", amo="YES")
        said(client.modify_order(bought, "478.00", "L", "12", "DAY", amo="YES"))
        said(client.cancel_order(dropped, amo="YES"))
        assert {row["nOrdNo"]: row["ordSt"] for row in said(client.order_report())["data"]} == {
            bought: "modify after market order req received", dropped: "cancelled after market order",
        }  # fmt: skip
        client.api_client.rest_client.session.close()
    with serve(MORNING, "kotak_neo") as serving:
        client = kotak(serving, MORNING)
        (row,) = said(client.order_report(bought))["data"]
        assert (row["ordSt"], row["fldQty"], row["prc"]) == ("complete", 12, "478.00")
        assert sum(trade["fldQty"] for trade in said(client.trade_report())["data"]) == 12
        sell = order(client, "S", 12, "490.00", amo="NO")
        said(client.modify_order(sell, "488.00", "L", "12", "DAY"))
        said(client.cancel_order(sell))
        assert [row["ordSt"] for row in said(client.order_history(sell))["data"]["data"]["data"]] == ["cancelled", "open", "open"]
        assert float(said(client.limits())["CollateralValue"]) < 10_00_000
        assert said(client.holdings())["data"] == []
        (quote,) = client.quotes([{"exchange_segment": "nse_cm", "instrument_token": row["tok"]}], "ltp")
        assert float(quote["ltp"]) > 400
        tick = asyncio.run(first_tick(client, serving, row["tok"]))
        assert (tick.instrument_token, tick.last_traded_price) == (row["tok"], float(quote["ltp"]))
        client.api_client.rest_client.session.close()


def test_the_openalgo_client_trades_at_the_command(serve: Serve) -> None:
    with serve(MORNING, "openalgo") as serving:
        client = official_client()(serving.stdin.partition("=")[2].strip(), host=serving.addresses["api"])
        terms = {"symbol": "ITC", "exchange": "NSE", "price_type": "LIMIT", "product": "CNC"}
        bought = client.placeorder(action="BUY", quantity=10, price="490", **terms)["orderid"]
        resting = client.placeorder(action="BUY", quantity=5, price=450, **terms)["orderid"]
        changed = client.modifyorder(
            order_id=resting, action="BUY", quantity=6, price=451, disclosed_quantity="0", trigger_price="0", **terms
        )
        assert changed == {"status": "success", "orderid": resting} == client.cancelorder(order_id=resting)
        words = {row["orderid"]: row["order_status"] for row in client.orderbook()["data"]["orders"]}
        assert words == {bought: "complete", resting: "cancelled"}
        status = client.orderstatus(order_id=bought)["data"]
        assert (status["order_status"], 400 < status["average_price"] <= 490) == ("complete", True)
        assert client.orderstatus(order_id="1")["code"] == 404
        assert sum(row["quantity"] for row in client.tradebook()["data"]) == 10
        assert [int(row["quantity"]) for row in client.positionbook()["data"]] == [10]
        assert client.holdings()["data"]["holdings"] == []
        assert 0 < float(client.funds()["data"]["availablecash"]) <= 10_00_000
        (quote,) = client.multiquotes(symbols=[{"symbol": "ITC", "exchange": "NSE"}])["results"]
        assert quote["data"]["ltp"] > 400
        assert client.quotes(symbol="ITC", exchange="NSE")["data"] == quote["data"]
        assert client.quotes(symbol="NOBODY", exchange="NSE")["status"] == "error"
        assert client.placeorder(action="BUY", quantity=1, price="0.01", **terms)["status"] == "error"
