"""Invented contents of reports, of any size, without a ledger."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tradectl.model.order import OrderStatus
from tradectl.report_page.content import (
    Alert,
    Candles,
    Content,
    Day,
    Event,
    OrderCount,
    Skipped,
    Source,
    Target,
    TradeLine,
)

START = date(2018, 1, 1)
MADE = datetime(2023, 7, 21, 12, 30, tzinfo=UTC)
NAMES = {"fast": "EMA9", "slow": "EMA200", "rsi": "RSI10"}
CAPITAL = 1_000_000_00


def weekdays(count: int, start: date = START) -> list[date]:
    """Return the first `count` weekdays from `start` on."""
    found, day = list[date](), start
    while len(found) < count:
        if day.weekday() < 5:
            found.append(day)
        day += timedelta(days=1)
    return found


def content(sessions: int, trades: int, *, seed: int = 5, symbols: int = 100, **changes: object) -> Content:
    """Return a report of so many sessions and trades in invented symbols, with candles of the trades."""
    rng, days = random.Random(seed), weekdays(sessions)
    names = [f"SYM{number:03}" for number in range(min(symbols, trades))]
    bars = {name: candles(days, rng) for name in names}
    lines = sorted(
        (trade(names[i % len(names)], days, bars, rng) for i in range(trades)), key=lambda line: str(line.exit_session)
    )
    equity, rows = CAPITAL, []
    for day in days:
        equity += rng.randint(-6_000_00, 6_500_00)
        rows.append(Day(day, equity, rng.randint(0, equity // 2), rng.randint(0, 900_00)))
    values: dict[str, object] = {
        "title": "An invented period",
        "source": Source.LEDGER,
        "user": "asha",
        "mode": "paper",
        "first": days[0],
        "last": days[-1],
        "made_at": MADE,
        "before": CAPITAL,
        "days": tuple(rows),
        "trades": tuple(lines),
        "charge_lines": {"stt": 4_321_00, "gst": 123_45, "dp": 15_93},
        "orders": (OrderCount(OrderStatus.EXECUTED, 2 * trades),),
        "candles": bars,
        "names": NAMES,
    }
    return Content(**{**values, **changes})  # type: ignore[arg-type]


def candles(days: list[date], rng: random.Random) -> Candles:
    """Return bars that walk at random around Rs 500."""
    close, price = [], 500_00
    for _ in days:
        price = max(50_00, price + rng.randint(-900, 920))
        close.append(price)
    opens = [close[0], *close[:-1]]
    return Candles(
        sessions=days,
        open=opens,
        high=[max(pair) + rng.randint(0, 500) for pair in zip(opens, close, strict=True)],
        low=[min(pair) - rng.randint(0, 500) for pair in zip(opens, close, strict=True)],
        close=close,
        volume=[rng.randint(10_000, 900_000) for _ in days],
        ema_fast=[value * 1.01 for value in close],
        ema_slow=[float("nan")] * min(199, len(days)) + [value * 0.9 for value in close[199:]],
        rsi=[float(rng.randint(15, 85)) for _ in days],
        scale=[1.0] * len(days),
    )


def trade(symbol: str, days: list[date], bars: dict[str, Candles], rng: random.Random) -> TradeLine:
    """Return a trade of some sessions at the closes of its bars."""
    entry = rng.randrange(len(days))
    end = min(entry + rng.randint(0, 9), len(days) - 1)
    bought, sold, quantity = bars[symbol].close[entry], bars[symbol].close[end], rng.randint(1, 400)
    gross, charges = (sold - bought) * quantity, rng.randint(80_00, 240_00)
    return TradeLine(
        symbol=symbol,
        instrument_id=symbol,
        entry_session=days[entry],
        exit_session=days[end],
        quantity=quantity,
        entry_price=bought,
        exit_price=sold,
        cost=bought * quantity,
        gross=gross,
        charges=charges,
        net=gross - charges,
        entry_rule="entry",
        exit_rule="target",
        entry_at=MADE,
        exit_at=MADE,
        why="score 61.0: strength 60.0, backtest 62.5",
        targets=tuple(Target(day, sold + 10 * i) for i, day in enumerate(days[entry : end + 1])),
    )


HALTED = Alert("The account is HALTED", "It sends cancels only: the broker rejects every order", "tradectl resume")
UNKNOWN = Alert(
    "UNKNOWN: BUY 40 SYM000 at 512.35",
    "Order 7 of 2018-01-01 may or may not be at the exchange: timed out",
    "tradectl orders resolve 7",
)
SKIPPED = Skipped(START, "buy", "SYM001", "skipped_limit", "max_positions")
EVENT = Event(MADE, "task", "buy", "completed", "placed=1")


def held(symbol: str, day: date) -> TradeLine:
    """Return shares that are held without a bar and without a target, as of a delisted symbol."""
    return TradeLine(
        symbol=symbol,
        instrument_id=symbol,
        entry_session=day,
        exit_session=None,
        quantity=10,
        entry_price=101_00,
        exit_price=None,
        cost=1010_00,
        gross=0,
        charges=12_34,
        net=-12_34,
        entry_rule="entry",
    )


def sweep_result(*more: str) -> dict[str, Any]:
    """Return the JSON result of a sweep of two settings, and of a third with the values `more`."""
    thirds: list[dict[str, str]] = [{"watch_score": value} for value in more] or [{}]
    figures = {"trades": 12, "wins": 8, "gross": "900.00", "charges": "100.00", "win_rate": 66.6667, "profit_factor": None}
    figures |= {"average_percent": 0.5, "average_days": 4.0, "fall": "500.00", "sharpe": 0.5}
    settings = [
        {"rank": None, "changes": {"rsi_entry_above": row, "rsi_exit": column, **third}, **figures, "net": f"{net + place}.00"}
        for row, start in (("9", -2000), ("30", 20000), ("100", 40000))
        for column, net in (("50", start), ("60", start + 2000))
        for place, third in enumerate(thirds)
    ]
    spread = {"p05": "-5.00", "p50": "1.00", "p95": "9.00"}
    span = ["2018-01-01", "2018-12-31"]
    split = {"train": span, "test": span, "changes": {"rsi_exit": "50"}}
    split |= {"trained": figures | {"net": "5.00"}, "tested": figures | {"net": "-5.00"}}
    return {
        "from": "2018-01-01",
        "to": "2018-12-31",
        "instruments": 50,
        "by": "net",
        "tried": len(settings),
        "settings": settings,
        "own": {"rank": None, "changes": {}, **figures, "net": "20000.00"},
        "monte_carlo": {"sample": {"net": spread}, "order": {"fall": spread}},
        "random_entries": {"drawn": spread},
        "walk_forward": {"splits": [split], "joined": split["tested"], "own": split["trained"]},
        "notes": ["6 settings were tried. Treat it as chance."],
    }
