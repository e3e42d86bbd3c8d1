"""Declare the range of every kind of value in a broker's rows, for all adapters, and read values exactly.

A value outside its range raises OddValue with the name of the field. The row is then an odd row (`row_reading`). The ranges are
wide: they include everything that NSE and BSE trade, and exclude values that a database column or a calculation cannot hold.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from tradectl.brokers.http.replies import order_id
from tradectl.brokers.http.strict_json import OddNumber
from tradectl.model.market import Quote
from tradectl.model.order import CLIENT_TAG, Funds, Holding, OrderReport, TradeReport

BRIEF = 60
"""The most characters of an odd value that are stored and shown."""
AHEAD = timedelta(hours=1)
"""How far the time of an order or a trade may lie after now. A time in another time zone lies further."""
AHEAD_QUOTE = timedelta(minutes=1)
"""How far the time of a price may lie after now. A price with a later time would count as fresh for too long."""
BEHIND = timedelta(days=31)
"""How old an order or a trade may be. The broker's lists hold one day, until the next session begins."""
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""The earliest time of an order, a trade or a price: NSE's demat delivery began about then."""


class OddValue(ValueError):
    """Report a value outside its range. `field` is its name; `value` is the sent value as text, cut to `BRIEF` characters."""

    def __init__(self, field: str, value: object) -> None:
        self.field, self.value = field, brief(value)
        super().__init__(f"{field} {self.value}".strip())


class Range(Struct, frozen=True):
    """Hold a range of whole numbers, from `least` to `most`, both included."""

    least: int
    most: int

    def checked(self, field: str, value: int) -> int:
        """Return the value. Raises OddValue if it is outside the range or no whole number."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            raise OddValue(field, value)
        return value


PRICE = Range(1, 10**9)
"""The price of one share in paise, up to Rs 1 crore. The highest price so far was Rs 3.3 lakh (Elcid Investments, BSE, November
2024)."""
LIMIT = Range(0, PRICE.most)
"""The limit price of an order in paise, 0 for a market order."""
QUANTITY = Range(1, 2**31 - 1)
"""The shares of one order or trade, up to 32 bits."""
SHARES = Range(0, QUANTITY.most)
"""The shares that are held or filled."""
NET = Range(-QUANTITY.most, QUANTITY.most)
"""The shares bought less the shares sold."""
VOLUME = Range(0, 10**12)
"""The traded shares of a day."""
MONEY = Range(-(10**15), 10**15)
"""An amount of money in paise, up to Rs 10 lakh crore. Negative amounts are owed."""
TICK = Range(1, 100_00)
"""A tick size in paise."""
SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9&_.*%$+/()' -]{0,31}")
"""A symbol of the exchange. Shares have letters, digits, `&` and `-`; bonds and funds have more characters."""
TAG = re.compile(r"[\x20-\x7e]{1,64}")
TRADE_ID = re.compile(r"[\x21-\x7e]{1,64}")
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}(?:\.0{1,6})?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")


def order(report: OrderReport, now: datetime | None = None) -> OrderReport:
    """Return an order whose values are in their ranges. Raises OddValue.

    The times of an order with a client tag of tradectl must lie at most `BEHIND` before and `AHEAD` after `now`. For other
    orders `now` is ignored.
    """
    now = latest(report.tag, now)
    identity(report.broker_order_id)
    if report.tag is not None:
        tag(report.tag)
    symbol(report.symbol)
    QUANTITY.checked("quantity", report.quantity)
    SHARES.checked("filled_quantity", report.filled_quantity)
    if report.filled_quantity > report.quantity:
        raise OddValue("filled_quantity", f"{report.filled_quantity} of {report.quantity}")
    LIMIT.checked("price", report.price)
    _moment("placed_at", report.placed_at, now, AHEAD, BEHIND)
    _moment("updated_at", report.updated_at, now, AHEAD, BEHIND)
    return report


def latest(of_tag: str | None, now: datetime | None) -> datetime | None:
    """Return the time to compare an order's times with: `now` for a client tag of tradectl, else None."""
    return now if of_tag is not None and CLIENT_TAG.fullmatch(of_tag) else None


def trade(report: TradeReport, now: datetime | None = None) -> TradeReport:
    """Return an execution whose values are in their ranges. Raises OddValue."""
    identity(report.broker_order_id)
    if not TRADE_ID.fullmatch(report.trade_id):
        raise OddValue("trade_id", report.trade_id)
    symbol(report.symbol)
    QUANTITY.checked("quantity", report.quantity)
    PRICE.checked("price", report.price)
    _moment("at", report.at, now, AHEAD, BEHIND)
    return report


def holding(found: Holding) -> Holding:
    """Return a holding whose quantities are in their ranges. Raises OddValue."""
    symbol(found.symbol)
    SHARES.checked("quantity", found.quantity)
    SHARES.checked("t1_quantity", found.t1_quantity)
    SHARES.checked("sellable", found.sellable)
    SHARES.checked("pledged", found.pledged)
    return found


