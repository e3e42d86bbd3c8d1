"""Trades and actions of an invented company, in rupees and ISO dates, so that a test reads like a contract note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from fractions import Fraction
from itertools import count

from tradectl.model.money import to_paise
from tradectl.model.order import Side
from tradectl.tax.events import ActionType, ShareAction, Trade, TradePart
from tradectl.tax.gains import Gain, gain_of
from tradectl.tax.lots import Matched, matched

ISIN = "INE000A01010"
_serial = count(1)


def bought(day: str, quantity: int, price: str, *, at: str = "10:00", instrument: str = "ACME", source: str = "ledger") -> Trade:
    return _trade(Side.BUY, day, quantity, price, at, instrument, source)


def sold(day: str, quantity: int, price: str, *, at: str = "11:00", instrument: str = "ACME", buyback: bool = False) -> Trade:
    return _trade(Side.SELL, day, quantity, price, at, instrument, "ledger", buyback)


def _trade(
    side: Side, day: str, quantity: int, price: str, at: str, instrument: str, source: str, buyback: bool = False
) -> Trade:
    moment = datetime.combine(date.fromisoformat(day), time.fromisoformat(at), UTC)
    isin = ISIN if instrument == "ACME" else ""
    return Trade(
        f"T{next(_serial)}", instrument, instrument, side, quantity, to_paise(price), moment.date(), moment, isin=isin,
        source=source, buyback=buyback,
    )  # fmt: skip


def action(kind: str, day: str, ratio: str = "1", **more: object) -> ShareAction:
    return ShareAction("ACME", date.fromisoformat(day), ActionType(kind), Fraction(ratio), **more)  # type: ignore[arg-type]


def without_charges(trades: Sequence[Trade], actions: Sequence[ShareAction] = ()) -> Matched:
    """Match trades of which none are netted, and count no charges."""
    return matched([TradePart(trade, trade.quantity) for trade in trades], [], actions)


def gains(trades: Sequence[Trade], actions: Sequence[ShareAction] = (), fair_values: dict[str, str] | None = None) -> list[Gain]:
    fair = {name: to_paise(price) for name, price in (fair_values or {}).items()}
    return [gain_of(item, fair) for item in without_charges(trades, actions).disposals]
