"""Ticks and order updates over a real websocket: to our ticker, and to Zerodha's own in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.brokers.exchange import ist, listing, quiet
from tests.support.zerodha import KEY, House, house
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.kite.broker import KiteBroker
from tradectl.errors import UsageError
from tradectl.halt_marker import MemoryMarker
from tradectl.model.market import Bar
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus, Side, Variety

FRIDAY, MONDAY = date(2023, 7, 14), date(2023, 7, 17)
PATIENCE = {"pause": 0.05, "silence": timedelta(seconds=30)}
OFFICIAL = """
import json, sys
from kiteconnect import KiteTicker

key, access, root, token = sys.argv[1:]
ticker = KiteTicker(key, access, root=root)

def say(kind, content):
    print(json.dumps([kind, content], default=str), flush=True)

def on_connect(ws, response):
    ws.subscribe([int(token)])
    ws.set_mode(ws.MODE_FULL, [int(token)])

ticker.on_connect = on_connect
ticker.on_ticks = lambda ws, ticks: say("ticks", ticks)
ticker.on_order_update = lambda ws, row: say("order", row)
ticker.connect()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """ACME falls from 100 to 95 during Monday; BETA stands still."""
    acme = listing("ACME", [Bar(FRIDAY, *[10000] * 4, 375_000), Bar(MONDAY, 10000, 10050, 9450, 9500, 375_000)])
    with house(tmp_path, acme, quiet("BETA", [FRIDAY, MONDAY]), at=ist(MONDAY, "10:00"), stream=True) as made:
        yield made


@pytest.fixture
def kite(home: House) -> KiteBroker:
    return home.log_in()


def wait_until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.01)


def tokens(home: House) -> frozenset[int]:
    """What is subscribed, and in the mode that has a time."""
    assert home.sandbox.stream is not None
    return home.sandbox.stream.tokens("full")


def test_a_tick_is_a_quote_with_the_exchanges_time(home: House, kite: KiteBroker) -> None:
    with kite.ticker(**PATIENCE) as ticker:
        ticker.subscribe(["ACME"])
        wait_until(lambda: tokens(home))
        for at in ("10:00", "14:00"):
            home.clock.move_to(ist(MONDAY, at))
            home.sandbox.tick()
            wait_until(lambda at=at: [item.at for item in ticker.quotes(["ACME"]).values()] == [ist(MONDAY, at)])
            found, asked = ticker.quotes(["ACME"])["ACME"], kite.quotes(["ACME"])["ACME"]
            assert (found.last, found.open, found.high, found.low, found.volume, found.last_trade_at) == (
                asked.last, asked.open, asked.high, asked.low, asked.volume, asked.last_trade_at
            )  # fmt: skip
        assert ticker.quotes(["BETA"]) == {}
        assert ticker.trouble == ""
        with pytest.raises(UsageError, match="NOBODY"):
            ticker.subscribe(["NOBODY"])


def test_order_updates_are_pushed_but_for_an_amo_that_waits(home: House, kite: KiteBroker) -> None:
    heard: list[OrderReport] = []
    home.clock.move_to(ist(MONDAY, "15:00"))
    with kite.ticker(heard.append, **PATIENCE) as ticker:
        wait_until(lambda: ticker.connections)
        resting = kite.place(OrderRequest("RESTING", "BETA", Side.BUY, 10, 9900))
        kite.cancel(resting)
        home.clock.move_to(ist(MONDAY, "16:10"))
        kite.place(OrderRequest("WAITING", "BETA", Side.BUY, 10, 9900, variety=Variety.AMO))
        done = kite.place(OrderRequest("DROPPED", "BETA", Side.BUY, 10, 9900, variety=Variety.AMO))
        kite.cancel(done)
        wait_until(lambda: len(heard) >= 3)
    assert [(item.tag, item.status) for item in heard] == [
        ("RESTING", OrderStatus.ONGOING), ("RESTING", OrderStatus.CANCELLED), ("DROPPED", OrderStatus.CANCELLED),
    ]  # fmt: skip


