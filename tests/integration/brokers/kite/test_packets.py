"""The ticker's frames, read as Zerodha's own client reads them."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from tradectl.brokers.kite.packets import KiteTick, Level, ticks

AT = 1625461887
LEVELS = [(5, 157340, 1), (140, 157335, 2), (2, 157330, 2), (9, 157325, 1), (7, 157320, 1), (172, 157370, 3), (44, 157375, 1)]
LEVELS += [(1, 157380, 1), (90, 157385, 2), (12, 157390, 1)]
DAY = (7, 157037, 1192471, 256443, 363009, 156915, 157500, 156105, 156780)
"""Last quantity, average, volume, waiting buys and sells; open, high, low, close of 2021-07-05 (source: kiteconnect-mocks)."""


def packet(token: int = 408065, last: int = 157370, size: int = 184) -> bytes:
    """A full packet of INFY, or its beginning."""
    depth = b"".join(struct.pack(">IIHxx", *level) for level in LEVELS)
    return (struct.pack(">II9I5I", token, last, *DAY, AT, 0, 0, 0, AT) + depth)[:size]


def frame(*packets: bytes) -> bytes:
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(item)) + item for item in packets)


def test_a_full_packet_has_everything() -> None:
    (tick,) = ticks(frame(packet()))
    at = datetime.fromtimestamp(AT, UTC)
    bids, asks = (tuple(Level(*level) for level in part) for part in (LEVELS[:5], LEVELS[5:]))
    assert tick == KiteTick(408065, 157370, *DAY, at, at, bids, asks)
    assert (bids[0], asks[0]) == (Level(5, 157340, 1), Level(172, 157370, 3))


def test_shorter_packets_have_less_and_a_heartbeat_nothing() -> None:
    assert ticks(frame(packet(size=8), packet(size=44))) == [KiteTick(408065, 157370), KiteTick(408065, 157370, *DAY)]
    assert ticks(b"\0") == ticks(b"") == ticks(frame()) == []


def test_an_index_has_its_prices_in_another_order() -> None:
    index = struct.pack(">8I", 256265, 1578545, 1581380, 1571625, 1578395, 1572220, 0, AT)
    (full, short) = ticks(frame(index, index[:28]))
    assert (full.open, full.high, full.low, full.close, full.at) == (
        1578395, 1581380, 1571625, 1572220, datetime.fromtimestamp(AT, UTC)
    )  # fmt: skip
    assert short.at is None


def test_prices_in_other_units_are_left_out() -> None:
    assert ticks(frame(packet(token=256 * 5 + 3), packet())) == ticks(frame(packet()))


@pytest.mark.parametrize("broken", [frame(packet())[:-1], b"\0\2" + frame(packet())[2:], frame(b"1234567890"), frame(b"12")])
def test_a_broken_frame_is_no_tick(broken: bytes) -> None:
    with pytest.raises(ValueError):
        ticks(broken)


numbers = st.integers(0, 2**32 - 1)
shares = numbers.map(lambda number: number & ~0xFF | 1)


@given(st.lists(st.tuples(shares, st.sampled_from([8, 44, 184]), st.lists(numbers, min_size=44, max_size=44)), max_size=4))
def test_every_frame_is_read_as_the_official_client_reads_it(drawn: list[tuple[int, int, list[int]]]) -> None:
    packets = [struct.pack(">46I", token, *words, 0)[:size] for token, size, words in drawn]
    theirs = KiteTicker("key", "token")._parse_binary(frame(*packets))
    ours = ticks(frame(*packets))
    assert len(theirs) == len(ours)
    for one, tick in zip(theirs, ours, strict=True):
        assert (one["instrument_token"], one["last_price"]) == (tick.token, tick.last / 100)
        if "ohlc" in one:
            day = {name: price / 100 for name, price in zip(one["ohlc"], _day(tick), strict=True)}
            assert (one["ohlc"], one["volume_traded"], one["last_traded_quantity"]) == (day, tick.volume, tick.last_quantity)
        if "depth" in one:
            for name, levels in (("buy", tick.bids), ("sell", tick.asks)):
                assert one["depth"][name] == [
                    {"quantity": level.quantity, "price": level.price / 100, "orders": level.orders} for level in levels
                ]


def _day(tick: KiteTick) -> tuple[int, int, int, int]:
    found = tick.open, tick.high, tick.low, tick.close
    assert None not in found
    return found  # type: ignore[return-value]
