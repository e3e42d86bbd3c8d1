"""Kotak's feeds: packets byte by byte, and both feeds against a small server of ours."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from tests.brokers.floor import ist
from tests.brokers.kotak import MemoryVault, credentials
from tests.brokers.market import MemoryMarket
from tradectl.brokers.adapter import Account, Session
from tradectl.brokers.kotak_neo.feed import order_of, order_reports, ticks
from tradectl.brokers.kotak_neo.packets import NSE, Tick, split, tick
from tradectl.clock import VirtualClock
from tradectl.errors import BrokerUnavailable, LoginNeeded
from tradectl.exchange.sessions import SessionTable
from tradectl.model.order import OrderStatus

DAY = date(2026, 11, 19)


def packed(*fields: tuple[str, float]) -> bytes:
    return b"".join(struct.pack(f"<{shape}", value) for shape, value in fields)


def packet(body: bytes, *, code: int = 7208, exchange: int = NSE, level: int = 4, auction: int = 0) -> bytes:
    """Header: length, code, exchange, level, auction flag, sequence, length of a bit mask."""
    return struct.pack("<HHbBBBB", 9 + len(body), code, exchange, level, auction, 1, 0) + body


PICTURE = packed(
    ("I", 1333), ("q", 907_335), ("q", 2_883_870), ("q", 30_043_533), ("q", 1_782_374_657), ("q", 1_782_374_658),  # to the times
    ("I", 79_850), ("I", 79_320), ("I", 80_445), ("I", 79_600), ("I", 80_160),  # open, close, high, low, last
    ("q", 550), ("I", 79_989), ("I", 0), ("I", 1), ("I", 1), ("h", 0), ("i", 106), ("I", 0), ("d", 2.4e10), ("i", 840),
    ("I", 87_250), ("I", 71_390), ("I", 203_770), ("I", 72_665), ("I", 1), ("B", 2), ("I", 1),
)  # fmt: skip
ROWS = packed(("q", 1733), ("i", 80_160), ("i", 4), ("q", 550), ("i", 80_165), ("i", 1))
LITE = packed(
    ("I", 2885), ("q", 1_782_374_700), ("I", 130_005), ("q", 10), ("I", 129_000), ("i", 78), ("i", 1005), ("I", 1), ("B", 2),
    ("I", 1),
)  # fmt: skip
WHOLE = Tick(
    NSE, "1333", 80_160, 1_782_374_657, 1_782_374_658, open=79_850, high=80_445, low=79_600, volume=30_043_533,
    lower_band=71_390, upper_band=87_250,
)  # fmt: skip


def test_a_market_picture_is_read_byte_by_byte() -> None:
    whole = packet(PICTURE + ROWS)
    assert len(packet(PICTURE)) == 144
    assert tick(whole, {}) == WHOLE
    flagged = tick(packet(PICTURE, auction=1), {})
    assert flagged is not None
    assert flagged.auction


def test_a_lite_packet_has_the_last_price_only() -> None:
    assert len(packet(LITE, level=1)) == 54
    assert tick(packet(LITE, level=1), {}) == Tick(NSE, "2885", 130_005, 1_782_374_700)


def test_prices_are_divided_as_the_greeting_says() -> None:
    other = tick(packet(LITE, level=1, exchange=3), {3: 10, NSE: 100})
    assert other is not None
    assert other.last == 1_300_050
    with pytest.raises(ValueError, match="no whole number"):
        tick(packet(LITE, level=1, exchange=3), {3: 10_000})


def test_a_frame_holds_several_packets_and_its_rest_is_lost_with_a_length_that_cannot_be() -> None:
    one, two = packet(PICTURE + ROWS), packet(LITE, level=1)
    assert list(split(one + two)) == [one, two]
    assert list(split(b"")) == []
    for tail in (b"\x01", b"\x03\x00abc", two[:-1]):
        found = split(one + tail)
        assert next(found) == one
        with pytest.raises(ValueError, match="a packet of"):
            next(found)


def test_packets_without_prices_are_none_and_short_ones_an_error() -> None:
    assert tick(packet(b"", code=6511, level=0), {}) is None
    assert tick(packet(b"open", code=105, level=0), {}) is None
    for level in (1, 4):
        with pytest.raises(ValueError, match="bytes of"):
            tick(packet(b"short", level=level), {})


ROW = {
    "nOrdNo": "261119000000123", "ordSt": "complete", "rejRsn": "--", "trdSym": "ACME-EQ", "exSeg": "nse_cm", "trnsTp": "B",
    "prod": "CNC",
    "prc": "100.00", "qty": 7, "fldQty": 7, "ordDtTm": "19-Nov-2026 09:15:02", "boeSec": 1795059902, "GuiOrdId": "TAG",
}  # fmt: skip


def test_an_order_of_the_feed_is_an_order_of_the_book() -> None:
    report = order_of(json.dumps({"type": "order", "data": ROW}))
    assert report is not None
    assert (report.broker_order_id, report.status, report.tag) == ("261119000000123", OrderStatus.EXECUTED, "TAG")


@pytest.mark.parametrize(
    "frame",
    [
        '{"ak":"ok","type":"cn"}',
        '{"type":"position","data":{}}',
        '{"type":"order","data":{}}',
        '{"type":"order"}',
        "[]",
        "hello",
        json.dumps({"type": "order", "data": {**ROW, "exSeg": "nse_fo"}}),
        json.dumps({"type": "order", "data": {**ROW, "prod": "MIS"}}),
        json.dumps({"type": "order", "data": {**ROW, "prc": "cheap"}}),
    ],
)
def test_what_is_no_order_of_ours_is_passed_over(frame: str) -> None:
    assert order_of(frame) is None


# over real sockets


@contextmanager
def serving(answer: Callable[[ServerConnection], None]) -> Iterator[str]:
    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def account_at(address: str, folder: Path) -> Account:
    now = ist(DAY, "10:00")
    tokens = {"token": "trade-1", "sid": "sid-1", "base_url": f"http://{address}"}
    vault = MemoryVault(credentials(), Session(tokens, now, ist(DAY, "23:00")))
    addresses = {"prices": f"ws://{address}/wsfeed"}
    return Account("asha", VirtualClock(now), SessionTable.load(), MemoryMarket(), vault, folder, addresses=addresses)


def test_the_order_feed_greets_with_the_session_and_tells_orders(tmp_path: Path) -> None:
    heard: list[Any] = []

    def answer(connection: ServerConnection) -> None:
        heard.extend([connection.request.path if connection.request else "", connection.recv()])
        for frame in ('{"ak":"ok","type":"cn"}', json.dumps({"type": "order", "data": ROW}), "nonsense"):
            connection.send(frame)

    with serving(answer) as address:
        reports = list(order_reports(account_at(address, tmp_path)))
    assert [report.broker_order_id for report in reports] == ["261119000000123"]
    assert heard == ["/realtime", "{type:cn,Authorization:trade-1,Sid:sid-1,src:WEB}"]


def test_the_price_feed_greets_subscribes_and_tells_ticks(tmp_path: Path) -> None:
    heard: list[Any] = []

    def answer(connection: ServerConnection) -> None:
        heard.append(json.loads(connection.recv()))
        greeting = {"message_code": 1119, "format": "native_batch", "exchanges": {"nse_cm": {"value": NSE, "divider": 100}}}
        connection.send(json.dumps(greeting))
        heard.append(json.loads(connection.recv()))
        connection.send(json.dumps({"message_code": 1109}))
        connection.send(packet(PICTURE + ROWS) + packet(b"bad", level=4) + packet(LITE, level=1) + b"\x00\x00")

    with serving(answer) as address:
        found = list(ticks(account_at(address, tmp_path), ["1333", "2885"]))
    assert found == [WHOLE, Tick(NSE, "2885", 130_005, 1_782_374_700)]
    assert (heard[0]["user"], heard[0]["auth"], heard[0]["format"]) == ("ASHA1", "sid-1", "native_batch")
    assert heard[1] == {"event": "subscribeScrips", "inputtoken": "nse_cm|1333,nse_cm|2885", "ack_symbol": True}


def test_a_feed_that_does_not_know_us_wants_a_login(tmp_path: Path) -> None:
    def answer(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(json.dumps({"message_code": 1118, "message": "unauthorized"}))

    with serving(answer) as address, pytest.raises(LoginNeeded, match="unauthorized"):
        list(ticks(account_at(address, tmp_path), ["1333"]))


def test_a_feed_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with serving(lambda connection: None) as address:
        pass
    for feed in (order_reports(account_at(address, tmp_path)), ticks(account_at(address, tmp_path), ["1"])):
        with pytest.raises(BrokerUnavailable, match="could not be opened"):
            next(feed)
    with pytest.raises(BrokerUnavailable, match="3000"):
        next(ticks(account_at(address, tmp_path), ["1"] * 3001))