def quote(found: Quote, now: datetime | None = None) -> Quote:
    """Return a quote whose prices are in their ranges. The low must not be above the high, nor the lower band above the upper.

    Raises:
        OddValue: A value is outside its range.
    """
    PRICE.checked("last", found.last)
    prices = (("open", found.open), ("high", found.high), ("low", found.low), ("lower_band", found.lower_band))
    for name, price in (*prices, ("upper_band", found.upper_band)):
        if price is not None:
            PRICE.checked(name, price)
    if found.volume is not None:
        VOLUME.checked("volume", found.volume)
    if found.low is not None and found.high is not None and found.low > found.high:
        raise OddValue("low", f"{found.low} above the high {found.high}")
    if found.lower_band is not None and found.upper_band is not None and found.lower_band > found.upper_band:
        raise OddValue("lower_band", f"{found.lower_band} above the upper {found.upper_band}")
    _moment("at", found.at, now, AHEAD_QUOTE)
    if found.last_trade_at is not None:
        _moment("last_trade_at", found.last_trade_at, now, AHEAD_QUOTE)
    return found


def funds(found: Funds) -> Funds:
    """Return funds whose amounts are in their range. Raises OddValue."""
    MONEY.checked("available", found.available)
    MONEY.checked("blocked", found.blocked)
    MONEY.checked("cash", found.cash)
    return found


def paise(amount: int) -> int:
    """Return an amount of money (paise) that is in its range. Raises OddValue."""
    return MONEY.checked("amount", amount)


def identity(value: object, field: str = "order_id") -> str:
    """Return an order id as text. Raises OddValue for any other value."""
    found = order_id(value)
    if found is None:
        raise OddValue(field, value)
    return found


def trade_name(value: object, field: str = "trade_id") -> str:
    """Return the broker's id of a trade as text of 1 to 40 visible characters. Raises OddValue for any other value."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else value
    if not isinstance(text, str) or isinstance(text, OddNumber) or len(text) > 40 or not TRADE_ID.fullmatch(text):
        raise OddValue(field, value)
    return text


def symbol(value: object, field: str = "symbol") -> str:
    """Return a symbol of the exchange. Raises OddValue for any other value."""
    if not isinstance(value, str) or not SYMBOL.fullmatch(value):
        raise OddValue(field, value)
    return value


def tag(value: object, field: str = "tag") -> str:
    """Return the tag of an order: 1 to 64 printable characters. Raises OddValue for any other value."""
    if not isinstance(value, str) or not TAG.fullmatch(value):
        raise OddValue(field, value)
    return value


def moment(at: datetime, now: datetime | None = None, ahead: timedelta = AHEAD, behind: timedelta | None = BEHIND) -> datetime:
    """Return the time of an order, a trade or a price if it is possible. Raises OddValue.

    It must not be before 2000. If `now` is given, it must lie at most `ahead` after and `behind` before it. With `behind` None
    any age is accepted.
    """
    _moment("", at, now, ahead, behind)
    return at


def not_after(at: datetime, now: datetime | None, ahead: timedelta = AHEAD) -> datetime:
    """Return a time that lies at most `ahead` after `now`. Any earlier time is accepted. Raises OddValue."""
    if now is not None and at - now > ahead:
        raise OddValue("", str(at))
    return at


def whole(value: Any, field: str = "", within: Range = NET) -> int:
    """Return a whole number, sent as 10, 10.0, "10" or "10.0". Raises OddValue for a fraction or outside the range."""
    if isinstance(value, bool | OddNumber) or not isinstance(value, int | float | Decimal | str):
        raise OddValue(field, value)
    if isinstance(value, str) and not _WHOLE.fullmatch(value.strip()):
        raise OddValue(field, value)
    try:
        number = Decimal(str(value).strip())
        found = int(number)
    except (InvalidOperation, ArithmeticError, ValueError) as error:
        raise OddValue(field, value) from error
    if found != number:
        raise OddValue(field, value)
    return _within(found, field, value, within)


def rupees(value: Any, field: str = "", within: Range = MONEY) -> int:
    """Return rupees as exact paise. Raises OddValue for more than two decimals, for no number, and outside the range."""
    number = _number(value, field) * 100
    if number != int(number):
        raise OddValue(field, value)
    return _within(int(number), field, value, within)


def about_rupees(value: Any, field: str = "", within: Range = MONEY) -> int:
    """Return rupees as paise, rounded, for amounts that a broker calculates with floats (99725.05000000002).

    Raises:
        OddValue: The value is no number, or outside the range.
    """
    number = (_number(value, field) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return _within(int(number), field, value, within)


def brief(value: object) -> str:
    """Return a value as text on one line, at most `BRIEF` characters: `'x…'`, `-5`, `None`."""
    text = str(value) if isinstance(value, int | float | Decimal | OddNumber) else _shown(value)
    return text if len(text) <= BRIEF else f"{text[: BRIEF - 1]}…"


def _shown(value: object) -> str:
    """Return the `repr` of a value. For a value that is nested too deep, return its type."""
    try:
        return repr(value)
    except RecursionError:
        return f"a {type(value).__name__} that is nested too deep"


def _number(value: Any, field: str) -> Decimal:
    if isinstance(value, bool | OddNumber) or not isinstance(value, int | float | Decimal | str):
        raise OddValue(field, value)
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        raise OddValue(field, value)
    return Decimal(text)


def _within(found: int, field: str, value: object, within: Range) -> int:
    """Return the read number. Raises OddValue with the sent value if the number is outside the range."""
    if not within.least <= found <= within.most:
        raise OddValue(field, value)
    return found


def _moment(field: str, moment: datetime, now: datetime | None, ahead: timedelta, behind: timedelta | None = None) -> None:
    if moment.tzinfo is None or moment < FIRST or moment.year >= 9999:
        raise OddValue(field, str(moment))
    if now is not None and (moment - now > ahead or (behind is not None and now - moment > behind)):
        raise OddValue(field, str(moment))
