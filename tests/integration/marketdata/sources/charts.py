"""Yahoo's chart JSON for invented shares: what was traded goes in, what Yahoo would say about it comes out."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from tests.support.loopback import Reply
from tradectl.model.moment import at_ist

Row = tuple[float, float, float, float, int]
"""Open, high, low, close in rupees as traded, and the volume."""
UNKNOWN = Reply(
    404,
    b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}',
    (("Content-Type", "application/json"),),
)


@dataclass
class Share:
    """`rows`: None is a hole. `splits`: ex-date to (new, old) shares, by which Yahoo divides all that came before."""

    symbol: str
    rows: dict[date, Row | None]
    splits: dict[date, tuple[int, int]] = field(default_factory=dict)
    last: tuple[datetime, float] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def path(symbol: str) -> str:
    return f"/v8/finance/chart/{symbol}.NS"


def chart(share: Share) -> Reply:
    days = sorted(share.rows)
    body = {"chart": {"result": [_result(share, days)], "error": None}}
    return Reply(200, json.dumps(body).encode(), (("Content-Type", "application/json"),))


def _result(share: Share, days: Sequence[date]) -> dict[str, Any]:
    opening = {day: int(at_ist(day, time(9, 15)).timestamp()) for day in {*days, *share.splits}}
    columns: dict[str, list[float | None]] = {name: [] for name in ("open", "high", "low", "close", "volume")}
    for day in days:
        row = share.rows[day]
        for name, value in zip(columns, row or [None] * 5, strict=True):
            columns[name].append(None if value is None else _divided(share, day, name, value))
    at, last = share.last or (
        at_ist(days[-1], time(15, 29, 59)),
        next(row[3] for day in reversed(days) if (row := share.rows[day])),
    )
    meta = {
        "currency": "INR", "symbol": f"{share.symbol}.NS", "exchangeName": "NSI", "instrumentType": "EQUITY",
        "regularMarketPrice": last, "regularMarketTime": int(at.timestamp()), "exchangeTimezoneName": "Asia/Kolkata",
        "timezone": "IST", "gmtoffset": 19800, "priceHint": 2, "dataGranularity": "1d", "range": "1mo",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "max"],
        "currentTradingPeriod": {
            part: {"timezone": "IST", "start": opening[days[-1]], "end": opening[days[-1]] + 22500, "gmtoffset": 19800}
            for part in ("pre", "regular", "post")
        },
    }  # fmt: skip
    events = {
        str(opening[day]): {"date": opening[day], "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}
        for day, (new, old) in share.splits.items()
    }
    return {
        "meta": meta | dict(share.facts),
        "timestamp": [opening[day] for day in days],
        "indicators": {"quote": [columns], "adjclose": [{"adjclose": columns["close"]}]},
        **({"events": {"splits": events}} if events else {}),
    }


def _divided(share: Share, day: date, name: str, value: float) -> float:
    """As Yahoo keeps it: divided by later splits, in seven digits."""
    for ex_date, (new, old) in share.splits.items():
        if day < ex_date:
            value = value * new / old if name == "volume" else value * old / new
    return int(value) if name == "volume" else float(struct.unpack("f", struct.pack("f", value))[0])
