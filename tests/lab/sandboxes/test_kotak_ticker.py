"""Kotak's price feed and order feed over real websockets, to our ticker: fresh quotes, and none where anything is not sure."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from websockets.sync.server import serve

from tests.integration.brokers.test_prices import AlwaysArmed
from tests.support.brokers.exchange import CASH, Floor, ist, listing, quiet
from tests.support.brokers.kotak import Neo, neo_over
from tests.support.brokers.market import MemoryMarket
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.account.prices import FRESH
from tradectl.brokers.kotak_neo.ticker import MOST, KotakOrderFeed, KotakTicker
from tradectl.errors import UsageError
from tradectl.halt_marker import MemoryMarker
from tradectl.lab.sandboxes.kotak_neo.stream import SCRIPS, KotakStream, picture, seconds
from tradectl.model.market import Bar
from tradectl.model.order import OrderReport, OrderStatus, Side

FRIDAY, MONDAY = date(2023, 7, 14), date(2023, 7, 17)
PAUSE = 0.05
EXCHANGE, AUCTION = 4, 6
"""Where they are in a packet's header."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Neo]:
    """ACME falls from 100 to 95 during Monday; BETA stands still."""
    acme = listing("ACME", [Bar(FRIDAY, *[10000] * 4, 375_000), Bar(MONDAY, 10000, 10050, 9450, 9500, 375_000)])
    market = MemoryMarket(acme, quiet("BETA", [FRIDAY, MONDAY]))
    floor = Floor(tmp_path / "paper.sqlite", market, ist(MONDAY, "10:00"), CASH)
    with neo_over(floor, tmp_path / "scrips", stream=True) as made:
        yield made
    floor.broker.close()


def stream(home: Neo) -> KotakStream:
    assert home.sandbox.stream is not None
    return home.sandbox.stream


def wait_until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.01)


def subscribed(home: Neo, ticker: KotakTicker, *symbols: str) -> None:
    ticker.subscribe(symbols)
    wait_until(lambda: len(stream(home).tokens(SCRIPS)) == len(symbols))


def test_a_tick_is_a_quote_with_the_exchanges_time(home: Neo) -> None:
    with home.broker.ticker(pause=PAUSE) as ticker:
        subscribed(home, ticker, "ACME")
        for at in ("10:00", "14:00"):
            home.to(MONDAY, at)
            home.sandbox.tick()
            wait_until(lambda at=at: [item.at for item in ticker.quotes(["ACME"]).values()] == [ist(MONDAY, at)])
            found, asked = ticker.quotes(["ACME"])["ACME"], home.broker.quotes(["ACME"])["ACME"]
            assert (found.last, found.open, found.high, found.low, found.volume, found.last_trade_at) == (
                asked.last, asked.open, asked.high, asked.low, asked.volume, asked.last_trade_at
            )  # fmt: skip
        assert ticker.quotes(["BETA"]) == {}
        assert ticker.trouble == ""
        with pytest.raises(UsageError, match="NOBODY"):
            ticker.subscribe(["NOBODY"])


def test_an_old_tick_or_an_unknown_unit_removes_the_quote(home: Neo) -> None:
    with home.broker.ticker(pause=PAUSE) as ticker:
        subscribed(home, ticker, "ACME")
        written: list[tuple[Callable[[datetime], int], bool]] = [
            (seconds, True),
            (lambda moment: seconds(moment - FRESH * 2), False),
            (lambda moment: seconds(moment) * 1000, True),
            (lambda moment: seconds(moment) * 100, False),
        ]
        for way, sure in written:
            stream(home).written = way
            home.sandbox.tick()
            wait_until(lambda sure=sure: bool(ticker.quotes(["ACME"])) is sure)
        assert ticker.trouble == ""


