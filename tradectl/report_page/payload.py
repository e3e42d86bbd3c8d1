"""Make the data of the page's charts and of its table of trades: JSON for the browser, with amounts in paise.

Candles are compressed, and prices are stored as differences, because they are most of a report: 5,000 trades fit in some MB.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import accumulate
from typing import Any

from tradectl.model.moment import to_ist
from tradectl.report_page.content import Candles, Content, TradeLine
from tradectl.report_page.figures import drawdowns


def page_data(content: Content) -> dict[str, Any]:
    """Return the data of the equity chart and the trades. The order of a trade's values is that of `TRADE` in `trades.js`."""
    worth = [content.before, *(day.equity for day in content.days)]
    charges = list(accumulate(day.charges for day in content.days))
    return {
        "first": content.first.isoformat(),
        "last": content.last.isoformat(),
        "names": dict(content.names),
        "days": [day.session.isoformat() for day in content.days],
        "equity": [day.equity for day in content.days],
        "gross": [day.equity + paid for day, paid in zip(content.days, charges, strict=True)],
        "drawdown": [round(fall, 6) for fall in drawdowns(worth)[1:]],
        "exposure": [round(day.holdings / day.equity, 4) if day.equity > 0 else 0 for day in content.days],
        "benchmarks": {name: [round(value) for value in values] for name, values in content.benchmarks.items()},
        "trades": [_trade(line, content) for line in (*content.trades, *content.held)],
    }


def _trade(line: TradeLine, content: Content) -> list[Any]:
    candles = content.candles.get(line.instrument_id)
    scale = _scales(candles)
    return [
        line.symbol,
        line.instrument_id,
        line.entry_session.isoformat(),
        line.exit_session.isoformat() if line.exit_session else "",
        line.days(content.last),
        line.quantity,
        line.entry_price,
        line.exit_price,
        line.gross,
        line.charges,
        line.net,
        round(line.percent, 3),
        line.entry_rule,
        line.exit_rule,
        line.why,
        f"{to_ist(line.entry_at):%H:%M}" if line.entry_at else "",
        f"{to_ist(line.exit_at):%H:%M}" if line.exit_at else "",
        [[item.session.isoformat(), round(item.price * scale.get(item.session, 1))] for item in line.targets],
        [list(point) for point in line.minutes],
    ]


def _scales(candles: Candles | None) -> Mapping[date, float]:
    if candles is None or min(candles.scale) == max(candles.scale):
        return {}
    return dict(zip(candles.sessions, candles.scale, strict=True))


def candle_data(candles: Mapping[str, Candles]) -> str:
    """Return the candles as text: base64 of zlib-compressed JSON."""
    content = {instrument_id: _columns(item) for instrument_id, item in candles.items()}
    return base64.b64encode(zlib.compress(as_json(content).encode(), 6)).decode()


def _columns(item: Candles) -> list[Any]:
    """Return the columns of one instrument: each value as the difference from the one before, volumes in hundreds."""
    return [
        _differences([day.toordinal() for day in item.sessions]),
        *(_differences(column) for column in (item.open, item.high, item.low, item.close)),
        [round(volume / 100) for volume in item.volume],
        *(_differences([_whole(value) for value in column]) for column in (item.ema_fast, item.ema_slow)),
        _differences([_whole(value * 10) for value in item.rsi]),
    ]


def _differences(values: Sequence[int]) -> list[int]:
    return [value - before for value, before in zip(values, (0, *values), strict=False)]


def _whole(value: float) -> int:
    """Return a rounded value; 0 if it is undefined, which no price and no drawn RSI is."""
    return 0 if math.isnan(value) else round(value)


def as_json(content: Any) -> str:
    """Return compact JSON that may stand inside a script element: no text can end the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def bars(values: Iterable[float]) -> list[float]:
    """Return the lengths of bars, 0 to 100, in proportion to the largest absolute value."""
    found = [abs(value) for value in values]
    most = max(found, default=0.0)
    return [round(100 * value / most, 2) if most else 0.0 for value in found]
