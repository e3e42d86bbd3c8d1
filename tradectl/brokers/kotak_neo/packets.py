"""Read the binary packets of Kotak's price feed.

A frame has several packets without gaps. Each starts with its length; all numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from fractions import Fraction

from msgspec import Struct

NSE = 1
"""The exchange number of NSE's cash segment in a packet header."""
DIVIDER = 100
"""The divider that turns a price into rupees, if the feed's greeting has no other one."""
_LITE = 1
_PICTURES = frozenset({2, 4, 8, 16})
_HEADER = struct.Struct("<HHbBBBB")
"""Length, code, exchange, level, auction flag, sequence, length of a bit mask."""
_PICTURE = struct.Struct("<IqqqqqIIIIIqIIIIhiIdiIIIIIBI")
_LITE_BODY = struct.Struct("<IqIqIiiIBI")
_SIZE = struct.Struct("<H")


class KotakTick(Struct, frozen=True):
    """Hold the prices (paise) of one packet. A lite packet has only the last price; its other prices are None.

    `last_trade_at` is Kotak's number, whose unit no source documents; `times` reads it.
    """

    exchange: int
    token: str
    last: int
    last_trade_at: int
    open: int | None = None
    high: int | None = None
    low: int | None = None
    volume: int | None = None
    auction: bool = False


def split(frame: bytes) -> Iterator[bytes]:
    """Return the packets of a frame. Raises ValueError for an impossible length, because the next packet cannot be found."""
    offset = 0
    while offset < len(frame):
        size = _SIZE.unpack_from(frame, offset)[0] if offset + _SIZE.size <= len(frame) else 0
        if size < _HEADER.size or offset + size > len(frame):
            raise ValueError(f"a packet of {size} bytes at {offset} of {len(frame)}")
        yield frame[offset : offset + size]
        offset += size


def tick(packet: bytes, dividers: Mapping[int, int]) -> KotakTick | None:
    """Return the prices of a packet; None if it has none (an index, a status).

    Raises ValueError for a body that is too short, or for a price that is not a whole number of paise."""
    _, _, exchange, level, auction, _, _ = _HEADER.unpack_from(packet)
    body = packet[_HEADER.size :]
    divider = dividers.get(exchange, DIVIDER)
    if len(packet) == _HEADER.size:
        return None
    if level == _LITE:
        token, traded_at, last = _unpacked(_LITE_BODY, body)[:3]
        return KotakTick(exchange, str(token), _paise(last, divider), traded_at)
    if level not in _PICTURES:
        return None
    token, _, _, volume, traded_at, _, opened, _, high, low, last, *_ = _unpacked(_PICTURE, body)
    return KotakTick(
        exchange,
        str(token),
        _paise(last, divider),
        traded_at,
        open=_paise(opened, divider) or None,
        high=_paise(high, divider) or None,
        low=_paise(low, divider) or None,
        volume=volume,
        auction=auction > 0,
    )


def _unpacked(shape: struct.Struct, body: bytes) -> tuple[int, ...]:
    if len(body) < shape.size:
        raise ValueError(f"a packet's body has {len(body)} bytes of {shape.size}")
    return shape.unpack_from(body)


def _paise(price: int, divider: int) -> int:
    paise = Fraction(price * 100, divider)
    if paise.denominator != 1:
        raise ValueError(f"{price} / {divider} is no whole number of paise")
    return paise.numerator