def test_what_is_no_price_of_the_market_is_no_quote(home: Neo) -> None:
    """A packet of an auction, or a lite one that nobody asked for, is newer than the quote and none itself; what is of another
    exchange, or was not subscribed, is nothing to us."""
    quote = home.broker.quotes(["ACME"])["ACME"]
    token, beta = (home.sandbox.scrips.of(symbol).token for symbol in ("ACME", "BETA"))
    whole = picture(token, quote, seconds)
    wrong = replace(quote, last=1)
    others = [_with(picture(token, wrong, seconds), at=EXCHANGE, byte=5), picture("99", wrong, seconds), "no JSON"]
    lite = struct.pack("<HHbBBBBIqIqIiiIBI", 54, 7208, 1, 1, 0, 0, 0, int(token), seconds(quote.at), 9999, 1, 0, 0, 0, 1, 2, 1)
    worthless = [_with(whole, at=AUCTION, byte=1), lite, picture(token, replace(quote, last=0), seconds)]
    with home.broker.ticker(pause=PAUSE) as ticker:
        subscribed(home, ticker, "ACME", "BETA")
        for frame in worthless:
            stream(home).send(lambda *_: [whole])
            wait_until(lambda: ticker.quotes(["ACME"]))
            stream(home).send(lambda *_, frame=frame: [frame])
            wait_until(lambda: not ticker.quotes(["ACME"]))
        stream(home).send(lambda *_: [whole, *others, picture(beta, quote, seconds)])
        wait_until(lambda: ticker.quotes(["BETA"]))
        assert ticker.quotes(["ACME"])["ACME"] == replace(quote, upper_band=None, lower_band=None)


def _with(packet: bytes, *, at: int, byte: int) -> bytes:
    return packet[:at] + bytes([byte]) + packet[at + 1 :]


