"""Kotak's feeds: packets byte by byte, and what is said before them."""

from __future__ import annotations

import json
import struct
from datetime import date
from typing import Any

import pytest

from tests.support.brokers.exchange import ist
from tradectl.brokers.adapter import LoginSession
from tradectl.brokers.kotak_neo.feed import PAIRS, FeedCredentials, dividers, order_of, ticks
from tradectl.brokers.kotak_neo.packets import NSE, KotakTick, split, tick
from tradectl.errors import BrokerUnavailable, LoginNeeded
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
WHOLE = KotakTick(
    NSE, "1333", 80_160, 1_782_374_657, open=79_850, high=80_445, low=79_600, volume=30_043_533,
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
    assert tick(packet(LITE, level=1), {}) == KotakTick(NSE, "2885", 130_005, 1_782_374_700)


def test_prices_are_divided_as_the_greeting_says() -> None:
    other = tick(packet(LITE, level=1, exchange=3), {3: 10, NSE: 100})
    assert other is not None
    assert other.last == 1_300_050
    with pytest.raises(ValueError, match="no whole number"):
        tick(packet(LITE, level=1, exchange=3), {3: 10_000})


def test_a_frame_has_several_packets_and_ends_at_a_bad_length() -> None:
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


# what is said


def test_a_frames_unreadable_packets_are_skipped() -> None:
    frame = packet(PICTURE + ROWS) + packet(b"bad", level=4) + packet(LITE, level=1) + b"\x00\x00"
    assert list(ticks(frame, {NSE: 100})) == [WHOLE, KotakTick(NSE, "2885", 130_005, 1_782_374_700)]


@pytest.mark.parametrize("code", [1117, 1119])
def test_a_greeting_says_what_prices_are_divided_by(code: int) -> None:
    exchanges = {"nse_cm": {"value": NSE, "divider": 100}, "mcx_fo": {"value": 9, "divider": 1000}, "none": {}}
    assert dividers(json.dumps({"message_code": code, "format": "native_batch", "exchanges": exchanges})) == {NSE: 100, 9: 1000}
    assert dividers(json.dumps({"message_code": code})) == {}


@pytest.mark.parametrize("said", [{"message_code": 1118}, {}, {"message_code": 1119, "format": "native_fallback"}])
def test_any_other_answer_is_a_refusal_and_not_repeated(said: dict[str, Any]) -> None:
    with pytest.raises(LoginNeeded) as raised:
        dividers(json.dumps({**said, "message": "trade-1 is unauthorized"}))
    assert "trade-1" not in str(raised.value)


@pytest.mark.parametrize(
    "said", ["hello", "[]", '{"message_code": 1119, "exchanges": {"nse_cm": {"value": 1, "divider": 0}}}'
])  # fmt: skip
def test_an_answer_that_cannot_be_read_is_no_refusal(said: str) -> None:
    with pytest.raises(BrokerUnavailable):
        dividers(said)


def session(number: int) -> LoginSession:
    tokens = {"token": f"trade-{number}", "sid": f"sid-{number}", "base_url": "http://127.0.0.1:1"}
    return LoginSession(tokens, ist(DAY, "10:00"), ist(DAY, "23:00"))


def test_the_other_pair_is_tried_after_a_refusal_and_kept() -> None:
    we = FeedCredentials()
    assert we.of(session(1), "ASHA1") == ("ASHA1", "sid-1")
    we.note_refused()
    assert we.of(session(1), "ASHA1") == ("sid-1", "trade-1")
    we.note_accepted()
    assert we.of(session(1), "ASHA1") == ("sid-1", "trade-1")
    we.note_refused()  # that session is over
    with pytest.raises(LoginNeeded):
        we.of(session(1), "ASHA1")
    assert we.of(session(2), "ASHA1") == ("sid-2", "trade-2")


def test_a_session_that_no_pair_is_taken_of_waits_for_another() -> None:
    we = FeedCredentials()
    for _ in PAIRS:
        we.of(session(1), "ASHA1")
        we.note_refused()
    with pytest.raises(LoginNeeded, match="login --again"):
        we.of(session(1), "ASHA1")
    assert we.of(session(2), "ASHA1") == ("ASHA1", "sid-2")


def test_no_answer_proves_nothing_and_the_pairs_take_turns() -> None:
    we = FeedCredentials()
    said = []
    for _ in range(3):
        said.append(we.of(session(1), "ASHA1"))
        we.note_silence()
    assert said == [("ASHA1", "sid-1"), ("sid-1", "trade-1"), ("ASHA1", "sid-1")]