def test_after_a_break_everything_is_subscribed_again(home: House, kite: KiteBroker) -> None:
    assert home.sandbox.stream is not None
    with kite.ticker(**PATIENCE) as ticker:
        ticker.subscribe(["ACME", "BETA"])
        wait_until(lambda: len(tokens(home)) == 2)
        home.sandbox.stream.drop()
        wait_until(lambda: ticker.connections == 2 and len(tokens(home)) == 2)
        home.sandbox.tick()
        wait_until(lambda: len(ticker.quotes(["ACME", "BETA"])) == 2)


def test_a_silent_connection_is_made_again(home: House, kite: KiteBroker) -> None:
    assert home.sandbox.stream is not None
    with kite.ticker(pause=0.05, silence=timedelta(seconds=3)) as ticker:
        wait_until(lambda: ticker.connections)
        time.sleep(3.3)
        assert ticker.connections == 1  # heartbeats are no silence
        home.sandbox.stream.silent = True
        wait_until(lambda: ticker.connections == 2)


def test_without_a_good_token_trouble_has_no_secrets(home: House, kite: KiteBroker) -> None:
    access = home.vault.stored.tokens["access_token"]
    home.sandbox.tokens.end(access)
    with kite.ticker(**PATIENCE) as ticker:
        wait_until(lambda: "403" in ticker.trouble)
        assert access not in ticker.trouble
        home.log_in()  # by another process
        wait_until(lambda: ticker.connections and not ticker.trouble)


def test_the_official_ticker_receives_ticks_and_order_updates(home: House, kite: KiteBroker) -> None:
    token, access = kite.instruments.require("ACME", home.clock.now()).token, home.vault.stored.tokens["access_token"]
    words = [sys.executable, "-c", OFFICIAL, KEY, access, home.sandbox.stream_url, str(token)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as official:
        try:
            wait_until(lambda: tokens(home) == {token})
            home.sandbox.tick()
            assert official.stdout is not None
            kind, (tick,) = json.loads(official.stdout.readline())
            asked = kite.quotes(["ACME"])["ACME"]
            assert (kind, tick["mode"], tick["instrument_token"], tick["tradable"]) == ("ticks", "full", token, True)
            assert (round(tick["last_price"] * 100), tick["volume_traded"]) == (asked.last, asked.volume)
            assert (tick["ohlc"]["high"], tick["ohlc"]["close"]) == (asked.high / 100, 100.0)
            number = kite.place(OrderRequest("SEEN", "BETA", Side.BUY, 10, 9900))
            said = [json.loads(official.stdout.readline()) for _ in range(2)]
            (row,) = [content for kind, content in said if kind == "order"]
            assert (row["order_id"], row["status"], row["tag"]) == (number, "OPEN", "SEEN")
        finally:
            official.terminate()


def test_a_sandbox_without_a_ticker_says_so(tmp_path: Path) -> None:
    with house(tmp_path, at=ist(MONDAY, "10:00")) as plain, pytest.raises(UsageError, match="no stream"):
        _ = plain.sandbox.stream_url


def test_a_monitor_that_holds_the_stream_asks_once(home: House, kite: KiteBroker) -> None:
    guarded = GuardedBroker(kite, home.arming(), home.clock, home.sessions, home.market, marker=MemoryMarker())
    assert guarded.stream()
    try:
        guarded.quotes(["ACME"])
        wait_until(lambda: tokens(home))

        def streamed() -> bool:
            home.clock.sleep(1)
            home.sandbox.tick()
            before = home.sandbox.requests.count(("GET", "/quote"))
            quote = guarded.quotes(["ACME"])["ACME"]
            return quote.upper_band is not None and home.sandbox.requests.count(("GET", "/quote")) == before

        wait_until(streamed)
    finally:
        guarded.close()