def test_a_feed_that_hangs_up_gets_the_other_pair(home: Neo) -> None:
    said: list[str] = []
    with serve(lambda connection: said.append(json.loads(connection.recv())["user"]), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        home.account.addresses["prices"] = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"  # type: ignore[index]
        with home.broker.ticker(pause=PAUSE) as ticker:
            wait_until(lambda: len(said) == 3)
            assert (ticker.trouble, ticker.connections) == ("Kotak's price feed does not reply", 0)
        server.shutdown()
        thread.join()
    sid = home.vault.stored.tokens["sid"]  # type: ignore[union-attr]
    assert said[:3] == ["ASHA1", sid, "ASHA1"]


def test_after_a_break_everything_is_subscribed_again(home: Neo) -> None:
    with home.broker.ticker(pause=PAUSE) as ticker:
        subscribed(home, ticker, "ACME", "BETA")
        stream(home).drop()
        wait_until(lambda: ticker.connections == 2 and len(stream(home).tokens(SCRIPS)) == 2)
        home.sandbox.tick()
        wait_until(lambda: len(ticker.quotes(["ACME", "BETA"])) == 2)


def test_a_silent_connection_is_made_again(home: Neo) -> None:
    with home.broker.ticker(pause=PAUSE, silence=timedelta(seconds=0.3)) as ticker:
        wait_until(lambda: ticker.connections == 2)


def test_the_other_pair_is_said_after_a_refusal_and_from_then_on(home: Neo) -> None:
    stream(home).pair = ("sid", "token")
    with home.broker.ticker(pause=PAUSE) as ticker:
        wait_until(lambda: ticker.connections == 1)
        before = home.vault.logins[-1].tokens
        subscribed(home, ticker, "ACME")
        after = home.login().tokens
        stream(home).drop()
        wait_until(lambda: ticker.connections == 2)
    refused, *taken = stream(home).greeted
    assert refused == ("ASHA1", before["sid"])
    assert taken == [(tokens["sid"], tokens["token"]) for tokens in (before, after)]


def test_a_refused_session_is_not_retried_but_a_new_one_is(home: Neo) -> None:
    home.sandbox.auth.end_sessions()
    with home.broker.ticker(pause=PAUSE) as ticker:
        wait_until(lambda: "tradectl login" in ticker.trouble)
        assert len(stream(home).greeted) == 2
        home.login()  # by another process
        wait_until(lambda: ticker.connections and not ticker.trouble)
        assert len(stream(home).greeted) == 3


def test_a_held_stream_reports_refused_pairs_and_a_new_login(home: Neo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KotakTicker.__init__.__kwdefaults__, "pause", PAUSE)
    home.sandbox.auth.end_sessions()
    guarded = GuardedBroker(
        home.broker, AlwaysArmed(), home.floor.clock, home.floor.sessions, home.floor.market, marker=MemoryMarker()
    )
    guarded.stream()
    told: list[str] = []

    def heard(words: str) -> bool:
        news = guarded.stream_news()
        told.extend([] if news is None else [news])
        return bool(told) and told[-1] == words

    try:
        wait_until(lambda: heard("Kotak's price feed does not accept the session: run `tradectl login --again`"))
        assert guarded.stream_trouble == told[-1]
        home.login()  # by another process
        wait_until(lambda: heard(""))
        assert guarded.stream_trouble == ""
    finally:
        guarded.close()
    assert guarded.stream_trouble is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_stream_whose_thread_died_says_so_and_an_ended_not(home: Neo) -> None:
    def fails(report: OrderReport) -> None:
        raise RuntimeError(report.symbol)

    ended = "the stream's thread has ended"
    orders = KotakOrderFeed(home.account, fails, pause=PAUSE)
    with home.broker.ticker(pause=PAUSE) as ticker, orders:
        wait_until(lambda: ticker.connections and orders.connections and stream(home).listening)
        assert orders.trouble == ""
        home.place(Side.BUY, 10, 9900, "BETA", tag="RESTING")
        home.sandbox.tick()
        wait_until(lambda: orders.trouble == ended)
    assert ticker.trouble != ended


def test_without_a_session_nobody_is_called(home: Neo) -> None:
    home.vault.stored = None
    with home.broker.ticker(pause=PAUSE) as ticker:
        wait_until(lambda: "no session" in ticker.trouble)
        assert stream(home).greeted == []


def test_a_missing_feed_is_told_and_too_many_symbols_refused(home: Neo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"ws://127.0.0.1:{free.getsockname()[1]}"
    home.account.addresses["prices"] = address  # type: ignore[index]
    with home.broker.ticker(pause=PAUSE) as ticker:
        wait_until(lambda: "broke" in ticker.trouble)
    crowd = KotakTicker(home.account, str)
    with pytest.raises(UsageError, match=str(MOST)):
        crowd.subscribe([str(number) for number in range(MOST + 1)])


def test_orders_are_told_as_they_are_and_as_they_change(home: Neo) -> None:
    heard: list[OrderReport] = []
    with home.broker.ticker(heard.append, pause=PAUSE) as ticker:
        wait_until(lambda: ticker.connections and stream(home).listening)
        number = home.place(Side.BUY, 10, 9900, "BETA", tag="RESTING")
        home.sandbox.tick()
        wait_until(lambda: len(heard) == 1)
        stream(home).drop()
        wait_until(lambda: len(heard) == 2)  # once more after a break
        home.broker.cancel(number)
        home.sandbox.tick()
        wait_until(lambda: len(heard) == 3)
    assert [(item.broker_order_id, item.status) for item in heard] == [
        (number, OrderStatus.ONGOING), (number, OrderStatus.ONGOING), (number, OrderStatus.CANCELLED),
    ]  # fmt: skip


def test_a_monitor_that_holds_the_stream_asks_once(home: Neo) -> None:
    floor = home.floor
    guarded = GuardedBroker(home.broker, AlwaysArmed(), floor.clock, floor.sessions, floor.market, marker=MemoryMarker())
    assert guarded.stream()
    try:
        guarded.quotes(["ACME"])
        wait_until(lambda: stream(home).tokens(SCRIPS))

        def asked() -> int:
            return sum("/quotes/" in path for _, path in home.sandbox.requests)

        def streamed() -> bool:
            floor.clock.sleep(1)
            home.sandbox.tick()
            before = asked()
            quote = guarded.quotes(["ACME"])["ACME"]
            return quote.upper_band is not None and asked() == before

        wait_until(streamed)
    finally:
        guarded.close()
