"""Read the binary frames of Kite's ticker: a count, then packets with their lengths, all numbers big-endian.

Prices are in paise. Packets of currencies have other units and are skipped. A frame of one byte is a heartbeat. Sources:
pykiteconnect 5.2.0 (`ticker.py`), kiteconnect-mocks (ticker_full.packet).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

CURRENCIES = frozenset({3, 6})
"""Segments (the last byte of a token) whose prices are not in paise: CDS, BCD."""
FULL, INDEX_FULL = 184, 32
"""The lengths in bytes of the packets that have a time. An index packet has no quantities and another sequence of prices."""


class Level(Struct, frozen=True):
    """Hold one level of the market depth. `price` is in paise."""

    quantity: int
    price: int
    orders: int


class KiteTick(Struct, frozen=True):
    """Hold one packet. Prices are in paise, `bids` and `asks` have the best price first.

    A value that the packet's mode lacks is None or ().
    """

    token: int
    last: int
    last_quantity: int | None = None
    average: int | None = None
    volume: int | None = None
    buy_quantity: int | None = None
    sell_quantity: int | None = None
    open: int | None = None
    high: int | None = None
    low: int | None = None
    close: int | None = None
    last_trade_at: datetime | None = None
    at: datetime | None = None
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


def ticks(frame: bytes) -> list[KiteTick]:
    """Return the ticks of a frame, an empty list for a heartbeat.

    Raises:
        ValueError: The frame ends too early, or a packet has an unknown length.
    """
    try:
        return [found for packet in _packets(frame) if (found := _tick(packet)) is not None]
    except struct.error as error:
        raise ValueError(f"a frame of {len(frame)} bytes ends too early") from error


def _packets(frame: bytes) -> Iterator[bytes]:
    if len(frame) < 2:
        return
    (count,) = struct.unpack_from(">H", frame)
    start = 2
    for _ in range(count):
        (length,) = struct.unpack_from(">H", frame, start)
        packet = frame[start + 2 : start + 2 + length]
        if len(packet) < length:
            raise ValueError(f"a frame of {len(frame)} bytes ends within a packet")
        yield packet
        start += 2 + length


def _tick(packet: bytes) -> KiteTick | None:
    token, last = struct.unpack_from(">II", packet)
    if token & 0xFF in CURRENCIES:
        return None
    match len(packet):
        case 8:
            return KiteTick(token, last)
        case 28 | 32:
            high, low, opened, close = struct.unpack_from(">4I", packet, 8)
            at = _moment(struct.unpack_from(">I", packet, 28)[0]) if len(packet) == INDEX_FULL else None
            return KiteTick(token, last, open=opened, high=high, low=low, close=close, at=at)
        case 44:
            return KiteTick(token, last, *struct.unpack_from(">9I", packet, 8))
        case 184:
            traded, _, _, _, at = struct.unpack_from(">5I", packet, 44)
            levels = tuple(Level(*struct.unpack_from(">IIH", packet, start)) for start in range(64, FULL, 12))
            found = KiteTick(token, last, *struct.unpack_from(">9I", packet, 8))
            return replace(found, last_trade_at=_moment(traded), at=_moment(at), bids=levels[:5], asks=levels[5:])
    raise ValueError(f"a packet of {len(packet)} bytes has no known mode")


def _moment(seconds: int) -> datetime | None:
    """Return the moment of a Unix time in seconds, None for 0."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
